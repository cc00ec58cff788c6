from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal.activity import LYING, MOVING, WALKING, ActivityTrack
from unslouch_signal.events import RotationFault, RotationPosition, RotationRep, Side
from unslouch_signal.rotation import RotationDetector, RotationParameters
from unslouch_signal.supine import supine_angle
from unslouch_signal.track import GRID_HZ, Track

Course = list[tuple[float, float]]
"""(seconds, degrees): move there within that time, smoothly (minimum jerk); the same degrees are a stay."""


def course(steps: Course, start_deg: float = 0.0) -> np.ndarray:
    parts, now = [], start_deg
    for seconds, deg in steps:
        u = (np.arange(round(seconds * GRID_HZ)) + 1) / round(seconds * GRID_HZ)
        parts.append(now + (deg - now) * u**3 * (10 - 15 * u + 6 * u**2))
        now = deg
    return np.radians(np.concatenate(parts))


def rep(deg: float, hold: float = 2.0, rest: float = 2.0, speed: float = 1.5) -> Course:
    return [(speed, deg), (hold, deg), (speed, 0.0), (rest, 0.0)]


def seated(
    axial: np.ndarray, flexion: np.ndarray | float = 0.0, lateral: np.ndarray | float = 0.0, t0: float = 5.0
) -> Track:
    n = len(axial)
    f, s = np.broadcast_to(flexion, n).astype(float), np.broadcast_to(lateral, n).astype(float)
    tilt = np.hypot(f, s)
    share = np.where(tilt > 0, np.sin(tilt) / np.where(tilt > 0, tilt, 1), 1.0)
    up = np.stack((-f * share, s * share, np.cos(tilt)), axis=1)
    rate = np.sqrt(sum(np.gradient(a) ** 2 for a in (axial, f, s))) * GRID_HZ
    k = np.arange(n)
    return Track(
        k,
        t0 + k / GRID_HZ,
        f,
        s,
        axial,
        tilt,
        up,
        rate,
        np.zeros(n),
        np.ones(n, np.bool_),
        np.zeros(n, np.uint8),
    )


def supine(about: np.ndarray) -> Track:
    """Lie on the back and turn; the heading drifts away meanwhile."""
    n = len(about)
    up = np.stack((np.cos(about), -np.sin(about), np.zeros(n)), axis=1)
    drifting = np.cumsum(np.full(n, math.radians(3.0) / GRID_HZ))
    track = seated(drifting)
    return replace(
        track,
        up=up,
        flexion=np.full(n, -math.pi / 2),
        tilt=np.full(n, math.pi / 2),
        rate=np.abs(np.gradient(about)) * GRID_HZ,
    )


def doing(track: Track, code: int = MOVING) -> ActivityTrack:
    n = len(track)
    return ActivityTrack(track.k, np.full(n, code, np.uint8), np.zeros(n, np.uint8))


def known(
    track: Track, activity: ActivityTrack | None = None, p: RotationParameters | None = None
) -> list[tuple[int, RotationRep]]:
    d = RotationDetector(p)
    return d.process(track, activity or doing(track)) + d.finish()


def reps(track: Track, activity: ActivityTrack | None = None, p: RotationParameters | None = None) -> list[RotationRep]:
    return [r for _, r in known(track, activity, p)]


def deg(r: RotationRep) -> float:
    return math.degrees(r.range)


REST: Course = [(3.0, 0.0)]


def test_left_is_positive_and_every_time_is_where_it_was() -> None:
    first, second = reps(seated(course(REST + rep(45, hold=2.0) + rep(-30, hold=1.0))))
    assert (first.side, second.side) == (Side.LEFT, Side.RIGHT)
    assert first.position is RotationPosition.SEATED
    assert deg(first) == pytest.approx(45, abs=0.1)
    assert deg(second) == pytest.approx(30, abs=0.1)
    # at rest until 3 s, back 5 s later; t0 = 5 s
    assert 7.0 <= first.start <= 8.05
    assert 9.3 <= first.peak <= 11.7
    assert 12.9 <= first.end <= 15.0
    assert first.end <= second.start + 1e-9
    # the last tenth of the range on the way adds about a quarter of the way in and out
    assert first.hold == pytest.approx(2.0 + 2 * 0.25 * 1.5, abs=0.15)
    assert first.hold_span is not None
    assert first.hold_span[1] - first.hold_span[0] == pytest.approx(first.hold, abs=0.05)
    assert first.valid


