"""Upper-back extension, standing."""

from __future__ import annotations

from unslouch.coach.technique import Dose, Kind, Position, Range, SeenFrom, TechniqueSpec
from unslouch_signal.events import Technique

EXTENSION = TechniqueSpec(
    technique=Technique.EXTENSION,
    name="Upper-back extension",
    kind=Kind.HOLD,
    position=Position.STANDING,
    sides=(None,),
    setup=(
        "Stand with your feet hip-wide, near a wall or a table you can touch.",
        "Put both hands on your lower back, fingers down.",
        "Keep your chin level: the movement comes from the upper back, not from the neck.",
    ),
    movement="Let your breastbone rise and lean your upper back back, only as far as it is comfortable.",
    back="Come back upright slowly.",
    verified="The trunk leans back from your own upright and stays in your zone.",
    needs_forward=True,
    dose=Dose(hold_s=Range(15, 20, 30), repetitions=Range(2, 3, 3), sets=Range(1, 1, 2), rest_s=Range(5, 15, 60)),
    warm_up="Walk on the spot or roll your shoulders for two minutes, until you feel warm.",
    precautions=(
        "Dizzy when you look up? Leave this one out.",
        "Breathe on while you hold.",
        "Osteoporosis, a vertebral fracture or recent back surgery: ask your clinician first.",
    ),
    seen_from=SeenFrom.SIDE,
    sources=("ACSM stretching guidance (2021): 10-30 s, 2-4 times, to slight discomfort at most, warm first.",),
)
