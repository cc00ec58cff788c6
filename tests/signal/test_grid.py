from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal import quaternion as qt
from unslouch_signal.grid import GRAVITY, Grid, GridBlock
from unslouch_signal.samples import SampleBlock, SampleFlag, samples

G = np.array([0.0, 0.0, GRAVITY])


def pitch(t: np.ndarray, angle: np.ndarray, **more: np.ndarray) -> SampleBlock:
    return samples(t, qt.from_rotvec(np.stack((0 * t, angle, 0 * t), axis=1)), **more)


def angle_of(grid: GridBlock) -> np.ndarray:
    return 2 * np.arctan2(grid.quat[2], grid.quat[0])


@pytest.mark.parametrize("rate", [10.4, 20.0, 52.0, 400.0])
def test_any_rate_comes_out_at_50_hz_on_the_true_curve(rate: float) -> None:
    t = 100.0 + np.arange(0, 20, 1 / rate)
    block = pitch(t, 0.5 * np.sin(t), acc=np.tile(G, (len(t), 1)))
    grid = Grid().process(block)
    assert np.array_equal(grid.k, np.arange(len(grid)))
    assert np.allclose(grid.t, 100.0 + grid.k / 50)
    assert grid.t[-1] > t[-1] - 0.02 - 1e-9
    assert np.abs(angle_of(grid) - 0.5 * np.sin(grid.t)).max() < 0.5 * (1 / rate) ** 2 / 8 + 1e-9
    assert grid.measured.all()
    inner = slice(30, -5)
    assert np.abs(grid.rate[inner] - np.abs(0.5 * np.cos(grid.t[inner] - 0.01))).max() < 0.03


def test_vertical_acceleration_is_the_cell_mean_and_does_not_alias() -> None:
    t = np.arange(0, 10, 1 / 400)
    slow, fast = np.sin(2 * np.pi * 2 * t), 3 * np.sin(2 * np.pi * 100 * t)
    acc = np.stack((0 * t, 0 * t, GRAVITY + slow + fast), axis=1)
    grid = Grid().process(pitch(t, 0 * t, acc=acc))
    want = np.sin(2 * np.pi * 2 * (grid.t - 0.01))
    assert np.abs(grid.acc_up - want)[2:].max() < 0.02
    no_acc = Grid().process(pitch(t, 0 * t))
    assert np.isnan(no_acc.acc_up).all()


def test_gravity_is_taken_off_whatever_the_tilt_and_the_motor_is_not_believed() -> None:
    t = np.arange(0, 4, 1 / 52)
    q = qt.from_rotvec(np.tile([0.3, 0.8, -0.2], (len(t), 1)))
    acc = qt.up_in_sensor(q) * GRAVITY
    acc[100:120] += 4.0
    flags = np.zeros(len(t), np.uint8)
    flags[100:120] = SampleFlag.MOTOR
    grid = Grid().process(samples(t, q, acc, flags=flags))
    assert np.abs(grid.acc_up).max() < 1e-9
    assert grid.flags[(grid.t > t[101]) & (grid.t < t[118])].all()


@pytest.mark.parametrize(
    ("gap", "measured", "points"), [(0.38, True, True), (0.45, False, True), (3.0, False, True), (8.0, False, False)]
)
def test_a_gap_invents_no_motion(gap: float, measured: bool, points: bool) -> None:
    t = np.arange(0, 4, 0.02)
    late = t[100:] + gap
    t = np.concatenate((t[:100], late))
    angle = np.where(t < 2, 0.0, 0.6)
    acc = np.tile(G, (len(t), 1))
    grid = Grid().process(pitch(t, angle, acc=acc))
    inside = (grid.t > 1.9801) & (grid.t < late[0] - 1e-6)
    assert inside.any() == points
    assert grid.measured[inside].all() == (measured or not points)
    if gap > 0.5:
        assert np.abs(angle_of(grid)[inside]).max(initial=0.0) < 1e-12
        assert grid.rate.max() == 0.0
    assert np.diff(grid.k).max() == (1 if points else round((gap + 0.04) * 50))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(20, 400), st.integers(1, 60))
def test_how_it_is_cut_changes_no_bit(seed: int, rate: float, longest: int) -> None:
    rng = np.random.default_rng(seed)
    dt = rng.uniform(0.5, 1.5, 400) / rate
    dt[rng.integers(0, 400, 4)] += rng.choice([0.2, 0.45, 2.0, 9.0], 4)
    t = 1e6 + np.cumsum(dt)
    q = qt.normalise(np.cumsum(rng.normal(size=(400, 4)) * 0.05, axis=0) + qt.IDENTITY)
    q[rng.random(400) < 0.2] *= -1
    block = samples(t, q, rng.normal(size=(400, 3)) + G, flags=rng.integers(0, 64, 400).astype(np.uint8))
    whole = Grid().process(block)
    cut, parts, i = Grid(), [], 0
    while i < 400:
        n = int(rng.integers(0, longest + 1))
        parts.append(cut.process(block[i : i + n]))
        i += n
    for f in fields(GridBlock):
        axis = 1 if f.name == "quat" else 0
        pieces = np.concatenate([getattr(p, f.name) for p in parts], axis=axis)
        assert np.array_equal(pieces, getattr(whole, f.name), equal_nan=pieces.dtype.kind == "f"), f.name


@pytest.mark.parametrize("rate", [50.0, 52.0, 104.0, 208.0, 400.0])
@pytest.mark.parametrize("hole", [0.0, 7.0])
def test_the_flag_of_one_sample_is_never_overlooked(rate: float, hole: float) -> None:
    t = np.arange(0, 4, 1 / rate)
    t = t + np.where(t > 2, hole, 0.0)
    at = np.flatnonzero(t > 2)[:40]
    for i in at.tolist():
        flags = np.zeros(len(t), np.uint8)
        flags[i] = SampleFlag.HEADING_LOST
        grid = Grid().process(samples(t, np.tile(qt.IDENTITY, (len(t), 1)), flags=flags))
        seen = grid.t[(grid.flags & SampleFlag.HEADING_LOST) != 0]
        assert 1 <= len(seen) <= 3
        assert np.abs(seen - t[i]).max() < 0.04


def test_raw_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="fuse"):
        Grid().process(samples(np.arange(3) * 0.02, acc=np.tile(G, (3, 1))))
