from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unslouch_signal.events import RotationFault, RotationPosition, RotationRep, Side
from unslouch_signal.progress import (
    MDC95,
    DayRange,
    Verdict,
    progress,
    side_range,
    streak,
    summarise,
    verdict,
)

DAY = date(2026, 3, 1)


def rep(
    side: Side,
    deg: float,
    *faults: RotationFault,
    position: RotationPosition = RotationPosition.SEATED,
) -> RotationRep:
    return RotationRep(side, position, 0.0, 1.0, 2.0, math.radians(deg), 0.2, faults)


@pytest.mark.parametrize(
    ("deg", "expected"),
    [(5.9, Verdict.NOISE), (-5.9, Verdict.NOISE), (6.1, Verdict.REAL), (-6.1, Verdict.REAL), (0, Verdict.NOISE)],
)
def test_six_degrees_part_noise_from_change(deg: float, expected: Verdict) -> None:
    assert verdict(math.radians(deg)) is expected


def test_nothing_measured_is_neither_noise_nor_change() -> None:
    assert verdict(None) is Verdict.UNKNOWN
    assert verdict(math.nan) is Verdict.UNKNOWN


def test_mean_is_of_the_first_three_valid_repetitions_of_each_side() -> None:
    reps = [rep(Side.LEFT, d) for d in (40, 44, 48, 90)] + [rep(Side.RIGHT, d) for d in (50, 52, 54)]
    reps.insert(1, rep(Side.LEFT, 10, RotationFault.FLEXED))
    s = summarise(reps)
    assert s.left.mean == pytest.approx(math.radians(44))
    assert s.left.best == pytest.approx(math.radians(90))
    assert (s.left.count, s.right.count) == (4, 3)
    assert s.right.mean == pytest.approx(math.radians(52))
    assert s.arc == pytest.approx(math.radians(96))
    assert s.asymmetry == pytest.approx(math.radians(-8)), "left minus right"
    assert s.asymmetry_verdict is Verdict.REAL


def test_sides_are_not_compared_before_three_repetitions_each() -> None:
    s = summarise([rep(Side.LEFT, 30)] * 3 + [rep(Side.RIGHT, 50)] * 2)
    assert s.asymmetry == pytest.approx(math.radians(-20))
    assert not s.right.complete
    assert s.left.complete
    assert s.asymmetry_verdict is Verdict.UNKNOWN


def test_one_side_alone_has_no_arc() -> None:
    s = summarise([rep(Side.LEFT, 30)] * 3)
    assert s.arc is None
    assert s.asymmetry is None
    assert s.right.mean is None
    assert s.right.best is None


def test_positions_are_kept_apart() -> None:
    reps = [rep(Side.LEFT, 40), rep(Side.LEFT, 60, position=RotationPosition.SUPINE)]
    assert summarise(reps, RotationPosition.SUPINE).left.mean == pytest.approx(math.radians(60))
    assert summarise(reps, RotationPosition.SEATED).left.mean == pytest.approx(math.radians(40))
    assert summarise(reps).left.count == 2


@given(st.lists(st.floats(0.1, 1.5), min_size=1, max_size=10))
def test_mean_never_exceeds_best(ranges: list[float]) -> None:
    s = side_range(Side.LEFT, ranges)
    assert s.mean is not None
    assert s.best is not None
    assert s.mean <= s.best + 1e-12
    assert s.complete == (len(ranges) >= 3)


def test_progress_compares_first_and_last_complete_day() -> None:
    days = [
        DayRange(DAY + timedelta(days=9), math.radians(47)),
        DayRange(DAY, math.radians(40)),
        DayRange(DAY + timedelta(days=4), math.radians(55)),
        DayRange(DAY + timedelta(days=12), math.radians(80), complete=False),
    ]
    p = progress(days)
    assert [d.day for d in p.days] == sorted(d.day for d in days)
    assert p.change == pytest.approx(math.radians(7))
    assert p.verdict is Verdict.REAL
    assert p.best is not None
    assert p.best.range == pytest.approx(math.radians(55))
    assert p.latest is not None
    assert p.latest.day == DAY + timedelta(days=9)


def test_progress_below_the_error_is_noise_and_one_day_is_unknown() -> None:
    first = DayRange(DAY, math.radians(40))
    assert progress([first, DayRange(DAY + timedelta(days=1), math.radians(45.5))]).verdict is Verdict.NOISE
    assert progress([first]).verdict is Verdict.UNKNOWN
    assert progress([]).baseline is None


def test_a_day_counts_once() -> None:
    p = progress([DayRange(DAY, 0.6), DayRange(DAY, 0.8), DayRange(DAY, 0.1, complete=False)])
    assert len(p.days) == 1
    assert p.days[0].range == pytest.approx(0.7)
    assert p.days[0].complete


def test_streak_counts_back_and_lives_until_the_day_is_over() -> None:
    days = [DAY - timedelta(days=d) for d in (1, 2, 3, 5)]
    assert streak(days, DAY) == 3
    assert streak([*days, DAY], DAY) == 4
    assert streak(days, DAY + timedelta(days=1)) == 0
    assert streak([], DAY) == 0


def test_mdc_is_six_degrees() -> None:
    assert math.degrees(MDC95) == pytest.approx(6.0)
