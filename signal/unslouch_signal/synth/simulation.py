"""From a scenario to a recording with its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from unslouch_signal.events import ActivityKind
from unslouch_signal.samples import BoolArray, FloatArray, SampleBlock, kept
from unslouch_signal.synth.body import Person, Slip
from unslouch_signal.synth.definitions import make_truth
from unslouch_signal.synth.movements import Movement
from unslouch_signal.synth.radio import Radio, RadioModel, gaps
from unslouch_signal.synth.script import ActivityNote, Note, Pose, ProtocolNote, RotationNote, Script
from unslouch_signal.synth.sensor import Sensor, SensorModel
from unslouch_signal.synth.strap import CHUNK, Fuser, Taken, VqfFuser, WornStrap, join
from unslouch_signal.synth.truth import GAP_S, Truth, TruthParameters


@dataclass(frozen=True, slots=True)
class Scenario:
    """Movements one after the other.

    Attributes
    ----------
    name : str
        For people.
    movements : tuple of Movement
        What the wearer does.
    duration_s : float or None
        Length of the recording; None ends 2 s after the last movement.
    standing : bool
        Whether the wearer stands at the start.
    """

    name: str
    movements: tuple[Movement, ...]
    duration_s: float | None = None
    standing: bool = False

    def script(self) -> Script:
        """Write all movements."""
        script = Script(pose=Pose(standing=self.standing))
        for movement in self.movements:
            movement.write(script)
        if script.pose.lying is not None:
            end = script.now if self.duration_s is None else max(self.duration_s, script.now)
            script.note(ActivityNote(ActivityKind.LYING, script.lying_since, end, script.pose.lying))
        return script


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated recording.

    Attributes
    ----------
    block_raw : SampleBlock
        acc and gyr as they arrived.
    block_fused : SampleBlock or None
        Orientation (fused in the strap from all samples, lost ones too) and acc as they arrived.
    truth : Truth
        What was really so.
    arrived : (n,) bool
        Which of the samples taken (``truth.t``) arrived.
    taken_raw : SampleBlock
        acc and gyr of all samples taken: what the IMU gave the firmware.
    """

    block_raw: SampleBlock
    block_fused: SampleBlock | None
    truth: Truth
    arrived: BoolArray
    taken_raw: SampleBlock


