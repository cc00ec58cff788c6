"""Samples written as the recording of a strap that sent them: for simulations and imported files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.samples import SampleBlock

START_UTC = 1_767_603_600.0
"""2026-01-05 09:00 UTC, when nothing else is said: the same options make the same file."""
WAY_S = 0.03
"""From the newest sample of a packet to its arrival."""
TOLERANCE_US = 2_500
"""How far a sample's stamp may be from evenly spaced within a packet: the stamps' own jitter, kept where it is more."""
BOOT = 1


def record_samples(
    path: Path,
    block: SampleBlock,
    seq: NDArray[np.int64],
    per_packet: int = 18,
    rate_hz: float = 52.0,
    start_utc: float = START_UTC,
) -> None:
    """Write samples as the recording of a strap that sent them.

    Parameters
    ----------
    seq : (n,) int64
        Which samples of the strap these are; a hole is a loss.
    start_utc
        UTC at the strap's time 0.

    Raises
    ------
    FileError
        When the file exists or cannot be written.
    """
    info = SourceInfo(SourceKind.SIMULATED, "Simulated strap", rate_hz=rate_hz)
    # The stamp of the very first sample may jitter below zero, which the strap's clock never shows.
    block = replace(block, t=np.maximum(block.t, 0.0))
    with RecordingWriter(path, info, start_utc) as writer:
        for packet in encode_stream(block, seq, BOOT, per_packet, TOLERANCE_US):
            writer.write(Packet(start_utc + packet.t_us * 1e-6 + WAY_S, Channel.STREAM, packet.data))
