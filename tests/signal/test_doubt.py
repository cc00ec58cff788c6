from __future__ import annotations

import math

import numpy as np
import pytest

from unslouch_signal import quaternion as qt
from unslouch_signal.analyser import Analyser
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import CalibrationDoubt, DoubtReason, SlouchAlert
from unslouch_signal.samples import FloatArray, SampleBlock, SampleFlag, samples

LEVEL = Calibration((1.0, 0.0, 0.0, 0.0), True, "bows", heading=0.0)
G = 9.80665


def ramp(t: FloatArray, start: float, seconds: float, deg: float) -> FloatArray:
    x = np.clip((t - start) / seconds, 0, 1)
    return math.radians(deg) * x * x * x * (10 - 15 * x + 6 * x * x)


def worn(
    t: FloatArray, body: FloatArray, slip: FloatArray | float = 0.0, flags: FloatArray | None = None
) -> SampleBlock:
    """A thorax that bends forward by ``body`` about a hip 0.45 m below, and a strap turned by ``slip`` on it."""
    q = qt.from_rotvec(np.stack((0 * t, body + slip, 0 * t), axis=1))
    place = 0.45 * np.stack((np.sin(body), 0 * t, np.cos(body)), axis=1)
    dt = t[1] - t[0]
    acc = np.zeros_like(place)
    acc[1:-1] = (place[2:] - 2 * place[1:-1] + place[:-2]) / dt**2
    force = qt.rotate(qt.conjugate(q), acc + np.array([0, 0, G]))
    return samples(t, q, force, flags=None if flags is None else flags.astype(np.uint8))


def doubts(block: SampleBlock) -> list[tuple[float, DoubtReason, bool]]:
    analyser = Analyser(LEVEL)
    events = analyser.process(block) + analyser.finish()
    return [(e.t, e.reason, e.resolved) for e in events if isinstance(e, CalibrationDoubt)]


T = np.arange(0, 120, 0.02)
LONG = np.arange(0, 150, 0.02)


@pytest.mark.parametrize("deg", [14.0, 30.0])
def test_a_slip_is_noticed_within_five_seconds_and_stays(deg: float) -> None:
    found = doubts(worn(T, 0 * T, ramp(T, 20, 0.4, deg)))
    assert [(r, end) for _, r, end in found] == [(DoubtReason.SLIPPED, False)]
    assert 24 < found[0][0] < 25


@pytest.mark.parametrize(("seconds", "deg"), [(0.6, 25.0), (0.9, 30.0), (3.0, 25.0), (0.4, 8.0)])
def test_a_thorax_that_bends_however_quickly_is_no_slip(seconds: float, deg: float) -> None:
    assert doubts(worn(T, ramp(T, 20, seconds, deg) - ramp(T, 60, seconds, deg))) == []


def test_a_slip_that_is_undone_is_trusted_again() -> None:
    found = doubts(worn(LONG, 0 * LONG, ramp(LONG, 20, 0.4, 20) - ramp(LONG, 60, 0.4, 20)))
    assert [(r, end) for _, r, end in found][:2] == [(DoubtReason.SLIPPED, False), (DoubtReason.SLIPPED, True)]
    assert found[1][0] == pytest.approx(120.3, abs=0.5)


def test_a_slip_is_not_taken_for_a_slouch() -> None:
    analyser = Analyser(LEVEL)
    events = analyser.process(worn(T, 0 * T, ramp(T, 20, 0.4, 20)))
    assert not any(isinstance(e, SlouchAlert) for e in events)
    assert analyser.latest is not None
    assert analyser.latest.doubt == "slipped"
    analyser.set_calibration(LEVEL)
    again = analyser.process(worn(T + 120, 0 * T))
    assert again[0] == CalibrationDoubt(pytest.approx(119.98), DoubtReason.SLIPPED, True)  # type: ignore[arg-type]
    assert analyser.latest.doubt is None


def test_a_long_gap_is_resolved_by_sitting_upright() -> None:
    t = np.concatenate((np.arange(0, 20, 0.02), np.arange(100, 160, 0.02)))
    bent = np.where(t < 120, math.radians(20), 0.0) * (t > 50)
    q = qt.from_rotvec(np.stack((0 * t, bent, 0 * t), axis=1))
    found = doubts(samples(t, q))
    assert [(r, end) for _, r, end in found] == [(DoubtReason.GAP, False), (DoubtReason.GAP, True)]
    assert found[0][0] == pytest.approx(100, abs=0.03)
    assert found[1][0] == pytest.approx(123, abs=0.05)
    assert doubts(samples(t - np.where(t > 50, 25.0, 0.0), q)) == []


def test_upright_before_a_long_gap_does_not_count_after_it() -> None:
    t = np.concatenate((np.arange(0, 20, 0.02), np.arange(500, 510, 0.02)))
    found = doubts(samples(t, np.tile((1.0, 0.0, 0.0, 0.0), (len(t), 1))))
    assert [(r, end) for _, r, end in found] == [(DoubtReason.GAP, False), (DoubtReason.GAP, True)]
    assert found[1][0] - found[0][0] == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(
    ("flag", "reason"), [(SampleFlag.OFF_BODY, DoubtReason.OFF_BODY), (SampleFlag.CHARGER, DoubtReason.CHARGER)]
)
def test_off_the_body_only_a_new_calibration_helps(flag: SampleFlag, reason: DoubtReason) -> None:
    long = np.where((T > 30) & (T < 50), int(flag), 0)
    assert [(r, end) for _, r, end in doubts(worn(T, 0 * T, flags=long))] == [(reason, False)]
    short = np.where((T > 30) & (T < 31.5), int(flag), 0)
    assert doubts(worn(T, 0 * T, flags=short)) == []


def test_lying_for_a_minute_until_upright_again() -> None:
    lain = ramp(T, 5, 2, -90) + ramp(T, 80, 2, 90)
    found = doubts(worn(T, lain))
    assert [(r, end) for _, r, end in found] == [(DoubtReason.LYING_LONG, False), (DoubtReason.LYING_LONG, True)]
    assert found[0][0] == pytest.approx(69.2, abs=1)
    assert found[1][0] == pytest.approx(84.7, abs=1)


def test_a_bend_that_ends_in_a_gap_is_no_slip() -> None:
    block = worn(T, ramp(T, 20, 0.9, 30))
    lost = (T > 19.9) & (T < 20.5)
    kept = samples(T[~lost], block.quat[~lost], block.acc[~lost])  # type: ignore[index]
    assert doubts(kept) == []


def test_coming_up_quickly_is_no_slip_whatever_the_acceleration_shows() -> None:
    body = ramp(T, 20, 2.0, 50) - ramp(T, 30, 0.45, 50)
    block = worn(T, body)
    assert block.quat is not None
    still = np.broadcast_to(np.array([0.0, 0.0, G]), (len(T), 3))
    assert doubts(samples(T, block.quat, qt.rotate(qt.conjugate(block.quat), still))) == []
