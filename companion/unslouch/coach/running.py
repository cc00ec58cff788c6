"""The hold under way: the signal core's hold clock on the pieces of a session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unslouch.coach.values import Zone
from unslouch.store.rows import HoldRow
from unslouch_signal.events import HoldEvent, HoldNotice, Side, Technique
from unslouch_signal.hold import HoldDetector, HoldParameters
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import Track

_LEAVES = (HoldNotice.LEFT, HoldNotice.GAP, HoldNotice.OVERSHOOT)


class RunningHold:
    """One hold in a zone: sample time inside it, pausing outside and wherever the session stands.

    Parameters
    ----------
    technique, side, zone
        What is held and where.
    needed
        s inside the zone until it is done.
    """

    def __init__(self, technique: Technique, side: Side | None, zone: Zone, needed: float) -> None:
        self.zone = zone
        self.needed = needed
        self.inside = False
        self._technique = technique
        self._side = side
        self._clock = HoldDetector(HoldParameters(technique, side, zone.lo, zone.hi, needed), middle=0.0)

    @property
    def held(self) -> float:
        """Seconds in the zone so far."""
        return self._clock.held

    @property
    def done(self) -> bool:
        """Whether enough was held."""
        return self._clock.done

    @property
    def begun(self) -> bool:
        """Whether the zone was reached."""
        return self._clock.held > 0

    def tick(self, piece: Track, angles: FloatArray, measured: BoolArray) -> list[HoldEvent]:
        """Take a piece; ``measured`` is False where the session stands.

        ``angles`` are those of :class:`~unslouch.coach.measure.Measure`: a seated turn counts from the middle that the
        screen shows, so the clock is kept from looking for another one (it does so in upright moments only).
        """
        seen = replace(piece, measured=measured)
        if self._technique is Technique.SEATED_ROTATION:
            toward = -angles if self._side is Side.RIGHT else angles
            seen = replace(seen, axial=toward, tilt=np.full(len(piece), np.pi))
        events = self._clock.process(seen)
        for event in events:
            if event.notice is HoldNotice.ENTERED:
                self.inside = True
            elif event.notice in _LEAVES:
                self.inside = False
        return events

    def row(self) -> HoldRow | None:
        """The hold as far as it came; None when the zone was never reached."""
        span = self._clock.finish()
        if span is None:
            return None
        return HoldRow(
            span.technique,
            span.side,
            span.start,
            span.end,
            span.held,
            self.needed,
            self.zone.lo,
            self.zone.hi,
            span.overshoots,
            span.jerks,
        )
