"""Slouch, lean and extension: hysteresis, dwell, and a quiet time between cues.

A spell begins where the angle in one direction crosses the upper threshold and ends where it comes back below the
lower one; nothing counts while walking, lying, off body, bent beyond 60 deg (one picks something up; nobody
slouches so) or while the calibration is doubtful. A cue is given once the spell has lasted for the dwell and the
quiet time since the last cue has passed: inside the quiet time it is delayed, not dropped. Where forward is unknown
the total tilt is judged.

Exposure mode cues by how much and how long together: a bucket fills with the degrees beyond the upper threshold
times seconds and drains at a constant rate while upright, ``E <- max(0, E + x dt)``, and cues when full. A bucket
that is emptied below zero is the running sum less its running minimum, so it needs no loop over samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from unslouch_signal.activity import LYING, OFF_BODY, WALKING, ActivityTrack
from unslouch_signal.events import Direction, SlouchAlert, SlouchSpell
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import GRID_HZ, Track
from unslouch_signal.window import Debounce, Schmitt


class CueMode(StrEnum):
    """What makes a cue."""

    DWELL = "dwell"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class Zone:
    """Upper and lower threshold of one direction, rad."""

    enter: float = math.radians(12.0)
    leave: float = math.radians(7.0)

    def __post_init__(self) -> None:
        if not 0 <= self.leave <= self.enter:
            raise ValueError("a zone is left at a smaller angle than it is entered, and both are positive")


@dataclass(frozen=True, slots=True)
class SlouchParameters:
    """Defaults of reference and design: +12/+7 deg, 15 s, 60 s.

    ``walk_s``: how long walking must last to end a spell (its end is then where walking began); a fidget that looks
    like a step or two only delays the cue. ``capacity`` (exposure mode), rad s: 10 deg beyond the threshold for 15
    s, a usual slouch for the usual dwell. ``drain``, rad: forgiven for each second upright, so that a full bucket
    takes half a minute to forgive.
    """

    flexion: Zone = Zone()
    extension: Zone = Zone()
    lean: Zone = Zone()
    dwell_s: float = 15.0
    quiet_s: float = 60.0
    spell_s: float = 5.0
    walk_s: float = 2.0
    bent: float = math.radians(60.0)
    mode: CueMode = CueMode.DWELL
    capacity: float = math.radians(150.0)
    drain: float = math.radians(5.0)


@dataclass(slots=True)
class _Spell:
    start_k: int
    start_t: float
    sums: FloatArray
    points: int
    low: FloatArray
    high: FloatArray
    alert: float | None = None


class SlouchDetector:
    """Finds spells and cues on the track."""

    def __init__(self, parameters: SlouchParameters | None = None, *, forward_known: bool = True) -> None:
        self._p = p = parameters or SlouchParameters()
        self._known = forward_known
        self._zones = (p.flexion, p.extension, p.lean, p.lean) if forward_known else (p.flexion,)
        self._states = tuple(Schmitt() for _ in self._zones)
        self._sums = np.zeros(2 if forward_known else 1)
        self._points = 0
        self._walks = Debounce(0, np.array([1, round(p.walk_s * GRID_HZ)]))
        self._spell: _Spell | None = None
        self._cued_k: int | None = None
        self._k: int | None = None
        self._t = 0.0
        self._exposure = 0.0
        self._exposure_low = 0.0

    @property
    def slouching_s(self) -> float | None:
        """How long the running spell has lasted, s; None when there is none."""
        if self._spell is None or self._k is None:
            return None
        return (self._k - self._spell.start_k) / GRID_HZ

    def process(
        self, track: Track, activity: ActivityTrack, doubtful: BoolArray
    ) -> tuple[BoolArray, list[tuple[int, SlouchAlert | SlouchSpell]]]:
        """Return where a spell runs, and the cues and finished spells, each with its grid index."""
        n = len(track)
        out: list[tuple[int, SlouchAlert | SlouchSpell]] = []
        if n == 0:
            return np.empty(0, np.bool_), out
        codes = activity.codes
        before = int(track.k[0]) - 1 if self._k is None else self._k
        last_t = self._t
        walks = self._walks.process((codes == WALKING).astype(np.uint8)) != 0
        free = ~walks & (codes != LYING) & (codes != OFF_BODY) & ~doubtful & (track.tilt < self._p.bent)
        jump = track.k - np.concatenate(([before], track.k[:-1]))
        free &= jump == 1
        angles = (track.flexion, track.lateral) if self._known else (track.tilt,)
        on = self._states_of(angles, free)

        self._k, self._t = int(track.k[-1]), float(track.t[-1])
        sums = [np.cumsum(np.concatenate((self._sums[j : j + 1], a))) for j, a in enumerate(angles)]
        # no cue in a gap, nor at the first steps
        ready = track.measured & (codes != WALKING)
        flow = self._flow(angles, free, track.measured) if self._p.mode is CueMode.EXPOSURE else None
        may = ready if flow is None else ready & self._filled(flow)

        edges = np.flatnonzero(on != np.concatenate(([self._spell is not None], on[:-1])))
        turns = {int(e) for e in edges}
        for a, b in pairwise(sorted({0, *turns, n})):
            at = np.array([s[a] for s in sums])
            if a in turns and self._spell is not None:
                jumped = jump[a] != 1
                end = float(track.t[a]) if not jumped else (last_t if a == 0 else float(track.t[a - 1]))
                if walks[a]:
                    end -= self._p.walk_s - 1 / GRID_HZ
                out += self._closed(int(track.k[a]), end, at, self._points + a)
            elif a in turns:
                width = len(angles)
                self._spell = _Spell(
                    int(track.k[a]),
                    float(track.t[a]),
                    at,
                    self._points + a,
                    np.full(width, np.inf),
                    np.full(width, -np.inf),
                )
            if self._spell is not None and b > a:
                cued = self._cue(track, may, angles, slice(a, b), sums, dwells=flow is None)
                out += cued
                if cued and flow is not None:
                    # the bucket is empty now, and fills anew from the next point on
                    then = int(np.searchsorted(track.k, cued[0][0])) + 1
                    self._exposure = self._exposure_low = 0.0
                    may[then:] = ready[then:] & self._filled(flow[then:])
                self._spell.low, self._spell.high = _extremes(self._spell, angles, slice(a, b))
        self._sums = np.array([s[-1] for s in sums])
        self._points += n
        return on, out

    def finish(self) -> list[tuple[int, SlouchAlert | SlouchSpell]]:
        """Close the running spell at the end of the data."""
        if self._spell is None or self._k is None:
            return []
        return self._closed(self._k + 1, self._t, self._sums, self._points)

    def _states_of(self, angles: tuple[FloatArray, ...], free: BoolArray) -> BoolArray:
        values = (angles[0], -angles[0], angles[1], -angles[1]) if self._known else angles
        on = np.zeros(len(free), np.bool_)
        for zone, state, value in zip(self._zones, self._states, values, strict=True):
            on |= state.process((value > zone.enter) & free, (value < zone.leave) | ~free)
        return on

    def _cue(
        self,
        track: Track,
        ready: BoolArray,
        angles: tuple[FloatArray, ...],
        cut: slice,
        sums: list[FloatArray],
        *,
        dwells: bool,
    ) -> list[tuple[int, SlouchAlert | SlouchSpell]]:
        spell = self._spell
        if spell is None or spell.alert is not None:
            return []
        due = spell.start_k + (round(self._p.dwell_s * GRID_HZ) if dwells else 0)
        if self._cued_k is not None:
            due = max(due, self._cued_k + round(self._p.quiet_s * GRID_HZ))
        k = track.k[cut]
        first = int(np.searchsorted(k, due))
        later = np.flatnonzero(ready[cut][first:])
        if len(later) == 0:
            return []
        i = cut.start + first + int(later[0])
        points = self._points + i + 1 - spell.points
        means = (np.array([s[i + 1] for s in sums]) - spell.sums) / points
        direction, sign, which = self._direction(means, *_extremes(spell, angles, slice(cut.start, i + 1)))
        angle = sign * float(angles[which][i])
        spell.alert = float(track.t[i])
        self._cued_k = int(track.k[i])
        return [(self._cued_k, SlouchAlert(spell.alert, spell.start_t, direction, angle))]

    def _closed(self, k: int, end: float, sums: FloatArray, points: int) -> list[tuple[int, SlouchAlert | SlouchSpell]]:
        spell, self._spell = self._spell, None
        if spell is None or end - spell.start_t < self._p.spell_s:
            return []
        means = (sums - spell.sums) / max(points - spell.points, 1)
        direction, sign, which = self._direction(means, spell.low, spell.high)
        peak = float(spell.high[which] if sign > 0 else -spell.low[which])
        return [(k, SlouchSpell(spell.start_t, end, spell.alert, peak, sign * float(means[which]), direction))]

    def _direction(self, means: FloatArray, low: FloatArray, high: FloatArray) -> tuple[Direction | None, float, int]:
        """The direction that was farthest out on average among those that crossed: its name, sign and angle."""
        if not self._known:
            return None, 1.0, 0
        p = self._p
        ways = (
            (high[0] > p.flexion.enter, means[0] / p.flexion.enter, Direction.FLEXION, 1.0, 0),
            (-low[0] > p.extension.enter, -means[0] / p.extension.enter, Direction.EXTENSION, -1.0, 0),
            (high[1] > p.lean.enter, means[1] / p.lean.enter, Direction.LEAN_RIGHT, 1.0, 1),
            (-low[1] > p.lean.enter, -means[1] / p.lean.enter, Direction.LEAN_LEFT, -1.0, 1),
        )
        best = max(ways, key=lambda w: (bool(w[0]), float(w[1])))
        return best[2], best[3], best[4]

    def _flow(self, angles: tuple[FloatArray, ...], free: BoolArray, measured: BoolArray) -> FloatArray:
        """What each point pours into the exposure bucket, rad s; negative while it drains."""
        values = (angles[0], -angles[0], angles[1], -angles[1]) if self._known else angles
        beyond = np.max([v - z.enter for v, z in zip(values, self._zones, strict=True)], axis=0)
        inside = np.max([v - z.leave for v, z in zip(values, self._zones, strict=True)], axis=0)
        flow = np.where(free & (beyond > 0), beyond, np.where(free & (inside > 0), 0.0, -self._p.drain))
        return np.where(measured, flow, 0.0) / GRID_HZ

    def _filled(self, flow: FloatArray) -> BoolArray:
        """Where the exposure bucket is full; it is left as it stands after the last point."""
        level = np.cumsum(np.concatenate(([self._exposure], flow)))
        low = np.minimum.accumulate(np.concatenate(([self._exposure_low], level[1:])))
        self._exposure, self._exposure_low = float(level[-1]), float(low[-1])
        return (level - low >= self._p.capacity)[1:]


def _extremes(spell: _Spell, angles: tuple[FloatArray, ...], cut: slice) -> tuple[FloatArray, FloatArray]:
    low = np.minimum(spell.low, [float(a[cut].min()) for a in angles])
    return low, np.maximum(spell.high, [float(a[cut].max()) for a in angles])
