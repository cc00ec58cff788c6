"""Cells of equal length laid over samples of any rate and jitter, with gaps, and what samples add up to in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import BoolArray, FlagArray, FloatArray

_HOLE_S = 60.0
"""Of a longer gap only so much is laid out in cells; any length would do beyond what gaps are judged by."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of equal length over the recording; those that lie in gaps are left out.

    ``left`` and ``share`` say where each edge of the kept cells lies between samples; ``seconds`` is how much of
    the cell is covered by samples, ``after_gap`` lists the cells before which there is a gap.
    """

    cell_s: float
    t: FloatArray
    seconds: FloatArray
    after_gap: NDArray[np.intp]
    _dt: FloatArray
    _left: NDArray[np.intp]
    _share: FloatArray
    _kept: BoolArray

    @staticmethod
    def of(t: FloatArray, shortest_s: float, gap_s: float) -> Cells:
        """Lay cells over time stamps ``t`` (n,), n > 1: as long as the samples are apart, but not below ``shortest_s``.

        What lies between samples more than ``gap_s`` apart is covered by none.
        """
        dt = np.diff(t)
        cell_s = max(shortest_s, float(np.median(dt)))
        # nothing is laid out over a night or a year without samples: whole cells of it are taken out of time
        out = np.where(dt > _HOLE_S, np.floor((dt - _HOLE_S) / cell_s) * cell_s, 0.0)
        taken_out = np.concatenate(([0.0], np.cumsum(out)))
        t = t - taken_out
        n = max(int((t[-1] - t[0]) / cell_s), 1)
        edges = t[0] + cell_s * np.arange(n + 1)
        # how many samples lie at or before each edge
        counted = np.bincount(np.ceil((t - t[0]) / cell_s).astype(np.int64), minlength=n + 1)
        before = np.clip(np.cumsum(counted)[: n + 1] - 1, 0, len(dt))
        left = np.minimum(before, len(dt) - 1)
        share = np.clip((edges - t[left]) / dt[left], 0.0, 1.0)
        covered = np.where(dt <= gap_s, dt, 0.0)
        seconds = np.diff(_at_edges(np.concatenate(([0.0], np.cumsum(covered))), covered, left, share))
        kept = seconds > 0.25 * cell_s
        if not kept.any():
            kept[:] = True
            seconds = np.full(n, cell_s)
        # how many gaps are over where each cell ends; one may also lie inside two cells that are both kept
        over: NDArray[np.int64] = np.concatenate(([0], np.cumsum((dt > gap_s).astype(np.int64))))[left]
        gaps = over[1:][kept]
        after = np.flatnonzero(np.diff(gaps) > 0) + 1
        ends = (edges + taken_out[before])[1:]
        return Cells(cell_s, ends[kept], seconds[kept], after, covered, left, share, kept)

    def integral(self, x: FloatArray) -> FloatArray:
        """Integral of the linear interpolant over each kept cell; what lies in gaps counts nothing."""
        area = np.concatenate(([0.0], np.cumsum(0.5 * self._dt * (x[1:] + x[:-1]))))
        i, w = self._left, self._share
        within = self._dt[i] * w * (x[i] + (x[i + 1] - x[i]) * (0.5 * w))
        return np.diff(area[i] + within)[self._kept]

    def flags(self, flags: FlagArray) -> FlagArray:
        """Flags of all samples that touch each kept cell."""
        both = np.bitwise_or.reduceat(flags, np.minimum(self._left[:-1], len(flags) - 1))
        return (both | flags[np.minimum(self._left[1:] + 1, len(flags) - 1)])[self._kept].astype(np.uint8)


def _at_edges(area: FloatArray, dt: FloatArray, left: NDArray[np.intp], share: FloatArray) -> FloatArray:
    return area[left] + dt[left] * share
