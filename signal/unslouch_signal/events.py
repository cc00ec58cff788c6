"""What the processors find in samples, as frozen values.

Times are seconds of the sensor's clock (the ``t`` of :class:`~unslouch_signal.samples.SampleBlock`), angles rad.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Which way the thorax turned or leaned."""

    LEFT = "left"
    RIGHT = "right"


class Direction(StrEnum):
    """Which way the thorax left its neutral in a slouch spell."""

    FLEXION = "flexion"
    EXTENSION = "extension"
    LEAN_LEFT = "lean_left"
    LEAN_RIGHT = "lean_right"


class ActivityKind(StrEnum):
    """What the wearer is doing, as far as posture cares."""

    STILL = "still"
    MOVING = "moving"
    WALKING = "walking"
    LYING = "lying"
    OFF_BODY = "off_body"
    UNKNOWN = "unknown"
    """No samples (a gap)."""


class LyingSide(StrEnum):
    """What the wearer lies on."""

    SUPINE = "supine"
    PRONE = "prone"
    LEFT = "left"
    RIGHT = "right"


class RotationPosition(StrEnum):
    """What a rotation was measured against: the vertical when upright, gravity when lying."""

    SEATED = "seated"
    SUPINE = "supine"


class Technique(StrEnum):
    """The four coached techniques."""

    EXTENSION = "upper_back_extension"
    DOORWAY = "doorway_stretch"
    SUPINE_ROTATION = "supine_rotation"
    SEATED_ROTATION = "seated_rotation"


class RotationFault(StrEnum):
    """Why a rotation repetition is not valid."""

    STARTED_SLOUCHED = "started_slouched"
    BENT_SIDEWAYS = "bent_sideways"
    SWIVELLED = "swivelled"
    """The turn stayed: the chair or the whole body turned."""
    CUT_BY_GAP = "cut_by_gap"
    FLEXED = "flexed"
    """The trunk bent forward or backward during the turn."""
    TOO_LONG = "too_long"


class DoubtReason(StrEnum):
    """Why a calibration that was good is not to be trusted any more."""

    GAP = "gap"
    SLIPPED = "slipped"
    OFF_BODY = "off_body"
    CHARGER = "charger"
    LYING_LONG = "lying_long"


@dataclass(frozen=True, slots=True)
class ActivitySpan:
    """A stretch of one activity, reported when it ends (or at ``finish``)."""

    kind: ActivityKind
    start: float
    end: float
    lying_side: LyingSide | None = None


@dataclass(frozen=True, slots=True)
class SlouchAlert:
    """The moment to cue: the dwell has passed (and the quiet time since the last cue).

    ``direction`` is None where the calibration cannot tell forward (total tilt was judged).
    """

    t: float
    start: float
    direction: Direction | None
    angle: float


@dataclass(frozen=True, slots=True)
class SlouchSpell:
    """A spell beyond the threshold, at least 5 s, reported when it ends.

    ``start`` is the crossing of the upper threshold, ``end`` that of the lower (or the start of walking, lying, a gap
    or the end of the data); ``alert`` is None when it ended before the dwell. ``peak`` and ``mean`` are signed angles
    in ``direction`` (positive).
    """

    start: float
    end: float
    alert: float | None
    peak: float
    mean: float
    direction: Direction | None


@dataclass(frozen=True, slots=True)
class RotationRep:
    """One repetition of thoracic rotation, out to one side and back.

    ``range`` is measured against the repetition's own neutral (rests before and after, closed linearly), rad, positive.
    ``hold`` is the time at the peak (within a tenth of the range of it), s. ``faults`` is empty for a valid repetition.
    """

    side: Side
    position: RotationPosition
    start: float
    peak: float
    end: float
    range: float
    hold: float
    faults: tuple[RotationFault, ...] = ()
    hold_span: tuple[float, float] | None = None
    """From when to when the peak was held, s; None where unknown."""

    @property
    def valid(self) -> bool:
        """Whether the repetition counts."""
        return not self.faults


class HoldNotice(StrEnum):
    """What the hold clock notices while a hold runs."""

    ENTERED = "entered"
    LEFT = "left"
    OVERSHOOT = "overshoot"
    """Beyond the upper end of the zone: do not force."""
    JERK = "jerk"
    """Moved abruptly: do not force."""
    GAP = "gap"
    """No samples: the clock pauses."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class HoldEvent:
    """Something happened to the running hold; ``held`` is the sample time in the zone so far, s."""

    notice: HoldNotice
    t: float
    held: float


@dataclass(frozen=True, slots=True)
class HoldSpan:
    """A finished hold. ``held`` counts only sample time inside the zone; ``end - start`` includes pauses."""

    technique: Technique
    side: Side | None
    start: float
    end: float
    held: float
    overshoots: int = 0
    jerks: int = 0


@dataclass(frozen=True, slots=True)
class CalibrationDoubt:
    """The calibration became doubtful (``resolved`` False) or good again (True)."""

    t: float
    reason: DoubtReason
    resolved: bool = False


Event = ActivitySpan | SlouchAlert | SlouchSpell | RotationRep | HoldEvent | HoldSpan | CalibrationDoubt
