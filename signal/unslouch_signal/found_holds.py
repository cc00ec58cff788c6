"""Holds in a recording nobody coached: what can be told apart from one sensor, and what cannot.

- Upper-back extension: leaned back by 10 deg and more beyond the neutral, quietly, for 5 s to a minute and a half.
- Rotation holds: the held peak of a valid repetition, from 2 s on.
- Doorway stretch: leaning forward into a door looks like a slouch to one sensor. It is reported only as the pair it is
  done as: a lean held on one side and one on the other, within a minute and a half. The sides are told by the turn
  that the fixed forearm forces: the trunk turns away from it. Both are reported when the second ends; a single lean is
  never called one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unslouch_signal.activity import LYING, OFF_BODY, WALKING, ActivityTrack
from unslouch_signal.events import HoldSpan, RotationPosition, RotationRep, Side, Technique
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import GRID_HZ, Track
from unslouch_signal.window import RunningMean, Schmitt


@dataclass(frozen=True, slots=True)
class FoundHoldParameters:
    """What is a hold without being told.

    Attributes
    ----------
    lean : float
        rad beyond the neutral, backward or forward: 10 deg, more than sitting back or sway.
    margin : float
        rad of hysteresis.
    most : float
        rad; further is a bow or lying down.
    shortest, longest : float
        s. Stretches are held 10 to 30 s; leaning back in a chair lasts longer.
    quiet_rate : float
        rad/s, mean over the hold: held, not passing through.
    turn : float
        rad of turn away from the forearm that a doorway stretch shows at least.
    pair : float
        s between the end of a doorway stretch and the beginning of that of the other side, at most.
    rotation : float
        s at the peak from which on a repetition was held.
    """

    lean: float = math.radians(10.0)
    margin: float = math.radians(1.5)
    most: float = math.radians(45.0)
    shortest: float = 5.0
    longest: float = 90.0
    quiet_rate: float = math.radians(8.0)
    turn: float = math.radians(4.0)
    pair: float = 90.0
    rotation: float = 2.0


def rotation_hold(rep: RotationRep, least: float = 2.0) -> HoldSpan | None:
    """Return the held peak of a valid repetition as a hold, None where it was shorter than ``least`` s."""
    if not rep.valid or rep.hold < least or rep.hold_span is None:
        return None
    seated = rep.position is RotationPosition.SEATED
    technique = Technique.SEATED_ROTATION if seated else Technique.SUPINE_ROTATION
    return HoldSpan(technique, rep.side, rep.hold_span[0], rep.hold_span[1], rep.hold)


@dataclass(slots=True)
class _Sums:
    """Running over the points of a stretch beyond the threshold."""

    start: float = 0.0
    end: float = 0.0
    points: int = 0
    rate: float = 0.0
    top: float = 0.0
    before: float = 0.0
    turn: float = 0.0


class _Lean:
    """Stretches in which one angle stays beyond the threshold."""

    def __init__(self, p: FoundHoldParameters) -> None:
        self._p = p
        self._beyond = Schmitt()
        self._was = False
        self._now = _Sums()

    def process(
        self, t: FloatArray, angle: FloatArray, rate: FloatArray, axial: FloatArray, before: FloatArray, ok: BoolArray
    ) -> list[tuple[int, _Sums]]:
        """Return the stretches that ended, each with the row that ended it."""
        p = self._p
        a = np.where(ok, angle, 0.0)
        beyond = self._beyond.process(a >= p.lean, a < p.lean - p.margin)
        was = np.concatenate(([self._was], beyond[:-1]))
        ended: list[tuple[int, _Sums]] = []
        edges = np.flatnonzero(beyond != was).tolist()
        # A running sum in steps of one block would depend on the cut: it is carried through np.cumsum instead.
        for lo, hi in zip([0, *edges], [*edges, len(t)], strict=True):
            if hi == lo:
                continue
            if not beyond[lo]:
                if was[lo]:
                    ended.append((lo, self._now))
                continue
            if not was[lo]:
                self._now = _Sums(start=float(t[lo]), before=float(before[lo]))
            s = self._now
            s.rate = float(np.cumsum(np.concatenate(([s.rate], rate[lo:hi])))[-1])
            s.turn = float(np.cumsum(np.concatenate(([s.turn], axial[lo:hi])))[-1])
            s.top = max(s.top, float(np.max(a[lo:hi])))
            s.points += hi - lo
            s.end = float(t[hi - 1])
        if len(t):
            self._was = bool(beyond[-1])
        return ended

    def finish(self) -> _Sums | None:
        """End the running stretch."""
        was, self._was, self._beyond = self._was, False, Schmitt()
        return self._now if was else None

    def held(self, s: _Sums) -> bool:
        """Whether a stretch was a hold."""
        p = self._p
        return p.shortest <= s.points / GRID_HZ <= p.longest and s.rate / s.points <= p.quiet_rate and s.top <= p.most


class FreeHoldDetector:
    """Finds held extensions and pairs of doorway stretches in a stream of track blocks."""

    def __init__(self, parameters: FoundHoldParameters | None = None) -> None:
        self._p = p = parameters or FoundHoldParameters()
        self._back, self._forward = _Lean(p), _Lean(p)
        self._heading = RunningMean(round(3.0 * GRID_HZ))
        self._first: HoldSpan | None = None
        self._next: int | None = None

    def process(self, track: Track, activity: ActivityTrack) -> list[tuple[int, HoldSpan]]:
        """Take the next grid points; return the holds they end, each with the grid index at which it did."""
        found: list[tuple[int, HoldSpan]] = []
        n = len(track)
        if n == 0:
            return found
        cuts = [0, *(np.flatnonzero(track.k[1:] - track.k[:-1] != 1) + 1).tolist(), n]
        code = activity.codes
        ok = (code != WALKING) & (code != LYING) & (code != OFF_BODY) & track.measured & np.isfinite(track.flexion)
        # The heading before the lean: the mean of the three seconds before it began.
        heading = self._heading.process(track.axial)
        for a, b in pairwise(cuts):
            if self._next is not None and int(track.k[a]) != self._next:
                found += self.finish()
            rows = slice(a, b)
            k = track.k[rows]
            arrays = track.rate[rows], track.axial[rows], heading[rows], ok[rows]
            for i, s in self._back.process(track.t[rows], -track.flexion[rows], *arrays):
                found += [(int(k[i]), span) for span in self._extension(s)]
            for i, s in self._forward.process(track.t[rows], track.flexion[rows], *arrays):
                found += [(int(k[i]), span) for span in self._doorway(s)]
            self._next = int(track.k[b - 1]) + 1
        return sorted(found, key=lambda item: item[0])

    def finish(self) -> list[tuple[int, HoldSpan]]:
        """Return the holds still running; the stream ends or jumps here."""
        at = 0 if self._next is None else self._next
        back, forward = self._back.finish(), self._forward.finish()
        spans = [] if back is None else self._extension(back)
        spans += [] if forward is None else self._doorway(forward)
        return [(at, span) for span in spans]

    def _extension(self, s: _Sums) -> list[HoldSpan]:
        if not self._back.held(s):
            return []
        return [HoldSpan(Technique.EXTENSION, None, s.start, s.end, s.points / GRID_HZ)]

    def _doorway(self, s: _Sums) -> list[HoldSpan]:
        turn = s.turn / s.points - s.before
        if not self._forward.held(s) or abs(turn) < self._p.turn:
            return []
        side = Side.RIGHT if turn > 0.0 else Side.LEFT
        span = HoldSpan(Technique.DOORWAY, side, s.start, s.end, s.points / GRID_HZ)
        first, self._first = self._first, span
        if first is None or first.side is side or span.start - first.end > self._p.pair:
            return []
        self._first = None
        return [first, span]
