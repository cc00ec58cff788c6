"""Words on a card, and the steps of something in a row."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap

from rich.segment import Segment
from textual.strip import Strip

from unslouch.tui.canvas import style
from unslouch.tui.theme import Tone, plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import Part, chosen, strip_of


@dataclass(frozen=True, slots=True)
class Paper:
    """A heading and paragraphs; ``-`` at the start of a paragraph makes it a point of a list."""

    title: str
    paragraphs: tuple[str, ...]


class Card(Live[Paper]):
    """A heading and wrapped paragraphs; whole paragraphs that have no room are left out from the end."""

    DEFAULT_CSS = "Card { width: 1fr; height: 1fr; }"

    def draw(self, model: Paper) -> list[Strip]:
        """Draw the words."""
        width, height = self.size
        paper = self.paper
        blank = style(paper, paper)
        bold = style(self.ink(Tone.CALM), paper, bold=True)
        ink = style(self.faint(0.9), paper)
        rows = [(line, bold) for line in wrap(plain_text(model.title, self.plain), width)][:2]
        blocks = [
            wrap(plain_text(text, self.plain), width, subsequent_indent="  " if text.startswith("- ") else "")
            for text in model.paragraphs
        ]
        loose = len(rows) + sum(len(block) + 1 for block in blocks) <= height
        for k, block in enumerate(blocks):
            gap = loose and not (
                k and model.paragraphs[k].startswith("- ") and model.paragraphs[k - 1].startswith("- ")
            )
            if len(rows) + gap + len(block) > height:
                break
            rows += [("", ink)] * gap + [(line, ink) for line in block]
        return [strip_of([Segment(line, look)], width, blank) for line, look in rows]


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
        for part in chosen(parts, width, 2):
            strength = 1.0 if part.bold else 0.6
            segments += [Segment(part.text, style(self.faint(strength), paper, part.bold)), Segment("  ", blank)]
        return [strip_of(segments, width, blank)]
