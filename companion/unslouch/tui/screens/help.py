"""Help for the screen one is on and, first, for the part that has the focus."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from unslouch.tui.actions import Action, Where, bindings


class HelpScreen(ModalScreen[None]):
    """What can be done, from the one table of actions."""

    BINDINGS = bindings(Where.HELP)
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 68; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; border: round $primary; padding: 0 1; scrollbar-size-vertical: 1;
    }
    HelpScreen.-plain > VerticalScroll { border: ascii $primary; scrollbar-size-vertical: 0; }
    HelpScreen .title { text-style: bold; color: $primary; }
    HelpScreen .about { margin-bottom: 1; }
    HelpScreen .about, HelpScreen .key { color: $foreground 85%; }
    """

    def __init__(
        self, title: str, about: str, focus: tuple[str, str] | None, actions: Sequence[Action], plain: bool
    ) -> None:
        super().__init__(classes="-plain" if plain else None)
        self._title_word = title
        self._about = about
        self._focus = focus
        self._actions = actions
        self._plain = plain

    def compose(self) -> ComposeResult:
        """The focused part first, then the screen, then its keys."""
        with VerticalScroll(id="sheet"):
            if self._focus is not None:
                yield Static(self._focus[0], classes="title", markup=False)
                yield Static(self._focus[1], classes="about", markup=False)
            yield Static(self._title_word, classes="title", markup=False)
            yield Static(self._about, classes="about", markup=False)
            for action in self._actions:
                key = {"→": "right", "←": "left", "^": "ctrl+"}.get(action.shown, action.shown)
                yield Static(f"{key:>7}  {action.help}", classes="key", markup=False)
            yield Static("ctrl+x   Sharp pain, from inside a text field too.", classes="key", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one("#sheet").focus()