@pytest.mark.parametrize(("size", "count"), [(19.0, 0), (21.0, 1), (-19.0, 0), (-21.0, 1), (105.0, 1), (115.0, 0)])
def test_twenty_degrees_make_a_repetition_and_no_thorax_turns_beyond_110(size: float, count: int) -> None:
    assert len(reps(seated(course(REST + rep(size))))) == count


@pytest.mark.parametrize(
    ("usual", "size", "count"), [(30.0, 12.6, 1), (30.0, 11.4, 0), (15.0, 10.4, 1), (15.0, 9.6, 0), (60.0, 23.0, 0)]
)
def test_a_session_asks_for_two_fifths_of_the_usual_range_and_ten_degrees(
    usual: float, size: float, count: int
) -> None:
    p = RotationParameters().for_session(math.radians(usual))
    assert len(reps(seated(course(REST + rep(size))), p=p)) == count


def test_a_session_without_a_known_range_keeps_the_defaults() -> None:
    assert RotationParameters().for_session(None) == RotationParameters()


def test_straight_over_shares_the_border_and_both_count() -> None:
    a = course([*REST, (1.5, 40), (0.5, 40), (2.0, -50), (0.5, -50), (1.5, 0), (3.0, 0)])
    first, second = reps(seated(a))
    assert (first.side, second.side) == (Side.LEFT, Side.RIGHT)
    assert first.end == second.start
    assert deg(first) == pytest.approx(40, abs=0.3)
    assert deg(second) == pytest.approx(50, abs=0.3)


def test_a_neutral_that_drifts_is_closed_linearly() -> None:
    """0.5 deg/s for a repetition of 12 s: 6 deg at its end, half of it in the range if it were not closed."""
    a = course(REST + rep(45, hold=8.0, rest=4.0))
    drift = np.radians(0.5) * np.arange(len(a)) / GRID_HZ
    (r,) = reps(seated(a + drift))
    # the peak is taken at the end of the hold: nothing of the drift remains
    assert deg(r) == pytest.approx(45, abs=0.25)


def test_a_swivel_that_stays_counts_nothing_and_is_the_new_neutral() -> None:
    a = course([*REST, (2.0, 60), (30.0, 60), (1.5, 95), (1.0, 95), (1.5, 60), (3.0, 60)])
    (r,) = reps(seated(a))
    assert r.side is Side.LEFT
    assert deg(r) == pytest.approx(35, abs=0.3)
    assert r.start > 5 + 3 + 2


def test_repetitions_soon_after_a_swivel_are_found_when_it_is_clear_that_it_stayed() -> None:
    """Looked at again from the first rest out there."""
    steps: Course = [*REST, (2.0, -70), (4.0, -70)]
    for size in (-35.0, -105.0, -30.0):
        steps += [(1.5, size), (1.0, size), (1.5, -70), (2.0, -70)]
    found = reps(seated(course([*steps, (15.0, -70)])))
    assert [r.side for r in found] == [Side.LEFT, Side.RIGHT, Side.LEFT]
    assert [deg(r) for r in found] == pytest.approx([35, 35, 40], abs=0.4)


def test_a_swivel_and_back_is_reported() -> None:
    (r,) = reps(seated(course([*REST, (2.0, 70), (10.0, 70), (2.0, 0), (3.0, 0)])))
    assert deg(r) == pytest.approx(70, abs=0.3)


@pytest.mark.parametrize(("hold", "count"), [(14.0, 1), (24.0, 0)])
def test_twenty_seconds_are_the_longest(hold: float, count: int) -> None:
    assert len(reps(seated(course(REST + rep(45, hold=hold))))) == count


