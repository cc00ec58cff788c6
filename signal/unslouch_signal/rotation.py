"""Rotation repetitions of the thorax: seated about the vertical, lying about its long axis by gravity.

What counts, what does not and where the figures come from: docs/signal.md, "Rotation".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from unslouch_signal.activity import LYING, OFF_BODY, WALKING, ActivityTrack
from unslouch_signal.events import RotationFault, RotationPosition, RotationRep, Side
from unslouch_signal.neutral import NeutralParameters
from unslouch_signal.repetitions import Repetition, RepetitionFinder, RepetitionParameters
from unslouch_signal.rests import Motion, RestParameters
from unslouch_signal.samples import FloatArray, SampleFlag
from unslouch_signal.supine import SUPINE_NEUTRAL, SUPINE_REST, SupineMotion, inclination, lying_mask
from unslouch_signal.track import GRID_HZ, Track

_SLICE = 1 << 15
"""Grid points worked on at a time (11 min): a day in one block needs no more memory than a stream."""
_MOMENT = 5
"""Grid points (0.1 s) averaged where a posture is read off."""
_USUAL_SHARE = 0.4
_USUAL_LEAST = math.radians(10.0)


@dataclass(frozen=True, slots=True)
class RotationParameters:
    """What a rotation is and when it is faulty.

    Attributes
    ----------
    repetition : RepetitionParameters
        Out and back: least and largest range, longest duration, what counts as back.
    rest : RestParameters
        Rests when upright; lying down has its own (:data:`unslouch_signal.supine.SUPINE_REST`).
    neutral : NeutralParameters
        How far rests are believed.
    slouched : float
        rad of flexion at the start beyond which the repetition started slouched: a flexed trunk turns less
        (Edmondston 2007). 12 deg, where slouching begins.
    bend : float
        rad of bending between start and peak that is a fault ...
    bend_share : float
        ... or this share of the range, whichever is larger: turning comes with 9 to 23 % of side bend by itself.
    upright : float
        rad of tilt at the peak beyond which nothing seated is measured: a deep bow or lying down.
    """

    repetition: RepetitionParameters = field(default_factory=RepetitionParameters)
    rest: RestParameters = field(default_factory=RestParameters)
    neutral: NeutralParameters = field(default_factory=NeutralParameters)
    slouched: float = math.radians(12.0)
    bend: float = math.radians(15.0)
    bend_share: float = 0.5
    upright: float = math.radians(60.0)

    def for_session(self, usual_range: float | None) -> RotationParameters:
        """Return the parameters for a coached session of someone whose usual range (rad) is known.

        The person is known to be doing repetitions, so smaller ones count: from 40 % of the usual range and 10 deg on.
        """
        if usual_range is None:
            return self
        least = max(_USUAL_SHARE * usual_range, _USUAL_LEAST)
        return replace(self, repetition=replace(self.repetition, least=least))


class RotationDetector:
    """Finds rotation repetitions in a stream of track blocks, upright and lying."""

    def __init__(self, parameters: RotationParameters | None = None) -> None:
        p = parameters or RotationParameters()
        self._p = p
        self._seated = RepetitionFinder(p.repetition, p.rest, p.neutral)
        self._supine = RepetitionFinder(p.repetition, SUPINE_REST, SUPINE_NEUTRAL, begins_neutral=False)
        self._lying: SupineMotion | None = None
        self._next: int | None = None
        self._t0 = math.nan

    def process(self, track: Track, activity: ActivityTrack) -> list[tuple[int, RotationRep]]:
        """Take the next grid points; return the repetitions they decide, each with the grid index at which it was.

        A repetition is known about a second after its end when a rest follows, and when the next one is 20 deg out
        where it goes straight over.

        Raises
        ------
        ValueError
            When the two tracks differ in length.
        """
        if len(track) != len(activity):
            raise ValueError(f"track ({len(track)}) and activity ({len(activity)}) must have the same grid points")
        if len(track) == 0:
            return []
        if math.isnan(self._t0):
            self._t0 = float(track.t[0]) - int(track.k[0]) / GRID_HZ
        found: list[tuple[int, RotationRep]] = []
        jumps = np.flatnonzero(track.k[1:] - track.k[:-1] != 1) + 1
        for lo, hi in zip([0, *jumps.tolist()], [*jumps.tolist(), len(track)], strict=True):
            if self._next is not None and int(track.k[lo]) != self._next:
                found += self._finish(cut=True)
            for a in range(lo, hi, _SLICE):
                found += self._slice(_rows(track, a, min(a + _SLICE, hi)), activity, a)
            self._next = int(track.k[hi - 1]) + 1
        return found

    def finish(self) -> list[tuple[int, RotationRep]]:
        """Return what is still open and complete; the stream ends or jumps here."""
        return self._finish(cut=False)

    def _finish(self, *, cut: bool) -> list[tuple[int, RotationRep]]:
        at = self._next
        self._next, self._lying = None, None
        return self._both(self._seated.finish(cut=cut), self._supine.finish(cut=cut), cut_at=at if cut else None)

    def _slice(self, track: Track, activity: ActivityTrack, lo: int) -> list[tuple[int, RotationRep]]:
        hi = lo + len(track)
        doing = ActivityTrack(activity.k[lo:hi], activity.codes[lo:hi], activity.lying_side[lo:hi])
        base = int(track.k[0])
        lost = (track.flags & SampleFlag.HEADING_LOST) != 0
        if not bool(lost.any()):
            seated = self._seated.process(base, _seated_motion(track, doing))
            return self._both(seated, self._supine_slice(track, doing))
        found: list[tuple[int, RotationRep]] = []
        cuts = [0, *(np.flatnonzero(lost[1:] != lost[:-1]) + 1).tolist(), len(track)]
        for a, b in pairwise(cuts):
            if lost[a]:
                found += self._both(self._seated.lose_neutral(), [], cut_at=base + a)
            else:
                part = ActivityTrack(doing.k[a:b], doing.codes[a:b], doing.lying_side[a:b])
                found += self._both(self._seated.process(base + a, _seated_motion(_rows(track, a, b), part)), [])
        return found + self._both([], self._supine_slice(track, doing))

    def _supine_slice(self, track: Track, activity: ActivityTrack) -> list[Repetition]:
        """Hand every stretch of lying to the finder as one of its own; upright nothing is worked out."""
        lies = lying_mask(track, activity)
        found: list[Repetition] = []
        if self._lying is None and not bool(lies.any()):
            return found
        cuts = [0, *(np.flatnonzero(lies[1:] != lies[:-1]) + 1).tolist(), len(track)]
        for a, b in pairwise(cuts):
            if lies[a]:
                self._lying = self._lying or SupineMotion()
                found += self._supine.process(int(track.k[a]), self._lying.process(_rows(track, a, b)))
            elif self._lying is not None:
                self._lying = None
                found += self._supine.finish()
        return found

    def _both(
        self, seated: list[Repetition], supine: list[Repetition], cut_at: int | None = None
    ) -> list[tuple[int, RotationRep]]:
        judged = [(r.known, self._judge(r, RotationPosition.SEATED, cut_at)) for r in seated]
        judged += [(r.known, self._judge(r, RotationPosition.SUPINE, cut_at)) for r in supine]
        return sorted(((k, r) for k, r in judged if r is not None), key=lambda kr: kr[0])

    def _judge(self, r: Repetition, position: RotationPosition, cut_at: int | None) -> RotationRep | None:
        """Name the faults; None where the movement was a bend rather than a turn."""
        p, m = self._p, r.motion
        top = r.peak - r.start
        first, peak = slice(0, _MOMENT), slice(max(top - _MOMENT // 2, 0), top + _MOMENT // 2 + 1)

        def change(angle: FloatArray) -> float:
            """Leave out what is smaller against the start: it may be a bend that is just ending."""
            after = float(np.mean(angle[peak]))
            return min(abs(after), abs(after - float(np.mean(angle[first]))))

        limit = max(p.bend, p.bend_share * r.range)
        faults: list[RotationFault] = []
        if position is RotationPosition.SUPINE:
            bent = flexed = change(inclination(m.up))
            sideways = 0.0
        else:
            known = bool(np.isfinite(m.flexion[0]))
            bent = change(m.tilt)
            sideways = change(m.lateral) if known else 0.0
            flexed = change(m.flexion) if known else bent
            # forward unknown: a lean that is there again at the end is a slouch, one that goes over to the side is not
            forward = float(np.mean(m.flexion[first])) if known else _common_tilt(m.up[first], m.up[-_MOMENT:])
            if forward > p.slouched and (r.from_rest or float(np.mean(m.tilt[peak])) > p.slouched):
                faults.append(RotationFault.STARTED_SLOUCHED)
            if float(np.mean(m.tilt[peak])) > p.upright:
                return None
        if bent > r.range:
            return None
        if sideways > limit:
            faults.append(RotationFault.BENT_SIDEWAYS)
        if flexed > limit:
            faults.append(RotationFault.FLEXED)
        if r.too_long:
            faults.append(RotationFault.TOO_LONG)
        if not bool(m.measured.all()) or r.end + 1 == cut_at or not r.sure:
            faults.append(RotationFault.CUT_BY_GAP)
        start, at, end = (self._t0 + k / GRID_HZ for k in (r.start, r.peak, r.end))
        held = (self._t0 + r.hold_start / GRID_HZ, self._t0 + r.hold_end / GRID_HZ)
        side = Side.LEFT if r.side > 0 else Side.RIGHT
        return RotationRep(side, position, start, at, end, r.range, r.hold, tuple(faults), held)


def _common_tilt(start: FloatArray, end: FloatArray) -> float:
    """Tilt that start and end share, rad: of the mean of world up (n, 3) at both."""
    x, y, z = (float(v) for v in start.mean(axis=0) + end.mean(axis=0))
    return math.atan2(math.hypot(x, y), z)


def _rows(track: Track, lo: int, hi: int) -> Track:
    return Track(
        track.k[lo:hi],
        track.t[lo:hi],
        track.flexion[lo:hi],
        track.lateral[lo:hi],
        track.axial[lo:hi],
        track.tilt[lo:hi],
        track.up[lo:hi],
        track.rate[lo:hi],
        track.acc_up[lo:hi],
        track.measured[lo:hi],
        track.flags[lo:hi],
    )


def _seated_motion(track: Track, activity: ActivityTrack) -> Motion:
    """Axial rotation; walking, lying and an untended strap allow nothing."""
    code = activity.codes
    allowed = (code != WALKING) & (code != LYING) & (code != OFF_BODY)
    return Motion(track.axial, track.rate, track.tilt, track.up, track.flexion, track.lateral, allowed, track.measured)
