"""What the recordings before one tell of the same strap, out of the store: clocks, samples, sessions that go on.

Never what later ones tell: a rebuild, which takes the recordings in their order, must come to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unslouch.live.alone import PAUSE_S, Piece, Stretch, put_together
from unslouch.live.dating import BootTime, boot_order, merged_boots
from unslouch.live.recording_rows import strap_of
from unslouch.recording.model import Recording
from unslouch.recording.reader import read_recording
from unslouch.store.rows import ClockRow, HoldingRow, SessionRow
from unslouch.store.store import Store
from unslouch.wire.layout import Content
from unslouch.wire.records import DecodedBlock, EventCode, StrapEvent
from unslouch_signal.samples import SampleBlock

SLACK_S = 10.0
"""A stretch that begins so little before a session is that session's."""
SAME_NOTE_S = 2.0
"""What was told at a time by the live stream's clock and one by the log's is one if so near."""
NOTES: dict[int, str] = {
    EventCode.MARKER: "markers",
    EventCode.COMPANION_MARKER: "markers",
    EventCode.SHARP_PAIN: "sharp_pain",
}
"""Where what a person told with the strap's button lies."""


@dataclass(frozen=True, slots=True)
class Before:
    """A session whose fetch was broken off, and the recordings that hold it so far, the first one first."""

    row: SessionRow
    recordings: tuple[Recording, ...]
    blocks: tuple[DecodedBlock, ...]

    def whole(self, rest: Stretch) -> Stretch:
        """Return all of its samples with the rest that came now, on the first recording's time."""
        dates = rest.dates
        offsets = {block.boot: block.offset_s for block in self.recordings[0].blocks}
        pieces: list[Piece] = []
        for block in self.blocks:
            date = dates.get(block.boot)
            if date is not None:
                utc = np.array([date.utc(t) for t in (block.samples.t - block.offset_s).tolist()])
                inside = (utc >= self.row.start_utc - 0.5) & (utc <= (self.row.end_utc or self.row.last_utc) + 0.5)
                own = Piece(block.samples, block.boot, block.offset_s).own(inside)
                if len(own.samples):
                    pieces.append(own)
        placed: list[Piece] = []
        for own in (*pieces, *rest.pieces):
            boot = own.boot
            if boot not in offsets:  # later than anything that the first recording knows: as far behind as UTC says
                end = placed[-1]
                last = float(end.samples.t[-1])
                away = dates[boot].utc(float(own.samples.t[0])) - dates[end.boot].utc(last - end.offset_s)
                offsets[boot] = last + away - float(own.samples.t[0])
            placed.append(own.at(offsets[boot]))
        return put_together(placed, dates)

    def events_with(self, recording: Recording) -> list[StrapEvent]:
        """Return the strap's events of all its recordings and of another, each once, in order."""
        events = {one.id: one for one in (*(e for r in self.recordings for e in r.events), *recording.events)}
        return [events[number] for number in sorted(events)]


def known_boots(store: Store, recording: Recording, boots: Sequence[BootTime]) -> list[BootTime]:
    """Return what is known of these boots and their neighbours, in their order."""
    rows = store.select(
        ClockRow,
        "strap = ? AND recording < ?",
        (strap_of(recording), recording.path.name),
        order="recording, boot",
    )
    told: dict[int, list[BootTime]] = {}
    for row in rows:
        told.setdefault(row.boot, []).append(BootTime(row.boot, row.first_t, row.last_t, row.knots))
    for boot in boots:
        told.setdefault(boot.boot, []).append(boot)
    order = boot_order([boot.boot for boot in boots] + list(told))
    return [merged_boots(told[boot]) for boot in order]


def unheld(store: Store, recording: Recording) -> list[DecodedBlock]:
    """Return the log's samples that no earlier recording holds: they were counted then."""
    strap = strap_of(recording)
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


def covered(store: Store, recording: Recording, stretch: Stretch) -> bool:
    """Whether a session holds a stretch already: one that went on from an earlier recording."""
    begun, ended = stretch.utc(stretch.first_t), stretch.utc(stretch.last_t)
    own = recording.path.name
    return any(
        row.start_utc <= begun + SLACK_S
        and (row.end_utc or 0.0) >= ended - 1.0
        and (row.recording != own or (row.end_utc or 0.0) > ended + 1.0)
        for row in _synced_near(store, recording, begun, ended)
    )


def begun_before(store: Store, recording: Recording, stretch: Stretch) -> Before | None:
    """Return the session that a stretch goes on with, where its fetch was broken off in an earlier recording."""
    if stretch.uncertain_s is not None:
        return None
    begun, own = stretch.utc(stretch.first_t), recording.path.name
    near = _synced_near(store, recording, begun - PAUSE_S, begun)
    rows = [
        row for row in near if row.recording is not None and row.recording < own and (row.end_utc or 0) <= begun + 1
    ]
    if not rows:
        return None
    row = rows[-1]
    names = store.query(
        "SELECT DISTINCT recording FROM holdings WHERE strap = ? AND recording >= ? AND recording < ? ORDER BY 1",
        (strap_of(recording), row.recording, own),
    )
    paths = [recording.path.with_name(str(name)) for (name,) in names]
    if not paths or not all(path.exists() for path in paths):
        return None  # pruned: it stays a session of its own
    found = tuple(read_recording(path) for path in paths)
    return Before(row, found, tuple(block for one in found for block in unheld(store, one)))


def unkept(store: Store, recording: Recording, stretch: Stretch, events: Sequence[StrapEvent]) -> list[StrapEvent]:
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
                (
                    utc - SAME_NOTE_S,
                    utc + SAME_NOTE_S,
                    recording.device.get("name"),
                    recording.path.name,
                    strap_of(recording),
                ),
            )
            if found:
                continue
        out.append(event)
    return out


def _synced_near(store: Store, recording: Recording, begun: float, ended: float) -> list[SessionRow]:
    """Return what was synced of this strap in a stretch of UTC, with certain times."""
    return store.select(
        SessionRow,
        "source = 'synced' AND uncertain_s IS NULL AND strap IS ? AND start_utc <= ? AND end_utc >= ?",
        (recording.device.get("name"), ended, begun),
        order="start_utc",
    )
