"""Words on a card, and the steps of something in a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import wrap

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import Tone, plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import Part, chosen, strip_of


@dataclass(frozen=True, slots=True)
class Paper:
    """A heading and paragraphs, from the ``skip``-th on; ``-`` at its start makes a paragraph a point of a list."""

    title: str
    paragraphs: tuple[str, ...]
    skip: int = 0


class Card(Live[Paper]):
    """A heading and wrapped paragraphs. Where they have no room a line says that there is more, and one can read on."""

    DEFAULT_CSS = "Card { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.more = False
        """Whether paragraphs follow below."""

    @property
    def skip(self) -> int:
        """How many paragraphs have been passed."""
        return 0 if self.model is None else self.model.skip

    @property
    def long(self) -> bool:
        """Whether it does not fit at once."""
        return self.more or self.skip > 0

    def turn_to(self, paper: Paper) -> None:
        """Show a paper from its beginning; the one that is shown already is shown from where it was read to."""
        same = self.model is not None and replace(self.model, skip=0) == paper
        self.show(replace(paper, skip=self.skip) if same else paper)

    def read(self, by: int) -> None:
        """Read on, or back."""
        model = self.model
        if model is not None and (by < 0 or self.more):
            self.show(replace(model, skip=min(max(model.skip + by, 0), len(model.paragraphs) - 1)))

    def draw(self, model: Paper) -> list[Strip]:
        """Draw the words."""
        self._kept.clear()  # ``more`` belongs to the picture that is on
        width, height = self.size
        paper = self.paper
        blank = style(paper, paper)
        bold = style(self.ink(Tone.CALM), paper, bold=True)
        ink = style(self.faint(0.9), paper)
        rows = [(line, bold) for line in wrap(plain_text(model.title, self.plain), width)][: 2 if height > 6 else 1]
        texts = model.paragraphs[model.skip :]
        blocks = [
            wrap(plain_text(t, self.plain), width, subsequent_indent="  " if t[:2] == "- " else "") for t in texts
        ]
        loose = len(rows) + sum(len(block) + 1 for block in blocks) <= height
        self.more = False
        for k, block in enumerate(blocks):
            listed = k > 0 and texts[k][:2] == "- " and texts[k - 1][:2] == "- "
            gap = 1 if loose and not listed else 0
            last = k == len(blocks) - 1
            if len(rows) + gap + len(block) > height - (0 if last else 1) and not loose:
                self.more = True
                if not k:
                    # a paragraph longer than the card: as much of it as there is room for
                    rows += [(line, ink) for line in block[: max(height - len(rows) - 1, 0)]]
                rows.append(("(down: more)" if self.plain else "↓ more", bold))
                break
            rows += [("", ink)] * gap + [(line, ink) for line in block]
        return [strip_of([Segment(line, look)], width, blank) for line, look in rows[:height]]


@dataclass(frozen=True, slots=True)
class Steps:
    """Named steps and the one that is on."""

    names: tuple[str, ...]
    at: int


class Stepper(Live[Steps]):
    """Steps in a row: done, on, to come."""

    DEFAULT_CSS = "Stepper { width: 1fr; height: 1; }"

    def draw(self, model: Steps) -> list[Strip]:
        """Draw the row."""
        width = self.size.width
        paper = self.paper
        blank = style(paper, paper)
        done, on, ahead = ("x", ">", ".") if self.plain else ("✓", "▸", "·")
        parts: list[Part] = []
        for k, name in enumerate(model.names):
            sign = done if k < model.at else on if k == model.at else ahead
            parts.append(Part(f"{sign} {name}", bold=k == model.at, rank=abs(k - model.at)))
        segments: list[Segment] = []
        count = Part(f"{model.at + 1} of {len(parts)}", rank=0)
        if len(chosen(parts, width, 2)) < len(parts):
            parts.append(count)
        for part in chosen(parts, width, 2):
            strength = 1.0 if part.bold else 0.6
            segments += [Segment(part.text, style(self.faint(strength), paper, part.bold)), Segment("  ", blank)]
        return [strip_of(segments, width, blank)]
