"""The rows of the database as frozen values.

Times ``*_t`` are seconds of the strap's clock, ``*_utc`` seconds since 1970, angles rad. A row that belongs to a
session (:data:`SessionPart`) names neither session nor UTC: :class:`~unslouch.store.log.SessionLog` adds both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unslouch_signal.events import (
    ActivitySpan,
    CalibrationDoubt,
    Direction,
    DoubtReason,
    LyingSide,
    RotationFault,
    RotationPosition,
    Side,
    SlouchSpell,
    Technique,
)


class SessionKind(StrEnum):
    """At the desk or on the mat."""

    DESK = "desk"
    COACH = "coach"


class Source(StrEnum):
    """Where the samples of a session came from."""

    LIVE = "live"
    SIMULATED = "simulated"
    REPLAY = "replay"
    """Seen again: never counted in anyone's progress, for it was counted when it was live."""
    SYNCED = "synced"
    """Taken by the strap alone and fetched later."""


OWN_PERSON, DEMO_PERSON = "me", "demo"


def person_of(source: Source) -> str:
    """Whose sessions these are: what a simulated wearer does never mixes with a person's own."""
    return DEMO_PERSON if source is Source.SIMULATED else OWN_PERSON


class Outcome(StrEnum):
    """How a session ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    ENDED = "ended"
    """By the person, before its plan was through."""
    SHARP_PAIN = "sharp_pain"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    """The program died; found and closed at the next start."""


class PainMoment(StrEnum):
    """When the pain was asked for."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A raw recording; the row outlives the file (``pruned_utc``)."""

    uid: str
    file: str
    strap: str | None
    start_utc: float
    end_utc: float | None = None
    bytes: int | None = None
    pruned_utc: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A calibration as JSON, with where it was taken."""

    uid: str
    utc: float
    quality: float
    json: str
    strap: str | None = None
    recording: str | None = None
    t: float | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session.

    ``utc_offset_s`` is the local time's offset then: it decides which day the session belongs to. ``uncertain_s`` is
    how far its UTC may be off (s), None where a clock dates it: the strap took it alone in a boot that was never heard.
    """

    uid: str
    person: str
    kind: SessionKind
    source: Source
    start_utc: float
    utc_offset_s: float
    start_t: float
    last_t: float
    last_utc: float
    outcome: Outcome = Outcome.RUNNING
    technique: Technique | None = None
    end_utc: float | None = None
    end_t: float | None = None
    calibration: str | None = None
    recording: str | None = None
    strap: str | None = None
    uncertain_s: float | None = None


@dataclass(frozen=True, slots=True)
class ClockRow:
    """What a recording tells of the clock of one of its strap's boots.

    Attributes
    ----------
    strap
        Serial number, or what is known instead.
    kind
        ``live``: from packets that arrived as they were sent; ``told``: from the strap's TIME records alone;
        ``none``: the recording holds samples of the boot and nothing that dates them.
    first_t, last_t
        Of the boot's samples here, s of its clock.
    knots
        ((t, utc), ...), s: what its clock showed when.
    """

    recording: str
    boot: int
    strap: str
    kind: str
    first_t: float
    last_t: float
    knots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """A run of samples, ``seq`` to ``last_seq`` of a boot, that lies in a recording (at least as the log has them)."""

    recording: str
    boot: int
    seq: int
    strap: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class PressRow:
    """A press of the strap's button as the strap told it, whether a session ran then or not.

    Attributes
    ----------
    strap
        Serial number, or what is known instead.
    boot, t_us
        When, on the strap's own clock: a press is told in the stream and by the log, and is one by this.
    sharp
        Pressed twice: sharp pain. Once is a marker.
    recording
        The first one that tells of it.
    utc_offset_s
        The local time's offset then.
    uncertain_s
        How far ``utc`` may be off, s; None where a clock dates it.
    """

    strap: str
    boot: int
    t_us: int
    sharp: bool
    recording: str
    utc: float
    utc_offset_s: float
    uncertain_s: float | None = None
    person: str = OWN_PERSON


@dataclass(frozen=True, slots=True)
class SlouchRow:
    """A slouch spell."""

    start_t: float
    end_t: float
    alert_t: float | None
    peak: float
    mean: float
    direction: Direction | None

    @classmethod
    def of(cls, spell: SlouchSpell) -> SlouchRow:
        """The row of an event."""
        return cls(spell.start, spell.end, spell.alert, spell.peak, spell.mean, spell.direction)


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A slouch alert; ``cued`` tells whether the person was cued, ``muted_by`` why not."""

    t: float
    start_t: float
    direction: Direction | None
    angle: float
    cued: bool
    muted_by: str | None = None


@dataclass(frozen=True, slots=True)
class RepetitionRow:
    """A rotation repetition inside a coached session; ``counted`` towards its dose."""

    technique: Technique
    side: Side
    position: RotationPosition
    start_t: float
    peak_t: float
    end_t: float
    range: float
    hold: float
    faults: tuple[RotationFault, ...]
    counted: bool


@dataclass(frozen=True, slots=True)
class TryoutRow:
    """How far the person went comfortably before the holds; the zone came from it."""

    t: float
    technique: Technique
    side: Side | None
    range: float


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold; ``held`` of ``needed`` seconds inside the zone."""

    technique: Technique
    side: Side | None
    start_t: float
    end_t: float
    held: float
    needed: float
    zone_lo: float
    zone_hi: float
    overshoots: int = 0
    jerks: int = 0


@dataclass(frozen=True, slots=True)
class PainRow:
    """Pain from 0 to 10, as told."""

    moment: PainMoment
    t: float
    score: int


@dataclass(frozen=True, slots=True)
class SharpPainRow:
    """Sharp pain, and what was going on."""

    t: float
    phase: str


@dataclass(frozen=True, slots=True)
class MarkerRow:
    """A note at a moment."""

    t: float
    label: str


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """A stretch that is not judged: walking, lying, off body, no samples, paused."""

    kind: str
    start_t: float
    end_t: float
    lying_side: LyingSide | None = None

    @classmethod
    def of(cls, span: ActivitySpan) -> ActivityRow:
        """The row of an event."""
        return cls(span.kind.value, span.start, span.end, span.lying_side)


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """The calibration became doubtful or good again."""

    t: float
    reason: DoubtReason
    resolved: bool

    @classmethod
    def of(cls, doubt: CalibrationDoubt) -> DoubtRow:
        """The row of an event."""
        return cls(doubt.t, doubt.reason, doubt.resolved)


SessionPart = (
    SlouchRow
    | AlertRow
    | RepetitionRow
    | TryoutRow
    | HoldRow
    | PainRow
    | SharpPainRow
    | MarkerRow
    | ActivityRow
    | DoubtRow
)
"""What belongs to a session."""


@dataclass(frozen=True, slots=True)
class ScreeningRow:
    """The red-flag questions of one version were all answered with no; the answers themselves are not kept."""

    person: str
    version: int
    utc: float
