"""What a source may let itself be told, beside giving packets; a radio link can do none of the winding.

All methods are called from the conveyor's own event loop, between packets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from unslouch.link.states import LinkStatus
    from unslouch.wire.control import Op

from unslouch_signal.events import Side, Technique


@runtime_checkable
class Pausable(Protocol):
    """Time of this source can be held and driven faster."""

    def set_paused(self, paused: bool) -> None:
        """Hold, or go on."""
        ...

    def set_speed(self, factor: float) -> None:
        """Run at ``factor`` times real time; infinite: as fast as packets are taken."""
        ...

    @property
    def paused(self) -> bool:
        """Whether time is held."""
        ...

    @property
    def speed(self) -> float:
        """Times real time."""
        ...


@runtime_checkable
class Windable(Pausable, Protocol):
    """A recording: it has a length, and any place of it can be gone to."""

    @property
    def position(self) -> float:
        """Seconds since its start."""
        ...

    @property
    def duration(self) -> float:
        """Its length, s."""
        ...

    def seek(self, position: float) -> None:
        """Go to a place; packets from there on follow."""
        ...

    def step(self, packets: int) -> None:
        """While held, let so many packets through."""
        ...


@runtime_checkable
class Askable(Protocol):
    """A wearer that does what it is asked."""

    @property
    def moves(self) -> tuple[str, ...]:
        """What it can be asked by name."""
        ...

    def ask(self, move: str, technique: Technique | None, side: Side | None, zone: tuple[float, float] | None) -> None:
        """Ask for a movement; ``zone`` is where to hold, rad."""
        ...


@runtime_checkable
class Buzzable(Protocol):
    """A strap with a motor."""

    def buzz(self, seconds: float) -> None:
        """Run the motor."""
        ...


@runtime_checkable
class Confirming(Protocol):
    """A strap that keeps what it took until it hears that it lies on a disk."""

    def mark(self) -> Any:
        """Return up to where everything was taken."""
        ...

    def stored(self, mark: Any) -> None:
        """Everything up to a mark is on the disk."""
        ...


@runtime_checkable
class Linked(Protocol):
    """A strap whose link comes and goes."""

    @property
    def link_status(self) -> LinkStatus:
        """How the link is now."""
        ...


@runtime_checkable
class Wishable(Protocol):
    """A strap that can be asked for things, and set so that they hold."""

    def request(self, op: Op, values: Mapping[str, int] | None = None) -> None:
        """Ask for something now."""
        ...

    def wish(self, op: Op, values: Mapping[str, int]) -> None:
        """Set something that shall hold, at each connection."""
        ...
