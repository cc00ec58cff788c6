"""A short list of figures with their names."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import strip_of


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure and its name; without a name the figure is a heading."""

    name: str
    figure: str
    ink: str = "foreground"


class Facts(Live[tuple[Fact, ...]]):
    """Names in a column, figures beside them; what does not fit is left out from the end."""

    DEFAULT_CSS = "Facts { width: 1fr; height: 1fr; }"

    def draw(self, model: tuple[Fact, ...]) -> list[Strip]:
        """Draw as many facts as there are lines."""
        width, height = self.size
        paper = self.paper
        blank = style(paper, paper)
        column = max((len(fact.name) for fact in model), default=0) + 2
        strips: list[Strip] = []
        for fact in model[:height]:
            figure = plain_text(fact.figure, self.plain)
            look = style(self.ink(fact.ink), paper, bold=True)
            if not fact.name:
                segments = [Segment(figure, look)] if len(figure) <= width else []
            elif column + len(figure) <= width:
                segments = [Segment(f"{fact.name:<{column}}", style(self.faint(0.65), paper)), Segment(figure, look)]
            elif len(fact.name) + 1 + len(figure) <= width:
                segments = [Segment(fact.name + " ", style(self.faint(0.65), paper)), Segment(figure, look)]
            elif len(figure) <= width:
                segments = [Segment(figure, look)]
            else:
                segments = []
            strips.append(strip_of(segments, width, blank))
        return strips
