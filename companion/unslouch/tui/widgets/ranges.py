"""Range per side over the days, with the band inside which a difference is measurement noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from textual.strip import Strip

from unslouch.tui.canvas import RGB, Canvas, mix
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.live import Live

Points = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RangesModel:
    """``left`` and ``right`` are (day from the first, deg); ``error`` is the half width of the noise band, deg."""

    days: int
    left: Points
    right: Points
    error: int
    first: str
    last: str


class Ranges(Live[RangesModel]):
    """L and R over the days; around each side's first measurement the band of measurement error."""

    DEFAULT_CSS = "Ranges { width: 1fr; height: 1fr; }"

    def draw(self, model: RangesModel) -> list[Strip]:
        """Draw both sides."""
        width, height = self.size
        canvas = Canvas(width, height, self.paper, self.plain)
        if width < 20 or height < 5:
            return canvas.strips()
        dim = self.faint(0.6)
        error = f"{'+/-' if self.plain else '±'}{model.error}"
        canvas.label(1, 0, f"degrees, mean of 3; dotted {error}: noise", dim)
        values = [deg for _, deg in (*model.left, *model.right)]
        if not values:
            canvas.label(1, 2, "no three repetitions yet", self.ink("foreground"))
            return canvas.strips()
        low = (min(values) - model.error - 2) // 10 * 10
        high = -(-(max(values) + model.error + 2) // 10) * 10
        top, bottom, start, end = 2, height - 2, 6, width - 3

        def place(day: int, deg: float) -> tuple[int, int]:
            x = start + round(day / max(model.days - 1, 1) * (end - start))
            y = top + round((high - deg) / (high - low) * (bottom - 1 - top))
            return x, y

        for deg in range(low, high + 1, 10):
            y = place(0, deg)[1]
            canvas.label(1, y, f"{deg:>3}" + ("" if self.plain else "°"), dim)
            canvas.line((2.0 * start, 4 * y + 1.5), (2.0 * end, 4 * y + 1.5), self.faint(0.2), dash=(1, 5))
        for points, tone in ((model.left, Tone.CALM), (model.right, Tone.WATCH)):
            if points:
                self._band(canvas, points[0], model.error, place, end, mix(self.paper, self.ink(tone), 0.5))
        for points, tone, letter in ((model.left, Tone.CALM, "L"), (model.right, Tone.WATCH, "R")):
            spots = [place(*point) for point in points]
            for (ax, ay), (bx, by) in pairwise(spots):
                canvas.line((2 * ax + 1.0, 4 * ay + 2.0), (2 * bx + 1.0, 4 * by + 2.0), self.ink(tone))
            for x, y in spots:
                canvas.label(x, y, letter, self.ink(tone), bold=True)
        canvas.label(start, height - 1, model.first, dim)
        canvas.label(max(end - len(model.last) + 1, start + len(model.first) + 2), height - 1, model.last, dim)
        return canvas.strips()

    def _band(
        self,
        canvas: Canvas,
        first: tuple[int, int],
        error: int,
        place: Callable[[int, float], tuple[int, int]],
        end: int,
        rgb: RGB,
    ) -> None:
        for deg in (first[1] - error, first[1] + error):
            x, y = place(first[0], deg)
            canvas.line((2.0 * x, 4 * y + 2.0), (2.0 * end, 4 * y + 2.0), rgb, dash=(2, 3))
