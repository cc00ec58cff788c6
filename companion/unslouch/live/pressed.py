"""What the strap's button told in a recording, whether a session ran meanwhile or not."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from unslouch.live.dating import BootDate
from unslouch.live.recording_rows import strap_of
from unslouch.recording.model import Recording
from unslouch.store.rows import PressRow
from unslouch.store.store import Store
from unslouch.wire.records import EventCode

AHEAD_S = 10.0
"""A press is told after it happened, by clocks that differ a little: a time beyond that cannot be."""


def press_rows(store: Store, recording: Recording, dates: Mapping[int, BootDate]) -> list[PressRow]:
    """Return the presses that a recording is the first to tell of, each with its date.

    One of a boot that nothing dates has no day to lie on; one that an earlier recording told of (the stream when it
    happened, the log later) is that one's.
    """
    name, strap = recording.path.name, strap_of(recording)
    told = store.query("SELECT boot, t_us FROM presses WHERE strap = ? AND recording < ?", (strap, name))
    out: list[PressRow] = []
    for event in recording.events:
        date = dates.get(event.boot)
        if event.code not in (EventCode.MARKER, EventCode.SHARP_PAIN) or date is None:
            continue
        utc = date.utc(event.t_us * 1e-6)
        if (event.boot, event.t_us) in told or not math.isfinite(utc) or utc > event.arrival_s + AHEAD_S:
            continue
        sharp = event.code == EventCode.SHARP_PAIN
        offset = float(time.localtime(utc).tm_gmtoff)
        out.append(PressRow(strap, event.boot, event.t_us, sharp, name, utc, offset, date.uncertain_s))
    return out
