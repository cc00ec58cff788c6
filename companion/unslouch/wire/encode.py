"""Samples to packets, as the strap sends them: for the simulated strap, for replaying CSV and for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.layout import (
    ACC_LSB,
    COMPACT_TICK_US,
    GYR_LSB,
    HEADER,
    LOG_HEADER,
    MAX_LOG_SAMPLES,
    MAX_SAMPLES,
    NO_ACC,
    SAMPLE_SIZE,
    TICK_US,
    Kind,
    log_payload_size,
)
from unslouch.wire.quaternion_codec import LOG_BITS, STREAM_BITS, pack
from unslouch.wire.records import Anchor, LogEnd, StrapEvent, TimeRecord
from unslouch_signal.samples import FloatArray, SampleBlock, SampleFlag

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One packet's bytes and the time of its newest sample (strap microseconds): it cannot be sent before."""

    data: bytes
    t_us: int


def kind_of(block: SampleBlock) -> Kind:
    """The packet kind that carries what a block has.

    Raises
    ------
    ValueError
        When it has neither orientation nor acceleration and angular rate.
    """
    if block.quat is not None:
        return Kind.FUSED if block.gyr is None else Kind.FUSED_GYRO
    if block.acc is not None and block.gyr is not None:
        return Kind.RAW
    raise ValueError("samples to send need orientation, or acceleration and angular rate")


def encode_stream(
    block: SampleBlock,
    seq: IntArray,
    boot: int = 1,
    per_packet: int = 18,
    tolerance_us: int = 200,
    resent: bool = False,
) -> list[EncodedPacket]:
    """Samples to FUSED, RAW or FUSED_GYRO packets (docs/protocol.md 4).

    Parameters
    ----------
    block : SampleBlock
        ``t`` is the strap's clock, s, not negative.
    seq : (n,) int64
        Identity of each sample, strictly increasing.
    per_packet
        At most so many samples a packet; packets are closed early at a hole in seq, a change of flags and where the
        time of a sample would be off by more than ``tolerance_us`` under one dt for the packet.
    resent
        Set the RESENT flag.
    """
    return _encoded(block, seq, boot, per_packet, tolerance_us, resent)[0] if len(block) else []


def encode_blocks(
    blocks: Iterable[tuple[SampleBlock, IntArray]], boot: int = 1, per_packet: int = 18, tolerance_us: int = 200
) -> Iterator[list[EncodedPacket]]:
    """The packets of consecutive blocks with their seq, as :func:`encode_stream` makes them of all in one.

    What may go on in the next block is held back until that has come.
    """
    waiting: tuple[SampleBlock, IntArray] | None = None
    for block, seq in blocks:
        if not len(block):
            continue
        if waiting is not None:
            block, seq = _after(waiting[0], block), np.concatenate((waiting[1], seq))
        packets, sure, last = _encoded(block, seq, boot, per_packet, tolerance_us, False)
        waiting = block[last:], seq[last:]
        yield packets[:sure]
    if waiting is not None:
        yield encode_stream(*waiting, boot, per_packet, tolerance_us)


def _after(first: SampleBlock, then: SampleBlock) -> SampleBlock:
    def column(a: FloatArray | None, b: FloatArray | None) -> FloatArray | None:
        return None if a is None or b is None else np.concatenate((a, b))

    return SampleBlock(
        np.concatenate((first.t, then.t)),
        column(first.quat, then.quat),
        column(first.acc, then.acc),
        column(first.gyr, then.gyr),
        np.concatenate((first.flags, then.flags)),
    )


def _encoded(
    block: SampleBlock, seq: IntArray, boot: int, per_packet: int, tolerance_us: int, resent: bool
) -> tuple[list[EncodedPacket], int, int]:
    """The packets, how many of them no later sample can change, and the first sample of the others."""
    kind = kind_of(block)
    per_packet = min(per_packet, MAX_SAMPLES[kind])
    payload, saturated = _payload(block, kind)
    flags = block.flags | np.where(saturated, SampleFlag.SATURATED, SampleFlag.NONE).astype(np.uint8)
    t_us = np.rint(block.t * 1e6).astype(np.int64)
    starts, stops, open_from = _cut(t_us, seq, flags, per_packet, tolerance_us)
    sizes = stops - starts
    last = np.maximum(stops - 1, starts)
    span = t_us[last] - t_us[starts]
    ticks = np.where(sizes > 1, np.rint(span / (np.maximum(sizes - 1, 1) * TICK_US)), 0).astype(np.int64)
    lone = np.minimum(np.rint(np.diff(t_us, append=t_us[-1])[starts] / TICK_US), 0xFFFF).astype(np.int64)
    ticks = np.where(sizes > 1, np.maximum(ticks, 1), lone)
    head = np.zeros(len(starts), HEADER)
    head["head"] = kind.head
    head["flags"] = flags[starts] | (0x80 if resent else 0)
    head["boot"] = boot & 0xFFFF
    head["seq"] = seq[starts]
    head["t_low"] = t_us[starts] & 0xFFFFFFFF
    head["t_high"] = t_us[starts] >> 32
    head["dt"] = ticks
    heads, body, width, size = head.tobytes(), payload.tobytes(), HEADER.itemsize, SAMPLE_SIZE[kind]
    packets = [
        EncodedPacket(heads[i * width : (i + 1) * width] + body[a * size : b * size], t)
        for i, (a, b, t) in enumerate(zip(starts.tolist(), stops.tolist(), t_us[last].tolist(), strict=True))
    ]
    return packets, int(np.searchsorted(starts, open_from)), open_from


