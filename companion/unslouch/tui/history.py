"""What the progress screen shows, read from the store."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from unslouch.coach.techniques import TECHNIQUES
from unslouch.report.words import TECHNIQUE
from unslouch.store import progress
from unslouch.store.rows import Outcome, SessionKind, SessionRow, Source
from unslouch.store.store import Store
from unslouch.store.told import Told, told
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.ranges import RangesModel
from unslouch_signal.events import Side, Technique
from unslouch_signal.progress import MDC95, Verdict, verdict

MEASURED = (Technique.SEATED_ROTATION, Technique.SUPINE_ROTATION)
"""Techniques with a range per side."""
SPAN_DAYS = 28

_OUTCOMES = {
    Outcome.RUNNING: "running",
    Outcome.COMPLETED: "done",
    Outcome.ENDED: "ended",
    Outcome.SHARP_PAIN: "sharp pain",
    Outcome.REFUSED: "not that day",
    Outcome.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True, slots=True)
class History:
    """One technique's ranges, the streak, all sessions and what was told, newest first."""

    name: str
    ranges: RangesModel
    lines: tuple[tuple[str, str, str], ...]
    """(name, figure, colour)."""
    streak: progress.Streak
    sessions: tuple[tuple[str, ...], ...]
    told: tuple[tuple[str, str, str], ...] = ()
    """(time, what, words)."""
    last: bool = False
    """Whether the techniques begin anew after this one."""


def read(store: Store, turn: int, today: date, person: str = "me") -> History:
    """Read the ``turn``-th measured technique (round and round), the sessions and what was told."""
    technique = MEASURED[turn % len(MEASURED)]
    first = today - timedelta(days=SPAN_DAYS - 1)
    sides: dict[Side, tuple[tuple[int, int], ...]] = {}
    lines: list[tuple[str, str, str]] = []
    for side in (Side.LEFT, Side.RIGHT):
        days = progress.daily_ranges(store, technique, side, person)
        sides[side] = tuple(((row.day - first).days, round(math.degrees(row.mean))) for row in days if row.day >= first)
        lines += _lines(side, [row.mean for row in days])
    model = RangesModel(
        SPAN_DAYS, sides[Side.LEFT], sides[Side.RIGHT], round(math.degrees(MDC95)), f"{first:%d %b}", "today"
    )
    rows = [
        row for row in store.sessions(person) if row.source is not Source.REPLAY and row.outcome is not Outcome.RUNNING
    ]
    return History(
        TECHNIQUES[technique].name,
        model,
        tuple(lines),
        progress.streak(progress.practised_days(store, person), today),
        tuple(_session(row) for row in reversed(rows)),
        tuple(_told(one) for one in reversed(told(store, person))),
        technique is MEASURED[-1],
    )


def _lines(side: Side, means: list[float]) -> list[tuple[str, str, str]]:
    if not means:
        return [(side.value, "not measured yet", "foreground")]
    error = f"{math.degrees(MDC95):.0f}°"
    last = f"{math.degrees(means[-1]):.0f}° ±{error}"
    if len(means) < 2:
        return [(side.value, last, "foreground")]
    change = means[-1] - means[0]
    judged = verdict(change)
    word = "real" if judged is Verdict.REAL else "within noise"
    return [
        (side.value, last, "foreground"),
        ("  change", f"{math.degrees(change):+.0f}° {word}", Tone.GOOD if judged is Verdict.REAL else Tone.OFF),
    ]


def _session(row: SessionRow) -> tuple[str, ...]:
    day = progress.local_day(row.start_utc, row.utc_offset_s)
    what = "desk" if row.kind is SessionKind.DESK or row.technique is None else TECHNIQUE[row.technique]
    length = (row.end_t if row.end_t is not None else row.last_t) - row.start_t
    return (f"{day:%d %b %Y}", what, f"{max(length, 0) / 60:.0f} min", _OUTCOMES[row.outcome])


def _told(one: Told) -> tuple[str, str, str]:
    """A time that may be wrong has a question mark; what somebody typed is shown without what a terminal obeys."""
    sure = one.uncertain_s is None
    notes = [one.words] if sure else [one.words, "unsure time"]
    words = "".join(letter if letter.isprintable() else " " for letter in "; ".join(filter(None, notes)))
    return f"{one.time:%d %b %H:%M}{'' if sure else '?'}", "sharp pain" if one.sharp else "mark", words
