"""The angle a technique is about, and whether the person is in position, from pieces of the track."""

from __future__ import annotations

import math

import numpy as np

from unslouch.coach.technique import Position, TechniqueSpec
from unslouch_signal.events import ActivityKind, DoubtReason, Side, Technique
from unslouch_signal.samples import FloatArray, SampleFlag
from unslouch_signal.supine import supine_angle
from unslouch_signal.track import GRID_HZ, PostureFrame, Track

UPRIGHT = math.radians(15.0)
"""Tilt from neutral within which one stands or sits upright."""
LEVEL = math.sin(math.radians(40.0))
"""How much of gravity may lie along the spine of someone who lies."""
ON_BACK = math.radians(35.0)
"""Turned from flat on the back, in which the middle may be looked for."""
FALLEN = math.radians(60.0)
"""Tilt beyond which nobody does a standing or sitting technique any more."""
QUIET = math.radians(8.0)
"""rad/s; breathing and sway stay below."""
FOLLOW = math.radians(7.0)
"""How far from the middle a quiet moment still corrects the middle (repositioning error and drift)."""
FOLLOW_S = 1.0
"""Time constant of that correction."""
JUMP = math.radians(60.0)
"""Further than any thorax turns in a tenth of a second: the angle counts from elsewhere now (calibrated anew)."""
STAYED_S = 30.0
"""Quiet this long away from the middle, longer than any hold of a rotation: the body faces another way now."""


class Measure:
    """The angle in the direction of the movement, rad: positive toward the zone.

    Extension is backward, the doorway stretch forward flexion, both from the calibrated neutral. Lying, gravity gives
    the turn about the long axis. Sitting, the turn is counted from a middle that follows quiet moments near it, for the
    heading drifts.
    """

    def __init__(self, spec: TechniqueSpec) -> None:
        self._technique = spec.technique
        self._middle: float | None = None
        self._away_s = 0.0
        self._last: float | None = None
        self.side: Side | None = spec.sides[0]

    def forget_middle(self) -> None:
        """Look for the middle anew: the body may face another way."""
        self._middle = None

    def angles(self, piece: Track) -> FloatArray:
        """The angle at each point of a short piece (a tenth of a second); NaN while there is no middle yet.

        The middle is corrected by the piece first, when that is quiet.
        """
        sign = -1.0 if self.side is Side.RIGHT else 1.0
        match self._technique:
            case Technique.EXTENSION:
                return -piece.flexion
            case Technique.DOORWAY:
                return piece.flexion
            case Technique.SUPINE_ROTATION:
                return sign * supine_angle(piece.up)
            case Technique.SEATED_ROTATION:
                self._follow(piece)
                middle = math.nan if self._middle is None else self._middle
                return sign * (piece.axial - middle)

    def _follow(self, piece: Track) -> None:
        if bool((piece.flags & SampleFlag.HEADING_LOST).any()):
            self._middle = None
        if not bool(piece.measured.all()):
            return
        here, seconds = float(piece.axial.mean()), len(piece) / GRID_HZ
        last, self._last = self._last, here
        if last is not None and abs(here - last) > JUMP:
            self._middle = None
        if float(piece.rate.max()) > QUIET:
            return
        if self._middle is None:
            if float(piece.tilt.max()) < UPRIGHT:
                self._middle = here
            return
        if abs(here - self._middle) < FOLLOW:
            self._middle += (here - self._middle) * seconds / FOLLOW_S
            self._away_s = 0.0
            return
        self._away_s += seconds
        if self._away_s > STAYED_S:
            self._middle, self._away_s = here, 0.0


def in_position(spec: TechniqueSpec, piece: Track) -> bool:
    """Whether the person is where the movement begins: upright near the neutral, or flat on the back."""
    if spec.position is Position.SUPINE:
        level = float(np.abs(piece.up[:, 2]).max()) < LEVEL
        return level and float(np.abs(supine_angle(piece.up)).max()) < ON_BACK
    return float(piece.tilt.max()) < UPRIGHT


NO_SAMPLES = "No samples arrive from the strap. The clock waits."


def hindrance(spec: TechniqueSpec, frame: PostureFrame | None, piece: Track) -> str | None:
    """Why nothing can be counted now, in a sentence; None when all is well."""
    if frame is None or frame.activity == ActivityKind.UNKNOWN or not bool(piece.measured.any()):
        return NO_SAMPLES
    if frame.activity == ActivityKind.OFF_BODY:
        return "The strap is not worn. The clock waits."
    if uncalibrated(spec, frame):
        return "The strap may sit differently now. Sit upright and still for a moment, or calibrate again."
    if frame.activity == ActivityKind.WALKING:
        return "Stand still first. The clock waits."
    if spec.position is Position.SUPINE and abs(float(piece.up[-1, 2])) > LEVEL:
        return "Lie down on your back. The clock waits."
    if spec.position is not Position.SUPINE and float(piece.tilt[-1]) > FALLEN:
        return "Come upright again. The clock waits."
    return None


def uncalibrated(spec: TechniqueSpec, frame: PostureFrame) -> bool:
    """Whether the calibration does not serve this technique now.

    Lying long makes a calibration doubtful for slouching; what lies already is measured by gravity against the same
    neutral and goes on.
    """
    if not frame.calibrated or (spec.needs_forward and frame.flexion is None):
        return True
    lies = spec.position is Position.SUPINE and frame.doubt == DoubtReason.LYING_LONG
    return frame.doubt is not None and not lies


def mean_measured(angles: FloatArray, piece: Track) -> float | None:
    """Mean angle over the measured points of a piece, None without any."""
    good = piece.measured & np.isfinite(angles)
    return float(angles[good].mean()) if bool(good.any()) else None
