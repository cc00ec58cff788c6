"""What goes into a coached session and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unslouch.coach.result import SessionResult
from unslouch.coach.technique import SeenFrom
from unslouch.store.log import Save
from unslouch.store.rows import Outcome
from unslouch_signal.events import Side, Technique


class Phase(StrEnum):
    """Where the session is."""

    RED_FLAGS = "red flags"
    CALIBRATE = "calibrate"
    WARM_UP = "warm-up"
    PAIN_BEFORE = "pain before"
    POSITION = "position"
    TRY_OUT = "try-out"
    WORK = "work"
    REST = "rest"
    PAIN_AFTER = "pain after"
    RESULT = "result"
    ENDED = "ended"
    REFUSED = "refused"
    STOPPED = "stopped"
    """Sharp pain: nothing resumes this session."""


TERMINAL = frozenset({Phase.ENDED, Phase.REFUSED, Phase.STOPPED})


class Prompt(StrEnum):
    """What the session waits for from the person."""

    NOTHING = "nothing"
    YES_NO = "yes or no"
    """Answer with :class:`RedFlags`."""
    SCORE = "0 to 10"
    """Answer with :class:`Pain`."""
    CONTINUE = "continue"
    """Answer with :class:`Next`."""


# Commands


@dataclass(frozen=True, slots=True)
class RedFlags:
    """Whether any of the red-flag questions is answered with yes."""

    any_yes: bool


@dataclass(frozen=True, slots=True)
class Next:
    """Done with this step; go on."""


@dataclass(frozen=True, slots=True)
class Pain:
    """Pain from 0 to 10."""

    score: int


@dataclass(frozen=True, slots=True)
class SharpPain:
    """Stop everything; ``t`` is the sample time when it was told, now where that is None."""

    t: float | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave this step out: the warm-up, a try-out, a hold or repetition, the rest, the question about pain after."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop the clocks until resumed."""


@dataclass(frozen=True, slots=True)
class Resume:
    """End the pause."""


@dataclass(frozen=True, slots=True)
class End:
    """End the exercise: pain after and the result are still shown; a second time ends the session."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Keep a note at this moment."""

    label: str


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the strap was lost or is back."""

    up: bool


CoachCommand = RedFlags | Next | Pain | SharpPain | Skip | Pause | Resume | End | Mark | Link


# Effects


class CueKind(StrEnum):
    """What a cue tells; each may have its own sound."""

    GO = "go"
    """Begin, or the next one."""
    IN_ZONE = "in zone"
    OUT_OF_ZONE = "out of zone"
    DONE = "done"
    """Held long enough: come back."""
    COUNTED = "counted"
    NOT_COUNTED = "not counted"
    DO_NOT_FORCE = "do not force"
    WAITING = "waiting"
    """The clock stands: no samples, out of position, doubtful calibration."""
    FINISHED = "finished"
    STOP = "stop"
    """Sharp pain, or not today."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Tell the person by sound and text."""

    kind: CueKind
    t: float
    text: str


@dataclass(frozen=True, slots=True)
class Screened:
    """The red-flag questions of this version were all answered with no: keep that and the date, not the answers."""

    version: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The session is over: close its log at ``t``."""

    t: float
    outcome: Outcome


CoachEffect = Cue | Save | Screened | Finished


# View


@dataclass(frozen=True, slots=True)
class SideCount:
    """How much of a side is done in this set: holds or repetitions."""

    side: Side | None
    done: int
    needed: int


@dataclass(frozen=True, slots=True)
class Zone:
    """Where to hold, rad in the direction of the movement; beyond ``hi`` is too far."""

    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class CoachView:
    """Everything a screen or a line shows of a coached session; angles rad, times s of sample time.

    ``value`` is the present angle in the direction of the movement (positive toward the zone), None while it cannot be
    measured. ``waiting`` says why the clock stands, None while it runs. ``hold_s`` of ``hold_needed_s`` is the present
    hold. ``best`` is the widest ever of this side, ``best_today`` of this session.
    """

    technique: Technique
    name: str
    phase: Phase
    title: str
    instruction: str
    details: tuple[str, ...]
    prompt: Prompt
    seen_from: SeenFrom
    side: Side | None
    value: float | None
    zone: Zone | None
    in_zone: bool
    scale: float
    hold_s: float
    hold_needed_s: float
    counts: tuple[SideCount, ...]
    set_number: int
    sets: int
    rest_left_s: float
    best: float | None
    best_today: float | None
    paused: bool
    waiting: str | None
    caution: str | None
    cue: Cue | None
    result: SessionResult | None
    outcome: Outcome | None
