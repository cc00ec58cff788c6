"""One call that reads a recording, whatever its format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np

from unslouch.errors import FileError, Reason
from unslouch.recording.mcap_file import McapFile, read_mcap
from unslouch.recording.model import Format, Marker, Notice, NoticeKind, Recording, concatenated
from unslouch.wire.decoder import decode_all
from unslouch.wire.layout import Content
from unslouch.wire.records import Decoded, DecodedBlock
from unslouch.wire.source import CHANNELS
from unslouch.wire.status import StrapCalibration
from unslouch.wire.table import PacketTable
from unslouch_signal.calibration import Calibration
from unslouch_signal.samples import SampleBlock

CALIBRATION_TOPIC = "/calibration"
MARKER_TOPIC = "/marker"
DEVICE_TOPIC = "/device"


def read_recording(path: Path | str, units: tuple[str, ...] = ()) -> Recording:
    """Read a recording of either format.

    Parameters
    ----------
    units
        For CSV alone: the units its columns are in where they are not SI (see ``read_csv``).

    Raises
    ------
    FileError
        When the file is missing, of another format, or holds no samples.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        from unslouch.recording.csv_format import read_csv

        return read_csv(path, units)
    if units:
        raise FileError(Reason.BAD_OPTION, f"{path} is no CSV file; units can be given for those alone.")
    recording = recording_of(path, read_mcap(path))
    if not len(recording.samples):
        raise FileError(Reason.BAD_FILE, f"{path} holds no samples of a strap." + _why_empty(recording))
    return recording


def read_packets(path: Path, start_s: float | None = None, end_s: float | None = None) -> tuple[PacketTable, McapFile]:
    """The raw packets of an MCAP recording, between two arrival times (UTC, s) if given.

    Raises
    ------
    FileError
        When the file is missing or no MCAP file.
    """
    file = read_mcap(path, *(None if s is None else int(s * 1e9) for s in (start_s, end_s)))
    return packet_table(file), file


def packet_table(file: McapFile) -> PacketTable:
    """The packets among a file's messages."""
    number = np.full(1 << 16, 255, np.uint8)
    for channel in file.channels.values():
        name = channel.topic.removeprefix("/strap/")
        if name != channel.topic and name in CHANNELS:
            number[channel.id] = [c.value for c in CHANNELS].index(name)
    kind = number[file.channel]
    mine = kind != 255
    if bool(mine.all()):
        return PacketTable(file.buffer, file.log_ns / 1e9, kind, file.offset, file.length)
    return PacketTable(file.buffer, file.log_ns[mine] / 1e9, kind[mine], file.offset[mine], file.length[mine])


def recording_of(path: Path, file: McapFile) -> Recording:
    """A recording from a file taken apart; its samples may be empty."""
    decoded = decode_all(packet_table(file))
    calibrations, markers, device = _said(file)
    notices = list(file.notices)
    if decoded.errors:
        reasons = ", ".join(f"{count} {fault.value}" for fault, count in decoded.errors.items())
        notices.append(Notice(NoticeKind.DROPPED, f"{path.name} holds packets that were skipped: {reasons}."))
    strap = decoded.calibrations[-1][1] if decoded.calibrations else None
    content, blocks = _main_content(path, decoded, notices)
    if decoded.gaps:
        missing = sum(g.missing for g in decoded.gaps)
        where = f"{len(decoded.gaps)} gaps" if len(decoded.gaps) > 1 else "one gap"
        notices.append(Notice(NoticeKind.MISSING, f"{path.name} lacks {missing} samples in {where}."))
    return Recording(
        path,
        Format.MCAP,
        content,
        concatenated([_corrected(b, strap) for b in blocks]),
        decoded.blocks,
        decoded.gaps,
        calibrations[-1][1] if calibrations else None,
        strap,
        tuple(markers),
        decoded.events,
        device,
        tuple(notices),
        decoded.errors,
        _utc_offset(decoded),
        decoded.clock,
        decoded.times,
        tuple(calibrations),
    )


def _main_content(path: Path, decoded: Decoded, notices: list[Notice]) -> tuple[Content, list[DecodedBlock]]:
    """Fused, with what the log adds, or raw, whichever there is more of."""
    if not decoded.blocks:
        return Content.FUSED, []
    counts = dict.fromkeys(Content, 0)
    for block in decoded.blocks:
        counts[block.content] += len(block)
    raw = counts[Content.RAW] > sum(counts.values()) - counts[Content.RAW]
    chosen = [b for b in decoded.blocks if (b.content is Content.RAW) == raw]
    left = sum(len(b) for b in decoded.blocks) - sum(len(b) for b in chosen)
    if left:
        what = "with orientation" if raw else "without orientation"
        notices.append(Notice(NoticeKind.MIXED, f"{path.name} also holds {left} samples {what}, which were left out."))
    return max((b.content for b in chosen), key=lambda c: counts[c]), chosen


def _corrected(block: DecodedBlock, strap: StrapCalibration | None) -> SampleBlock:
    return block.samples if strap is None or block.content is not Content.RAW else strap.correct(block.samples)


def _utc_offset(decoded: Decoded) -> float | None:
    if not decoded.blocks:
        return None
    for block in decoded.blocks:  # the first of a boot that was heard live; what only the log holds has no arrivals
        mine = decoded.clock.boot == block.boot
        if bool(mine.any()):
            # the packet that was under way for the shortest time is nearest to the truth
            delay = decoded.clock.arrival_s[mine] - decoded.clock.t_us[mine] * 1e-6
            return float(np.min(delay)) - block.offset_s
    return None


def _said(file: McapFile) -> tuple[list[tuple[float, str]], list[Marker], dict[str, str]]:
    topics = {
        c.id: c.topic for c in file.channels.values() if c.topic in (CALIBRATION_TOPIC, MARKER_TOPIC, DEVICE_TOPIC)
    }
    calibrations: list[tuple[float, str]] = []
    markers: list[Marker] = []
    device: dict[str, str] = {}
    view = file.buffer.data
    for i in np.flatnonzero(np.isin(file.channel, list(topics))).tolist():
        at, size = int(file.offset[i]), int(file.length[i])
        try:
            parsed: object = json.loads(bytes(view[at : at + size]))
        except (ValueError, UnicodeDecodeError):
            file.notices.append(Notice(NoticeKind.DAMAGED, "A note in the recording is no JSON and was skipped."))
            continue
        if not isinstance(parsed, dict):
            continue
        value = cast("dict[str, object]", parsed)
        topic = topics[int(file.channel[i])]
        if topic == CALIBRATION_TOPIC and isinstance(value.get("calibration"), dict):
            text = json.dumps(value["calibration"])
            try:
                Calibration.from_json(text)
            except ValueError as error:
                message = f"A calibration in the recording cannot be used: {error}."
                file.notices.append(Notice(NoticeKind.DAMAGED, message))
            else:
                calibrations.append((int(file.log_ns[i]) / 1e9, text))
        elif topic == MARKER_TOPIC:
            t = value.get("t")
            if isinstance(t, int | float):
                markers.append(Marker(float(t), str(value.get("label", ""))))
        elif topic == DEVICE_TOPIC:
            device.update({k: str(v) for k, v in value.items()})
    return calibrations, markers, device


def _why_empty(recording: Recording) -> str:
    return "".join(f" {notice.message}" for notice in recording.notices)
