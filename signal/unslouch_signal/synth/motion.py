"""Motion as a function of time: minimum-jerk steps, travel, gait and smooth noise.

Everything here can be evaluated at any instant by itself, so a recording made in one piece and one made live in pieces
are the same bit for bit.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, replace
from enum import IntEnum
from math import inf, pi

import numpy as np

from unslouch_signal.samples import FloatArray


class Channel(IntEnum):
    """Degrees of freedom of the trunk, rad or m."""

    FLEXION = 0
    LATERAL = 1
    AXIAL = 2
    """Thorax against pelvis, about the long axis, + left."""
    HEADING = 3
    """Pelvis (chair, feet) against the room, about the vertical, + left."""
    RECLINE = 4
    """Whole body about its left-right axis: 0 upright, -90 deg supine."""
    X = 5
    Y = 6
    Z = 7
    FORE = 8
    """Hip displacement along the heading."""
    SIDE = 9
    """Hip displacement to the left of the heading."""


def minimum_jerk(x: FloatArray) -> FloatArray:
    """Smooth step from 0 at ``x <= 0`` to 1 at ``x >= 1`` (Flash & Hogan 1985, J Neurosci 5:1688, equation 3)."""
    c = np.clip(x, 0.0, 1.0)
    return c * c * c * (10.0 + c * (6.0 * c - 15.0))


def minimum_jerk_integral(x: FloatArray) -> FloatArray:
    """Integral of :func:`minimum_jerk` from 0, for any x (beyond 1 it grows with slope 1)."""
    c = np.clip(x, 0.0, 1.0)
    return c * c * c * c * (2.5 + c * (c - 3.0)) + np.maximum(x - 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one channel by ``delta`` between ``start`` and ``end`` (s)."""

    channel: Channel
    start: float
    end: float
    delta: float

    def progress(self, t: FloatArray) -> FloatArray:
        """What has been done of ``delta`` at times between start and end."""
        return self.delta * minimum_jerk((t - self.start) / (self.end - self.start))


@dataclass(frozen=True, slots=True)
class Travel:
    """A way along one channel: speed rises to ``speed`` (units per s) within ``ramp`` s, and falls before ``end``."""

    channel: Channel
    start: float
    end: float
    speed: float
    ramp: float = 1.0

    @property
    def delta(self) -> float:
        """Length of the way."""
        return self.speed * (self.end - self.start - self.ramp)

    def progress(self, t: FloatArray) -> FloatArray:
        """What has been done of ``delta`` at times between start and end."""
        rise = minimum_jerk_integral((t - self.start) / self.ramp)
        fall = minimum_jerk_integral((t - (self.end - self.ramp)) / self.ramp)
        return self.speed * self.ramp * (rise - fall)


@dataclass(frozen=True, slots=True)
class Gait:
    """Steps of walking or stairs.

    Amplitudes: ``bounce`` of the vertical acceleration at the step frequency (m/s^2), ``surge`` along the heading
    (m/s^2), ``sway`` to the side at half the step frequency (m/s^2), ``yaw``, ``pitch``, ``roll`` of the thorax (rad).
    """

    start: float
    end: float
    step_hz: float = 1.8
    bounce: float = 2.0
    surge: float = 1.0
    sway: float = 0.7
    yaw: float = 0.07
    pitch: float = 0.025
    roll: float = 0.03
    fade: float = 0.8

    def add(self, out: FloatArray, t: FloatArray) -> None:
        """Add the gait to ``out`` (channels, n) where it is active."""
        lo, hi = np.searchsorted(t, (self.start, self.end))
        if lo == hi:
            return
        s = t[lo:hi] - self.start
        window = minimum_jerk(s / self.fade) * minimum_jerk((self.end - self.start - s) / self.fade)
        # The rhythm wanders by a few per cent, as people's does; the phase stays an analytic function of time.
        phase = 2 * pi * self.step_hz * s + 0.35 * np.sin(0.9 * s)
        w = 2 * pi * self.step_hz
        step, double, stride = np.sin(phase), np.sin(2 * phase + 0.7), np.sin(0.5 * phase)
        # a = A sin(wt) is a displacement of -A/w^2 sin(wt); the second harmonic is the heel strike
        out[Channel.Z, lo:hi] -= window * (self.bounce * step + 0.4 * self.bounce * double / 4) / (w * w)
        out[Channel.FORE, lo:hi] -= window * self.surge * np.sin(phase + 1.2) / (w * w)
        out[Channel.SIDE, lo:hi] -= window * self.sway * stride * 4 / (w * w)
        out[Channel.AXIAL, lo:hi] += window * self.yaw * np.sin(0.5 * phase + 0.4)
        out[Channel.FLEXION, lo:hi] += window * self.pitch * np.sin(phase + 2.0)
        out[Channel.LATERAL, lo:hi] += window * self.roll * np.sin(0.5 * phase + 1.0)


