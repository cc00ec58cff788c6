"""MCAP records found in bulk: 8 h of small messages without a Python step for each.

The layout is that of the public MCAP specification: a record is opcode u8, length u64, contents; a message's contents
are channel u16, sequence u32, log time u64, publish time u64, data.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mcap.opcode import Opcode
from numpy.typing import NDArray

MAGIC = b"\x89MCAP0\r\n"
RECORD_HEAD = 9
MESSAGE_HEAD = 22
_LARGEST_CHUNK = 1 << 28
_CHUNK_HEAD = struct.Struct("<QQQII")
IntArray = NDArray[np.int64]


@dataclass(slots=True)
class Walk:
    """Where the records of a buffer are: contents' offset and length by opcode; messages apart, in bulk."""

    others: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    message_offset: list[IntArray] = field(default_factory=list[IntArray])
    message_length: list[IntArray] = field(default_factory=list[IntArray])
    end: int = 0
    """Where the walk ended: after the last whole record."""
    broken: str = ""
    """Why it ended before the end of the buffer; empty when it did not."""


def walk(buffer: NDArray[np.uint8], start: int, stop: int) -> Walk:
    """Follow the records of ``buffer[start:stop]``; runs of messages of one length are taken at once."""
    out = Walk()
    view = buffer.data
    at = start
    guess = 8
    while at < stop:
        if stop - at < RECORD_HEAD:
            out.broken = "ends in the middle of a record"
            break
        opcode = view[at]
        length = int.from_bytes(view[at + 1 : at + RECORD_HEAD], "little")
        if opcode == 0 or (opcode > 0x7F and length > stop - at):
            out.broken = "holds bytes that are no record"
            break
        if at + RECORD_HEAD + length > stop:
            out.broken = "ends in the middle of a record"
            break
        if opcode != Opcode.MESSAGE or length < MESSAGE_HEAD:
            out.others.append((opcode, at + RECORD_HEAD, length))
            at += RECORD_HEAD + length
            if opcode == Opcode.FOOTER:
                break
            continue
        stride = RECORD_HEAD + length
        most = min((stop - at) // stride, guess)
        heads = np.ndarray((most,), np.dtype([("op", "u1"), ("len", "<u8")]), buffer, at, (stride,))
        same = (heads["op"] == Opcode.MESSAGE) & (heads["len"] == length)
        run = most if bool(same.all()) else int(np.argmin(same))
        guess = min(guess * 8, 1 << 20) if run == most else 8
        out.message_offset.append(at + RECORD_HEAD + stride * np.arange(run, dtype=np.int64))
        out.message_length.append(np.full(run, length, np.int64))
        at += stride * run
    out.end = at
    return out


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """A chunk's own description, and where its contents lie in the file."""

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    offset: int
    length: int


def chunk_head(buffer: NDArray[np.uint8], offset: int, length: int) -> ChunkHead | None:
    """Read a chunk's head; None when it makes no sense."""
    if length < _CHUNK_HEAD.size + 8:
        return None
    start, end, size, crc, name_length = _CHUNK_HEAD.unpack(buffer[offset : offset + _CHUNK_HEAD.size].tobytes())
    at = offset + _CHUNK_HEAD.size
    if name_length > 64 or at + name_length + 8 > offset + length:
        return None
    name = buffer[at : at + name_length].tobytes().decode("ascii", "replace")
    at += name_length
    packed = int.from_bytes(buffer[at : at + 8].tobytes(), "little")
    if at + 8 + packed > offset + length or size > _LARGEST_CHUNK:
        return None
    return ChunkHead(start, end, size, crc, name, at + 8, packed)


def unpack_chunk(buffer: NDArray[np.uint8], head: ChunkHead) -> bytes | str:
    """A chunk's records, checked; a few words on what is wrong instead when it is."""
    packed = buffer.data[head.offset : head.offset + head.length]
    if head.compression == "":
        data = bytes(packed)
    elif head.compression == "zstd":
        import zstandard

        try:
            if zstandard.frame_content_size(packed) > head.size:  # -1: unknown
                return "has the wrong size"
            data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=head.size)
        except zstandard.ZstdError:
            return "cannot be decompressed"
    elif head.compression == "lz4":
        lz4: Any = importlib.import_module("lz4.frame")
        try:
            data = bytes(lz4.LZ4FrameDecompressor().decompress(packed, max_length=head.size))
        except (RuntimeError, EOFError):
            return "cannot be decompressed"
    else:
        return f"has an unknown compression ({head.compression!r})"
    if len(data) != head.size:
        return "has the wrong size"
    if head.crc and zlib.crc32(data) != head.crc:
        return "has a wrong checksum"
    return data


def text(buffer: NDArray[np.uint8], at: int, stop: int) -> tuple[str, int]:
    """A string with its length before it, and where it ends."""
    size = int.from_bytes(buffer[at : at + 4].tobytes(), "little")
    end = min(at + 4 + size, stop)
    return buffer[at + 4 : end].tobytes().decode("utf-8", "replace"), end
