"""What a person achieved over days, asked of the store.

A day is the local day of the session's place and time. Sessions seen again in a replay count nothing. The range of a
day and side is the mean of the first three valid repetitions of that day's first session with three of them: the same
protocol every day, for ranges grow within a session as the body warms up (three repetitions averaged: Johnson 2012).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from unslouch.store.rows import Outcome, RepetitionRow, SessionKind, SessionRow, Source
from unslouch.store.spans import Span, merged, without
from unslouch.store.store import Store
from unslouch_signal.events import Side, Technique

REPETITIONS_PER_MEAN = 3
REST_DAYS_ALLOWED = 1
"""Days without practice inside a streak: training every other day is what the guidelines ask for (2-3 days a week)."""


@dataclass(frozen=True, slots=True)
class DayRange:
    """The measured rotation range of one day and side: mean of three repetitions, rad, and the day's best one."""

    day: date
    side: Side
    mean: float
    best: float
    repetitions: int


@dataclass(frozen=True, slots=True)
class Best:
    """The widest valid repetition (rad) and its day."""

    range: float
    day: date


@dataclass(frozen=True, slots=True)
class Streak:
    """How steadily someone practises.

    ``practised`` days of the present streak, in which no more than ``rest_days_allowed`` days in a row were free;
    ``in_a_row`` days practised without any free day; ``of_28`` days practised in the last four weeks. A day that is not
    over yet breaks nothing.
    """

    practised: int
    in_a_row: int
    of_28: int
    rest_days_allowed: int = REST_DAYS_ALLOWED


@dataclass(frozen=True, slots=True)
class DeskDay:
    """A day at the desk: seconds worn and judged, how much of it slouched, and alerts."""

    day: date
    upright_s: float
    slouched_s: float
    unknown_s: float
    alerts: int

    @property
    def judged_s(self) -> float:
        """Seconds in which posture was judged."""
        return self.upright_s + self.slouched_s

    @property
    def alerts_per_hour(self) -> float | None:
        """Alerts per judged hour; None below ten minutes, where a rate means nothing."""
        return None if self.judged_s < 600 else self.alerts * 3600 / self.judged_s

    @property
    def upright_share(self) -> float | None:
        """Share of the judged time spent upright."""
        return None if self.judged_s <= 0 else self.upright_s / self.judged_s


@dataclass(frozen=True, slots=True)
class PainChange:
    """Pain told before and after one session."""

    day: date
    technique: Technique | None
    before: int
    after: int | None


def local_day(utc: float, offset_s: float) -> date:
    """The calendar day of a moment at a place with this offset from UTC."""
    return datetime.fromtimestamp(utc + offset_s, UTC).date()


def session_ranges(store: Store, session: SessionRow) -> dict[Side, DayRange]:
    """Range per side in one session, where at least one valid repetition exists."""
    day = local_day(session.start_utc, session.utc_offset_s)
    found: dict[Side, list[float]] = {}
    for row in store.parts(RepetitionRow, session.uid):
        if not row.faults:
            found.setdefault(row.side, []).append(row.range)
    ranges: dict[Side, DayRange] = {}
    for side, values in found.items():
        first = values[:REPETITIONS_PER_MEAN]
        ranges[side] = DayRange(day, side, sum(first) / len(first), max(values), len(values))
    return ranges


def daily_ranges(store: Store, technique: Technique, side: Side, person: str = "me") -> list[DayRange]:
    """One measured range per day, oldest first; days without three valid repetitions in one session are left out."""
    means: dict[date, DayRange] = {}
    bests: dict[date, float] = {}
    counts: dict[date, int] = defaultdict(int)
    for session in _counted(store.sessions(person, SessionKind.COACH, technique)):
        found = session_ranges(store, session).get(side)
        if found is None:
            continue
        bests[found.day] = max(found.best, bests.get(found.day, 0.0))
        counts[found.day] += found.repetitions
        if found.repetitions >= REPETITIONS_PER_MEAN:
            means.setdefault(found.day, found)
    return [DayRange(day, side, row.mean, bests[day], counts[day]) for day, row in sorted(means.items())]


