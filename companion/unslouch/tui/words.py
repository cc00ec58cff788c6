"""How states are called and toned on the screens."""

from __future__ import annotations

from unslouch.live.feed import FeedKind, LinkKind
from unslouch.tui.actions import Where
from unslouch.tui.theme import Tone

# Keyed by value, not by member: the first frame is drawn before the desk is imported.
POSTURE: dict[str, tuple[str, Tone]] = {
    "upright": ("UPRIGHT", Tone.GOOD),
    "slouching": ("SLOUCHING", Tone.WATCH),
    "cued": ("SLOUCHED", Tone.STOP),
    "walking": ("WALKING", Tone.CALM),
    "lying": ("LYING", Tone.CALM),
    "off body": ("NOT WORN", Tone.OFF),
    "no signal": ("NO SIGNAL", Tone.STOP),
    "snoozed": ("SNOOZED", Tone.OFF),
    "paused": ("PAUSED", Tone.OFF),
    "uncalibrated": ("UNCALIBRATED", Tone.WATCH),
    "doubtful": ("DOUBTFUL", Tone.WATCH),
    "ended": ("ENDED", Tone.OFF),
}

FEED: dict[FeedKind, str] = {FeedKind.LIVE: "LIVE", FeedKind.SIMULATED: "SIMULATED", FeedKind.REPLAY: "REPLAY"}

LINK: dict[LinkKind, tuple[str, Tone]] = {
    LinkKind.CONNECTING: ("CONNECTING", Tone.CALM),
    LinkKind.UP: ("LIVE", Tone.GOOD),
    LinkKind.LOST: ("LINK LOST", Tone.STOP),
    LinkKind.ENDED: ("ENDED", Tone.OFF),
}


ABOUT: dict[Where, str] = {
    Where.DESK: (
        "The strap judges how far your upper back has left the upright you calibrated. Short reaches pass; a slouch "
        "that lasts is told to you, once a minute at most."
    ),
    Where.COACH: (
        "Four techniques, step by step. The clock runs in sample time and only inside your own zone. Never force; "
        "sharp pain stops everything."
    ),
    Where.PROGRESS: (
        "The mean of three repetitions a side. A change is called real only beyond the measurement error of 6 degrees."
    ),
    Where.CALIBRATE: (
        "Half a minute: still and upright, two bows and, if you like, a turn. Repeat it when the strap has moved."
    ),
}


def minutes(seconds: float) -> str:
    """Write a length of time in the fewest words."""
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 3600:
        return f"{int(seconds / 60)} min"
    return f"{int(seconds / 3600)} h {int(seconds / 60) % 60} min"
