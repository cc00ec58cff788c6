"""Strip chart of an angle: newest at the right, the zone as a tinted band."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import mix, style
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.live import Live

_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)
_GUTTER = 5


@dataclass(frozen=True, slots=True)
class Chart:
    """What the chart shows: seconds, scale and zone (deg), and the moment at its right edge in tenths of a second."""

    span_s: float
    low: int
    high: int
    zone: tuple[int, int] | None
    now: int
    outside: Tone = Tone.CALM
    """How the line looks outside the zone."""


class Trace(Live[Chart]):
    """The last seconds of an angle, read from :attr:`points` whenever :meth:`show` moves it on."""

    DEFAULT_CSS = "Trace { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.points: Iterable[tuple[float, float | None]] = ()
        """(sample time, angle in deg), oldest first; None where nothing was measured. The screen sets it."""

    def draw(self, model: Chart) -> list[Strip]:
        """Draw the points of the last seconds."""
        self._kept.clear()  # the same moment is not shown twice
        width, height = self.size
        columns = width - _GUTTER
        if columns < 4 or height < 1:
            return []
        heights = self._heights(model, 2 * columns, 4 * height)
        codes = [bytearray(columns) for _ in range(height)]
        before: int | None = None
        for x, (y, _) in enumerate(heights):
            if y is None:
                before = None
                continue
            low, high = (y, y) if before is None else (min(y, before), max(y, before))
            # two dots thick, to be seen from afar
            for dot in range(low, min(high + 1, 4 * height - 1) + 1):
                codes[dot >> 2][x >> 1] |= (_RIGHT if x & 1 else _LEFT)[dot & 3]
            before = y
        inside = [heights[2 * x][1] or heights[2 * x + 1][1] for x in range(columns)]
        return [self._row(y, model, codes[y], inside) for y in range(height)]

    def _heights(self, model: Chart, halves: int, rows: int) -> list[tuple[int | None, bool]]:
        """Return, per half column, the dot row of the angle (None: not measured) and whether it is in the zone."""
        out: list[tuple[int | None, bool]] = [(None, False)] * halves
        end = model.now / 10
        per_s = halves / model.span_s
        low, high = model.zone or (1000, -1000)
        before: tuple[int, float] | None = None
        for t, value in self.points:
            x = halves - 1 - int((end - t) * per_s)
            if value is None or not 0 <= x < halves:
                before = None
                continue
            since = x if before is None else before[0]
            for column in range(since + 1 if since < x else x, x + 1):
                share = 1.0 if before is None or since == x else (column - since) / (x - since)
                deg = value if before is None else before[1] + (value - before[1]) * share
                out[column] = (dot_row(deg, model, rows), low <= deg <= high)
            before = (x, value)
        return out

    def _row(self, y: int, model: Chart, codes: bytearray, inside: list[bool]) -> Strip:
        width, height = self.size
        rows = 4 * height
        plain, paper = self.plain, self.paper
        good, line = self.ink(Tone.GOOD), self.ink(model.outside)
        back, edge = paper, 0
        if model.zone is not None:
            top, low = dot_row(model.zone[1], model, rows), dot_row(model.zone[0], model, rows)
            if top // 4 <= y <= low // 4:
                back = mix(paper, good, 0.13)
            for limit in (top, low):
                if limit // 4 == y:
                    edge |= _LEFT[limit & 3]
        label = ""
        for deg in ticks(model, height):
            if dot_row(deg, model, rows) // 4 == y:
                label = f"{deg}" if self.plain else f"{deg}°"
        segments = [Segment(f"{label:>{_GUTTER - 1}} ", style(self.faint(0.55), paper))]
        looks = (style(line, back), style(good, back), style(mix(paper, good, 0.55), back))
        run, look = "", looks[2]
        for x, code in enumerate(codes):
            if plain:
                letter = ("o" if inside[x] else "*") if code else "-" if edge and x & 1 else " "
            else:
                letter = chr(0x2800 | code | edge) if code or edge else " "
            wanted = looks[1 if inside[x] else 0] if code else looks[2]
            if wanted is not look:
                segments.append(Segment(run, look))
                run, look = "", wanted
            run += letter
        segments.append(Segment(run, look))
        return Strip(segments, width)


def dot_row(deg: float, model: Chart, rows: int) -> int:
    """Return the dot row of an angle on the chart's scale, clipped to it."""
    share = (model.high - deg) / (model.high - model.low)
    return min(max(int(share * (rows - 1) + 0.5), 0), rows - 1)


def ticks(model: Chart, height: int) -> list[int]:
    """Return the angles to label: multiples of a round step, two rows apart or more."""
    for step in (10, 20, 30, 45, 60, 90):
        if height * step >= 2 * (model.high - model.low) or step == 90:
            first = -(-model.low // step) * step
            return list(range(first, model.high + 1, step))
    return [0]
