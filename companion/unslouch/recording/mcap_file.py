"""An MCAP file taken apart: channels, and messages in columns. Cut off and damaged files are read as far as they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mcap.opcode import Opcode
from numpy.typing import NDArray

from unslouch.errors import FileError, Reason
from unslouch.recording.foxglove import DECODED_TOPICS
from unslouch.recording.mcap_scan import MAGIC, MESSAGE_HEAD, ChunkHead, chunk_head, text, unpack_chunk, walk
from unslouch.recording.model import Notice, NoticeKind

IntArray = NDArray[np.int64]
_MESSAGE = np.dtype([("channel", "<u2"), ("sequence", "<u4"), ("log", "<u8"), ("publish", "<u8")])


@dataclass(frozen=True, slots=True)
class SchemaRecord:
    """A schema as registered in the file."""

    name: str
    encoding: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """A channel as registered in the file."""

    id: int
    schema_id: int
    topic: str
    encoding: str
    metadata: dict[str, str]


@dataclass(slots=True)
class McapFile:
    """The messages of a file in columns over one buffer, in the order of the file (decoded channels left out)."""

    profile: str
    buffer: NDArray[np.uint8]
    schemas: dict[int, SchemaRecord]
    channels: dict[int, ChannelRecord]
    channel: IntArray
    log_ns: IntArray
    offset: IntArray
    length: IntArray
    notices: list[Notice] = field(default_factory=list[Notice])
    decoded: int = 0
    """Chunks of decoded channels that were passed over."""

    def messages(self) -> Iterator[tuple[int, int, bytes]]:
        """Each message: channel id, log time, data."""
        view = self.buffer.data
        for number, ns, at, size in zip(
            self.channel.tolist(), self.log_ns.tolist(), self.offset.tolist(), self.length.tolist(), strict=True
        ):
            yield number, ns, bytes(view[at : at + size])


def read_mcap(path: Path, start_ns: int | None = None, end_ns: int | None = None) -> McapFile:
    """Read a file; chunks wholly outside the times given are not unpacked.

    Raises
    ------
    FileError
        When there is no such file, or it is no MCAP file.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except FileNotFoundError:
        raise FileError(Reason.NOT_FOUND, f"There is no file {path}.") from None
    except OSError as error:
        raise FileError(Reason.BAD_FILE, f"{path} cannot be read: {error.strerror}.") from error
    if data[:8].tobytes() != MAGIC:
        raise FileError(Reason.BAD_FILE, f"{path} is no MCAP file.", "Recordings end in .mcap or .csv.")
    return _Reading(path, data, start_ns, end_ns).finished()


