"""What was really so in a simulated recording, as values.

Times are stamps of the strap's clock, s; angles rad.
"""

from __future__ import annotations

from dataclasses import dataclass

from unslouch_signal.events import (
    ActivityKind,
    Direction,
    LyingSide,
    RotationFault,
    RotationPosition,
    Side,
    Technique,
)
from unslouch_signal.samples import FloatArray

GAP_S = 0.5
"""Less than this without samples is bridged, more is a gap."""


@dataclass(frozen=True, slots=True)
class TruthParameters:
    """The definitions' figures, the defaults of the detectors.

    Attributes
    ----------
    enter_deg, leave_deg : float
        A spell begins and ends where the angle crosses these.
    dwell_s, quiet_s, least_spell_s : float
        Time to the alert, least time between alerts, shortest spell listed.
    least_rotation_deg : float
        Shorter excursions are no repetitions.
    spoilt_deg : float
        A repetition during which the trunk bends by more is not valid.
    extension_zone_deg, doorway_zone_deg : float
        A hold's clock runs beyond these.
    least_rotation_hold_s : float
        A valid repetition whose peak was held this long is a hold too.
    ambiguity_deg, ambiguity_s : float
        What comes nearer than this to a border is nobody's mistake; listed in :attr:`Truth.ambiguous`.
    """

    enter_deg: float = 12.0
    leave_deg: float = 7.0
    dwell_s: float = 15.0
    quiet_s: float = 60.0
    least_spell_s: float = 5.0
    least_rotation_deg: float = 20.0
    spoilt_deg: float = 18.0
    extension_zone_deg: float = 10.0
    doorway_zone_deg: float = 10.0
    least_rotation_hold_s: float = 2.0
    ambiguity_deg: float = 0.5
    ambiguity_s: float = 0.5


@dataclass(frozen=True, slots=True)
class SlouchTruth:
    """A spell with the ideal time of its ``alert`` (None: too short); not ``calibrated`` after the strap slipped."""

    direction: Direction
    start: float
    end: float
    alert: float | None
    peak: float
    mean: float
    calibrated: bool


@dataclass(frozen=True, slots=True)
class RotationTruth:
    """A repetition, a look over the shoulder or a swivel and back; ``range`` against its own neutral."""

    side: Side
    position: RotationPosition
    start: float
    peak: float
    end: float
    range: float
    faults: tuple[RotationFault, ...]
    hold: tuple[float, float]
    """First and last moment within a tenth of the range of the peak."""

    @property
    def valid(self) -> bool:
        """Whether it counts."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class HoldTruth:
    """A hold; ``start`` and ``end`` are the borders of the zone, ``held`` the time inside."""

    technique: Technique
    side: Side | None
    start: float
    end: float
    held: float


@dataclass(frozen=True, slots=True)
class ActivityTruth:
    """An activity; time that is in none of them is sitting or standing."""

    kind: ActivityKind
    start: float
    end: float
    lying_side: LyingSide | None = None
    charging: bool = False


@dataclass(frozen=True, slots=True)
class ProtocolTruth:
    """A calibration protocol: still from ``start`` to ``still_end``, over at ``end``."""

    start: float
    still_end: float
    end: float


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything true about a recording.

    Attributes
    ----------
    t : (n,) float64
        Time stamps of all samples taken, lost ones too.
    sensor : (n, 4) float64
        Orientation of the sensor to world.
    flexion, lateral, axial, tilt : (n,) float64
        Thorax angles against the neutral of the protocol (without one: against the person's own zero).
    long_axis : (n,) float64
        Angle of gravity about the thorax's long axis, unwrapped; meaningful when lying.
    slouches, rotations, holds, activities, protocols
        In order of time.
    slips : tuple of float
        When the strap began to slip.
    gaps : tuple of (start, end)
        Without samples for more than :data:`GAP_S`.
    uncalibrated : tuple of (start, end)
        From a slip (or the strap taken off) to the end of the next protocol.
    ambiguous : tuple of (start, end)
        Where the angle only just crossed or only just missed a threshold.
    mounting : (4,) float64
        Sensor to thorax at the start.
    parameters : TruthParameters
        The figures used.
    """

    t: FloatArray
    sensor: FloatArray
    flexion: FloatArray
    lateral: FloatArray
    axial: FloatArray
    tilt: FloatArray
    long_axis: FloatArray
    slouches: tuple[SlouchTruth, ...]
    rotations: tuple[RotationTruth, ...]
    holds: tuple[HoldTruth, ...]
    activities: tuple[ActivityTruth, ...]
    protocols: tuple[ProtocolTruth, ...]
    slips: tuple[float, ...]
    gaps: tuple[tuple[float, float], ...]
    uncalibrated: tuple[tuple[float, float], ...]
    ambiguous: tuple[tuple[float, float], ...]
    mounting: FloatArray
    parameters: TruthParameters
