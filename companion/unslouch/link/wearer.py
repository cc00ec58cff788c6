"""What a simulated wearer does when the coach asks: goes into position, moves into the zone, holds, comes back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unslouch_signal.events import Side, Technique
from unslouch_signal.synth import COMMANDS, LivePerson
from unslouch_signal.synth.movements import (
    DoorwayHold,
    ExtensionHold,
    GetUp,
    LieDown,
    Movement,
    RotateTrunk,
    Settle,
    SitDown,
    StandUp,
)

WORKING = frozenset({"try-out", "work"})
"""Phases of the coach in which the wearer moves, again and again until another phase comes."""
USUAL_DEG = {Side.LEFT: 46.0, Side.RIGHT: 43.0}
"""How far the wearer turns when no zone is given (a try-out): two sides that differ, as people's do."""
EXTENSION_DEG, DOORWAY_DEG = 22.0, 17.0
LONGEST_HOLD_S = 31.0
"""The longest dose is 30 s; coming back is asked for before."""
ROTATION_HOLD_S = 4.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked last; see :class:`~unslouch.live.feed.Ask`."""

    move: str
    technique: Technique | None
    side: Side | None
    zone: tuple[float, float] | None


class Wearer:
    """Tells a simulated person what to do.

    Parameters
    ----------
    person
        Who moves.
    """

    def __init__(self, person: LivePerson) -> None:
        self.person = person
        self._asked: Asked | None = None

    def ask(self, asked: Asked) -> None:
        """Take what is asked; the same again changes nothing.

        Raises
        ------
        ValueError
            For a movement that nobody knows.
        """
        if asked == self._asked:
            return
        self._asked = asked
        if asked.move in COMMANDS:
            self.person.command(asked.move)
        elif asked.move in WORKING:
            # A movement begins from where one is: out of a turn that was under way, come back first.
            self.person.command(Settle(1.0))
            self.go_on()
        elif asked.move == "calibrate":
            self.person.command("calibrate")
        elif asked.move == "position":
            self._take_position(asked.technique)
        else:
            self.person.command(Settle())

    def go_on(self) -> None:
        """Begin the next repetition when the last one is over and more are wanted."""
        asked = self._asked
        if asked is None or asked.move not in WORKING or self.person.busy_until > self.person.now + 0.5:
            return
        movement = movement_for(asked)
        if movement is not None:
            self.person.queue(movement)

    def _take_position(self, technique: Technique | None) -> None:
        pose = self.person.pose()
        if technique is Technique.SUPINE_ROTATION:
            if pose.lying is None:
                self.person.command("upright")
                self.person.queue(LieDown())
            return
        if pose.lying is not None:
            self.person.command(GetUp())
        else:
            self.person.command("upright")
        standing = technique in (Technique.EXTENSION, Technique.DOORWAY)
        if standing != self.person.pose().standing:
            self.person.queue(StandUp() if standing else SitDown())


def movement_for(asked: Asked) -> Movement | None:
    """Return one repetition or hold of what is asked; None where nothing is to be done."""
    middle = None if asked.zone is None else math.degrees(sum(asked.zone) / 2)
    match asked.technique:
        case Technique.SEATED_ROTATION | Technique.SUPINE_ROTATION:
            side = asked.side or Side.LEFT
            return RotateTrunk(side, middle or USUAL_DEG[side], hold_s=ROTATION_HOLD_S, rest_s=1.8)
        case Technique.EXTENSION:
            return ExtensionHold(middle or EXTENSION_DEG, LONGEST_HOLD_S if middle else 4.0)
        case Technique.DOORWAY:
            return DoorwayHold(asked.side or Side.LEFT, middle or DOORWAY_DEG, LONGEST_HOLD_S if middle else 4.0)
        case None:
            return None
