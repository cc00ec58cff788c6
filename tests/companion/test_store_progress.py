"""Progress over days: ranges, streaks, the desk's account, pain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unslouch.store import progress
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import (
    ActivityRow,
    AlertRow,
    DoubtRow,
    HoldRow,
    Outcome,
    PainMoment,
    PainRow,
    RepetitionRow,
    SessionKind,
    SlouchRow,
    Source,
    TryoutRow,
)
from unslouch.store.spans import merged, total, without
from unslouch.store.store import Store
from unslouch_signal.events import DoubtReason, RotationFault, RotationPosition, Side, Technique

SEATED = Technique.SEATED_ROTATION
TWO_HOURS = 7200.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(data_paths(tmp_path)) as opened:
        yield opened


def local(day: int, hour: float, offset: float = TWO_HOURS) -> float:
    """UTC of a local time in May 2026."""
    return datetime(2026, 5, day, tzinfo=UTC).timestamp() + hour * 3600 - offset


def coached(
    store: Store,
    utc: float,
    left: tuple[float, ...] = (),
    right: tuple[float, ...] = (),
    *,
    technique: Technique = SEATED,
    source: Source = Source.LIVE,
    outcome: Outcome = Outcome.COMPLETED,
    faults: tuple[RotationFault, ...] = (),
    person: str = "me",
) -> SessionLog:
    log = SessionLog(
        store, SessionStart(SessionKind.COACH, source, 10.0, utc, TWO_HOURS, technique=technique, person=person)
    )
    t = 20.0
    for side, ranges in ((Side.LEFT, left), (Side.RIGHT, right)):
        for value in ranges:
            row = RepetitionRow(
                technique, side, RotationPosition.SEATED, t, t + 1, t + 3, value, 1.0, faults, counted=not faults
            )
            log.save(row)
            t += 5
    log.end(t, outcome)
    return log


def test_a_days_range_is_the_mean_of_its_first_three_valid_repetitions(store: Store) -> None:
    coached(store, local(4, 9), left=(0.6, 0.7, 0.8, 2.0), right=(0.5, 0.5))
    coached(store, local(4, 20), left=(1.0, 1.0, 1.0))
    (day,) = progress.daily_ranges(store, SEATED, Side.LEFT)
    assert day.day == date(2026, 5, 4)
    assert day.mean == pytest.approx(0.7)
    assert (day.best, day.repetitions) == (2.0, 7)
    assert progress.daily_ranges(store, SEATED, Side.RIGHT) == [], "two repetitions make no mean"
    assert progress.daily_ranges(store, Technique.SUPINE_ROTATION, Side.LEFT) == []


def test_invalid_repetitions_replays_and_other_people_count_nothing(store: Store) -> None:
    coached(store, local(4, 9), left=(0.9,) * 3, faults=(RotationFault.FLEXED,))
    coached(store, local(4, 10), left=(0.9,) * 3, source=Source.REPLAY)
    coached(store, local(4, 11), left=(0.9,) * 3, person="you")
    assert progress.daily_ranges(store, SEATED, Side.LEFT) == []
    assert progress.best_range(store, SEATED, Side.LEFT) is None
    assert progress.usual_range(store, SEATED, Side.LEFT) is None
    assert [row.mean for row in progress.daily_ranges(store, SEATED, Side.LEFT, "you")] == [pytest.approx(0.9)]


def test_the_day_is_the_local_one(store: Store) -> None:
    coached(store, local(5, 0.5), left=(0.6,) * 3)
    coached(store, local(6, 23.5), left=(0.8,) * 3)
    assert [row.day.day for row in progress.daily_ranges(store, SEATED, Side.LEFT)] == [5, 6]


def test_best_and_usual_range(store: Store) -> None:
    for day, value in enumerate((0.2, 0.9, 0.5, 0.6, 0.7, 0.8), start=1):
        coached(store, local(day, 9), left=(value,) * 3)
    assert progress.best_range(store, SEATED, Side.LEFT) == progress.Best(0.9, date(2026, 5, 2))
    assert progress.usual_range(store, SEATED, Side.LEFT) == pytest.approx(0.7), "median of the last five"
    assert progress.usual_range(store, SEATED, Side.RIGHT) is None


def test_holds_take_their_ranges_from_the_try_outs(store: Store) -> None:
    for day, (side, value) in enumerate(((None, 0.3), (None, 0.5), (Side.LEFT, 0.9)), start=1):
        technique = Technique.EXTENSION if side is None else Technique.DOORWAY
        coached(store, local(day, 9), technique=technique).save(TryoutRow(15.0, technique, side, value))
    assert progress.usual_range(store, Technique.EXTENSION, None) == pytest.approx(0.4)
    assert progress.best_range(store, Technique.EXTENSION, None) == progress.Best(0.5, date(2026, 5, 2))
    assert progress.best_range(store, Technique.DOORWAY, Side.LEFT) == progress.Best(0.9, date(2026, 5, 3))
    assert progress.best_range(store, Technique.DOORWAY, Side.RIGHT) is None


def test_practised_days_need_practice(store: Store) -> None:
    coached(store, local(1, 9))
    coached(store, local(2, 9), outcome=Outcome.REFUSED)
    coached(store, local(3, 9), left=(0.6,), outcome=Outcome.ENDED)
    coached(store, local(4, 9), left=(0.6,), outcome=Outcome.ENDED, faults=(RotationFault.FLEXED,))
    for day, held in ((5, 20.0), (6, 19.0)):
        coached(store, local(day, 9), outcome=Outcome.ENDED).save(
            HoldRow(Technique.EXTENSION, None, 15.0, 40.0, held, 20.0, 0.1, 0.3)
        )
    coached(store, local(7, 9), source=Source.REPLAY)
    assert [day.day for day in progress.practised_days(store)] == [1, 3, 5]


def days(*numbers: int) -> list[date]:
    return [date(2026, 5, number) for number in numbers]


@pytest.mark.parametrize(
    ("practised", "today", "run", "in_a_row"),
    [
        ((), 10, 0, 0),
        ((10,), 10, 1, 1),
        ((9,), 10, 1, 1),  # today is not over
        ((8,), 10, 1, 0),  # yesterday was a rest day
        ((7,), 10, 0, 0),  # two days free end it
        ((6, 8, 10), 10, 3, 1),
        ((7, 8, 9, 10), 10, 4, 4),
        ((5, 8, 9, 10), 10, 3, 3),
        ((6, 7, 9, 10), 10, 4, 2),
        ((10, 11), 10, 1, 1),  # tomorrow does not count
    ],
)
def test_streak(practised: tuple[int, ...], today: int, run: int, in_a_row: int) -> None:
    found = progress.streak(days(*practised), date(2026, 5, today))
    assert (found.practised, found.in_a_row) == (run, in_a_row)


def test_streak_counts_the_last_four_weeks() -> None:
    assert progress.streak(days(1, 2, 3, 28, 29), date(2026, 5, 29)).of_28 == 4


def desk(store: Store, utc: float, seconds: float, *, outcome: Outcome | None = Outcome.ENDED) -> SessionLog:
    log = SessionLog(store, SessionStart(SessionKind.DESK, Source.LIVE, 1000.0, utc, TWO_HOURS))
    log.alive(1000.0 + seconds)
    if outcome is not None:
        log.end(1000.0 + seconds, outcome)
    return log


def test_a_desk_day_is_what_remains_after_slouches_and_blind_stretches(store: Store) -> None:
    log = desk(store, local(4, 9), 3600)
    log.save(
        SlouchRow(1100, 1200, 1115, 0.4, 0.3, None),
        SlouchRow(1290, 1320, None, 0.4, 0.3, None),
        ActivityRow("walking", 1300, 1400),
        ActivityRow("lying", 1390, 1500),
        ActivityRow("still", 1000, 1300),
        DoubtRow(2000, DoubtReason.SLIPPED, resolved=False),
        DoubtRow(2300, DoubtReason.SLIPPED, resolved=True),
        AlertRow(1115, 1100, None, 0.4, cued=True),
        AlertRow(1700, 1690, None, 0.4, cued=False, muted_by="snoozed"),
    )
    (day,) = progress.desk_days(store)
    assert day.slouched_s == pytest.approx(100 + 10), "the part that walks is not judged"
    assert day.unknown_s == pytest.approx(200 + 300)
    assert day.upright_s == pytest.approx(3600 - 110 - 500)
    assert day.alerts == 2
    assert day.alerts_per_hour == pytest.approx(2 * 3600 / 3100)
    assert day.upright_share == pytest.approx(2990 / 3100)


def test_a_session_over_midnight_belongs_to_both_days(store: Store) -> None:
    log = desk(store, local(4, 23.5), 3600)
    log.save(SlouchRow(1000 + 1740, 1000 + 1860, None, 0.4, 0.3, None), AlertRow(1000 + 1850, 1, None, 0.3, cued=True))
    first, second = progress.desk_days(store)
    assert (first.day.day, second.day.day) == (4, 5)
    assert (first.slouched_s, second.slouched_s) == (pytest.approx(60), pytest.approx(60))
    assert (first.upright_s, second.upright_s) == (pytest.approx(1740), pytest.approx(1740))
    assert (first.alerts, second.alerts) == (0, 1)


def test_a_doubt_lasts_until_every_reason_is_gone_or_the_session_ends(store: Store) -> None:
    log = desk(store, local(4, 9), 1000)
    log.save(
        DoubtRow(1100, DoubtReason.SLIPPED, resolved=False),
        DoubtRow(1150, DoubtReason.GAP, resolved=False),
        DoubtRow(1200, DoubtReason.SLIPPED, resolved=True),
        DoubtRow(1300, DoubtReason.GAP, resolved=True),
        DoubtRow(1900, DoubtReason.OFF_BODY, resolved=False),
    )
    assert progress.doubtful_spans(store, log.row.uid, 2000.0) == [(1100.0, 1300.0), (1900.0, 2000.0)]


def test_a_running_session_counts_as_far_as_it_is_known(store: Store) -> None:
    desk(store, local(4, 9), 300, outcome=None)
    (day,) = progress.desk_days(store)
    assert day.upright_s == pytest.approx(300)
    assert day.alerts_per_hour is None, "too short for a rate"


def test_weeks_since_the_first_desk_session(store: Store) -> None:
    assert progress.weeks_since_first_desk(store, date(2026, 5, 20)) == 0
    desk(store, local(4, 9), 300)
    assert [progress.weeks_since_first_desk(store, date(2026, 5, day)) for day in (4, 10, 11, 18)] == [0, 0, 1, 2]


def test_pain_before_and_after(store: Store) -> None:
    coached(store, local(4, 9)).save(PainRow(PainMoment.BEFORE, 11, 3), PainRow(PainMoment.AFTER, 90, 1))
    coached(store, local(5, 9)).save(PainRow(PainMoment.BEFORE, 11, 2))
    assert progress.pain_changes(store) == [
        progress.PainChange(date(2026, 5, 4), SEATED, 3, 1),
        progress.PainChange(date(2026, 5, 5), SEATED, 2, None),
    ]


spans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda s: (float(min(s)), float(max(s)))))


def marked(found: list[tuple[float, float]]) -> set[int]:
    return {second for start, end in found for second in range(int(start), int(end))}


@given(spans, spans)
def test_span_arithmetic_is_set_arithmetic(some: list[tuple[float, float]], holes: list[tuple[float, float]]) -> None:
    a, b = merged(some, 5, 45), merged(holes, 0, 50)
    assert marked(a) == marked(some) & set(range(5, 45))
    assert total(a) == len(marked(a))
    assert marked(without(a, b)) == marked(a) - marked(holes)
    assert total(without(a, b)) == len(marked(a) - marked(holes))


@given(st.floats(0, 1e6), st.floats(0, 4e5), st.floats(-43200, 43200))
def test_cutting_at_midnights_loses_no_time(start: float, seconds: float, offset: float) -> None:
    start += 1.7e9
    pieces = progress.by_day(start, start + seconds, offset)
    assert sum(piece for _, piece in pieces) == pytest.approx(seconds, abs=1e-3)
    assert [day for day, _ in pieces] == [
        progress.local_day(start, offset) + timedelta(days=i) for i in range(len(pieces))
    ]