@pytest.mark.parametrize(("back_to", "count"), [(10.0, 1), (13.0, 0), (-10.0, 1)])
def test_back_means_within_a_quarter(back_to: float, count: int) -> None:
    a = course([*REST, (1.5, 45), (1.0, 45), (1.5, back_to), (25.0, back_to)])
    assert len(reps(seated(a))) == count


@pytest.mark.parametrize(("back_to", "count"), [(5.2, 1), (7.2, 0)])
def test_after_a_small_one_back_means_within_six_degrees(back_to: float, count: int) -> None:
    a = course([*REST, (1.5, 23.5), (1.0, 23.5), (1.5, back_to), (25.0, back_to)])
    assert len(reps(seated(a))) == count


@pytest.mark.parametrize(("stay", "size"), [(4.5, 35.0), (1.2, 35.0 + 12.0)])
def test_who_sits_differently_for_three_seconds_has_a_new_neutral(stay: float, size: float) -> None:
    """12 deg further round; a shorter stay on the way is part of the repetition."""
    back = 12.0 if stay > 3.0 else 0.0
    a = course([*REST, (1.0, 12), (stay, 12), (1.5, 47), (1.0, 47), (1.5, back), (3.0, back)])
    (r,) = reps(seated(a))
    assert deg(r) == pytest.approx(size, abs=0.4)


def test_an_overshoot_is_no_repetition() -> None:
    """22 deg beyond neutral after 60 deg: less than two fifths, so the swing of a fast return."""
    a = course([*REST, (1.0, 60), (0.5, 60), (1.2, -22), (1.2, 0), (3.0, 0)])
    (r,) = reps(seated(a))
    assert r.side is Side.LEFT
    b = course([*REST, (1.0, 60), (0.5, 60), (1.2, -27), (1.2, 0), (3.0, 0)])
    assert len(reps(seated(b))) == 2


def test_bends_that_twist_the_trunk_count_nothing() -> None:
    axial = course(REST + rep(25, rest=3.0))
    assert len(reps(seated(axial))) == 1
    assert reps(seated(axial, lateral=course(REST + rep(45, rest=3.0)))) == []
    assert reps(seated(axial, lateral=course(REST + rep(-45, rest=3.0)))) == []
    assert reps(seated(axial, flexion=course(REST + rep(80, rest=3.0)))) == []
    wide = course(REST + rep(80, rest=3.0))
    assert reps(seated(wide, flexion=course(REST + rep(66, rest=3.0)))) == [], "a deep bow, however far it turns"


@pytest.mark.parametrize(
    ("which", "size", "faults"),
    [
        ("lateral", 17.0, ()),
        ("lateral", 23.0, (RotationFault.BENT_SIDEWAYS,)),
        ("lateral", -23.0, (RotationFault.BENT_SIDEWAYS,)),
        ("flexion", 17.0, ()),
        ("flexion", 23.0, (RotationFault.FLEXED,)),
        ("flexion", -23.0, (RotationFault.FLEXED,)),
    ],
)
def test_bending_by_half_the_range_is_a_fault(which: str, size: float, faults: tuple[RotationFault, ...]) -> None:
    axial, bend = course(REST + rep(40)), course(REST + rep(size))
    (r,) = reps(seated(axial, **{which: bend}))
    assert r.faults == faults
    assert r.valid == (not faults)


def test_small_ranges_may_bend_by_fifteen_degrees() -> None:
    axial = course(REST + rep(22))
    assert reps(seated(axial, lateral=course(REST + rep(14))))[0].valid
    assert not reps(seated(axial, lateral=course(REST + rep(16))))[0].valid


@pytest.mark.parametrize(("slouch", "valid"), [(10.5, True), (13.5, False), (-20.0, True)])
def test_started_slouched(slouch: float, valid: bool) -> None:
    (r,) = reps(seated(course(REST + rep(40)), flexion=math.radians(slouch)))
    assert r.valid is valid
    assert valid or r.faults == (RotationFault.STARTED_SLOUCHED,)


