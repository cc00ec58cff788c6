"""Repetitions and holds as dots, one line a side."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import strip_of


@dataclass(frozen=True, slots=True)
class Count:
    """How many of how many; ``on`` marks the side in turn."""

    name: str
    done: int
    needed: int
    on: bool


class Counts(Live[tuple[Count, ...]]):
    """One line a side: the side in turn is marked."""

    DEFAULT_CSS = "Counts { width: 1fr; height: 2; }"

    def draw(self, model: tuple[Count, ...]) -> list[Strip]:
        """Draw dots where they fit, numbers always."""
        width, height = self.size
        paper = self.paper
        blank = style(paper, paper)
        full, empty, here = ("#", ".", ">") if self.plain else ("●", "○", "▸")
        shown = model if len(model) <= height else tuple(count for count in model if count.on) or model[:height]
        name_width = max((len(count.name) for count in shown), default=0)
        strips: list[Strip] = []
        for count in shown[:height]:
            strength = 1.0 if count.on else 0.6
            head = f"{here if count.on else ' '} {count.name:<{name_width}} " if name_width else ""
            tail = f" {count.done} of {count.needed}"
            segments = [Segment(head, style(self.faint(strength), paper, bold=count.on))]
            room = width - len(head) - len(tail)
            gap = " " if 2 * count.needed - 1 <= room else ""
            if (1 + len(gap)) * count.needed - len(gap) <= room:
                done = min(count.done, count.needed)
                segments += [
                    Segment(f"{full}{gap}" * done, style(self.ink(Tone.GOOD), paper)),
                    Segment(f"{empty}{gap}" * (count.needed - done), style(self.faint(0.4), paper)),
                    Segment("" if gap else " ", blank),
                ]
            segments.append(Segment(tail.strip(), style(self.faint(strength), paper)))
            strips.append(strip_of(segments, width, blank))
        return strips
