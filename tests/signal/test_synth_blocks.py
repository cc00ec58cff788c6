from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal.events import Side
from unslouch_signal.samples import SampleFlag, kept
from unslouch_signal.synth import (
    COMMANDS,
    LivePerson,
    Person,
    RadioModel,
    Scenario,
    SensorModel,
    Simulation,
    movements,
    scenarios,
    simulate,
    truth_to_json,
)
from unslouch_signal.synth.radio import Radio
from unslouch_signal.synth.strap import CHUNK, VqfFuser, WornStrap, join

BUSY = Scenario(
    "busy",
    (
        movements.Rest(1.0),
        movements.Walk((90.0,), 3.0),
        movements.StrapSlip(20.0),
        movements.RotateTrunk(Side.LEFT, 40.0),
        movements.TakeOff(5.0),
        movements.Rest(5.0),
    ),
)


def strap(seed=1, fuser=True):
    worn = WornStrap(SensorModel(), Person(), None, seed, VqfFuser(52.0) if fuser else None)
    worn.play(BUSY.script())
    worn.buzz(3.0, 0.6)
    return worn


WHOLE = strap().take(1600)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_how_a_simulation_is_cut_changes_no_bit(cuts):
    worn = strap()
    total = 0
    raw, fused, sensor = [], [], []
    for n in [*cuts, 1600]:
        n = min(n, 1600 - total)
        if n == 0:
            break
        part = worn.take(n)
        total += n
        raw.append(part.raw)
        fused.append(part.fused)
        sensor.append(part.sensor)
    got, got_fused = join(raw), join(fused)
    for name in ("t", "acc", "gyr", "flags"):
        np.testing.assert_array_equal(getattr(got, name), getattr(WHOLE.raw, name))
    np.testing.assert_array_equal(got_fused.quat, WHOLE.fused.quat)
    np.testing.assert_array_equal(np.concatenate(sensor), WHOLE.sensor)


