"""The screen before there is a strap: pair one, or see the demo. Says what to press while it pairs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from threading import Event, Thread
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from unslouch.errors import UnslouchError
from unslouch.tui.ending import end_when_told
from unslouch.tui.theme import THEMES, Tone
from unslouch.tui.widgets.bars import CueLine, Hint, KeyBar, Say, Status, StatusBar
from unslouch.tui.widgets.choice import Choice, Choices, Option
from unslouch.tui.widgets.paper import Card, Paper


class Chosen(StrEnum):
    """What to go on with."""

    PAIRED = "paired"
    DEMO = "demo"


Pair = Callable[[Callable[[str], None], Event], str]
"""Makes a bond: is given where its sentences go and what breaks it off; gives back the strap's name."""

_OPTIONS = (
    Option("Pair my strap", "Once; from then on it is connected by itself."),
    Option("See the demo", "Calibration, a slouch and a set of rotations on a simulated strap."),
    Option("Leave", "`unslouch --help` lists everything else."),
)
_WELCOME = Paper(
    "No strap is known yet",
    (
        "The strap on your upper back notices slouching and measures how far you turn.",
        "It is no medical device.",
    ),
)
INTERRUPTED = 130
BROKEN_OFF_S = 10.0
"""How long a pairing that was broken off may take to let go of the radio."""
KEPT = 5
"""Sentences on the card."""


class WelcomeApp(App[Chosen]):
    """Offers to pair or the demo; returns what was chosen, or what pairing led to.

    Parameters
    ----------
    pair
        Makes the bond; called in a thread.
    theme
        Name of a theme of :data:`~unslouch.tui.theme.THEMES`.
    plain
        Draw with ASCII letters alone.
    """

    TITLE = "unslouch"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: $background; }
    WelcomeApp #main { height: 1fr; padding: 1 2; }
    WelcomeApp Card { height: 1fr; max-height: 12; }
    WelcomeApp Choices { height: 6; margin: 1 0 0 0; }
    WelcomeApp CueLine { height: 2; }
    Screen.-short #main { padding: 0 1; }
    Screen.-short Choices { height: 3; margin: 0; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-low")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take", show=False, priority=True),
        Binding("escape", "break_off", "Back", show=False, priority=True),
        Binding("q", "quit", "Quit", show=False),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True),
    ]

    def __init__(self, pair: Pair, *, theme: str = "dark", plain: bool = False) -> None:
        super().__init__()
        self._pair = pair
        self._pairing: Thread | None = None
        self._stop = Event()
        self._said: list[str] = []
        for one in THEMES.values():
            self.register_theme(one)
        self.theme = THEMES[theme].name
        self.set_class(plain, "-plain")

    def compose(self) -> ComposeResult:
        """Words above, the choice below."""
        yield StatusBar()
        with Vertical(id="main"):
            yield Card()
            yield Choices()
        yield CueLine()
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the choice."""
        end_when_told(self)
        self.query_one(Choices).show(Choice(_OPTIONS, 0))
        self.query_one(Choices).focus()
        self._offer(_WELCOME, Say("WELCOME", Tone.CALM, "Pair your strap, or see the demo without one."))

    @property
    def pairing(self) -> bool:
        """Whether a bond is being made."""
        return self._pairing is not None

    def action_take(self) -> None:
        """Take what is under the cursor."""
        if self.pairing:
            return
        match self.query_one(Choices).at:
            case 0:
                self._begin()
            case 1:
                self.exit(Chosen.DEMO)
            case _:
                self.exit()

    def action_break_off(self) -> None:
        """Break the pairing off; without one leave."""
        if self.pairing:
            self._stop.set()
            self._hear("Broken off; one moment.")
        else:
            self.exit()

    async def action_quit(self) -> None:
        """Leave."""
        self.exit()

    def action_interrupt(self) -> None:
        """Leave as Ctrl-C leaves any program."""
        self.exit(return_code=INTERRUPTED)

    def on_unmount(self) -> None:
        """Let go of the radio."""
        self._stop.set()

    def wait_for_pairing(self) -> None:
        """Wait until a pairing that was left has let go of the radio; called after the run."""
        if self._pairing is not None:
            self._pairing.join(BROKEN_OFF_S)

    # pairing

    def _begin(self) -> None:
        self._stop = Event()
        self._said = []
        self.query_one(Choices).display = False
        self._hear("Looking for straps.")
        self._pairing = Thread(target=self._make, args=(self._stop,), name="unslouch-pair", daemon=True)
        self._pairing.start()

    def _make(self, stop: Event) -> None:
        try:
            self._pair(lambda text: self._later(self._hear, text), stop)
        except UnslouchError as error:
            self._later(self._failed, error)
        except BaseException as error:  # noqa: BLE001  # raised again in the app, which would wait for ever otherwise
            self._later(self._fail, error)
        else:
            self._later(self.exit, Chosen.PAIRED)

    def _later(self, what: Callable[..., object], *arguments: object) -> None:
        if self.is_running:
            self.call_later(what, *arguments)

    def _fail(self, error: BaseException) -> None:
        raise error

    def _hear(self, text: str) -> None:
        """Show a sentence; the last one is the one to act on."""
        self._said = [*self._said, text][-KEPT:]
        self.query_one(Card).show(Paper("Pair your strap", tuple(self._said)))
        self.query_one(StatusBar).show(Status("PAIRING", Tone.CALM, "Welcome"))
        self.query_one(CueLine).show(Say("PAIRING", Tone.CALM, text))
        self.query_one(KeyBar).show(
            (Hint("esc", "Break off", 1, "app.break_off"), Hint("^c", "Quit", 2, "app.interrupt"))
        )

    def _failed(self, error: UnslouchError) -> None:
        stopped = self._stop.is_set()
        self._pairing = None
        if stopped:
            self._offer(_WELCOME, Say("WELCOME", Tone.CALM, "Nothing was paired."))
        else:
            self._offer(
                Paper("That did not work", tuple(text for text in (error.message, error.advice) if text)),
                Say("NOT PAIRED", Tone.WATCH, error.advice or error.message),
            )

    def _offer(self, paper: Paper, say: Say) -> None:
        self.query_one(StatusBar).show(Status("NO STRAP", Tone.CALM, "Welcome"))
        self.query_one(Card).show(paper)
        self.query_one(CueLine).show(say)
        choices = self.query_one(Choices)
        choices.display = True
        choices.focus()
        self.query_one(KeyBar).show(
            (Hint("↑↓", "Choose", 2), Hint("enter", "Take", 1, "app.take"), Hint("q", "Quit", 3, "app.quit"))
        )
