from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal import quaternion as qt
from unslouch_signal.analysis import analyse_recording
from unslouch_signal.fusion import CausalFusion, fuse
from unslouch_signal.samples import FloatArray, SampleBlock, SampleFlag, samples
from unslouch_signal.synth import WORST, scenarios, simulate


def moving(t: FloatArray, bias_deg: float = 0.0) -> tuple[SampleBlock, FloatArray]:
    """Raw samples of a thorax that bends and turns after 5 s of stillness; and the true orientation."""
    go = np.clip((t - t[0] - 5) / 2, 0, 1)
    pitch, yaw = 0.5 * go * np.sin(0.8 * t), 0.7 * go * np.sin(0.5 * t)
    q = qt.multiply(
        qt.from_rotvec(np.stack((0 * t, 0 * t, yaw), axis=1)), qt.from_rotvec(np.stack((0 * t, pitch, 0 * t), axis=1))
    )
    dt = np.diff(t)
    mid = qt.to_rotvec(qt.multiply(qt.conjugate(q[:-1]), q[1:])) / dt[:, None]
    gyr = np.concatenate((mid[:1], 0.5 * (mid[1:] + mid[:-1]), mid[-1:]))
    return samples(t, None, qt.up_in_sensor(q) * 9.80665, gyr + np.radians(bias_deg)), q


def errors_deg(found: SampleBlock, t: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    assert found.quat is not None
    near = np.minimum(np.searchsorted(t, found.t), len(t) - 1)
    u, v = qt.up_in_sensor(found.quat), qt.up_in_sensor(q[near])
    tilt = np.degrees(np.arccos(np.clip((u * v).sum(axis=1), -1, 1)))
    head = np.unwrap(qt.twist_angle(found.quat) - qt.twist_angle(q[near]))
    return tilt, np.degrees(head - head[0])


@pytest.mark.parametrize("rate", [20.0, 52.0, 286.0])
@pytest.mark.parametrize("bias", [0.0, 2.5])
def test_acausal_at_any_rate_and_jitter_with_a_large_bias(rate: float, bias: float) -> None:
    rng = np.random.default_rng(3)
    t = 50 + np.cumsum(rng.uniform(0.7, 1.3, int(60 * rate)) / rate)
    block, q = moving(t, bias)
    tilt, heading = errors_deg(fuse(block), t, q)
    assert np.quantile(tilt, 0.95) < (1.6 if rate < 30 else 0.8)
    assert np.abs(heading).max() < 4.0


def test_causal_keeps_the_bias_apart_from_the_tilt() -> None:
    t = np.arange(0, 60, 1 / 52)
    block, q = moving(t, 2.5)
    tilt, _ = errors_deg(CausalFusion(52.0).process(block), t, q)
    assert tilt[t > 6].max() < 2.0
    slow = np.clip((t - 6) / 40, 0, 1) * np.radians(60)
    sinking = qt.from_rotvec(np.stack((0 * t, slow, 0 * t), axis=1))
    gyr = np.gradient(slow, t)[:, None] * [0, 1.0, 0]
    tilt, _ = errors_deg(
        CausalFusion(52.0).process(samples(t, None, qt.up_in_sensor(sinking) * 9.80665, gyr)), t, sinking
    )
    assert tilt.max() < 1.5


@pytest.mark.parametrize("acausal", [True, False])
def test_a_gap_keeps_the_heading_and_takes_the_new_tilt(acausal: bool) -> None:
    t = np.concatenate((np.arange(0, 10, 1 / 52), np.arange(25, 40, 1 / 52)))
    pitch = np.where(t < 15, 0.1, 0.6)
    q = qt.from_rotvec(np.stack((0 * t, pitch, 0 * t), axis=1))
    spin = np.zeros((len(t), 3))
    spin[(t > 9.9) & (t < 15)] = [0, 0, 3.0]
    raw = samples(t, None, qt.up_in_sensor(q) * 9.80665, spin)
    found = fuse(raw) if acausal else CausalFusion(52.0).process(raw)
    tilt, heading = errors_deg(found, t, q)
    after = found.t > 25.1
    assert tilt[after].max() < 3.0
    turned = heading[after] - heading[np.flatnonzero(found.t < 9.85)[-1]]
    assert np.abs(turned).max() < np.degrees(3.0 * 0.15)
    assert not np.any((found.t > 10.1) & (found.t < 24.9))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 80))