def test_the_seed_decides_everything():
    a, b, c = (simulate(scenarios.demo(1), seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.block_fused.quat, b.block_fused.quat)
    np.testing.assert_array_equal(a.block_raw.gyr, b.block_raw.gyr)
    assert a.truth.rotations == b.truth.rotations
    assert not np.array_equal(a.block_raw.gyr, c.block_raw.gyr)
    assert not np.allclose(a.truth.mounting, c.truth.mounting)


def test_a_recording_in_the_making_is_the_whole_one():
    radio = RadioModel(packet_samples=6, loss=0.05, outages=((30.0, 40.0),))
    whole = simulate(scenarios.demo(2), seed=5, radio=radio)
    making = Simulation(scenarios.demo(2), seed=5, radio=radio)
    told: list[int] = []
    truth = making.truth(told.append, sensor=False)
    parts = list(making.blocks())
    assert len(making) == sum(told) == len(whole.taken_raw)
    assert max(len(part.raw) for part in parts) <= CHUNK < len(making), "in blocks"
    assert truth_to_json(truth) == truth_to_json(whole.truth)
    assert truth.sensor.shape == (0, 4)
    assert truth.slouches[0].alert is not None
    assert (join([part.raw for part in parts]).flags & SampleFlag.MOTOR).any(), "it buzzes at the alert"
    for name in ("t", "acc", "gyr", "flags"):
        np.testing.assert_array_equal(getattr(join([p.raw for p in parts]), name), getattr(whole.taken_raw, name))
    fused = kept(join([part.fused for part in parts if part.fused is not None]), making.arrived)
    np.testing.assert_array_equal(fused.quat, whole.block_fused.quat)


def test_the_truth_is_that_of_the_samples_taken():
    """The look ahead has no sensor and no motor, and sees the same."""
    made = simulate(scenarios.demo(4), seed=6)
    worn = WornStrap(SensorModel(), Person(), None, 6, None)
    worn.play(scenarios.demo(4).script())
    taken = worn.take(len(made.truth.t))
    np.testing.assert_array_equal(taken.raw.t, made.truth.t)
    np.testing.assert_array_equal(taken.sensor, made.truth.sensor)


def test_hours_are_made_in_the_memory_of_a_block():
    making = Simulation(scenarios.desk_day(5400.0, 1), seed=1, fused=False)
    making.truth(sensor=False)
    tracemalloc.start()
    try:
        total = sum(len(part.raw) for part in making.blocks())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 5400 * 52
    assert peak < 16e6, "all of it would be 35 MB"


def test_scenarios_differ_by_seed_and_not_by_call():
    assert scenarios.desk_day(900.0, 4) == scenarios.desk_day(900.0, 4)
    assert scenarios.desk_day(900.0, 4) != scenarios.desk_day(900.0, 5)


def test_live_is_the_same_as_recorded():
    recorded = simulate(scenarios.demo(3), seed=3, buzzes=False).block_fused
    person = LivePerson(scenarios.demo(3), seed=3)
    live = join([person.samples(7) for _ in range(400)])
    np.testing.assert_array_equal(live.quat, recorded.quat[:2800])
    np.testing.assert_array_equal(live.t, recorded.t[:2800])


def test_a_live_person_does_what_one_says():
    person = LivePerson(seed=5)
    person.advance(2.0)
    person.command("slouch")
    person.advance(6.0)
    assert person.angles_deg()[0] == pytest.approx(22.0, abs=2.0)
    person.command("upright")
    person.advance(3.0)
    assert person.angles_deg()[0] == pytest.approx(0.0, abs=2.0)
    done = person.command("rotate left")
    person.advance(2.5)
    assert person.angles_deg()[2] == pytest.approx(46.0, abs=2.0)
    person.advance(done - person.now)
    assert person.angles_deg()[2] == pytest.approx(0.0, abs=2.0)
    person.queue("rotate right")
    person.advance(2.5)
    assert person.angles_deg()[2] == pytest.approx(-43.0, abs=2.0)


def test_a_command_breaks_off_what_is_under_way():
    person = LivePerson(seed=6)
    person.command("rotate left")
    person.advance(0.8)
    person.command("upright")
    person.advance(4.0)
    flexion, lateral, axial = person.angles_deg()
    assert max(abs(flexion), abs(lateral), abs(axial)) < 2.5
    person.command("walk")
    person.advance(8.0)
    person.command("upright")
    person.advance(4.0)
    quiet = person.advance(2.0)
    assert np.linalg.norm(quiet.acc, axis=1).std() < 0.1


def test_who_never_got_up_still_lies():
    person = LivePerson(seed=8)
    person.advance(person.command("lie down"))
    person.command("get up")
    person.advance(1.0)
    person.command("upright")
    assert person.pose().lying is not None
    done = person.command("get up")
    person.advance(done - person.now)
    assert person.pose().lying is None
    assert abs(person.angles_deg()[0]) < 3.0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_done_from_everywhere(name):
    person = LivePerson(seed=7, raw=True)
    for before in ("slouch", "lie down", "stand", "walk"):
        person.command(before)
        person.advance(3.0)
        person.command(name)
        block = person.advance(3.0)
        assert np.isfinite(block.acc).all()
        assert np.linalg.norm(block.acc, axis=1).max() < 40.0
        assert block.quat is None


def test_an_unknown_command_is_named():
    with pytest.raises(ValueError, match="'dance'"):
        LivePerson().command("dance")
    with pytest.raises(ValueError, match="at least one"):
        LivePerson().samples(0)


def test_a_live_person_can_buzz():
    person = LivePerson(seed=1)
    person.advance(1.0)
    person.buzz(0.5)
    block = person.advance(1.0)
    assert (block.flags & 1).sum() == pytest.approx(26, abs=1)


def test_lost_packets_come_in_bursts_at_the_rate_asked_for():
    t = np.arange(200_000) / 52.0
    keep = Radio(RadioModel(packet_samples=4, loss=0.2, burst=5.0), 3).arrives(0, t)
    assert 1.0 - keep.mean() == pytest.approx(0.2, abs=0.02)
    packets = keep.reshape(-1, 4)
    np.testing.assert_array_equal(packets.all(axis=1), packets.any(axis=1))
    edges = np.flatnonzero(np.diff(np.concatenate(([True], packets[:, 0], [True])).astype(int)))
    assert np.mean(edges[1::2] - edges[::2]) == pytest.approx(5.0, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_what_the_radio_loses_does_not_depend_on_the_cut(cuts):
    model = RadioModel(packet_samples=3, loss=0.3, burst=2.0, outages=((4.0, 6.0),))
    t = np.arange(sum(cuts)) / 52.0
    whole = Radio(model, 1).arrives(0, t)
    radio, at, parts = Radio(model, 1), 0, []
    for n in cuts:
        parts.append(radio.arrives(at, t[at : at + n]))
        at += n
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_strap_fuses_also_what_the_radio_loses():
    radio = RadioModel(loss=0.1, burst=1.0, outages=((60.0, 70.0),))
    lossy = simulate(scenarios.demo(2), seed=2, radio=radio)
    clean = simulate(scenarios.demo(2), seed=2, buzzes=False)
    np.testing.assert_array_equal(lossy.block_fused.t, lossy.truth.t[lossy.arrived])
    quiet = lossy.block_fused.t < 30.0
    np.testing.assert_array_equal(
        lossy.block_fused.quat[quiet], clean.block_fused.quat[lossy.arrived][: int(quiet.sum())]
    )
    assert lossy.truth.gaps[0] == pytest.approx((60.0, 70.0), abs=0.3)


def test_radio_models_are_checked():
    with pytest.raises(ValueError, match="loss must be"):
        RadioModel(loss=1.0)


def test_eight_hours_take_seconds():
    worn = WornStrap(SensorModel(), Person(), None, 1, None)
    worn.play(scenarios.desk_day(7200.0, 1).script())
    began = time.process_time()
    worn.take(2 * 3600 * 52)
    assert 4 * (time.process_time() - began) < 60.0  # 2.4 s on a quiet core; a loop over samples takes minutes
