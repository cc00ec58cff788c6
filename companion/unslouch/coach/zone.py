"""The hold clock: sample time inside the zone."""

from __future__ import annotations

import numpy as np

from unslouch.coach.values import Zone
from unslouch_signal.events import HoldEvent, HoldNotice
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import GRID_HZ

JERK = float(np.radians(60.0))
"""rad/s inside the zone while a hold is not done: a hold is still; ordinary ways in and out stay below within it."""
MARGIN = np.radians(1.5)
"""Hysteresis at the zone's lower end: sway is no leaving."""


class ZoneClock:
    """Counts measured grid points inside the zone until enough are there."""

    def __init__(self, zone: Zone, needed: float) -> None:
        self.zone = zone
        self.needed = needed
        self.start: float | None = None
        self.end = 0.0
        self.overshoots = 0
        self.jerks = 0
        self.inside = False
        self._points = 0
        self._over = False
        self._jerked = False

    @property
    def held(self) -> float:
        """Seconds in the zone so far."""
        return self._points / GRID_HZ

    @property
    def done(self) -> bool:
        """Whether enough was held."""
        return self._points >= round(self.needed * GRID_HZ)

    def tick(self, t: FloatArray, angle: FloatArray, rate: FloatArray, measured: BoolArray) -> list[HoldEvent]:
        """Take a short piece of the track."""
        events: list[HoldEvent] = []
        for i in range(len(t)):
            self._point(float(t[i]), float(angle[i]), float(rate[i]), bool(measured[i]), events)
        return events

    def _point(self, t: float, angle: float, rate: float, measured: bool, events: list[HoldEvent]) -> None:
        if not measured or not np.isfinite(angle):
            if self.inside:
                self.inside = False
                events.append(HoldEvent(HoldNotice.GAP, t, self.held))
            return
        lo = self.zone.lo - (MARGIN if self.inside else 0.0)
        inside = lo <= angle <= self.zone.hi
        if inside != self.inside:
            self.inside = inside
            if inside and self.start is None:
                self.start = t
            over = angle > self.zone.hi
            if inside or not over:
                events.append(HoldEvent(HoldNotice.ENTERED if inside else HoldNotice.LEFT, t, self.held))
        over = angle > self.zone.hi
        if over and not self._over:
            self.overshoots += 1
            events.append(HoldEvent(HoldNotice.OVERSHOOT, t, self.held))
        self._over = over
        jerked = rate > JERK
        if inside and jerked and not self._jerked:
            self.jerks += 1
            events.append(HoldEvent(HoldNotice.JERK, t, self.held))
        self._jerked = jerked
        if inside:
            self.end = t
            was = self.done
            self._points += 1
            if self.done and not was:
                events.append(HoldEvent(HoldNotice.DONE, t, self.held))
