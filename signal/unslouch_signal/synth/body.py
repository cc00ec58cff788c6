"""The person in the strap: a thorax that pivots about the hip, breathes and sways."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, radians

import numpy as np

from unslouch_signal.samples import FloatArray
from unslouch_signal.synth.motion import Channel, Score, minimum_jerk, smooth_noise
from unslouch_signal.synth.rotations import exponential, multiply, rotate

GRAVITY = 9.80665
"""m/s^2"""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wears the strap.

    Attributes
    ----------
    lever : (3,) tuple of float
        From the hip joint to the sensor in the thorax frame, m: the back skin at T4 of an adult.
    breath_hz, breath_deg, breath_m : float
        Rate, thorax pitch and shift of the chest wall with each breath; quiet breathing is 0.2-0.3 Hz.
    sway_deg : float
        Bound of the slow wandering of posture per axis (the standard deviation is a third of it).
    """

    lever: tuple[float, float, float] = (-0.11, 0.0, 0.42)
    breath_hz: float = 0.25
    breath_deg: float = 0.5
    breath_m: float = 0.003
    sway_deg: float = 1.0


@dataclass(frozen=True, slots=True)
class Slip:
    """The strap moves on the body: a turn by ``rotvec`` (rad, thorax frame) between ``start`` and ``end``."""

    start: float
    end: float
    rotvec: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Absence:
    """The strap is off the body between ``start`` and ``end``: no breath and no sway."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Kinematics:
    """Where thorax and sensor are: ``thorax`` and ``sensor`` (4, n) to world, ``position`` of the sensor (3, n), m."""

    thorax: FloatArray
    sensor: FloatArray
    position: FloatArray


class Body:
    """Evaluates a score for one person and one mounting."""

    def __init__(self, person: Person, mounting: FloatArray, seed: int) -> None:
        self.score = Score()
        self._person = person
        self._mounting = mounting
        self._seed = seed * 64
        self._slips: list[Slip] = []
        self._absences: list[Absence] = []

    def slip(self, slip: Slip) -> None:
        """Let the strap move on the body."""
        self._slips.append(slip)

    def absence(self, absence: Absence) -> None:
        """Let the strap be off the body for a while."""
        self._absences.append(absence)

    def drop_future(self, now: float) -> None:
        """Forget slips and absences that have not begun."""
        self._slips = [s for s in self._slips if s.start < now]
        self._absences = [a for a in self._absences if a.start < now]

    def at(self, t: FloatArray) -> Kinematics:
        """Kinematics at times ``t`` (n,), increasing over calls."""
        p = self._person
        c = self.score.values(t)
        worn = np.ones(len(t))
        for a in self._absences:
            worn = worn - minimum_jerk((t - a.start) / 1.5) + minimum_jerk((t - a.end + 1.5) / 1.5)
        breath = worn * np.sin(2 * pi * p.breath_hz * t + 2.5 * smooth_noise(t, 20.0, self._seed))
        breath = breath * (1.0 + 0.3 * smooth_noise(t, 9.0, self._seed + 1))
        sway = [self._sway(t, self._seed + 4 + 4 * i) * worn for i in range(3)]
        flexion = c[Channel.FLEXION] + sway[0] + radians(p.breath_deg) * breath
        lateral = c[Channel.LATERAL] + 0.7 * sway[1]
        axial = 0.5 * (c[Channel.AXIAL] + 0.7 * sway[2])
        heading, recline = 0.5 * c[Channel.HEADING], 0.5 * c[Channel.RECLINE]
        cz, sz, cy, sy = np.cos(heading), np.sin(heading), np.cos(recline), np.sin(recline)
        pelvis = np.stack((cz * cy, -sz * sy, cz * sy, sz * cy))
        zero = np.zeros_like(t)
        bend = exponential(np.stack((lateral, flexion, zero)))
        turn = np.stack((np.cos(axial), zero, zero, np.sin(axial)))
        thorax = multiply(multiply(pelvis, bend), turn)
        lever = np.stack((p.lever[0] + p.breath_m * breath, p.lever[1] + zero, p.lever[2] + zero))
        arm = rotate(thorax, lever)
        ch, sh = cz * cz - sz * sz, 2 * cz * sz
        hip_x = c[Channel.X] + ch * c[Channel.FORE] - sh * c[Channel.SIDE]
        hip_y = c[Channel.Y] + sh * c[Channel.FORE] + ch * c[Channel.SIDE]
        position = arm + np.stack((hip_x, hip_y, c[Channel.Z]))
        return Kinematics(thorax, multiply(thorax, self._mount(t)), position)

    def _sway(self, t: FloatArray, seed: int) -> FloatArray:
        # Octaves that grow with their length: the 1/f spectrum of postural sway, bounded so that truth stays plain.
        octaves = ((25.0, 0.5), (7.0, 0.3), (2.0, 0.15), (0.6, 0.05))
        total = np.zeros_like(t)
        for i, (knot, share) in enumerate(octaves):
            total += share * smooth_noise(t, knot, seed + i)
        return radians(self._person.sway_deg) * total

    def _mount(self, t: FloatArray) -> FloatArray:
        mount = self._mounting[:, None]
        for s in self._slips:
            if s.end <= t[0]:
                x = np.ones(1)
            elif s.start < t[-1]:
                x = minimum_jerk((t - s.start) / (s.end - s.start))
            else:
                continue
            mount = multiply(exponential(np.array(s.rotvec)[:, None] * x), mount)
        return mount