def test_causal_fusion_does_not_mind_how_it_is_cut(seed: int, longest: int) -> None:
    rng = np.random.default_rng(seed)
    dt = rng.uniform(0.8, 1.2, 500) / 52
    dt[rng.integers(0, 500, 3)] += rng.choice([0.3, 3.0], 3)
    block, _ = moving(np.cumsum(dt), 2.5)
    whole = CausalFusion(52.0).process(block)
    cut, parts, i = CausalFusion(52.0), [], 0
    while i < 500:
        n = int(rng.integers(0, longest + 1))
        parts.append(cut.process(block[i : i + n]).quat)
        i += n
    assert np.array_equal(np.concatenate([p for p in parts if p is not None]), whole.quat)  # type: ignore[arg-type]


def test_tiny_and_wrong_recordings() -> None:
    assert len(fuse(samples(np.array([0.0]), None, np.array([[0, 0, 9.8]]), np.zeros((1, 3))))) == 1
    with pytest.raises(ValueError, match="angular rate"):
        fuse(samples(np.arange(5.0), None, np.ones((5, 3))))
    with pytest.raises(ValueError, match="positive"):
        CausalFusion(0.0)


@pytest.mark.parametrize("causal", [False, True], ids=["acausal", "causal"])
def test_the_heading_goes_on_through_a_lost_packet_of_raw_samples(causal: bool) -> None:
    """18 samples at 52 Hz in the middle of a turn of 60 deg: a straight line keeps it, leaving it out loses 15 deg."""
    t = np.arange(0, 20, 1 / 52)
    x = np.clip((t - 8) / 1.5, 0, 1)
    yaw = np.radians(60) * x * x * x * (10 - 15 * x + 6 * x * x)
    gyr = np.stack((0 * t, 0 * t, np.gradient(yaw, t)), axis=1)
    acc = np.tile([0.0, 0.0, 9.80665], (len(t), 1))
    kept = (t < 8.6) | (t > 8.6 + 18 / 52)
    raw = samples(t[kept], None, acc[kept], gyr[kept])
    fused = CausalFusion(52.0).process(raw) if causal else fuse(raw)
    assert fused.quat is not None
    w, _, _, z = (fused.quat[-1] * np.sign(fused.quat[-1, 0])).tolist()
    assert np.degrees(2 * np.arctan2(z, w)) == pytest.approx(60, abs=2.5)


def test_a_slow_sinking_on_top_of_what_the_filter_learned_is_no_bias() -> None:
    """The strap is put on while one still moves: the first bias is off, the filter mends it; then one sinks slowly."""
    taken = simulate(scenarios.desk_day(1500.0, 4), WORST, seed=4)
    truth = next(s for s in taken.truth.slouches if abs(s.start - 1314.7) < 1.0)
    alerts = [a for a in analyse_recording(taken.block_fused).alerts if truth.start - 1.0 < a.start < truth.end]  # type: ignore[arg-type]
    assert [a.t for a in alerts] == [pytest.approx(truth.alert, abs=1.0)]


@pytest.mark.parametrize("zeros", [1, 30])
def test_zeros_after_a_gap_do_not_end_the_fusion(zeros: int) -> None:
    t = np.concatenate((np.arange(0, 5, 0.02), np.arange(8, 14, 0.02)))
    acc = np.tile((0.0, 0.0, 9.80665), (len(t), 1))
    acc[250 : 250 + zeros] = 0.0
    block = samples(t, acc=acc, gyr=np.zeros((len(t), 3)))
    for fused in (CausalFusion(50.0).process(block), fuse(block)):
        assert fused.quat is not None
        assert qt.up_in_sensor(fused.quat)[-1] == pytest.approx([0, 0, 1], abs=1e-3)
        assert (fused.flags & SampleFlag.HEADING_LOST).any()


def test_a_year_without_samples_costs_nothing() -> None:
    """Two sessions in one file: each is fused as if it were alone, and keeps its times."""
    t = np.arange(0, 60, 0.02)
    block, _ = moving(t)
    assert block.acc is not None
    assert block.gyr is not None
    year = 365 * 86400.0
    twice = np.concatenate((t, t + year + 0.013))
    both = samples(twice, acc=np.tile(block.acc, (2, 1)), gyr=np.tile(block.gyr, (2, 1)))
    found, short = fuse(both), fuse(samples(np.concatenate((t, t + 130.013)), acc=both.acc, gyr=both.gyr))
    assert len(found) == len(short) == pytest.approx(2 * 60 / 0.05, abs=3)
    assert found.quat == pytest.approx(short.quat, abs=1e-6)
    second = found.t > year
    assert found.t[~second].max() <= 60.0
    assert found.t[second] - year == pytest.approx(short.t[second] - 130.0, abs=0.051)
    assert found.t[second][0] - year == pytest.approx(0.05, abs=0.05)
    assert np.count_nonzero(found.flags & SampleFlag.HEADING_LOST) == 1
    analysed = analyse_recording(both)
    assert analysed.track.t[-1] == pytest.approx(year + 60.0, abs=0.1)
