from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch_signal import quaternion as qt
from unslouch_signal.calibration import Calibration, calibrate
from unslouch_signal.frames import parse_mount
from unslouch_signal.samples import FloatArray, SampleBlock, samples

FOUR = st.lists(st.floats(-1, 1), min_size=4, max_size=4).map(np.array).filter(lambda q: float(q @ q) > 0.05)
LEVEL = np.array([1.0, 0.0, 0.0, 0.0])


def worn(rotvecs_deg: FloatArray, mount: FloatArray = LEVEL, heading: float = 0.0, *, acc: bool = False) -> SampleBlock:
    """Samples of a sensor at ``mount`` (thorax to sensor) on a thorax that goes through ``rotvecs_deg``."""
    thorax = qt.multiply(qt.from_rotvec(np.array([0, 0, heading])), qt.from_rotvec(np.radians(rotvecs_deg)))
    quat = qt.multiply(thorax, qt.conjugate(mount))
    force = qt.up_in_sensor(quat) * 9.80665 if acc else None
    return samples(np.arange(len(quat)) / 50, quat, force)


STILL = np.zeros((200, 3))
BOW = np.stack((np.zeros(150), 40 * np.sin(np.linspace(0, np.pi, 150)) ** 2, np.zeros(150)), axis=1)
TURN = np.stack((np.zeros(150), np.zeros(150), 40 * np.sin(np.linspace(0, np.pi, 150)) ** 2), axis=1)


@settings(max_examples=60, deadline=None)
@given(FOUR, st.floats(-3, 3), st.booleans())
def test_any_mounting_is_found_by_a_bow(mount: FloatArray, heading: float, acc: bool) -> None:
    mount = qt.normalise(mount)
    found = calibrate(worn(STILL, mount, heading, acc=acc), worn(BOW, mount, heading), worn(TURN, mount, heading))
    assert abs(float(np.array(found.mount) @ mount)) == pytest.approx(1, abs=1e-9)
    assert found.forward_known
    assert found.method == "bows_turn"
    assert (found.quality, found.reasons) == (1.0, ())
    assert math.remainder((found.heading or 0) - heading, math.tau) == pytest.approx(0, abs=1e-6)


def test_the_neutral_tilt_is_taken_off_and_gravity_counts_more_than_a_cold_filter() -> None:
    tilted = worn(np.tile([4.0, -9.0, 0.0], (200, 1)), acc=True)
    drifted = samples(tilted.t, qt.multiply(qt.from_rotvec(np.array([0.05, 0, 0])), tilted.quat), tilted.acc)  # type: ignore[arg-type]
    found = calibrate(drifted)
    up = qt.rotate(np.array(found.mount), np.array([0, 0, 1.0]))
    assert tilted.acc is not None
    assert up == pytest.approx(tilted.acc[0] / 9.80665, abs=1e-9)
    assert not found.forward_known


def test_mount_words_give_forward_and_gravity_corrects_their_tilt() -> None:
    mount = qt.multiply(qt.from_rotvec(np.radians([0, 12.0, 0])), qt.from_rotvec(np.array([0, -np.pi / 2, 0])))
    found = calibrate(worn(STILL, mount), mount=parse_mount("down,left,front"))
    assert found.method == "mount"
    assert abs(float(np.array(found.mount) @ mount)) == pytest.approx(1, abs=1e-9)
    assert found.quality == 1.0


@pytest.mark.parametrize(
    ("neutral", "bows", "turn", "mount", "reason"),
    [
        (np.linspace([0, 0, 0], [0, 14, 0], 200), None, None, None, "moved during"),
        (STILL, BOW * 0.4, None, None, "bow too small: 16 deg"),
        (STILL, np.concatenate((BOW, BOW[:, [1, 0, 2]])), None, None, "bows disagree"),
        (STILL, BOW, BOW, None, "axes not orthogonal"),
        (STILL, BOW, TURN * 0.2, None, "turn too small"),
        (STILL, None, None, "front,right,down", "upside down"),
        (np.tile([0.0, 50.0, 0.0], (200, 1)), None, None, "front,left,up", "50 deg from gravity"),
        (STILL, BOW, None, "back,right,up", "180 deg away from the mount's front"),
    ],
)
def test_what_is_wrong_is_named_and_lowers_the_quality(
    neutral: FloatArray, bows: FloatArray | None, turn: FloatArray | None, mount: str | None, reason: str
) -> None:
    found = calibrate(
        worn(neutral),
        None if bows is None else worn(bows),
        None if turn is None else worn(turn),
        None if mount is None else parse_mount(mount),
    )
    assert any(reason in r for r in found.reasons), found.reasons
    assert 0 <= found.quality < 0.95


def test_json_there_and_back_without_the_heading() -> None:
    found = calibrate(worn(STILL, heading=1.0), worn(BOW * 0.4, heading=1.0))
    again = Calibration.from_json(found.to_json())
    assert again.heading is None
    assert np.allclose(again.mount, found.mount, atol=1e-12)
    assert (again.method, again.quality, again.reasons) == (found.method, found.quality, found.reasons)
    assert found.without_heading().heading is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "version 2"),
        ({"version": True}, "version"),
        ({"mount": [1, 0, 0]}, "4 numbers"),
        ({"mount": [2, 0, 0, 0]}, "unit"),
        ({"mount": [1, 0, 0, float("nan")]}, "finite"),
        ({"mount": [10**400, 0, 0, 0]}, "finite"),
        ({"mount": "1000"}, "4 numbers"),
        ({"forward_known": 1}, "true or false"),
        ({"method": "magic"}, "one of"),
        ({"quality": 1.5}, "between 0 and 1"),
        ({"quality": None}, "1 number"),
        ({"reasons": "many"}, "list of sentences"),
    ],
)
def test_hostile_json_is_refused_in_a_sentence(change: dict[str, object], says: str) -> None:
    good = json.loads(Calibration((1.0, 0.0, 0.0, 0.0), True, "bows").to_json())
    with pytest.raises(ValueError, match=says):
        Calibration.from_json(json.dumps(good | change))


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        Calibration.from_json(text)


def test_samples_without_orientation_are_refused() -> None:
    with pytest.raises(ValueError, match="fuse"):
        calibrate(samples(np.arange(3) * 0.02, acc=np.ones((3, 3))))
    with pytest.raises(ValueError, match="no samples"):
        calibrate(worn(STILL)[:0])
