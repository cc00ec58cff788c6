from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal import quaternion as qt
from unslouch_signal.activity import CODES
from unslouch_signal.analyser import Analyser
from unslouch_signal.analysis import analyse_recording
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import ActivityKind, Event, RotationRep
from unslouch_signal.frames import parse_mount
from unslouch_signal.samples import SampleBlock, SampleFlag, kept, samples

LEVEL = Calibration((1.0, 0.0, 0.0, 0.0), True, "bows", heading=0.0)


def day(seed: int, n: int = 6000, rate: float = 52.0) -> SampleBlock:
    """Everything at once: slouches, turns, steps, lying, gaps, flags; fused, with acceleration."""
    rng = np.random.default_rng(seed)
    dt = rng.uniform(0.8, 1.2, n) / rate
    dt[rng.integers(0, n, 6)] += rng.choice([0.3, 0.6, 3.0, 9.0, 70.0], 6)
    t = np.cumsum(dt)
    knots = np.sort(rng.uniform(0, t[-1], 24))
    flexion = np.radians(np.interp(t, knots, rng.choice([0, 3, 14, 25, -90], 24, p=[0.4, 0.2, 0.2, 0.15, 0.05])))
    axial = np.radians(np.interp(t, np.sort(rng.uniform(0, t[-1], 30)), rng.choice([0, 0, 45, -50], 30)))
    tilt = qt.from_rotvec(np.stack((0 * t, flexion, 0 * t), axis=1))
    quat = qt.multiply(qt.from_rotvec(np.stack((0 * t, 0 * t, axial), axis=1)), tilt)
    steps = np.where(np.sin(t / 9) > 0.7, 2.0 * np.sin(11.0 * t), 0.0)
    acc = qt.up_in_sensor(quat) * (9.80665 + steps)[:, None] + 0.02 * rng.standard_normal((n, 3))
    gyr = qt.to_rotvec(qt.multiply(qt.conjugate(quat[:-1]), quat[1:])) / dt[1:, None]
    flags = np.zeros(n, np.uint8)
    flags[n // 2 : n // 2 + 150] = SampleFlag.OFF_BODY
    return samples(t, quat, acc, np.concatenate((gyr[:1], gyr)), flags)


def analysed(block: SampleBlock, seed: int, longest: int) -> tuple[list[Event], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    analyser, events, axial, i = Analyser(LEVEL), [], [], 0
    while i < len(block):
        n = int(rng.integers(1, longest + 1))
        events += analyser.process(block[i : i + n])
        assert analyser.track is not None
        axial.append(analyser.track.axial)
        i += n
    return events + analyser.finish(), axial


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 3, 20, 300, 3000]), st.booleans())
def test_how_a_recording_is_cut_changes_no_bit(seed: int, longest: int, raw: bool) -> None:
    block = day(seed, 1500 if longest == 1 else 6000)
    if raw:
        block = SampleBlock(block.t, None, block.acc, block.gyr, block.flags)
    whole, axial = analysed(block, 0, 10**6)
    cut, pieces = analysed(block, seed, longest)
    assert cut == whole
    assert np.array_equal(np.concatenate(pieces), axial[0])


def slouched(seconds: float = 60.0) -> SampleBlock:
    t = np.arange(0, seconds, 1 / 52)
    quat = qt.from_rotvec(np.stack((0 * t, np.radians(np.where(t > 20, 20.0, 0.0)), 0 * t), axis=1))
    return samples(t, quat)


def test_the_newest_state_for_a_screen() -> None:
    analyser = Analyser(LEVEL)
    assert analyser.latest is None
    analyser.process(slouched(30.0))
    now = analyser.latest
    assert now is not None
    assert (now.calibrated, now.slouching, now.doubt) == (True, True, None)
    assert now.slouch_s == pytest.approx(9.96, abs=0.05)
    assert np.degrees(now.flexion or 0) == pytest.approx(20)
    without = Analyser()
    without.process(slouched(30.0))
    now = without.latest
    assert now is not None
    assert (now.calibrated, now.slouching, now.flexion) == (False, False, None)
    assert np.degrees(now.tilt) == pytest.approx(20)


def test_seconds_of_posture_add_up_to_the_recording() -> None:
    block = day(5)
    found = analyse_recording(block, calibration=LEVEL)
    total = found.posture.upright + found.posture.slouched + found.posture.unknown
    assert total == pytest.approx(len(found.track) / 50)
    assert found.calibration_source == "file"
    simple = analyse_recording(slouched(), calibration=LEVEL)
    assert simple.posture.slouched == pytest.approx(40, abs=0.1)
    assert simple.posture.upright == pytest.approx(20, abs=0.1)
    assert [a.t for a in simple.alerts] == [pytest.approx(35.02, abs=0.03)]


def test_where_the_calibration_comes_from() -> None:
    block = slouched()
    still = analyse_recording(block)
    assert still.calibration_source == "still start"
    assert still.calibration is not None
    assert "forward is unknown" in still.calibration.reasons[-1]
    assert still.slouches[0].direction is None
    assert len(still.alerts) == 1
    mounted = analyse_recording(block, mount=parse_mount("front,left,up"))
    assert mounted.calibration_source == "mount"
    assert mounted.slouches[0].direction is not None
    late = analyse_recording(block, neutral=(30.0, 40.0))
    assert late.calibration_source == "neutral"
    assert late.track.tilt[0] == pytest.approx(np.radians(20))
    with pytest.raises(ValueError, match="no samples in the neutral 100:200"):
        analyse_recording(block, neutral=(100.0, 200.0))
    with pytest.raises(ValueError, match="no samples"):
        analyse_recording(block[:0])