class Simulation:
    """A recording in the making: what will be true first, then the samples in blocks.

    However many hours, the samples take no more memory than a block; only the truth keeps its angles at every sample.

    Parameters
    ----------
    scenario
        What happens; see :mod:`unslouch_signal.synth.scenarios`.
    sensor
        Default: :class:`SensorModel` at 52 Hz.
    mounting : (4,) array or None
        Sensor to thorax, w x y z; None draws any rotation from the seed.
    seed
        Everything random follows from it.
    radio
        What gets lost; default nothing.
    fuser
        Default: causal VQF.
    fused
        Whether to fuse at all.
    buzzes
        Whether the motor buzzes (0.6 s) at every ideal alert.
    parameters
        The figures of the definitions that truth is made by.

    Raises
    ------
    ValueError
        When the scenario is empty or the mounting no unit quaternion.
    """

    def __init__(
        self,
        scenario: Scenario,
        sensor: SensorModel | None = None,
        mounting: FloatArray | None = None,
        seed: int = 0,
        *,
        person: Person | None = None,
        radio: RadioModel | None = None,
        fuser: Fuser | None = None,
        fused: bool = True,
        buzzes: bool = True,
        parameters: TruthParameters | None = None,
    ) -> None:
        self._model = model = SensorModel() if sensor is None else sensor
        who = Person() if person is None else person
        self._figures = TruthParameters() if parameters is None else parameters
        self._script = script = scenario.script()
        duration = script.now + 2.0 if scenario.duration_s is None else scenario.duration_s
        self._n = int(duration * model.rate_hz)
        if self._n < 2:
            raise ValueError("the scenario is empty: give it movements or a duration")
        self._buzzes = buzzes and model.motor_m_s2 > 0.0
        self._ahead = WornStrap(model, who, mounting, seed, None)
        self._worn = WornStrap(model, who, mounting, seed, (fuser or VqfFuser(model.rate_hz)) if fused else None)
        self._radio = Radio(RadioModel() if radio is None else radio, seed)
        self._keep: BoolArray = np.ones(0, np.bool_)
        for strap in (self._ahead, self._worn):
            strap.play(script)

    def __len__(self) -> int:
        """How many samples are taken."""
        return self._n

    @property
    def arrived(self) -> BoolArray:
        """Which of the samples arrive, (n,); known once the truth is."""
        return self._keep

    def truth(self, seen: Callable[[int], None] | None = None, *, sensor: bool = True) -> Truth:
        """What will be so, by looking ahead without sensor and fusion; to be called first, and once.

        Where the motor runs follows from the truth, which the motor does not change.

        Parameters
        ----------
        seen
            Is told of every block how many samples were looked at.
        sensor
            Whether to keep the orientation of the sensor; without, it has no rows.
        """
        t, thorax, strap = np.empty(self._n), np.empty((self._n, 4)), np.empty((self._n if sensor else 0, 4))
        keep = np.empty(self._n, np.bool_)
        for a in range(0, self._n, CHUNK):
            b = min(a + CHUNK, self._n)
            at = self._ahead.look(b - a)
            t[a:b], thorax[a:b] = at.t, at.thorax
            if sensor:
                strap[a:b] = at.sensor
            keep[a:b] = self._radio.arrives(a, at.t)
            if seen is not None:
                seen(b - a)
        self._keep = keep
        clock = self._ahead.sensor
        notes = [_in_strap_time(note, clock) for note in self._script.notes]
        slips = tuple(float(clock.clock(np.array(s.start))) for s in self._script.notes if isinstance(s, Slip))
        lost = tuple(gaps(t[keep], GAP_S, float(t[0]), float(t[-1])))
        truth = make_truth(t, strap, thorax, notes, slips, lost, self._ahead.mounting, self._figures)
        if self._buzzes:
            for s in truth.slouches:
                if s.alert is not None:
                    self._worn.buzz(s.alert, 0.6)
        return truth

    def blocks(self) -> Iterator[Taken]:
        """The samples in blocks, lost ones too; to be called after :meth:`truth`, and once."""
        while (at := self._worn.index) < self._n:
            yield self._worn.take(min(CHUNK, self._n - at))


def simulate(
    scenario: Scenario,
    sensor: SensorModel | None = None,
    mounting: FloatArray | None = None,
    seed: int = 0,
    *,
    person: Person | None = None,
    radio: RadioModel | None = None,
    fuser: Fuser | None = None,
    fused: bool = True,
    buzzes: bool = True,
    parameters: TruthParameters | None = None,
) -> Simulated:
    """Record a scenario whole; parameters and errors are those of :class:`Simulation`."""
    making = Simulation(
        scenario,
        sensor,
        mounting,
        seed,
        person=person,
        radio=radio,
        fuser=fuser,
        fused=fused,
        buzzes=buzzes,
        parameters=parameters,
    )
    truth = making.truth()
    keep = making.arrived
    parts = list(making.blocks())
    raw = join([part.raw for part in parts])
    with_orientation = [part.fused for part in parts if part.fused is not None]
    return Simulated(
        kept(raw, keep), kept(join(with_orientation), keep) if with_orientation else None, truth, keep, raw
    )


def _in_strap_time(note: Note, sensor: Sensor) -> Note:
    def at(t: float) -> float:
        return float(sensor.clock(np.array(t)))

    match note:
        case ProtocolNote():
            return ProtocolNote(at(note.start), at(note.still_end), at(note.end))
        case RotationNote():
            line = None if note.line is None else (at(note.line[0]), at(note.line[1]))
            return replace(note, start=at(note.start), end=at(note.end), line=line)
        case _:
            return replace(note, start=at(note.start), end=at(note.end))
