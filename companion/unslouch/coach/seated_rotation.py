"""Thoracic rotation sitting."""

from __future__ import annotations

from unslouch.coach.technique import Dose, Kind, Position, Range, SeenFrom, TechniqueSpec
from unslouch_signal.events import Side, Technique

SEATED_ROTATION = TechniqueSpec(
    technique=Technique.SEATED_ROTATION,
    name="Seated thoracic rotation",
    kind=Kind.ROTATION,
    position=Position.SEATED,
    sides=(Side.LEFT, Side.RIGHT),
    setup=(
        "Sit upright on a chair that does not turn; the strap cannot tell a turning chair from a turning back.",
        "Cross one leg over the other and keep your hips square to the front.",
        "Cross your arms over your chest.",
    ),
    movement="Stay tall and turn your upper back to the {side}, only as far as it is comfortable, and stay.",
    back="Come back to the front slowly.",
    verified="The trunk turns about the vertical from your own front into your zone and back, upright all the while.",
    needs_forward=False,
    dose=Dose(hold_s=Range(2, 3, 5), repetitions=Range(5, 5, 10), sets=Range(1, 1, 2), rest_s=Range(5, 15, 60)),
    warm_up="Roll your shoulders and look gently left and right for a minute or two.",
    precautions=(
        "Start tall: from a slouch the upper back turns less (Edmondston 2007).",
        "Do not pull yourself round with your arms.",
        "Osteoporosis or fracture risk: ask your clinician before turning exercises.",
    ),
    seen_from=SeenFrom.ABOVE,
    sources=(
        "Three repetitions a side are averaged, as in Johnson 2012 (J Athl Train 47(1):52-60).",
        "Edmondston 2007 (JMPT 30(3):193): rotation is smaller from a flexed trunk.",
    ),
)
