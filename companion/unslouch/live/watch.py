"""Finds the calibration protocol in a stream while it is being done: upright and still, two or three bows, upright."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unslouch_signal.calibration import Calibration
from unslouch_signal.events import CalibrationDoubt, Event
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock, samples

WINDOW_S = 75.0
"""What is kept to look through: the longest protocol (10 s still, three slow bows with pauses) takes 60 s."""


class ProtocolWatch:
    """Keeps the newest samples and finds a finished protocol in them."""

    def __init__(self) -> None:
        self._blocks: list[SampleBlock] = []

    def feed(self, block: SampleBlock) -> None:
        """Take the next samples (with orientation)."""
        if not len(block) or block.quat is None:
            return
        self._blocks.append(block)
        oldest = float(block.t[-1]) - WINDOW_S
        while len(self._blocks) > 1 and self._blocks[0].t[-1] < oldest:
            self._blocks.pop(0)

    def doubted(self, events: Sequence[Event]) -> None:
        """Forget what was before the calibration became doubtful: a protocol from then is worth nothing now."""
        for event in events:
            if isinstance(event, CalibrationDoubt) and not event.resolved:
                self._blocks = [later for block in self._blocks if len(later := _since(block, event.t))]

    def look(self) -> Calibration | None:
        """Return the calibration when a protocol has been finished; it is found once."""
        if not self._blocks:
            return None
        window = _joined(self._blocks)
        window = _since(window, float(window.t[-1]) - WINDOW_S)
        self._blocks = [window]
        found = find_protocol(window)
        if found is None:
            return None
        self.forget()
        return found.calibration

    def forget(self) -> None:
        """Begin afresh: what was seen so far counts no more."""
        self._blocks.clear()


def _since(block: SampleBlock, t: float) -> SampleBlock:
    return block[int(np.searchsorted(block.t, t)) :]


def _joined(blocks: list[SampleBlock]) -> SampleBlock:
    """Put consecutive fused blocks together.

    Acceleration goes along where all of them have it: at rest it shows the vertical better than a filter that has just
    been turned on. So do the flags that say when not to believe it.
    """
    fused = [block for block in blocks if block.quat is not None]
    acc = [block.acc for block in fused if block.acc is not None]
    return samples(
        np.concatenate([block.t for block in fused]),
        np.concatenate([block.quat for block in fused if block.quat is not None]),
        np.concatenate(acc) if len(acc) == len(fused) else None,
        flags=np.concatenate([block.flags for block in fused]),
    )
