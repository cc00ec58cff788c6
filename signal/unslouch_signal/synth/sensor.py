"""The sensor: what an LSM6DS3TR-C makes of the motion it is carried through."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, radians

import numpy as np

from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.synth.body import GRAVITY, Kinematics
from unslouch_signal.synth.motion import smooth_noise
from unslouch_signal.synth.rotations import conjugate, logarithm, multiply, rotate


@dataclass(frozen=True, slots=True)
class SensorModel:
    """Errors and settings of the sensor; the defaults are those of the LSM6DS3TR-C's data sheet as the strap sets it.

    Attributes
    ----------
    rate_hz : float
        Output data rate, 20-400 Hz.
    gyro_noise_dps : float
        White noise density, deg/s per root Hz (data sheet: 5 mdps).
    acc_noise_ug : float
        White noise density, micro-g per root Hz (data sheet: 90).
    gyro_range_dps, acc_range_g : float
        Full scale; beyond it the output saturates.
    quantised : bool
        Whether outputs are rounded to the int16 steps of those ranges.
    bias_dps : float
        Turn-on bias of the gyro: each axis is off by this much, sign by seed.
    bias_drift_dps : float
        How far the bias wanders while the board warms up (time constant 15 min), per axis at most.
    scale_error : float
        Gyro scale error: each axis is off by this fraction, sign by seed (data sheet: 1 %).
    misalignment_deg : float
        Bound of the cross-axis tilt of the gyro axes.
    acc_offset_mg : float
        Bound of the accelerometer offset per axis, after the factory's trim.
    stamp_jitter_s : float
        Standard deviation of the time stamps against the sampling instants.
    clock_ppm : float
        The strap's clock runs fast by this much; time stamps and truth are in its time.
    motor_m_s2 : float
        Vibration of the motor as it is left in the samples, amplitude.
    """

    rate_hz: float = 52.0
    gyro_noise_dps: float = 5e-3
    acc_noise_ug: float = 90.0
    gyro_range_dps: float = 1000.0
    acc_range_g: float = 8.0
    quantised: bool = True
    bias_dps: float = 0.5
    bias_drift_dps: float = 0.1
    scale_error: float = 0.005
    misalignment_deg: float = 0.3
    acc_offset_mg: float = 5.0
    stamp_jitter_s: float = 0.0005
    clock_ppm: float = 20.0
    motor_m_s2: float = 1.5

    def __post_init__(self) -> None:
        """Check the rate."""
        if not 20.0 <= self.rate_hz <= 400.0:
            raise ValueError(f"rate_hz must be 20 to 400, not {self.rate_hz:g}")


IDEAL = SensorModel(
    gyro_noise_dps=0.0,
    acc_noise_ug=0.0,
    quantised=False,
    bias_dps=0.0,
    bias_drift_dps=0.0,
    scale_error=0.0,
    misalignment_deg=0.0,
    acc_offset_mg=0.0,
    stamp_jitter_s=0.0,
    clock_ppm=0.0,
    motor_m_s2=0.0,
)
"""A sensor without errors."""

WORST = SensorModel(bias_dps=2.5, bias_drift_dps=0.2, scale_error=0.01, misalignment_deg=0.5)
"""The sensor of the accuracy benchmark: 1 % scale error and 2.5 deg/s of turn-on bias on every axis."""


def ideal_samples(kinematics: Kinematics, interval: float) -> tuple[FloatArray, FloatArray]:
    """What an errorless sensor puts out: mean rate and mean specific force over each interval.

    Parameters
    ----------
    kinematics
        At 2n+1 instants half an interval apart; sample k is taken at instant 2k+2 and covers the interval before it.
    interval
        Seconds between samples.

    Returns
    -------
    acc, gyr : (3, n) float64
        Specific force (m/s^2) in the sensor frame at the middle of the interval, from the second difference of the
        position; body rate (rad/s) whose exponential over the interval is exactly the rotation done.
    """
    q, p = kinematics.sensor, kinematics.position
    before, middle, after = q[:, 0:-2:2], q[:, 1:-1:2], q[:, 2::2]
    gyr = logarithm(multiply(conjugate(before), after)) / interval
    force = (p[:, 0:-2:2] - 2.0 * p[:, 1:-1:2] + p[:, 2::2]) / (0.5 * interval) ** 2
    force[2] += GRAVITY
    return rotate(conjugate(middle), force), gyr


class Sensor:
    """Adds the errors of one sensor to ideal samples, block after block."""

    def __init__(self, model: SensorModel, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        self._model = model
        self._noise = np.random.default_rng([seed, 2])
        self._jitter = np.random.default_rng([seed, 3])
        self._seed = seed * 64 + 40
        signs = rng.choice((-1.0, 1.0), size=(2, 3))
        self._bias = radians(model.bias_dps) * signs[0]
        self._drift = radians(model.bias_drift_dps) * rng.uniform(-1.0, 1.0, 3)
        cross = np.tan(radians(model.misalignment_deg)) * rng.uniform(-1.0, 1.0, (3, 3))
        np.fill_diagonal(cross, 1.0 + model.scale_error * signs[1])
        self._matrix = cross
        self._offset = 1e-3 * GRAVITY * model.acc_offset_mg * rng.uniform(-1.0, 1.0, 3)

    @property
    def bias(self) -> FloatArray:
        """Turn-on bias, rad/s, (3,)."""
        return self._bias

    def measure(
        self, t: FloatArray, acc: FloatArray, gyr: FloatArray, motor: BoolArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Measured acc (m/s^2) and gyr (rad/s), (n, 3) each, and where they saturate, (n,), from ideal (3, n)."""
        m = self._model
        white = self._noise.standard_normal((len(t), 6))
        root = np.sqrt(0.5 * m.rate_hz)
        warm = 1.0 - np.exp(-np.maximum(t, 0.0) / 900.0)
        # written out by element: a matrix product may round differently with the length of the block
        rows = self._matrix
        g = np.stack([rows[i, 0] * gyr[0] + rows[i, 1] * gyr[1] + rows[i, 2] * gyr[2] for i in range(3)], axis=1)
        g += self._bias + warm[:, None] * self._drift
        if m.bias_drift_dps:
            wander = np.stack([smooth_noise(t, 90.0, self._seed + i) for i in range(3)], axis=1)
            g += radians(0.05 * m.bias_drift_dps) * wander
        g += radians(m.gyro_noise_dps) * root * white[:, :3]
        a = acc.T + self._offset + 1e-6 * GRAVITY * m.acc_noise_ug * root * white[:, 3:]
        if m.motor_m_s2 and bool(motor.any()):
            hum = np.stack([np.sin(2 * pi * f * t + p) for f, p in ((171.0, 0.0), (171.7, 1.0), (342.3, 2.0))], axis=1)
            a += np.where(motor[:, None], m.motor_m_s2 * hum, 0.0)
            g += np.where(motor[:, None], radians(2.0 * m.motor_m_s2) * hum[:, ::-1], 0.0)
        top_g, top_a = radians(m.gyro_range_dps), GRAVITY * m.acc_range_g
        saturated = (np.abs(g) > top_g).any(axis=1) | (np.abs(a) > top_a).any(axis=1)
        if m.quantised:
            # the data sheet's sensitivities: 35 mdps at 1000 deg/s and 0.244 mg at 8 g
            lsb_g, lsb_a = radians(0.035e-3 * m.gyro_range_dps), GRAVITY * 0.0305e-3 * m.acc_range_g
            g, a = np.rint(g / lsb_g) * lsb_g, np.rint(a / lsb_a) * lsb_a
        return np.clip(a, -top_a, top_a), np.clip(g, -top_g, top_g), saturated

    def stamps(self, t: FloatArray) -> FloatArray:
        """Time stamps of the strap's clock for samples taken at true times ``t``."""
        m = self._model
        jitter = self._jitter.standard_normal(len(t)) * m.stamp_jitter_s
        bound = 0.3 / m.rate_hz
        return self.clock(t) + np.clip(jitter, -bound, bound)

    def clock(self, t: FloatArray) -> FloatArray:
        """The strap's clock at true times."""
        return t * (1.0 + 1e-6 * self._model.clock_ppm)
