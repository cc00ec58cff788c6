"""The nudge to stand up: time in one place, from samples alone.

A strap on the back cannot tell sitting from standing still, so what is counted is time without a walk.
"""

from __future__ import annotations

from dataclasses import dataclass

from unslouch_signal.events import ActivityKind

WALK_S = 30.0
"""A walk of this length ends the time in one place: long enough to leave the desk, too long for a shift of the feet."""
REST_S = 60.0
"""Lying or not worn this long ends it too."""
BLIND_S = 300.0
"""After so long without samples nobody knows: start over rather than accuse."""


@dataclass(frozen=True, slots=True)
class SeatedState:
    """Seconds in one place, seconds of what interrupts it, and how many nudges were given."""

    seated_s: float = 0.0
    walked_s: float = 0.0
    rested_s: float = 0.0
    blind_s: float = 0.0
    nudges: int = 0

    def after(self, activity: str, seconds: float) -> SeatedState:
        """The state ``seconds`` later, spent in ``activity``."""
        walked, rested, blind, seated = 0.0, 0.0, 0.0, self.seated_s
        if activity == ActivityKind.WALKING:
            walked = self.walked_s + seconds
        elif activity in (ActivityKind.LYING, ActivityKind.OFF_BODY):
            rested = self.rested_s + seconds
        elif activity == ActivityKind.UNKNOWN:
            blind = self.blind_s + seconds
        else:
            seated += seconds
        if walked >= WALK_S or rested >= REST_S or blind >= BLIND_S:
            return SeatedState(0.0, walked, rested, blind, 0)
        return SeatedState(seated, walked, rested, blind, self.nudges)


def nudge_text(seated_s: float) -> str:
    """The sentence of a nudge."""
    minutes = round(seated_s / 60)
    return f"{minutes} minutes in one place. Stand up and move for one to five minutes when it suits you."
