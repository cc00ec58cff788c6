"""What has arrived of one strap, and what is missing: pure bookkeeping by identity, without radio and clock.

Samples are named by (boot, seq), log records by id (docs/protocol.md, section 1 and 5). The ledger sees every packet as
it arrives, knows the holes, and says up to where everything is there: what may be confirmed once it is on disk.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from unslouch.link.timeline import Start, Timeline, sound
from unslouch.wire.layout import COMPACT_SIZE, HEADER_SIZE, SEQ_SPAN, STATUS_SIZE, Kind
from unslouch.wire.source import Channel, Packet
from unslouch_signal.samples import SampleFlag

_HEADER = struct.Struct("<BBHIIHH")
"""Kind, flags, boot, seq, t (low, high), dt."""
_SAMPLE_SIZE = {Kind.FUSED.head: 12, Kind.RAW.head: 12, Kind.FUSED_GYRO.head: 18}
_COMPACT_SPAN = 1 << 24
_AHEAD = 520
"""Samples that may come between a STATUS and the stream's first packet: ten seconds, on a machine that was busy."""
_AFTER_US = 12_000_000
"""The same as a time, with some room."""
_BEFORE_US = 60_000_000
"""How old a sample can be that the strap's RAM gives back, at any of its rates."""
_LOST_ASKED = 3
"""How often a hole that the strap calls lost counts as asked for already: a flipped bit may say so, once is enough."""
_MOST_HOLES = 1024
"""A strap that lies could make any number; beyond this the oldest is given up."""


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where everything has arrived.

    ``seq`` is the next sample of ``boot`` that is not there (None before any); ``log_id`` the last record before the
    first that is not there (0 before any). ``beyond`` are runs [first, end) of samples after ``seq`` that are there
    too: they need not come again.
    """

    boot: int | None = None
    seq: int = 0
    log_id: int = 0
    beyond: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hole:
    """Missing samples [first, end) of a boot; ``asked`` counts the requests for them."""

    boot: int
    first: int
    end: int
    asked: int = 0


class Ledger:
    """Follows the packets of one strap over connections.

    Parameters
    ----------
    start
        What was stored before; everything after it counts as missing.
    judged
        Whether the packets were judged before, as those on the stream's channel of a recording were: the first is
        believed then. Off the air it takes two that agree; what came before can be taken again then.
    """

    def __init__(self, start: Position | None = None, *, judged: bool = False) -> None:
        start = start or Position()
        self._boot = start.boot
        self._next = start.beyond[-1][1] if start.beyond else start.seq
        self._earlier = self._heard = self._next
        self._log_done = start.log_id
        self._log_ahead: set[int] = set()
        self._holes: list[Hole] = []
        if start.boot is not None:
            edges = [start.seq, *(edge for run in start.beyond for edge in run)]
            pairs = zip(edges[::2], edges[1::2], strict=False)
            self._holes = [Hole(start.boot, first, end) for first, end in pairs if first < end]
        self._anchor: tuple[int, int, int] | None = None
        """Seq, t and dt of the last ANCHOR, against which COMPACT packets are unwrapped."""
        self._judged = judged
        self._timeline = Timeline(judged=judged)
        self._told: int | None = None
        """The boot that a STATUS named last; believed when a packet of the stream says the same."""
        self._start: Start | None = None
        """What the stream can begin with, where the strap told."""
        self.log_due = False
        """Whether something was left to the log that has not been fetched yet."""
        self._left: list[tuple[int, int]] = []
        """Runs left to the log: until that is fetched, the strap must not forget from the first of them on."""
        self.samples = 0
        """Samples that arrived live for the first time."""
        self.resent = 0
        """Samples that filled a hole."""

    @property
    def boot(self) -> int | None:
        """The boot that is streamed."""
        return self._boot

    @property
    def opening(self) -> bool:
        """Whether nothing that is streamed of this boot has been believed yet."""
        return self._timeline.empty

    @property
    def next_seq(self) -> int:
        """The sample that comes next."""
        return self._next

    @property
    def earlier(self) -> int:
        """Samples of this boot before this one were kept before the start: what is there must not come again."""
        return self._earlier

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What is missing, in order."""
        return tuple(self._holes)

    def position(self) -> Position:
        """Up to where everything has arrived."""
        end = self._heard  # what a status claims beyond has not come
        if not self._holes and not self._left:
            return Position(self._boot, end, self._log_done)
        missing = sorted([*((hole.first, hole.end) for hole in self._holes), *self._left])
        beyond: list[tuple[int, int]] = []
        at = missing[0][1]
        for first, last in missing[1:]:
            if first > at:
                beyond.append((at, first))
            at = max(at, last)
        if at < end:
            beyond.append((at, end))
        return Position(self._boot, min(missing[0][0], end), self._log_done, tuple(beyond))

    def take(self, packet: Packet) -> bool:
        """Note what a packet of the stream carries; of others only that a whole STATUS names the boot.

        A boot cannot change within a connection: samples of another than the known one are not believed, unless a
        STATUS has named it too.

        Returns
        -------
        bool
            False for a packet that can be read but is not believed. Its samples count as missing and are asked for, so
            whoever decodes the stream must not believe it either: the samples would come twice.
        """
        data = packet.data
        if packet.channel is Channel.STATUS and len(data) >= STATUS_SIZE and data[0] == Kind.STATUS.head:
            self._told = int.from_bytes(data[2:4], "little")
        if packet.channel is not Channel.STREAM or not data:
            return True
        size = _SAMPLE_SIZE.get(data[0])
        if data[0] == Kind.ANCHOR.head and len(data) == HEADER_SIZE:
            _, _, boot, seq, low, high, dt = _HEADER.unpack_from(data)
            # its time is the strap's now, not a sample's: good enough to unwrap by, not to judge by
            if not self._known(boot):
                return False
            self._anchor = (seq, low | high << 32, dt)
        elif data[0] == Kind.COMPACT.head and len(data) == COMPACT_SIZE:
            return self._take_compact(data)
        elif size is not None and len(data) > HEADER_SIZE and (len(data) - HEADER_SIZE) % size == 0:
            _, flags, boot, seq, low, high, dt = _HEADER.unpack_from(data)
            n = (len(data) - HEADER_SIZE) // size
            if not sound(data, HEADER_SIZE, size):
                return True  # no decoder takes it
            if not self._believe(boot, seq, n, low | high << 32, dt):
                return False
            self._samples(seq, n, flags)
        return True

    def _take_compact(self, data: bytes) -> bool:
        if self._anchor is None or self._boot is None:
            return False
        if not sound(data, COMPACT_SIZE - 12, 12):
            return True
        seq, t_us, dt = self._anchor
        seq += _nearest(int.from_bytes(data[2:5], "little") - seq)
        t_us = (t_us >> 4) + _nearest(int.from_bytes(data[5:8], "little") - (t_us >> 4)) << 4
        if seq < 0 or not self._believe(self._boot, seq, 1, t_us, dt):
            return False
        self._samples(seq, 1, data[1])
        return True

    def _believe(self, boot: int, seq: int, n: int, t_us: int, dt: int) -> bool:
        """Whether samples can be where they say.

        A wrong sequence that was believed would open a hole for samples that do not exist, and confirm those that do.
        """
        if seq + n > SEQ_SPAN or not self._known(boot):
            return False
        gone = self._timeline.believe(seq, n, t_us, 2 * dt, self._start)
        if gone is None:
            return False
        for first, end in gone:
            self._reopen(first, min(end, self._next))
        return True

    def _known(self, boot: int) -> bool:
        """Whether a packet's boot is the one that is streamed; it becomes that when a STATUS named it too."""
        if boot != self._boot:
            if self._boot is not None and boot != self._told:
                return False
            self._enter(boot)
        return True

    def log_record(self, record_id: int) -> None:
        """Note a whole record of the log."""
        if record_id <= self._log_done:
            return
        self._log_ahead.add(record_id)
        while self._log_done + 1 in self._log_ahead:
            self._log_done += 1
            self._log_ahead.discard(self._log_done)

    def log_starts_at(self, record_id: int) -> None:
        """The strap holds nothing before this record: what is missing before it will never come."""
        if record_id - 1 > self._log_done:
            self._log_done = record_id - 1
            self._log_ahead = {one for one in self._log_ahead if one > self._log_done}
            self.log_record(self._log_done + 1 if self._log_done + 1 in self._log_ahead else 0)

    def forget_log(self) -> None:
        """The strap counts its records anew (another flash): nothing of its log is known."""
        self._log_done, self._log_ahead = 0, set()

    def missing_records(self, first: int, last: int) -> list[tuple[int, int]]:
        """Runs of record ids of a transfer that did not arrive."""
        runs: list[tuple[int, int]] = []
        for record_id in range(max(first, self._log_done + 1), last + 1):
            if record_id in self._log_ahead:
                continue
            if runs and runs[-1][1] == record_id - 1:
                runs[-1] = (runs[-1][0], record_id)
            else:
                runs.append((record_id, record_id))
        return runs

    def asked(self, hole: Hole) -> None:
        """Note that a hole was asked for."""
        self._holes = [replace(one, asked=one.asked + 1) if one == hole else one for one in self._holes]

    def give_up(self, hole: Hole) -> None:
        """Note that the samples of a hole will not come as samples (they are in the log, or gone)."""
        self._holes = [one for one in self._holes if (one.first, one.end) != (hole.first, hole.end)]
        if hole.boot == self._boot:
            self._left = [*self._left[-_MOST_HOLES:], (hole.first, hole.end)]

    def log_done(self) -> None:
        """Nothing is due from the log any more."""
        self.log_due, self._left = False, []

    def reopen(self, hole: Hole) -> None:
        """Wait again for a part of a hole that was given up."""
        if hole.boot == self._boot:
            self._left = without(self._left, hole.first, hole.end)
            self._reopen(hole.first, hole.end, hole.asked)

    def _reopen(self, first: int, end: int, asked: int = 0) -> None:
        """Wait again for samples, in as far as they are not waited for."""
        assert self._boot is not None
        runs = [(first, end)] if first < end else []
        for one in self._holes:
            runs = without(runs, one.first, one.end)
        if runs:
            opened = [Hole(self._boot, *run, asked) for run in runs]
            self._holes = sorted([*self._holes, *opened], key=lambda one: one.first)[:_MOST_HOLES]

    def expect(self, boot: int, seq: int, t_us: int) -> None:
        """Samples up to ``seq`` of ``boot`` exist by ``t_us``: at a reconnect, what was taken meanwhile is missing."""
        self._enter(boot)
        self._start = Start(seq + _AHEAD, t_us - _BEFORE_US, t_us + _AFTER_US)
        if seq > self._next:
            self._open_hole(self._next, seq, 0)
            self._next = seq

    def _enter(self, boot: int) -> None:
        if boot == self._boot:
            return
        # what is left of the boot before is in the strap's log
        self._boot, self._next, self._holes, self._left = boot, 0, [], []
        self._earlier = self._heard = 0
        self._timeline, self._start = Timeline(judged=self._judged), None

    def _samples(self, seq: int, n: int, flags: int) -> None:
        self._heard = max(self._heard, seq + n)
        if seq < self._next:
            self._fill(seq, min(seq + n, self._next))
        if seq + n > self._next:
            first = max(seq, self._next)
            if first > self._next:
                self._open_hole(self._next, first, _LOST_ASKED if flags & SampleFlag.LOST_BEFORE else 0)
            self.samples += seq + n - first
            self._next = seq + n

    def _open_hole(self, first: int, end: int, asked: int) -> None:
        assert self._boot is not None
        self._holes.append(Hole(self._boot, first, end, asked))
        if len(self._holes) > _MOST_HOLES:
            del self._holes[0]

    def _fill(self, first: int, end: int) -> None:
        left: list[Hole] = []
        for hole in self._holes:
            if end <= hole.first or first >= hole.end:
                left.append(hole)
                continue
            self.resent += min(end, hole.end) - max(first, hole.first)
            if hole.first < first:
                left.append(replace(hole, end=first, asked=0))
            if end < hole.end:
                left.append(replace(hole, first=end, asked=0))
        self._holes = left
        if self._left:
            self._left = without(self._left, first, end)


def without(runs: list[tuple[int, int]], first: int, end: int) -> list[tuple[int, int]]:
    """Runs [first, end) less what lies in another."""
    if first >= end:
        return list(runs)
    left: list[tuple[int, int]] = []
    for a, b in runs:
        left += [run for run in ((a, min(b, first)), (max(a, end), b)) if run[0] < run[1]]
    return left


def _nearest(difference: int) -> int:
    """Unwrap a difference of 24 bits to the nearest value."""
    return (difference + _COMPACT_SPAN // 2) % _COMPACT_SPAN - _COMPACT_SPAN // 2
