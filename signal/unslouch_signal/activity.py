"""What the wearer is doing, as far as posture cares.

- Walking: acceleration along world up, 0.8-5 Hz (difference of running means over 0.1 and 0.58 s), rms over 2.5 s
  above 0.6 m/s^2. Steps lie at 1.6-2.2 Hz with 1-3 m/s^2 rms at the upper back; typing, reaches and sitting down stay
  below. One who walks steps every 0.5-0.7 s, so both the last second and the time before must show it (half the gate):
  a single jolt, like dropping into a chair, does not. Where samples carry no acceleration, the strap's own flag counts.
- Lying: the long axis more than 55 deg from the neutral's for 3 s, until it comes back within 40 deg. Face down is
  where a deep bow points as well, and so is everything while forward is unknown: there it takes 12 s, longer than
  one ties shoes.
- Off body: the strap says so, or it is on the charger.
- Still: mean angular rate over 1 s below 4 deg/s (breathing and sway stay below), otherwise moving.
- Unknown: no samples for more than half a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.events import ActivityKind, ActivitySpan, LyingSide
from unslouch_signal.samples import BoolArray, SampleFlag
from unslouch_signal.track import GRID_HZ, Track
from unslouch_signal.window import Debounce, Delay, RunningMean, Schmitt

CODES: tuple[ActivityKind, ...] = (
    ActivityKind.STILL,
    ActivityKind.MOVING,
    ActivityKind.WALKING,
    ActivityKind.LYING,
    ActivityKind.OFF_BODY,
    ActivityKind.UNKNOWN,
)
"""``CODES[code]`` is the kind; :data:`STILL` and so on are the codes."""
STILL, MOVING, WALKING, LYING, OFF_BODY, UNKNOWN = range(6)
SIDES: tuple[LyingSide | None, ...] = (None, LyingSide.SUPINE, LyingSide.PRONE, LyingSide.LEFT, LyingSide.RIGHT)
"""``SIDES[code]`` of the lying side."""
NO_SIDE, SUPINE, PRONE, ON_LEFT, ON_RIGHT = range(5)


@dataclass(frozen=True, slots=True)
class ActivityTrack:
    """Activity at the grid points of a :class:`~unslouch_signal.track.Track`.

    Attributes
    ----------
    k : (n,) int64
        Grid index, the same as the track's.
    codes : (n,) uint8
        Index into :data:`CODES`. Causal: walking shows about a second after it began and lasts 1-2 s beyond its end.
    lying_side : (n,) uint8
        Index into :data:`SIDES`; 0 where not lying or forward is unknown.
    """

    k: NDArray[np.int64]
    codes: NDArray[np.uint8]
    lying_side: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.k)


@dataclass(frozen=True, slots=True)
class ActivityParameters:
    """Thresholds, SI; see the module's text for what they mean."""

    walk_rms: float = 0.6
    walk_leave_rms: float = 0.5
    walk_window_s: float = 2.5
    walk_part_s: float = 1.0
    walk_part_rms: float = 0.3
    lying: float = math.radians(55.0)
    lying_leave: float = math.radians(40.0)
    lying_s: float = 3.0
    prone_s: float = 12.0
    side_s: float = 10.0
    still: float = math.radians(4.0)
    unknown_s: float = 0.5


