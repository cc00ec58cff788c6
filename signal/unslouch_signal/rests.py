"""Where a turning thorax rests: the fixed points every rotation is measured between.

A rest is upright and quiet. Quiet is judged by the angular rate (boxcar of 0.3 s) and by how far the angle itself gets
in 0.6 s, so that a slow turn is no rest. The top of a bend is quiet for a moment too; away from upright only a longer
quiet counts, which a held slouch has and a bend has not.

Everything is elementwise on the grid, from sums of shifted slices in a fixed order and running maxima with a carry:
how the stream is cut changes no bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import GRID_HZ

IntArray = NDArray[np.int64]

REACH = 15
"""Grid points either side that a rest is judged by (0.3 s)."""
_SMOOTH = 2
_SPEED = 7
_JUMP = 3
_APART = 10


@dataclass(frozen=True, slots=True)
class RestParameters:
    """When a thorax counts as resting.

    Attributes
    ----------
    quiet_rate : float
        rad/s. Breathing, sway and typing stay below 5 deg/s at the upper back; the slowest repetition (20 deg in 2 s)
        is above it on the way.
    creep_rate : float
        rad/s, change of the angle itself over 0.6 s. 3.5 deg/s: an out-and-back of 35 deg within 20 s is faster.
    shortest : float
        s of quiet that make a rest when upright.
    upright : float
        rad of tilt from neutral. The quiet top of a bend lies beyond it.
    shortest_tilted : float
        s of quiet that make a rest when tilted further (a slouch one starts from; a bend's top is shorter).
    most_acceleration : float
        rad/s^2 of the angle, over 0.12 s. Fast repetitions of real people stay below 1000 deg/s^2; beyond 1500 nothing
        turned, the heading of a sensor's own fusion jumped.
    """

    quiet_rate: float = math.radians(10.0)
    creep_rate: float = math.radians(3.5)
    shortest: float = 0.3
    upright: float = math.radians(15.0)
    shortest_tilted: float = 1.5
    most_acceleration: float = math.radians(1500.0)


@dataclass(frozen=True, slots=True)
class Motion:
    """What one rotation finder looks at, on consecutive grid points.

    Attributes
    ----------
    angle : (n,) float64
        rad, the angle that turns.
    rate : (n,) float64
        rad/s, magnitude of the angular velocity.
    tilt : (n,) float64
        rad, away from where one rests.
    up : (n, 3) float64
        World up in the thorax frame: what changes when the trunk bends.
    flexion, lateral : (n,) float64
        rad; NaN where unknown.
    allowed : (n,) bool
        False where no rotation can be (walking, lying, off body).
    measured : (n,) bool
    """

    angle: FloatArray
    rate: FloatArray
    tilt: FloatArray
    up: FloatArray
    flexion: FloatArray
    lateral: FloatArray
    allowed: BoolArray
    measured: BoolArray

    def __len__(self) -> int:
        return len(self.angle)

    def cut(self, lo: int, hi: int | None = None) -> Motion:
        """Take the rows ``lo:hi``."""
        return Motion(*(getattr(self, f.name)[lo:hi] for f in fields(Motion)))

    def then(self, later: Motion) -> Motion:
        """Append the rows of a later block."""
        return Motion(*(np.concatenate((getattr(self, f.name), getattr(later, f.name))) for f in fields(Motion)))

    def edge(self, row: int, n: int) -> Motion:
        """Repeat one row, to pad the ends of a stretch."""
        return Motion(*(np.repeat(getattr(self, f.name)[[row]], n, axis=0) for f in fields(Motion)))


@dataclass(frozen=True, slots=True)
class RestedMotion:
    """Motion with its rests; index 0 is grid point ``base``.

    Attributes
    ----------
    motion : Motion
        With the angle smoothed over 0.1 s and the rate over 0.3 s.
    rest : (n,) int64
        How many grid points the rest at this point has lasted (0 where there is none).
    last_rest : (n,) int64
        The latest absolute grid point that rests, up to this one (-1 before the first).
    jumped : (n,) bool
        The heading jumped here.
    """

    base: int
    motion: Motion
    rest: IntArray
    last_rest: IntArray
    jumped: BoolArray

    @property
    def end(self) -> int:
        """Absolute grid point after the last."""
        return self.base + len(self.rest)

    def cut(self, lo: int) -> RestedMotion:
        """Forget what lies before the absolute grid point ``lo``."""
        i = max(lo - self.base, 0)
        if i == 0:
            return self
        return RestedMotion(self.base + i, self.motion.cut(i), self.rest[i:], self.last_rest[i:], self.jumped[i:])

    def then(self, later: RestedMotion) -> RestedMotion:
        """Append the rows that follow."""
        return RestedMotion(
            self.base,
            self.motion.then(later.motion),
            np.concatenate((self.rest, later.rest)),
            np.concatenate((self.last_rest, later.last_rest)),
            np.concatenate((self.jumped, later.jumped)),
        )


def _boxcar(a: FloatArray, half: int, n: int) -> FloatArray:
    """Mean over ``2 half + 1`` points centred on rows ``REACH .. REACH + n``, summed in a fixed order."""
    out = a[REACH - half : REACH - half + n].copy()
    for shift in range(REACH - half + 1, REACH + half + 1):
        out += a[shift : shift + n]
    out *= 1.0 / (2 * half + 1)
    return out


class RestFinder:
    """Marks the rests of one uninterrupted stretch of grid points, ``REACH`` points behind it."""

    def __init__(self, base: int, parameters: RestParameters) -> None:
        """Begin at the absolute grid point ``base``."""
        self._p = parameters
        self._next = base
        self._tail: Motion | None = None
        self._last_busy = base - 1
        self._last_rest = -1

    def process(self, motion: Motion) -> RestedMotion:
        """Take the next rows and return those that are decided."""
        if len(motion) == 0:
            return self._judge(motion)
        raw = motion.edge(0, REACH).then(motion) if self._tail is None else self._tail.then(motion)
        self._tail = raw.cut(max(len(raw) - 2 * REACH, 0))
        return self._judge(raw)

    def finish(self) -> RestedMotion | None:
        """Return the last rows: the stretch ends here."""
        if self._tail is None:
            return None
        return self._judge(self._tail.then(self._tail.edge(-1, REACH)))

    def _judge(self, raw: Motion) -> RestedMotion:
        p = self._p
        n = max(len(raw) - 2 * REACH, 0)
        base = self._next
        here = raw.cut(REACH, REACH + n) if n else raw.cut(0, 0)
        k = np.arange(base, base + n, dtype=np.int64)
        if n == 0:
            return RestedMotion(base, here, k, k, here.measured)
        rate = _boxcar(raw.rate, _SPEED, n)
        creep = np.abs(raw.angle[2 * REACH :] - raw.angle[:n])
        quiet = (rate < p.quiet_rate) & (creep < p.creep_rate * (2 * REACH / GRID_HZ)) & here.allowed & here.measured
        jumped = self._jumped(raw, n)
        last_busy = np.maximum.accumulate(np.where(quiet, self._last_busy, k))
        run = k - last_busy
        upright, tilted = p.shortest * GRID_HZ, p.shortest_tilted * GRID_HZ
        rest = np.where(run >= np.where(here.tilt < p.upright, upright, tilted), run, 0)
        last_rest = np.maximum.accumulate(np.where(rest > 0, k, self._last_rest))
        self._next = base + n
        self._last_busy = int(last_busy[-1])
        self._last_rest = int(last_rest[-1])
        smooth = Motion(
            _boxcar(raw.angle, _SMOOTH, n),
            rate,
            here.tilt,
            here.up,
            here.flexion,
            here.lateral,
            here.allowed,
            here.measured,
        )
        return RestedMotion(base, smooth, rest, last_rest, jumped)

    def _jumped(self, raw: Motion, n: int) -> BoolArray:
        """Where the angle starts and stops within 0.2 s either way faster than a trunk can.

        A jump bends the angle one way and then the other; a hole bridged at the top of a turn bends it one way twice.
        What turned in a gap is no jump.
        """
        angle, m = raw.angle, len(raw)
        bends = angle[: m - 2 * _JUMP] - 2.0 * angle[_JUMP : m - _JUMP] + angle[2 * _JUMP :]
        most = self._p.most_acceleration * (_JUMP / GRID_HZ) ** 2
        sharp = np.abs(bends) > most
        ups, downs = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        if not bool(sharp.any()):
            return ups
        lost = ~raw.measured
        sharp &= ~(lost[: m - 2 * _JUMP] | lost[_JUMP : m - _JUMP] | lost[2 * _JUMP :])
        up, down = sharp & (bends > 0), sharp & (bends < 0)
        first = REACH - _JUMP - _APART
        for i in range(first, first + 2 * _APART + 1):
            ups |= up[i : i + n]
            downs |= down[i : i + n]
        return ups & downs