def test_without_a_known_forward_the_tilt_tells_a_slouch() -> None:
    track = seated(course(REST + rep(40)), flexion=math.radians(20))
    nothing = np.full(len(track), np.nan)
    (r,) = reps(replace(track, flexion=nothing, lateral=nothing))
    assert r.faults == (RotationFault.STARTED_SLOUCHED,)
    upright = seated(course(REST + rep(40)))
    (r,) = reps(replace(upright, flexion=nothing, lateral=nothing))
    assert r.valid


def test_walking_turns_nobody() -> None:
    track = seated(course(REST + rep(45) + rep(-45)))
    assert len(reps(track)) == 2
    assert reps(track, doing(track, WALKING)) == []


def test_a_gap_in_it_makes_it_invalid() -> None:
    track = seated(course(REST + rep(45) + rep(-45)))
    measured = track.measured.copy()
    measured[round(5.0 * GRID_HZ) : round(5.8 * GRID_HZ)] = False
    first, second = reps(replace(track, measured=measured))
    assert first.faults == (RotationFault.CUT_BY_GAP,)
    assert second.valid


def test_a_long_gap_ends_it_where_it_was() -> None:
    """Beyond 5 s the grid jumps."""
    track = seated(course(REST + rep(45) + rep(-45)))
    k = track.k.copy()
    at = round(5.0 * GRID_HZ)
    k[at:] += 600
    jumped = replace(track, k=k, t=5.0 + k / GRID_HZ)
    found = reps(jumped)
    assert found[0].faults == (RotationFault.CUT_BY_GAP,)
    assert found[0].end == pytest.approx(5.0 + (at - 1) / GRID_HZ)
    assert [r.side for r in found] == [Side.LEFT, Side.RIGHT], "its second half is no repetition of its own"
    assert found[1].valid


def test_a_heading_that_jumps_turned_nobody() -> None:
    a = course([(4.0, 0.0)])
    jump = np.concatenate((a, np.linspace(0, math.radians(30), 9), np.full(300, math.radians(30))))
    a = np.concatenate((jump, np.linspace(math.radians(30), 0, 9), np.zeros(200)))
    assert reps(seated(a)) == []


def test_supine_left_and_right_by_gravity() -> None:
    track = supine(course(REST + rep(40) + rep(-55) + rep(40)))
    found = reps(track, doing(track, LYING))
    assert [r.side for r in found] == [Side.LEFT, Side.RIGHT, Side.LEFT]
    assert {r.position for r in found} == {RotationPosition.SUPINE}
    assert [deg(r) for r in found] == pytest.approx([40, 55, 40], abs=0.1)
    assert all(r.valid for r in found)


def test_supine_angle_is_the_turn_about_the_long_axis() -> None:
    a = np.radians([-100.0, -30.0, 0.0, 45.0, 110.0])
    up = np.stack((np.cos(a), -np.sin(a), np.zeros(5)), axis=1)
    assert supine_angle(up) == pytest.approx(a)


def test_rolling_over_to_sleep_and_lying_prone_count_nothing() -> None:
    side = supine(course([*REST, (2.0, 85), (60.0, 85), (2.0, 0), (5.0, 0)]))
    assert reps(side, doing(side, LYING)) == []
    rocking: Course = [(4.0, 85.0), *[(s, d + 85.0) for s, d in rep(30)]]
    on_side = supine(course(rocking, 85.0))
    assert reps(on_side, doing(on_side, LYING)) == [], "from lying on the side"
    prone = supine(course([(3.0, 180.0), *[(s, d + 180.0) for s, d in rep(40)]], 180.0))
    assert reps(prone, doing(prone, LYING)) == []


def test_sitting_up_supine_is_a_fault() -> None:
    track = supine(course(REST + rep(40)))
    rise = course(REST + rep(25))
    up = track.up * np.cos(rise)[:, None] + np.array([0.0, 0.0, 1.0]) * np.sin(rise)[:, None]
    (r,) = reps(replace(track, up=up), doing(track, LYING))
    assert r.faults == (RotationFault.FLEXED,)


