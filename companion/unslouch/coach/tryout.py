"""Finding the person's own comfortable range, and the zone to hold in."""

from __future__ import annotations

import math

from unslouch.coach.technique import Kind, TechniqueSpec
from unslouch.coach.values import Zone
from unslouch_signal.events import Technique
from unslouch_signal.found_holds import FoundHoldParameters
from unslouch_signal.hold import zone_for
from unslouch_signal.repetitions import RepetitionParameters

LEAST: dict[Kind, float] = {Kind.HOLD: math.radians(8.0), Kind.ROTATION: math.radians(15.0)}
"""The smallest excursion taken for a range: below it one sways, breathes or looks."""
MOST: dict[Kind, float] = {
    Kind.HOLD: FoundHoldParameters().most,
    Kind.ROTATION: RepetitionParameters().most,
}
"""Further than this nobody's upper back goes: somebody picked something up, or the chair turned."""
RETURNED = 0.4
"""Share of the peak below which one is coming back."""


class TryOut:
    """Watches one slow movement out and back; ``beyond`` tells that the last one went further than a back goes."""

    def __init__(self, spec: TechniqueSpec) -> None:
        self._least = LEAST[spec.kind]
        self._most = MOST[spec.kind]
        self.beyond = False
        self.peak = 0.0
        self.t_peak = 0.0

    def tick(self, t: float, angle: float) -> float | None:
        """Take the mean angle of a tenth of a second; return the range once one came back."""
        self.beyond = False
        if angle > self.peak:
            self.peak, self.t_peak = angle, t
        if self.peak > self._most:
            # what no back can do is no range: begin again, all the way back
            if angle < RETURNED * self._least:
                self.peak, self.beyond = max(0.0, angle), True
            return None
        if angle >= RETURNED * self.peak:
            return None
        if self.peak >= self._least:
            return self.peak
        # swayed: begin again, so that slow wandering does not add up to a range
        self.peak = max(0.0, angle)
        return None


def zone_of(technique: Technique, own: float | None) -> Zone:
    """The zone of someone with this own range (rad), or a wide and modest one when it is not known."""
    return Zone(*zone_for(technique, own))
