"""Thorax angles by the swing-twist split.

With ``q`` the orientation of the calibrated thorax frame (thorax to world, z up at neutral), ``q = T S``: ``T`` a turn
about the vertical and ``S`` the shortest tilt, seen by the person who has turned. World up in the thorax frame,
``u = q^-1 z``, fixes S alone:

- tilt ``theta = atan2(hypot(u_x, u_y), u_z)``;
- flexion ``-theta u_x / hypot(u_x, u_y)``, lateral bend ``theta u_y / hypot(u_x, u_y)``: the two parts of the
  tilt's rotation vector (about +y and about +x);
- axial ``2 atan2(q_z, q_w)`` less the heading of the neutral, unwrapped.

Flexion and lateral bend come from gravity alone and cannot drift. They are those of the thorax frame: with the
trunk turned 30 deg, 20 deg of flexion at the hip reads 17.4. Axial rotation has no jump at 180 deg; it is undefined
only upside down.
"""

from __future__ import annotations

import numpy as np

from unslouch_signal.calibration import Calibration
from unslouch_signal.grid import GridBlock
from unslouch_signal.quaternion import wrap
from unslouch_signal.samples import FloatArray
from unslouch_signal.track import Track

TURN = 2.0 * np.pi


class ThoraxAngles:
    """Turns sensor orientation into thorax angles; its state is the unwrapping of the axial angle."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._twist: float | None = None
        self._turns = 0.0
        self._zero = 0.0

    def process(self, grid: GridBlock) -> Track:
        """Apply the calibration to consecutive grid points."""
        c = self._calibration
        w, x, y, z = _mounted(grid.quat, c.mount)
        up = np.empty((len(grid), 3))
        ux, uy, uz = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
        up[:, 0], up[:, 1], up[:, 2] = ux, uy, uz
        across = np.sqrt(ux * ux + uy * uy)
        tilt = np.arctan2(across, uz)
        if c.forward_known:
            # at neutral both are 0 whatever the direction
            share = tilt / np.where(across > 0, across, 1.0)
            flexion, lateral = -ux * share, uy * share
        else:
            flexion = lateral = np.full(len(grid), np.nan)
        return Track(
            grid.k,
            grid.t,
            flexion,
            lateral,
            self._unwrapped(2.0 * np.arctan2(z, w)),
            tilt,
            up,
            grid.rate,
            grid.acc_up,
            grid.measured,
            grid.flags,
        )

    def _unwrapped(self, twist: FloatArray) -> FloatArray:
        if len(twist) == 0:
            return twist
        if self._twist is None:
            heading = self._calibration.heading
            self._twist = float(twist[0])
            self._zero = self._twist if heading is None else heading
            # the first point within half a turn of the neutral
            self._turns = np.round((wrap(self._twist - self._zero) - (self._twist - self._zero)) / TURN)
        step = twist - np.concatenate(([self._twist], twist[:-1]))
        # whole numbers, so that the running sum is exact
        turns = np.cumsum(np.concatenate(([self._turns], -np.round(step / TURN))))[1:]
        self._twist, self._turns = float(twist[-1]), float(turns[-1])
        return (twist - self._zero) + turns * TURN


def _mounted(q: FloatArray, mount: tuple[float, float, float, float]) -> tuple[FloatArray, ...]:
    """``q * mount`` by components, q (4, n)."""
    aw, ax, ay, az = q
    bw, bx, by, bz = mount
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )
