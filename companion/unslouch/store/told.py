"""What a person told, day and time: sharp pain and markers, from the keyboard or with the strap's button."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from unslouch.store.rows import PressRow
from unslouch.store.store import Store

SAME_S = 2.0
"""What a session kept by the live stream's clock and what the strap told by its own is one if so near."""
_UNWORDED = frozenset({"button", "marker", "mark"})
"""Labels of markers that have no words."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was told.

    Attributes
    ----------
    utc, utc_offset_s
        When, s, and how far local time was from UTC then.
    sharp
        Sharp pain; else a marker.
    words
        What the marker says, or what was going on at the sharp pain; empty where nobody knows.
    uncertain_s
        How far the time may be off, s; None where a clock dates it.
    """

    utc: float
    utc_offset_s: float
    sharp: bool
    words: str = ""
    uncertain_s: float | None = None

    @property
    def time(self) -> datetime:
        """The local time."""
        return datetime.fromtimestamp(self.utc, timezone(timedelta(seconds=self.utc_offset_s)))


def told(store: Store, person: str = "me") -> list[Told]:
    """Everything a person told, oldest first, each once.

    The strap's button tells of itself in a recording, and a session that ran then keeps it too, with its words. What
    was seen again in a replay was told when it was live.
    """
    out: list[Told] = []
    for table, column, sharp in (("sharp_pain", "phase", True), ("markers", "label", False)):
        lines = store.query(
            f"SELECT p.utc, s.utc_offset_s, p.{column}, s.uncertain_s FROM {table} p JOIN sessions s "
            "ON s.uid = p.session WHERE s.person = ? AND s.source != 'replay'",
            (person,),
        )
        kept = [
            Told(
                float(utc or 0),
                float(offset or 0),
                sharp,
                "" if words in _UNWORDED else str(words or ""),
                None if uncertain is None else float(uncertain),
            )
            for utc, offset, words, uncertain in lines
        ]
        presses = store.select(PressRow, "person = ? AND sharp = ?", (person, int(sharp)))
        moments = sorted(one.utc for one in kept)
        out += kept
        out += [
            Told(row.utc, row.utc_offset_s, sharp, "", row.uncertain_s)
            for row in presses
            if bisect_left(moments, row.utc - SAME_S) == bisect_right(moments, row.utc + SAME_S)
        ]
    return sorted(out, key=lambda one: (one.utc, one.sharp))
