"""What is asked before, and when nobody should start.

These are rules for well people who train range, not a medical screening; docs/coach.md names the sources.
"""

from __future__ import annotations

from enum import StrEnum

SCREENING_VERSION = 1
"""Raise it when the questions change: everyone is asked again."""

RED_FLAGS: tuple[str, ...] = (
    "Did the pain in your back begin after a fall, a blow or an accident?",
    "Do you have fever, chills or feel generally ill, or have you lost weight without wanting to?",
    "Do you have or have you had cancer?",
    "Does pain in your back wake you at night or stay the same in every position?",
    "Is there weakness, numbness or tingling in an arm or leg that grows?",
    "Has your control over bladder or bowel changed, or feeling between the legs?",
    "Do you have osteoporosis, a fracture of the spine, or had surgery on back, chest or shoulder within three months?",
    "Do you have chest pain or shortness of breath? Then call the emergency number now.",
)

RED_FLAG_ADVICE = (
    "Please see a doctor or physiotherapist before you train with unslouch. "
    "Chest pain or shortness of breath: call the emergency number now."
)

SHARP_PAIN_ADVICE = (
    "Stopped. Come out of the position slowly and rest. "
    "If the pain stays, spreads or is new to you, see a doctor or physiotherapist. "
    "Chest pain or shortness of breath: call the emergency number now."
)

HONESTY = "unslouch measures and counts. It is no medical device and promises no relief of pain."

DO_NOT_FORCE = "Do not force. Ease back a little and breathe."

CAUTION_PAIN = 4
REFUSED_PAIN = 6

REAL_PAIN_CHANGE = 2
"""Points on the 0-10 scale below which a change says nothing (MDC 1.77, MCID about 2)."""


class PainLight(StrEnum):
    """The traffic light of pain before training."""

    GO = "go"
    CAUTION = "caution"
    STOP = "stop"


def pain_light(score: int) -> PainLight:
    """0-3 go, 4-5 with caution, 6 and more not today."""
    if score >= REFUSED_PAIN:
        return PainLight.STOP
    return PainLight.CAUTION if score >= CAUTION_PAIN else PainLight.GO


def caution_text(score: int) -> str:
    """What to mind with some pain."""
    return (
        f"With pain at {score}, stay well inside what is comfortable and stop if it grows. "
        "If it is not back to this within a day, train less next time."
    )


def refusal_text(score: int) -> str:
    """Why not today."""
    return (
        f"Not today: with pain at {score} rest is better than training. If it stays, see a doctor or physiotherapist."
    )


def pain_change_text(before: int, after: int) -> str:
    """What a change of pain means, and does not."""
    change = after - before
    told = f"Pain {before} before, {after} after"
    if abs(change) < REAL_PAIN_CHANGE:
        return f"{told}: no change that such a scale can tell."
    if change > 0:
        return f"{told}: more. Train less next time; if it is not settled in a day, ask a clinician."
    return f"{told}: less now."
