"""One-line gauge: where you are against where to be."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.live import Live


@dataclass(frozen=True, slots=True)
class Gauge:
    """A scale from ``low`` to ``high`` deg with a zone on it and, unless unknown, a pointer; ``best`` is marked."""

    low: int
    high: int
    zone: tuple[int, int] | None
    at: int | None
    tone: Tone
    best: int | None = None


class ZoneGauge(Live[Gauge]):
    """A rail with the zone as a thick band, a block where you are and the numbers below."""

    DEFAULT_CSS = "ZoneGauge { height: 2; width: 1fr; }"

    def draw(self, model: Gauge) -> list[Strip]:
        """Draw rail and numbers."""
        width = self.size.width
        paper = self.paper

        def column(deg: float) -> int:
            share = (deg - model.low) / max(model.high - model.low, 1)
            return min(max(round(share * (width - 1)), 0), width - 1)

        rail, thick, block, best = ("-", "=", "#", "!") if self.plain else ("─", "━", "█", "╇")
        cells = [(rail, style(self.faint(0.30), paper))] * width
        if model.zone is not None:
            band = (thick, style(self.ink(Tone.GOOD), paper))
            for k in range(column(model.zone[0]), column(model.zone[1]) + 1):
                cells[k] = band
        if model.best is not None:
            cells[column(model.best)] = (best, style(self.ink("foreground"), paper, bold=True))
        if model.at is not None:
            cells[column(model.at)] = (block, style(self.ink(model.tone), paper, bold=True))
        numbers = [" "] * width
        wanted = [model.low, model.high, *(model.zone or ())]
        # zone limits first: they matter more than the ends of the scale
        for deg in reversed(wanted):
            text = f"{deg}"
            at = min(max(column(deg) - len(text) // 2, 0), width - len(text))
            around = numbers[max(at - 1, 0) : at + len(text) + 1]
            if all(letter == " " for letter in around):
                numbers[at : at + len(text)] = list(text)
        dim = style(self.faint(0.60), paper)
        return [
            Strip([Segment(letter, look) for letter, look in cells], width).simplify(),
            Strip([Segment("".join(numbers), dim)], width),
        ]
