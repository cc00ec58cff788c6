"""Help for the screen one is on and, first, for the part that has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from unslouch.tui.actions import Action, Where, bindings
from unslouch.tui.theme import plain_text


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
        """One sheet that scrolls."""
        with VerticalScroll(id="sheet"):
            yield Static(id="words", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one("#sheet").focus()

    def on_resize(self) -> None:
        """Wrap for the new width, the sentences beside their keys."""
        width = min(self.app.size.width, 68) - 6  # pyright: ignore[reportUnknownMemberType]
        self.query_one("#words", Static).update(plain_text("\n".join(self._lines(width)), self._plain))

    def _lines(self, width: int) -> list[str]:
        """The focused part first, then the screen, then its keys."""
        lines: list[str] = []
        for title, about in (*([self._focus] if self._focus else []), (self._title_word, self._about)):
            lines += [title.upper(), *wrap(about, width), ""]
        keys = [(_key(action.shown), action.help) for action in self._actions]
        keys.append(("ctrl+x", "Sharp pain, from inside a text field too."))
        keys.append(("button", "The strap's own: twice is sharp pain, once a mark."))
        for key, sentence in keys:
            lines += wrap(sentence, width, initial_indent=f"{key:>6}  ", subsequent_indent=" " * 8)
        return lines


def _key(shown: str) -> str:
    return {"→": "right", "←": "left"}.get(shown, shown.replace("^", "ctrl+"))
