"""The strap's clock against UTC: a robust running fit of slope and offset.

A packet cannot arrive before it was sent, and the radio only adds delay: arrival = offset + slope * t + delay, with the
delay never below a floor. So the line is fitted to the earliest arrivals: the window is cut into equal stretches of the
strap's clock, each stretch gives its least delayed packet, and the line through those is found by iteratively
reweighted least squares with Tukey's biweight (Beaton & Tukey 1974), which lets a stretch that was late as a whole pull
nothing. Where this machine's clock was stepped (NTP), a new line begins: what was mapped before keeps its time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRETCH_S = 2.0
"""A stretch holds 50 packets in low latency and 6 in economy, enough for one of them to pass without delay."""
WINDOW = 300
"""Stretches that are fitted: 10 minutes. A crystal's drift changes with temperature within that by under 1 ppm."""
PRIOR_PPM = 200.0
"""Before there is a window, the crystal is taken to be this good; the sensor's stamps are the crystal's."""
TUNING = 4.685
"""Tukey's constant for 95 % efficiency on Gaussian noise."""
STEP_S = 0.12
"""NTP slews what is less (128 ms) and steps what is more. Above the jitter of a radio at its worst interval."""
STEP_STRETCHES = 5
"""Stretches that must agree before lateness is believed to be a step forward: no queue stays equally long for 10 s."""
AGREE_S = 0.05
KNOT_S = 600.0
"""Distance of the knots that :func:`knots_of` gives: a window."""

FloatArray = NDArray[np.float64]
Knot = tuple[float, float]
"""Time of the strap's clock and UTC, both s."""


@dataclass(frozen=True, slots=True)
class ClockFit:
    """UTC = ``utc_s`` + ``slope`` * (t - ``t_s``), s."""

    t_s: float
    utc_s: float
    slope: float

    def utc(self, t_s: float) -> float:
        """Return UTC of a time of the strap's clock."""
        return self.utc_s + self.slope * (t_s - self.t_s)


