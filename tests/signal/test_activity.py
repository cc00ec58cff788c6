from __future__ import annotations

import numpy as np
import pytest

from unslouch_signal.activity import CODES, SIDES, ActivityDetector, ActivityTrack
from unslouch_signal.events import ActivityKind, ActivitySpan, LyingSide
from unslouch_signal.samples import FloatArray, SampleFlag
from unslouch_signal.track import Track


def track_of(n: int, **columns: FloatArray) -> Track:
    k = np.arange(n)
    z = np.zeros(n)
    values: dict[str, FloatArray] = {
        "k": k, "t": k / 50, "flexion": z, "lateral": z, "axial": z, "tilt": z, "up": np.tile([0, 0, 1.0], (n, 1)),
        "rate": z, "acc_up": z, "measured": np.ones(n, np.bool_), "flags": np.zeros(n, np.uint8),
    }  # fmt: skip
    return Track(**(values | columns))


def kinds(activity: ActivityTrack) -> list[ActivityKind]:
    return [CODES[c] for c in activity.codes]


def tilted(n: int, up: tuple[float, float, float], first: int) -> Track:
    ups = np.tile([0, 0, 1.0], (n, 1))
    ups[first:] = up
    return track_of(n, up=ups, tilt=np.arccos(ups[:, 2]))


@pytest.mark.parametrize(
    ("hz", "amplitude", "walks"), [(1.8, 0.93, True), (1.8, 0.76, False), (0.25, 3.0, False), (12.0, 3.0, False)]
)
def test_walking_is_steps_of_more_than_the_gate(hz: float, amplitude: float, walks: bool) -> None:
    t = np.arange(1500) / 50
    acc = np.where(t > 10, amplitude * np.sin(2 * np.pi * hz * t), 0.0)
    activity, _ = ActivityDetector().process(track_of(1500, acc_up=acc))
    found = kinds(activity)
    assert ActivityKind.WALKING not in found[: 10 * 50]
    assert (found[-1] is ActivityKind.WALKING) == walks
    if walks:
        first = found.index(ActivityKind.WALKING) / 50
        assert 10.5 < first < 13


def test_one_jolt_is_hardly_a_walk_and_walking_ends_soon() -> None:
    t = np.arange(2000) / 50
    jolt = np.where(np.abs(t - 10) < 0.3, 6 * np.sin(2 * np.pi * 2 * t), 0.0)
    activity, _ = ActivityDetector().process(track_of(2000, acc_up=jolt))
    assert kinds(activity).count(ActivityKind.WALKING) < 40
    walk = np.where(t < 20, 1.5 * np.sin(2 * np.pi * 1.9 * t), 0.0)
    activity, _ = ActivityDetector().process(track_of(2000, acc_up=walk))
    found = kinds(activity)
    assert found[19 * 50] is ActivityKind.WALKING
    assert found[22 * 50] is ActivityKind.STILL


def test_the_straps_own_flag_counts_where_there_is_no_acceleration() -> None:
    flags = np.full(100, SampleFlag.WALKING, np.uint8)
    activity, _ = ActivityDetector().process(track_of(100, acc_up=np.full(100, np.nan), flags=flags))
    assert set(kinds(activity)) == {ActivityKind.WALKING}
    activity, _ = ActivityDetector().process(track_of(100, flags=flags))
    assert set(kinds(activity)) == {ActivityKind.STILL}


@pytest.mark.parametrize(
    ("up", "side", "after_s"),
    [
        ((1.0, 0.0, 0.0), LyingSide.SUPINE, 3.0),
        ((0.0, -1.0, 0.0), LyingSide.LEFT, 3.0),
        ((0.0, 1.0, 0.0), LyingSide.RIGHT, 3.0),
        ((-1.0, 0.0, 0.0), LyingSide.PRONE, 12.0),
    ],
)
def test_lying_and_its_side_and_a_deep_bow_is_not(
    up: tuple[float, float, float], side: LyingSide, after_s: float
) -> None:
    activity, spans = ActivityDetector().process(tilted(1500, up, 500))
    found = kinds(activity)
    assert found.index(ActivityKind.LYING) / 50 == pytest.approx(10 + after_s, abs=0.05)
    assert SIDES[activity.lying_side[-1]] is side
    assert [s.kind for _, s in spans] == [ActivityKind.STILL]


def test_a_roll_in_a_repetition_does_not_change_the_side_and_the_lap_is_left_by_rising() -> None:
    t = np.arange(3000) / 50
    roll = np.where((t > 20) & (t < 26), np.radians(60), 0.0)
    lie = (t > 5) & (t < 50)
    ups = np.stack((np.where(lie, np.cos(roll), 0), np.where(lie, np.sin(roll), 0), np.where(lie, 0.0, 1.0)), axis=1)
    activity, _ = ActivityDetector().process(track_of(3000, up=ups, tilt=np.arccos(ups[:, 2])))
    assert {SIDES[s] for s in activity.lying_side[500:2400]} == {LyingSide.SUPINE}
    assert kinds(activity)[2510] is ActivityKind.STILL


def test_off_body_charger_unknown_and_moving() -> None:
    flags = np.zeros(300, np.uint8)
    flags[100:150], flags[150:200] = SampleFlag.OFF_BODY, SampleFlag.CHARGER
    measured = np.ones(300, np.bool_)
    measured[200:250] = False
    rate = np.zeros(300)
    rate[:90] = np.radians(20)
    activity, spans = ActivityDetector().process(track_of(300, flags=flags, measured=measured, rate=rate))
    found = kinds(activity)
    assert found[50] is ActivityKind.MOVING
    assert set(found[100:200]) == {ActivityKind.OFF_BODY}
    assert found[223] is ActivityKind.STILL
    assert set(found[225:250]) == {ActivityKind.UNKNOWN}
    assert [s.kind for _, s in spans] == [
        ActivityKind.MOVING, ActivityKind.OFF_BODY, ActivityKind.STILL, ActivityKind.UNKNOWN,
    ]  # fmt: skip


def test_a_jump_of_the_grid_is_an_unknown_span() -> None:
    detector = ActivityDetector()
    k = np.concatenate((np.arange(100), np.arange(100) + 1000))
    _, spans = detector.process(track_of(200, k=k, t=k / 50))
    spans += detector.finish()
    assert [s for _, s in spans] == [
        ActivitySpan(ActivityKind.STILL, 0.0, 1.98),
        ActivitySpan(ActivityKind.UNKNOWN, 1.98, 20.0),
        ActivitySpan(ActivityKind.STILL, 20.0, 21.98),
    ]
