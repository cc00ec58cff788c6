"""The log of one running session: what a session wants saved goes through it into the store."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from unslouch.store.journal import part_entry, row_entry
from unslouch.store.rows import (
    ActivityRow,
    HoldRow,
    Outcome,
    RepetitionRow,
    SessionKind,
    SessionPart,
    SessionRow,
    SlouchRow,
    Source,
)
from unslouch.store.store import Store
from unslouch_signal.events import Technique

HEARTBEAT_S = 30.0
"""How often the log notes that the session still runs: a killed session is closed at its last heartbeat."""


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What is known when a session begins.

    ``start_t`` and ``start_utc`` are the same moment on the strap's clock and in UTC (s); ``utc_offset_s`` is local
    time minus UTC there and then. The identity of the session comes from the recording and ``start_t`` where there is a
    recording, so that a rebuild finds the same.
    """

    kind: SessionKind
    source: Source
    start_t: float
    start_utc: float
    utc_offset_s: float
    person: str = "me"
    technique: Technique | None = None
    calibration: str | None = None
    recording: str | None = None
    strap: str | None = None

    def identity(self) -> str:
        """Identity for the session: the same at every rebuild where there is a recording, else a new one."""
        name = uuid.uuid4().hex if self.recording is None else self.recording
        return f"{name}@{self.start_t:.3f}"


@dataclass(frozen=True, slots=True)
class Save:
    """What a session wants kept; the caller hands it to :meth:`SessionLog.save`."""

    part: SessionPart


class SessionLog:
    """Writes a session and its rows as they come, each call one transaction.

    Parameters
    ----------
    store
        Where to.
    start
        The session's beginning; its row is written at once.
    utc_of
        UTC of a strap time; by default, and where it gives None, the clocks run alike from the start on.
    journal
        Is given every row as text, for the recording of the session (:mod:`unslouch.store.journal`).
    uncertain_s
        How far its UTC may be off, s; None where a clock dates it.
    """

    def __init__(
        self,
        store: Store,
        start: SessionStart,
        utc_of: Callable[[float], float | None] | None = None,
        journal: Callable[[str], None] | None = None,
        *,
        uncertain_s: float | None = None,
    ) -> None:
        self._store, self._journal = store, journal
        self._start, self._dates = start, utc_of
        self.row = SessionRow(
            uid=start.identity(),
            person=start.person,
            kind=start.kind,
            source=start.source,
            start_utc=start.start_utc,
            utc_offset_s=start.utc_offset_s,
            start_t=start.start_t,
            last_t=start.start_t,
            last_utc=start.start_utc,
            technique=start.technique,
            calibration=start.calibration,
            recording=start.recording,
            strap=start.strap,
            uncertain_s=uncertain_s,
        )
        self._put()

    def _utc_of(self, t: float) -> float:
        known = None if self._dates is None else self._dates(t)
        return self._start.start_utc + (t - self._start.start_t) if known is None else known

    def save(self, *parts: SessionPart) -> None:
        """Write rows of this session."""
        if not parts:
            return
        dated = [(part, self._utc_of(moment(part))) for part in parts]
        self._store.put_parts(self.row.uid, dated)
        if self._journal is not None:
            for part, utc in dated:
                self._journal(part_entry(self.row.uid, part, utc))

    def _put(self) -> None:
        self._store.put(self.row)
        if self._journal is not None:
            self._journal(row_entry(self.row))

    def alive(self, t: float) -> None:
        """Note that the session still runs at ``t``; cheap to call with every block."""
        if t - self.row.last_t >= HEARTBEAT_S:
            self.row = replace(self.row, last_t=t, last_utc=self._utc_of(t))
            self._put()

    def calibrated(self, calibration: str | None) -> None:
        """The session uses another calibration from now on."""
        self.row = replace(self.row, calibration=calibration)
        self._put()

    def end(self, t: float, outcome: Outcome = Outcome.COMPLETED) -> None:
        """Close the session."""
        t = max(t, self.row.start_t)
        utc = self._utc_of(t)
        self.row = replace(self.row, last_t=t, last_utc=utc, end_t=t, end_utc=utc, outcome=outcome)
        self._put()


def moment(part: SessionPart) -> float:
    """The strap time that dates a row: the start of a stretch, the moment of a point."""
    if isinstance(part, (SlouchRow, RepetitionRow, HoldRow, ActivityRow)):
        return part.start_t
    return part.t
