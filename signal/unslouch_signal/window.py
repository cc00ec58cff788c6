"""Building blocks of the detectors: running means and delays whose result does not depend on how the data is cut.

A running mean is the difference of a running sum (``np.cumsum`` adds one after the other, so a sum carried on is
the same sum), never a mean over a slice of the block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import BoolArray, FloatArray


class RunningMean:
    """Mean of the last ``n`` values: at first of as many as there are, or as if zeros went before (``zeros``)."""

    def __init__(self, n: int, *, zeros: bool = False) -> None:
        self._n = n
        self._sums = np.zeros(n + 1 if zeros else 1)
        """The last ``n`` running sums (fewer at first) and the newest."""

    def process(self, x: FloatArray) -> FloatArray:
        """Return the mean at each of ``x``, which must be finite."""
        have = len(self._sums)
        sums = np.concatenate((self._sums[:-1], np.cumsum(np.concatenate((self._sums[-1:], x)))))
        first = have - self._n
        if first >= 0:  # the usual case
            out = (sums[have:] - sums[first : first + len(x)]) / self._n
        else:
            index = np.arange(first, first + len(x))
            out = (sums[have:] - sums[np.maximum(index, 0)]) / np.minimum(index + self._n, self._n)
        self._sums = sums[-(self._n + 1) :].copy()
        return out


class Delay:
    """The values of ``n`` points ago; the first value is repeated before the start."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._past: FloatArray | None = None

    def process(self, x: FloatArray) -> FloatArray:
        """Return the delayed values."""
        if len(x) == 0:
            return x
        past = np.full(self._n, x[0]) if self._past is None else self._past
        both = np.concatenate((past, x))
        self._past = both[len(x) :].copy()
        return both[: len(x)]


class Schmitt:
    """Hysteresis: on at ``enter``, off at ``leave`` (which wins), otherwise as before."""

    def __init__(self) -> None:
        self._on = False

    def process(self, enter: BoolArray, leave: BoolArray) -> BoolArray:
        """Return the state at each point."""
        n = len(enter)
        if not self._on and not bool(enter.any()):
            return np.zeros(n, np.bool_)
        said = np.where(enter | leave, np.arange(1, n + 1), 0)
        last = np.maximum.accumulate(said)
        out = np.concatenate(([self._on], enter & ~leave))[last]
        if n:
            self._on = bool(out[-1])
        return out


class Debounce:
    """A code is taken over once it has lasted for its own number of points."""

    def __init__(self, initial: int, lasts: NDArray[np.int64]) -> None:
        self._lasts = lasts
        self._code = initial
        self._run = 0
        self._out = initial

    def process(self, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the codes taken over at each point."""
        n = len(codes)
        if n == 0:
            return codes
        if self._out == self._code and bool((codes == self._code).all()):
            # nothing changes: the usual case
            self._run += n
            return np.full(n, self._out, np.uint8)
        index = np.arange(n)
        new = np.concatenate(([codes[0] != self._code], codes[1:] != codes[:-1]))
        start = np.maximum.accumulate(np.where(new, index, -1))
        run = np.where(start >= 0, index - start + 1, index + 1 + self._run)
        taken = np.maximum.accumulate(np.where(run >= self._lasts[codes], index + 1, 0))
        out = np.concatenate((np.array([self._out], np.uint8), codes))[taken]
        self._code, self._run, self._out = int(codes[-1]), int(run[-1]), int(out[-1])
        return out


def lasting(on: BoolArray, before: int) -> NDArray[np.int64]:
    """For how many points ``on`` has been true at each point, ``before`` being the count before the first."""
    index = np.arange(1, len(on) + 1)
    ended = np.maximum.accumulate(np.where(on, 0, index))
    return np.where(ended > 0, index - ended, index + before)
