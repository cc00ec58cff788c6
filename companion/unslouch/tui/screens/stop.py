"""Sharp pain: everything has stopped; what to do now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from unslouch.tui.actions import Where, bindings
from unslouch.tui.theme import Tone, mark, plain_text


class StopScreen(ModalScreen[None]):
    """The notice after sharp pain. Nothing runs behind it."""

    BINDINGS = bindings(Where.STOP)
    DEFAULT_CSS = """
    StopScreen { align: center middle; }
    StopScreen > Vertical {
        width: 66; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; border: heavy $error; padding: 1 2;
    }
    StopScreen.-plain > Vertical { border: ascii $error; }
    StopScreen #word { text-style: bold; color: $error; margin-bottom: 1; }
    StopScreen #key { margin-top: 1; color: $foreground 70%; }
    StopScreen.-short > Vertical { padding: 0 1; }
    StopScreen.-short #word, StopScreen.-short #key { margin: 0; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-low")]  # noqa: RUF012

    def __init__(self, advice: str, plain: bool) -> None:
        super().__init__(classes="-plain" if plain else None)
        self._advice = advice
        self._plain = plain

    def compose(self) -> ComposeResult:
        """Word, sentences, key."""
        with Vertical():
            yield Static(f"{mark(Tone.STOP, self._plain)} STOPPED", id="word", markup=False)
            yield Static(plain_text(self._advice, self._plain), id="advice", markup=False)
            yield Static("enter  Understood", id="key", markup=False)
