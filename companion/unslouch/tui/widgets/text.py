"""Lines of words that fit: what has no room is left out whole, never cut in a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line. ``rank`` 0 stays; of the others the highest goes first when there is no room."""

    text: str
    ink: str = "foreground"
    bold: bool = False
    rank: int = 0
    fill: str | None = None
    """Background colour name; None for the widget's own."""


def chosen(parts: Sequence[Part], width: int, gap: int) -> list[Part]:
    """Return the parts that fit in ``width`` with ``gap`` between them, in their order."""
    kept = [part for part in parts if part.text]

    def length() -> int:
        return sum(len(part.text) for part in kept) + gap * max(len(kept) - 1, 0)

    while kept and length() > width:
        weakest = max(range(len(kept)), key=lambda k: (kept[k].rank, k))
        if kept[weakest].rank == 0 and len(kept) == 1:
            kept[0] = Part(shortened(kept[0].text, width), kept[0].ink, kept[0].bold, 0, kept[0].fill)
            break
        del kept[weakest]
    return kept


def shortened(text: str, width: int) -> str:
    """Return as many whole words as fit; one word that is too long alone is cut with a mark."""
    if len(text) <= width:
        return text
    lines = wrap(text, max(width, 1), max_lines=1, placeholder="")
    return lines[0] if lines and lines[0] else text[: max(width, 0)]


def lines_of(text: str, width: int, height: int, indent: int = 0) -> list[str]:
    """Return ``text`` in at most ``height`` lines of whole words, the first one indented.

    What has no room is left out, whole sentences first; a sentence that is torn ends with a mark.
    """
    lead = " " * min(indent, width)

    def wrapped(words: str) -> list[str]:
        # the first line begins behind something: without room there the text begins on the second
        return wrap(words, max(width, 1), initial_indent=lead) if words else []

    sentences = text.split(". ")
    for count in range(len(sentences), 0, -1):
        part = ". ".join(sentences[:count])
        lines = wrapped(part if count == len(sentences) else f"{part}.")
        if len(lines) <= height:
            return lines
    lines = wrapped(text)[:height]
    if lines:
        last = lines[-1].rstrip()
        while last.strip() and len(last) + 4 > width:
            last = last.rpartition(" ")[0].rstrip()
        lines[-1] = f"{last} ..." if last.strip() else "..."[:width]
    return lines


def strip_of(segments: Sequence[Segment], width: int, blank: Style) -> Strip:
    """Return the segments as a strip of exactly ``width`` cells."""
    return Strip(segments).adjust_cell_length(width, blank)
