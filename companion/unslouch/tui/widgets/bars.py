"""The lines around a screen: status above; cue, replay position and keys below."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.strip import Strip

from unslouch.tui.canvas import mix, style
from unslouch.tui.theme import Tone, mark, plain_text
from unslouch.tui.widgets.live import Live
from unslouch.tui.widgets.text import Part, chosen, lines_of, shortened, strip_of


@dataclass(frozen=True, slots=True)
class Status:
    """The line above: where one is, how the link is, what the strap says."""

    word: str
    """LIVE, SIMULATED, REPLAY or what is wrong with the link."""
    tone: Tone
    screen: str
    detail: str = ""
    rate: str = ""
    battery: str = ""
    clock: str = ""
    low: bool = False
    """Whether the battery is low."""


class StatusBar(Live[Status]):
    """One line: name, link, screen; rate, battery and sample time on the right."""

    DEFAULT_CSS = "StatusBar { height: 1; width: 1fr; background: $panel; }"

    def draw(self, model: Status) -> list[Strip]:
        """Draw the line."""
        width = self.size.width
        left = [
            Part("unslouch", rank=4),
            Part(f"{mark(model.tone, self.plain)} {model.word}", model.tone, bold=True),
            Part(model.screen, rank=1),
            Part(model.detail, "dim", rank=5),
        ]
        right = [
            Part(model.rate, "dim", rank=6),
            Part(model.battery, Tone.WATCH if model.low else "dim", bold=model.low, rank=1 if model.low else 3),
            Part(model.clock, "dim", rank=2),
        ]
        kept = chosen([*left, *right], width - 3, 2)
        paper = self.paper
        blank = style(paper, paper)
        halves: list[list[Segment]] = [[], []]
        for part in kept:
            ink = self.faint(0.65) if part.ink == "dim" else self.ink(part.ink)
            text = plain_text(part.text, self.plain)
            halves[part in right].append(Segment(text, style(ink, paper, part.bold)))
        line = [Segment(" ", blank)]
        for segment in halves[0]:
            line += [segment, Segment("  ", blank)]
        taken = sum(len(s.text) for s in line) + sum(len(s.text) for s in halves[1]) + 2 * max(len(halves[1]) - 1, 0)
        line.append(Segment(" " * max(width - taken - 1, 0), blank))
        for k, segment in enumerate(halves[1]):
            line += [Segment("  ", blank), segment] if k else [segment]
        return [strip_of(line, width, blank)]


@dataclass(frozen=True, slots=True)
class Say:
    """The state in one word and one sentence."""

    word: str
    tone: Tone
    sentence: str


class CueLine(Live[Say]):
    """State word and sentence; the only thing a screen reader needs."""

    DEFAULT_CSS = "CueLine { height: 1; width: 1fr; background: $panel; }"

    def fits(self, model: Say, width: int) -> bool:
        """Whether the whole of it has room in one line."""
        return len(self._badge(model)) + 2 + len(model.sentence) <= width - 2

    def _badge(self, model: Say) -> str:
        return f" {mark(model.tone, self.plain)} {model.word} "

    def draw(self, model: Say) -> list[Strip]:
        """Draw the word on its colour and the sentence behind it, below it where it does not fit."""
        width, height = self.size
        paper = self.paper
        blank = style(paper, paper)
        ground = mix(paper, self.ink(model.tone), 0.55)
        badge = self._badge(model)
        sentence = plain_text(model.sentence, self.plain)
        ink = style(self.ink("foreground"), paper)
        lines = lines_of(sentence, width - 2, height, len(badge) + 2)
        first = [Segment(" ", blank), Segment(badge, style(self.ink("foreground"), ground, bold=True))]
        first.append(Segment(f"  {lines[0].lstrip()}" if lines else "", ink))
        return [strip_of(first, width, blank)] + [
            strip_of([Segment(f" {line}", ink)], width, blank) for line in lines[1:]
        ]


@dataclass(frozen=True, slots=True)
class Hint:
    """A key and what it does; higher ``rank`` goes first when there is no room."""

    key: str
    label: str
    rank: int
    action: str = ""
    """What a click on it does, as Textual writes actions."""


class KeyBar(Live[tuple[Hint, ...]]):
    """The keys that do something here; whole hints only. A click is the key."""

    DEFAULT_CSS = "KeyBar { height: 1; width: 1fr; background: $panel; }"

    def _fitting(self, model: tuple[Hint, ...]) -> list[tuple[int, Hint]]:
        """Return the hints that fit, each with its column."""
        parts = [Part(f"{hint.key} {hint.label}", rank=hint.rank) for hint in model]
        hints = {id(part): hint for part, hint in zip(parts, model, strict=True)}
        column, placed = 1, list[tuple[int, Hint]]()
        for part in chosen(parts, self.size.width - 2, 2):
            if id(part) in hints:
                placed.append((column, hints[id(part)]))
                column += len(part.text) + 2
        return placed

    def draw(self, model: tuple[Hint, ...]) -> list[Strip]:
        """Draw the hints that fit."""
        width = self.size.width
        paper = self.paper
        blank = style(paper, paper)
        line = [Segment(" ", blank)]
        for _, hint in self._fitting(model):
            line.append(Segment(plain_text(hint.key, self.plain), style(self.ink("accent"), paper, bold=True)))
            line.append(Segment(f" {hint.label}  ", style(self.faint(0.85), paper)))
        return [strip_of(line, width, blank)]

    async def on_click(self, event: events.Click) -> None:
        """Do what the hint under the mouse says."""
        for column, hint in self._fitting(self.model or ()):
            if hint.action and 0 <= event.x - column < len(hint.key) + 1 + len(hint.label):
                await self.run_action(hint.action)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a replay stands, whole seconds and a word for the speed."""

    at_s: int
    of_s: int
    speed: str
    paused: bool


class PositionBar(Live[Position]):
    """A replay's position in its recording."""

    DEFAULT_CSS = "PositionBar { height: 1; width: 1fr; background: $panel; }"

    def draw(self, model: Position) -> list[Strip]:
        """Draw play sign, rail and times."""
        width = self.size.width
        paper = self.paper
        blank = style(paper, paper)
        sign = ("||" if self.plain else "‖") if model.paused else (">" if self.plain else "▶")
        word = "paused" if model.paused else model.speed
        before = shortened(f" {sign} {word}  {stamp(model.at_s)} ", width)
        after = f" {stamp(model.of_s)} "
        rail = width - len(before) - len(after)
        done, rest, here = ("=", "-", "#") if self.plain else ("━", "─", "●")
        line = [Segment(before, style(self.ink("foreground"), paper))]
        if rail >= 6:
            at = min(int(rail * model.at_s / model.of_s), rail - 1) if model.of_s else 0
            line += [
                Segment(done * at, style(self.ink(Tone.CALM), paper)),
                Segment(here, style(self.ink(Tone.CALM), paper, bold=True)),
                Segment(rest * (rail - at - 1), style(self.faint(0.3), paper)),
            ]
            line.append(Segment(after, style(self.faint(0.65), paper)))
        return [strip_of(line, width, blank)]


def stamp(seconds: float) -> str:
    """Write a time as m:ss or h:mm:ss."""
    whole = max(int(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
