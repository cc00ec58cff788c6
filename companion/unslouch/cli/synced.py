"""What a recording brings into the store; what the strap took while it was alone counts as if it had been live."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from unslouch.desk.alone import judged
from unslouch.desk.keeping import keep
from unslouch.desk.preferences import preferences
from unslouch.desk.values import DeskEffect
from unslouch.errors import FileError, Reason
from unslouch.live.alone import Stretch, stretches
from unslouch.live.dating import BootDate, boots_of, dated
from unslouch.live.earlier import begun_before, covered, known_boots, unheld, unkept
from unslouch.live.pressed import press_rows
from unslouch.live.recording_rows import clock_rows, holding_rows, recording_row
from unslouch.live.strap_feed import SLOUCH, slouch_of
from unslouch.recording.mcap_file import read_mcap
from unslouch.recording.model import Recording
from unslouch.recording.reader import recording_of
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.rows import SessionKind, Source
from unslouch.store.store import Store
from unslouch.wire.layout import Content
from unslouch_signal.analyser import AnalyserParameters
from unslouch_signal.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that was kept: its identity and length, and how far off its time may be, s."""

    uid: str
    seconds: float
    uncertain_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    """A stretch as a session: how it begins, and what is to be kept of it."""

    start: SessionStart
    effects: list[DeskEffect]
    stretch: Stretch

    def kept(self) -> Kept:
        length = self.stretch.last_t - self.stretch.first_t
        return Kept(self.start.identity(), length, self.stretch.uncertain_s)


def keep_recording(store: Store, path: Path, *, listed: bool = True) -> list[Kept]:
    """Keep what a recording brings: its row, its clocks and samples, the button, and what the strap took alone.

    The same again changes nothing.

    Parameters
    ----------
    listed
        Whether it lies among the recordings; one that was put elsewhere by name is the person's own affair.

    Raises
    ------
    FileError, StoreError
        When the recording cannot be read or the store not written.
    """
    recording = recording_of(path, read_mcap(path))
    if not listed and not len(recording.samples):
        raise FileError(Reason.BAD_FILE, f"{path} holds no samples of a strap.")
    told = boots_of(recording.clock, recording.times, recording.blocks) if recording.clock is not None else []
    dates = dated(known_boots(store, recording, [boot for boot, _ in told]))
    sessions = _sessions(store, recording, dates)
    with store.transaction():
        if listed:
            store.put(recording_row(path))
        store.put(*clock_rows(recording, told), *holding_rows(recording), *press_rows(store, recording, dates))
        for one in sessions:
            store.delete_session(one.start.identity())
            log = SessionLog(store, one.start, one.stretch.utc, uncertain_s=one.stretch.uncertain_s)
            keep(one.effects, log)
    return [one.kept() for one in sessions]


def _sessions(store: Store, recording: Recording, dates: dict[int, BootDate]) -> list[_Judged]:
    """Judge what only the log holds."""
    if not any(block.content is Content.ORIENTATION for block in recording.blocks):
        return []
    slouch = slouch_of(recording.device.get(SLOUCH)) or preferences(store).slouch_parameters()
    parameters = AnalyserParameters(slouch=slouch)
    found = stretches(unheld(store, recording), dates)
    return [_judge(store, recording, one, parameters) for one in found if not covered(store, recording, one)]


def _judge(store: Store, recording: Recording, stretch: Stretch, parameters: AnalyserParameters) -> _Judged:
    """Judge a stretch, as a session of its own or as what goes on with one that was broken off."""
    before = begun_before(store, recording, stretch)
    if before is None:
        begun = stretch.utc(stretch.first_t)
        start = SessionStart(
            SessionKind.DESK,
            Source.SYNCED,
            start_t=stretch.first_t,
            start_utc=begun,
            utc_offset_s=float(time.localtime(begun).tm_gmtoff),
            recording=recording.path.name,
            strap=recording.device.get("name"),
        )
        first, events = recording, list(recording.events)
    else:
        row = before.row
        start = SessionStart(
            SessionKind.DESK,
            Source.SYNCED,
            start_t=row.start_t,
            start_utc=row.start_utc,
            utc_offset_s=row.utc_offset_s,
            recording=row.recording,
            strap=row.strap,
        )
        first, events = before.recordings[0], before.events_with(recording)
        stretch = before.whole(stretch)
    notes = stretch.placed(unkept(store, recording, stretch, events))
    calibration = _calibration_at(first, start.start_utc)
    return _Judged(start, judged(stretch.samples, calibration, parameters, notes), stretch)


def _calibration_at(recording: Recording, utc: float) -> Calibration | None:
    """Return the body calibration by which the strap judged then: the last one kept before, else the first one."""
    kept = recording.calibrations
    if not kept:
        return None
    return Calibration.from_json(([text for at, text in kept if at <= utc] or [kept[0][1]])[-1])
