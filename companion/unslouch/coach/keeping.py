"""Carrying what a coached session wants kept into the store."""

from __future__ import annotations

from collections.abc import Iterable

from unslouch.coach.values import CoachEffect, Finished, Screened
from unslouch.store.log import Save, SessionLog
from unslouch.store.rows import ScreeningRow
from unslouch.store.store import Store


def keep(effects: Iterable[CoachEffect], store: Store, log: SessionLog, now_utc: float) -> None:
    """Write the effects of one call, whole or not at all; cues are for screens and are left alone.

    Parameters
    ----------
    effects
        What :meth:`~unslouch.coach.session.CoachSession.feed` or ``command`` returned.
    store, log
        Where the session is kept.
    now_utc
        UTC seconds, for the date of the red-flag questions.
    """
    wanted = [effect for effect in effects if isinstance(effect, (Save, Screened, Finished))]
    if not wanted:
        return
    with store.transaction():
        for effect in wanted:
            match effect:
                case Save(part):
                    log.save(part)
                case Screened(version):
                    store.put(ScreeningRow(log.row.person, version, now_utc))
                case Finished(t, outcome):
                    log.end(t, outcome)
