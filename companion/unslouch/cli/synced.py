"""What a recording brings into the store; what the strap took while it was alone counts as if it had been live."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unslouch.desk.keeping import keep
from unslouch.desk.preferences import preferences
from unslouch.desk.session import DeskSession
from unslouch.desk.values import DeskEffect, End
from unslouch.errors import FileError
from unslouch.live.dating import BootDate, BootTime, boot_order, boots_of, dated, merged_boots
from unslouch.live.strap_feed import SLOUCH, slouch_of
from unslouch.recording.model import Recording
from unslouch.recording.reader import read_recording
from unslouch.store.log import Save, SessionLog, SessionStart
from unslouch.store.rows import (
    AlertRow,
    ClockRow,
    HoldingRow,
    MarkerRow,
    RecordingRow,
    SessionKind,
    SessionRow,
    SharpPainRow,
    Source,
)
from unslouch.store.store import Store
from unslouch.wire.layout import Content
from unslouch.wire.records import DecodedBlock, EventCode, StrapEvent
from unslouch_signal.analyser import Analyser, AnalyserParameters
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Direction
from unslouch_signal.samples import SampleBlock

PAUSE_S = 600.0
"""A longer pause ends a session: the strap lay on a table, or on its charger."""
SHORTEST_S = 60.0
"""Less is an outage of the radio during a session that was live, not one of its own."""
STEP_S = 10.0
"""How much is judged at once: what is found does not depend on it, and a day takes seconds instead of half a minute."""
SAME_ALERT_S = 20.0
"""The strap judges 52 samples a second and the log holds 10: its cue and the alert found later are one if so near."""
SAME_NOTE_S = 2.0
"""What was told at a time by the live stream's clock and one by the log's is one if so near."""
NOTES: dict[int, str] = {
    EventCode.MARKER: "markers",
    EventCode.COMPANION_MARKER: "markers",
    EventCode.SHARP_PAIN: "sharp_pain",
}
"""Where what a person told with the strap's button lies."""
DIRECTIONS = (None, Direction.FLEXION, Direction.EXTENSION, Direction.LEAN_LEFT, Direction.LEAN_RIGHT)
"""By the value of the strap's event (docs/protocol.md 4.6)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that was kept: its identity and length, and how far off its time may be, s."""

    uid: str
    seconds: float
    uncertain_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples that only the log holds, without a long pause inside.

    ``clock`` tells the UTC of ``samples.t``; ``boots`` are whose samples these are.
    """

    samples: SampleBlock
    offsets: tuple[tuple[float, int, float], ...]
    """From which time on which boot with which offset, s."""
    dates: dict[int, BootDate]

    def utc(self, t: float) -> float:
        """Return UTC of a time of the recording, s."""
        _, boot, offset = next((one for one in reversed(self.offsets) if one[0] <= t), self.offsets[0])
        return self.dates[boot].utc(t - offset)

    @property
    def uncertain_s(self) -> float | None:
        """How far off that may be, s; None where clocks date it."""
        found = [self.dates[boot].uncertain_s for _, boot, _ in self.offsets]
        return max((one for one in found if one is not None), default=None)


def keep_recording(store: Store, path: Path, *, listed: bool = True) -> list[Kept]:
    """Keep what a recording brings: its row, its clocks, what samples it holds, and what the strap took alone.

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
    try:
        recording = read_recording(path)
    except FileError:
        if listed:
            store.put(recording_row(path))  # nothing was sent, or it is no recording: it is told, and not read again
            return []
        raise
    strap = strap_of(recording)
    told = boots_of(recording.clock, recording.times, recording.blocks) if recording.clock is not None else []
    clocks = [
        ClockRow(path.name, boot.boot, strap, kind, round(boot.first_t, 6), round(boot.last_t, 6), boot.knots)
        for boot, kind in told
    ]
    kept = _sessions(store, recording, strap, [boot for boot, _ in told])
    with store.transaction():
        if listed:
            store.put(recording_row(path))
        store.put(*clocks, *_holdings(recording, strap))
        for start, effects, stretch in kept:
            store.delete_session(start.identity())
            log = SessionLog(store, start, stretch.utc, uncertain_s=stretch.uncertain_s)
            keep(effects, log)
    return [
        Kept(start.identity(), float(stretch.samples.t[-1] - stretch.samples.t[0]), stretch.uncertain_s)
        for start, _, stretch in kept
    ]


