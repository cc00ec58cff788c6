"""The track: thorax angles on a uniform time grid, what every detector reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import BoolArray, FlagArray, FloatArray

GRID_HZ = 50.0
"""Rate of the grid. Every detector works at this one rate, whatever the sensor's; typical straps run at 52 Hz."""


@dataclass(frozen=True, slots=True)
class Track:
    """Thorax angles at ``GRID_HZ``, consecutive grid points (``k`` increases by one, except over a long gap).

    Attributes
    ----------
    k : (n,) int64
        Grid index; ``t = t0 + k / GRID_HZ``.
    t : (n,) float64
        Seconds of the sensor's clock.
    flexion, lateral : (n,) float64
        rad, from the swing; NaN where the calibration cannot tell forward.
    axial : (n,) float64
        rad, twist about the thorax's long axis relative to the neutral's heading, unwrapped.
    tilt : (n,) float64
        rad, angle between the thorax's long axis and that of the neutral, 0 to pi.
    up : (n, 3) float64
        World up seen from the thorax frame (unit): (0, 0, 1) at neutral, supine (1, 0, 0).
    rate : (n,) float64
        rad/s, magnitude of the angular velocity.
    acc_up : (n,) float64
        m/s^2, acceleration along world up without gravity; NaN where the samples carry none.
    measured : (n,) bool
        False where the grid point lies inside a gap (its values are then held).
    flags : (n,) uint8
        :class:`~unslouch_signal.samples.SampleFlag` bits of the samples around the point and since the one before.
    """

    k: NDArray[np.int64]
    t: FloatArray
    flexion: FloatArray
    lateral: FloatArray
    axial: FloatArray
    tilt: FloatArray
    up: FloatArray
    rate: FloatArray
    acc_up: FloatArray
    measured: BoolArray
    flags: FlagArray

    def __len__(self) -> int:
        return len(self.k)


@dataclass(frozen=True, slots=True)
class PostureFrame:
    """The newest state, for a screen. Angles rad; None where unknown."""

    t: float
    flexion: float | None
    lateral: float | None
    axial: float
    tilt: float
    up: tuple[float, float, float]
    activity: str
    calibrated: bool
    doubt: str | None
    slouching: bool
    """A spell is running (beyond the upper threshold and not yet back)."""
    slouch_s: float
    """How long it has been running, s."""
