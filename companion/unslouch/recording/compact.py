"""A live file rewritten: compressed, checked, indexed chunks, and decoded channels that any MCAP reader plots."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
from mcap.opcode import Opcode
from mcap.records import Channel, Schema

from unslouch.errors import FileError, Reason
from unslouch.recording.foxglove import (
    ANGLES,
    ANGLES_TOPIC,
    DECODED_TOPICS,
    ORIENTATION_TOPIC,
    POSE_IN_FRAME,
    decoded_messages,
    schema_text,
)
from unslouch.recording.mcap_bulk import BulkWriter, Messages, made
from unslouch.recording.mcap_file import McapFile, read_mcap
from unslouch.recording.mcap_scan import MAGIC, MESSAGE_HEAD, RECORD_HEAD
from unslouch.recording.model import Recording
from unslouch.recording.reader import recording_of

DRAFT = ".tidy"
"""How the name of an unfinished rewrite ends; one that a killed program left is worth nothing."""
_HEAD = 1 << 16
"""Header, schemas and channels take less."""
AT_ONCE = 20_000
"""Decoded messages made before they are written: some MB."""


def compact(path: Path, *, decoded: bool = True) -> None:
    """Rewrite a recording in place, atomically. Also mends one whose recorder was killed.

    The raw messages stay byte for byte, with their times and channels, in their order; a damaged part that cannot be
    read is left out. Decoded channels are made anew.

    Raises
    ------
    FileError
        When the file is no recording.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT}")
    try:
        write_tidy(read_mcap(path), path, draft, decoded=decoded)
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise FileError(Reason.BAD_FILE, f"{path} cannot be written: {error.strerror}.", "Is the disk full?") from error
    finally:
        draft.unlink(missing_ok=True)


def is_tidy(path: Path) -> bool:
    """Whether a recording was rewritten already: its messages lie in chunks.

    Raises
    ------
    FileError
        When it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = np.frombuffer(file.read(_HEAD), np.uint8)
    except OSError as error:
        raise FileError(Reason.FILE_ACCESS, f"{path} cannot be read: {error.strerror}.") from error
    at = len(MAGIC)
    while at + RECORD_HEAD <= len(start):
        opcode = int(start[at])
        if opcode in (Opcode.CHUNK, Opcode.MESSAGE, Opcode.DATA_END):
            return opcode == Opcode.CHUNK
        at += RECORD_HEAD + int.from_bytes(start[at + 1 : at + RECORD_HEAD].tobytes(), "little")
    return False


def write_tidy(file: McapFile, source: Path, target: Path, *, decoded: bool = True) -> None:
    """Write a file taken apart, tidily, to another; on the disk when this returns."""
    channels = [
        Channel(one.id, one.topic, one.encoding, one.metadata, one.schema_id)
        for one in file.channels.values()
        if one.topic not in DECODED_TOPICS
    ]
    used = {channel.schema_id for channel in channels}
    schemas = [
        Schema(id=i, name=one.name, encoding=one.encoding, data=one.data)
        for i, one in file.schemas.items()
        if i in used
    ]
    topics = _decoded_channels(schemas, channels) if decoded else {}
    with target.open("wb") as out:
        writer = BulkWriter(out, file.profile, schemas, channels)
        head = RECORD_HEAD + MESSAGE_HEAD
        mine = np.isin(file.channel, [channel.id for channel in channels])
        writer.add(
            Messages(
                file.buffer, file.offset[mine] - head, file.length[mine] + head, file.channel[mine], file.log_ns[mine]
            )
        )
        if decoded:
            _add_decoded(writer, recording_of(source, file), topics)
        writer.finish()
        out.flush()
        os.fsync(out.fileno())


def _decoded_channels(schemas: list[Schema], channels: list[Channel]) -> dict[str, int]:
    """Add the decoded channels with their schemas; their ids by topic."""
    topics: dict[str, int] = {}
    schema_id = max((schema.id for schema in schemas), default=0)
    number = max((channel.id for channel in channels), default=0)
    for topic, name, schema in (
        (ORIENTATION_TOPIC, "foxglove.PoseInFrame", POSE_IN_FRAME),
        (ANGLES_TOPIC, "unslouch.Angles", ANGLES),
    ):
        schema_id, number = schema_id + 1, number + 1
        schemas.append(Schema(id=schema_id, name=name, encoding="jsonschema", data=schema_text(schema)))
        channels.append(Channel(number, topic, "json", {}, schema_id))
        topics[topic] = number
    return topics


def _add_decoded(writer: BulkWriter, recording: Recording, topics: dict[str, int]) -> None:
    if recording.utc_offset_s is None:
        return
    messages = decoded_messages(recording.samples, recording.calibration, recording.utc_offset_s)
    while some := [(topics[one.topic], one.log_time_ns, one.data) for one in islice(messages, AT_ONCE)]:
        writer.add(made(some))


def sync_folder(folder: Path) -> None:
    """Make the new name last over a power cut, where folders can be synced (not on Windows)."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
