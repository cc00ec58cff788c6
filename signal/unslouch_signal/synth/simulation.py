"""From a scenario to a recording with its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unslouch_signal.events import ActivityKind
from unslouch_signal.samples import FloatArray, SampleBlock, kept
from unslouch_signal.synth.body import Person, Slip
from unslouch_signal.synth.definitions import make_truth
from unslouch_signal.synth.movements import Movement
from unslouch_signal.synth.radio import Radio, RadioModel, gaps
from unslouch_signal.synth.script import ActivityNote, Note, Pose, ProtocolNote, RotationNote, Script
from unslouch_signal.synth.sensor import Sensor, SensorModel
from unslouch_signal.synth.strap import Fuser, Taken, VqfFuser, WornStrap
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
    arrived: np.ndarray[tuple[int], np.dtype[np.bool_]]
    taken_raw: SampleBlock


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
    """Record a scenario.

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
    model = SensorModel() if sensor is None else sensor
    who = Person() if person is None else person
    figures = TruthParameters() if parameters is None else parameters
    script = scenario.script()
    duration = script.now + 2.0 if scenario.duration_s is None else scenario.duration_s
    n = int(duration * model.rate_hz)
    if n < 2:
        raise ValueError("the scenario is empty: give it movements or a duration")
    clock = Sensor(model, seed)
    link = RadioModel() if radio is None else radio

    def strap(fusing: Fuser | None) -> WornStrap:
        worn = WornStrap(model, who, mounting, seed, fusing)
        worn.play(script)
        return worn

    def truth_of(worn: WornStrap, taken: Taken, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Truth:
        t = taken.raw.t
        notes = [_in_strap_time(note, clock) for note in script.notes]
        slips = tuple(float(clock.clock(np.array(s.start))) for s in script.notes if isinstance(s, Slip))
        lost = tuple(gaps(t[keep], GAP_S, float(t[0]), float(t[-1])))
        return make_truth(t, taken.sensor, taken.thorax, notes, slips, lost, worn.mounting, figures)

    worn = strap(None if not fused else fuser or VqfFuser(model.rate_hz))
    if buzzes and model.motor_m_s2:
        # Where the motor runs follows from the truth, which the motor does not change: look ahead without fusion.
        ahead = strap(None)
        seen = ahead.take(n)
        keep = Radio(link, seed).arrives(0, seen.raw.t)
        for s in truth_of(ahead, seen, keep).slouches:
            if s.alert is not None:
                worn.buzz(s.alert, 0.6)
    taken = worn.take(n)
    keep = Radio(link, seed).arrives(0, taken.raw.t)
    return Simulated(
        kept(taken.raw, keep),
        None if taken.fused is None else kept(taken.fused, keep),
        truth_of(worn, taken, keep),
        keep,
        taken.raw,
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
