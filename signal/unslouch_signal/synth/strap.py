"""The worn strap: plays a script and puts out samples, as long as one likes and in blocks of any length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unslouch_signal.samples import BoolArray, FlagArray, FloatArray, SampleBlock, SampleFlag, samples
from unslouch_signal.synth.body import Body, Person
from unslouch_signal.synth.rotations import random_rotation
from unslouch_signal.synth.script import ActivityNote, Script
from unslouch_signal.synth.sensor import Sensor, SensorModel, ideal_samples

CHUNK = 8192
"""Samples made at once; arrays of this length stay in the cache."""


class Fuser(Protocol):
    """Anything that turns raw samples into orientation causally, block after block."""

    def fuse(self, acc: FloatArray, gyr: FloatArray) -> FloatArray:
        """Orientation (n, 4) for acc and gyr (n, 3), m/s^2 and rad/s."""
        ...


class VqfFuser:
    """The library's causal VQF (:class:`~unslouch_signal.fusion.CausalFusion`) as the strap's fusion."""

    def __init__(self, rate_hz: float) -> None:
        from unslouch_signal.fusion import CausalFusion  # compiled inside; only a simulation that fuses needs it

        self._fusion = CausalFusion(rate_hz)
        self._rate = rate_hz
        self._index = 0

    def fuse(self, acc: FloatArray, gyr: FloatArray) -> FloatArray:
        """Orientation (n, 4) for acc and gyr (n, 3), m/s^2 and rad/s."""
        # the strap fuses at its sensor's rate, whatever the stamps say
        t = np.arange(self._index, self._index + len(acc), dtype=np.int64) / self._rate
        self._index += len(acc)
        fused = self._fusion.process(samples(t, acc=acc, gyr=gyr)).quat
        if fused is None:
            raise ValueError("the fusion gave no orientation")
        return fused


@dataclass(frozen=True, slots=True)
class Taken:
    """Samples as the strap took them, nothing lost yet, with what was really so.

    ``raw`` and ``fused`` are blocks of the same samples; ``sensor`` and ``thorax`` (n, 4) true orientations to world
    at the instants they were taken.
    """

    raw: SampleBlock
    fused: SampleBlock | None
    sensor: FloatArray
    thorax: FloatArray


@dataclass(frozen=True, slots=True)
class Seen:
    """Stamps ``t`` (n,) of samples to come, and true orientations ``sensor`` and ``thorax`` (n, 4) to world at them."""

    t: FloatArray
    sensor: FloatArray
    thorax: FloatArray


class WornStrap:
    """A strap worn by a person who follows a script.

    Parameters
    ----------
    model, person
        The sensor and the person.
    mounting : (4,) array or None
        Sensor to thorax, w x y z; None draws any rotation from the seed.
    seed : int
        Decides everything random.
    fuser
        Fusion in the strap; None puts out raw samples alone.
    """

    def __init__(
        self,
        model: SensorModel,
        person: Person,
        mounting: FloatArray | None,
        seed: int,
        fuser: Fuser | None,
    ) -> None:
        mount = random_rotation(np.random.default_rng([seed, 5])) if mounting is None else np.asarray(mounting, float)
        if mount.shape != (4,) or abs(float(np.linalg.norm(mount)) - 1.0) > 1e-6:
            raise ValueError("mounting must be one unit quaternion w x y z")
        self.mounting = mount
        self.sensor = Sensor(model, seed)
        self.body = Body(person, mount, seed)
        self._interval = 1.0 / model.rate_hz
        self._rate = model.rate_hz
        self._fuser = fuser
        self._index = 0
        self._motor: list[tuple[float, float]] = []
        self._away: list[ActivityNote] = []

    @property
    def now(self) -> float:
        """When the next sample will be taken, s."""
        return self._index * self._interval

    @property
    def index(self) -> int:
        """Number of the next sample."""
        return self._index

    def play(self, script: Script) -> None:
        """Take over all motion of a script that lies in the future."""
        for primitive in script.primitives:
            self.body.score.add(primitive)
        for slip in script.slips:
            self.body.slip(slip)
        for absence in script.absences:
            self.body.absence(absence)
        self._away.extend(n for n in script.notes if isinstance(n, ActivityNote) and n.kind == "off_body")

    def buzz(self, start: float, seconds: float) -> None:
        """Run the motor."""
        self._motor.append((start, start + seconds))

    def take(self, n: int) -> Taken:
        """The next ``n`` samples."""
        parts = [self._take(min(CHUNK, n - i)) for i in range(0, n, CHUNK)]
        if len(parts) == 1:
            return parts[0]
        fused = [p.fused for p in parts if p.fused is not None]
        return Taken(
            join([p.raw for p in parts]),
            join(fused) if fused else None,
            np.concatenate([p.sensor for p in parts]) if parts else np.empty((0, 4)),
            np.concatenate([p.thorax for p in parts]) if parts else np.empty((0, 4)),
        )

    def look(self, n: int) -> Seen:
        """What is true at the next ``n`` samples, without taking them; a strap that looks ahead takes none later."""
        true_t = np.arange(self._index, self._index + n, dtype=np.int64) / self._rate
        self._index += n
        kinematics = self.body.at(true_t)
        return Seen(self.sensor.stamps(true_t), kinematics.sensor.T.copy(), kinematics.thorax.T.copy())

    def _take(self, n: int) -> Taken:
        k = np.arange(2 * self._index - 2, 2 * (self._index + n) - 1, dtype=np.int64)
        kinematics = self.body.at(k / (2.0 * self._rate))
        true_t = np.arange(self._index, self._index + n, dtype=np.int64) / self._rate
        self._index += n
        acc, gyr = ideal_samples(kinematics, self._interval)
        motor = self._within(true_t, self._motor)
        a, g, saturated = self.sensor.measure(true_t, acc, gyr, motor)
        flags: FlagArray = np.zeros(n, np.uint8)
        flags |= np.where(motor, np.uint8(SampleFlag.MOTOR), np.uint8(0))
        flags |= np.where(saturated, np.uint8(SampleFlag.SATURATED), np.uint8(0))
        for note in self._away:
            # the strap needs a few seconds of perfect stillness to know that it is off; the charger it feels at once
            delay = 0.5 if note.charging else 4.0
            bits = SampleFlag.OFF_BODY | (SampleFlag.CHARGER if note.charging else SampleFlag.NONE)
            away = (true_t >= note.start + 1.5 + delay) & (true_t < note.end - 1.2)
            flags |= np.where(away, np.uint8(bits), np.uint8(0))
        t = self.sensor.stamps(true_t)
        raw = SampleBlock(t, None, a, g, flags)
        fused = None if self._fuser is None else SampleBlock(t, self._fuser.fuse(a, g), a, None, flags)
        return Taken(raw, fused, kinematics.sensor[:, 2::2].T.copy(), kinematics.thorax[:, 2::2].T.copy())

    @staticmethod
    def _within(t: FloatArray, spans: list[tuple[float, float]]) -> BoolArray:
        inside = np.zeros(len(t), np.bool_)
        for start, end in spans:
            inside |= (t >= start) & (t < end)
        return inside


def join(blocks: list[SampleBlock]) -> SampleBlock:
    """Consecutive blocks as one.

    Raises
    ------
    ValueError
        When there is none.
    """
    if not blocks:
        raise ValueError("no blocks to join")

    def column(parts: list[FloatArray | None]) -> FloatArray | None:
        there = [p for p in parts if p is not None]
        return np.concatenate(there) if there else None

    return SampleBlock(
        np.concatenate([b.t for b in blocks]),
        column([b.quat for b in blocks]),
        column([b.acc for b in blocks]),
        column([b.gyr for b in blocks]),
        np.concatenate([b.flags for b in blocks]),
    )
