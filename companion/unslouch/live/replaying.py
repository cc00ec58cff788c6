"""A recording behind the same face as a live strap, with the chain made up to any place that is jumped to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unslouch.errors import Reason, UnslouchError
from unslouch.live.chain import Chain
from unslouch.live.conveyor import Conveyor
from unslouch.recording.model import Recording
from unslouch.recording.replay import open_replay
from unslouch_signal.calibration import Calibration
from unslouch_signal.fusion import fuse
from unslouch_signal.protocol import find_protocol

SMALL_S, LARGE_S = 1.0, 60.0
"""How much is taken at once on the way to a place: little while a calibration may still be found."""


def replay_feed(
    path: Path, *, speed: float = 1.0, start_s: float = 0.0, calibration: Calibration | None = None
) -> Conveyor:
    """Open a recording as a feed.

    Parameters
    ----------
    speed
        Times real time; infinite plays as fast as updates are taken.
    start_s
        Where to begin, seconds since its start.
    calibration
        Used from the first sample on; None takes the recording's: the protocol as it is played, or what was stored.

    Raises
    ------
    FileError
        When the file cannot be used.
    UnslouchError
        BAD_OPTION for a start beyond its end.
    """
    replay, recording = open_replay(path, speed, start_s)
    if start_s >= replay.duration:
        raise UnslouchError(
            Reason.BAD_OPTION,
            f"{path.name} lasts {replay.duration:.0f} s; it cannot be played from {start_s:g} s on.",
            "Name an earlier --from.",
        )
    known = stored_calibration(recording) if calibration is None else calibration

    def chain_at(position: float) -> Chain:
        chain = Chain(replay.info.rate_hz, known)
        table = replay.before(position)
        arrival = np.maximum.accumulate(table.arrival_s)
        at = 0
        while at < len(table):
            length = SMALL_S if chain.calibration is None else LARGE_S
            upto = max(at + 1, int(np.searchsorted(arrival, arrival[at] + length)))
            chain.feed(table.take(slice(at, upto)))
            at = upto
        return chain

    return Conveyor(replay, chain_at, start_s=start_s)


def stored_calibration(recording: Recording) -> Calibration | None:
    """Return the calibration kept in a recording, unless the recording itself begins with the protocol.

    What was done in the recording is nearer to its start than what was known when it ended.
    """
    if recording.calibration is None:
        return None
    block = recording.samples
    if find_protocol(block if block.quat is not None else fuse(block)) is not None:
        return None
    return Calibration.from_json(recording.calibration)