class ActivityDetector:
    """Codes for each grid point, and spans when they end."""

    def __init__(self, parameters: ActivityParameters | None = None) -> None:
        self._p = p = parameters or ActivityParameters()
        self._fast = RunningMean(5)
        self._slow = RunningMean(29)
        self._align = Delay(12)
        self._power = RunningMean(round(p.walk_window_s * GRID_HZ), zeros=True)
        self._recent = RunningMean(round(p.walk_part_s * GRID_HZ), zeros=True)
        self._walks = Schmitt()
        self._rate = RunningMean(round(GRID_HZ))
        self._tilted = Schmitt()
        hold = round(p.lying_s * GRID_HZ)
        deep = round(p.prone_s * GRID_HZ)
        # what the tilt looks like: not lying, face down or unknown, on the back or a side
        self._lies = Debounce(0, np.array([1, deep, hold]))
        turn = round(p.side_s * GRID_HZ)
        self._side = Debounce(NO_SIDE, np.array([1, turn, turn, turn, turn]))
        self._gap = Debounce(0, np.array([1, round(p.unknown_s * GRID_HZ)]))
        self._code: int | None = None
        self._lying_side = NO_SIDE
        self._start = 0.0
        self._end = 0.0
        self._k = 0

    def process(self, track: Track) -> tuple[ActivityTrack, list[tuple[int, ActivitySpan]]]:
        """Return the codes of the points, and the spans that ended, each with the grid index at which it did."""
        n = len(track)
        if n == 0:
            return ActivityTrack(track.k, np.empty(0, np.uint8), np.empty(0, np.uint8)), []
        lying, side = self._lying(track)
        still = self._rate.process(track.rate) < self._p.still
        codes = np.where(still, STILL, MOVING).astype(np.uint8)
        codes[self._walking(track)] = WALKING
        codes[lying] = LYING
        codes[(track.flags & (SampleFlag.OFF_BODY | SampleFlag.CHARGER)) != 0] = OFF_BODY
        codes[self._gap.process((~track.measured).astype(np.uint8)) != 0] = UNKNOWN
        side = np.where(codes == LYING, side, NO_SIDE).astype(np.uint8)
        return ActivityTrack(track.k, codes, side), self._spans(track, codes, side)

    def finish(self) -> list[tuple[int, ActivitySpan]]:
        """Close the running span."""
        if self._code is None:
            return []
        span = ActivitySpan(CODES[self._code], self._start, self._end, SIDES[self._lying_side])
        self._code = None
        return [(self._k + 1, span)]

    def _walking(self, track: Track) -> BoolArray:
        known = np.isfinite(track.acc_up)
        acc = np.where(known, track.acc_up, 0.0)
        band = self._align.process(self._fast.process(acc)) - self._slow.process(acc)
        p = self._p
        power = self._power.process(band * band)
        recent = self._recent.process(band * band)
        share = p.walk_part_s / p.walk_window_s
        older = (power - share * recent) / (1.0 - share)
        part = p.walk_part_rms * p.walk_part_rms
        goes_on = (recent > part) & (older > part)
        steps = self._walks.process(
            (power > p.walk_rms * p.walk_rms) & goes_on,
            (power < p.walk_leave_rms * p.walk_leave_rms) | (recent < part),
        )
        return steps | (~known & ((track.flags & SampleFlag.WALKING) != 0))

    def _lying(self, track: Track) -> tuple[BoolArray, NDArray[np.uint8]]:
        tilted = self._tilted.process(track.tilt > self._p.lying, track.tilt < self._p.lying_leave)
        if not bool(tilted.any()):
            zero = np.zeros(len(track), np.uint8)
            return self._lies.process(zero) != 0, self._first_side(zero)
        x, y = track.up[:, 0], track.up[:, 1]
        # NaN compares false: forward unknown is not recognised as supine
        known: BoolArray = np.isfinite(track.flexion)
        face_down = (x < 0) & (np.abs(y) < -x)
        recognised = known & ~face_down
        lies = self._lies.process(np.where(tilted, np.where(recognised, 2, 1), 0).astype(np.uint8)) != 0
        sideways = np.where(y > 0, ON_RIGHT, ON_LEFT)
        sector = np.where(np.abs(y) > np.abs(x), sideways, np.where(x > 0, SUPINE, PRONE))
        seen = np.where(lies & known, sector, NO_SIDE).astype(np.uint8)
        return lies, self._first_side(seen)

    def _first_side(self, seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Debounced side; before the first is settled, the one seen at the moment."""
        settled = self._side.process(seen)
        return np.where((seen != NO_SIDE) & (settled == NO_SIDE), seen, settled).astype(np.uint8)

    def _spans(self, track: Track, codes: NDArray[np.uint8], side: NDArray[np.uint8]) -> list[tuple[int, ActivitySpan]]:
        out: list[tuple[int, ActivitySpan]] = []
        if self._code is None:
            self._code, self._lying_side = int(codes[0]), int(side[0])
            self._start = self._end = float(track.t[0])
            self._k = int(track.k[0]) - 1
        before_code = np.concatenate((np.array([self._code], np.uint8), codes[:-1]))
        before_side = np.concatenate((np.array([self._lying_side], np.uint8), side[:-1]))
        jumped = track.k - np.concatenate(([self._k], track.k[:-1])) != 1
        for i in np.flatnonzero((codes != before_code) | (side != before_side) | jumped):
            t = float(track.t[i])
            end = self._end if i == 0 else float(track.t[i - 1])
            closed = end if jumped[i] else t
            out.append(
                (
                    int(track.k[i]),
                    ActivitySpan(CODES[int(before_code[i])], self._start, closed, SIDES[int(before_side[i])]),
                )
            )
            if jumped[i]:
                out.append((int(track.k[i]), ActivitySpan(ActivityKind.UNKNOWN, end, t)))
            self._start = t
        self._code, self._lying_side = int(codes[-1]), int(side[-1])
        self._end, self._k = float(track.t[-1]), int(track.k[-1])
        return out
