"""Which packets can be what they say: sequence, time and contents of one boot held against each other.

On an encrypted link the radio breaks nothing, but the way from the controller to the program has no checksum, and a
strap may lie. A packet that was wrongly believed would count as samples that are there: they would never be asked for,
and the strap be told to forget them. So the ledger judges at least as strictly as the decoder does.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

from unslouch.wire.assemble import JITTER_US, PACE
from unslouch.wire.layout import Kind
from unslouch.wire.quaternion_codec import SQUARE_LIMIT, STREAM_BITS

BELIEVED = 3
"""Packets that agree with each other, and with nothing before, before they are believed."""
OPENING = 8
"""Packets among which two must agree where nothing is known yet: a broken first one would draw a line of its own, and
what is sent again comes between."""
NEAR = 104
"""Samples within which packets are held to agree."""
DRIFT = 0.02
"""Of the time between two packets: what the sensor's rate may have drifted since the strap measured it."""
HALF = 0.5
"""Of a period: a packet is nearer to its own place than to its neighbour's."""
SMOOTH = 16
"""Packets over which the period is averaged."""
KEPT = 8192
"""Packets that are remembered: more than the strap's RAM holds in the smallest."""
_CODE = 1 << (STREAM_BITS - 1)
_MASK = (1 << STREAM_BITS) - 1
_LIMIT = SQUARE_LIMIT[STREAM_BITS]


@dataclass(frozen=True, slots=True)
class Start:
    """What the first packet that is heard of a boot can say: the highest sequence, and between which times.

    One with a time far ahead would make everything after it seem to lie in the past.
    """

    most: int
    earliest_us: int
    latest_us: int


class Timeline:
    """Times of one boot's packets that were believed, in order of their sequence.

    Parameters
    ----------
    judged
        Whether the packets were judged before (they come from a recording): the first is believed then.
    """

    def __init__(self, *, judged: bool = False) -> None:
        self._judged = judged
        # arrays: as objects these would lie scattered in a megabyte of the allocator's for as long as a boot lasts
        self._seq = array("q")
        self._t = array("q")
        self._n = array("q")
        self._period = 0.0
        self._ends: tuple[tuple[int, int], tuple[int, int]] | None = None
        """Sequence and time of the first and the last packet on the line that the period was learned on."""
        self._doubted: tuple[int, int, int] | None = None
        """Sequence and time of the newest packet that was doubted, and how many agreed with it."""
        self._opening: deque[tuple[int, int]] = deque(maxlen=OPENING - 1)
        """Sequence and time of what came first, while nothing is believed."""

    @property
    def empty(self) -> bool:
        """Whether nothing is believed."""
        return not self._seq

    def believe(
        self, seq: int, n: int, t_us: int, period_us: int, start: Start | None = None
    ) -> list[tuple[int, int]] | None:
        """Judge a packet of samples; one that is believed is remembered.

        Parameters
        ----------
        start
            Where nothing is known yet: what can be.

        Returns
        -------
        list of (int, int) or None
            None for a packet that cannot be what it says. Else the runs [first, end) of samples that are believed no
            more, because several packets agree against them.
        """
        if period_us <= 0 and n > 1:
            return None
        if self._fits(seq, n, t_us, period_us, start):
            if self._seq or self._judged or any(self._agree(*one, seq, t_us, period_us) for one in self._opening):
                self._doubted = None
                self._opening.clear()
                self._keep(seq, n, t_us, period_us)
                return []
            self._opening.append((seq, t_us))
            return None
        doubted = self._doubted
        agrees = doubted is not None and seq > doubted[0] and self._agree(*doubted[:2], seq, t_us, period_us)
        count = doubted[2] + 1 if agrees and doubted is not None else 1
        self._doubted = (seq, t_us, count)
        if count < BELIEVED:
            return None
        self._doubted = None
        gone = self._contradicting(seq, t_us)
        if n > 1:
            self._period, self._ends = 0.0, None  # it is learned anew: what told it first may have been broken
        self._keep(seq, n, t_us, period_us)
        return gone

    def _agree(self, seq: int, t_us: int, other_seq: int, other_t_us: int, period_us: int) -> bool:
        """Whether two packets that are near each other, and not one, lie on one line."""
        apart = abs(other_seq - seq)
        off = abs(abs(other_t_us - t_us) - apart * period_us)
        same_way = (other_seq > seq) == (other_t_us > t_us)
        return 0 < apart <= NEAR and same_way and off <= self._slack(apart, period_us)

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
            self._period, self._ends = 0.0, None
        return gone

    def _paced(self, n: int, told_us: int) -> bool:
        """Whether a packet's period is that of its boot, and its last sample where the next packet leaves it room."""
        off = abs(told_us - self._period)
        return (
            off <= PACE * self._period + JITTER_US / max(n - 1, 1)
            and off * (n - 1) <= self._slack(n - 1, self._period) + JITTER_US
        )

    def _pace(self, told_us: float) -> tuple[float, float]:
        """The period, and how far it may be off: over many samples the jitter of one packet's stamps would add up."""
        if self._ends is not None:
            (seq, t_us), (last_seq, last_t_us) = self._ends
            if last_seq > seq:
                return (last_t_us - t_us) / (last_seq - seq), JITTER_US / (last_seq - seq)
        return self._period or told_us, 0.0

    def _slack(self, samples: int, period_us: float) -> float:
        return (HALF + DRIFT * samples) * period_us

    def _fits(self, seq: int, n: int, t_us: int, told_us: int, start: Start | None) -> bool:
        known = self._seq
        if not known:
            return start is None or (seq <= start.most and start.earliest_us <= t_us <= start.latest_us)
        if self._period and not self._paced(n, told_us):
            return False
        period_us, unsure_us = self._pace(told_us)
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
        return abs(off) <= self._slack(apart, period_us) + apart * unsure_us

    def _keep(self, seq: int, n: int, t_us: int, period_us: int) -> None:
        if n > 1:
            self._period += (period_us - self._period) / (SMOOTH if self._period else 1)
        first, last = self._ends or ((seq, t_us), (seq, t_us))
        self._ends = min(first, (seq, t_us)), max(last, (seq, t_us))
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