def recording_row(path: Path) -> RecordingRow:
    """Return the row of a recording, from the file alone.

    Raises
    ------
    FileError
        When it is no recording.
    """
    import json

    from unslouch.recording.mcap_file import read_mcap

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


def strap_of(recording: Recording) -> str:
    """Return what tells a recording's strap from others: its serial number, else its address or name."""
    device = recording.device
    return device.get("serial") or device.get("address") or device.get("name", "")


def _holdings(recording: Recording, strap: str) -> list[HoldingRow]:
    """Return which samples a recording holds, as runs."""
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


def _sessions(
    store: Store, recording: Recording, strap: str, boots: Sequence[BootTime]
) -> list[tuple[SessionStart, list[DeskEffect], Stretch]]:
    """Judge what only the log holds."""
    if not any(block.content is Content.ORIENTATION for block in recording.blocks):
        return []
    dates = dated(_known_boots(store, recording.path.name, strap, boots))
    slouch = slouch_of(recording.device.get(SLOUCH)) or preferences(store).slouch_parameters()
    parameters = AnalyserParameters(slouch=slouch)
    out: list[tuple[SessionStart, list[DeskEffect], Stretch]] = []
    for stretch in stretches(_unheld(store, recording, strap), dates):
        first, last = float(stretch.samples.t[0]), float(stretch.samples.t[-1])
        begun, ended = stretch.utc(first), stretch.utc(last)
        if _covered(store, recording, begun, ended):
            continue
        before = _begun_before(store, recording, strap, stretch, begun)
        if before is not None:
            out.append(_gone_on(store, before, recording, stretch, parameters, strap))
            continue
        start = SessionStart(
            SessionKind.DESK,
            Source.SYNCED,
            start_t=first,
            start_utc=begun,
            utc_offset_s=float(time.localtime(begun).tm_gmtoff),
            recording=recording.path.name,
            strap=recording.device.get("name"),
        )
        events = _unkept(store, recording, strap, stretch, recording.events)
        effects = judged(stretch, _calibration_at(recording, begun), parameters, events)
        out.append((start, effects, stretch))
    return out


@dataclass(frozen=True, slots=True)
class Before:
    """A session whose fetch was broken off, and the recordings that hold it so far, the first one first."""

    row: SessionRow
    recordings: tuple[Recording, ...]
    blocks: tuple[DecodedBlock, ...]


def _synced_near(store: Store, recording: Recording, begun: float, ended: float) -> list[SessionRow]:
    """Return what was synced of this strap in a stretch of UTC, with certain times."""
    return store.select(
        SessionRow,
        "source = 'synced' AND uncertain_s IS NULL AND strap IS ? AND start_utc <= ? AND end_utc >= ?",
        (recording.device.get("name"), ended, begun),
        order="start_utc",
    )


def _covered(store: Store, recording: Recording, begun: float, ended: float) -> bool:
    """Whether a session holds a stretch already: one that went on from an earlier recording."""
    near = _synced_near(store, recording, begun, ended)
    own = recording.path.name
    return any(
        row.start_utc <= begun + STEP_S
        and (row.end_utc or 0.0) >= ended - 1.0
        and (row.recording != own or (row.end_utc or 0.0) > ended + 1.0)
        for row in near
    )