class _Reading:
    def __init__(self, path: Path, data: NDArray[np.uint8], start_ns: int | None, end_ns: int | None) -> None:
        self._path, self._data = path, data
        self._from, self._to = start_ns, end_ns
        self._profile = ""
        self._schemas: dict[int, SchemaRecord] = {}
        self._channels: dict[int, ChannelRecord] = {}
        self._notices: list[Notice] = []
        self._buffers: list[NDArray[np.uint8]] = []
        self._offset: list[IntArray] = []
        self._length: list[IntArray] = []
        self._decoded = 0
        self._read()

    def _notice(self, kind: NoticeKind, message: str) -> None:
        self._notices.append(Notice(kind, f"{self._path.name} {message}"))

    def _read(self) -> None:
        top = walk(self._data, 8, len(self._data))
        ended = False
        chunks: list[tuple[ChunkHead | None, set[int]]] = []
        for opcode, offset, length in top.others:
            if opcode == Opcode.HEADER:
                self._profile, _ = text(self._data, offset, offset + length)
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._define(self._data, opcode, offset, length)
            elif opcode == Opcode.CHUNK:
                chunks.append((chunk_head(self._data, offset, length), set()))
            elif opcode == Opcode.MESSAGE_INDEX and chunks and length >= 2:
                chunks[-1][1].add(int(self._data[offset]) | int(self._data[offset + 1]) << 8)
            elif opcode in (Opcode.DATA_END, Opcode.FOOTER):
                ended = True
        if top.message_offset:
            self._buffers.append(self._data)
            self._offset += top.message_offset
            self._length += top.message_length
        at = len(self._data) if top.message_offset else 0
        damaged = 0
        for head, of in chunks:
            if head is None:
                damaged += 1
                continue
            if (self._from is not None and head.end_ns < self._from) or (
                self._to is not None and head.start_ns > self._to
            ):
                continue
            decoded = {c for c, channel in self._channels.items() if channel.topic in DECODED_TOPICS}
            if of and of <= decoded:
                self._decoded += 1
                continue
            records = unpack_chunk(self._data, head)
            if isinstance(records, str):
                self._notice(NoticeKind.DAMAGED, f"has a damaged part that was skipped: a chunk {records}.")
                continue
            buffer = np.frombuffer(records, np.uint8)
            inner = walk(buffer, 0, len(buffer))
            for opcode, offset, length in inner.others:
                self._define(buffer, opcode, offset, length)
            if inner.broken:
                damaged += 1
            self._buffers.append(buffer)
            self._offset += [o + at for o in inner.message_offset]
            self._length += inner.message_length
            at += len(buffer)
        if damaged:
            self._notice(NoticeKind.DAMAGED, f"has {damaged} damaged parts that were skipped.")
        if not ended:
            reason = top.broken or "has no end"
            self._notice(NoticeKind.CUT_OFF, f"is not complete (it {reason}); everything before that was read.")

    def _define(self, buffer: NDArray[np.uint8], opcode: int, offset: int, length: int) -> None:
        stop = offset + length
        if opcode == Opcode.SCHEMA and length >= 2:
            number = int(buffer[offset]) | int(buffer[offset + 1]) << 8
            name, at = text(buffer, offset + 2, stop)
            encoding, at = text(buffer, at, stop)
            self._schemas[number] = SchemaRecord(name, encoding, buffer[at + 4 : stop].tobytes())
        elif opcode == Opcode.CHANNEL and length >= 4:
            number = int(buffer[offset]) | int(buffer[offset + 1]) << 8
            schema = int(buffer[offset + 2]) | int(buffer[offset + 3]) << 8
            topic, at = text(buffer, offset + 4, stop)
            encoding, at = text(buffer, at, stop)
            metadata: dict[str, str] = {}
            at += 4
            while at < stop:
                key, at = text(buffer, at, stop)
                metadata[key], at = text(buffer, at, stop)
            self._channels[number] = ChannelRecord(number, schema, topic, encoding, metadata)

    def finished(self) -> McapFile:
        if not self._offset:
            none, no = np.empty(0, np.uint8), np.empty(0, np.int64)
            return McapFile(self._profile, none, self._schemas, self._channels, no, no, no, no, self._notices)
        buffer = self._buffers[0] if len(self._buffers) == 1 else np.concatenate(self._buffers)
        offset, length = np.concatenate(self._offset), np.concatenate(self._length)
        channel, log_ns = _heads(buffer, self._offset)
        keep = np.ones(len(offset), np.bool_)
        if self._from is not None:
            keep &= log_ns >= self._from
        if self._to is not None:
            keep &= log_ns <= self._to
        decoded = [c for c, r in self._channels.items() if r.topic in DECODED_TOPICS]
        if decoded:
            keep &= ~np.isin(channel, decoded)
        if not bool(keep.all()):
            channel, log_ns, offset, length = channel[keep], log_ns[keep], offset[keep], length[keep]
        return McapFile(
            self._profile,
            buffer,
            self._schemas,
            self._channels,
            channel,
            log_ns,
            offset + MESSAGE_HEAD,
            length - MESSAGE_HEAD,
            self._notices,
            self._decoded,
        )


def _heads(buffer: NDArray[np.uint8], runs: list[IntArray]) -> tuple[IntArray, IntArray]:
    """Channel and log time of messages that lie in even runs."""
    total = sum(len(r) for r in runs)
    channel, log_ns = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for run in runs:
        stride = int(run[1] - run[0]) if len(run) > 1 else MESSAGE_HEAD
        heads = np.ndarray((len(run),), _MESSAGE, buffer, int(run[0]), (stride,))
        channel[at : at + len(run)] = heads["channel"]
        log_ns[at : at + len(run)] = heads["log"].astype(np.int64)
        at += len(run)
    return channel, log_ns
