"""The hold clock of the four techniques, live: sample time inside a zone, and when not to force.

A zone lies between two angles in the direction of the movement. The clock counts measured grid points inside it, so
it pauses outside and across gaps, and no arrival time enters. A margin keeps sway from stopping it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unslouch_signal.events import HoldEvent, HoldNotice, HoldSpan, Side, Technique
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.supine import supine_angle
from unslouch_signal.track import GRID_HZ, Track
from unslouch_signal.window import RunningMean, Schmitt

ZONE_SHARE = 0.7
"""A zone begins at this share of the person's own best range: a stretch, short of its end."""
OVER_SHARE = 1.1
"""... and ends this far beyond it: the best of yesterday may be reached, not forced."""
SANE: dict[Technique, tuple[float, float]] = {
    Technique.EXTENSION: (math.radians(10.0), math.radians(35.0)),
    Technique.DOORWAY: (math.radians(10.0), math.radians(35.0)),
    Technique.SUPINE_ROTATION: (math.radians(20.0), math.radians(80.0)),
    Technique.SEATED_ROTATION: (math.radians(20.0), math.radians(70.0)),
}
"""Zones where nothing is known of the person (rad): from what is clearly a movement to what few exceed."""
_MIDDLE = math.radians(7.0)
"""How far from the middle a quiet moment still moves it: repositioning error and drift."""
_QUIET = math.radians(8.0)
_UPRIGHT = math.radians(15.0)


@dataclass(frozen=True, slots=True)
class HoldParameters:
    """One hold to be done.

    Attributes
    ----------
    technique, side
        What is held; a side for all but extension.
    lower, upper : float
        rad, the zone, in the direction of the movement.
    needed : float
        s inside the zone until it is done.
    margin : float
        rad of hysteresis at either end of the zone.
    jerk_rate : float
        rad/s inside or beyond the zone that is called a jerk; a brisk way in (50 deg in 1.5 s) enters it at 57 deg/s.
    """

    technique: Technique
    side: Side | None
    lower: float
    upper: float
    needed: float = 20.0
    margin: float = math.radians(1.5)
    jerk_rate: float = math.radians(60.0)


def zone_for(technique: Technique, best: float | None) -> tuple[float, float]:
    """Lower and upper end of the zone (rad) from the person's best calibrated range, or sane ones without it.

    Raises
    ------
    ValueError
        When the best range is not positive.
    """
    if best is None:
        return SANE[technique]
    if not best > 0.0:
        raise ValueError("the best range must be positive")
    return ZONE_SHARE * best, OVER_SHARE * best


def hold_for(technique: Technique, side: Side | None, best: float | None, needed: float = 20.0) -> HoldParameters:
    """Return the hold of a technique in the person's own zone."""
    lower, upper = zone_for(technique, best)
    return HoldParameters(technique, side, lower, upper, needed)


class _Middle:
    """Where a seated turn counts from: the beginning of the latest quiet, upright moment near the one before."""

    def __init__(self, middle: float | None) -> None:
        self._middle = math.nan if middle is None else middle
        self._mean = RunningMean(15)
        self._was_quiet = False

    def process(self, track: Track) -> FloatArray:
        quiet = (self._mean.process(track.rate) < _QUIET) & (track.tilt < _UPRIGHT) & track.measured
        starts = quiet & ~np.concatenate(([self._was_quiet], quiet[:-1]))
        out = np.empty(len(track))
        done = 0
        for i in np.flatnonzero(starts).tolist():
            here = float(track.axial[i])
            if math.isnan(self._middle) or abs(here - self._middle) < _MIDDLE:
                out[done:i] = self._middle
                self._middle, done = here, i
        out[done:] = self._middle
        self._was_quiet = bool(quiet[-1])
        return out


