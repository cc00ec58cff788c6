"""The coach's phases on the screen: their order, words, tones and views."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unslouch.tui.figures import View
from unslouch.tui.theme import Tone

if TYPE_CHECKING:
    from unslouch.coach.technique import TechniqueSpec
    from unslouch.coach.values import CoachView

VIEWS = {
    "upper_back_extension": View.STANDING,
    "doorway_stretch": View.DOORWAY,
    "supine_rotation": View.FEET,
    "seated_rotation": View.ABOVE,
}
LIVE = ("try-out", "work", "rest")
STEPS = ("check", "warm-up", "pain", "position", "try-out", "work", "result")
AT = {
    "red flags": 0,
    "calibrate": 0,
    "warm-up": 1,
    "pain before": 2,
    "position": 3,
    "try-out": 4,
    "work": 5,
    "rest": 5,
    "pain after": 6,
    "result": 6,
    "ended": 6,
}
WAITS = ("warm-up", "pain before", "position", "rest", "pain after", "result")
OVER = ("ended", "refused", "stopped")
PHASES: dict[str, tuple[str, Tone, str]] = {
    "red flags": ("FIRST", Tone.CALM, "y when any of it holds for you, n when none does."),
    "calibrate": ("CALIBRATE", Tone.WATCH, "Press k to be led through it."),
    "warm-up": ("WARM UP", Tone.CALM, "Press enter when you are warm."),
    "pain before": ("PAIN", Tone.CALM, "Choose 0 to 10 and press enter."),
    "position": ("POSITION", Tone.CALM, "It begins by itself once you are there."),
    "try-out": ("TRY", Tone.CALM, ""),
    "rest": ("REST", Tone.CALM, ""),
    "pain after": ("PAIN", Tone.CALM, "Choose 0 to 10 and press enter."),
    "result": ("RESULT", Tone.GOOD, "Press enter to finish."),
    "ended": ("DONE", Tone.GOOD, "Press enter for the techniques."),
    "refused": ("NOT TODAY", Tone.STOP, "Press enter to go back."),
    "stopped": ("STOPPED", Tone.STOP, "This session is over. Press enter to go back."),
}
"""Word, tone and sentence of each phase; without a sentence the view's instruction stands there."""


def zone_deg(view: CoachView) -> tuple[int, int] | None:
    """Return the zone in whole degrees."""
    return None if view.zone is None else (round(math.degrees(view.zone.lo)), round(math.degrees(view.zone.hi)))


def seconds_left(view: CoachView) -> int:
    """Return the whole seconds still to hold."""
    return max(math.ceil(view.hold_needed_s - view.hold_s), 0)


def dose_words(spec: TechniqueSpec) -> str:
    """Say the default dose in a few words."""
    dose = spec.dose
    if spec.kind.value == "hold":
        per = f"{dose.hold_s.default:.0f} s" + (" a side" if spec.sides[0] is not None else "")
        times = round(dose.sets.default * dose.repetitions.default)
        return f"hold {per}, {times} times" if times > 1 else f"hold {per}"
    return f"{dose.repetitions.default:.0f} a side, held {dose.hold_s.default:.0f} s"
