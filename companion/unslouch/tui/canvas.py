"""A cell canvas: anti-aliased half-block paint under braille line art.

One terminal cell carries either two stacked colour pixels (half block, so that edges can be anti-aliased) or eight
one-colour dots (braille). Solid shapes look best as the former, thin lines as the latter; the canvas holds both and
picks per cell. Without Unicode the same shapes come out as letters of growing weight.

Plain Python on purpose: every shape touches only its own box, a picture is a few thousand pixels, and widgets keep the
pictures they have drawn; numpy would not be faster here and would cost a fifth of a second before the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, cos, pi, sin, sqrt

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

RGB = tuple[int, int, int]
Point = tuple[float, float]

_LEVELS = 6
"""Steps of anti-aliasing: more would only make more colours for the style cache."""
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_TOP, _LOW = 0x01 | 0x08 | 0x02 | 0x10, 0x04 | 0x20 | 0x40 | 0x80
_LETTERS = " .:-=+*%#@"

_styles: dict[tuple[RGB, RGB, bool], Style] = {}


def style(fg: RGB, bg: RGB, bold: bool = False) -> Style:
    """Return the (cached) style of a foreground on a background."""
    key = (fg, bg, bold)
    found = _styles.get(key)
    if found is None:
        if len(_styles) > 8192:
            _styles.clear()
        found = _styles[key] = Style(color=Color.from_rgb(*fg), bgcolor=Color.from_rgb(*bg), bold=bold or None)
    return found


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return the colour ``share`` of the way from ``a`` to ``b``."""
    return (
        int(a[0] + (b[0] - a[0]) * share),
        int(a[1] + (b[1] - a[1]) * share),
        int(a[2] + (b[2] - a[2]) * share),
    )


