from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal.activity import MOVING, WALKING, ActivityTrack
from unslouch_signal.events import (
    HoldEvent,
    HoldNotice,
    HoldSpan,
    RotationFault,
    RotationPosition,
    RotationRep,
    Side,
    Technique,
)
from unslouch_signal.found_holds import FreeHoldDetector, rotation_hold
from unslouch_signal.hold import SANE, HoldDetector, HoldParameters, hold_for, zone_for
from unslouch_signal.track import GRID_HZ, Track

EXTENSION = hold_for(Technique.EXTENSION, None, math.radians(25.0), needed=4.0)
"""Zone from 17.5 to 27.5 deg."""


def path(steps: list[tuple[float, float]]) -> np.ndarray:
    """(seconds, degrees): straight there within that time."""
    parts, now = [np.zeros(round(2 * GRID_HZ))], 0.0
    for seconds, deg in steps:
        n = round(seconds * GRID_HZ)
        parts.append(now + (deg - now) * (np.arange(n) + 1) / n)
        now = deg
    return np.radians(np.concatenate(parts))


def track_of(
    flexion: np.ndarray | None = None, axial: np.ndarray | None = None, about: np.ndarray | None = None
) -> Track:
    given_angle = next(a for a in (flexion, axial, about) if a is not None)
    n = len(given_angle)
    f = np.zeros(n) if flexion is None else flexion
    up = np.stack((-np.sin(f), np.zeros(n), np.cos(f)), axis=1)
    if about is not None:
        up = np.stack((np.cos(about), -np.sin(about), np.zeros(n)), axis=1)
    k = np.arange(n)
    still = np.zeros(n)
    return Track(
        k,
        1.0 + k / GRID_HZ,
        f,
        still,
        still if axial is None else axial,
        np.abs(f),
        up,
        np.abs(np.gradient(given_angle)) * GRID_HZ,
        still,
        np.ones(n, np.bool_),
        np.zeros(n, np.uint8),
    )


def rows(track: Track, lo: int, hi: int) -> Track:
    return Track(**{name: getattr(track, name)[lo:hi] for name in Track.__slots__})


def follow(p: HoldParameters, track: Track) -> tuple[list[HoldNotice], HoldSpan | None, list[HoldEvent]]:
    d = HoldDetector(p)
    events = d.process(track)
    return [e.notice for e in events], d.finish(), events


def test_the_clock_runs_in_the_zone_only() -> None:
    # 10 deg/s in: 17.5 deg after 1.75 s, held until 2 + 2.2 + 3 s, out by 16 deg
    notices, span, events = follow(
        replace(EXTENSION, needed=60.0), track_of(-path([(2.2, 22), (3.0, 22), (2.2, 0), (2.0, 0)]))
    )
    assert notices == [HoldNotice.ENTERED, HoldNotice.LEFT]
    assert span is not None
    assert span.technique is Technique.EXTENSION
    assert span.side is None
    assert span.start == pytest.approx(1.0 + 2.0 + 1.75, abs=0.03)
    assert span.held == pytest.approx(0.45 + 3.0 + 0.6, abs=0.05)
    assert span.end == pytest.approx(span.start + span.held, abs=0.05)
    assert events[0].held == pytest.approx(1 / GRID_HZ)


def test_forward_is_no_extension() -> None:
    assert follow(EXTENSION, track_of(path([(2.2, 22), (5.0, 22)])))[1] is None


def test_done_comes_with_the_sample_that_completes_it() -> None:
    notices, span, events = follow(EXTENSION, track_of(-path([(2.2, 22), (6.0, 22)])))
    assert notices == [HoldNotice.ENTERED, HoldNotice.DONE]
    assert events[1].held == pytest.approx(4.0)
    assert events[1].t - events[0].t == pytest.approx(4.0 - 1 / GRID_HZ)
    assert span is not None
    assert span.held > 6.0, "it goes on counting"


def test_leaving_pauses_and_coming_back_goes_on() -> None:
    steps = [(2.2, 22.0), (1.0, 22.0), (1.0, 10.0), (3.0, 10.0), (1.0, 22.0), (1.0, 22.0), (2.2, 0.0)]
    notices, span, _ = follow(EXTENSION, track_of(-path(steps)))
    assert notices == [HoldNotice.ENTERED, HoldNotice.LEFT, HoldNotice.ENTERED, HoldNotice.LEFT]
    assert span is not None
    assert span.held < 4.0
    assert span.end - span.start > span.held + 3.0


