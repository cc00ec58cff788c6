"""The definitions that make truth out of true orientations.

Angles come from the true orientation, and spells, repetitions and holds from the true angles by their definitions
(docs/signal.md); the script only says where to look for what was meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.events import ActivityKind, Direction, RotationFault, RotationPosition, Side, Technique
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.synth.rotations import multiply
from unslouch_signal.synth.script import ActivityNote, HoldNote, Note, ProtocolNote, RotationNote
from unslouch_signal.synth.truth import (
    ActivityTruth,
    HoldTruth,
    ProtocolTruth,
    RotationTruth,
    SlouchTruth,
    Truth,
    TruthParameters,
)

_AT_ONCE = 1 << 16
"""Samples worked on at a time, so that a day needs little more memory than its angles."""


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
    levels: list[tuple[int, int, FloatArray | None]] = [(0, len(t), None)] if not protocols else []
    for i, p in enumerate(protocols):
        lo = 0 if i == 0 else int(np.searchsorted(t, p.start))
        hi = int(np.searchsorted(t, protocols[i + 1].start)) if i + 1 < len(protocols) else len(t)
        still = slice(*np.searchsorted(t, (p.start, p.still_end)))
        levels.append((lo, hi, _levelling(_up(thorax.T[:, still]).mean(axis=1))[:, None]))
    flexion, lateral, twist, tilt, about = (np.empty(len(t)) for _ in range(5))
    for lo, hi, level in levels:
        for a in range(lo, hi, _AT_ONCE):
            rows = slice(a, min(a + _AT_ONCE, hi))
            q = thorax[rows].T if level is None else multiply(thorax[rows].T, level)
            x, y, z = _up(q)
            across = np.hypot(x, y)
            tilt[rows] = np.arctan2(across, z)
            share = tilt[rows] / np.where(across > 0, across, 1.0)
            flexion[rows], lateral[rows] = -x * share, y * share
            twist[rows], about[rows] = 2.0 * np.arctan2(q[3], q[0]), np.arctan2(-y, x)
    return Angles(flexion, lateral, np.unwrap(twist), tilt, np.unwrap(about))


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
    """Stretches from ``x >= enter`` to ``x < leave`` or not valid, as indices (m, 2), start and end."""
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
        # the rest before the movement and the one after it; where they meet it there is hardly any yet
        windows = ((line[0] - 0.3, line[0] + 0.03), (line[1] - 0.03, line[1] + 0.3))
        rests = [float(np.mean(x[slice(*np.searchsorted(t, w))])) for w in windows]
        lo, hi = (int(i) for i in np.searchsorted(t, (note.start, note.end)))
        neutral = np.interp(t[lo:hi], line, rests)
        turn = 1.0 if note.side is Side.LEFT else -1.0
        away = turn * (x[lo:hi] - neutral)
        top = int(np.argmax(away))
        if away[top] < radians(p.least_rotation_deg):
            continue
        faults: list[RotationFault] = []
        if seated:
            before = slice(*np.searchsorted(t, (note.start - 0.3, note.start + 0.1)))
            if float(np.mean(angles.tilt[before])) > radians(p.enter_deg):
                faults.append(RotationFault.STARTED_SLOUCHED)
            for fault, y in ((RotationFault.BENT_SIDEWAYS, angles.lateral), (RotationFault.FLEXED, angles.flexion)):
                bent = np.abs(y[lo:hi] - float(np.mean(y[before])))
                if float(bent.max()) > radians(p.spoilt_deg) and RotationFault.STARTED_SLOUCHED not in faults:
                    faults.append(fault)
        if any(g0 < note.end and note.start < g1 for g0, g1 in gaps):
            faults.append(RotationFault.CUT_BY_GAP)
        held = np.flatnonzero(away >= 0.9 * away[top])
        hold = (float(t[lo + held[0]]), float(t[lo + held[-1]]))
        peak, reach = float(t[lo + top]), float(away[top])
        out.append(RotationTruth(note.side, note.position, note.start, peak, note.end, reach, tuple(faults), hold))
    return tuple(out)


def hold_truth(
    t: FloatArray,
    angles: Angles,
    notes: list[HoldNote],
    rotations: tuple[RotationTruth, ...],
    p: TruthParameters,
) -> tuple[HoldTruth, ...]:
    """Time inside the zone within each hold that was meant, and the held peaks of valid repetitions."""
    out: list[HoldTruth] = []
    for note in notes:
        extension = note.technique is Technique.EXTENSION
        x = -angles.flexion if extension else angles.flexion
        zone = radians(p.extension_zone_deg if extension else p.doorway_zone_deg)
        lo, hi = (int(i) for i in np.searchsorted(t, (note.start, note.end)))
        inside = np.flatnonzero(x[lo:hi] >= zone)
        if len(inside) == 0:
            continue
        step = float(np.median(np.diff(t)))
        held = len(inside) * step
        out.append(HoldTruth(note.technique, note.side, float(t[lo + inside[0]]), float(t[lo + inside[-1]]), held))
    for r in rotations:
        start, end = r.hold
        if r.valid and end - start >= p.least_rotation_hold_s:
            seated = r.position is RotationPosition.SEATED
            technique = Technique.SEATED_ROTATION if seated else Technique.SUPINE_ROTATION
            out.append(HoldTruth(technique, r.side, start, end, end - start))
    return tuple(sorted(out, key=lambda h: h.start))


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
        valid[slice(*np.searchsorted(t, (a.start, a.end)))] = False
    doubtful = tuple(uncalibrated)
    rotations = rotation_truth(t, angles, [n for n in notes if isinstance(n, RotationNote)], gaps, parameters)
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
        rotations,
        hold_truth(t, angles, [n for n in notes if isinstance(n, HoldNote)], rotations, parameters),
        tuple(activities),
        protocols,
        slips,
        gaps,
        doubtful,
        ambiguous,
        mounting,
        parameters,
    )
