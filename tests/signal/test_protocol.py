from __future__ import annotations

import numpy as np
import pytest

from unslouch_signal import quaternion as qt
from unslouch_signal.fusion import fuse
from unslouch_signal.protocol import find_neutral, find_protocol, find_still_start
from unslouch_signal.samples import FloatArray, SampleBlock, samples

RATE = 52.0


def bump(t: FloatArray, start: float, seconds: float, deg: float) -> FloatArray:
    x = np.clip((t - start) / seconds, 0, 1)
    return np.radians(deg) * np.sin(np.pi * x) ** 2


def worn(flexion: FloatArray, lateral: FloatArray, axial: FloatArray, seed: int = 0) -> tuple[SampleBlock, FloatArray]:
    """Raw samples with 2.5 deg/s of bias on each axis, randomly mounted; and the mount."""
    rng = np.random.default_rng(seed)
    mount = qt.normalise(rng.normal(size=4))
    t = np.arange(len(flexion)) / RATE
    tilt = qt.from_rotvec(np.stack((lateral, flexion, 0 * t), axis=1))
    thorax = qt.multiply(qt.from_rotvec(np.stack((0 * t, 0 * t, axial), axis=1)), tilt)
    quat = qt.multiply(thorax, qt.conjugate(mount))
    gyr = qt.to_rotvec(qt.multiply(qt.conjugate(quat[:-1]), quat[1:])) * RATE
    gyr = np.concatenate((gyr[:1], gyr)) + np.radians(2.5) + 0.001 * rng.standard_normal((len(t), 3))
    acc = qt.up_in_sensor(quat) * 9.80665 + 0.01 * rng.standard_normal((len(t), 3))
    return samples(t, None, acc, gyr), mount


def off_deg(found: tuple[float, ...], mount: FloatArray) -> float:
    return float(np.degrees(2 * np.arccos(min(1.0, abs(float(np.array(found) @ mount))))))


T = np.arange(0, 40, 1 / RATE)
SWAY = np.radians(0.8) * np.sin(1.6 * T)
BOWS = bump(T, 6, 2.5, 35) + bump(T, 9.5, 2.5, 28) + SWAY


@pytest.mark.parametrize("seed", range(6))
def test_found_with_any_mounting_bias_and_packet_loss(seed: int) -> None:
    raw, mount = worn(BOWS, 0 * T, 0 * T, seed)
    rng = np.random.default_rng(seed)
    keep = np.repeat(rng.random(len(T) // 8 + 1) > 0.15, 8)[: len(T)]
    keep[0] = True
    thin = samples(raw.t[keep], None, raw.acc[keep], raw.gyr[keep])  # type: ignore[index]
    found = find_protocol(fuse(thin))
    assert found is not None
    assert off_deg(found.calibration.mount, mount) < 1.5
    assert found.calibration.forward_known
    assert found.neutral[0] < 0.3
    assert found.neutral[1] == pytest.approx(6.2, abs=0.4)
    assert [a for a, _ in found.bows] == pytest.approx([6.45, 10.0], abs=0.25)


def test_fidgets_before_it_do_not_matter() -> None:
    fidget = bump(T, 0.5, 1.2, 18) + np.concatenate((np.zeros(round(3 * RATE)), BOWS))[: len(T)]
    raw, mount = worn(fidget, bump(T, 0.8, 1.0, 12), 0 * T)
    found = find_protocol(fuse(raw))
    assert found is not None
    assert off_deg(found.calibration.mount, mount) < 1.5


@pytest.mark.parametrize(
    ("flexion", "lateral", "axial"),
    [
        (SWAY, 0 * T, 0 * T),
        (bump(T, 6, 2.5, 35) + SWAY, 0 * T, 0 * T),
        (bump(T, 6, 2.5, 35) + bump(T, 9.5, 2.5, 14) + SWAY, 0 * T, 0 * T),
        (bump(T, 6, 2.5, 17) + bump(T, 9.5, 2.5, 17) + SWAY, 0 * T, 0 * T),
        (SWAY, bump(T, 6, 2, 30) - bump(T, 9, 2, 30), 0 * T),
        (bump(T, 3, 2.5, 35) + bump(T, 6, 2.5, 30), 0 * T, 0 * T),
        (BOWS, 0 * T, bump(T, 6, 2.5, 50)),
        (sum(bump(T, 6 + 2.2 * i, 2, 40) for i in range(5)) + SWAY, 0 * T, 0 * T),
        (bump(T, 6, 14, 35) + bump(T, 21, 14, 35), 0 * T, 0 * T),
    ],
    ids=[
        "still",
        "one",
        "second too small",
        "both too small",
        "to the sides",
        "not still",
        "turning",
        "five",
        "slouches",
    ],
)
def test_not_fooled_by_what_is_no_protocol(flexion: FloatArray, lateral: FloatArray, axial: FloatArray) -> None:
    raw, _ = worn(flexion, lateral, axial)
    assert find_protocol(fuse(raw)) is None


def test_the_first_still_stretch() -> None:
    short = bump(T, 0.9, 1.5, 40) + sum(bump(T, 2.4 + 2 * i, 2, 40) for i in range(19))
    raw, _ = worn(np.asarray(short), 0 * T, 0 * T)
    start = find_still_start(fuse(raw))
    assert start is not None
    assert start[0] < 0.2
    assert 0.6 < start[1] < 1.3
    restless, _ = worn(np.radians(20) * np.sin(3 * T), 0 * T, 0 * T)
    assert find_still_start(fuse(restless)) is None


LONG = np.arange(0, 70, 1 / RATE)


@pytest.mark.parametrize(
    ("times", "found_bows"),
    [
        ((6, 9.5, 13, 16.5), 3),
        ((6, 9.5, 16, 19, 22, 25), 2),
        ((6, 9.5, 13, 19, 22, 25), 3),
        ((6, 8.5, 11, 13.5, 16, 18.5), 0),
    ],
    ids=["a fourth soon", "an exercise after two", "an exercise after three", "an exercise alone"],
)
def test_what_looks_like_bows_after_the_bows(times: tuple[float, ...], found_bows: int) -> None:
    flexion = np.sum([bump(LONG, start, 2.0, 35) for start in times], axis=0)
    raw, _ = worn(flexion, 0 * LONG, 0 * LONG)
    found = find_protocol(fuse(raw))
    assert (0 if found is None else len(found.bows)) == found_bows


def test_a_deeper_bend_that_goes_on_backward_is_no_third_bow() -> None:
    raw, mount = worn(
        bump(LONG, 6, 2.5, 35) + bump(LONG, 9.5, 2.5, 30) + bump(LONG, 14, 3, 60) - bump(LONG, 16.6, 3, 20),
        0 * LONG,
        0 * LONG,
    )
    found = find_protocol(fuse(raw))
    assert found is not None
    assert len(found.bows) == 2
    assert off_deg(found.calibration.mount, mount) < 1.5


def test_the_neutral_of_a_recording_made_for_it_is_its_longest_rest() -> None:
    raw, _ = worn(bump(LONG, 3, 2, 30) + bump(LONG, 50, 2, 30), 0 * LONG, 0 * LONG)
    found = find_neutral(fuse(raw))
    assert found is not None
    assert found == pytest.approx((5.0, 50.0), abs=0.5)
    shaken, _ = worn(np.radians(20) * np.sin(3 * LONG), 0 * LONG, 0 * LONG)
    assert find_neutral(fuse(shaken)) is None
