"""Finding the person's own comfortable range, and the zone to hold in."""

from __future__ import annotations

import math

from unslouch.coach.technique import Kind, TechniqueSpec
from unslouch.coach.values import Zone
from unslouch_signal.events import Technique
from unslouch_signal.hold import zone_for

LEAST: dict[Kind, float] = {Kind.HOLD: math.radians(8.0), Kind.ROTATION: math.radians(15.0)}
"""The smallest excursion taken for a range: below it one sways, breathes or looks."""
RETURNED = 0.4
"""Share of the peak below which one is coming back."""


class TryOut:
    """Watches one slow movement out and back."""

    def __init__(self, spec: TechniqueSpec) -> None:
        self._least = LEAST[spec.kind]
        self.peak = 0.0
        self.t_peak = 0.0

    def tick(self, t: float, angle: float) -> float | None:
        """Take the mean angle of a tenth of a second; return the range once one came back."""
        if angle > self.peak:
            self.peak, self.t_peak = angle, t
        if self.peak >= self._least and angle < RETURNED * self.peak:
            return self.peak
        if angle < RETURNED * self.peak:
            # Swayed: begin again, so that slow wandering does not add up to a range.
            self.peak = max(0.0, angle)
        return None


def zone_of(technique: Technique, own: float | None) -> Zone:
    """The zone of someone with this own range (rad), or a wide and modest one when it is not known."""
    return Zone(*zone_for(technique, own))
