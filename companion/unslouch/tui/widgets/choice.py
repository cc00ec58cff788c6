"""Choosing: one of a few, or a number from 0 to 10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from unslouch.tui.canvas import mix, style
from unslouch.tui.theme import Tone, plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import lines_of, shortened, strip_of


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: its name and a word about it."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Options and the one under the cursor."""

    options: tuple[Option, ...]
    at: int


class Choices(Live[Choice], can_focus=True):
    """A short list with a cursor."""

    about = ("The list", "Up and down move, enter takes. The number keys go straight there.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        *(Binding(f"{k}", f"to({k - 1})", f"Number {k}", show=False) for k in range(1, 10)),
    ]
    DEFAULT_CSS = "Choices { width: 1fr; height: 8; }"

    @property
    def at(self) -> int:
        """Which one is under the cursor."""
        return 0 if self.model is None else self.model.at

    def action_move(self, by: int) -> None:
        """Move the cursor, round and round."""
        if self.model is not None:
            self.show(Choice(self.model.options, (self.model.at + by) % len(self.model.options)))

    def action_to(self, at: int) -> None:
        """Put the cursor on one."""
        if self.model is not None and at < len(self.model.options):
            self.show(Choice(self.model.options, at))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        if self.model is not None:
            self.action_to(event.y // self._rows())

    def _rows(self) -> int:
        assert self.model is not None
        return 2 if self.size.height >= 2 * len(self.model.options) else 1

    def draw(self, model: Choice) -> list[Strip]:
        """Draw the list, with notes where there is room."""
        width = self.size.width
        paper = self.paper
        rows = self._rows()
        strips: list[Strip] = []
        for k, option in enumerate(model.options):
            on = k == model.at
            ground = mix(paper, self.ink(Tone.CALM), 0.25) if on else paper
            blank = style(ground, ground)
            sign = (">" if self.plain else "▸") if on else " "
            name = shortened(plain_text(f" {sign} {k + 1} {option.name}", self.plain), width)
            strips.append(strip_of([Segment(name, style(self.ink("foreground"), ground, bold=on))], width, blank))
            if rows == 2:
                note = "".join(lines_of(plain_text(option.note, self.plain), width, 1, 5))
                strips.append(strip_of([Segment(note, style(self.faint(0.65), ground))], width, blank))
        return strips[: self.size.height]


@dataclass(frozen=True, slots=True)
class Score:
    """A number from 0 to 10, None before it was chosen."""

    value: int | None
    zones: bool
    """Whether to name what a score means before training."""


_WORDS = ("none", "hardly", "slight", "mild", "some", "middling", "strong", "strong", "very strong", "severe", "worst")


class PainScale(Live[Score], can_focus=True):
    """Pain from 0 to 10. Nothing is chosen for anyone."""

    about = ("The pain scale", "Left and right move, the number keys choose (1 then 0 for 10), enter tells it.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Less", show=False),
        Binding("right", "move(1)", "More", show=False),
        *(Binding(f"{k}", f"digit({k})", f"{k}", show=False) for k in range(10)),
    ]
    DEFAULT_CSS = "PainScale { width: 1fr; height: 3; }"

    @property
    def value(self) -> int | None:
        """The chosen number."""
        return None if self.model is None else self.model.value

    def action_move(self, by: int) -> None:
        """One more or less; from nothing to 0."""
        if self.model is not None:
            before = self.model.value
            self.show(Score(0 if before is None else min(max(before + by, 0), 10), self.model.zones))

    def action_digit(self, digit: int) -> None:
        """Choose a number; 0 after 1 makes 10."""
        if self.model is not None:
            self.show(Score(10 if digit == 0 and self.model.value == 1 else digit, self.model.zones))

    def on_click(self, event: events.Click) -> None:
        """Choose the number under the mouse."""
        if self.model is not None and event.x // 3 <= 10:
            self.show(Score(event.x // 3, self.model.zones))

    def draw(self, model: Score) -> list[Strip]:
        """Draw the numbers, the chosen one and what it means."""
        width = self.size.width
        paper = self.paper
        blank = style(paper, paper)
        numbers: list[Segment] = []
        for k in range(11):
            tone = Tone.GOOD if k < 4 else Tone.WATCH if k < 6 else Tone.STOP
            if k == model.value:
                text, look = f"[{k}]", style(self.ink(tone), mix(paper, self.ink(tone), 0.3), bold=True)
            else:
                text, look = f" {k} ", style(self.ink(tone) if model.zones else self.faint(0.8), paper)
            numbers.append(Segment(text, look))
        lines = [strip_of(numbers, width, blank)]
        dim = style(self.faint(0.7), paper)
        chosen = model.value
        word = "Choose: 0 is none, 10 the worst." if chosen is None else f"{chosen}: {_WORDS[chosen]}"
        lines.append(strip_of([Segment(shortened(word, width), style(self.ink("foreground"), paper))], width, blank))
        if model.zones:
            lines.append(strip_of([Segment(shortened("0-3 go, 4-5 gently, 6+ not today", width), dim)], width, blank))
        return lines[: self.size.height]