def best_range(store: Store, technique: Technique, side: Side | None, person: str = "me") -> Best | None:
    """The widest valid repetition or comfortable try-out of a technique and side."""
    lines = store.query(
        "SELECT r.range, r.utc, s.utc_offset_s FROM sessions s JOIN ("
        " SELECT session, utc, technique, side, range FROM repetitions WHERE faults = '[]'"
        " UNION ALL SELECT session, utc, technique, side, range FROM tryouts) r ON r.session = s.uid "
        "WHERE s.person = ? AND s.source != 'replay' AND r.technique = ? AND r.side IS ? "
        "ORDER BY r.range DESC, r.utc LIMIT 1",
        (person, technique.value, None if side is None else side.value),
    )
    if not lines:
        return None
    value, utc, offset = lines[0]
    return Best(float(value or 0), local_day(float(utc or 0), float(offset or 0)))


def usual_range(store: Store, technique: Technique, side: Side | None, person: str = "me") -> float | None:
    """What the person usually reaches, rad: the median of the last five sessions' means (or try-outs)."""
    values: list[float] = []
    for session in _counted(store.sessions(person, SessionKind.COACH, technique)):
        if side is not None and (found := session_ranges(store, session).get(side)) is not None:
            values.append(found.mean)
            continue
        lines = store.query(
            "SELECT range FROM tryouts WHERE session = ? AND side IS ?",
            (session.uid, None if side is None else side.value),
        )
        values.extend(float(line[0] or 0) for line in lines)
    last = sorted(values[-5:])
    if not last:
        return None
    middle = len(last) // 2
    return last[middle] if len(last) % 2 else (last[middle - 1] + last[middle]) / 2


def practised_days(store: Store, person: str = "me") -> list[date]:
    """Days on which a coached session was completed, or ended after a counted repetition or a hold."""
    lines = store.query(
        "SELECT start_utc, utc_offset_s FROM sessions s WHERE person = ? AND kind = 'coach' AND source != 'replay' "
        "AND (outcome = ? OR EXISTS (SELECT 1 FROM repetitions r WHERE r.session = s.uid AND r.counted)"
        " OR EXISTS (SELECT 1 FROM holds h WHERE h.session = s.uid AND h.held >= h.needed))",
        (person, Outcome.COMPLETED.value),
    )
    return sorted({local_day(float(utc or 0), float(offset or 0)) for utc, offset in lines})


def streak(days: Iterable[date], today: date) -> Streak:
    """The streak that these practised days make, seen from ``today``."""
    practised = sorted({day for day in days if day <= today}, reverse=True)
    recent = sum(1 for day in practised if (today - day).days < 28)
    run, in_a_row, unbroken = 0, 0, True
    # Today may still be practised: count its absence neither as a free day nor as a break.
    previous = today + timedelta(days=1) if practised and practised[0] == today else today
    for day in practised:
        free = (previous - day).days - 1
        if free > REST_DAYS_ALLOWED:
            break
        run += 1
        unbroken = unbroken and free == 0
        in_a_row += unbroken
        previous = day
    return Streak(run, in_a_row, recent)