def _begun_before(store: Store, recording: Recording, strap: str, stretch: Stretch, begun: float) -> Before | None:
    """Return the session that a stretch goes on with, where its fetch was broken off in an earlier recording."""
    if stretch.uncertain_s is not None:
        return None
    own = recording.path.name
    near = _synced_near(store, recording, begun - PAUSE_S, begun)
    rows = [
        row for row in near if row.recording is not None and row.recording < own and (row.end_utc or 0) <= begun + 1
    ]
    if not rows:
        return None
    row = rows[-1]
    names = store.query(
        "SELECT DISTINCT recording FROM holdings WHERE strap = ? AND recording >= ? AND recording < ? ORDER BY 1",
        (strap, row.recording, own),
    )
    paths = [recording.path.with_name(str(name)) for (name,) in names]
    if not paths or not all(path.exists() for path in paths):
        return None  # pruned: it stays a session of its own
    found = tuple(read_recording(path) for path in paths)
    blocks = [block for one in found for block in _unheld(store, one, strap)]
    return Before(row, found, tuple(blocks))


def _gone_on(
    store: Store, before: Before, recording: Recording, stretch: Stretch, parameters: AnalyserParameters, strap: str
) -> tuple[SessionStart, list[DeskEffect], Stretch]:
    """Judge the whole of a session again, with what came now."""
    row, dates = before.row, stretch.dates
    first = before.recordings[0]
    offsets = {block.boot: block.offset_s for block in first.blocks}
    pieces: list[tuple[SampleBlock, int]] = []
    for block in before.blocks:
        date = dates.get(block.boot)
        if date is not None:
            utc = np.array([date.utc(t) for t in (block.samples.t - block.offset_s).tolist()])
            inside = (utc >= row.start_utc - 0.5) & (utc <= (row.end_utc or row.last_utc) + 0.5)
            own = _own_time(block.samples, block.offset_s, inside)
            if len(own):
                pieces.append((own, block.boot))
    for k, (since, boot, offset) in enumerate(stretch.offsets):
        until = stretch.offsets[k + 1][0] if k + 1 < len(stretch.offsets) else math.inf
        inside = (stretch.samples.t >= since) & (stretch.samples.t < until)
        pieces.append((_own_time(stretch.samples, offset, inside), boot))
    placed: list[tuple[SampleBlock, int, float]] = []
    for own, boot in pieces:
        if boot not in offsets:  # later than anything that the first recording knows: as far behind as UTC says
            last, end = placed[-1][0], placed[-1]
            away = dates[boot].utc(float(own.t[0])) - dates[end[1]].utc(float(last.t[-1]) - end[2])
            offsets[boot] = float(last.t[-1]) + away - float(own.t[0])
        placed.append((replace(own, t=own.t + offsets[boot]), boot, offsets[boot]))
    whole = _put_together(placed, dates)
    start = SessionStart(
        SessionKind.DESK,
        Source.SYNCED,
        start_t=row.start_t,
        start_utc=row.start_utc,
        utc_offset_s=row.utc_offset_s,
        recording=row.recording,
        strap=row.strap,
    )
    events = {one.id: one for one in (*(e for r in before.recordings for e in r.events), *recording.events)}
    calibration = _calibration_at(first, row.start_utc)
    unkept = _unkept(store, recording, strap, whole, [events[number] for number in sorted(events)])
    return start, judged(whole, calibration, parameters, unkept), whole


def _own_time(samples: SampleBlock, offset: float, inside: NDArray[np.bool_]) -> SampleBlock:
    """Return some samples of the log on their boot's own clock."""
    quat = None if samples.quat is None else samples.quat[inside]
    return SampleBlock(samples.t[inside] - offset, quat, None, None, samples.flags[inside])


def _known_boots(store: Store, recording: str, strap: str, boots: Sequence[BootTime]) -> list[BootTime]:
    """Return what is known of these boots and their neighbours, from every earlier recording, in their order.

    Not from later ones: a rebuild, which takes the recordings in their order, must come to the same.
    """
    rows = store.select(ClockRow, "strap = ? AND recording < ?", (strap, recording), order="recording, boot")
    told: dict[int, list[BootTime]] = {}
    for row in rows:
        told.setdefault(row.boot, []).append(BootTime(row.boot, row.first_t, row.last_t, row.knots))
    for boot in boots:
        told.setdefault(boot.boot, []).append(boot)
    order = boot_order([boot.boot for boot in boots] + list(told))
    return [merged_boots(told[boot]) for boot in order]


