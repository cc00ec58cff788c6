"""Packets in columns to samples in columns: lengths, versions and values judged, nothing yet put in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.layout import (
    ACC_LSB,
    COMPACT_SIZE,
    COMPACT_TICK_US,
    EVENT_SIZE,
    GYR_LSB,
    HEADER,
    HEADER_SIZE,
    LOG_END_SIZE,
    LOG_HEADER,
    LOG_SAMPLES,
    NO_ACC,
    PROTOCOL_VERSION,
    RESENT,
    SEQ_SPAN,
    TICK_US,
    TIME_SIZE,
    TIME_SPAN,
    Kind,
    WireFault,
    log_payload_size,
    stream_samples,
)
from unslouch.wire.quaternion_codec import LOG_BITS, unpack_packed, unpack_stream
from unslouch.wire.records import Anchor, LogEnd, StrapEvent, TimeRecord
from unslouch.wire.table import PacketTable
from unslouch_signal.samples import FlagArray, FloatArray, SampleFlag

IntArray = NDArray[np.int64]
_CHUNK = 1 << 15
"""Samples unpacked at a time, so that the intermediate arrays stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sample packets of one kind and length, m packets of n samples each.

    ``quat`` (m*n, 4), ``acc`` and ``gyr`` (m*n, 3) hold the samples packet by packet, None where the kind has none.
    ``order`` (m,) says where in the order of arrival each packet stood. ``step`` is in stream samples, ``dt_us`` the
    distance of this group's samples.
    """

    n: int
    order: IntArray
    arrival_s: FloatArray
    boot: IntArray
    seq: IntArray
    t_us: IntArray
    dt_us: IntArray
    step: IntArray
    flags: IntArray
    from_log: bool
    quat: FloatArray | None
    acc: FloatArray | None
    gyr: FloatArray | None

    def keep(self, good: NDArray[np.bool_]) -> Group:
        """The packets that are good."""
        if bool(good.all()):
            return self
        each = np.repeat(good, self.n)

        def cut(a: FloatArray | None) -> FloatArray | None:
            return None if a is None else a[each]

        return Group(
            self.n,
            self.order[good],
            self.arrival_s[good],
            self.boot[good],
            self.seq[good],
            self.t_us[good],
            self.dt_us[good],
            self.step[good],
            self.flags[good],
            self.from_log,
            cut(self.quat),
            cut(self.acc),
            cut(self.gyr),
        )


@dataclass(slots=True)
class Parsed:
    """What one table of stream packets and log records held."""

    groups: list[Group] = field(default_factory=list[Group])
    anchors: list[Anchor] = field(default_factory=list[Anchor])
    events: list[StrapEvent] = field(default_factory=list[StrapEvent])
    times: list[TimeRecord] = field(default_factory=list[TimeRecord])
    log_ends: list[LogEnd] = field(default_factory=list[LogEnd])
    log_ids: list[IntArray] = field(default_factory=list[IntArray])
    errors: Counter[WireFault] = field(default_factory=Counter[WireFault])


def parse_stream(table: PacketTable, order: IntArray, parsed: Parsed, anchor: Anchor | None) -> Anchor | None:
    """Judge and unpack the packets of the stream characteristic into ``parsed``.

    Parameters
    ----------
    order : (n,) int64
        Where each packet stood in the order of arrival.
    anchor
        The last one before these packets.

    Returns
    -------
    Anchor or None
        The last one after these packets.
    """
    compact: IntArray | None = None
    for kind, length, index in _by_kind(table, parsed.errors):
        if kind in (Kind.FUSED, Kind.RAW, Kind.FUSED_GYRO):
            n = stream_samples(Kind(kind), length)
            if n:
                parsed.groups.append(_stream_group(table, index, order, Kind(kind), n, parsed.errors))
                continue
        elif kind == Kind.COMPACT:
            if length == COMPACT_SIZE:
                compact = index
                continue
        elif kind == Kind.ANCHOR:
            if length == HEADER_SIZE:
                parsed.anchors.extend(_anchor(table, int(i)) for i in index)
                continue
        elif kind == Kind.EVENT:
            if length == EVENT_SIZE:
                parsed.events.extend(_event(table, int(i)) for i in index)
                continue
        else:
            parsed.errors[WireFault.UNKNOWN_KIND] += len(index)
            continue
        parsed.errors[WireFault.WRONG_LENGTH] += len(index)
    if compact is not None:
        anchor_index = [
            i
            for kind, length, index in _by_kind(table, Counter())
            if kind == Kind.ANCHOR and length == HEADER_SIZE
            for i in index.tolist()
        ]
        _compact_group(table, compact, order, np.array(anchor_index, np.int64), anchor, parsed)
    return parsed.anchors[-1] if parsed.anchors else anchor


def parse_log(table: PacketTable, order: IntArray, parsed: Parsed) -> None:
    """Judge and unpack whole log records (fragments joined) into ``parsed``."""
    for kind, length, index in _by_kind(table, parsed.errors):
        if kind == Kind.LOG:
            if length in LOG_SAMPLES:
                parsed.groups.append(_log_group(table, index, order, LOG_SAMPLES[length], parsed))
                continue
        elif kind == Kind.EVENT:
            if length == EVENT_SIZE:
                events = [_event(table, int(i)) for i in index]
                parsed.events.extend(events)
                parsed.log_ids.append(np.array([e.id for e in events], np.int64))
                continue
        elif kind == Kind.TIME:
            if length == TIME_SIZE:
                times = [_time(table, int(i)) for i in index]
                parsed.times.extend(times)
                parsed.log_ids.append(np.array([r.id for r in times], np.int64))
                continue
        elif kind == Kind.LOG_END:
            if length == LOG_END_SIZE:
                parsed.log_ends.extend(_log_end(table, int(i)) for i in index)
                continue
        else:
            parsed.errors[WireFault.UNKNOWN_KIND] += len(index)
            continue
        parsed.errors[WireFault.WRONG_LENGTH] += len(index)


def _by_kind(table: PacketTable, errors: Counter[WireFault]) -> list[tuple[int, int, IntArray]]:
    """Packets of the known version by kind and length, each in order of arrival."""
    if not len(table):
        return []
    errors[WireFault.EMPTY] += int((table.length == 0).sum())
    filled = np.flatnonzero(table.length > 0)
    head = table.buffer[table.offset[filled]].astype(np.int64)
    known = head >> 4 == PROTOCOL_VERSION
    errors[WireFault.UNKNOWN_VERSION] += int((~known).sum())
    if not bool(known.all()):
        filled, head = filled[known], head[known]
    key = (head & 15) << 32 | table.length[filled]
    if not len(key):
        return []
    if bool(np.all(key == key[0])):
        return [(int(key[0]) >> 32, int(key[0]) & 0xFFFFFFFF, filled)]
    return [(k >> 32, k & 0xFFFFFFFF, filled[key == k]) for k in np.unique(key).tolist()]


def _time_us(rec: NDArray[np.void]) -> IntArray:
    return rec["t_low"].astype(np.int64) | rec["t_high"].astype(np.int64) << 32


def _stream_group(
    table: PacketTable, index: IntArray, order: IntArray, kind: Kind, n: int, errors: Counter[WireFault]
) -> Group:
    words = 9 if kind is Kind.FUSED_GYRO else 6
    rec = table.rows(index, np.dtype([("h", HEADER), ("s", "<u2", (n, words))]))
    head: NDArray[np.void] = rec["h"]
    m = len(index)
    quat: FloatArray | None = None if kind is Kind.RAW else np.empty((m * n, 4))
    acc = np.empty((m * n, 3))
    gyr: FloatArray | None = None if kind is Kind.FUSED else np.empty((m * n, 3))
    good = np.ones(m, np.bool_)
    per = max(1, _CHUNK // n)
    for start in range(0, m, per):
        stop = min(m, start + per)
        cut = slice(start * n, stop * n)
        block = np.ascontiguousarray(rec["s"][start:stop], dtype=np.uint16).reshape(-1, words)
        signed = block.view(np.int16)
        if quat is None or gyr is None:
            first = 0 if quat is None else 3
            np.multiply(signed[:, first : first + 3], ACC_LSB, out=acc[cut])
            if gyr is not None:
                np.multiply(signed[:, 3:6], GYR_LSB, out=gyr[cut])
        else:
            np.multiply(signed[:, 3:6], ACC_LSB, out=acc[cut])
            np.multiply(signed[:, 6:9], GYR_LSB, out=gyr[cut])
        if quat is not None:
            good[start:stop] = unpack_stream(block, quat[cut]).reshape(-1, n).all(axis=1)
            _mark_absent(signed[:, 3:6], acc[cut])
    seq, t_us, dt_us = head["seq"].astype(np.int64), _time_us(head), head["dt"].astype(np.int64) * TICK_US
    good &= (seq + n <= SEQ_SPAN) & (t_us + (n - 1) * dt_us < TIME_SPAN)
    if n > 1:
        good &= dt_us > 0
    errors[WireFault.BAD_VALUE] += int((~good).sum())
    group = Group(
        n,
        order[index],
        table.arrival_s[index],
        head["boot"].astype(np.int64),
        seq,
        t_us,
        dt_us,
        np.ones(m, np.int64),
        head["flags"].astype(np.int64),
        False,
        quat,
        acc,
        gyr,
    )
    return group.keep(good)


def _mark_absent(counts: NDArray[np.int16], acc: FloatArray) -> None:
    """NaN where all three counts say "no acceleration"."""
    absent = counts[:, 0] == NO_ACC
    if bool(absent.any()):
        acc[absent & (counts[:, 1] == NO_ACC) & (counts[:, 2] == NO_ACC)] = np.nan


def _compact_group(
    table: PacketTable, index: IntArray, order: IntArray, anchor_index: IntArray, before: Anchor | None, parsed: Parsed
) -> None:
    anchors = parsed.anchors if before is None else [before, *parsed.anchors]
    last = np.searchsorted(anchor_index, index) - 1 + (before is not None)
    parsed.errors[WireFault.NO_ANCHOR] += int((last < 0).sum())
    index, last = index[last >= 0], last[last >= 0]
    if not len(index):
        return
    rec = table.rows(
        index, np.dtype([("head", "u1"), ("flags", "u1"), ("seq", "u1", (3,)), ("t", "u1", (3,)), ("s", "<u2", (6,))])
    )

    def reference(name: str) -> IntArray:
        return np.array([getattr(a, name) for a in anchors], np.int64)[last]

    def unwrapped(low: NDArray[np.uint8], near: IntArray) -> IntArray:
        value = low[:, 0].astype(np.int64) | low[:, 1].astype(np.int64) << 8 | low[:, 2].astype(np.int64) << 16
        return near + ((value - near + (1 << 23)) & 0xFFFFFF) - (1 << 23)

    seq = unwrapped(rec["seq"], reference("seq"))
    t_us = unwrapped(rec["t"], reference("t_us") // COMPACT_TICK_US) * COMPACT_TICK_US
    words = np.ascontiguousarray(rec["s"], dtype=np.uint16)
    quat, acc = np.empty((len(index), 4)), np.empty((len(index), 3))
    np.multiply(words.view(np.int16)[:, 3:6], ACC_LSB, out=acc)
    good = unpack_stream(words, quat) & (seq >= 0) & (seq < SEQ_SPAN) & (t_us >= 0) & (t_us < TIME_SPAN)
    _mark_absent(words.view(np.int16)[:, 3:6], acc)
    parsed.errors[WireFault.BAD_VALUE] += int((~good).sum())
    group = Group(
        1,
        order[index],
        table.arrival_s[index],
        reference("boot"),
        seq,
        t_us,
        reference("dt_us"),
        np.ones(len(index), np.int64),
        rec["flags"].astype(np.int64),
        False,
        quat,
        acc,
        None,
    )
    parsed.groups.append(group.keep(good))


def _log_group(table: PacketTable, index: IntArray, order: IntArray, n: int, parsed: Parsed) -> Group:
    rec = table.rows(index, np.dtype([("h", LOG_HEADER), ("s", "u1", (log_payload_size(n),))]))
    head: NDArray[np.void] = rec["h"]
    m = len(index)
    raw = np.zeros((m, 11 * ((n + 1) // 2)), np.int64)
    raw[:, : log_payload_size(n)] = rec["s"]
    pairs = raw.reshape(m, -1, 11)
    packed = np.zeros((m, pairs.shape[1], 2), np.int64)
    for k in range(6):
        packed[:, :, 0] |= pairs[:, :, k] << 8 * k
        packed[:, :, 1] |= pairs[:, :, 5 + k] << 8 * k
    packed[:, :, 0] &= (1 << 44) - 1
    packed[:, :, 1] >>= 4
    quat = np.empty((m * n, 4))
    good = unpack_packed(packed.reshape(m, -1)[:, :n].reshape(-1), LOG_BITS, quat).reshape(m, n).all(axis=1)
    seq, t_us, step = head["seq"].astype(np.int64), _time_us(head), head["step"].astype(np.int64)
    dt_us = head["dt"].astype(np.int64) * TICK_US * step
    good &= (step > 0) & (seq + (n - 1) * step < SEQ_SPAN) & (t_us + (n - 1) * dt_us < TIME_SPAN)
    if n > 1:
        good &= dt_us > 0
    parsed.errors[WireFault.BAD_VALUE] += int((~good).sum())
    parsed.log_ids.append(head["id"].astype(np.int64)[good])
    group = Group(
        n,
        order[index],
        table.arrival_s[index],
        head["boot"].astype(np.int64),
        seq,
        t_us,
        dt_us,
        step,
        head["flags"].astype(np.int64) & ~RESENT,
        True,
        quat,
        None,
        None,
    )
    return group.keep(good)


def _fields(data: bytes, *sizes: int) -> list[int]:
    out: list[int] = []
    at = 0
    for size in sizes:
        out.append(int.from_bytes(data[at : at + size], "little"))
        at += size
    return out


def _anchor(table: PacketTable, i: int) -> Anchor:
    _, flags, boot, seq, t_us, dt = _fields(table.data(i), 1, 1, 2, 4, 6, 2)
    return Anchor(flags, boot, seq, t_us, dt * TICK_US, float(table.arrival_s[i]))


def _event(table: PacketTable, i: int) -> StrapEvent:
    _, code, value, record, boot, seq, t_us = _fields(table.data(i), 1, 1, 2, 4, 2, 4, 6)
    return StrapEvent(code, value, record, boot, seq, t_us, float(table.arrival_s[i]))


def _time(table: PacketTable, i: int) -> TimeRecord:
    _, _, record, boot, seq, t_us, utc_us = _fields(table.data(i), 1, 1, 4, 2, 4, 6, 8)
    return TimeRecord(record, boot, seq, t_us, utc_us)


def _log_end(table: PacketTable, i: int) -> LogEnd:
    _, status, first, following, count = _fields(table.data(i), 1, 1, 4, 4, 4)
    return LogEnd(status, first, following, count)


def sample_flags(group: Group) -> FlagArray:
    """(m*n,) flags of each sample: RESENT taken off, LOST_BEFORE on the first of a packet alone."""
    clean = (group.flags & ~RESENT).astype(np.uint8)
    out = np.repeat(clean, group.n)
    if group.n > 1 and bool(np.any(clean & SampleFlag.LOST_BEFORE)):
        rest = out.reshape(-1, group.n)[:, 1:]
        np.bitwise_and(rest, np.uint8(0xFF ^ SampleFlag.LOST_BEFORE), out=rest)
    return out
