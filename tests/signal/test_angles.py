from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unslouch_signal import quaternion as qt
from unslouch_signal.angles import ThoraxAngles
from unslouch_signal.calibration import Calibration
from unslouch_signal.grid import Grid
from unslouch_signal.samples import samples
from unslouch_signal.track import Track

SEATED = Calibration((1.0, 0.0, 0.0, 0.0), True, "bows", heading=0.0)


def track_of(rotvecs: np.ndarray, calibration: Calibration = SEATED) -> Track:
    t = np.arange(len(rotvecs)) / 50
    return ThoraxAngles(calibration).process(Grid().process(samples(t, qt.from_rotvec(rotvecs))))


@pytest.mark.parametrize(
    ("about", "flexion", "lateral", "axial", "up"),
    [
        ((0.0, 0.3, 0.0), 0.3, 0.0, 0.0, (-np.sin(0.3), 0, np.cos(0.3))),
        ((0.3, 0.0, 0.0), 0.0, 0.3, 0.0, (0, np.sin(0.3), np.cos(0.3))),
        ((0.0, 0.0, 0.3), 0.0, 0.0, 0.3, (0, 0, 1)),
        ((0.0, -np.pi / 2, 0.0), -np.pi / 2, 0.0, 0.0, (1, 0, 0)),
    ],
)
def test_signs_forward_right_and_left(
    about: tuple[float, ...], flexion: float, lateral: float, axial: float, up: tuple[float, ...]
) -> None:
    track = track_of(np.array([about]))
    found = (track.flexion[0], track.lateral[0], track.axial[0], track.tilt[0])
    assert found == pytest.approx((flexion, lateral, axial, np.hypot(flexion, lateral)), abs=1e-12)
    assert track.up[0] == pytest.approx(up, abs=1e-12)


@given(st.floats(-3, 3), st.floats(0, 1.2), st.floats(-np.pi, np.pi))
def test_tilt_does_not_depend_on_heading_nor_axial_on_tilt(turn: float, tilt: float, way: float) -> None:
    lean = qt.from_rotvec(tilt * np.array([np.cos(way), np.sin(way), 0.0]))
    q = qt.multiply(qt.from_rotvec(np.array([0, 0, turn])), lean)
    track = track_of(qt.to_rotvec(q)[None])
    assert track.lateral[0] == pytest.approx(tilt * np.cos(way), abs=1e-9)
    assert track.flexion[0] == pytest.approx(tilt * np.sin(way), abs=1e-9)
    assert track.axial[0] == pytest.approx(turn, abs=1e-9)


def test_turning_on_and_on_has_no_jump() -> None:
    angle = np.linspace(0, 7 * np.pi, 800)
    track = track_of(np.stack((0 * angle, 0 * angle, angle), axis=1))
    assert np.allclose(track.axial, angle, atol=1e-9)


def test_forward_unknown_is_nan_and_tilt_still_counts() -> None:
    track = track_of(np.array([[0.0, 0.3, 0.0]]), Calibration((1.0, 0.0, 0.0, 0.0), False, "neutral"))
    assert np.isnan(track.flexion[0])
    assert np.isnan(track.lateral[0])
    assert track.tilt[0] == pytest.approx(0.3)
    assert track.axial[0] == 0.0