class ClockMap:
    """Maps one boot's clock to UTC; make a new one for each boot."""

    def __init__(self) -> None:
        self._done: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._stretch = -1
        self._best: tuple[float, float] | None = None
        self._fit: ClockFit | None = None
        self._stale = False
        self._doubted: list[tuple[float, float]] = []
        self._past: list[tuple[float, ClockFit]] = []
        """Lines that ended at a step, with the time of the strap's clock at which they did."""

    @property
    def fit(self) -> ClockFit | None:
        """The newest fit; None before the first packet."""
        if self._stale:
            self._fit, self._stale = fitted(np.array(self._done)), False
        return self._fit

    @property
    def steps(self) -> int:
        """How often this machine's clock was stepped."""
        return len(self._past)

    def utc(self, t_s: float) -> float | None:
        """Return UTC of a time of the strap's clock, as this machine's clock had it then; None before any packet."""
        for end, fit in self._past:
            if t_s < end:
                return fit.utc(t_s)
        return None if self.fit is None else self.fit.utc(t_s)

    def lines(self) -> tuple[tuple[float, ClockFit], ...]:
        """Return every line with the time at which it ends; the last one never does."""
        fit = self.fit
        return () if fit is None else (*self._past, (float("inf"), fit))

    def add(self, t_s: float, arrival_s: float) -> None:
        """Take the time of a packet's newest sample and when it arrived, both s."""
        stretch = int(t_s // STRETCH_S)
        if stretch != self._stretch:
            if self._best is not None:
                self._take(self._best)
            self._stretch, self._best = stretch, None
        # the least delayed packet has the smallest arrival - t; slope is 1 within a stretch to 1e-3 of a ms
        if self._best is None or arrival_s - t_s < self._best[1] - self._best[0]:
            self._best = (t_s, arrival_s)
            if not self._done:
                self._fit = ClockFit(t_s, arrival_s, 1.0)

    def _take(self, best: tuple[float, float]) -> None:
        """Take a stretch's least delayed packet, unless it tells of a step that is not believed yet."""
        if self._done:
            late = best[1] - best[0] - float(np.median([b - a for a, b in list(self._done)[-STEP_STRETCHES:]]))
            if late < -STEP_S:
                self._step([*self._doubted, best] if self._agrees(best) else [best])
                return
            if late > STEP_S:
                self._doubted = [*self._doubted, best] if self._agrees(best) else [best]
                if len(self._doubted) >= STEP_STRETCHES:
                    self._step(self._doubted)
                return
        self._doubted = []
        self._done.append(best)
        self._stale = True

    def _agrees(self, best: tuple[float, float]) -> bool:
        delays = [b - a for a, b in (*self._doubted, best)]
        return max(delays) - min(delays) <= AGREE_S

    def _step(self, since: list[tuple[float, float]]) -> None:
        fit = self.fit
        if fit is not None:
            self._past.append((since[0][0] // STRETCH_S * STRETCH_S, fit))
        self._done.clear()
        self._done.extend(since)
        self._doubted, self._stale = [], True


def fitted(points: FloatArray) -> ClockFit:
    """Return the line through least delayed packets.

    Parameters
    ----------
    points : (n, 2) float64
        Time of the strap's clock and arrival, s; n >= 1.
    """
    t, delay = points[:, 0], points[:, 1] - points[:, 0]
    centre = float(t[-1])
    x = t - centre
    offset, drift = float(np.min(delay)), 0.0
    weight = np.ones(len(t))
    # the prior on the drift decides while the window is short
    prior = (1e-3 / (PRIOR_PPM * 1e-6)) ** 2
    for _ in range(8):
        total = float(weight.sum())
        mean_x = float((weight * x).sum()) / total
        mean_d = float((weight * delay).sum()) / total
        spread = float((weight * (x - mean_x) ** 2).sum())
        drift = float((weight * (x - mean_x) * (delay - mean_d)).sum()) / (spread + prior)
        offset = mean_d - drift * mean_x
        residual = delay - (offset + drift * x)
        scale = max(1.4826 * float(np.median(np.abs(residual - np.median(residual)))), 2e-4)
        # a point above the line was late; one below cannot be early, so the line belongs lower
        ratio = np.clip((residual - float(np.min(residual)) * 0.5) / (TUNING * scale), -1.0, 1.0)
        weight = np.maximum((1 - ratio**2) ** 2, 1e-6)
    return ClockFit(centre, centre + offset, 1.0 + drift)


def knots_of(t_s: FloatArray, arrival_s: FloatArray) -> tuple[Knot, ...]:
    """Return what one boot's clock showed when, from all its packets: a polygon with a corner every ten minutes.

    The same as :class:`ClockMap` follows live, looked back on: each corner comes from the windows that begin and end
    there. A step of this machine's clock has a corner on either side.

    Parameters
    ----------
    t_s, arrival_s : (n,) float64
        Time of a packet's newest sample and when it arrived, s, in order of arrival.
    """
    if not len(t_s):
        return ()
    order = np.argsort(t_s, kind="stable")
    t, delay = t_s[order], (arrival_s - t_s)[order]
    starts = np.flatnonzero(np.r_[True, np.diff(t // STRETCH_S) > 0])
    least = np.minimum.reduceat(delay, starts)
    at = np.array([a + int(np.argmin(delay[a:b])) for a, b in zip(starts, [*starts[1:], len(t)], strict=True)])
    clock = ClockMap()
    knots: list[Knot] = []
    last = float(t[-1])
    begun, steps = float(t[at[0]]), 0
    for moment, late in zip(t[at].tolist(), least.tolist(), strict=True):
        clock.add(moment, moment + late)
        if clock.steps > steps:
            steps = clock.steps
            end, fit = clock.lines()[steps - 1]
            knots += [(begun, fit.utc(begun)), (end - 1e-6, fit.utc(end - 1e-6))]
            begun = end
        elif moment - begun >= KNOT_S and clock.fit is not None:
            fit = clock.fit
            knots.append((begun, fit.utc(begun)))
            begun = moment
    clock.add(last + 2 * STRETCH_S, last + 2 * STRETCH_S + float(least[-1]) + 1e-3)  # the last stretch is whole
    fit = clock.fit
    assert fit is not None
    knots += [(begun, fit.utc(begun))] + ([(last, fit.utc(last))] if last > begun else [])
    return tuple((round(a, 6), round(b, 6)) for a, b in sorted(dict(knots).items()))


def utc_of(knots: tuple[Knot, ...], t_s: float) -> float:
    """Return UTC of a time of a boot's clock; beyond the knots the clock goes on as between the nearest two.

    Parameters
    ----------
    knots
        At least one, in order.
    """
    if len(knots) == 1:
        return knots[0][1] + t_s - knots[0][0]
    i = min(max(bisect_right(knots, (t_s, float("inf"))), 1), len(knots) - 1)
    (a, before), (b, after) = knots[i - 1], knots[i]
    slope = (after - before) / (b - a)
    if (t_s < a or t_s > b) and abs(slope - 1) > PRIOR_PPM * 1e-6:
        slope = 1.0  # two knots near each other, or on either side of a step, tell no drift
    return (before + slope * (t_s - a)) if t_s <= b else after + slope * (t_s - b)
