"""Doorway stretch for the chest."""

from __future__ import annotations

from unslouch.coach.technique import Dose, Kind, Position, Range, SeenFrom, TechniqueSpec
from unslouch_signal.events import Side, Technique

DOORWAY = TechniqueSpec(
    technique=Technique.DOORWAY,
    name="Doorway stretch",
    kind=Kind.HOLD,
    position=Position.STANDING,
    sides=(Side.LEFT, Side.RIGHT),
    setup=(
        "Stand in a door frame, one foot in front.",
        "Put the forearm of the side in turn on the frame, elbow no higher than the shoulder.",
        "Keep your ribs down and your neck long.",
    ),
    movement="Forearm of your {side} side on the frame: lean your whole trunk forward through the door, gently.",
    back="Come back upright slowly.",
    verified="The trunk leans forward from your own upright and stays in your zone.",
    needs_forward=True,
    dose=Dose(hold_s=Range(15, 20, 30), repetitions=Range(1, 1, 3), sets=Range(1, 1, 3), rest_s=Range(5, 10, 60)),
    warm_up="Circle your shoulders and swing your arms for two minutes, until you feel warm.",
    precautions=(
        "Feel the stretch across the chest, not in the shoulder joint. Tingling in the arm? Lower the elbow or stop.",
        "A shoulder that has been out of joint, or recent shoulder or chest surgery: ask your clinician first.",
        "Osteoporosis or fracture risk: ask your clinician first.",
    ),
    seen_from=SeenFrom.SIDE,
    sources=("ACSM stretching guidance (2021): 10-30 s per stretch, to slight discomfort at most, warm first.",),
)
