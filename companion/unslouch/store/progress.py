"""What a person achieved over days, asked of the store.

A day is the local day of the session's place and time. Sessions seen again in a replay count nothing. The range of a
day and side is the mean of the first three valid repetitions of that day's first session with three of them: the same
protocol every day, for ranges grow within a session as the body warms up (three repetitions averaged: Johnson 2012).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from statistics import median

from unslouch.store.rows import Outcome, RepetitionRow, SessionKind, SessionRow, Source, TryoutRow
from unslouch.store.spans import Span, merged, without
from unslouch.store.store import Store
from unslouch_signal.events import Side, Technique

REPETITIONS_PER_MEAN = 3
USUAL_SESSIONS = 5
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


_DAY_S = 86400.0
_EPOCH = date(1970, 1, 1).toordinal()


def local_day(utc: float, offset_s: float) -> date:
    """The calendar day of a moment at a place with this offset from UTC."""
    return date.fromordinal(_EPOCH + int((utc + offset_s) // _DAY_S))


def session_ranges(store: Store, session: SessionRow) -> dict[Side, DayRange]:
    """Range per side in one session, where at least one valid repetition exists."""
    day = local_day(session.start_utc, session.utc_offset_s)
    found: dict[Side, list[float]] = {}
    for row in store.parts(RepetitionRow, session.uid):
        if not row.faults:
            found.setdefault(row.side, []).append(row.range)
    return {side: _day_range(day, side, values) for side, values in found.items()}


def _day_range(day: date, side: Side, values: list[float]) -> DayRange:
    first = values[:REPETITIONS_PER_MEAN]
    return DayRange(day, side, sum(first) / len(first), max(values), len(values))


def _ranges_by_session(store: Store, technique: Technique, side: Side, person: str) -> list[DayRange]:
    """The ranges of one side, session after session, in one question to the database."""
    lines = store.query(
        "SELECT s.uid, s.start_utc, s.utc_offset_s, r.range FROM sessions s JOIN repetitions r ON r.session = s.uid "
        "WHERE s.person = ? AND s.kind = 'coach' AND s.source != 'replay' AND s.technique = ? AND r.side = ? "
        "AND r.faults = '[]' ORDER BY s.start_utc, s.uid, r.start_t",
        (person, technique.value, side.value),
    )
    out: list[DayRange] = []
    for _, group in groupby(lines, key=lambda line: line[0]):
        rows = list(group)
        day = local_day(float(rows[0][1] or 0), float(rows[0][2] or 0))
        out.append(_day_range(day, side, [float(row[3] or 0) for row in rows]))
    return out


def daily_ranges(store: Store, technique: Technique, side: Side, person: str = "me") -> list[DayRange]:
    """One measured range per day, oldest first; days without three valid repetitions in one session are left out."""
    means: dict[date, DayRange] = {}
    bests: dict[date, float] = {}
    counts: dict[date, int] = defaultdict(int)
    for found in _ranges_by_session(store, technique, side, person):
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
    for session in reversed(_counted(store.sessions(person, SessionKind.COACH, technique))):
        reached = None if side is None else session_ranges(store, session).get(side)
        if reached is not None:
            values.append(reached.mean)
        else:
            tried = store.select(TryoutRow, "session = ?", (session.uid,), order="t DESC")
            values.extend([row.range for row in tried if row.side is side][:1])
        if len(values) == USUAL_SESSIONS:
            break
    return median(values) if values else None


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
    lying, off body, no samples, paused, doubtful calibration). Where the link was lost in a session and the strap's log
    was fetched later, what was fetched counts.
    """
    upright: dict[date, float] = defaultdict(float)
    slouched: dict[date, float] = defaultdict(float)
    unknown: dict[date, float] = defaultdict(float)
    alerts: dict[date, int] = defaultdict(int)
    slouches = _spans(store, person, "slouches", "start_t, p.end_t")
    blinds = _spans(store, person, "activities", "start_t, p.end_t", "AND p.kind NOT IN ('still', 'moving')")
    alerted = _spans(store, person, "alerts", "t, p.t")
    doubted = _spans(store, person, "doubts", "t, p.t")
    sessions = _counted(store.sessions(person, SessionKind.DESK))
    fetched = [(row.start_utc, row.end_utc or row.last_utc) for row in sessions if _dated_alone(row)]
    for session in sessions:
        offset = session.utc_offset_s
        end_utc = session.last_utc if session.end_utc is None else session.end_utc
        end_t = session.last_t if session.end_t is None else session.end_t
        if end_utc <= session.start_utc or end_t <= session.start_t:
            continue
        pace = (end_utc - session.start_utc) / (end_t - session.start_t)

        def utc(t: float, session: SessionRow = session, pace: float = pace) -> float:
            return session.start_utc + (t - session.start_t) * pace

        doubts = doubtful_spans(store, session.uid, end_t) if session.uid in doubted else []
        spells = merged(slouches.get(session.uid, []), session.start_t, end_t)
        blind = merged([*blinds.get(session.uid, []), *doubts], session.start_t, end_t)
        # A moment cannot be both: what was not judged is no slouch.
        spells = without(spells, blind)
        elsewhere: list[Span] = []
        if session.source is not Source.SYNCED:
            own = [((a - session.start_utc) / pace, (b - session.start_utc) / pace) for a, b in fetched]
            elsewhere = merged(((session.start_t + a, session.start_t + b) for a, b in own), session.start_t, end_t)
        for spans, into in (
            ([(session.start_t, end_t)], upright),
            (spells, slouched),
            (blind, unknown),
        ):
            for start, end in without(spans, elsewhere):
                for day, seconds in by_day(utc(start), utc(end), offset):
                    into[day] += seconds
        for t, _ in alerted.get(session.uid, []):
            alerts[local_day(utc(t), offset)] += 1
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
        midnight = ((at + offset_s) // _DAY_S + 1.0) * _DAY_S - offset_s
        out.append((local_day(at, offset_s), min(end_utc, midnight) - at))
        at = midnight
    return out


def _spans(store: Store, person: str, table: str, columns: str, also: str = "") -> dict[str, list[Span]]:
    """Times of one table's rows in a person's desk sessions, by session."""
    found: dict[str, list[Span]] = defaultdict(list)
    for session, start, end in store.query(
        f"SELECT p.session, p.{columns} FROM {table} p JOIN sessions s ON s.uid = p.session "
        f"WHERE s.person = ? AND s.kind = 'desk' {also}",
        (person,),
    ):
        found[str(session)].append((float(start or 0), float(end or 0)))
    return found


def _dated_alone(row: SessionRow) -> bool:
    """Whether the strap took it alone, at a time that is known."""
    return row.source is Source.SYNCED and row.uncertain_s is None


def _counted(sessions: list[SessionRow]) -> list[SessionRow]:
    return [row for row in sessions if row.source is not Source.REPLAY]
