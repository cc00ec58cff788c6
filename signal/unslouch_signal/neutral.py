"""The running neutral: where the thorax points when it rests, and how fast that drifts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unslouch_signal.track import GRID_HZ


@dataclass(frozen=True, slots=True)
class NeutralParameters:
    """How far rests are believed.

    Attributes
    ----------
    repositioning : float
        rad, one sigma of how well people come back to the same heading: 2.5 deg.
    drift : float
        rad/s, one sigma of the heading drift that fusion leaves before anything is known: 0.1 deg/s. 0 where the angle
        is seen by gravity.
    drift_walk : float
        rad/s per root second, how fast the drift itself changes.
    """

    repositioning: float = math.radians(2.5)
    drift: float = math.radians(0.1)
    drift_walk: float = math.radians(0.005)


class RunningNeutral:
    """Level and drift rate, fed by rests only.

    The level is that of the latest rest: people sit differently after a while, and it is theirs now. The drift rate is
    a Kalman estimate from the slopes between rests. Serves the repetition that goes straight over to the other side,
    which has no rest of its own.
    """

    def __init__(self, parameters: NeutralParameters) -> None:
        """Start without a level; ``known`` is False until the first rest."""
        self._r = parameters.repositioning**2
        self._q = parameters.drift_walk**2
        self._level = 0.0
        self._rate = 0.0
        self._k = 0
        self._p = (self._r, 0.0, parameters.drift**2)
        self.known = False

    @property
    def rate(self) -> float:
        """rad/s."""
        return self._rate

    @property
    def k(self) -> int:
        """Grid point of the latest rest."""
        return self._k

    def at(self, k: int) -> float:
        """Level (rad) expected at a grid point."""
        return self._level + self._rate * ((k - self._k) / GRID_HZ)

    def forget(self) -> None:
        """Lose the level, not the drift: the body moved off, the sensor did not change."""
        self.known = False

    def restart(self, level: float, k: int) -> None:
        """Take a new level as it is: the body faces another way now."""
        dt = (k - self._k) / GRID_HZ if self.known else 0.0
        self._level, self._k = level, k
        self._p = (self._r, 0.0, self._p[2] + self._q * max(dt, 0.0))
        self.known = True

    def update(self, level: float, k: int) -> None:
        """Take a rest: its level as it is, its slope as far as people come back exactly."""
        dt = (k - self._k) / GRID_HZ
        if not self.known or dt <= 0.0:
            self._level, self._k, self.known = level, max(k, self._k), True
            return
        p11, p12, p22 = self._p
        p11 += dt * (2.0 * p12 + dt * p22)
        p12 += dt * p22
        p22 += self._q * dt
        gain = p12 / (p11 + self._r)
        self._rate += gain * (level - self.at(k))
        self._level, self._k = level, k
        # The next slope is measured from this rest, whose own error is all the level has.
        self._p = (self._r, 0.0, p22 - gain * p12)