class Canvas:
    """A picture of ``width`` x ``height`` cells on a background.

    Lengths are in *dots*: 2 x 4 to a cell, square, origin at the top left, y down.

    Parameters
    ----------
    width, height
        Cells.
    background
        What shapes are blended onto.
    plain
        Draw with ASCII letters alone.
    """

    def __init__(self, width: int, height: int, background: RGB, plain: bool = False) -> None:
        self.width = width
        self.height = height
        self.background = background
        self.plain = plain
        self._paint: list[RGB | None] = [None] * (width * height * 2)
        self._cover = bytearray(width * height * 2)
        self._dots = bytearray(width * height)
        self._pen: list[RGB] = [background] * (width * height)
        self._labels: list[tuple[int, int, str, RGB, bool]] = []

    # solid shapes

    def cone(self, a: Point, b: Point, ra: float, rb: float, rgb: RGB) -> None:
        """Paint a round cone from ``a`` (radius ``ra``) to ``b`` (radius ``rb``)."""
        width = self.width
        ax, ay = a
        dx, dy = b[0] - ax, b[1] - ay
        reach = max(ra, rb) + 1.0
        x0 = max(0, int((min(ax, b[0]) - reach) / 2))
        x1 = min(width, ceil((max(ax, b[0]) + reach) / 2))
        y0 = max(0, int((min(ay, b[1]) - reach) / 2))
        y1 = min(2 * self.height, ceil((max(ay, b[1]) + reach) / 2))
        length2 = dx * dx + dy * dy
        inverse = 1.0 / length2 if length2 > 1e-9 else 0.0
        swell = rb - ra
        paint, cover, background = self._paint, self._cover, self.background
        for y in range(y0, y1):
            py = 2 * y + 1 - ay
            along = py * dy
            row = y * width
            for x in range(x0, x1):
                px = 2 * x + 1 - ax
                t = (px * dx + along) * inverse
                t = 0.0 if t < 0.0 else 1.0 if t > 1.0 else t
                ex, ey = px - t * dx, py - t * dy
                q = ex * ex + ey * ey
                radius = ra + t * swell
                if q >= (radius + 1.0) ** 2:
                    continue
                level = (
                    _LEVELS
                    if radius > 1.0 and q <= (radius - 1.0) ** 2
                    else int((0.5 - (sqrt(q) - radius) / 2) * _LEVELS + 0.5)
                )
                if level <= 0:
                    continue
                at = row + x
                if level >= _LEVELS:
                    paint[at] = rgb
                    cover[at] = _LEVELS
                else:
                    under = paint[at] or background
                    paint[at] = mix(under, rgb, level / _LEVELS)
                    cover[at] = max(cover[at], level)

    def disc(self, centre: Point, radius: float, rgb: RGB) -> None:
        """Paint a disc."""
        self.cone(centre, centre, radius, radius, rgb)

    def path(self, points: Sequence[Point], radius: float, rgb: RGB) -> None:
        """Paint a stroke of constant width through ``points``."""
        for a, b in pairwise(points):
            self.cone(a, b, radius, radius, rgb)

    # line art

    def dot(self, x: float, y: float, rgb: RGB) -> None:
        """Set one dot; outside the canvas nothing happens."""
        column, row = int(x) >> 1, int(y) >> 2
        if x >= 0 and y >= 0 and column < self.width and row < self.height:
            at = row * self.width + column
            self._dots[at] |= _BITS[int(y) & 3][int(x) & 1]
            self._pen[at] = rgb

    def line(self, a: Point, b: Point, rgb: RGB, dash: tuple[int, int] | None = None) -> None:
        """Draw a line, ``dash`` (on, off) dots."""
        n = int(max(abs(b[0] - a[0]), abs(b[1] - a[1]))) + 1
        for k in range(n + 1):
            if dash is None or k % sum(dash) < dash[0]:
                self.dot(a[0] + (b[0] - a[0]) * k / n, a[1] + (b[1] - a[1]) * k / n, rgb)

    def arc(
        self, centre: Point, radius: float, start: float, stop: float, rgb: RGB, thick: int = 1, every: int = 1
    ) -> None:
        """Draw an arc; angles in rad, 0 up, clockwise positive; ``every`` n-th dot only."""
        n = max(int(abs(stop - start) * radius * 1.5), 2)
        for k in range(0, n + 1, every):
            angle = start + (stop - start) * k / n
            s, c = sin(angle), cos(angle)
            for inward in range(thick):
                self.dot(centre[0] + (radius - inward) * s, centre[1] - (radius - inward) * c, rgb)

    def ring(self, centre: Point, radius: float, share: float, done: RGB, rest: RGB, thick: int) -> None:
        """Draw a ring that is closed clockwise from the top by ``share``."""
        self.arc(centre, radius, 0.0, 2 * pi, rest, thick)
        if share > 0.0:
            self.arc(centre, radius, 0.0, 2 * pi * min(share, 1.0), done, thick)

    def label(self, column: int, row: int, text: str, rgb: RGB, bold: bool = False) -> None:
        """Write ``text`` over everything; what leaves the canvas on the right or left is not written at all."""
        if 0 <= row < self.height and column >= 0 and column + len(text) <= self.width:
            self._labels.append((column, row, text, rgb, bold))

    # out

    def strips(self) -> list[Strip]:
        """Return the picture, one strip a row."""
        return [Strip(list(self._row(y)), self.width) for y in range(self.height)]

    def _row(self, y: int) -> Iterable[Segment]:
        cells = self._plain_row(y) if self.plain else self._block_row(y)
        for column, row, text, rgb, bold in self._labels:
            if row == y:
                for k, letter in enumerate(text):
                    cells[column + k] = (letter, style(rgb, self.background, bold))
        run, last = "", cells[0][1] if cells else Style()
        for letter, look in cells:
            if look is not last:
                yield Segment(run, last)
                run, last = "", look
            run += letter
        yield Segment(run, last)

    def _block_row(self, y: int) -> list[tuple[str, Style]]:
        width, background = self.width, self.background
        blank = (" ", style(background, background))
        upper, lower, base = 2 * y * width, (2 * y + 1) * width, y * width
        cells: list[tuple[str, Style]] = []
        for x in range(width):
            top, low = self._paint[upper + x], self._paint[lower + x]
            if top is not None or low is not None:
                cells.append(("▀", style(top or background, low or background)))
            elif code := self._dots[base + x]:
                cells.append((chr(0x2800 | code), style(self._pen[base + x], background)))
            else:
                cells.append(blank)
        return cells

    def _plain_row(self, y: int) -> list[tuple[str, Style]]:
        width, background = self.width, self.background
        blank = (" ", style(background, background))
        upper, lower, base = 2 * y * width, (2 * y + 1) * width, y * width
        cells: list[tuple[str, Style]] = []
        for x in range(width):
            cover = self._cover[upper + x] + self._cover[lower + x]
            if cover:
                paint = (
                    self._paint[upper + x]
                    if self._cover[upper + x] >= self._cover[lower + x]
                    else self._paint[lower + x]
                )
                letter = _LETTERS[cover * (len(_LETTERS) - 1) // (2 * _LEVELS)]
                cells.append((letter, style(paint or background, background)) if letter != " " else blank)
            elif code := self._dots[base + x]:
                letter = ":" if code & _TOP and code & _LOW else "'" if code & _TOP else "."
                cells.append((letter, style(self._pen[base + x], background)))
            else:
                cells.append(blank)
        return cells
