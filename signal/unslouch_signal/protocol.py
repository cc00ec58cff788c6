"""Finds the calibration protocol at the start of a recording, or at least a still start.

The protocol: still and upright for 4 s or more, two or three forward bows of 20 deg or more, upright again.
Everything is judged by world up in the sensor frame, which needs no mounting and which gyro bias does not touch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal import quaternion
from unslouch_signal.calibration import Calibration, calibrate
from unslouch_signal.grid import Grid
from unslouch_signal.samples import BoolArray, FloatArray, SampleBlock
from unslouch_signal.track import GRID_HZ

LOOK_S = 180.0
"""How much of the start of a recording is looked at, s."""


@dataclass(frozen=True, slots=True)
class ProtocolParameters:
    """What makes the protocol; s and rad.

    ``begin_s``: the still part begins within the first minute. ``creep``: how far world up may wander in a second of
    stillness. ``bow``: depth of a bow; ``ended``: a bow is over at this tilt. ``bow_s``: shortest and longest.
    ``pause_s``: at most between the still part, the bows and being upright again.
    """

    begin_s: float = 60.0
    still_s: float = 4.0
    creep: float = math.radians(2.5)
    bow: float = math.radians(20.0)
    ended: float = math.radians(10.0)
    bow_s: tuple[float, float] = (0.6, 10.0)
    pause_s: float = 10.0
    agree: float = math.radians(30.0)
    after_s: float = 1.0
    margin_s: float = 0.3


@dataclass(frozen=True, slots=True)
class Protocol:
    """Where the protocol lies in the recording, in its time: the neutral and each bow as (start, end)."""

    neutral: tuple[float, float]
    bows: tuple[tuple[float, float], ...]
    calibration: Calibration


def find_protocol(block: SampleBlock, parameters: ProtocolParameters | None = None) -> Protocol | None:
    """Find the protocol in the first minutes of ``block`` (with orientation); None when it is not there."""
    p = parameters or ProtocolParameters()
    start = _Start.of(block)
    for first, last in start.still(p):
        if start.t[first] - start.t[0] > p.begin_s:
            break
        if start.t[last - 1] - start.t[first] < p.still_s - 0.5:
            continue
        bows = start.bows(first, last, p)
        if bows is None:
            continue
        end = max(first + 1, last - round(p.margin_s * GRID_HZ))
        neutral = (float(start.t[first]), float(start.t[end - 1]))
        spans = tuple((float(start.t[a]), float(start.t[b])) for a, b in bows)
        calibration = calibrate(_cut(block, *neutral), _cut(block, spans[0][0], spans[-1][1]))
        return Protocol(neutral, spans, calibration)
    return None


def find_still_start(
    block: SampleBlock, parameters: ProtocolParameters | None = None, at_least_s: float = 1.0
) -> tuple[float, float] | None:
    """Return the first still stretch of a second or more, at most 10 s of it; None when there is none."""
    p = parameters or ProtocolParameters()
    start = _Start.of(block)
    for first, last in start.still(p):
        if start.t[last - 1] - start.t[first] >= at_least_s:
            end = min(float(start.t[last - 1]), float(start.t[first]) + 10.0)
            return float(start.t[first]), end
    return None


@dataclass(frozen=True, slots=True)
class _Start:
    """The start of a recording on the grid: world up in the sensor frame, and what was measured."""

    t: FloatArray
    up: FloatArray
    measured: BoolArray

    @staticmethod
    def of(block: SampleBlock) -> _Start:
        cut = block[: int(np.count_nonzero(block.t <= block.t[0] + LOOK_S))] if len(block) else block
        grid = Grid().process(cut)
        return _Start(grid.t, quaternion.up_in_sensor(np.ascontiguousarray(grid.quat.T)), grid.measured)

    def still(self, p: ProtocolParameters) -> list[tuple[int, int]]:
        """Stretches [first, last) in which world up wanders slowly."""
        n, half = len(self.t), round(0.5 * GRID_HZ)
        if n <= 2 * half:
            return []
        wander: FloatArray = _angle(self.up[2 * half :], self.up[: -2 * half])
        # the whole second on both sides of a slow moment is still
        slow = np.zeros(n, np.bool_)
        width = min(half, len(wander))
        for a, b in _runs(wander <= p.creep):
            slow[a + width : b + width] = True
            if a == 0:
                slow[:width] = True
            if b == len(wander):
                slow[b + width :] = True
        return _runs(slow)

    def bows(self, first: int, last: int, p: ProtocolParameters) -> list[tuple[int, int]] | None:
        """The bows that follow the still part [first, last); None when what follows is something else."""
        up = quaternion.normalise(self.up[first:last].mean(axis=0))
        tilt = _angle(self.up, up)
        pause = round(p.pause_s * GRID_HZ)
        found: list[tuple[int, int]] = []
        ways: list[FloatArray] = []
        previous = last
        for a, b in _runs(tilt > p.ended):
            if b <= last:
                continue
            if a - previous > pause:
                break
            peak = a + int(np.argmax(tilt[a:b]))
            if tilt[peak] < p.bow:
                continue
            seconds = (b - a) / GRID_HZ
            if not p.bow_s[0] <= seconds <= p.bow_s[1] or b == len(tilt):
                return None
            found.append((a, b))
            ways.append(quaternion.normalise(self.up[peak] - float(self.up[peak] @ up) * up))
            previous = b
        if not 2 <= len(found) <= 3:
            return None
        mean = quaternion.normalise(np.sum(ways, axis=0))
        if any(float(_angle(w, mean)) > p.agree for w in ways):
            return None
        after = tilt[previous : previous + round(p.after_s * GRID_HZ)]
        return found if len(after) and bool(np.all(after < p.ended)) else None


def _runs(on: BoolArray) -> list[tuple[int, int]]:
    edges: NDArray[np.intp] = np.flatnonzero(np.diff(np.concatenate(([False], on, [False]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _angle(a: FloatArray, b: FloatArray) -> FloatArray:
    cross = np.cross(a, b)
    return np.arctan2(np.sqrt((cross * cross).sum(axis=-1)), (a * b).sum(axis=-1))


def _cut(block: SampleBlock, start: float, end: float) -> SampleBlock:
    a, b = np.searchsorted(block.t, (start, end))
    return block[int(a) : max(int(b), int(a) + 1)]
