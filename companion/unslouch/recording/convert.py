"""Samples without packets (a CSV) as packets and as an MCAP recording, so that they go the way of a strap's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unslouch.recording.model import Recording
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.samples import SampleBlock

LOW_LATENCY = 2
"""Samples a packet: two keep any jitter of the time stamps exactly."""


def packets_of(block: SampleBlock, utc_offset_s: float = 0.0, per_packet: int = LOW_LATENCY) -> list[Packet]:
    """Samples as the stream of a strap that sends each packet when its newest sample is taken.

    Time below 0 is moved to start at 0 (the strap's clock has none); holes in time become holes in the sequence.
    """
    n = len(block)
    if not n:
        return []
    shift = min(0.0, float(block.t[0]))
    step = np.diff(block.t)
    usual = float(np.median(step)) if n > 1 else 1.0
    seq = np.r_[0, np.cumsum(np.maximum(1, np.rint(step / usual)))].astype(np.int64)
    moved = SampleBlock(block.t - shift, block.quat, block.acc, block.gyr, block.flags)
    encoded = encode_stream(moved, seq, per_packet=per_packet, tolerance_us=20)
    return [Packet(utc_offset_s + shift + e.t_us * 1e-6, Channel.STREAM, e.data) for e in encoded]


def write_mcap(recording: Recording, path: Path, per_packet: int = LOW_LATENCY) -> None:
    """Write any recording as a new MCAP recording, with its calibration and markers.

    Raises
    ------
    FileError
        When the file exists or cannot be written.
    """
    offset = recording.utc_offset_s or 0.0
    name = recording.device.get("name", recording.path.stem)
    rate = recording.rate_hz if len(recording.samples) > 1 else 52.0
    info = SourceInfo(SourceKind.REPLAY, name, device=tuple(recording.device.items()), rate_hz=rate)
    packets = packets_of(recording.samples, offset, per_packet)
    with RecordingWriter(path, info, packets[0].arrival_s if packets else offset) as writer:
        for packet in packets:
            writer.write(packet)
        if recording.calibration is not None:
            writer.calibration(float(recording.samples.t[0]), recording.calibration)
        for marker in recording.markers:
            writer.mark(marker.t, marker.label)
