"""A table that scrolls by rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import shortened, strip_of

GAP, LEAST = 2, 6
"""Between columns; and what a column that is cut shows at least, cells."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A heading and rows of equal length, from the ``first``-th on.

    ``cut`` shows as much of the last column as there is room for, instead of nothing of it.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    first: int = 0
    cut: bool = False

    @property
    def widths(self) -> list[int]:
        """What each column needs."""
        return [max(map(len, column)) for column in zip(*self.rows, strict=True)]

    @property
    def width(self) -> int:
        """What all columns need, cells."""
        return sum(self.widths) + GAP * len(self.widths) + 1


class Table(Live[Sheet]):
    """Columns as wide as they need; a column that has no room is left out."""

    DEFAULT_CSS = "Table { width: 1fr; height: 1fr; }"

    @property
    def first(self) -> int:
        """The first row shown."""
        return 0 if self.model is None else self.model.first

    @property
    def long(self) -> bool:
        """Whether there are more rows than it shows; where it is not shown there is nothing to scroll."""
        return self.model is not None and 0 < self.size.height <= len(self.model.rows)

    def scroll_by(self, rows: int) -> None:
        """Show older or newer rows."""
        if self.model is not None:
            most = max(len(self.model.rows) - (self.size.height - 1), 0)
            self.show(replace(self.model, first=min(max(self.model.first + rows, 0), most)))

    def draw(self, model: Sheet) -> list[Strip]:
        """Draw the rows there is room for."""
        width, height = self.size
        paper = self.paper
        blank = style(paper, paper)
        room = height - 1
        shown = model.rows[model.first : model.first + room]
        widths = model.widths
        while widths and sum(widths) + GAP * len(widths) > width - 1:
            wanted = widths.pop()
            left = width - 2 - sum(widths) - GAP * len(widths)
            if model.cut and len(widths) == len(model.rows[0]) - 1 and min(wanted, LEAST) <= left:
                widths.append(left)
                break
        last = min(model.first + room, len(model.rows))
        head = f" {model.title}  {model.first + 1}-{last} of {len(model.rows)}" if model.rows else f" {model.title}"
        strips = [strip_of([Segment(head, style(self.faint(0.6), paper))], width, blank)]
        for row in shown:
            cells = (shortened(cell, w) for cell, w in zip(row, widths, strict=False))
            text = (" " * GAP).join(f"{cell:<{w}}" for cell, w in zip(cells, widths, strict=True))
            strips.append(
                strip_of([Segment(f" {plain_text(text, self.plain)}", style(self.faint(0.9), paper))], width, blank)
            )
        return strips
