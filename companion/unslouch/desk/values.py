"""What goes into a desk session and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unslouch.errors import Reason, UnslouchError
from unslouch.store.log import Save
from unslouch_signal.events import Direction


class PostureState(StrEnum):
    """The state in one word."""

    UPRIGHT = "upright"
    SLOUCHING = "slouching"
    CUED = "cued"
    """Slouching, and told so."""
    WALKING = "walking"
    LYING = "lying"
    OFF_BODY = "off body"
    NO_SIGNAL = "no signal"
    SNOOZED = "snoozed"
    PAUSED = "paused"
    UNCALIBRATED = "uncalibrated"
    DOUBTFUL = "doubtful"
    ENDED = "ended"


ADVICE: dict[PostureState, str] = {
    PostureState.UPRIGHT: "Your back is near its upright.",
    PostureState.SLOUCHING: "Your back has left its upright.",
    PostureState.CUED: "Let your breastbone rise a little.",
    PostureState.WALKING: "Posture is not judged while you walk.",
    PostureState.LYING: "Posture is not judged while you lie.",
    PostureState.OFF_BODY: "The strap is not worn. Put it on to go on.",
    PostureState.NO_SIGNAL: "No samples arrive. Check that the strap is on and near.",
    PostureState.SNOOZED: "Alerts are off for now.",
    PostureState.PAUSED: "Paused: nothing is judged or counted.",
    PostureState.UNCALIBRATED: "Calibrate first: the strap does not know your upright yet.",
    PostureState.DOUBTFUL: "The strap may sit differently now. Calibrate again.",
    PostureState.ENDED: "The session has ended.",
}
"""What to do about each state, in one sentence."""

_CUE_TEXT: dict[Direction | None, str] = {
    Direction.FLEXION: "You are sinking forward. Let your breastbone rise a little.",
    Direction.EXTENSION: "You are leaning far back. Come back over your seat.",
    Direction.LEAN_LEFT: "You are leaning left. Share your weight on both sides.",
    Direction.LEAN_RIGHT: "You are leaning right. Share your weight on both sides.",
    None: "You have left your upright. Sit or stand tall again.",
}


def cue_text(direction: Direction | None) -> str:
    """The sentence of a slouch cue."""
    return _CUE_TEXT[direction]


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """A person's choices at the desk.

    Attributes
    ----------
    cue_every
        Cue every n-th alert: 1, 2 or 4 (100, 50, 25 %), see :func:`faded`.
    nudge_s, last_nudge_s
        Time in one place after which to suggest standing up, and once more; s. 30 min (bouts below it carry the least
        risk: Diaz; 5 min of walking per 30 min: Duran 2023), at most 60 min. ``nudge_s`` None turns nudges off.
    snooze_min
        The length of a snooze that names none, minutes.

    Raises
    ------
    UnslouchError
        BAD_OPTION for a value outside its range.
    """

    cue_every: int = 1
    nudge_s: float | None = 1800.0
    last_nudge_s: float = 3600.0
    snooze_min: float = 10.0

    def __post_init__(self) -> None:
        if self.cue_every not in (1, 2, 4):
            raise UnslouchError(Reason.BAD_OPTION, f"Cues can be every 1st, 2nd or 4th, not every {self.cue_every}.")
        if self.nudge_s is not None and not 300 <= self.nudge_s <= self.last_nudge_s <= 7200:
            raise UnslouchError(Reason.BAD_OPTION, "A nudge to stand up can come after 5 to 120 minutes.")
        if not 1 <= self.snooze_min <= 240:
            raise UnslouchError(Reason.BAD_OPTION, "A snooze can last 1 to 240 minutes.")


def faded(weeks: int) -> int:
    """Cue every how-many-th alert in this week of use: all for two weeks, half for one, then a quarter.

    Fading keeps what immediate feedback taught (Jadro 2020, n = 6) and spares cues after the gains of the first four
    weeks (Fundoiano-Hershcovitz 2022).
    """
    return 1 if weeks < 2 else 2 if weeks < 3 else 4


# Commands


@dataclass(frozen=True, slots=True)
class Snooze:
    """No cues for some minutes of sample time; None takes the setting."""

    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Judge and count nothing until resumed."""


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause or a snooze."""


@dataclass(frozen=True, slots=True)
class End:
    """End the session."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Keep a note at this moment."""

    label: str


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the strap was lost or is back."""

    up: bool


DeskCommand = Snooze | Pause | Resume | End | Mark | Link


# Effects


class CueKind(StrEnum):
    """What a cue is about."""

    SLOUCH = "slouch"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Cue:
    """Let the person know by sound, buzz or light, with a sentence to show."""

    kind: CueKind
    t: float
    text: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Show a sentence; no cue."""

    t: float
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over: close its log at ``t``."""

    t: float


DeskEffect = Cue | Notify | Save | Ended


@dataclass(frozen=True, slots=True)
class DeskFigures:
    """The account of the session so far, s of sample time.

    ``unknown_s`` is time that was not judged: walking, lying, off body, no samples, paused, calibration missing or
    doubtful. ``share`` is upright time of judged time, None before there is any.
    """

    upright_s: float = 0.0
    slouched_s: float = 0.0
    unknown_s: float = 0.0
    longest_upright_s: float = 0.0
    alerts: int = 0
    cues: int = 0

    @property
    def share(self) -> float | None:
        """Upright share of the judged time."""
        judged = self.upright_s + self.slouched_s
        return None if judged <= 0 else self.upright_s / judged


@dataclass(frozen=True, slots=True)
class DeskView:
    """Everything a screen or a line shows of a desk session; angles rad, times s."""

    t: float | None
    state: PostureState
    advice: str
    figures: DeskFigures
    flexion: float | None
    lateral: float | None
    axial: float | None
    tilt: float | None
    slouch_s: float
    snooze_left_s: float
    seated_s: float
    """Time in one place, which the nudge counts."""
    last_cue: Cue | None
