"""A table that scrolls by rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import strip_of


@dataclass(frozen=True, slots=True)
class Sheet:
    """A heading and rows of equal length, from the ``first``-th on."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    first: int = 0


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
        widths = [max(len(row[k]) for row in model.rows) for k in range(len(model.rows[0]))] if model.rows else []
        while widths and sum(widths) + 2 * len(widths) > width - 1:
            widths.pop()
        last = min(model.first + room, len(model.rows))
        head = f" {model.title}  {model.first + 1}-{last} of {len(model.rows)}" if model.rows else f" {model.title}"
        strips = [strip_of([Segment(head, style(self.faint(0.6), paper))], width, blank)]
        for row in shown:
            text = "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False))
            strips.append(
                strip_of([Segment(f" {plain_text(text, self.plain)}", style(self.faint(0.9), paper))], width, blank)
            )
        return strips
