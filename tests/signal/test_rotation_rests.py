from __future__ import annotations

import math

import numpy as np
import pytest

from unslouch_signal.neutral import NeutralParameters, RunningNeutral
from unslouch_signal.rests import Motion, RestedMotion, RestFinder, RestParameters
from unslouch_signal.track import GRID_HZ


def motion(angle_deg: np.ndarray, rate_deg: float | np.ndarray = 0.0, tilt_deg: float | np.ndarray = 0.0) -> Motion:
    n = len(angle_deg)

    def full(a: float | np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.radians(a), n).astype(float)

    yes, nothing = np.ones(n, np.bool_), np.zeros(n)
    up = np.tile([0.0, 0.0, 1.0], (n, 1))
    return Motion(np.radians(angle_deg), full(rate_deg), full(tilt_deg), up, nothing, nothing, yes, yes)


def rested(m: Motion) -> RestedMotion:
    f = RestFinder(0, RestParameters())
    first = f.process(m)
    last = f.finish()
    assert last is not None
    return first.then(last)


@pytest.mark.parametrize(("rate", "rests"), [(8.5, True), (11.5, False)])
def test_quiet_is_below_ten_degrees_a_second(rate: float, rests: bool) -> None:
    assert bool(rested(motion(np.zeros(200), rate)).rest.any()) is rests


@pytest.mark.parametrize(("slope", "rests"), [(3.0, True), (4.0, False), (-4.0, False)])
def test_a_slow_turn_is_no_rest(slope: float, rests: bool) -> None:
    r = rested(motion(slope * np.arange(300) / GRID_HZ))
    assert bool(r.rest[50:250].any()) is rests


@pytest.mark.parametrize(("tilt", "seconds", "rests"), [(13, 0.5, True), (17, 1.2, False), (17, 1.9, True)])
def test_tilted_it_takes_longer_than_the_top_of_a_bend(tilt: float, seconds: float, rests: bool) -> None:
    rate = np.full(400, 60.0)
    rate[150 : 150 + round(seconds * GRID_HZ) + 14] = 0.0
    assert bool(rested(motion(np.zeros(400), rate, tilt)).rest.any()) is rests


def test_rest_counts_from_its_beginning_and_the_latest_is_remembered() -> None:
    rate = np.zeros(300)
    rate[100:150] = 90.0
    r = rested(motion(np.zeros(300), rate))
    assert len(r.rest) == 300
    assert r.rest[13] == 0
    assert r.rest[14] == 15
    assert r.rest[60] == 61
    assert not r.rest[100:150].any()
    assert r.last_rest[120] < 100
    assert r.last_rest[-1] == 299


def test_gaps_and_what_is_not_allowed_are_no_rest() -> None:
    m = motion(np.zeros(200))
    m.measured[100:] = False
    assert not rested(m).rest[100:].any()
    m = motion(np.zeros(200))
    m.allowed[100:] = False
    assert not rested(m).rest[100:].any()


def test_the_level_is_the_latest_rest_and_the_slope_is_learnt() -> None:
    n = RunningNeutral(NeutralParameters(repositioning=math.radians(0.2), drift=math.radians(0.3)))
    for k in range(0, 6000, 500):
        n.update(math.radians(0.25) * k / GRID_HZ, k)
    assert math.degrees(n.rate) == pytest.approx(0.25, rel=0.05)
    assert n.at(n.k) == pytest.approx(math.radians(0.25) * n.k / GRID_HZ)
    assert math.degrees(n.at(n.k + 1000) - n.at(n.k)) == pytest.approx(5.0, rel=0.05)


def test_repositioning_is_not_taken_for_drift() -> None:
    n = RunningNeutral(NeutralParameters())
    rng = np.random.default_rng(1)
    for i in range(40):
        n.update(math.radians(float(rng.normal(0, 2.5))), i * 400)
    assert abs(math.degrees(n.rate)) < 0.05


def test_where_gravity_sees_the_angle_nothing_drifts() -> None:
    n = RunningNeutral(NeutralParameters(drift=0.0, drift_walk=0.0))
    n.update(0.0, 0)
    n.update(0.1, 500)
    assert n.rate == 0.0
    assert n.at(5000) == pytest.approx(0.1)


def test_a_restart_keeps_the_drift_and_moves_the_level() -> None:
    n = RunningNeutral(NeutralParameters())
    n.update(0.0, 0)
    n.update(0.05, 1000)
    rate = n.rate
    assert rate > 0.0
    n.restart(1.0, 2000)
    assert n.rate == rate
    assert n.at(2000) == 1.0
    n.forget()
    assert not n.known


def holed(angle: np.ndarray, lo: int, hi: int) -> np.ndarray:
    """Bridge what was lost between two points by a straight line, as the grid does."""
    out = angle.copy()
    out[lo : hi + 1] = np.linspace(angle[lo], angle[hi], hi + 1 - lo)
    return out


def test_a_hole_at_the_top_of_a_quick_turn_is_no_jump() -> None:
    turn = 50 * np.sin(np.pi * np.clip((np.arange(300) - 100) / 60, 0, 1)) ** 2
    assert not rested(motion(holed(turn, 122, 139))).jumped.any()
    assert not rested(motion(holed(turn, 105, 122))).jumped.any()


@pytest.mark.parametrize("points", [1, 3, 8])
def test_a_heading_that_jumps_is_noticed_unless_it_was_in_a_gap(points: int) -> None:
    m = motion(np.interp(np.arange(300), (150, 150 + points), (0, 30)))
    assert rested(m).jumped.any()
    m.measured[150 - 2 : 150 + points + 3] = False
    assert not rested(m).jumped.any()
