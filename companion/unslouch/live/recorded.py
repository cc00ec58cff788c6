"""Samples written as the recording of a strap that sent them: for simulations and imported files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unslouch.recording.compact import compact
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_blocks
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
    record_blocks(path, [(block, seq)], per_packet, rate_hz, start_utc)


def record_blocks(
    path: Path,
    blocks: Iterable[tuple[SampleBlock, NDArray[np.int64]]],
    per_packet: int = 18,
    rate_hz: float = 52.0,
    start_utc: float = START_UTC,
    written: Callable[[], None] = lambda: None,
) -> None:
    """Write consecutive blocks of samples with their ``seq``, of which there may be more than fit into memory.

    Parameters
    ----------
    written
        Is called when all packets are in the file, before it is indexed, which takes a while.

    Raises
    ------
    FileError
        When the file exists or cannot be written.
    """
    info = SourceInfo(SourceKind.SIMULATED, "Simulated strap", rate_hz=rate_hz)
    # The stamp of the very first sample may jitter below zero, which the strap's clock never shows.
    shown = ((replace(block, t=np.maximum(block.t, 0.0)), seq) for block, seq in blocks)
    # Not tidied by the writer: whoever breaks this off does not want to wait for it.
    with RecordingWriter(path, info, start_utc, tidy=False) as writer:
        for packets in encode_blocks(shown, BOOT, per_packet, TOLERANCE_US):
            for packet in packets:
                writer.write(Packet(start_utc + packet.t_us * 1e-6 + WAY_S, Channel.STREAM, packet.data))
    written()
    compact(path)
