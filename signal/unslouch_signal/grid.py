"""From samples of any rate to a uniform 50 Hz grid.

Grid point ``k`` lies at ``t0 + k / 50`` with ``t0`` the time of the first sample ever seen. Orientation between two
samples is the normalised linear interpolation of the quaternions (nlerp, signs matched): at 50 ms and 200 deg/s it
leaves the great circle by less than 0.001 deg. Vertical acceleration is the exact mean of the linear interpolant
over the cell that ends at the grid point, ``(C(t_k) - C(t_k-1)) * 50`` with ``C`` the running trapezoid, which is
an anti-alias filter for any input rate.

Gaps never invent motion:

- up to 0.4 s between samples the orientation is interpolated: one lost packet of 18 samples at 52 Hz is no gap;
- up to 0.5 s it is interpolated still, and ``measured`` is False;
- beyond that the last orientation is held, and ``measured`` is False;
- beyond 5 s the grid jumps: no points are made at all inside the gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import BoolArray, FlagArray, FloatArray, SampleBlock, SampleFlag, usable
from unslouch_signal.track import GRID_HZ

GRAVITY = 9.80665


@dataclass(frozen=True, slots=True)
class GridParameters:
    """Where sampling ends and a gap begins, s.

    ``interpolate_s``: in half a second a thorax can begin and end a fidget, but not sit down elsewhere. ``jump_s``: a
    session of seconds of held points costs nothing; a night without samples would be millions of them.
    """

    measured_s: float = 0.4
    interpolate_s: float = 0.5
    jump_s: float = 5.0


@dataclass(frozen=True, slots=True)
class GridBlock:
    """Consecutive grid points before any calibration is applied.

    ``quat`` is (4, n), by component: contiguous rows are what the arithmetic that follows is fast on. ``rate`` is
    rad/s from the chord between consecutive orientations (0 in a gap), ``acc_up`` is NaN where samples carry no
    acceleration.
    """

    k: NDArray[np.int64]
    t: FloatArray
    quat: FloatArray
    rate: FloatArray
    acc_up: FloatArray
    acc_size: FloatArray
    measured: BoolArray
    flags: FlagArray

    def __len__(self) -> int:
        return len(self.k)


@dataclass(slots=True)
class _Last:
    """The sample before the block, and the grid point before the next."""

    t: float
    quat: FloatArray
    acc: tuple[float, float]
    area: tuple[float, float]
    flags: int
    since: int
    """Flags of the samples that no grid point has shown yet."""
    point_quat: FloatArray
    point_area: tuple[float, float]
    point_k: int
    point_held: bool


class Grid:
    """Puts samples on the grid; state is the last sample and the last grid point."""

    def __init__(self, parameters: GridParameters | None = None) -> None:
        self._p = parameters or GridParameters()
        self._last: _Last | None = None
        self._t0 = 0.0

    @property
    def t0(self) -> float:
        """Time of grid point 0, s of the sensor's clock."""
        return self._t0

    def process(self, block: SampleBlock) -> GridBlock:
        """Return the grid points that ``block`` completes.

        Raises
        ------
        ValueError
            When the block carries no orientation.
        """
        if block.quat is None:
            raise ValueError("the grid needs orientation: fuse raw samples first")
        block = usable(block)
        if len(block) == 0 or block.quat is None:
            return _nothing()
        t, quat = block.t, np.ascontiguousarray(block.quat.T)
        acc = _linear(quat, block)
        first = self._last is None
        if self._last is None:
            self._t0 = float(t[0])
            q0, a0 = quat[:, 0].copy(), (float(acc[0][0]), float(acc[1][0]))
            # a sample just before the first one, so that the first is an interval like any other
            none = (0.0, 0.0)
            self._last = _Last(float(t[0]) - 0.01, q0, a0, none, int(block.flags[0]), 0, q0, none, -1, True)
        last = self._last
        t = np.concatenate(([last.t], t))
        quat = np.concatenate((last.quat[:, None], quat), axis=1)
        flags = np.concatenate((np.array([last.flags], np.uint8), block.flags))
        dt = t[1:] - t[:-1]
        bridged = np.where(dt <= self._p.interpolate_s, dt, 0.0)
        if first:
            bridged[0] = 0.0

        # grid points in (t[i], t[i + 1]] belong to interval i
        last_k = np.floor((t - self._t0) * GRID_HZ).astype(np.int64)
        if first:
            last_k[0] = -1
        made = np.where(dt <= self._p.jump_s, last_k[1:] - last_k[:-1], 0)
        n = int(made.sum())
        i = np.repeat(np.arange(len(dt)), made)
        # counted backwards from the interval's last grid point
        k = last_k[1:][i] - (np.cumsum(made)[i] - 1 - np.arange(n))
        time = self._t0 + k / GRID_HZ

        gap = dt[i]
        w = np.clip((time - t[i]) / gap, 0.0, 1.0)
        at_sample = w >= 1.0
        w_q = np.where((gap <= self._p.interpolate_s) | at_sample, w, 0.0)
        q = _nlerp(quat, i, w_q)
        measured = (gap <= self._p.measured_s) | at_sample
        held = (gap > self._p.interpolate_s) & ~at_sample
        was_held = np.concatenate(([last.point_held], held[:-1]))
        consecutive = k - np.concatenate(([last.point_k], k[:-1])) == 1
        before = np.concatenate((last.point_quat[:, None], q), axis=1)
        rate = np.where(consecutive & ~held & ~was_held, _chord(before), 0.0)

        means: list[FloatArray] = []
        areas: list[tuple[float, float]] = []
        for a, was, area, cell in zip(acc, last.acc, last.area, last.point_area, strict=True):
            mean, sums = _cell_means(np.concatenate(([was], a)), area, cell, bridged, i, w)
            means.append(np.where(consecutive | np.isnan(mean), mean, 0.0))
            areas.append(sums)
        area = (areas[0][0], areas[1][0])
        if n:
            cells = (areas[0][1], areas[1][1])
            point = (q[:, -1].copy(), cells, int(k[-1]), bool(held[-1]))
        else:
            point = (last.point_quat, last.point_area, last.point_k, last.point_held)
        newest = (float(acc[0][-1]), float(acc[1][-1]))
        seen, since = _flags_since(flags, i, last.since)
        self._last = _Last(float(t[-1]), quat[:, -1].copy(), newest, area, int(flags[-1]), since, *point)
        return GridBlock(k, time, q, rate, means[0], means[1], measured, seen)


