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


@dataclass(frozen=True, slots=True)
class ProtocolParameters:
    """What makes the protocol; s and rad.

    ``look_s``: how much of the recording is looked at. ``begin_s``: the still part begins within the first minute.
    ``creep``: how far world up may wander in a second of stillness. ``bow``: depth of a bow; ``ended``: a bow is
    over at this tilt. ``bow_s``: shortest and longest. ``pause_s``: at most between the still part, the bows and
    being upright again. ``agree``: directions of the bows; ``alike``: the shallowest against the deepest;
    ``twist``: the most a bow turns to a side (one who gets up turns).
    """

    look_s: float = 180.0
    begin_s: float = 60.0
    still_s: float = 4.0
    creep: float = math.radians(2.5)
    bow: float = math.radians(20.0)
    ended: float = math.radians(10.0)
    bow_s: tuple[float, float] = (0.7, 8.0)
    pause_s: float = 10.0
    agree: float = math.radians(25.0)
    alike: float = 0.5
    twist: float = math.radians(20.0)
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
    start = _Start.of(block, p.look_s)
    for first, last in start.still(1.0, p.creep):
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


def find_still_start(block: SampleBlock, parameters: ProtocolParameters | None = None) -> tuple[float, float] | None:
    """Return the first still stretch of 0.6 s or more, at most 10 s of it; one of 2 s in the first 5 s is preferred.

    Windows of 0.4 s are looked at: people who know what is coming hold still for less than a second.
    """
    p = parameters or ProtocolParameters()
    start = _Start.of(block, p.look_s)
    runs = [(float(start.t[a]), float(start.t[b - 1])) for a, b in start.still(0.4, 0.4 * p.creep)]
    for shortest in (2.0, 0.6):
        for begin, end in runs:
            if end - begin >= shortest and (shortest < 2.0 or begin - start.t[0] < 5.0):
                return begin, min(end, begin + 10.0)
    return None


def find_neutral(block: SampleBlock, parameters: ProtocolParameters | None = None) -> tuple[float, float] | None:
    """Return the longest still stretch of a recording made to show the neutral; None below half a second."""
    p = parameters or ProtocolParameters()
    start = _Start.of(block, math.inf)
    for window_s in (1.0, 0.4):
        runs = [(float(start.t[a]), float(start.t[b - 1])) for a, b in start.still(window_s, window_s * p.creep)]
        if runs:
            return max(runs, key=lambda run: run[1] - run[0])
    return None


@dataclass(frozen=True, slots=True)
class _Start:
    """The start of a recording on the grid: world up in the sensor frame, and what was measured."""

    t: FloatArray
    quat: FloatArray
    up: FloatArray

    @staticmethod
    def of(block: SampleBlock, look_s: float) -> _Start:
        cut = block[: int(np.count_nonzero(block.t <= block.t[0] + look_s))] if len(block) else block
        grid = Grid().process(cut)
        quat = np.ascontiguousarray(grid.quat.T)
        return _Start(grid.t, quat, quaternion.up_in_sensor(quat))

    def still(self, window_s: float, creep: float) -> list[tuple[int, int]]:
        """Stretches [first, last) made of windows in which world up wandered no farther than ``creep``."""
        w = round(window_s * GRID_HZ)
        if len(self.t) <= w:
            return []
        # from end to end, and to the middle: who swings to and fro comes by the same place
        first, middle, last = self.up[:-w], self.up[w // 2 : w // 2 - w], self.up[w:]
        wander: FloatArray = np.max([_angle(last, first), _angle(middle, first), _angle(last, middle)], axis=0)
        slow = np.zeros(len(self.t), np.bool_)
        for a, b in _runs(wander <= creep):
            slow[a : b + w] = True
        return _runs(slow)

    def twist(self, a: int, b: int, up: FloatArray) -> float:
        """How far the sensor turned about the long axis during [a, b), rad: the range of the twist about ``up``."""
        turned = quaternion.multiply(quaternion.conjugate(self.quat[a]), self.quat[a:b])
        twist = 2.0 * np.arctan2(turned[:, 1:] @ up, turned[:, 0])
        return float(np.ptp(np.unwrap(twist)))

    def bows(self, first: int, last: int, p: ProtocolParameters) -> list[tuple[int, int]] | None:
        """The bows that follow the still part [first, last); None when what follows is something else."""
        up = quaternion.normalise(self.up[first:last].mean(axis=0))
        tilt = _angle(self.up, up)
        pause = round(p.pause_s * GRID_HZ)
        found: list[tuple[int, int]] = []
        ways: list[FloatArray] = []
        deepest: list[float] = []
        pauses: list[int] = []
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
            way = quaternion.normalise(self.up[peak] - float(self.up[peak] @ up) * up)
            bow = p.bow_s[0] <= seconds <= p.bow_s[1] and b < len(tilt) and self.twist(a, b, up) <= p.twist
            # after two bows something else may follow soon: a held stretch, a bend to the side, getting up
            if len(found) >= 2 and not (
                bow
                and float(_angle(way, ways[0])) <= p.agree
                and p.alike * max(deepest) <= tilt[peak] <= min(deepest) / p.alike
            ):
                break
            if not bow:
                return None
            if found:
                pauses.append(a - previous)
            found.append((a, b))
            ways.append(way)
            deepest.append(float(tilt[peak]))
            previous = b
        after = round(p.after_s * GRID_HZ)
        for n in _candidates(pauses, after):
            mean = quaternion.normalise(np.sum(ways[:n], axis=0))
            over = tilt[found[n - 1][1] : found[n - 1][1] + after]
            good = min(deepest[:n]) >= p.alike * max(deepest[:n]) and len(over) > 0 and bool(np.all(over < p.ended))
            if good and all(float(_angle(w, mean)) <= p.agree for w in ways[:n]):
                return found[:n]
        return None


def _candidates(pauses: list[int], after: int) -> tuple[int, ...]:
    """How many of the alike bends, with these pauses between them, may be the protocol; the likeliest first.

    A pause that stands out ends the protocol. A fourth bend is what was done next; five and more in a steady rhythm,
    such as getting up and sitting down, are an exercise.
    """
    together = len(pauses) + 1
    for i in range(1, len(pauses)):
        if pauses[i] > 1.25 * max(after, *pauses[:i]):
            together = i + 1
            break
    return tuple(n for n in (3, 2) if n <= together) if together <= 4 else ()


def _runs(on: BoolArray) -> list[tuple[int, int]]:
    edges: NDArray[np.intp] = np.flatnonzero(np.diff(np.concatenate(([False], on, [False]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _angle(a: FloatArray, b: FloatArray) -> FloatArray:
    cross = np.cross(a, b)
    return np.arctan2(np.sqrt((cross * cross).sum(axis=-1)), (a * b).sum(axis=-1))


def _cut(block: SampleBlock, start: float, end: float) -> SampleBlock:
    a, b = np.searchsorted(block.t, (start, end))
    return block[int(a) : max(int(b), int(a) + 1)]
