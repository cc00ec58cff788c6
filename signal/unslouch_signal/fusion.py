"""Orientation from raw acceleration and angular rate, by PyPI ``vqf``.

D. Laidig, T. Seel: VQF: Highly accurate IMU orientation estimation with bias estimation and magnetic disturbance
rejection. Information Fusion 91 (2023) 187-204, doi 10.1016/j.inffus.2022.10.014.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from vqf import VQF

from unslouch_signal import quaternion
from unslouch_signal.samples import FloatArray, SampleBlock


class CausalFusion:
    """Fuses blocks as they come; its state is the filter's."""

    def __init__(self, rate_hz: float, gap_s: float = 0.5) -> None:
        self._ts = 1.0 / rate_hz
        self._gap_s = gap_s
        self._filter = VQF(self._ts)
        self._t: float | None = None
        self._heading = quaternion.IDENTITY
        self._quat = quaternion.IDENTITY

    def process(self, block: SampleBlock) -> SampleBlock:
        """Return the block with orientation.

        Raises
        ------
        ValueError
            When acceleration or angular rate is missing.
        """
        if block.acc is None or block.gyr is None:
            raise ValueError("raw samples need acceleration and angular rate to be fused")
        if len(block) == 0:
            return SampleBlock(block.t, np.empty((0, 4)), block.acc, block.gyr, block.flags)
        before = block.t[0] - self._ts if self._t is None else self._t
        dt = np.diff(np.concatenate(([before], block.t)))
        self._t = float(block.t[-1])
        # the filter steps by the nominal interval: what turned in the real one is kept
        gyr = block.gyr * (np.minimum(dt, self._gap_s) / self._ts)[:, None]
        quat = np.empty((len(block), 4))
        cuts = [0, *(int(i) for i in np.flatnonzero(dt > self._gap_s)), len(block)]
        for a, b in pairwise(cuts):
            if b > a:
                quat[a:b] = self._run(gyr[a:b], block.acc[a:b], restart=bool(dt[a] > self._gap_s))
        self._quat = quat[-1]
        return SampleBlock(block.t, quat, block.acc, block.gyr, block.flags)

    def _run(self, gyr: FloatArray, acc: FloatArray, *, restart: bool) -> FloatArray:
        raw = self._filter.updateBatch(np.ascontiguousarray(gyr), np.ascontiguousarray(acc))["quat6D"]
        return quaternion.multiply(self._heading, raw)


def fuse(block: SampleBlock) -> SampleBlock:
    """Fuse a whole recording."""
    rate = 1.0 / float(np.median(np.diff(block.t))) if len(block) > 1 else 50.0
    return CausalFusion(rate).process(block)
