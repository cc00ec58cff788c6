"""The chain: samples to grid, angles, activity, doubt, slouch, rotation, holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unslouch_signal import quaternion
from unslouch_signal.activity import CODES, MOVING, STILL, ActivityDetector, ActivityParameters
from unslouch_signal.angles import ThoraxAngles
from unslouch_signal.calibration import Calibration
from unslouch_signal.doubt import DoubtDetector, DoubtParameters
from unslouch_signal.events import (
    ActivityKind,
    CalibrationDoubt,
    Event,
    RotationRep,
)
from unslouch_signal.found_holds import FoundHoldParameters, FreeHoldDetector, rotation_hold
from unslouch_signal.fusion import CausalFusion
from unslouch_signal.grid import Grid, GridParameters
from unslouch_signal.rotation import RotationDetector, RotationParameters
from unslouch_signal.samples import BoolArray, SampleBlock
from unslouch_signal.slouch import SlouchDetector, SlouchParameters
from unslouch_signal.track import GRID_HZ, PostureFrame, Track

CHUNK = 16384
"""Samples taken through the whole chain at a time: the arrays stay in the cache, and memory does not grow with the
block."""


@dataclass(frozen=True, slots=True)
class AnalyserParameters:
    """Parameters of every part of the chain."""

    grid: GridParameters = field(default_factory=GridParameters)
    activity: ActivityParameters = field(default_factory=ActivityParameters)
    doubt: DoubtParameters = field(default_factory=DoubtParameters)
    slouch: SlouchParameters = field(default_factory=SlouchParameters)
    rotation: RotationParameters = field(default_factory=RotationParameters)
    holds: FoundHoldParameters = field(default_factory=FoundHoldParameters)


class Analyser:
    """Takes blocks of samples of any length and returns what it finds.

    How the samples are cut into blocks changes nothing. Events of one call come in the order in which they became
    known.

    Parameters
    ----------
    calibration : Calibration or None
        Without one, tilt and axial rotation count from the first sample, and no slouch is judged.
    parameters : AnalyserParameters or None
    rate_hz : float
        Nominal sample rate, for the fusion of raw samples.
    """

    def __init__(
        self,
        calibration: Calibration | None = None,
        parameters: AnalyserParameters | None = None,
        rate_hz: float = 52.0,
    ) -> None:
        self._p = parameters or AnalyserParameters()
        self._fusion = CausalFusion(rate_hz)
        self._grid = Grid(self._p.grid)
        self._activity = ActivityDetector(self._p.activity)
        self._calibration: Calibration | None = None
        self._latest: PostureFrame | None = None
        self._tracks: list[Track] = []
        self._codes: list[NDArray[np.uint8]] = []
        self._rotations = self._p.rotation
        self._pending: list[Event] = []
        self._counts = np.zeros(3, np.int64)
        self.set_calibration(calibration)

    @property
    def calibration(self) -> Calibration | None:
        """The calibration in use."""
        return self._calibration

    @property
    def latest(self) -> PostureFrame | None:
        """The newest state; None before the first grid point."""
        return self._latest

    @property
    def track(self) -> Track | None:
        """Track of the last processed block; None before the first."""
        if len(self._tracks) > 1:
            self._tracks = [join(self._tracks)]
        return self._tracks[0] if self._tracks else None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The same in consecutive parts, not yet put together."""
        return tuple(self._tracks)

    @property
    def activity(self) -> NDArray[np.uint8] | None:
        """Activity at the points of :attr:`track`: (n,) index into :data:`unslouch_signal.activity.CODES`."""
        if len(self._codes) > 1:
            self._codes = [np.concatenate(self._codes)]
        return self._codes[0] if self._codes else None

    @property
    def posture_time(self) -> PostureTime:
        """Seconds so far by posture."""
        upright, slouched, unknown = (int(c) / GRID_HZ for c in self._counts)
        return PostureTime(upright, slouched, unknown)

    def set_calibration(self, calibration: Calibration | None) -> None:
        """Use another calibration from the next sample on; a running spell ends."""
        if self._tracks:
            self._pending += self._finish_turns()
        if self._calibration is not None:
            self._pending += [event for _, event in self._slouch.finish()]
            if self._doubt.reason is not None and self._latest is not None:
                self._pending.append(CalibrationDoubt(self._latest.t, self._doubt.reason, resolved=True))
        self._calibration = calibration
        self._angles = None if calibration is None else ThoraxAngles(calibration)
        self._doubt = DoubtDetector(self._p.doubt)
        self._rotation = RotationDetector(self._rotations)
        self._holds = FreeHoldDetector(self._p.holds)
        self._slouch = SlouchDetector(
            self._p.slouch, forward_known=calibration is not None and calibration.forward_known
        )

    def expect_rotations(self, usual_range: float | None) -> None:
        """Count repetitions as in a coached session (:meth:`RotationParameters.for_session`) from the next sample on.

        Parameters
        ----------
        usual_range : float or None
            rad; 0 where the person's range is not known yet, None when the session is over.
        """
        wanted = self._p.rotation.for_session(usual_range)
        if wanted == self._rotations:
            return
        self._rotations = wanted
        if self._tracks:
            self._pending += [event for _, event in self._with_holds(self._rotation.finish())]
        self._rotation = RotationDetector(wanted)

    def process(self, block: SampleBlock) -> list[Event]:
        """Take the next samples; return the events they complete.

        Raises
        ------
        ValueError
            When the block has neither orientation nor raw samples.
        """
        events, self._pending = self._pending, []
        tracks: list[Track] = []
        codes: list[NDArray[np.uint8]] = []
        for a in range(0, len(block), CHUNK):
            track, activity, found = self._chunk(block[a : a + CHUNK])
            tracks.append(track)
            codes.append(activity)
            events += found
        if tracks:
            self._tracks, self._codes = tracks, codes
        return events

    def finish(self) -> list[Event]:
        """End of the data: close what is open."""
        events, self._pending = self._pending, []
        if self._calibration is not None:
            events += [event for _, event in self._slouch.finish()]
        events += self._finish_turns()
        events += [event for _, event in self._activity.finish()]
        return events

    def _chunk(self, block: SampleBlock) -> tuple[Track, NDArray[np.uint8], list[Event]]:
        if block.quat is None:
            block = self._fusion.process(block)
        grid = self._grid.process(block)
        if self._angles is None and len(grid):
            self._angles = ThoraxAngles(_provisional(grid.quat[:, 0]))
        # a short block may hold no grid point
        track = (self._angles or ThoraxAngles(_provisional(quaternion.IDENTITY))).process(grid)
        activity, spans = self._activity.process(track)
        found: list[tuple[int, Event]] = list(spans)
        doubt, changes = self._doubt.process(track, activity, grid.acc_size)
        if self._calibration is not None:
            found += changes
            on, slouches = self._slouch.process(track, activity, doubt != 0)
            found += slouches
            seated = (activity.codes == STILL) | (activity.codes == MOVING)
            self._count(on, seated & (doubt == 0) & track.measured)
        else:
            self._counts[2] += len(track)
        turns = self._rotation.process(track, activity)
        found += self._with_holds(turns)
        if self._calibration is not None and self._calibration.forward_known:
            found += self._holds.process(track, activity)
        if len(track):
            self._latest = self._frame(track, CODES[int(activity.codes[-1])])
        # sorting is stable: what is found at one point keeps the order of the chain
        found.sort(key=lambda item: item[0])
        return track, activity.codes, [event for _, event in found]

    def _with_holds(self, turns: list[tuple[int, RotationRep]]) -> list[tuple[int, Event]]:
        """Each repetition, followed by its held peak where it was held."""
        found: list[tuple[int, Event]] = []
        for k, rep in turns:
            hold = rotation_hold(rep, self._p.holds.rotation)
            found += [(k, rep)] if hold is None else [(k, rep), (k, hold)]
        return found

    def _finish_turns(self) -> list[Event]:
        ends = [*self._with_holds(self._rotation.finish()), *self._holds.finish()]
        return [event for _, event in ends]

    def _count(self, on: BoolArray, known: BoolArray) -> None:
        slouched = int(np.count_nonzero(on))
        upright = int(np.count_nonzero(known & ~on))
        self._counts += (upright, slouched, len(on) - slouched - upright)

    def _frame(self, track: Track, kind: ActivityKind) -> PostureFrame:
        calibration = self._calibration
        known = calibration is not None and calibration.forward_known
        lasted = self._slouch.slouching_s if calibration is not None else None
        reason = self._doubt.reason if calibration is not None else None
        up = track.up[-1]
        return PostureFrame(
            float(track.t[-1]),
            float(track.flexion[-1]) if known else None,
            float(track.lateral[-1]) if known else None,
            float(track.axial[-1]),
            float(track.tilt[-1]),
            (float(up[0]), float(up[1]), float(up[2])),
            kind.value,
            calibration is not None,
            None if reason is None else reason.value,
            lasted is not None,
            lasted or 0.0,
        )


def join(tracks: Sequence[Track]) -> Track:
    """Put consecutive tracks together."""
    if len(tracks) == 1:
        return tracks[0]
    names = Track.__slots__
    return Track(**{name: np.concatenate([getattr(track, name) for track in tracks]) for name in names})


def _provisional(quat: np.ndarray) -> Calibration:
    """Tilt and turn from the first sample, before there is a calibration."""
    up = quaternion.normalise(quaternion.up_in_sensor(quat))
    side = np.eye(3)[int(np.argmin(np.abs(up)))]
    x = quaternion.normalise(side - float(side @ up) * up)
    q = quaternion.from_axes(x, np.cross(up, x), up)
    return Calibration((float(q[0]), float(q[1]), float(q[2]), float(q[3])), False, "neutral", 0.0)


@dataclass(frozen=True, slots=True)
class PostureTime:
    """Seconds of the recording by posture; ``unknown`` is walking, lying, off body, gaps and doubt."""

    upright: float
    slouched: float
    unknown: float
