"""Thoracic rotation lying on the back."""

from __future__ import annotations

from unslouch.coach.technique import Dose, Kind, Position, Range, SeenFrom, TechniqueSpec
from unslouch_signal.events import Side, Technique

SUPINE_ROTATION = TechniqueSpec(
    technique=Technique.SUPINE_ROTATION,
    name="Supine thoracic rotation",
    kind=Kind.ROTATION,
    position=Position.SUPINE,
    sides=(Side.LEFT, Side.RIGHT),
    setup=(
        "Lie on your back on a mat, a flat cushion under your head.",
        "Draw your knees in and cross them; let them rest still.",
        "Open your arms to the sides, palms up.",
    ),
    movement="Turn your upper back to the {side}, knees still, only as far as it is comfortable, and stay.",
    back="Come back to the middle slowly.",
    verified="You lie on your back, and the trunk turns about its long axis into your zone and back.",
    needs_forward=True,
    dose=Dose(hold_s=Range(2, 3, 5), repetitions=Range(5, 5, 10), sets=Range(1, 1, 2), rest_s=Range(5, 15, 60)),
    warm_up="Rock your knees gently from side to side for a minute or two.",
    precautions=(
        "Breathe out as you turn; never swing.",
        "Osteoporosis or fracture risk: ask your clinician before turning exercises.",
        "Get up over your side, with your hands.",
    ),
    seen_from=SeenFrom.FEET,
    sources=(
        "Three repetitions a side are averaged, as in Johnson 2012 (J Athl Train 47(1):52-60).",
        "ACSM stretching guidance (2021): to slight discomfort at most, warm first.",
    ),
)
