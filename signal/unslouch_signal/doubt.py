"""When a calibration that was good is not to be trusted any more, and when it is again.

A calibration says how the strap sits on the thorax; it fails when the strap may have moved: taken off, on the charger,
no samples for a minute, lain on for a minute, or slipped. It is trusted again once the wearer has been upright
within the lower threshold (7 deg) for 3 s: a strap that sits otherwise keeps showing a tilt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.activity import LYING, MOVING, STILL, ActivityTrack
from unslouch_signal.events import CalibrationDoubt, DoubtReason
from unslouch_signal.samples import SampleFlag
from unslouch_signal.track import GRID_HZ, Track
from unslouch_signal.window import Debounce

REASONS: tuple[DoubtReason | None, ...] = (
    None,
    DoubtReason.GAP,
    DoubtReason.SLIPPED,
    DoubtReason.OFF_BODY,
    DoubtReason.CHARGER,
    DoubtReason.LYING_LONG,
)
"""``REASONS[code]``; 0 is trust."""
GAP, SLIPPED, OFF_BODY, CHARGER, LYING_LONG = range(1, 6)


@dataclass(frozen=True, slots=True)
class DoubtParameters:
    """``gap_s``: long enough to take the strap off and on. ``lying_s``: to lie down and roll on it."""

    gap_s: float = 60.0
    lying_s: float = 60.0
    upright: float = math.radians(7.0)
    upright_s: float = 3.0


class DoubtDetector:
    """Follows whether the calibration is to be trusted."""

    def __init__(self, parameters: DoubtParameters | None = None) -> None:
        self._p = p = parameters or DoubtParameters()
        self._good = Debounce(0, np.array([1, round(p.upright_s * GRID_HZ)]))
        self._lying = Debounce(0, np.array([1, round(p.lying_s * GRID_HZ)]))
        self._code = 0
        self._k: int | None = None

    @property
    def reason(self) -> DoubtReason | None:
        """Why the calibration is doubtful now; None when it is not."""
        return REASONS[self._code]

    def process(
        self, track: Track, activity: ActivityTrack
    ) -> tuple[NDArray[np.uint8], list[tuple[int, CalibrationDoubt]]]:
        """Return the doubt code at each point and the changes, each with its grid index."""
        n = len(track)
        if n == 0:
            return np.empty(0, np.uint8), []
        codes = activity.codes
        before = int(track.k[0]) - 1 if self._k is None else self._k
        jump = np.diff(np.concatenate(([before], track.k)))
        cause = np.zeros(n, np.uint8)
        cause[self._lying.process((codes == LYING).astype(np.uint8)) != 0] = LYING_LONG
        cause[jump > self._p.gap_s * GRID_HZ] = GAP
        cause[(track.flags & SampleFlag.OFF_BODY) != 0] = OFF_BODY
        cause[(track.flags & SampleFlag.CHARGER) != 0] = CHARGER

        upright = (track.tilt < self._p.upright) & ((codes == STILL) | (codes == MOVING)) & (cause == 0)
        good = self._good.process(upright.astype(np.uint8)) != 0
        said = np.maximum.accumulate(np.where(good | (cause != 0), np.arange(1, n + 1), 0))
        out = np.concatenate((np.array([self._code], np.uint8), cause))[said]
        return out, self._changes(track, out)

    def _changes(self, track: Track, codes: NDArray[np.uint8]) -> list[tuple[int, CalibrationDoubt]]:
        events: list[tuple[int, CalibrationDoubt]] = []
        before = np.concatenate((np.array([self._code], np.uint8), codes[:-1]))
        for i in np.flatnonzero(codes != before):
            k, t = int(track.k[i]), float(track.t[i])
            old, new = REASONS[int(before[i])], REASONS[int(codes[i])]
            if old is not None:
                events.append((k, CalibrationDoubt(t, old, resolved=True)))
            if new is not None:
                events.append((k, CalibrationDoubt(t, new)))
        self._code, self._k = int(codes[-1]), int(track.k[-1])
        return events
