"""Finds the calibration protocol in a stream while it is being done: upright and still, two or three bows, upright."""

from __future__ import annotations

import numpy as np

from unslouch_signal.calibration import Calibration
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock, samples

WINDOW_S = 75.0
"""What is kept to look through: the longest protocol (10 s still, three slow bows with pauses) takes 60 s."""
PERIOD_S = 0.5
"""How often to look: a person who stands upright again sees the calibration take hold within this time."""


class ProtocolWatch:
    """Keeps the newest samples and says when they hold a finished protocol."""

    def __init__(self) -> None:
        self._blocks: list[SampleBlock] = []
        self._looked = -np.inf

    def feed(self, block: SampleBlock) -> Calibration | None:
        """Take the next samples (with orientation); return the calibration when the protocol has just been finished."""
        if not len(block):
            return None
        self._blocks.append(block)
        newest = float(block.t[-1])
        while len(self._blocks) > 1 and self._blocks[0].t[-1] < newest - WINDOW_S:
            self._blocks.pop(0)
        if newest - self._looked < PERIOD_S:
            return None
        self._looked = newest
        window = _joined(self._blocks)
        self._blocks = [window]
        found = find_protocol(window)
        if found is None:
            return None
        self.forget()
        return found.calibration

    def forget(self) -> None:
        """Begin afresh: what was seen so far counts no more."""
        self._blocks.clear()


def _joined(blocks: list[SampleBlock]) -> SampleBlock:
    """Put consecutive fused blocks together; only time and orientation are looked at."""
    return samples(
        np.concatenate([block.t for block in blocks]),
        np.concatenate([block.quat for block in blocks if block.quat is not None]),
    )