Shift = Step | Travel
Primitive = Step | Travel | Gait


class Score:
    """All primitives that are to be played; evaluates channels at increasing times and forgets what is over.

    The order of additions depends on the primitives alone, never on how time is cut, so sums agree bit for bit.
    """

    def __init__(self) -> None:
        self._shifts: list[Shift] = []
        self._gaits: list[Gait] = []
        self._base = np.zeros(len(Channel))
        self._now = -inf

    def add(self, primitive: Primitive) -> None:
        """Add one primitive; it must not start before the time evaluated last.

        Raises
        ------
        ValueError
            When it starts in the past, or does not end after it starts.
        """
        if primitive.start < self._now or primitive.end <= primitive.start:
            raise ValueError(f"a movement must start after {self._now:g} s and take time, not {primitive}")
        if isinstance(primitive, Gait):
            self._gaits.append(primitive)
        else:
            insort(self._shifts, primitive, key=lambda p: p.end)

    def cancel(self, now: float) -> None:
        """Drop what has not begun at ``now``; gait and travel under way are brought to an end."""
        begun = [p for p in self._shifts if p.start < now]
        self._shifts = sorted((_shortened(p, now) for p in begun), key=lambda p: p.end)
        self._gaits = [_faded(p, now) for p in self._gaits if p.start < now]

    def targets(self) -> FloatArray:
        """Where each channel ends up once every shift is done, (channels,)."""
        out = self._base.copy()
        for p in self._shifts:
            out[p.channel] += p.delta
        return out

    def values(self, t: FloatArray) -> FloatArray:
        """Channels at times ``t`` (n,), increasing and not before the times of the call before, (channels, n)."""
        first, last = float(t[0]), float(t[-1])
        self._now = last
        while self._shifts and self._shifts[0].end < first:
            done = self._shifts.pop(0)
            self._base[done.channel] += done.delta
        out = np.repeat(self._base[:, None], len(t), axis=1)
        for p in self._shifts:
            if p.start < last:
                lo, hi = np.searchsorted(t, (p.start, p.end))
                out[p.channel, lo:hi] += p.progress(t[lo:hi])
                out[p.channel, hi:] += p.delta
        self._gaits = [p for p in self._gaits if p.end > first]
        for p in self._gaits:
            if p.start < last:
                p.add(out, t)
        return out


def _shortened(p: Shift, now: float) -> Shift:
    if isinstance(p, Step) or p.end <= now + 2 * p.ramp:
        return p
    return Travel(p.channel, p.start, max(now, p.start + p.ramp) + p.ramp, p.speed, p.ramp)


def _faded(p: Gait, now: float) -> Gait:
    return p if p.end <= now + 2 * p.fade else replace(p, end=max(now, p.start + p.fade) + p.fade)


def hashed_uniform(index: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int) -> FloatArray:
    """Uniform numbers in [-1, 1) that depend on the index and the seed alone (SplitMix64, Steele et al. 2014)."""
    offset = np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)
    z = index.astype(np.uint64) * np.uint64(0xD1342543DE82EF95) + offset
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def smooth_noise(t: FloatArray, knot_s: float, seed: int) -> FloatArray:
    """Band-limited noise between -1 and 1 with two continuous derivatives: a cubic B-spline through hashed numbers.

    Its spectrum falls off above ``1 / (2 knot_s)`` Hz; its standard deviation is about 0.4.
    """
    x = t / knot_s
    cell = np.floor(x)
    u = x - cell
    k = cell.astype(np.int64)
    first = int(k[0])
    c = hashed_uniform(np.arange(first, int(k[-1]) + 4, dtype=np.int64), seed)
    i = k - first
    v = 1.0 - u
    u2 = u * u
    b1 = u2 * (0.5 * u - 1.0) + 2.0 / 3.0
    b2 = v * v * (0.5 * v - 1.0) + 2.0 / 3.0
    return c[i] * (v * v * v / 6.0) + c[i + 1] * b1 + c[i + 2] * b2 + c[i + 3] * (u2 * u / 6.0)
