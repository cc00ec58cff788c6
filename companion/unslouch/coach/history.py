"""What the store knows before a coached session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from unslouch.coach.safety import SCREENING_VERSION
from unslouch.coach.techniques import TECHNIQUES
from unslouch.store import progress
from unslouch.store.store import Store
from unslouch_signal.events import Side, Technique


@dataclass(frozen=True, slots=True)
class SideHistory:
    """One side before today: usual and best range (rad), and the last sessions' means, oldest first."""

    usual: float | None = None
    best: float | None = None
    means: tuple[tuple[date, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CoachHistory:
    """What a session needs to know of earlier ones.

    Attributes
    ----------
    screened : bool
        The red-flag questions of the present version were answered with no, and there was no sharp pain since.
    sharp_pain : bool
        The last thing known is sharp pain: the questions come again, with a word about it.
    sides : dict
        What each side reached; for a technique without sides under None.
    """

    screened: bool = False
    sharp_pain: bool = False
    sides: dict[Side | None, SideHistory] = field(default_factory=dict[Side | None, SideHistory])

    @property
    def least_usual(self) -> float:
        """The smaller side's usual range (rad), 0 where a side's is not known."""
        known = [side.usual for side in self.sides.values()]
        return min((usual or 0.0 for usual in known), default=0.0)

    def side(self, side: Side | None) -> SideHistory:
        """One side's history, empty when there is none."""
        return self.sides.get(side, SideHistory())


def coach_history(store: Store, technique: Technique, person: str = "me") -> CoachHistory:
    """Ask the store what a session of this technique needs to know."""
    screening = store.last_screening(person)
    sharp = store.last_sharp_pain_utc(person)
    current = screening is not None and screening.version == SCREENING_VERSION
    sharp_since = sharp is not None and (screening is None or sharp >= screening.utc)
    sides: dict[Side | None, SideHistory] = {}
    for side in TECHNIQUES[technique].sides:
        best = progress.best_range(store, technique, side, person)
        means = () if side is None else progress.daily_ranges(store, technique, side, person)
        sides[side] = SideHistory(
            progress.usual_range(store, technique, side, person),
            None if best is None else best.range,
            tuple((row.day, row.mean) for row in means),
        )
    return CoachHistory(screened=current and not sharp_since, sharp_pain=sharp_since, sides=sides)