def _unheld(store: Store, recording: Recording, strap: str) -> list[DecodedBlock]:
    """Return the log's samples that no earlier recording holds: they were counted then."""
    out: list[DecodedBlock] = []
    for block in recording.blocks:
        if block.content is not Content.ORIENTATION:
            continue
        earlier = store.select(
            HoldingRow,
            "strap = ? AND boot = ? AND recording < ? AND seq <= ? AND last_seq >= ?",
            (strap, block.boot, recording.path.name, int(block.seq[-1]), int(block.seq[0])),
        )
        fresh = np.ones(len(block), np.bool_)
        for row in earlier:
            fresh &= (block.seq < row.seq) | (block.seq > row.last_seq)
        if bool(fresh.all()):
            out.append(block)
        elif bool(fresh.any()):
            samples = block.samples
            quat = None if samples.quat is None else samples.quat[fresh]
            left = SampleBlock(samples.t[fresh], quat, None, None, samples.flags[fresh])
            out.append(replace(block, samples=left, seq=block.seq[fresh]))
    return out


def stretches(blocks: Sequence[DecodedBlock], dates: dict[int, BootDate]) -> list[Stretch]:
    """Put samples of the log together to stretches without long pauses, each long enough to count.

    A boot that nothing dates is one of its own: what its neighbours did has no known distance.
    """
    groups: list[list[tuple[SampleBlock, int, float]]] = []
    ended = -math.inf
    before: int | None = None
    for block in blocks:
        date = dates.get(block.boot)
        if date is None:
            continue  # no clock ever told anything: there is no day to count it on
        for piece in _cut(block.samples):
            begun = date.utc(float(piece.t[0]) - block.offset_s)
            apart = before != block.boot and (
                date.uncertain_s is not None or (before is not None and dates[before].uncertain_s is not None)
            )
            if groups and not apart and begun - ended < PAUSE_S:
                groups[-1].append((piece, block.boot, block.offset_s))
            else:
                groups.append([(piece, block.boot, block.offset_s)])
            ended, before = date.utc(float(piece.t[-1]) - block.offset_s), block.boot
    whole = [_put_together(group, dates) for group in groups]
    return [one for one in whole if float(one.samples.t[-1] - one.samples.t[0]) >= SHORTEST_S]


def _put_together(group: Sequence[tuple[SampleBlock, int, float]], dates: dict[int, BootDate]) -> Stretch:
    """Make one stretch of samples, each with its boot and the offset of its clock."""
    return Stretch(
        SampleBlock(
            np.concatenate([one.t for one, _, _ in group]),
            np.concatenate([one.quat for one, _, _ in group if one.quat is not None]),
            None,
            None,
            np.concatenate([one.flags for one, _, _ in group]),
        ),
        tuple((float(one.t[0]), boot, offset) for one, boot, offset in group),
        dates,
    )


def _cut(block: SampleBlock) -> list[SampleBlock]:
    at = [0, *(np.flatnonzero(np.diff(block.t) >= PAUSE_S) + 1).tolist(), len(block)]
    return [block[a:b] for a, b in pairwise(at) if b > a]


def _calibration_at(recording: Recording, utc: float) -> Calibration | None:
    """Return the body calibration by which the strap judged then: the last one kept before, else the first one."""
    kept = recording.calibrations
    if not kept:
        return None
    return Calibration.from_json(([text for at, text in kept if at <= utc] or [kept[0][1]])[-1])


