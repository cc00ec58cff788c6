"""Everything a person can do, in one table: key bindings, footer, help and command palette all come from it.

An action's ``name`` is carried out by ``do_<name>`` of the current screen or, where it has none, of the app. A new
action is one line here and one method there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType

from unslouch.live.feed import Command, SetSpeed, Step
from unslouch.live.feed import Seek as SeekCommand


class Where(StrEnum):
    """A screen."""

    DESK = "desk"
    COACH = "coach"
    PROGRESS = "progress"
    CALIBRATE = "calibrate"
    HELP = "help"
    STOP = "stop"


EVERYWHERE = frozenset(Where)
MAIN = frozenset({Where.DESK, Where.COACH, Where.PROGRESS, Where.CALIBRATE})
LIVE = frozenset({Where.DESK, Where.COACH})
CARDS = frozenset({Where.COACH, Where.CALIBRATE})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes
    ----------
    name
        The method ``do_<name>`` and the identity.
    keys
        Textual's key names, the first is shown.
    shown
        How the key is written.
    label
        One or two words for the footer; empty keeps it out of there.
    help
        One sentence for help and palette.
    where
        The screens that have it.
    rank
        In a footer without room the highest rank goes first.
    needs
        The feed must accept this command.
    """

    name: str
    keys: tuple[str, ...]
    shown: str
    label: str
    help: str
    where: frozenset[Where] = MAIN
    rank: int = 5
    needs: type[Command] | None = None


ACTIONS: tuple[Action, ...] = (
    Action(
        "sharp_pain",
        ("x",),
        "x",
        "Sharp pain",
        "Stop everything now, and read what to do.",
        EVERYWHERE - {Where.STOP},
        rank=1,
    ),
    Action(
        "next", ("enter",), "enter", "Go on", "Go on to what comes next.", frozenset({Where.COACH, Where.CALIBRATE}), 2
    ),
    Action("understood", ("enter", "escape"), "enter", "Understood", "Close this notice.", frozenset({Where.STOP}), 1),
    Action("hold_on", ("space",), "space", "Pause", "Pause, and go on again.", LIVE, 3),
    Action("step", ("full_stop",), ".", "Step", "Play a tenth of a second and hold.", MAIN, 4, Step),
    Action("step_back", ("comma",), ",", "Back", "Go back a tenth of a second and hold.", MAIN, 12, Step),
    Action("forward", ("right", "right_square_bracket"), "→", "+10 s", "Go ten seconds on.", MAIN, 4, SeekCommand),
    Action("backward", ("left", "left_square_bracket"), "←", "-10 s", "Go ten seconds back.", MAIN, 4, SeekCommand),
    Action("rewind", ("home",), "home", "Start", "Go to the start of the recording.", MAIN, 12, SeekCommand),
    Action("faster", ("plus", "equals_sign"), "+", "Faster", "Play twice as fast.", MAIN, 7, SetSpeed),
    Action("slower", ("minus",), "-", "Slower", "Play half as fast.", MAIN, 7, SetSpeed),
    Action("yes", ("y",), "y", "Yes, some", "At least one of these holds for you.", frozenset({Where.COACH}), 2),
    Action("none", ("n",), "n", "No, none", "None of these holds for you.", frozenset({Where.COACH}), 2),
    Action("read_on", ("down", "pagedown"), "down", "More", "Read on.", CARDS, 3),
    Action("read_back", ("up", "pageup"), "up", "", "Read back.", CARDS, 9),
    Action("other", ("n",), "n", "Next one", "The next technique's range.", frozenset({Where.PROGRESS}), 3),
    Action("rows_down", ("down", "pagedown"), "down", "Older", "Older sessions.", frozenset({Where.PROGRESS}), 4),
    Action("rows_up", ("up", "pageup"), "up", "", "Newer sessions.", frozenset({Where.PROGRESS}), 9),
    Action("skip", ("s",), "s", "Skip", "Leave this step out and go to the next.", frozenset({Where.COACH}), 6),
    Action("end", ("e",), "e", "End", "End this session, or start over with the choice.", frozenset({Where.COACH}), 5),
    Action("restart", ("r",), "r", "Again", "Start the calibration again.", frozenset({Where.CALIBRATE}), 4),
    Action(
        "snooze",
        ("s",),
        "s",
        "Snooze",
        "No alerts for ten minutes; again to have them back.",
        frozenset({Where.DESK}),
        4,
    ),
    Action(
        "mark", ("m",), "m", "Mark", "Keep a note at this moment, in the recording too.", frozenset({Where.DESK}), 8
    ),
    Action("desk", ("d",), "d", "Desk", "Posture at the desk.", MAIN, 6),
    Action("coach", ("c",), "c", "Coach", "Techniques, coached and measured.", MAIN, 5),
    Action("progress", ("p",), "p", "Progress", "What you reached over the days.", MAIN, 6),
    Action("calibrate", ("k",), "k", "Calibrate", "Tell the strap what upright is.", MAIN, 6),
    Action("far", ("f",), "f", "Far view", "The numbers as large as the window, to read from the mat.", LIVE, 7),
    Action("theme", ("t",), "t", "", "Next theme: dark, light, high contrast.", MAIN, 20),
    Action("bell", ("b",), "b", "", "Ring the terminal bell at alerts, or be silent.", MAIN, 20),
    Action("palette", ("ctrl+p",), "^p", "", "Find anything by name.", MAIN, 20),
    Action("help", ("question_mark", "f1"), "?", "Help", "What can be done here.", MAIN, 2),
    Action(
        "close",
        ("escape", "question_mark", "q", "enter"),
        "esc",
        "Close",
        "Close the help.",
        frozenset({Where.HELP}),
        2,
    ),
    Action("quit", ("q",), "q", "Quit", "Leave unslouch.", MAIN, 4),
)

BY_NAME = {action.name: action for action in ACTIONS}


def bindings(where: Where) -> list[BindingType]:
    """Return the key bindings of a screen."""
    return [
        Binding(key, f"app.run('{action.name}')", action.help, show=False)
        for action in ACTIONS
        if where in action.where
        for key in action.keys
    ]


def offered(where: Where, available: Callable[[Action], bool]) -> Iterable[Action]:
    """Return what can be done on a screen now, in the order of the table."""
    return (action for action in ACTIONS if where in action.where and available(action))
