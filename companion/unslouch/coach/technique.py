"""What a technique is, as data: how to do it, how much of it, and what the sensor verifies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unslouch.errors import Reason, UnslouchError
from unslouch_signal.events import Side, Technique


class Position(StrEnum):
    """How one is while doing it, as far as a sensor on the upper back can tell."""

    STANDING = "standing"
    SEATED = "seated"
    SUPINE = "supine"


class SeenFrom(StrEnum):
    """The view in which the movement shows."""

    SIDE = "side"
    ABOVE = "above"
    FEET = "feet"


class Kind(StrEnum):
    """A long hold, or repetitions held for a moment."""

    HOLD = "hold"
    ROTATION = "rotation"


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range of doses with the one taken when nobody chooses."""

    lo: float
    default: float
    hi: float

    def taken(self, value: float | None, name: str) -> float:
        """``value`` when it lies in the range, the default for None.

        Raises
        ------
        UnslouchError
            BAD_OPTION outside the range.
        """
        if value is None:
            return self.default
        if not self.lo <= value <= self.hi:
            raise UnslouchError(Reason.BAD_OPTION, f"The {name} can be {self.lo:g} to {self.hi:g}, not {value:g}.")
        return value


@dataclass(frozen=True, slots=True)
class Dose:
    """How much: seconds per hold, repetitions per side and set, sets, and seconds of rest between."""

    hold_s: Range
    repetitions: Range
    sets: Range
    rest_s: Range


@dataclass(frozen=True, slots=True)
class Plan:
    """The dose of one session."""

    hold_s: float
    repetitions: int
    sets: int
    rest_s: float


@dataclass(frozen=True, slots=True)
class TechniqueSpec:
    """A technique.

    Attributes
    ----------
    technique, name : identity and what a person calls it
    kind : a long hold, or repetitions with a short one
    position : how one is; verified by the sensor where it can
    sides : the order of sides; ``(None,)`` for a movement without sides
    setup : steps into position, one sentence each
    movement : what to do; ``{side}`` names the side
    back : how to come back
    verified : what the sensor verifies, in one sentence
    needs_forward : whether the calibration must know forward (bows)
    dose : see :class:`Dose`
    warm_up : what to do before
    precautions : what to mind, and who should ask first
    seen_from : the view in which it shows
    sources : where dose and precautions come from
    """

    technique: Technique
    name: str
    kind: Kind
    position: Position
    sides: tuple[Side | None, ...]
    setup: tuple[str, ...]
    movement: str
    back: str
    verified: str
    needs_forward: bool
    dose: Dose
    warm_up: str
    precautions: tuple[str, ...]
    seen_from: SeenFrom
    sources: tuple[str, ...]

    def plan(
        self,
        *,
        hold_s: float | None = None,
        repetitions: int | None = None,
        sets: int | None = None,
        rest_s: float | None = None,
    ) -> Plan:
        """A session's dose within this technique's limits.

        Raises
        ------
        UnslouchError
            BAD_OPTION for a dose outside the limits.
        """
        return Plan(
            self.dose.hold_s.taken(hold_s, "hold in seconds"),
            round(self.dose.repetitions.taken(repetitions, "number of repetitions")),
            round(self.dose.sets.taken(sets, "number of sets")),
            self.dose.rest_s.taken(rest_s, "rest in seconds"),
        )

    def instruction(self, side: Side | None) -> str:
        """The movement with its side named."""
        return self.movement.format(side="" if side is None else side.value)