def test_sway_at_the_edge_is_no_leaving() -> None:
    sway = [(0.4, 17.0), (0.4, 18.5)] * 6
    notices, _, _ = follow(replace(EXTENSION, needed=60.0), track_of(-path([(2.2, 18.5), *sway])))
    assert notices == [HoldNotice.ENTERED]
    wide = [(0.6, 15.5), (0.6, 18.5)] * 2
    notices, _, _ = follow(replace(EXTENSION, needed=60.0), track_of(-path([(2.2, 18.5), *wide])))
    assert notices.count(HoldNotice.LEFT) == 2


def test_overshoot_stops_the_clock_and_says_so_once() -> None:
    steps = [(2.2, 22.0), (1.0, 22.0), (1.0, 32.0), (3.0, 32.0), (1.0, 22.0), (1.0, 22.0)]
    notices, span, _ = follow(replace(EXTENSION, needed=60.0), track_of(-path(steps)))
    assert notices == [HoldNotice.ENTERED, HoldNotice.OVERSHOOT, HoldNotice.ENTERED]
    assert span is not None
    assert span.overshoots == 1
    assert span.held == pytest.approx(0.45 + 1.0 + 0.7 + 0.45 + 1.0, abs=0.15)
    # 1.1 of the best and the margin: 29 deg
    assert follow(EXTENSION, track_of(-path([(3.0, 28.5), (1.0, 28.5)])))[1].overshoots == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(("speed", "jerks"), [(50.0, 0), (72.0, 1)])
def test_a_bounce_is_a_jerk(speed: float, jerks: int) -> None:
    bounce = [(2.2, 22.0), (1.0, 22.0), (8 / speed, 26.0 + 0.0), (1.0, 26.0)]
    bounce[2] = (round(4.0 / speed * GRID_HZ) / GRID_HZ, 26.0)
    track = track_of(-path(bounce))
    rate = np.where(np.abs(np.diff(track.flexion, prepend=0.0)) > 0.011, math.radians(speed), track.rate)
    notices, span, _ = follow(replace(EXTENSION, needed=60.0), replace(track, rate=rate))
    assert span is not None
    assert span.jerks == jerks
    assert notices.count(HoldNotice.JERK) == jerks


def test_fast_ways_outside_the_zone_and_after_it_is_done_are_no_jerk() -> None:
    track = track_of(-path([(2.2, 22), (6.0, 22), (0.1, 0), (1.0, 0)]))
    rate = track.rate.copy()
    rate[:150] = 3.0
    span = follow(EXTENSION, replace(track, rate=rate))[1]
    assert span is not None
    assert span.jerks == 0


def test_a_gap_pauses_the_clock() -> None:
    track = track_of(-path([(2.2, 22), (10.0, 22)]))
    measured = track.measured.copy()
    measured[300:400] = False
    notices, span, events = follow(replace(EXTENSION, needed=60.0), replace(track, measured=measured))
    assert notices == [HoldNotice.ENTERED, HoldNotice.GAP, HoldNotice.ENTERED]
    whole = follow(replace(EXTENSION, needed=60.0), track)[1]
    assert span is not None
    assert whole is not None
    assert span.held == pytest.approx(whole.held - 2.0)
    assert events[1].held == events[2].held - 1 / GRID_HZ


def test_a_jump_of_the_grid_pauses_the_clock() -> None:
    track = track_of(-path([(2.2, 22), (10.0, 22)]))
    k = track.k.copy()
    k[300:] += 1000
    notices, span, _ = follow(replace(EXTENSION, needed=60.0), replace(track, k=k, t=1.0 + k / GRID_HZ))
    assert notices == [HoldNotice.ENTERED, HoldNotice.GAP, HoldNotice.ENTERED]
    whole = follow(replace(EXTENSION, needed=60.0), track)[1]
    assert span is not None
    assert whole is not None
    assert span.held == whole.held


