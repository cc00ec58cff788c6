"""Which packets can be what they say: sequence, time and contents of one boot held against each other.

On an encrypted link the radio breaks nothing, but the way from the controller to the program has no checksum, and a
strap may lie. A packet that was wrongly believed would count as samples that are there: they would never be asked for,
and the strap be told to forget them. So the ledger judges at least as strictly as the decoder does.
"""

from __future__ import annotations

from bisect import bisect_left

from unslouch.wire.layout import Kind
from unslouch.wire.quaternion_codec import SQUARE_LIMIT, STREAM_BITS

BELIEVED = 3
"""Packets that agree with each other, and with nothing before, before they are believed."""
NEAR = 104
"""Samples within which packets are held to agree."""
DRIFT = 0.02
"""Of the time between two packets: what the sensor's rate may have drifted since the strap measured it."""
HALF = 0.5
"""Of a period: a packet is nearer to its own place than to its neighbour's."""
RATE = 0.45
"""Within which the period of a packet's samples is that of its boot, as the decoder takes it."""
JITTER_US = 4000
"""Of a sensor's stamps, eight times what one of 0.5 ms has: a packet of two samples tells its period by one step."""
SMOOTH = 16
"""Packets over which the period is averaged."""
KEPT = 8192
"""Packets that are remembered: more than the strap's RAM holds in the smallest."""
_CODE = 1 << (STREAM_BITS - 1)
_MASK = (1 << STREAM_BITS) - 1
_LIMIT = SQUARE_LIMIT[STREAM_BITS]


class Timeline:
    """Times of one boot's packets that were believed, in order of their sequence."""

    def __init__(self) -> None:
        self._seq: list[int] = []
        self._t: list[int] = []
        self._n: list[int] = []
        self._period = 0.0
        self._doubted: tuple[int, int, int] | None = None
        """Sequence and time of the newest packet that was doubted, and how many agreed with it."""

    def believe(
        self, seq: int, n: int, t_us: int, period_us: int, most: int | None = None
    ) -> list[tuple[int, int]] | None:
        """Judge a packet of samples; one that is believed is remembered.

        Parameters
        ----------
        most
            Where nothing is known yet: the highest sequence that can be.

        Returns
        -------
        list of (int, int) or None
            None for a packet that cannot be what it says. Else the runs [first, end) of samples that are believed no
            more, because several packets agree against them.
        """
        if period_us <= 0 and n > 1:
            return None
        if self._fits(seq, n, t_us, period_us, most):
            self._doubted = None
            self._keep(seq, n, t_us, period_us)
            return []
        doubted = self._doubted
        agrees = (
            doubted is not None
            and 0 < seq - doubted[0] <= NEAR
            and abs(t_us - doubted[1] - (seq - doubted[0]) * period_us) <= self._slack(seq - doubted[0], period_us)
        )
        count = doubted[2] + 1 if agrees and doubted is not None else 1
        self._doubted = (seq, t_us, count)
        if count < BELIEVED:
            return None
        self._doubted = None
        gone = self._contradicting(seq, t_us)
        self._keep(seq, n, t_us, period_us)
        return gone

    def _contradicting(self, seq: int, t_us: int) -> list[tuple[int, int]]:
        """Forget what contradicts a packet; the runs of samples."""
        at = bisect_left(self._seq, seq)
        low, high = at, at
        while low > 0 and self._t[low - 1] >= t_us:
            low -= 1
        while high < len(self._seq) and (self._t[high] <= t_us or self._seq[high] == seq):
            high += 1
        gone = [(self._seq[i], self._seq[i] + self._n[i]) for i in range(low, high)]
        del self._seq[low:high], self._t[low:high], self._n[low:high]
        if not self._seq:
            self._period = 0.0
        return gone

    def _slack(self, samples: int, period_us: float) -> float:
        return (HALF + DRIFT * samples) * period_us

    def _fits(self, seq: int, n: int, t_us: int, told_us: int, most: int | None) -> bool:
        known = self._seq
        if not known:
            return most is None or seq <= most
        if self._period and abs(told_us - self._period) > RATE * self._period + JITTER_US / max(n - 1, 1):
            return False
        # over many samples the jitter of one packet's stamps would add up
        period_us = self._period or told_us
        at = bisect_left(known, seq)
        if at < len(known) and known[at] == seq:
            return abs(t_us - self._t[at]) < HALF * period_us
        # it is judged by the one that is nearest: the farther, the more could have drifted
        apart, off = 1 << 32, 0.0
        if at > 0:
            since = t_us - self._t[at - 1]
            if since <= 0:
                return False
            apart = seq - known[at - 1]
            off = since - apart * period_us
        if at < len(known):
            until = self._t[at] - t_us
            if until <= 0:
                return False
            if known[at] - seq < apart:
                apart = known[at] - seq
                off = until - apart * period_us
        return abs(off) <= self._slack(apart, period_us)

    def _keep(self, seq: int, n: int, t_us: int, period_us: int) -> None:
        if n > 1:
            self._period += (period_us - self._period) / (SMOOTH if self._period else 1)
        at = bisect_left(self._seq, seq)
        if at < len(self._seq) and self._seq[at] == seq:
            self._n[at] = max(self._n[at], n)
            return
        self._seq.insert(at, seq)
        self._t.insert(at, t_us)
        self._n.insert(at, n)
        if len(self._seq) > KEPT:
            half = KEPT // 8
            del self._seq[:half], self._t[:half], self._n[:half]


def sound(data: bytes, at: int, size: int) -> bool:
    """Whether every sample of a packet holds an orientation, where its kind has one (docs/protocol.md, 4.5)."""
    if data[0] == Kind.RAW.head:
        return True
    for start in range(at, len(data), size):
        packed = int.from_bytes(data[start : start + 6], "little")
        a, b, c = packed & _MASK, packed >> STREAM_BITS & _MASK, packed >> 2 * STREAM_BITS & _MASK
        if not (a and b and c) or (a - _CODE) ** 2 + (b - _CODE) ** 2 + (c - _CODE) ** 2 > _LIMIT:
            return False
    return True
