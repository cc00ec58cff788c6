"""How a session on a feed begins in the store."""

from __future__ import annotations

import time
from collections.abc import Callable

from unslouch.live.feed import Feed, FeedKind, Keep, Press
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.rows import MarkerRow, Outcome, SessionKind, SharpPainRow, Source, person_of
from unslouch_signal.events import Technique

SOURCES = {FeedKind.LIVE: Source.LIVE, FeedKind.SIMULATED: Source.SIMULATED, FeedKind.REPLAY: Source.REPLAY}


def person_at(feed: Feed) -> str:
    """Whose sessions on this feed are."""
    return person_of(SOURCES[feed.kind])


def session_start(
    feed: Feed,
    kind: SessionKind,
    t: float,
    technique: Technique | None = None,
    *,
    utc: float | None = None,
    person: str | None = None,
) -> SessionStart:
    """Describe a session that begins now (``utc``, where it is given), for the store.

    Where a strap streams, its own clock, mapped to UTC, says when that is.
    """
    known = None if feed.kind is not FeedKind.LIVE else dates_of(feed)(t)
    now = known or (time.time() if utc is None else utc)
    return SessionStart(
        kind,
        SOURCES[feed.kind],
        start_t=t,
        start_utc=now,
        utc_offset_s=float(time.localtime(now).tm_gmtoff),
        person=person_at(feed) if person is None else person,
        technique=technique,
        strap=feed.title,
        recording=getattr(feed, "recording", None),
    )


def journal_of(feed: Feed) -> Callable[[str], None] | None:
    """Return what writes results into the feed's recording; None where nothing is recorded."""
    if Keep not in feed.accepts:
        return None
    return lambda entry: feed.send(Keep(entry))


def dates_of(feed: Feed) -> Callable[[float], float | None]:
    """Return what tells the UTC of a sample time of a feed; None where it does not know it."""
    told: Callable[[float], float | None] | None = getattr(feed, "utc", None)
    return told if told is not None and feed.kind is FeedKind.LIVE else (lambda _: None)


def keep_press(press: Press, log: SessionLog | None) -> bool:
    """Keep a press of the strap's button in a session, if that runs and the press is of its time; whether it was.

    What is of before is kept with what the strap took alone, when the recording is.
    """
    if log is None or log.row.outcome is not Outcome.RUNNING or (press.late and press.t < log.row.start_t):
        return False
    sharp = SharpPainRow(press.t, "late" if press.late else log.row.kind.value)
    log.save(sharp if press.sharp else MarkerRow(press.t, "button"))
    return True
