"""The strap's clock against UTC: a robust running fit of slope and offset.

A packet cannot arrive before it was sent, and the radio only adds delay: arrival = offset + slope * t + delay, with the
delay never below a floor. So the line is fitted to the earliest arrivals: the window is cut into equal stretches of the
strap's clock, each stretch gives its least delayed packet, and the line through those is found by iteratively
reweighted least squares with Tukey's biweight (Beaton & Tukey 1974), which lets a stretch that was late as a whole pull
nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

STRETCH_S = 2.0
"""A stretch holds 50 packets in low latency and 6 in economy, enough for one of them to pass without delay."""
WINDOW = 300
"""Stretches that are fitted: 10 minutes. A crystal's drift changes with temperature within that by under 1 ppm."""
PRIOR_PPM = 200.0
"""Before there is a window, the crystal is taken to be this good; the sensor's stamps are the crystal's."""
TUNING = 4.685
"""Tukey's constant for 95 % efficiency on Gaussian noise."""


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

    @property
    def fit(self) -> ClockFit | None:
        """The newest fit; None before the first packet."""
        return self._fit

    def add(self, t_s: float, arrival_s: float) -> None:
        """Take the time of a packet's newest sample and when it arrived, both s."""
        stretch = int(t_s // STRETCH_S)
        if stretch != self._stretch:
            if self._best is not None:
                self._done.append(self._best)
                self._refit()
            self._stretch, self._best = stretch, None
        # the least delayed packet has the smallest arrival - t; slope is 1 within a stretch to 1e-3 of a ms
        if self._best is None or arrival_s - t_s < self._best[1] - self._best[0]:
            self._best = (t_s, arrival_s)
            if not self._done:
                self._fit = ClockFit(t_s, arrival_s, 1.0)

    def _refit(self) -> None:
        t = np.array([point[0] for point in self._done])
        delay = np.array([point[1] - point[0] for point in self._done])
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
        self._fit = ClockFit(centre, centre + offset, 1.0 + drift)