class HoldDetector:
    """Follows one hold in a stream of track blocks; how they are cut changes nothing.

    The axial angle of a seated hold counts from ``middle`` (rad, on the track) or from the first quiet upright moment.
    """

    def __init__(self, parameters: HoldParameters, middle: float | None = None) -> None:
        """Start waiting for the zone.

        Raises
        ------
        ValueError
            When the zone is empty, the time to hold not positive, or a side missing.
        """
        if not 0.0 < parameters.lower < parameters.upper:
            raise ValueError("the zone must lie above 0 and its upper end above its lower one")
        if not parameters.needed > 0.0:
            raise ValueError("the time to hold must be positive")
        if parameters.side is None and parameters.technique in (
            Technique.SEATED_ROTATION,
            Technique.SUPINE_ROTATION,
        ):
            raise ValueError("a rotation hold needs a side")
        self._p = parameters
        self._needed = max(round(parameters.needed * GRID_HZ), 1)
        self._middle = _Middle(middle)
        self._inside, self._over, self._fast = Schmitt(), Schmitt(), Schmitt()
        self._was = np.zeros((3, 1), np.bool_)
        self._points = 0
        self._next: int | None = None
        self._t = self._start = self._end = math.nan
        self._overshoots = self._jerks = 0

    @property
    def held(self) -> float:
        """Seconds of sample time in the zone so far."""
        return self._points / GRID_HZ

    @property
    def done(self) -> bool:
        """Whether enough was held."""
        return self._points >= self._needed

    @property
    def away(self) -> float:
        """Seconds since the zone was last left, in sample time; 0 inside it and before it was first reached."""
        return 0.0 if math.isnan(self._end) else self._t - self._end

    def process(self, track: Track) -> list[HoldEvent]:
        """Take the next grid points; return what they brought about, in order of time."""
        events: list[HoldEvent] = []
        if len(track) == 0:
            return events
        cuts = [0, *(np.flatnonzero(np.diff(track.k) != 1) + 1).tolist(), len(track)]
        angle = self._angle(track)
        for a, b in pairwise(cuts):
            if self._next is not None and int(track.k[a]) != self._next:
                self._interrupt(events)
            self._stretch(track.t[a:b], angle[a:b], track.rate[a:b], track.measured[a:b], events)
            self._next = int(track.k[b - 1]) + 1
        return events

    def finish(self) -> HoldSpan | None:
        """Return the hold as far as it came; None when the zone was never reached."""
        if self._points == 0:
            return None
        p = self._p
        return HoldSpan(p.technique, p.side, self._start, self._end, self.held, self._overshoots, self._jerks)

    def _angle(self, track: Track) -> FloatArray:
        sign = -1.0 if self._p.side is Side.RIGHT else 1.0
        match self._p.technique:
            case Technique.EXTENSION:
                return -track.flexion
            case Technique.DOORWAY:
                return track.flexion
            case Technique.SUPINE_ROTATION:
                return sign * supine_angle(track.up)
            case Technique.SEATED_ROTATION:
                return sign * (track.axial - self._middle.process(track))

    def _interrupt(self, events: list[HoldEvent]) -> None:
        if bool(self._was[0, 0]):
            events.append(HoldEvent(HoldNotice.GAP, self._t, self.held))
        self._inside, self._over, self._fast = Schmitt(), Schmitt(), Schmitt()
        self._was = np.zeros((3, 1), np.bool_)

    def _stretch(
        self, t: FloatArray, angle: FloatArray, rate: FloatArray, measured: BoolArray, events: list[HoldEvent]
    ) -> None:
        p = self._p
        known = measured & np.isfinite(angle)
        a = np.where(known, angle, 0.0)
        inside = self._inside.process(
            known & (a >= p.lower) & (a <= p.upper), ~known | (a < p.lower - p.margin) | (a > p.upper + p.margin)
        )
        over = self._over.process(known & (a > p.upper + p.margin), a <= p.upper)
        points = self._points + np.cumsum(inside, dtype=np.int64)
        running = (inside & (points <= self._needed)) | over
        fast = self._fast.process(running & (rate > p.jerk_rate), rate < 0.5 * p.jerk_rate)
        now = np.stack((inside, over, fast))
        before = np.concatenate((self._was, now[:, :-1]), axis=1)
        complete = inside & (points == self._needed)
        for i in np.flatnonzero((now != before).any(axis=0) | complete).tolist():
            at, held = float(t[i]), int(points[i]) / GRID_HZ
            notices: list[HoldNotice] = []
            if over[i] and not before[1, i]:
                self._overshoots += 1
                notices.append(HoldNotice.OVERSHOOT)
            if inside[i] and not before[0, i]:
                notices.append(HoldNotice.ENTERED)
                self._start = at if math.isnan(self._start) else self._start
            if before[0, i] and not inside[i] and not over[i]:
                notices.append(HoldNotice.LEFT if known[i] else HoldNotice.GAP)
            if fast[i] and not before[2, i]:
                self._jerks += 1
                notices.append(HoldNotice.JERK)
            if complete[i]:
                notices.append(HoldNotice.DONE)
            events += [HoldEvent(notice, at, held) for notice in notices]
        where = np.flatnonzero(inside)
        if len(where):
            self._end = float(t[where[-1]])
        self._was = now[:, -1:]
        self._points = int(points[-1])
        self._t = float(t[-1])
