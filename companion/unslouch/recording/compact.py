"""A live file rewritten: compressed, checked, indexed chunks, and decoded channels that any MCAP reader plots."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mcap.writer import CompressionType, Writer

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
from unslouch.recording.mcap_file import McapFile, read_mcap
from unslouch.recording.model import Recording
from unslouch.recording.reader import recording_of

CHUNK_SIZE = 1 << 18
"""Bytes a chunk, uncompressed: 5 minutes of full packets; what a seek has to unpack."""


def compact(path: Path, *, decoded: bool = True) -> None:
    """Rewrite a recording in place, atomically. Also mends one whose recorder was killed.

    The raw messages stay byte for byte, with their times and channels, in their order; a damaged part that cannot be
    read is left out. Decoded channels are made anew.

    Raises
    ------
    FileError
        When the file is no recording.
    """
    draft = path.with_name(f".{path.name}.tidy")
    try:
        write_tidy(read_mcap(path), path, draft, decoded=decoded)
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise FileError(Reason.BAD_FILE, f"{path} cannot be written: {error.strerror}.", "Is the disk full?") from error
    finally:
        draft.unlink(missing_ok=True)


def write_tidy(file: McapFile, source: Path, target: Path, *, decoded: bool = True) -> None:
    """Write a file taken apart, tidily, to another; on the disk when this returns."""
    with target.open("wb") as out:
        writer = Writer(out, chunk_size=CHUNK_SIZE, compression=CompressionType.ZSTD)
        writer.start(profile=file.profile, library="unslouch")
        schemas: dict[int, int] = {}
        channels: dict[int, int] = {}
        for channel in file.channels.values():
            if channel.topic in DECODED_TOPICS:
                continue
            schema = file.schemas.get(channel.schema_id)
            if schema is not None and channel.schema_id not in schemas:
                schemas[channel.schema_id] = writer.register_schema(schema.name, schema.encoding, schema.data)
            channels[channel.id] = writer.register_channel(
                channel.topic, channel.encoding, schemas.get(channel.schema_id, 0), channel.metadata
            )
        for number, ns, data in file.messages():
            if number in channels:
                writer.add_message(channels[number], ns, data, ns)
        writer.flush()
        if decoded:
            _add_decoded(writer, recording_of(source, file))
        writer.finish()
        out.flush()
        os.fsync(out.fileno())


def _add_decoded(writer: Writer, recording: Recording) -> None:
    topics: dict[str, int] = {}
    for topic, name, schema in (
        (ORIENTATION_TOPIC, "foxglove.PoseInFrame", POSE_IN_FRAME),
        (ANGLES_TOPIC, "unslouch.Angles", ANGLES),
    ):
        topics[topic] = writer.register_channel(
            topic, "json", writer.register_schema(name, "jsonschema", schema_text(schema))
        )
    if recording.utc_offset_s is None:
        return
    for message in decoded_messages(recording.samples, recording.calibration, recording.utc_offset_s):
        writer.add_message(topics[message.topic], message.log_time_ns, message.data, message.log_time_ns)


def _sync_folder(folder: Path) -> None:
    """Make the new name last over a power cut, where folders can be synced (not on Windows)."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
