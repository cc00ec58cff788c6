"""A simulator of a worn strap with the truth beside it.

``simulate(scenarios.desk_day(1800, seed=1), SensorModel(), seed=1)`` gives raw and fused samples and what was really
so; :class:`LivePerson` does what one tells it, sample by sample. A thorax pivots about the hip, breathes and sways;
accelerations are second derivatives of where the sensor is, rates integrate exactly to its orientation.
"""

from unslouch_signal.synth import movements, scenarios
from unslouch_signal.synth.body import GRAVITY, Person
from unslouch_signal.synth.live import COMMANDS, LivePerson
from unslouch_signal.synth.radio import RadioModel
from unslouch_signal.synth.sensor import IDEAL, WORST, SensorModel
from unslouch_signal.synth.simulation import Scenario, Simulated, Simulation, simulate
from unslouch_signal.synth.strap import Fuser, VqfFuser
from unslouch_signal.synth.truth import (
    ActivityTruth,
    HoldTruth,
    ProtocolTruth,
    RotationTruth,
    SlouchTruth,
    Truth,
    TruthParameters,
)
from unslouch_signal.synth.truth_json import truth_to_json

__all__ = [
    "COMMANDS",
    "GRAVITY",
    "IDEAL",
    "WORST",
    "ActivityTruth",
    "Fuser",
    "HoldTruth",
    "LivePerson",
    "Person",
    "ProtocolTruth",
    "RadioModel",
    "RotationTruth",
    "Scenario",
    "SensorModel",
    "Simulated",
    "Simulation",
    "SlouchTruth",
    "Truth",
    "TruthParameters",
    "VqfFuser",
    "movements",
    "scenarios",
    "simulate",
    "truth_to_json",
]
