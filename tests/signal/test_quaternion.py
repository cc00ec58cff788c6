from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from unslouch_signal import quaternion as qt

FOUR = st.lists(st.floats(-1, 1), min_size=4, max_size=4).map(np.array).filter(lambda q: float(q @ q) > 0.01)


def scipy_of(q: np.ndarray) -> Rotation:
    return Rotation.from_quat(np.roll(q, -1))


@given(FOUR, FOUR)
def test_product_is_that_of_scipy(a: np.ndarray, b: np.ndarray) -> None:
    a, b = qt.normalise(a), qt.normalise(b)
    want = (scipy_of(a) * scipy_of(b)).as_matrix()
    assert np.allclose(qt.to_matrix(qt.multiply(a, b)), want, atol=1e-12)


@given(FOUR)
def test_rotvec_and_axes_there_and_back(q: np.ndarray) -> None:
    q = qt.normalise(q)
    # at half a turn both signs of the axis are the same rotation
    want, got = scipy_of(q).as_rotvec(), qt.to_rotvec(q)
    half = abs(float(np.linalg.norm(want)) - np.pi) < 1e-9
    assert np.allclose(got, want, atol=1e-9) or (half and np.allclose(got, -want, atol=1e-9))
    m = qt.to_matrix(q)
    again = qt.from_axes(m[:, 0], m[:, 1], m[:, 2])
    assert abs(float(again @ q)) == pytest.approx(1, abs=1e-12)
    assert again[0] >= 0


def test_up_in_sensor_is_what_an_accelerometer_reads() -> None:
    q = qt.from_rotvec(np.array([0.3, -0.7, 1.1]))
    assert np.allclose(qt.up_in_sensor(q), qt.rotate(qt.conjugate(q), np.array([0, 0, 1.0])))


def test_mean_ignores_signs() -> None:
    q = qt.from_rotvec(np.array([[0.1, 0, 0], [0.3, 0, 0], [0.2, 0, 0]]))
    q[1] = -q[1]
    assert np.allclose(qt.mean(q), qt.from_rotvec(np.array([0.2, 0, 0])), atol=1e-9)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="zero length"):
        qt.normalise(np.zeros(4))
    with pytest.raises(ValueError, match="right-handed"):
        qt.from_axes(np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, -1.0]))
    with pytest.raises(ValueError, match="no orientations"):
        qt.mean(np.empty((0, 4)))
