"""The catalogue of movements."""

from unslouch_signal.synth.exercises import CalibrationProtocol, DoorwayHold, ExtensionHold, RotateTrunk, look
from unslouch_signal.synth.locomotion import GetUp, LieDown, RollOver, SitDown, Stairs, StandUp, Walk
from unslouch_signal.synth.movement import (
    Bend,
    Movement,
    Rest,
    Settle,
    Swivel,
    Together,
    Twist,
    drink,
    lean,
    phone_call,
    reach,
    sink,
    slouch,
)
from unslouch_signal.synth.wearing import StrapSlip, TakeOff

__all__ = [
    "Bend",
    "CalibrationProtocol",
    "DoorwayHold",
    "ExtensionHold",
    "GetUp",
    "LieDown",
    "Movement",
    "Rest",
    "RollOver",
    "RotateTrunk",
    "Settle",
    "SitDown",
    "Stairs",
    "StandUp",
    "StrapSlip",
    "Swivel",
    "TakeOff",
    "Together",
    "Twist",
    "Walk",
    "drink",
    "lean",
    "look",
    "phone_call",
    "reach",
    "sink",
    "slouch",
]
