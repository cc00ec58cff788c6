"""Rotation lying on the back: seen by gravity, so it has no drift.

With world up ``u`` seen from the thorax (x forward, y left, z along the spine), lying on the back is ``u = (1, 0, 0)``.
Turning to the left by ``a`` about the long axis gives ``u = (cos a, -sin a, 0)``, hence ``a = atan2(-u_y, u_x)``: the
angle of gravity about the long axis, whatever the heading and whatever the fusion believes about it.
"""

from __future__ import annotations

import math

import numpy as np

from unslouch_signal.activity import OFF_BODY, WALKING, ActivityTrack
from unslouch_signal.neutral import NeutralParameters
from unslouch_signal.rests import Motion, RestParameters
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import Track

LEVEL = math.sin(math.radians(45.0))
"""The long axis lies within 45 deg of the horizontal where gravity has this much across it."""
TURN = 2.0 * math.pi
FARTHEST = math.radians(120.0)
"""Turned further than this from the back nobody is doing repetitions any more."""

SUPINE_REST = RestParameters(upright=math.radians(45.0), shortest_tilted=math.inf)
"""Lying quietly within 45 deg of flat on the back; a quiet stay further round is a hold or sleep, never a rest."""
SUPINE_NEUTRAL = NeutralParameters(drift=0.0, drift_walk=0.0)
"""Gravity does not drift."""


def supine_angle(up: FloatArray) -> FloatArray:
    """Rotation about the long axis from lying on the back, left positive.

    Parameters
    ----------
    up : (n, 3) float64
        World up in the thorax frame.

    Returns
    -------
    (n,) float64
        rad, -pi to pi; meaningless where the long axis is upright.
    """
    return np.arctan2(-up[:, 1], up[:, 0])


def inclination(up: FloatArray) -> FloatArray:
    """Angle of the long axis above the horizontal, rad: what sitting up changes and rotation does not."""
    return np.arcsin(np.clip(up[:, 2], -1.0, 1.0))


def lying_mask(track: Track, activity: ActivityTrack) -> BoolArray:
    """Where the thorax lies, not beyond 120 deg from the back; any side where the calibration cannot tell forward."""
    x, y = track.up[:, 0], track.up[:, 1]
    across = x * x + y * y
    lies = (across > LEVEL * LEVEL) & (activity.codes != WALKING) & (activity.codes != OFF_BODY)
    if not bool(lies.any()):
        return lies
    round_the_front = (x < 0.0) & (x * x > math.cos(FARTHEST) ** 2 * across)
    return lies & ~(round_the_front & np.isfinite(track.flexion))


class SupineMotion:
    """Gives what the finder needs of one stretch of lying; its state is the unwrapping of the angle."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._turns = 0.0

    def process(self, track: Track) -> Motion:
        """Turn the next grid points of the stretch into the motion about the long axis."""
        angle = supine_angle(track.up)
        n = len(track)
        away = np.where(np.isfinite(track.flexion), np.abs(angle), 0.0)
        unknown = np.full(n, np.nan)
        allowed = np.ones(n, np.bool_)
        return Motion(self._unwrapped(angle), track.rate, away, track.up, unknown, unknown, allowed, track.measured)

    def _unwrapped(self, angle: FloatArray) -> FloatArray:
        step = np.diff(np.concatenate(([angle[0] if self._last is None else self._last], angle)))
        # Whole numbers, so that the running sum is exact.
        turns = np.cumsum(np.concatenate(([self._turns], -np.round(step / TURN))))[1:]
        self._last, self._turns = float(angle[-1]), float(turns[-1])
        return angle + turns * TURN
