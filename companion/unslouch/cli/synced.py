"""What the strap took while it was alone, counted as desk sessions as if it had been live."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from unslouch.desk.keeping import keep
from unslouch.desk.preferences import preferences
from unslouch.desk.session import DeskSession
from unslouch.desk.values import End
from unslouch.recording.model import Recording
from unslouch.recording.reader import read_packets, read_recording
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import DataPaths
from unslouch.store.rows import SessionKind, Source
from unslouch.store.store import Store
from unslouch.wire.layout import Content
from unslouch.wire.records import DecodedBlock
from unslouch.wire.source import Channel
from unslouch.wire.table import CHANNEL_NUMBER
from unslouch_signal.analyser import Analyser, AnalyserParameters
from unslouch_signal.calibration import Calibration
from unslouch_signal.samples import SampleBlock

PAUSE_S = 600.0
"""A longer pause ends a session: the strap lay on a table, or on its charger."""
SHORTEST_S = 60.0
"""Less is an outage of the radio during a session that was live, not one of its own."""
STEP_S = 1.0
"""Sessions see the state this often, as they do live."""


def keep_synced(paths: DataPaths, file: Path) -> list[tuple[str, float]]:
    """Keep what a recording holds from the strap's log, as sessions; the same again changes nothing.

    Returns
    -------
    list of (str, float)
        Identity and seconds of each session.

    Raises
    ------
    FileError, StoreError
        When the recording cannot be read or the store not written.
    """
    path = file if file.is_absolute() else paths.recordings / file
    with Store.open(paths) as store:
        return keep_in(store, path)


def keep_in(store: Store, path: Path) -> list[tuple[str, float]]:
    """Keep the same in an open store."""
    table, _ = read_packets(path)
    log = CHANNEL_NUMBER[Channel.LOG]
    if not bool((table.channel == log).any()):
        return []  # nothing was fetched: no need to take the samples apart
    recording = read_recording(path)
    if recording.utc_offset_s is None:
        return []
    parameters = AnalyserParameters(slouch=preferences(store).slouch_parameters())
    return [_session(store, recording, stretch, parameters) for stretch in stretches(recording.blocks)]


def stretches(blocks: tuple[DecodedBlock, ...]) -> list[SampleBlock]:
    """Return the stretches that only the log holds, without long pauses inside, each long enough to count."""
    logged = [block.samples for block in blocks if block.content is Content.ORIENTATION]
    groups: list[list[SampleBlock]] = []
    for block in logged:
        for piece in _cut(block):
            if groups and float(piece.t[0]) - float(groups[-1][-1].t[-1]) < PAUSE_S:
                groups[-1].append(piece)
            else:
                groups.append([piece])
    whole = [
        SampleBlock(
            np.concatenate([one.t for one in group]),
            np.concatenate([one.quat for one in group if one.quat is not None]),
            None,
            None,
            np.concatenate([one.flags for one in group]),
        )
        for group in groups
    ]
    return [one for one in whole if float(one.t[-1] - one.t[0]) >= SHORTEST_S]


def _cut(block: SampleBlock) -> list[SampleBlock]:
    at = [0, *(np.flatnonzero(np.diff(block.t) >= PAUSE_S) + 1).tolist(), len(block)]
    return [block[a:b] for a, b in pairwise(at) if b > a]


def _session(
    store: Store, recording: Recording, samples: SampleBlock, parameters: AnalyserParameters
) -> tuple[str, float]:
    calibration = None if recording.calibration is None else Calibration.from_json(recording.calibration)
    analyser = Analyser(calibration, parameters, float(1 / np.median(np.diff(samples.t))))
    first, last = float(samples.t[0]), float(samples.t[-1])
    begun = first + (recording.utc_offset_s or 0.0)
    start = SessionStart(
        SessionKind.DESK,
        Source.SYNCED,
        start_t=first,
        start_utc=begun,
        utc_offset_s=float(time.localtime(begun).tm_gmtoff),
        recording=recording.path.name,
        strap=recording.device.get("name"),
    )
    store.delete_session(start.identity())
    session, log = DeskSession(), SessionLog(store, start)
    with store.transaction():
        for edge in np.arange(first, last + STEP_S, STEP_S):
            a, b = np.searchsorted(samples.t, [edge, edge + STEP_S])
            if b > a:
                events = analyser.process(samples[int(a) : int(b)])
                keep(session.feed(events, analyser.latest), log)
        keep(session.feed(analyser.finish(), analyser.latest), log)
        keep(session.command(End()), log)
    return start.identity(), last - first
