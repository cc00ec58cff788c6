"""The strap's clock on UTC: delay only ever adds, and late packets pull nothing."""

from __future__ import annotations

import numpy as np
import pytest

from unslouch.link.clock import ClockMap, knots_of, utc_of
from unslouch.live.dating import BootTime, Dating, boot_order, boots_of, dated, merged_boots
from unslouch.wire.layout import Content
from unslouch.wire.records import ClockPoints, DecodedBlock, TimeRecord
from unslouch_signal.samples import samples


def run(hours: float, ppm: float, jitter: float, seed: int, packet_s: float = 2 / 52) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of the mapped time (s) at each packet, and its strap time."""
    chance = np.random.default_rng(seed)
    t = np.arange(0, hours * 3600, packet_s)
    truth = 1.7e9 + t * (1 + ppm * 1e-6)
    arrival = truth + 0.02 + jitter * chance.random(len(t))
    clock, error = ClockMap(), np.empty(len(t))
    for k in range(len(t)):
        clock.add(float(t[k]), float(arrival[k]))
        assert clock.fit is not None
        error[k] = clock.fit.utc(float(t[k])) - truth[k] - 0.02
    return error, t


@pytest.mark.parametrize("ppm", [-40.0, 0.0, 40.0])
def test_jitter_and_drift_under_radio_jitter_of_100_ms(ppm: float):
    error, t = run(1.0, ppm, 0.1, seed=1)
    settled = error[t > 60]
    assert np.std(settled) <= 2e-3
    assert np.std(np.diff(settled)) <= 1e-3
    assert abs(np.mean(error[t > 3540])) <= 5e-3


def test_late_packets_pull_nothing():
    clock = ClockMap()
    chance = np.random.default_rng(2)
    for k in range(20_000):
        t = k * 2 / 52
        late = 0.6 * chance.random() if 300 < t < 340 else 0.004 * chance.random()
        clock.add(t, 1000 + t + 0.01 + late)
    assert clock.fit is not None
    assert clock.fit.utc(320.0) == pytest.approx(1320.01, abs=2e-3)


def test_a_thousand_late_packets_and_a_fast_crystal():
    chance = np.random.default_rng(3)
    t = np.arange(0, 3600, 2 / 52)
    truth = 1.7e9 + t * (1 + 40e-6)
    arrival = truth + 0.02 + 0.1 * chance.random(len(t))
    late = chance.choice(len(t), 1000, replace=False)
    arrival[late] += 30 * chance.random(1000)
    clock, error = ClockMap(), np.empty(len(t))
    for k in range(len(t)):
        clock.add(float(t[k]), float(arrival[k]))
        assert clock.fit is not None
        error[k] = clock.fit.utc(float(t[k])) - truth[k] - 0.02
    settled = error[t > 60]
    assert np.std(settled) <= 2e-3
    assert abs(np.mean(error[t > 3540])) <= 5e-3
    assert clock.steps == 0


@pytest.mark.parametrize("step", [-0.4, 0.9, 45.0])
def test_a_step_of_this_machines_clock_is_followed_and_what_was_before_keeps_its_time(step: float):
    chance = np.random.default_rng(4)
    t = np.arange(0, 1800, 2 / 52)
    truth = 1.7e9 + t * (1 - 40e-6) + np.where(t >= 900, step, 0.0)
    arrival = truth + 0.02 + 0.1 * chance.random(len(t))
    clock = ClockMap()
    for a, b in zip(t.tolist(), arrival.tolist(), strict=True):
        clock.add(a, b)
    assert clock.steps == 1

    def error(mapped: list[float]) -> np.ndarray:
        return np.array(mapped) - truth - 0.02

    live = error([clock.utc(one) or 0.0 for one in t.tolist()])
    knots = knots_of(t, arrival)
    later = error([utc_of(knots, one) for one in t.tolist()])
    for mapped in (live, later):
        near = np.abs(t - 900) <= 2.0
        assert np.abs(mapped[~near]).max() <= 8e-3
        assert np.std(mapped[~near]) <= 4e-3


def test_looked_back_on_the_clock_is_mapped_as_well():
    chance = np.random.default_rng(5)
    t = np.arange(0, 8 * 3600, 18 / 52)  # a day in economy mode
    # the crystal drifts by 3 ppm as the room warms up
    truth = 1.7e9 + t * (1 + 35e-6) + 3e-6 * 3600 * np.sin(t / 7200)
    arrival = truth + 0.03 + 0.1 * chance.random(len(t))
    knots = knots_of(t, arrival)
    assert len(knots) < 60
    error = np.array([utc_of(knots, one) for one in t.tolist()]) - truth - 0.03
    assert np.std(error) <= 4e-3
    # beyond what was heard the clock goes on at its pace: an hour alone
    assert utc_of(knots, t[-1] + 3600) - (truth[-1] + 3600 * (1 + 35e-6)) == pytest.approx(0.03, abs=0.05)


def test_knots_of_little():
    assert knots_of(np.empty(0), np.empty(0)) == ()
    assert utc_of(knots_of(np.array([5.0]), np.array([105.0])), 7.0) == pytest.approx(107.0)
    assert utc_of(((0.0, 100.0), (1.0, 146.0)), 11.0) == pytest.approx(156.0)  # a step is no drift


def points(boot: int, t: np.ndarray, zero: float) -> ClockPoints:
    return ClockPoints(t + zero, np.full(len(t), boot, np.int64), np.rint(t * 1e6).astype(np.int64))


def block(boot: int, t: np.ndarray, offset: float) -> DecodedBlock:
    quat = np.tile([1.0, 0, 0, 0], (len(t), 1))
    seq = np.arange(len(t), dtype=np.int64)
    return DecodedBlock(samples(t + offset, quat), boot, seq, offset, Content.FUSED)


def test_live_dates_go_on_over_a_restart():
    dating = Dating()
    assert dating.utc(0.0) is None
    t = np.arange(0, 60, 0.1)
    dating.take(points(1, t, 1000.0), [block(1, t, 0.0)])
    dating.take(points(2, t, 1100.0), [block(2, t, 70.0)])
    assert dating.utc(30.0) == pytest.approx(1030.0)
    assert dating.utc(70.0 + 30.0) == pytest.approx(1130.0)


def test_unheard_boots_lie_between_their_neighbours():
    knots = ((0.0, 1000.0), (100.0, 1100.0))
    heard = [BootTime(1, 0, 100, knots), BootTime(4, 0, 50, ((0.0, 2000.0), (50.0, 2050.0)))]
    one, two = BootTime(2, 0, 98, ()), BootTime(3, 1, 198, ())
    found = dated([heard[0], one, two, heard[1]])
    room = 2000 - 1100 - (98 + 1) - (198 + 1)
    assert found[1].uncertain_s is None
    assert found[2].uncertain_s == found[3].uncertain_s == pytest.approx(room / 2 + 1)
    assert found[2].utc(0.0) == pytest.approx(1100 + room / 3 + 1)
    assert found[3].utc(198.0) == pytest.approx(2000 - room / 3)
    # without a neighbour before, it ended before the next one began
    alone = dated([one, heard[1]])
    assert alone[2].utc(98.0) == pytest.approx(2000, abs=2)
    assert alone[2].uncertain_s == np.inf
    assert dated([one]) == {}


def test_boots_are_told_by_packets_or_by_the_strap_s_own_record():
    t = np.arange(0, 60, 0.1)
    clock = points(7, t, 5000.0)
    told = TimeRecord(1, 6, 0, 2_000_000, 4_002_000_000)
    found = boots_of(clock, (told,), [block(5, t, 0.0), block(6, t, 0.0), block(7, t, 0.0)])
    assert [kind for _, kind in found] == ["none", "told", "live"]
    assert utc_of(found[1][0].knots, 3.0) == pytest.approx(4003.0)
    assert utc_of(found[2][0].knots, 3.0) == pytest.approx(5003.0, abs=1e-3)


def test_what_recordings_tell_of_a_boot_is_one():
    one = merged_boots([BootTime(3, 0, 10, ((0.0, 50.0),)), BootTime(3, 90, 100, ((0.0, 50.01), (100.0, 150.0)))])
    assert (one.first_t, one.last_t) == (0, 100)
    assert one.knots == ((0.0, 50.0), (100.0, 150.0))
    assert boot_order([65535, 0, 65534, 1]) == [65534, 65535, 0, 1]
