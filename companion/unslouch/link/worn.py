"""A strap whose wearer can be asked for movements: the one of the virtual radio."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from unslouch.link.radios import Radio
from unslouch.link.strap import Strap
from unslouch_signal.events import Side, Technique


@runtime_checkable
class WornRadio(Protocol):
    """A radio that knows who wears its strap."""

    def ask(self, move: str, technique: Technique | None, side: Side | None, zone: tuple[float, float] | None) -> None:
        """Ask the wearer for a movement."""
        ...


def strap_type(radio: Radio) -> type[Strap]:
    """Return the class of straps on a radio: one that passes on what the coach asks, where somebody is there to do it.

    A real strap has no wearer to ask: the person reads the screen.
    """
    if not isinstance(radio, WornRadio):
        return Strap
    from unslouch_signal.synth import COMMANDS

    class WornStrap(Strap):
        """The wearer is asked beside the link."""

        moves: tuple[str, ...] = tuple(COMMANDS)

        def ask(
            self, move: str, technique: Technique | None, side: Side | None, zone: tuple[float, float] | None
        ) -> None:
            radio.ask(move, technique, side, zone)

    return WornStrap
