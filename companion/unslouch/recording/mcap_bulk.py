"""MCAP written in bulk: whole message records in columns become chunks, without a Python step for each message.

mcap's own writer takes some 30 us a message, which is half a minute for a day at the desk. Header, schemas, channels
and the summary are written by mcap's record classes; chunks and message indexes are laid out here after the public
MCAP specification.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import zstandard
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, DataEnd, Footer, Header, McapRecord, Schema, Statistics, SummaryOffset
from numpy.typing import NDArray

from unslouch.recording.mcap_scan import MAGIC, MESSAGE_HEAD, RECORD_HEAD

CHUNK_SIZE = 1 << 18
"""Bytes a chunk, uncompressed: 5 minutes of full packets; what a seek has to unpack."""
_CHUNK = struct.Struct("<BQQQQII4sQ")
"""Opcode, length, first and last time, size, checksum, length of "zstd", "zstd", size as packed."""
_INDEX = struct.Struct("<BQHI")
_MESSAGE = struct.Struct("<BQHIQQ")
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Messages:
    """Whole message records (with opcode and length) in a buffer.

    Attributes
    ----------
    start, length : (n,) int64
        Where each record lies.
    channel, log_ns : (n,) int64
    """

    buffer: NDArray[np.uint8]
    start: IntArray
    length: IntArray
    channel: IntArray
    log_ns: IntArray

    def bytes_of(self, a: int, b: int) -> bytes:
        """Return records a to b - 1, one after the other."""
        start, length = self.start[a:b], self.length[a:b]
        if bool((start[1:] == start[:-1] + length[:-1]).all()):
            return self.buffer[int(start[0]) : int(start[-1] + length[-1])].tobytes()
        view = self.buffer.data
        return b"".join([view[s : s + n] for s, n in zip(start.tolist(), length.tolist(), strict=True)])


def made(messages: list[tuple[int, int, bytes]]) -> Messages:
    """Return messages (channel id, log time, data) as records."""
    parts = [
        _MESSAGE.pack(Opcode.MESSAGE, MESSAGE_HEAD + len(data), channel, 0, ns, ns) + data
        for channel, ns, data in messages
    ]
    length = np.array([len(part) for part in parts], np.int64)
    return Messages(
        np.frombuffer(b"".join(parts), np.uint8),
        np.cumsum(length) - length,
        length,
        np.array([one[0] for one in messages], np.int64),
        np.array([one[1] for one in messages], np.int64),
    )


class BulkWriter:
    """Writes one file: header, schemas and channels at once, then messages in chunks, then the summary.

    Parameters
    ----------
    out
        Written from its beginning.
    """

    def __init__(self, out: BinaryIO, profile: str, schemas: list[Schema], channels: list[Channel]) -> None:
        self._out, self._schemas, self._channels = out, schemas, channels
        self._chunks: list[ChunkIndex] = []
        self._counts: dict[int, int] = {}
        self._times: list[int] = []
        self._at = 0
        self._write(MAGIC)
        self._write(_records(Header(profile, "unslouch"), *schemas, *channels))

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._at += len(data)

    def add(self, messages: Messages) -> None:
        """Write messages in chunks of their own."""
        for a, b in _cuts(messages.length):
            self._chunk(messages, a, b)

    def _chunk(self, messages: Messages, a: int, b: int) -> None:
        data = messages.bytes_of(a, b)
        packed = zstandard.compress(data)
        log_ns, channel = messages.log_ns[a:b], messages.channel[a:b]
        first, last = int(log_ns.min()), int(log_ns.max())
        begun = self._at
        length = _CHUNK.size - RECORD_HEAD + len(packed)
        self._write(
            _CHUNK.pack(Opcode.CHUNK, length, first, last, len(data), zlib.crc32(data), 4, b"zstd", len(packed))
        )
        self._write(packed)
        ended = self._at
        entry = np.empty((b - a, 2), "<u8")
        entry[:, 0] = log_ns
        entry[:, 1] = np.cumsum(messages.length[a:b]) - messages.length[a:b]
        offsets: dict[int, int] = {}
        for number in np.unique(channel).tolist():
            mine = entry[channel == number].tobytes()
            offsets[number] = self._at
            self._write(_INDEX.pack(Opcode.MESSAGE_INDEX, 6 + len(mine), number, len(mine)) + mine)
            self._counts[number] = self._counts.get(number, 0) + len(mine) // 16
        self._times += [first, last]
        self._chunks.append(
            ChunkIndex(
                chunk_length=ended - begun,
                chunk_start_offset=begun,
                compression="zstd",
                compressed_size=len(packed),
                message_end_time=last,
                message_index_length=self._at - ended,
                message_index_offsets=offsets,
                message_start_time=first,
                uncompressed_size=len(data),
            )
        )

    def finish(self) -> None:
        """Write the summary and the end."""
        self._write(_records(DataEnd(0)))
        summary = self._at
        told = Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=self._counts,
            chunk_count=len(self._chunks),
            message_count=sum(self._counts.values()),
            message_end_time=max(self._times, default=0),
            message_start_time=min(self._times, default=0),
            metadata_count=0,
            schema_count=len(self._schemas),
        )
        offsets: list[McapRecord] = []
        groups: tuple[tuple[int, list[McapRecord]], ...] = (
            (Opcode.SCHEMA, [*self._schemas]),
            (Opcode.CHANNEL, [*self._channels]),
            (Opcode.STATISTICS, [told]),
            (Opcode.CHUNK_INDEX, [*self._chunks]),
        )
        crc = 0
        for opcode, group in groups:
            data = _records(*group)
            offsets.append(SummaryOffset(group_opcode=opcode, group_start=self._at, group_length=len(data)))
            crc = zlib.crc32(data, crc)
            self._write(data)
        last = self._at
        data = _records(*offsets)
        crc = zlib.crc32(data, crc)
        self._write(data)
        # the summary's checksum goes over the footer up to itself
        head = struct.pack("<BQQQ", Opcode.FOOTER, 20, summary, last)
        crc = zlib.crc32(head, crc)
        self._write(_records(Footer(summary_start=summary, summary_offset_start=last, summary_crc=crc)))
        self._write(MAGIC)


def _records(*records: McapRecord) -> bytes:
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    return builder.end()


def _cuts(length: IntArray) -> Iterator[tuple[int, int]]:
    """Cut records into runs of about a chunk."""
    ends = np.cumsum(length)
    at = 0
    while at < len(ends):
        done = int(ends[at - 1]) if at else 0
        upto = max(at + 1, int(np.searchsorted(ends, done + CHUNK_SIZE, side="right")))
        yield at, upto
        at = upto
