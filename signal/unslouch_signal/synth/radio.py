"""What the radio loses: packets, bursts of packets, whole stretches."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from unslouch_signal.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class RadioModel:
    """How a radio loses packets.

    Attributes
    ----------
    packet_samples : int
        Samples in a packet; they are lost together.
    loss : float
        Fraction of packets lost, 0 to below 1.
    burst : float
        Mean length of a run of lost packets (Gilbert's model).
    outages : tuple of (start_s, end_s)
        Stretches without a link, strap time.
    """

    packet_samples: int = 2
    loss: float = 0.0
    burst: float = 3.0
    outages: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 <= self.loss < 1.0 or self.burst < 1.0 or self.packet_samples < 1:
            raise ValueError("loss must be 0 to below 1, burst and packet_samples at least 1")


class Radio:
    """Decides for consecutive samples which arrive."""

    def __init__(self, model: RadioModel, seed: int) -> None:
        self._model = model
        self._rng = np.random.default_rng([seed, 4])
        self._packet_end = 0
        self._lost = True
        self._runs: list[tuple[int, int]] = []

    def arrives(self, index: int, t: FloatArray) -> BoolArray:
        """Whether samples ``index``, ``index + 1``, ... stamped ``t`` (n,) arrive."""
        m = self._model
        keep = np.ones(len(t), np.bool_)
        for start, end in m.outages:
            keep &= (t < start) | (t >= end)
        if m.loss == 0.0:
            return keep
        first = index // m.packet_samples
        last = (index + len(t) - 1) // m.packet_samples
        while self._packet_end <= last:
            self._lost = not self._lost
            mean = m.burst if self._lost else m.burst * (1.0 - m.loss) / m.loss
            length = int(self._rng.geometric(min(1.0, 1.0 / mean)))
            if self._lost:
                self._runs.append((self._packet_end, self._packet_end + length))
            self._packet_end += length
        self._runs = [r for r in self._runs if r[1] > first]
        for a, b in self._runs:
            lo = max(a * m.packet_samples - index, 0)
            hi = b * m.packet_samples - index
            if hi > 0:
                keep[lo:hi] = False
        return keep


def gaps(t: FloatArray, least_s: float, start: float = inf, end: float = -inf) -> list[tuple[float, float]]:
    """Stretches of more than ``least_s`` without a sample in time stamps ``t`` (n,)."""
    edges = t
    if start < inf:
        edges = np.concatenate(([start], edges))
    if end > -inf:
        edges = np.concatenate((edges, [end]))
    at = np.flatnonzero(np.diff(edges) > least_s)
    return [(float(edges[i]), float(edges[i + 1])) for i in at]