def _linear(quat: FloatArray, block: SampleBlock) -> tuple[FloatArray, FloatArray]:
    """Acceleration without gravity at the samples: along world up, and its magnitude.

    ``|a - g u|^2 = |a|^2 - 2 g a.u + g^2`` needs no turning. NaN if there is none, 0 while the motor shakes.
    """
    if block.acc is None:
        nothing = np.full(len(block), np.nan)
        return nothing, nothing
    w, x, y, z = quat
    ax, ay, az = np.ascontiguousarray(block.acc.T)
    along = 2 * (x * z - w * y) * ax + 2 * (y * z + w * x) * ay + (1 - 2 * (x * x + y * y)) * az
    square = ax * ax + ay * ay + az * az - 2 * GRAVITY * along + GRAVITY * GRAVITY
    quiet = (block.flags & (SampleFlag.MOTOR | SampleFlag.SATURATED)) == 0
    return np.where(quiet, along - GRAVITY, 0.0), np.where(quiet, np.sqrt(np.maximum(square, 0.0)), 0.0)


def _flags_since(flags: FlagArray, i: NDArray[np.intp], since: int) -> tuple[FlagArray, int]:
    """Flags of the samples around each grid point and of those since the point before; and of those after the last.

    Points lie in the intervals ``i`` from ``flags[i]`` to ``flags[i + 1]``; above 100 Hz and beyond a jump of the grid
    there are samples in between, whose flags must not be lost.
    """
    if not since and not bool(flags.any()):
        return np.zeros(len(i), np.uint8), 0
    if len(i) == 0:
        return np.empty(0, np.uint8), since | int(np.bitwise_or.reduce(flags[1:]))
    ends = i + 2
    pairs = np.stack((np.minimum(np.concatenate(([1], ends[:-1])), i), ends), axis=1)
    seen = np.bitwise_or.reduceat(np.concatenate((flags, np.zeros(1, np.uint8))), pairs.ravel())[::2]
    seen[0] |= since
    return seen, int(np.bitwise_or.reduce(flags[ends[-1] :]))


def _cell_means(
    x: FloatArray, area: float, cell: float, dt: FloatArray, i: NDArray[np.intp], w: FloatArray
) -> tuple[FloatArray, tuple[float, float]]:
    """Means over the cells that end at the grid points; and the running area at the last sample and grid point."""
    known = np.isfinite(x)
    if not known.any():
        return np.full(len(i), np.nan), (area, cell)
    x = np.where(known, x, 0.0)
    sums = np.cumsum(np.concatenate(([area], 0.5 * dt * (x[1:] + x[:-1]))))
    at = sums[i] + dt[i] * w * (x[i] + (x[i + 1] - x[i]) * (0.5 * w))
    mean = (at - np.concatenate(([cell], at[:-1]))) * GRID_HZ
    newest = float(at[-1]) if len(at) else cell
    return np.where(known[i] & known[i + 1], mean, np.nan), (float(sums[-1]), newest)


def _nlerp(quat: FloatArray, i: NDArray[np.intp], w: FloatArray) -> FloatArray:
    w0, x0, y0, z0 = quat.take(i, axis=1)
    w1, x1, y1, z1 = quat.take(i + 1, axis=1)
    near = np.where(w0 * w1 + x0 * x1 + y0 * y1 + z0 * z1 < 0, -w, w)
    far = 1.0 - w
    out = np.stack((far * w0 + near * w1, far * x0 + near * x1, far * y0 + near * y1, far * z0 + near * z1))
    return out / np.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2] + out[3] * out[3])


def _chord(q: FloatArray) -> FloatArray:
    """Angular speed from consecutive orientations, rad/s (the chord of half the angle: 0.1 % at 10 rad/s)."""
    d = q[:, 1:] - q[:, :-1]
    s = q[:, 1:] + q[:, :-1]
    near = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + d[3] * d[3]
    far = s[0] * s[0] + s[1] * s[1] + s[2] * s[2] + s[3] * s[3]
    return 2.0 * GRID_HZ * np.sqrt(np.minimum(near, far))


def _nothing() -> GridBlock:
    e = np.empty(0)
    return GridBlock(np.empty(0, np.int64), e, np.empty((4, 0)), e, e, e, np.empty(0, np.bool_), np.empty(0, np.uint8))
