"""Which rotation repetitions count: found by the detector, held in the zone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unslouch.coach import wording
from unslouch.coach.technique import Position, TechniqueSpec
from unslouch.store.rows import HoldRow
from unslouch_signal.events import RotationPosition, RotationRep, Side

LEAST = math.radians(10.0)
LEAST_SHARE = 0.4
"""The smallest repetition that counts: 10 deg and this share of the own range."""
SHORT_OF = 0.1
"""s by which a hold may fall short: one step of the clock."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a repetition counts and what to say."""

    counted: bool
    text: str


def position_of(spec: TechniqueSpec) -> RotationPosition:
    """How the detector names this technique's position."""
    return RotationPosition.SUPINE if spec.position is Position.SUPINE else RotationPosition.SEATED


def held_in(rep: RotationRep, attempts: list[HoldRow]) -> float:
    """Seconds held in this repetition: in the zone, or at its own peak."""
    inside = (row.held for row in attempts if row.start_t <= rep.end and row.end_t >= rep.start)
    return max(math.fsum(inside), rep.hold)


def judge(rep: RotationRep, side: Side | None, own: float | None, held: float, needed: float) -> Judgement:
    """Judge a repetition of the present set."""
    if rep.side is not side:
        now = "" if side is None else f"; now it is the {side.value}"
        return Judgement(False, f"That was to the {rep.side.value}{now}.")
    if rep.faults:
        return Judgement(False, f"Not counted: {wording.FAULTS[rep.faults[0]]}.")
    if rep.range < max(LEAST, LEAST_SHARE * (own or 0.0)):
        return Judgement(False, f"{wording.degrees(rep.range)} is far below your range; not counted.")
    if held < needed - SHORT_OF:
        return Judgement(False, wording.held_too_short(rep.range, held, needed))
    return Judgement(True, "")