def desk_days(store: Store, person: str = "me") -> list[DeskDay]:
    """Each day at the desk, oldest first; a session belongs to the local days over which it runs.

    Upright is what remains of the session's time after slouch spells and stretches that were not judged (walking,
    lying, off body, no samples, paused, doubtful calibration).
    """
    upright: dict[date, float] = defaultdict(float)
    slouched: dict[date, float] = defaultdict(float)
    unknown: dict[date, float] = defaultdict(float)
    alerts: dict[date, int] = defaultdict(int)
    for session in _counted(store.sessions(person, SessionKind.DESK)):
        offset = session.utc_offset_s
        end_utc = session.last_utc if session.end_utc is None else session.end_utc
        end_t = session.last_t if session.end_t is None else session.end_t
        if end_utc <= session.start_utc or end_t <= session.start_t:
            continue
        pace = (end_utc - session.start_utc) / (end_t - session.start_t)

        def utc(t: float, session: SessionRow = session, pace: float = pace) -> float:
            return session.start_utc + (t - session.start_t) * pace

        spells = _spans(store, "SELECT start_t, end_t FROM slouches WHERE session = ?", session.uid)
        blind = _spans(
            store,
            "SELECT start_t, end_t FROM activities WHERE session = ? AND kind NOT IN ('still', 'moving')",
            session.uid,
        ) + doubtful_spans(store, session.uid, end_t)
        spells, blind = merged(spells, session.start_t, end_t), merged(blind, session.start_t, end_t)
        # A moment cannot be both: what was not judged is no slouch.
        spells = without(spells, blind)
        for spans, into in (
            ([(session.start_t, end_t)], upright),
            (spells, slouched),
            (blind, unknown),
        ):
            for start, end in spans:
                for day, seconds in by_day(utc(start), utc(end), offset):
                    into[day] += seconds
        for (t,) in store.query("SELECT t FROM alerts WHERE session = ?", (session.uid,)):
            alerts[local_day(utc(float(t or 0)), offset)] += 1
    return [
        DeskDay(day, max(0.0, whole - slouched[day] - unknown[day]), slouched[day], unknown[day], alerts[day])
        for day, whole in sorted(upright.items())
    ]


def pain_changes(store: Store, person: str = "me") -> list[PainChange]:
    """Pain before and after each coached session in which it was told, oldest first."""
    lines = store.query(
        "SELECT s.start_utc, s.utc_offset_s, s.technique, b.score, a.score FROM sessions s "
        "JOIN pain b ON b.session = s.uid AND b.moment = 'before' "
        "LEFT JOIN pain a ON a.session = s.uid AND a.moment = 'after' "
        "WHERE s.person = ? AND s.source != 'replay' ORDER BY s.start_utc",
        (person,),
    )
    return [
        PainChange(
            local_day(float(utc or 0), float(offset or 0)),
            None if technique is None else Technique(str(technique)),
            int(before or 0),
            None if after is None else int(after),
        )
        for utc, offset, technique, before, after in lines
    ]


def weeks_since_first_desk(store: Store, today: date, person: str = "me") -> int:
    """Whole weeks since this person's first desk session, for the fading of cues."""
    sessions = _counted(store.sessions(person, SessionKind.DESK))
    if not sessions:
        return 0
    return max(0, (today - local_day(sessions[0].start_utc, sessions[0].utc_offset_s)).days // 7)


def doubtful_spans(store: Store, session: str, end_t: float) -> list[Span]:
    """When the calibration was doubtful: from the first reason to the moment when the last one is resolved."""
    spans: list[Span] = []
    reasons: set[str] = set()
    since = 0.0
    lines = store.query("SELECT t, reason, resolved FROM doubts WHERE session = ? ORDER BY t, resolved", (session,))
    for t, reason, resolved in lines:
        if not resolved:
            since = since if reasons else float(t or 0)
            reasons.add(str(reason))
        elif str(reason) in reasons:
            reasons.remove(str(reason))
            if not reasons:
                spans.append((since, float(t or 0)))
    return [*spans, (since, end_t)] if reasons else spans


def by_day(start_utc: float, end_utc: float, offset_s: float) -> list[tuple[date, float]]:
    """A stretch of time cut at local midnights: seconds on each day."""
    out: list[tuple[date, float]] = []
    at = start_utc
    while at < end_utc:
        day = local_day(at, offset_s)
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).timestamp() - offset_s
        out.append((day, min(end_utc, midnight) - at))
        at = midnight
    return out


def _spans(store: Store, sql: str, session: str) -> list[Span]:
    return [(float(start or 0), float(end or 0)) for start, end in store.query(sql, (session,))]


def _counted(sessions: list[SessionRow]) -> list[SessionRow]:
    return [row for row in sessions if row.source is not Source.REPLAY]
