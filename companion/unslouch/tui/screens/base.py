"""What all screens share: status above, cue, replay position and keys below, sizes, and what is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from unslouch.live.battery import LOW
from unslouch.live.feed import LinkKind
from unslouch.tui.actions import Action, Where, offered
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.bars import CueLine, Hint, KeyBar, Position, PositionBar, Say, Status, StatusBar, stamp
from unslouch.tui.widgets.paper import Card
from unslouch.tui.words import FEED, LINK

if TYPE_CHECKING:
    from unslouch.tui.app import UnslouchApp
    from unslouch.tui.conductor import Conductor, Now


ROOMY = 56
"""Cells from which on figures in the status line can have their names."""


class LiveScreen(Screen[None]):
    """A screen that is shown the present fifteen times a second."""

    where: ClassVar[Where]
    title_word: ClassVar[str]

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (ROOMY, "-narrow"), (72, "-normal"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-low"), (22, "-medium"), (32, "-tall")]  # noqa: RUF012
    DEFAULT_CSS = """
    LiveScreen PositionBar { display: none; }
    LiveScreen.-replay PositionBar { display: block; }
    LiveScreen.-long CueLine { height: 2; }
    LiveScreen.-tiny CueLine { height: 3; }
    LiveScreen.-narrow CueLine { height: 2; }
    """

    def compose(self) -> ComposeResult:
        """Lines around, the screen's own body between."""
        yield StatusBar()
        yield from self.body()
        yield PositionBar()
        yield CueLine()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """Return the widgets between the lines."""
        raise NotImplementedError

    def picture(self, now: Now) -> Say:
        """Show the present in the body; return what the cue line says."""
        raise NotImplementedError

    def starting(self) -> None:
        """Show what there is before the first sample."""

    def offers(self, action: Action) -> bool:
        """Whether an action makes sense now, beyond what the feed accepts."""
        return True

    def label(self, action: Action) -> str:
        """Return what the footer calls an action now; what goes on and off is called by what it does next."""
        return action.label

    def rank(self, action: Action) -> int:
        """Return how soon the footer leaves an action out; the highest goes first."""
        return action.rank

    def detail(self, now: Now) -> str:
        """Return a word more for the status line."""
        return ""

    # actions that several have

    def do_read_on(self) -> None:
        """Further down the card."""
        self.query_one(Card).read(1)

    def do_read_back(self) -> None:
        """Back up the card."""
        self.query_one(Card).read(-1)

    # given

    @property
    def unslouch(self) -> UnslouchApp:
        """The app."""
        return cast("UnslouchApp", self.app)  # pyright: ignore[reportUnknownMemberType]

    @property
    def conductor(self) -> Conductor | None:
        """The sessions, once loaded."""
        return self.unslouch.conductor

    def on_mount(self) -> None:
        """Show something at once."""
        self.present(self.conductor.now if self.conductor else None)

    def on_screen_resume(self) -> None:
        """Show the present on coming back."""
        self.present(self.conductor.now if self.conductor else None)

    def follow(self, now: Now) -> None:
        """Show what is new; a screen may leave out what nobody would see."""
        self.present(now)

    def present(self, now: Now | None) -> None:
        """Show the present; None before there is any."""
        if not self.is_mounted:
            return
        if now is None:
            self.query_one(StatusBar).show(Status("STARTING", Tone.CALM, self.title_word))
            self.query_one(CueLine).show(Say("STARTING", Tone.CALM, "Waiting for the first samples."))
            self.starting()
        else:
            self._status(now)
            say = self.picture(now)
            if now.link.kind is not LinkKind.UP:
                word, tone = LINK[now.link.kind]
                say = Say(word, tone, f"{now.link.text} {now.link.advice}".strip())
            cue = self.query_one(CueLine)
            self.set_class(not cue.fits(say, self.size.width), "-long")
            cue.show(say)
        self.query_one(KeyBar).show(
            tuple(
                Hint(action.shown, self.label(action), self.rank(action), f"app.run('{action.name}')")
                for action in offered(self.where, self.unslouch.available)
                if action.label
            )
        )

    def _status(self, now: Now) -> None:
        assert self.conductor is not None
        word, tone = LINK[now.link.kind]
        if now.link.kind is LinkKind.UP:
            word = FEED[self.conductor.feed.kind]
            if now.link.progress is not None:
                done = round(8 * now.link.progress)
                word = f"{word} [{'#' * done}{'.' * (8 - done)}] {now.link.progress:.0%}"
        low = now.battery is not None and now.battery <= LOW
        battery = "" if now.battery is None else f"{'low ' if low else ''}{now.battery:.0%}"
        if battery and self.size.width >= ROOMY:
            battery = f"battery {battery}"
        rate = "" if now.rate_hz is None else f"{now.rate_hz:.0f} Hz"
        clock = stamp(now.sample_time - now.started)
        self.query_one(StatusBar).show(Status(word, tone, self.title_word, self.detail(now), rate, battery, clock, low))
        self.set_class(now.transport is not None, "-replay")
        if now.transport is not None:
            t = now.transport
            self.query_one(PositionBar).show(Position(int(t.position), int(t.duration), f"{t.speed:g}x", t.paused))
