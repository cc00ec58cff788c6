"""What a coached session says: short, calm, and never pushing."""

from __future__ import annotations

import math

from unslouch.coach.technique import Kind, TechniqueSpec
from unslouch_signal.events import RotationFault, Side

TITLES: dict[str, str] = {
    "red flags": "Before you begin",
    "calibrate": "Calibration",
    "warm-up": "Warm up",
    "pain before": "How is your back?",
    "position": "Get into position",
    "try-out": "Find your own range",
    "work": "",
    "rest": "Rest",
    "pain after": "How is your back now?",
    "result": "Your result",
    "ended": "Done",
    "refused": "Not today",
    "stopped": "Stopped",
}

FAULTS: dict[RotationFault, str] = {
    RotationFault.STARTED_SLOUCHED: "it began from a slouch; sit tall first",
    RotationFault.BENT_SIDEWAYS: "you bent sideways with it",
    RotationFault.SWIVELLED: "the whole body turned, or the chair",
    RotationFault.CUT_BY_GAP: "samples were missing",
    RotationFault.FLEXED: "you bent forward or back with it",
    RotationFault.TOO_LONG: "it took longer than 20 seconds",
}

ASK_SHARP_PAIN = "Last time you stopped for sharp pain. "
ASK_RED_FLAGS = "Does any of this hold for you?"
ASK_PAIN_BEFORE = "How much pain is there in your back now, from 0 (none) to 10 (the worst you can imagine)?"
ASK_PAIN_AFTER = "How much pain is there now, from 0 to 10?"
CALIBRATE = "Calibrate: upright and still for five seconds, then bow forward three times, then upright again."
DOUBTFUL = "The strap may sit differently now. Sit or stand upright and still for a moment, or calibrate again."
WAIT_FOR_STRAP = "Waiting for the strap."
DRIFTS = (
    "The heading still drifts. Sit still for a moment; if it stays so, lay the strap on the table for ten seconds, "
    "then put it on and calibrate again."
)
TOO_FAR = "That was further than an upper back goes; it is not taken for your range. Once more, and slowly."
THANKS = "That was it for today."


def degrees(angle: float) -> str:
    """An angle as people read it."""
    return f"{math.degrees(angle):.0f}°"


def try_out(spec: TechniqueSpec, side: Side | None) -> str:
    """How to find the own range."""
    return f"Once, to find your range of today: {spec.instruction(side)} Then come back slowly."


def work(spec: TechniqueSpec, side: Side | None, *, in_zone: bool, begun: bool, done: bool, left_s: float) -> str:
    """What to do in a hold or repetition."""
    if done:
        return spec.back
    if in_zone:
        return f"In your zone. Breathe, stay {math.ceil(left_s)} s more."
    if begun:
        return "Out of your zone. Come back to it when you are ready."
    return spec.instruction(side)


def rest(spec: TechniqueSpec, next_side: Side | None, *, other_side: bool) -> str:
    """What comes after the rest."""
    if other_side and next_side is not None:
        return f"Rest. Then the {next_side.value} side."
    return "Rest. Then once more." if spec.kind is Kind.HOLD else "Rest. Then another set."


def counted(done: int, needed: int, reached: float) -> str:
    """A repetition that counts."""
    return f"{done} of {needed}: {degrees(reached)}."


def held_too_short(reached: float, held: float, needed: float) -> str:
    """A repetition that reached but did not stay."""
    return f"{degrees(reached)}, held {held:.0f} s. Stay {needed:.0f} s next time; this one is not counted."