def test_it_is_known_soon() -> None:
    track = seated(course(REST + rep(45) + rep(-45) + rep(45)))
    d = RotationDetector()
    found = d.process(track, doing(track))
    assert len(found) == 3
    for k, r in found:
        assert 0.0 < 5.0 + k / GRID_HZ - r.end <= 1.5
    stopped = 3.0 + 5.0
    assert found[0][0] / GRID_HZ - stopped <= 1.6, "from the moment the turn stopped"


def day() -> tuple[Track, ActivityTrack]:
    """Everything one after the other, with a gap and a jump of the grid."""
    steps: Course = REST + rep(45) + rep(-30) + [(1.2, 40), (1.6, -50), (1.6, 35), (1.2, 0), (4.0, 0)]
    steps += [
        (2.0, 60),
        (24.0, 60),
        *[(s, d + 60) for s, d in rep(35)],
        (1.0, 10),
        (9.0, 10),
        (1.5, 40),
        (1.5, 40),
        (1.5, 10),
        (4.0, 10),
    ]
    a = course(steps)
    rng = np.random.default_rng(3)
    a = a + np.cumsum(rng.normal(0, 2e-5, len(a))) + rng.normal(0, 2e-4, len(a))
    upright = seated(a, flexion=0.05 * np.sin(np.arange(len(a)) / 90), lateral=0.3 * course(steps))
    lying = supine(course(REST + rep(40) + rep(-55)))
    measured = upright.measured.copy()
    measured[700:760] = False
    upright = replace(upright, measured=measured)
    n, m = len(upright), len(lying)
    both = {
        name: np.concatenate((getattr(upright, name), getattr(lying, name)))
        for name in Track.__slots__
        if name not in ("k", "t")
    }
    k = np.arange(n + m)
    k[900:] += 400
    codes = np.concatenate((np.full(n, MOVING, np.uint8), np.full(m, LYING, np.uint8)))
    codes[2000:2100] = WALKING
    return Track(k=k, t=5.0 + k / GRID_HZ, **both), ActivityTrack(k, codes, np.zeros(n + m, np.uint8))


DAY, DOING = day()
WHOLE = known(DAY, DOING)


def rows(track: Track, lo: int, hi: int) -> Track:
    return Track(**{name: getattr(track, name)[lo:hi] for name in Track.__slots__})


def streamed(cuts: list[int]) -> list[tuple[int, RotationRep]]:
    d = RotationDetector()
    found: list[tuple[int, RotationRep]] = []
    edges = [0, *cuts, len(DAY)]
    for lo, hi in pairwise(edges):
        part = ActivityTrack(DOING.k[lo:hi], DOING.codes[lo:hi], DOING.lying_side[lo:hi])
        found += d.process(rows(DAY, lo, hi), part)
    return found + d.finish()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, len(DAY)), max_size=60))
def test_the_cut_changes_no_bit(cuts: list[int]) -> None:
    assert streamed(sorted(cuts)) == WHOLE


def test_the_cut_into_single_points_changes_no_bit() -> None:
    assert len(WHOLE) >= 8
    assert {r.position for _, r in WHOLE} == set(RotationPosition)
    assert streamed(list(range(1, len(DAY)))) == WHOLE


def test_what_is_known_is_said_at_once() -> None:
    """Each repetition comes with the very point it is decided by."""
    d = RotationDetector()
    edges = list(range(0, len(DAY) + 1, 7))
    for lo, hi in pairwise(edges):
        part = ActivityTrack(DOING.k[lo:hi], DOING.codes[lo:hi], DOING.lying_side[lo:hi])
        for k, _ in d.process(rows(DAY, lo, hi), part):
            assert k <= int(DAY.k[hi - 1])


def test_differing_lengths_are_refused() -> None:
    track = seated(course(REST))
    with pytest.raises(ValueError, match="same grid points"):
        RotationDetector().process(track, doing(rows(track, 0, 10)))
