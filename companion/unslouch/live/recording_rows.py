"""The rows that a recording brings by itself: that it is there, the clocks of its strap, and which samples it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unslouch.live.dating import BootTime
from unslouch.recording.mcap_file import read_mcap
from unslouch.recording.model import Recording
from unslouch.store.rows import ClockRow, HoldingRow, RecordingRow


def strap_of(recording: Recording) -> str:
    """Return what tells a recording's strap from others: its serial number, else its address or name."""
    device = recording.device
    return device.get("serial") or device.get("address") or device.get("name", "")


def recording_row(path: Path) -> RecordingRow:
    """Return the row of a recording, from the file alone.

    Raises
    ------
    FileError
        When it is no recording.
    """
    file = read_mcap(path)
    mine = [channel.id for channel in file.channels.values() if channel.topic.startswith("/strap/")]
    device = [channel.id for channel in file.channels.values() if channel.topic == "/device"]
    at = file.log_ns[np.isin(file.channel, mine)]
    strap = None
    for i in np.flatnonzero(np.isin(file.channel, device))[:1].tolist():
        text = bytes(file.buffer[int(file.offset[i]) : int(file.offset[i] + file.length[i])])
        try:
            strap = json.loads(text).get("name")
        except (ValueError, AttributeError):
            strap = None  # damaged: it is told when the recording is read
    first, last = (int(at.min()), int(at.max())) if len(at) else (0, 0)
    return RecordingRow(path.name, path.name, strap, first / 1e9, last / 1e9, path.stat().st_size)


def clock_rows(recording: Recording, told: Sequence[tuple[BootTime, str]]) -> list[ClockRow]:
    """Return what a recording tells of each boot's clock, as :func:`~unslouch.live.dating.boots_of` found it."""
    name, strap = recording.path.name, strap_of(recording)
    return [
        ClockRow(name, boot.boot, strap, kind, round(boot.first_t, 6), round(boot.last_t, 6), boot.knots)
        for boot, kind in told
    ]


def holding_rows(recording: Recording) -> list[HoldingRow]:
    """Return which samples a recording holds, as runs."""
    strap = strap_of(recording)
    out: list[HoldingRow] = []
    by_boot: dict[int, list[NDArray[np.int64]]] = {}
    for block in recording.blocks:
        by_boot.setdefault(block.boot, []).append(block.seq)
    for boot, parts in by_boot.items():
        seq = np.sort(np.concatenate(parts))
        cuts = np.flatnonzero(np.diff(seq) > 255) + 1  # a log sample stands for up to so many
        firsts, lasts = seq[np.r_[0, cuts]].tolist(), seq[np.r_[cuts - 1, len(seq) - 1]].tolist()
        out += [HoldingRow(recording.path.name, boot, a, strap, b) for a, b in zip(firsts, lasts, strict=True)]
    return out