def encode_compact(block: SampleBlock, seq: IntArray) -> list[EncodedPacket]:
    """Fused samples to COMPACT packets, one each; the caller sends the anchors."""
    payload, _ = _payload(block, Kind.FUSED)
    t_us = np.rint(block.t * 1e6).astype(np.int64)
    body = payload.tobytes()
    return [
        EncodedPacket(
            bytes((Kind.COMPACT.head, f))
            + (s & 0xFFFFFF).to_bytes(3, "little")
            + (t // COMPACT_TICK_US & 0xFFFFFF).to_bytes(3, "little")
            + body[12 * i : 12 * i + 12],
            t,
        )
        for i, (f, s, t) in enumerate(zip(block.flags.tolist(), seq.tolist(), t_us.tolist(), strict=True))
    ]


def encode_log(
    block: SampleBlock, seq: IntArray, first_id: int, dt_us: int, step: int = 5, boot: int = 1
) -> list[bytes]:
    """Samples already thinned (every ``step``-th of the stream) to LOG records of up to 40."""
    if block.quat is None:
        raise ValueError("log records hold orientation")
    packed = pack(block.quat, LOG_BITS)
    t_us = np.rint(block.t * 1e6).astype(np.int64)
    broken = np.flatnonzero((np.diff(seq) != step) | (np.diff(block.flags.astype(np.int64)) != 0)) + 1
    records: list[bytes] = []
    for begin, end in zip([0, *broken.tolist()], [*broken.tolist(), len(block)], strict=True):
        for a in range(begin, end, MAX_LOG_SAMPLES):
            b = min(end, a + MAX_LOG_SAMPLES)
            head = np.zeros(1, LOG_HEADER)
            head[0] = (
                Kind.LOG.head,
                int(block.flags[a]) & 0x7F,
                step,
                first_id + len(records),
                boot & 0xFFFF,
                int(seq[a]),
                int(t_us[a]) & 0xFFFFFFFF,
                int(t_us[a]) >> 32,
                round(dt_us / TICK_US),
            )
            bits = sum(value << 44 * k for k, value in enumerate(packed[a:b].tolist()))
            records.append(head.tobytes() + bits.to_bytes(log_payload_size(b - a), "little"))
    return records


def fragment(record: bytes, record_id: int, payload: int = 244) -> list[bytes]:
    """A log record as notifications of at most ``payload`` bytes (20 to 244)."""
    room = payload - 3
    parts = [record[k : k + room] for k in range(0, len(record), room)]
    low = (record_id & 0xFFFF).to_bytes(2, "little")
    return [bytes((k | (0x80 if k == len(parts) - 1 else 0),)) + low + part for k, part in enumerate(parts)]


def encode_anchor(anchor: Anchor) -> bytes:
    """ANCHOR."""
    return b"".join(
        (
            bytes((Kind.ANCHOR.head, anchor.flags)),
            (anchor.boot & 0xFFFF).to_bytes(2, "little"),
            anchor.seq.to_bytes(4, "little"),
            anchor.t_us.to_bytes(6, "little"),
            (anchor.dt_us // TICK_US).to_bytes(2, "little"),
        )
    )


def encode_event(event: StrapEvent) -> bytes:
    """EVENT."""
    return b"".join(
        (
            bytes((Kind.EVENT.head, event.code)),
            event.value.to_bytes(2, "little"),
            event.id.to_bytes(4, "little"),
            event.boot.to_bytes(2, "little"),
            event.seq.to_bytes(4, "little"),
            event.t_us.to_bytes(6, "little"),
        )
    )


def encode_time(record: TimeRecord) -> bytes:
    """TIME."""
    return b"".join(
        (
            bytes((Kind.TIME.head, 0)),
            record.id.to_bytes(4, "little"),
            record.boot.to_bytes(2, "little"),
            record.seq.to_bytes(4, "little"),
            record.t_us.to_bytes(6, "little"),
            record.utc_us.to_bytes(8, "little"),
        )
    )


def encode_log_end(end: LogEnd) -> bytes:
    """LOG_END."""
    return bytes((Kind.LOG_END.head, end.status)) + b"".join(
        value.to_bytes(4, "little") for value in (end.first, end.next, end.count)
    )


def _payload(block: SampleBlock, kind: Kind) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Each sample's bytes, and which were beyond the sensor's range."""
    n = len(block)
    words = np.zeros((n, SAMPLE_SIZE[kind] // 2), "<u2")
    saturated = np.zeros(n, np.bool_)
    at = 0
    if kind is not Kind.RAW:
        if block.quat is None:
            raise ValueError("fused samples need orientation")
        packed = pack(block.quat, STREAM_BITS)
        for k in range(3):
            words[:, k] = packed >> 16 * k & 0xFFFF
        at = 3
    if block.acc is None:
        words[:, at : at + 3] = NO_ACC & 0xFFFF
    else:
        words[:, at : at + 3] = _counts(block.acc, ACC_LSB, saturated)
        absent = np.isnan(block.acc).any(axis=1)
        words[absent, at : at + 3] = NO_ACC & 0xFFFF
    if kind is not Kind.FUSED:
        if block.gyr is None:
            raise ValueError("these samples need angular rate")
        words[:, at + 3 :] = _counts(block.gyr, GYR_LSB, saturated)
    return words.view(np.dtype((np.void, SAMPLE_SIZE[kind]))).reshape(-1), saturated


def _counts(values: FloatArray, lsb: float, saturated: NDArray[np.bool_]) -> NDArray[np.uint16]:
    scaled = np.nan_to_num(values) / lsb
    counts = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    saturated |= np.any(np.abs(counts) > 32767, axis=1)
    return np.clip(counts, -32767, 32767).astype(np.int64).astype(np.uint16)


def _cut(
    t_us: IntArray, seq: IntArray, flags: NDArray[np.uint8], per_packet: int, tolerance_us: int
) -> tuple[IntArray, IntArray, int]:
    """Where packets start and stop, and from which sample on they may still change with those to come."""
    n = len(t_us)
    gap = np.diff(t_us)
    whole = np.bitwise_and(flags, np.uint8(0xFF ^ SampleFlag.LOST_BEFORE))
    broken = (np.diff(seq) != 1) | (np.diff(whole.astype(np.int64)) != 0) | ((flags[1:] & SampleFlag.LOST_BEFORE) != 0)
    typical = float(np.median(gap)) if len(gap) else 0.0
    broken |= np.abs(gap - typical) > tolerance_us + 0.5 * typical  # a pause; finer deviations below
    broken |= gap > 0xFFFF * TICK_US
    edges = np.r_[0, np.flatnonzero(broken) + 1, n]
    sizes = np.diff(edges)
    counts = -(-sizes // per_packet)
    first = np.repeat(edges[:-1], counts)
    ordinal = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = first + ordinal * per_packet
    stops = np.minimum(starts + per_packet, np.repeat(edges[1:], counts))
    open_from = int(starts[-1])
    bent = _bent(t_us, starts, stops, tolerance_us)
    if not bool(bent.any()):
        return starts, stops, open_from
    pieces = list(_straighten(t_us, starts[bent].tolist(), stops[bent].tolist(), tolerance_us))
    all_starts = np.sort(np.r_[starts[~bent], np.array([a for a, _ in pieces], np.int64)])
    return all_starts, np.r_[all_starts[1:], n], open_from


def _bent(t_us: IntArray, starts: IntArray, stops: IntArray, tolerance_us: int) -> NDArray[np.bool_]:
    """Which packets hold a sample whose time one dt does not give."""
    sizes = stops - starts
    owner = np.repeat(np.arange(len(starts)), sizes)
    j = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    span = t_us[stops - 1] - t_us[starts]
    dt = np.where(sizes > 1, np.rint(span / (np.maximum(sizes - 1, 1) * TICK_US)) * TICK_US, 0)
    error = np.abs(t_us[starts[owner] + j] - t_us[starts[owner]] - j * dt[owner])
    return np.maximum.reduceat(error, np.cumsum(sizes) - sizes) > tolerance_us


def _straighten(t_us: IntArray, starts: list[int], stops: list[int], tolerance_us: int) -> Iterator[tuple[int, int]]:
    """Halve packets until each keeps its samples' times."""
    for a, b in zip(starts, stops, strict=True):
        stack = [(a, b)]
        while stack:
            low, high = stack.pop()
            if high - low <= 2 or not bool(_bent(t_us, np.array([low]), np.array([high]), tolerance_us)[0]):
                yield low, high
            else:
                middle = (low + high) // 2
                stack += [(low, middle), (middle, high)]