def test_where_forward_is_unknown_the_clock_stands() -> None:
    track = track_of(-path([(2.2, 22), (5.0, 22)]))
    assert follow(EXTENSION, replace(track, flexion=np.full(len(track), np.nan)))[1] is None


@pytest.mark.parametrize("side", list(Side))
def test_rotation_holds_count_from_the_middle_to_their_own_side(side: Side) -> None:
    sign = 1.0 if side is Side.LEFT else -1.0
    turned = sign * path([(1.5, 45), (4.0, 45), (1.5, 0), (2.0, 0)])
    p = hold_for(Technique.SEATED_ROTATION, side, math.radians(50), needed=3.0)
    other = hold_for(Technique.SEATED_ROTATION, Side.RIGHT if side is Side.LEFT else Side.LEFT, math.radians(50))
    track = track_of(axial=turned + 1.2)
    _, span, _ = follow(p, track)
    assert span is not None
    assert span.side is side
    assert span.held == pytest.approx(4.0 + 0.65, abs=0.1)
    assert follow(other, track)[1] is None
    lying = track_of(about=turned)
    _, span, _ = follow(replace(p, technique=Technique.SUPINE_ROTATION), lying)
    assert span is not None
    assert span.held == pytest.approx(4.0 + 0.65, abs=0.1)
    assert follow(replace(other, technique=Technique.SUPINE_ROTATION), lying)[1] is None


def test_the_middle_follows_rests_near_it_and_no_held_peak() -> None:
    drift = np.radians(0.3) * np.arange(2000) / GRID_HZ
    turns = path([s for _ in range(4) for s in [(1.5, 45.0), (3.0, 45.0), (1.5, 0.0), (3.0, 0.0)]])
    track = track_of(axial=turns + drift[: len(turns)])
    d = HoldDetector(hold_for(Technique.SEATED_ROTATION, Side.LEFT, math.radians(50), needed=60.0))
    d.process(track)
    assert d.held == pytest.approx(15.2, abs=0.35)


def test_zone_comes_from_the_own_best() -> None:
    lower, upper = zone_for(Technique.EXTENSION, math.radians(20))
    assert math.degrees(lower) == pytest.approx(14)
    assert math.degrees(upper) == pytest.approx(22)
    assert zone_for(Technique.DOORWAY, None) == SANE[Technique.DOORWAY]
    assert set(SANE) == set(Technique)
    with pytest.raises(ValueError, match="positive"):
        zone_for(Technique.EXTENSION, 0.0)


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (HoldParameters(Technique.EXTENSION, None, 0.4, 0.3), "upper end"),
        (HoldParameters(Technique.EXTENSION, None, 0.0, 0.3), "above 0"),
        (HoldParameters(Technique.EXTENSION, None, 0.2, 0.3, needed=0.0), "positive"),
        (HoldParameters(Technique.SEATED_ROTATION, None, 0.2, 0.3), "side"),
    ],
)
def test_impossible_holds_are_refused(p: HoldParameters, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HoldDetector(p)


def test_away_is_sample_time_since_the_zone() -> None:
    d = HoldDetector(EXTENSION)
    d.process(track_of(-path([(1.0, 0)])))
    assert d.away == 0.0
    d = HoldDetector(EXTENSION)
    d.process(track_of(-path([(2.2, 22), (2.0, 22), (0.2, 0), (3.0, 0)])))
    assert d.away == pytest.approx(3.15, abs=0.1)


BUSY = track_of(
    -path([(2.2, 22), (1.0, 22), (0.3, 34), (1.0, 34), (0.3, 20), (2.0, 20), (1.0, 12), (1.0, 22), (4.0, 22)])
)
BUSY = replace(BUSY, measured=~((BUSY.k > 400) & (BUSY.k < 430)))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, len(BUSY)), max_size=30), st.sampled_from(list(Technique)))
def test_the_cut_changes_nothing(cuts: list[int], technique: Technique) -> None:
    p = HoldParameters(technique, Side.RIGHT, EXTENSION.lower, EXTENSION.upper, 4.0)
    track = replace(BUSY, axial=BUSY.flexion)
    whole = HoldDetector(p)
    events = whole.process(track)
    part, got = HoldDetector(p), []
    for lo, hi in pairwise([0, *sorted(cuts), len(track)]):
        got += part.process(rows(track, lo, hi))
    assert got == events
    assert part.finish() == whole.finish()