def judged(
    stretch: Stretch,
    calibration: Calibration | None,
    parameters: AnalyserParameters,
    events: Sequence[StrapEvent] = (),
) -> list[DeskEffect]:
    """Judge a stretch as a desk session would have; what is to be kept of it, the strap's own notes among it."""
    samples = stretch.samples
    first, last = float(samples.t[0]), float(samples.t[-1])
    analyser = Analyser(calibration, parameters, float(1 / np.median(np.diff(samples.t))))
    session = DeskSession()
    effects: list[DeskEffect] = []
    angles: list[tuple[float, float]] = []
    for edge in np.arange(first, last + STEP_S, STEP_S).tolist():
        a, b = np.searchsorted(samples.t, [edge, edge + STEP_S]).tolist()
        if b > a:
            found = analyser.process(samples[a:b])
            effects += session.feed(found, analyser.latest)
            track = analyser.track
            if track is not None:
                angles += zip(track.t[::50].tolist(), track.tilt[::50].tolist(), strict=True)
    effects += session.feed(analyser.finish(), analyser.latest)
    effects += session.command(End())
    return _with_notes(effects, [(one, t) for one, t in _placed(stretch, events) if first <= t <= last], angles)


def _unkept(
    store: Store, recording: Recording, strap: str, stretch: Stretch, events: Sequence[StrapEvent]
) -> list[StrapEvent]:
    """Return the strap's events without those of its button that a session kept while it was live."""
    out: list[StrapEvent] = []
    for event in events:
        table, date = NOTES.get(event.code), stretch.dates.get(event.boot)
        if table is not None and date is not None:
            utc = date.utc(event.t_us * 1e-6)
            found = store.query(
                f"SELECT 1 FROM {table} p JOIN sessions s ON s.uid = p.session WHERE s.source = 'live' AND p.utc >= ? "
                "AND p.utc <= ? AND (s.strap IS ? OR s.recording = ? OR s.recording IN (SELECT recording FROM clocks "
                "WHERE strap = ?)) LIMIT 1",
                (utc - SAME_NOTE_S, utc + SAME_NOTE_S, recording.device.get("name"), recording.path.name, strap),
            )
            if found:
                continue
        out.append(event)
    return out


def _placed(stretch: Stretch, events: Sequence[StrapEvent]) -> list[tuple[StrapEvent, float]]:
    """Return the strap's events with their time in the recording, s."""
    offsets = {boot: offset for _, boot, offset in stretch.offsets}
    return [(one, one.t_us * 1e-6 + offsets[one.boot]) for one in events if one.boot in offsets]


def _with_notes(
    effects: list[DeskEffect], events: list[tuple[StrapEvent, float]], angles: list[tuple[float, float]]
) -> list[DeskEffect]:
    """Say of each alert whether the strap cued, and add what else the strap noted."""
    cues = [(t, float(one.value)) for one, t in events if one.code == EventCode.CUE]
    out: list[DeskEffect] = []
    for effect in effects:
        if isinstance(effect, Save) and isinstance(effect.part, AlertRow):
            near = _nearest(cues, effect.part.t)
            heard = near is not None and abs(near[0] - effect.part.t) <= SAME_ALERT_S
            if near is not None and heard:
                cues.remove(near)
            out.append(Save(replace(effect.part, cued=heard, muted_by=None if heard else "strap")))
        else:
            out.append(effect)
    notes: list[DeskEffect] = []
    for t, value in cues:  # the strap found one where the log's fewer samples show none: it buzzed all the same
        at = _nearest(angles, t)
        direction = DIRECTIONS[int(value)] if value < len(DIRECTIONS) else None
        notes.append(Save(AlertRow(t, t, direction, 0.0 if at is None else at[1], cued=True)))
    for one, t in events:
        if one.code in (EventCode.MARKER, EventCode.COMPANION_MARKER):
            notes.append(Save(MarkerRow(t, "button" if one.code == EventCode.MARKER else "marker")))
        elif one.code == EventCode.SHARP_PAIN:
            notes.append(Save(SharpPainRow(t, "alone")))
    return [*notes, *out]


def _nearest(values: Sequence[tuple[float, float]], t: float) -> tuple[float, float] | None:
    """Return the value (with its time) that is nearest to a time."""
    return min(values, key=lambda one: abs(one[0] - t), default=None)
