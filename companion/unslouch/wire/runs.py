"""Which numbers were seen, as runs with a step; small however long a stream is."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

_MOST = 4096


class Runs:
    """A set of whole numbers that arrive mostly consecutive, or every ``step``-th."""

    def __init__(self) -> None:
        self._low: list[int] = []
        self._high: list[int] = []
        self._step: list[int] = []

    def __len__(self) -> int:
        return len(self._low)

    def contains(self, values: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the values were added."""
        if not self._low or not len(values):
            return np.zeros(len(values), np.bool_)
        low, high, step = np.array(self._low), np.array(self._high), np.array(self._step)
        j = np.searchsorted(low, values, side="right") - 1
        inside = (j >= 0) & (values <= high[j])
        return inside & ((values - low[j]) % step[j] == 0)

    def add(self, values: NDArray[np.int64], step: int = 1) -> None:
        """Add strictly increasing values not yet contained."""
        if not len(values):
            return
        edges = np.flatnonzero(np.diff(values) != step) + 1
        for part_low, part_high in zip(
            values[np.r_[0, edges]].tolist(), values[np.r_[edges - 1, len(values) - 1]].tolist(), strict=True
        ):
            self._add_run(part_low, part_high, step)

    def _add_run(self, low: int, high: int, step: int) -> None:
        at = bisect_right(self._low, low)
        if at and self._step[at - 1] == step and self._high[at - 1] + step == low:
            at -= 1
            self._high[at] = high
        else:
            self._low.insert(at, low)
            self._high.insert(at, high)
            self._step.insert(at, step)
        following = at + 1
        if (
            following < len(self._low)
            and self._step[following] == step
            and self._low[following] == self._high[at] + step
        ):
            self._high[at] = self._high[following]
            del self._low[following], self._high[following], self._step[following]
        if len(self._low) > _MOST:  # a strap that lies: forget detail about the oldest, treating it as seen
            self._high[0] = max(self._high[0], self._high[1])
            self._step[0] = 1
            del self._low[1], self._high[1], self._step[1]