def free(track: Track, code: int = MOVING, cuts: tuple[int, ...] = ()) -> list[HoldSpan]:
    d, found = FreeHoldDetector(), []
    for lo, hi in pairwise([0, *cuts, len(track)]):
        codes = np.full(hi - lo, code, np.uint8)
        found += d.process(rows(track, lo, hi), ActivityTrack(track.k[lo:hi], codes, np.zeros(hi - lo, np.uint8)))
    return [span for _, span in found + d.finish()]


@pytest.mark.parametrize(
    ("deep", "hold", "count"),
    [(11, 8, 1), (9, 8, 0), (20, 3.8, 0), (20, 4.2, 1), (20, 100, 0), (50, 8, 0), (-20, 8, 0)],
)
def test_held_extensions_are_found(deep: float, hold: float, count: int) -> None:
    track = track_of(-path([(1.0, deep), (hold, deep), (1.0, 0), (2.0, 0)]))
    found = free(track)
    assert len(found) == count
    for span in found:
        assert span.technique is Technique.EXTENSION
        assert span.held == pytest.approx(hold + 2 - 1.0 * (10 + 8.5) / deep, abs=0.1)
    assert free(track, WALKING) == []


def test_rocking_is_no_hold() -> None:
    assert free(track_of(-path([(1.0, 15), *[(0.5, 32), (0.5, 14)] * 8, (1.0, 0)]))) == []


def doorway(*sides: float, pause: float = 5.0) -> Track:
    lean = path([s for _ in sides for s in [(2.0, 17.0), (12.0, 17.0), (2.0, 0.0), (pause, 0.0)]])
    turn = path([s for side in sides for s in [(2.0, side), (12.0, side), (2.0, 0.0), (pause, 0.0)]])
    return track_of(flexion=lean, axial=turn + 0.5)


def test_a_doorway_stretch_is_a_pair_of_leans_that_turn_away_from_the_arm() -> None:
    left, right = free(doorway(-9.0, 9.0))
    assert (left.side, right.side) == (Side.LEFT, Side.RIGHT)
    assert left.technique is Technique.DOORWAY
    assert left.held == pytest.approx(12 + 4 * (1 - 9.25 / 17), abs=0.15)


@pytest.mark.parametrize("sides", [(9.0,), (9.0, 9.0), (2.0, -2.0), (0.0, 0.0)])
def test_a_slouch_is_no_doorway_stretch(sides: tuple[float, ...]) -> None:
    assert free(doorway(*sides)) == []


def test_the_sides_of_a_pair_belong_together() -> None:
    assert len(free(doorway(9.0, -9.0, pause=80.0))) == 2
    assert free(doorway(9.0, -9.0, pause=100.0)) == []


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 1800), max_size=20))
def test_found_holds_do_not_depend_on_the_cut(cuts: list[int]) -> None:
    track = doorway(-9.0, 9.0)
    track = replace(track, flexion=np.where(track.k > 1100, track.flexion, -track.flexion))
    both = replace(track, flexion=np.concatenate((-doorway(9.0).flexion, doorway(9.0).flexion))[: len(track)])
    for one in (track, both, doorway(-9.0, 9.0)):
        assert free(one, cuts=tuple(sorted(min(c, len(one)) for c in cuts))) == free(one)


def test_the_held_peak_of_a_valid_repetition_is_a_hold() -> None:
    rep = RotationRep(Side.LEFT, RotationPosition.SUPINE, 1.0, 4.0, 8.0, 0.8, 3.0, (), (3.0, 6.0))
    assert rotation_hold(rep) == HoldSpan(Technique.SUPINE_ROTATION, Side.LEFT, 3.0, 6.0, 3.0)
    assert rotation_hold(replace(rep, hold=1.9)) is None
    assert rotation_hold(replace(rep, faults=(RotationFault.FLEXED,))) is None
    seated = rotation_hold(replace(rep, position=RotationPosition.SEATED))
    assert seated is not None
    assert seated.technique is Technique.SEATED_ROTATION
