"""Many packets in columns, so that decoding costs nothing per packet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.source import CHANNELS, Channel, Packet
from unslouch_signal.samples import FloatArray

CHANNEL_NUMBER: dict[Channel, int] = {channel: k for k, channel in enumerate(CHANNELS)}


@dataclass(frozen=True, slots=True)
class PacketTable:
    """Packets as columns over one buffer.

    Attributes
    ----------
    buffer : bytes-like
        Holds every packet's bytes, with anything between them.
    arrival_s : (n,) float64
        UTC, s.
    channel : (n,) uint8
        Index into :data:`~unslouch.wire.source.CHANNELS`.
    offset, length : (n,) int64
        Where each packet lies in the buffer.
    """

    buffer: NDArray[np.uint8]
    arrival_s: FloatArray
    channel: NDArray[np.uint8]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset)

    def data(self, i: int) -> bytes:
        """The bytes of packet i."""
        start = int(self.offset[i])
        return self.buffer[start : start + int(self.length[i])].tobytes()

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> PacketTable:
        """Some of the packets, over the same buffer."""
        return PacketTable(
            self.buffer, self.arrival_s[index], self.channel[index], self.offset[index], self.length[index]
        )

    def packet(self, i: int) -> Packet:
        """Packet i as a value of its own."""
        return Packet(float(self.arrival_s[i]), CHANNELS[int(self.channel[i])], self.data(i))

    @staticmethod
    def of(packets: Sequence[Packet]) -> PacketTable:
        """Columns from packets."""
        n = len(packets)
        length = np.fromiter((len(p.data) for p in packets), np.int64, n)
        offset = np.zeros(n, np.int64)
        np.cumsum(length[:-1], out=offset[1:])
        return PacketTable(
            np.frombuffer(b"".join([p.data for p in packets]), np.uint8),
            np.fromiter((p.arrival_s for p in packets), np.float64, n),
            np.fromiter((CHANNEL_NUMBER[p.channel] for p in packets), np.uint8, n),
            offset,
            length,
        )

    def rows(self, index: NDArray[np.int64], dtype: np.dtype[np.void]) -> NDArray[np.void]:
        """The packets of ``index``, all as long as ``dtype``, as records; a view where they lie evenly, else a copy."""
        size = dtype.itemsize
        offset = self.offset[index]
        step = np.diff(offset)
        if len(offset) == 1 or bool(np.all(step == step[0])):
            stride = int(step[0]) if len(step) else size
            return np.ndarray((len(offset),), dtype, self.buffer, int(offset[0]), (stride,))
        out = np.empty(len(offset), dtype)
        raw = out.view(np.uint8).reshape(-1, size)
        cuts = np.flatnonzero(step[1:] != step[:-1]) + 2
        if len(cuts) < len(offset) // 16:  # long even runs: copy run by run
            start = 0
            for stop in [*cuts.tolist(), len(offset)]:
                if stop > start:
                    stride = int(offset[start + 1] - offset[start]) if stop - start > 1 else size
                    out[start:stop] = np.ndarray((stop - start,), dtype, self.buffer, int(offset[start]), (stride,))
                start = stop
            return out
        column = np.arange(size)
        for start in range(0, len(offset), 4096):
            raw[start : start + 4096] = self.buffer[offset[start : start + 4096, None] + column]
        return out


def concatenate(first: PacketTable, second: PacketTable) -> PacketTable:
    """Two tables in one, over a joined buffer."""
    if not len(first):
        return second
    if not len(second):
        return first
    return PacketTable(
        np.concatenate([first.buffer, second.buffer]),
        np.concatenate([first.arrival_s, second.arrival_s]),
        np.concatenate([first.channel, second.channel]),
        np.concatenate([first.offset, second.offset + len(first.buffer)]),
        np.concatenate([first.length, second.length]),
    )
