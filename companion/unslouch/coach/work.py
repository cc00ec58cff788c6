"""The exercise itself: the hold or the repetitions of the side in turn."""

from __future__ import annotations

from dataclasses import dataclass

from unslouch.coach import safety
from unslouch.coach.running import RunningHold
from unslouch.coach.technique import Kind, Plan, TechniqueSpec
from unslouch.coach.tryout import zone_of
from unslouch.coach.turns import held_in, judge, position_of
from unslouch.coach.values import Cue, CueKind
from unslouch.store.log import Save
from unslouch.store.rows import HoldRow, RepetitionRow
from unslouch_signal.events import HoldEvent, HoldNotice, RotationRep, Side
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import Track

RETURN_SHARE = 0.5
"""Below this share of the zone's lower end a repetition's hold is over."""
NAG_S = 3.0
"""Least time between two words of caution."""
TRIED_S = 1.0
"""A repetition that began longer before the work was the try-out."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A hold or repetition counts; ``reached`` (rad) is a repetition's range."""

    reached: float | None = None


WorkStep = Cue | Save | Counted


class Work:
    """Keeps the hold under way and everything done so far."""

    def __init__(self, spec: TechniqueSpec, plan: Plan) -> None:
        self.clock: RunningHold | None = None
        self.holds: list[HoldRow] = []
        self.repetitions: list[RepetitionRow] = []
        self._spec = spec
        self._plan = plan
        self._side: Side | None = None
        self._own: float | None = None
        self._since = 0.0
        self._t = 0.0
        self._nagged = float("-inf")

    def begin(self, side: Side | None, own: float | None, t: float) -> None:
        """Begin a hold or the repetitions of a side, whose range (rad) is known or not."""
        self._side, self._own, self._since, self._t = side, own, t, t
        self._new_hold()

    def tick(self, piece: Track, angles: FloatArray, measured: BoolArray, value: float | None) -> list[WorkStep]:
        """Take a piece of the track; ``value`` is its mean angle, None where nothing was measured."""
        steps: list[WorkStep] = []
        self._t = float(piece.t[-1])
        for event in [] if self.clock is None else self.clock.tick(piece, angles, measured):
            steps += self._notice(event)
        if self._spec.kind is Kind.ROTATION and value is not None and self._back(value):
            steps += self.close()
            self._new_hold()
        return steps

    def rotation(self, rep: RotationRep) -> list[WorkStep]:
        """Take a repetition that the detector found."""
        if rep.position is not position_of(self._spec) or rep.start < self._since - TRIED_S:
            return []
        running = None if self.clock is None else self.clock.row()
        held = held_in(rep, [*self.holds, *([] if running is None else [running])])
        judged = judge(rep, self._side, self._own, held, self._plan.hold_s)
        row = RepetitionRow(
            self._spec.technique,
            rep.side,
            rep.position,
            rep.start,
            rep.peak,
            rep.end,
            rep.range,
            held,
            rep.faults,
            judged.counted,
        )
        self.repetitions.append(row)
        if judged.counted:
            return [Save(row), Counted(rep.range)]
        return [Save(row), Cue(CueKind.NOT_COUNTED, self._t, judged.text)]

    def close(self) -> list[WorkStep]:
        """End the running hold and keep it as far as it came."""
        row = None if self.clock is None else self.clock.row()
        self.clock = None
        if row is None:
            return []
        self.holds.append(row)
        return [Save(row)]

    def _back(self, value: float) -> bool:
        """Whether the zone was reached and left for the middle."""
        return self.clock is not None and self.clock.begun and value < RETURN_SHARE * self.clock.zone.lo

    def _new_hold(self) -> None:
        zone = zone_of(self._spec.technique, self._own)
        self.clock = RunningHold(self._spec.technique, self._side, zone, self._plan.hold_s)

    def _notice(self, event: HoldEvent) -> list[WorkStep]:
        match event.notice:
            case HoldNotice.ENTERED:
                return [Cue(CueKind.IN_ZONE, self._t, "In your zone. Breathe.")]
            case HoldNotice.LEFT if self.clock is not None and not self.clock.done:
                return [Cue(CueKind.OUT_OF_ZONE, self._t, "Out of your zone. The clock waits.")]
            case HoldNotice.OVERSHOOT | HoldNotice.JERK if event.t - self._nagged >= NAG_S:
                self._nagged = event.t
                return [Cue(CueKind.DO_NOT_FORCE, self._t, safety.DO_NOT_FORCE)]
            case HoldNotice.DONE:
                cue = Cue(CueKind.DONE, self._t, f"Held {self._plan.hold_s:.0f} s. {self._spec.back}")
                return [cue, *([*self.close(), Counted()] if self._spec.kind is Kind.HOLD else [])]
            case _:
                return []