def turning(peak_deg: float, times: int = 4) -> SampleBlock:
    """Sitting upright, turning to the left and back again and again."""
    t = np.arange(0, 20.0 + 9.0 * times, 1 / 52)
    knots, angles = [0.0], [0.0]
    for k in range(times):
        knots += [12.0 + 9 * k, 14.0 + 9 * k, 16.0 + 9 * k, 18.0 + 9 * k]
        angles += [0.0, peak_deg, peak_deg, 0.0]
    axial = np.radians(np.interp(t, knots, angles))
    quat = qt.from_rotvec(np.stack((0 * t, 0 * t, axial), axis=1))
    return samples(t, quat, np.tile((0.0, 0.0, 9.80665), (len(t), 1)), np.zeros((len(t), 3)))


def test_small_turns_count_while_a_coached_session_expects_them() -> None:
    def found(peak_deg: float, expected: float | None) -> int:
        analyser = Analyser(LEVEL)
        block = turning(peak_deg)
        events = analyser.process(block[:260])
        analyser.expect_rotations(expected)
        events += analyser.process(block[260:])
        return sum(isinstance(event, RotationRep) for event in events + analyser.finish())

    assert found(15.0, None) == 0
    assert found(15.0, 0.0) == 4
    assert found(15.0, np.radians(45.0)) == 0, "40 % of the usual range"
    assert found(19.0, np.radians(45.0)) == 4
    assert found(8.0, 0.0) == 0


def test_the_end_of_a_coached_session_counts_as_before() -> None:
    analyser, block = Analyser(LEVEL), turning(15.0, 6)
    analyser.process(block[:260])
    analyser.expect_rotations(0.0)
    analyser.process(block[260 : 52 * 31])
    analyser.expect_rotations(None)
    later = analyser.process(block[52 * 31 :])
    assert not any(isinstance(event, RotationRep) for event in later + analyser.finish())


def test_activity_stands_beside_the_track() -> None:
    analyser = Analyser(LEVEL)
    assert analyser.activity is None
    block = day(5)
    analyser.process(block)
    assert analyser.track is not None
    assert analyser.latest is not None
    codes = analyser.activity
    assert codes is not None
    assert codes.shape == analyser.track.t.shape
    assert CODES[codes[-1]].value == analyser.latest.activity
    off = np.searchsorted(analyser.track.t, block.t[len(block) // 2 + 70])
    assert CODES[codes[off]] is ActivityKind.OFF_BODY


@pytest.mark.parametrize("first", range(90, 97))
def test_without_a_calibration_again_a_short_block_may_hold_no_grid_point(first: int) -> None:
    t = np.arange(0, 2, 1 / 104)
    block = samples(t, np.tile(qt.from_rotvec(np.array([0.0, 0.3, 0.0])), (len(t), 1)))
    analyser = Analyser(LEVEL)
    analyser.process(block[:first])
    analyser.set_calibration(None)
    for i in range(first, first + 5):
        analyser.process(block[i : i + 1])
    assert analyser.latest is not None
    assert (analyser.latest.calibrated, analyser.latest.tilt) == (False, pytest.approx(0.0, abs=1e-6))


@pytest.mark.parametrize(
    ("value", "raw"), [(np.nan, False), (np.inf, False), (0.0, False), (np.nan, True), (np.inf, True)]
)
def test_samples_that_say_nothing_count_as_lost(value: float, raw: bool) -> None:
    whole = day(3)
    if raw:
        whole = SampleBlock(whole.t, None, whole.acc, whole.gyr, whole.flags)
    broken = np.zeros(len(whole), np.bool_)
    broken[[0, 700, 701, 2500]] = True
    broken[4000:4100] = True
    parts = [None if a is None else a.copy() for a in (whole.quat, whole.acc, whole.gyr)]
    for part in parts[:1] if not raw else parts[1:]:
        assert part is not None
        part[broken] = value
    spoilt = SampleBlock(whole.t, parts[0], parts[1], parts[2], whole.flags)
    lost = kept(whole, ~broken)
    assert analysed(spoilt, 1, 300)[0] == analysed(lost, 1, 10**6)[0]
    ours, theirs = (analyse_recording(b, calibration=LEVEL) for b in (spoilt, lost))
    assert ours.events == theirs.events
    assert np.array_equal(ours.track.axial, theirs.track.axial)


def test_orientation_that_is_a_little_long_is_mended() -> None:
    block = day(4)
    assert block.quat is not None
    longer = samples(block.t, block.quat * 1.02, block.acc, flags=block.flags)
    ours, theirs = (analyse_recording(b, calibration=LEVEL) for b in (longer, block))
    assert ours.track.flexion == pytest.approx(theirs.track.flexion, abs=1e-9)
    assert [type(e) for e in ours.events] == [type(e) for e in theirs.events]


def test_acceleration_of_zeros_beside_orientation_is_no_gravity() -> None:
    t = np.arange(0, 20, 0.02)
    quat = np.tile(qt.from_rotvec(np.array([0.0, 0.4, 0.0])), (len(t), 1))
    with_zeros = analyse_recording(samples(t, quat, np.zeros((len(t), 3)))).calibration
    without = analyse_recording(samples(t, quat)).calibration
    assert with_zeros is not None
    assert without is not None
    assert with_zeros.mount == without.mount
