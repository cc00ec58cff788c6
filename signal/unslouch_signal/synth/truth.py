"""What was really so in a simulated recording.

Angles come from the true orientation, and spells, repetitions and holds from the true angles by their definitions
(docs/signal.md); the script only says where to look for what was meant. Times are stamps of the strap's clock, s; angles rad.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import radians
from typing import cast

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.events import (
    ActivityKind,
    Direction,
    LyingSide,
    RotationFault,
    RotationPosition,
    Side,
    Technique,
)
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.synth.rotations import multiply
from unslouch_signal.synth.script import ActivityNote, HoldNote, Note, ProtocolNote, RotationNote

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
    ambiguity_deg: float = 0.5
    ambiguity_s: float = 0.5


@dataclass(frozen=True, slots=True)
class SlouchTruth:
    """A spell; ``alert`` is the ideal time of the cue (None: too short). ``calibrated`` is False where the strap had slipped."""

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


@dataclass(frozen=True, slots=True)
class Angles:
    """True thorax angles (n,), rad; the fields are those of :class:`Truth`."""

    flexion: FloatArray
    lateral: FloatArray
    axial: FloatArray
    tilt: FloatArray
    long_axis: FloatArray


def angles_of(thorax: FloatArray, t: FloatArray, protocols: tuple[ProtocolTruth, ...]) -> Angles:
    """Thorax angles against the neutral: the mean direction of gravity while still in the protocol.

    Each protocol's neutral holds from its start to the next one's; the first one's also before.
    """
    q = thorax.T.copy()
    for i, p in enumerate(protocols):
        lo = 0 if i == 0 else int(np.searchsorted(t, p.start))
        hi = int(np.searchsorted(t, protocols[i + 1].start)) if i + 1 < len(protocols) else len(t)
        still = slice(*np.searchsorted(t, (p.start, p.still_end)))
        q[:, lo:hi] = multiply(q[:, lo:hi], _levelling(_up(thorax.T[:, still]).mean(axis=1))[:, None])
    x, y, z = _up(q)
    across = np.hypot(x, y)
    tilt = np.arctan2(across, z)
    share = tilt / np.where(across > 0, across, 1.0)
    axial = np.unwrap(2.0 * np.arctan2(q[3], q[0]))
    return Angles(-x * share, y * share, axial, tilt, np.unwrap(np.arctan2(-y, x)))


def _up(q: FloatArray) -> FloatArray:
    """World up in the body frame, (3, n), of orientations to world (4, n)."""
    w, x, y, z = q
    return np.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)))


def _levelling(up: FloatArray) -> FloatArray:
    """The shortest turn (4,) that takes z to the direction ``up`` (3,): thorax at neutral to levelled thorax."""
    u = up / np.linalg.norm(up)
    q = np.array([1.0 + u[2], -u[1], u[0], 0.0])
    return q / np.linalg.norm(q)


def spells(x: FloatArray, valid: BoolArray, enter: float, leave: float) -> NDArray[np.int64]:
    """Index pairs (m, 2), start and end, of stretches that begin at ``x >= enter`` and end at ``x < leave`` or not valid."""
    event = np.where(~valid | (x < leave), -1, np.where(x >= enter, 1, 0)).astype(np.int8)
    at = np.where(event != 0, np.arange(len(x)), 0)
    state = event[np.maximum.accumulate(at)] > 0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], state, [False])).astype(np.int8)))
    return edges.reshape(-1, 2)


def slouch_truth(
    t: FloatArray,
    angles: Angles,
    valid: BoolArray,
    uncalibrated: tuple[tuple[float, float], ...],
    p: TruthParameters,
) -> tuple[tuple[SlouchTruth, ...], tuple[tuple[float, float], ...]]:
    """Spells with their ideal alerts, and where a threshold was only just crossed or missed."""
    channels = (
        (Direction.FLEXION, angles.flexion),
        (Direction.EXTENSION, -angles.flexion),
        (Direction.LEAN_RIGHT, angles.lateral),
        (Direction.LEAN_LEFT, -angles.lateral),
    )
    enter, leave, margin = radians(p.enter_deg), radians(p.leave_deg), radians(p.ambiguity_deg)
    found: list[SlouchTruth] = []
    ambiguous: list[tuple[float, float]] = []
    for direction, x in channels:
        sure = spells(x, valid, enter + margin, leave)
        for a, b in spells(x, valid, enter - margin, leave):
            start, end = float(t[a]), float(t[min(b, len(t) - 1)])
            if not bool(np.any((sure[:, 0] < b) & (sure[:, 1] > a))) and end - start > p.least_spell_s:
                ambiguous.append((start, end))
        for a, b in spells(x, valid, enter, leave):
            start, end = float(t[a]), float(t[min(b, len(t) - 1)])
            if abs(end - start - p.dwell_s) < p.ambiguity_s:
                ambiguous.append((start, end))
            if end - start < p.least_spell_s:
                continue
            known = not any(u0 < end and start < u1 for u0, u1 in uncalibrated)
            part = x[a:b]
            found.append(SlouchTruth(direction, start, end, None, float(part.max()), float(part.mean()), known))
    found.sort(key=lambda s: s.start)
    last = -np.inf
    timed: list[SlouchTruth] = []
    for s in found:
        at = max(s.start + p.dwell_s, last + p.quiet_s)
        if s.calibrated and at <= s.end:
            last = at
            s = SlouchTruth(s.direction, s.start, s.end, at, s.peak, s.mean, s.calibrated)
        timed.append(s)
    return tuple(timed), tuple(sorted(ambiguous))


def rotation_truth(
    t: FloatArray,
    angles: Angles,
    notes: list[RotationNote],
    gaps: tuple[tuple[float, float], ...],
    p: TruthParameters,
) -> tuple[RotationTruth, ...]:
    """Repetitions by definition: the greatest excursion from the line between the rests before and after."""
    out: list[RotationTruth] = []
    for note in sorted(notes, key=lambda r: r.start):
        seated = note.position is RotationPosition.SEATED
        x = angles.axial if seated else angles.long_axis
        line = note.line or (note.start, note.end)
        if note.end > t[-1]:
            continue
        rests = [float(np.mean(x[slice(*np.searchsorted(t, (s - 0.2, s + 0.2)))])) for s in line]
        lo, hi = (int(i) for i in np.searchsorted(t, (note.start, note.end)))
        neutral = np.interp(t[lo:hi], line, rests)
        turn = 1.0 if note.side is Side.LEFT else -1.0
        away = turn * (x[lo:hi] - neutral)
        top = int(np.argmax(away))
        if away[top] < radians(p.least_rotation_deg):
            continue
        faults: list[RotationFault] = []
        if seated:
            before = slice(*np.searchsorted(t, (note.start - 0.3, note.start)))
            if float(np.mean(angles.tilt[before])) > radians(p.enter_deg):
                faults.append(RotationFault.STARTED_SLOUCHED)
            for fault, y in ((RotationFault.BENT_SIDEWAYS, angles.lateral), (RotationFault.FLEXED, angles.flexion)):
                bent = np.abs(y[lo:hi] - float(np.mean(y[before])))
                if float(bent.max()) > radians(p.spoilt_deg) and RotationFault.STARTED_SLOUCHED not in faults:
                    faults.append(fault)
        if any(g0 < note.end and note.start < g1 for g0, g1 in gaps):
            faults.append(RotationFault.CUT_BY_GAP)
        out.append(
            RotationTruth(
                note.side, note.position, note.start, float(t[lo + top]), note.end, float(away[top]), tuple(faults)
            )
        )
    return tuple(out)


def hold_truth(t: FloatArray, angles: Angles, notes: list[HoldNote], p: TruthParameters) -> tuple[HoldTruth, ...]:
    """Time inside the zone within each hold that was meant."""
    out: list[HoldTruth] = []
    for note in sorted(notes, key=lambda h: h.start):
        extension = note.technique is Technique.EXTENSION
        x = -angles.flexion if extension else angles.flexion
        zone = radians(p.extension_zone_deg if extension else p.doorway_zone_deg)
        lo, hi = (int(i) for i in np.searchsorted(t, (note.start, note.end)))
        inside = x[lo:hi] >= zone
        where = np.flatnonzero(inside)
        if len(where) == 0:
            continue
        step = np.diff(t[lo : hi + 1], append=t[min(hi, len(t) - 1)] if hi >= len(t) else [])
        held = float(np.sum(step[: len(inside)][inside[: len(step)]]))
        out.append(HoldTruth(note.technique, note.side, float(t[lo + where[0]]), float(t[lo + where[-1]]), held))
    return tuple(out)


def make_truth(
    t: FloatArray,
    sensor: FloatArray,
    thorax: FloatArray,
    notes: list[Note],
    slips: tuple[float, ...],
    gaps: tuple[tuple[float, float], ...],
    mounting: FloatArray,
    parameters: TruthParameters,
) -> Truth:
    """Apply the definitions to the true orientations (n, 4) at time stamps ``t`` (n,).

    ``notes`` are in the strap's time already.
    """
    end = float(t[-1])
    protocols = tuple(
        ProtocolTruth(n.start, n.still_end, n.end) for n in notes if isinstance(n, ProtocolNote) and n.end <= end
    )
    angles = angles_of(thorax, t, protocols)
    activities = [
        ActivityTruth(n.kind, n.start, min(n.end, end), n.lying_side, n.charging)
        for n in notes
        if isinstance(n, ActivityNote) and n.start < end
    ]
    activities += [ActivityTruth(ActivityKind.UNKNOWN, a, b) for a, b in gaps]
    activities.sort(key=lambda a: a.start)
    lost = sorted([*slips, *(a.start for a in activities if a.kind is ActivityKind.OFF_BODY)])
    uncalibrated: list[tuple[float, float]] = []
    for s in lost:
        if uncalibrated and s < uncalibrated[-1][1]:
            continue
        uncalibrated.append((s, min((p.end for p in protocols if p.start > s), default=end)))
    valid = np.ones(len(t), np.bool_)
    for a in activities:
        # getting down and up again is part of lying as far as posture goes
        around = 4.0 if a.kind is ActivityKind.LYING else 0.0
        valid[slice(*np.searchsorted(t, (a.start - around, a.end + around)))] = False
    doubtful = tuple(uncalibrated)
    slouches, ambiguous = slouch_truth(t, angles, valid, doubtful, parameters)
    return Truth(
        t,
        sensor,
        angles.flexion,
        angles.lateral,
        angles.axial,
        angles.tilt,
        angles.long_axis,
        slouches,
        rotation_truth(t, angles, [n for n in notes if isinstance(n, RotationNote)], gaps, parameters),
        hold_truth(t, angles, [n for n in notes if isinstance(n, HoldNote)], parameters),
        tuple(activities),
        protocols,
        slips,
        gaps,
        doubtful,
        ambiguous,
        mounting,
        parameters,
    )


def truth_to_json(truth: Truth) -> dict[str, object]:
    """Truth as plain values with the keys of ``unslouch analyze --json``, times in s and angles in deg.

    ``recording`` {duration_s, samples, gaps_s}, ``slouches`` [{direction, start_s, end_s, alert_s, peak_deg, mean_deg,
    calibrated}], ``rotations`` [{side, position, start_s, peak_s, end_s, range_deg, valid, reasons}], ``rotation_summary``
    {left_deg, right_deg, arc_deg, asymmetry_deg} over valid repetitions, ``holds`` [{technique, side, start_s, end_s, held_s}],
    ``activity`` [{kind, start_s, end_s, lying_side, charging}], and beyond those ``calibration_protocols`` [{start_s,
    still_end_s, end_s}], ``slips_s``, ``uncalibrated_s``, ``ambiguous_s``, ``mounting`` (w x y z, sensor to thorax).
    Seconds count from the clock's zero, which is the first sample of a simulation.
    """

    def s(value: float) -> float:
        return round(value, 3)

    def deg(value: float) -> float:
        return round(float(np.degrees(value)), 3)

    def spans(pairs: tuple[tuple[float, float], ...]) -> list[list[float]]:
        return [[s(a), s(b)] for a, b in pairs]

    summary: dict[str, float | None] = {}
    for side in Side:
        ranges = [r.range for r in truth.rotations if r.side is side and r.valid]
        summary[f"{side.value}_deg"] = deg(cast(float, np.mean(ranges))) if ranges else None
    left, right = summary["left_deg"], summary["right_deg"]
    both = left is not None and right is not None
    summary["arc_deg"] = round(left + right, 3) if both else None
    summary["asymmetry_deg"] = round(left - right, 3) if both else None
    return {
        "recording": {
            "duration_s": s(float(truth.t[-1] - truth.t[0])),
            "samples": len(truth.t),
            "gaps_s": spans(truth.gaps),
        },
        "slouches": [
            {
                "direction": x.direction.value,
                "start_s": s(x.start),
                "end_s": s(x.end),
                "alert_s": None if x.alert is None else s(x.alert),
                "peak_deg": deg(x.peak),
                "mean_deg": deg(x.mean),
                "calibrated": x.calibrated,
            }
            for x in truth.slouches
        ],
        "rotations": [
            {
                "side": x.side.value,
                "position": x.position.value,
                "start_s": s(x.start),
                "peak_s": s(x.peak),
                "end_s": s(x.end),
                "range_deg": deg(x.range),
                "valid": x.valid,
                "reasons": [f.value for f in x.faults],
            }
            for x in truth.rotations
        ],
        "rotation_summary": summary,
        "holds": [
            {
                "technique": x.technique.value,
                "side": None if x.side is None else x.side.value,
                "start_s": s(x.start),
                "end_s": s(x.end),
                "held_s": s(x.held),
            }
            for x in truth.holds
        ],
        "activity": [
            {
                "kind": x.kind.value,
                "start_s": s(x.start),
                "end_s": s(x.end),
                "lying_side": None if x.lying_side is None else x.lying_side.value,
                "charging": x.charging,
            }
            for x in truth.activities
        ],
        "calibration_protocols": [
            {"start_s": s(x.start), "still_end_s": s(x.still_end), "end_s": s(x.end)} for x in truth.protocols
        ],
        "slips_s": [s(x) for x in truth.slips],
        "uncalibrated_s": spans(truth.uncalibrated),
        "ambiguous_s": spans(truth.ambiguous),
        "mounting": [round(float(x), 6) for x in truth.mounting],
    }
