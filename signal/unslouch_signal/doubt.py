"""When a calibration that was good is not to be trusted any more, and when it is again.

A calibration says how the strap sits on the thorax. It fails when the strap may have moved:

- *gap*, *lying long*: no samples for a minute, lain on for a minute. The strap is still on, so it is trusted again
  once the wearer has been upright within the lower threshold (7 deg) for 3 s: a strap that sits otherwise keeps
  showing a tilt.
- *slipped*: turned by 12 deg or more within half a second, on the spot, quiet before and after, and world up is still
  elsewhere 4 s later. A strap that slips turns on the spot; a thorax that tilts so quickly swings the sensor about
  the hip, 0.3 m or more away, which takes 1.2 m/s^2 or more on average for each rad. It is trusted again when world
  up is where it was before (3 deg) for a minute: then it was a movement after all.
- *off body*, *charger*: longer than 2 s. A strap is never put on again just as before, so only a new
  calibration ends it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.activity import LYING, MOVING, STILL, ActivityTrack
from unslouch_signal.events import CalibrationDoubt, DoubtReason
from unslouch_signal.samples import BoolArray, FloatArray, SampleFlag
from unslouch_signal.track import GRID_HZ, Track
from unslouch_signal.window import Debounce, RunningMean, lasting

REASONS: tuple[DoubtReason | None, ...] = (
    None,
    DoubtReason.GAP,
    DoubtReason.LYING_LONG,
    DoubtReason.SLIPPED,
    DoubtReason.OFF_BODY,
    DoubtReason.CHARGER,
)
"""``REASONS[code]``; 0 is trust. A graver doubt, later in the list, is not replaced by a lighter one."""
TRUST, GAP, LYING_LONG, SLIPPED, OFF_BODY, CHARGER = range(6)


@dataclass(frozen=True, slots=True)
class DoubtParameters:
    """Times in s, angles in rad; the module's text says why.

    ``slip_s``: the longest a slip takes; ``slip_quiet_s`` before and after it the mean rate stays below
    ``slip_quiet`` (rad/s); ``slip_turn``: how far it turns; ``slip_stays``: how far it still is turned after
    ``slip_wait_s``.
    """

    gap_s: float = 60.0
    lying_s: float = 60.0
    off_s: float = 2.0
    upright: float = math.radians(7.0)
    upright_s: float = 3.0
    slip_s: float = 0.5
    slip_quiet_s: float = 0.3
    slip_turn: float = math.radians(12.0)
    slip_quiet: float = math.radians(8.0)
    slip_stays: float = math.radians(3.0)
    slip_swing: float = 0.7
    slip_wait_s: float = 4.0
    back: float = math.radians(3.0)
    back_s: float = 60.0


class DoubtDetector:
    """Follows whether the calibration is to be trusted."""

    def __init__(self, parameters: DoubtParameters | None = None) -> None:
        self._p = p = parameters or DoubtParameters()
        self._good = Debounce(0, np.array([1, _points(p.upright_s)]))
        self._lying = Debounce(0, np.array([1, _points(p.lying_s)]))
        off = _points(p.off_s)
        self._off = Debounce(0, np.array([1, off, off]))
        self._slips = SlipFinder(p)
        self._code = TRUST
        self._told = TRUST
        self._home: FloatArray | None = None
        self._back = 0
        self._k: int | None = None

    @property
    def reason(self) -> DoubtReason | None:
        """Why the calibration is doubtful now; None when it is not."""
        return REASONS[self._code]

    def process(
        self, track: Track, activity: ActivityTrack, acc_size: FloatArray
    ) -> tuple[NDArray[np.uint8], list[tuple[int, CalibrationDoubt]]]:
        """Return the doubt code at each point and the changes, each with its grid index.

        ``acc_size`` is the magnitude of acceleration without gravity, m/s^2, at the track's points (NaN: unknown).
        """
        n = len(track)
        if n == 0:
            return np.empty(0, np.uint8), []
        codes = activity.codes
        before = int(track.k[0]) - 1 if self._k is None else self._k
        self._k = int(track.k[-1])
        gap = track.k - np.concatenate(([before], track.k[:-1]))
        # upright before a gap says nothing about how the strap sits after it
        upright = (track.tilt < self._p.upright) & ((codes == STILL) | (codes == MOVING)) & (gap == 1)
        good = self._good.process(upright.astype(np.uint8)) != 0
        causes = self._causes(track, activity, gap)
        slips = dict(self._slips.process(track, acc_size, (codes == STILL) | (codes == MOVING)))
        for i in slips:
            causes[i] = max(int(causes[i]), SLIPPED)

        # from one change to the next: there are few, however long the block
        out = np.empty(n, np.uint8)
        i = 0
        while i < n:
            j, code = self._next(i, track, causes, good)
            out[i:j] = self._code
            if j < n:
                self._code = code
                if code == SLIPPED:
                    self._home, self._back = slips[j], 0
                out[j] = code
                j += 1
            i = j
        return out, self._changes(track, out)

    def _causes(self, track: Track, activity: ActivityTrack, gap: NDArray[np.int64]) -> NDArray[np.uint8]:
        causes = np.zeros(len(track), np.uint8)
        causes[gap > self._p.gap_s * GRID_HZ] = GAP
        causes[self._lying.process((activity.codes == LYING).astype(np.uint8)) != 0] = LYING_LONG
        flags = track.flags & (SampleFlag.CHARGER | SampleFlag.OFF_BODY)
        off = (
            flags
            if not bool(flags.any())
            else np.where((flags & SampleFlag.CHARGER) != 0, 2, np.where((flags & SampleFlag.OFF_BODY) != 0, 1, 0))
        )
        long = self._off.process(off.astype(np.uint8))
        causes[long == 1] = OFF_BODY
        causes[long == 2] = CHARGER
        return causes

    def _next(self, i: int, track: Track, causes: NDArray[np.uint8], good: BoolArray) -> tuple[int, int]:
        """Index from ``i`` on at which the doubt changes, and to what; the end when it does not."""
        n = len(track)
        graver = np.flatnonzero(causes[i:] > self._code)
        first = i + int(graver[0]) if len(graver) else n
        ends = n
        if self._code in (GAP, LYING_LONG):
            free = np.flatnonzero(good[i:first] & (causes[i:first] == TRUST))
            ends = i + int(free[0]) if len(free) else n
        elif self._code == SLIPPED:
            ends = self._came_back(i, first, track)
        if ends < first:
            return ends, TRUST
        return first, int(causes[first]) if first < n else self._code

    def _came_back(self, i: int, end: int, track: Track) -> int:
        """Index at which world up has been where it was before the slip for long enough."""
        if self._home is None or end <= i:
            return len(track)
        x, y, z = self._home
        ux, uy, uz = track.up[i:end, 0], track.up[i:end, 1], track.up[i:end, 2]
        near = ux * x + uy * y + uz * z > math.cos(self._p.back)
        run = lasting(near, self._back)
        self._back = int(run[-1])
        hits = np.flatnonzero(run >= _points(self._p.back_s))
        return i + int(hits[0]) if len(hits) else len(track)

    def _changes(self, track: Track, codes: NDArray[np.uint8]) -> list[tuple[int, CalibrationDoubt]]:
        events: list[tuple[int, CalibrationDoubt]] = []
        before = np.concatenate((np.array([self._told], np.uint8), codes[:-1]))
        for i in np.flatnonzero(codes != before):
            k, t = int(track.k[i]), float(track.t[i])
            old, new = REASONS[int(before[i])], REASONS[int(codes[i])]
            if old is not None:
                events.append((k, CalibrationDoubt(t, old, resolved=True)))
            if new is not None:
                events.append((k, CalibrationDoubt(t, new)))
        self._told = int(codes[-1])
        return events


class SlipFinder:
    """Finds quick turns on the spot that stay; each is told ``slip_wait_s`` after it, with world up before it."""

    def __init__(self, parameters: DoubtParameters) -> None:
        p = parameters
        self._p = p
        self._slip, self._quiet, self._wait = _points(p.slip_s), _points(p.slip_quiet_s), _points(p.slip_wait_s)
        self._fast = RunningMean(self._slip, zeros=True)
        self._calm = RunningMean(self._quiet, zeros=True)
        self._past: tuple[FloatArray, ...] | None = None

    def process(self, track: Track, acc_size: FloatArray, worn: BoolArray) -> list[tuple[int, FloatArray]]:
        """Return (index in the block, world up before) of each slip told at that index."""
        p, n, span = self._p, len(track), 3 * self._quiet + self._slip + self._wait
        fast, calm = self._fast.process(track.rate), self._calm.process(track.rate)
        new = (
            fast,
            calm,
            acc_size,
            track.up[:, 0],
            track.up[:, 1],
            track.up[:, 2],
            worn.astype(np.float64),
            track.measured.astype(np.float64),
        )
        if self._past is None:
            self._past = tuple(np.zeros(span) for _ in new)
        fast, calm, acc, x, y, z, worn_at, measured = both = tuple(
            np.concatenate(pair) for pair in zip(self._past, new, strict=True)
        )
        self._past = tuple(a[n:].copy() for a in both)
        # index i of the block is i + span here; the slip ended slip_wait_s before and began slip_s before that
        began, ended = 3 * self._quiet, 3 * self._quiet + self._slip
        settled = ended + self._quiet
        quick = (
            (fast[ended : ended + n] * p.slip_s > p.slip_turn)
            & (calm[began : began + n] < p.slip_quiet)
            & (calm[settled : settled + n] < p.slip_quiet)
            & (worn_at[began : began + n] > 0)
        )
        found: list[tuple[int, FloatArray]] = []
        for i in (int(j) for j in np.flatnonzero(quick)):
            # quiet before and after must have been seen
            if not bool(measured[i + began - self._quiet : i + settled + 1].all()):
                continue
            before, now = (np.array([x[j], y[j], z[j]]) for j in (i + began, i + span))
            cosine = float(np.clip(before[0] * now[0] + before[1] * now[1] + before[2] * now[2], -1.0, 1.0))
            turned = float(fast[i + ended]) * p.slip_s
            # a tilt that is a little wrong leaves some acceleration all the time: only what the movement adds counts,
            # against well before it, for a movement starts softly
            rest = math.fsum(acc[i : i + self._quiet]) / self._quiet
            swing = math.fsum(abs(a - rest) for a in acc[i + began + 1 : i + ended + 1]) / self._slip
            # from far out to just upright: the calibration fits, and somebody came up quickly
            fits = before[2] < math.cos(p.slip_turn) and z[i + settled] > math.cos(p.upright)
            if not fits and math.acos(cosine) > p.slip_stays and swing < p.slip_swing * turned:
                found.append((i, before))
        return found


def _points(seconds: float) -> int:
    return round(seconds * GRID_HZ)
