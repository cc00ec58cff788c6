"""Carrying what a desk session wants kept into the store."""

from __future__ import annotations

from collections.abc import Sequence

from unslouch.desk.values import DeskEffect, Ended
from unslouch.store.log import Save, SessionLog
from unslouch.store.rows import Outcome


def keep(effects: Sequence[DeskEffect], log: SessionLog) -> None:
    """Write the effects of one call; cues and notices are for screens and are left alone."""
    parts = [effect.part for effect in effects if isinstance(effect, Save)]
    log.save(*parts)
    for effect in effects:
        if isinstance(effect, Ended):
            log.end(effect.t, Outcome.ENDED)
