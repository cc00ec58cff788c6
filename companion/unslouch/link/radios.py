"""Which radio is used: this system's, or the virtual one for developers.

A radio gives bleak's backends, stands by while a bond is made, and lets go of a link that a crashed program left up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from unslouch.errors import Reason, UnslouchError

if TYPE_CHECKING:
    from unslouch.link.radio.virtual import VirtualRadio
    from unslouch_signal.synth import Scenario

Backends = tuple[type[Any] | None, type[Any] | None]
"""bleak's scanner and client backends; None stands for this system's."""

ENVIRONMENT = "UNSLOUCH_RADIO"
"""``virtual`` runs every command on the virtual radio, ``tcp:HOST:PORT`` on a controller behind H4 over TCP
(docs/link.md); anything else is refused."""


class Radio(Protocol):
    """A way to straps."""

    async def open(self) -> Backends:
        """Make ready; called in the event loop that will use the backends."""
        ...

    async def close(self) -> None:
        """Let go of everything; safe to call twice."""
        ...

    def pairing(self, show: Callable[[str], None], address: str) -> Any:
        """Stand by (an asynchronous context manager) while a bond is made; ``show`` tells the person a passkey."""
        ...

    def button_asked(self) -> None:
        """The person was asked to hold the strap's button just now (a virtual one is held by nobody else)."""
        ...

    async def release(self, address: str) -> bool:
        """End a link that the system still holds to a strap; True when there was one."""
        ...


class SystemRadio:
    """Bluetooth of this system."""

    async def open(self) -> Backends:
        """Bleak's own backends."""
        return None, None

    async def close(self) -> None:
        """Nothing is held."""

    @asynccontextmanager
    async def pairing(self, show: Callable[[str], None], address: str) -> AsyncGenerator[None]:
        """On Linux, answer BlueZ's questions; elsewhere the system asks by itself."""
        if sys.platform != "linux":
            yield
            return
        from unslouch.link.agent import standing_by

        async with standing_by(show, address):
            yield

    def button_asked(self) -> None:
        """The person does it."""

    async def release(self, address: str) -> bool:
        """On Linux, end a link that BlueZ keeps for a program that is gone; elsewhere it ends with the program."""
        if sys.platform != "linux":
            return False
        from unslouch.link.bluez import disconnect

        return await disconnect(address)


def choose_radio(folder: Path) -> Radio:
    """Return the radio that the environment asks for.

    Parameters
    ----------
    folder
        Where a virtual radio keeps its strap's flash and the laptop's bonds.

    Raises
    ------
    UnslouchError
        BAD_OPTION for an unknown name; MISSING_EXTRA or NOT_FOUND where the virtual radio lacks a part.
    """
    wanted = os.environ.get(ENVIRONMENT, "")
    if not wanted:
        return SystemRadio()
    if wanted.startswith("tcp:"):
        return _tcp_radio(folder, wanted.removeprefix("tcp:"))
    if wanted != "virtual":
        raise UnslouchError(Reason.BAD_OPTION, f"{ENVIRONMENT} can be `virtual` or `tcp:HOST:PORT`, not `{wanted}`.")
    return virtual_radio(folder)


def _tcp_radio(folder: Path, controller: str) -> Radio:
    host, _, port = controller.rpartition(":")
    if not host or not port.isdigit():
        raise UnslouchError(Reason.BAD_OPTION, f"{ENVIRONMENT} must be `tcp:HOST:PORT`, not `tcp:{controller}`.")
    try:
        from unslouch.link.radio.tcp import TcpRadio
    except ImportError as error:
        raise _no_bumble() from error
    return TcpRadio(folder, controller)


def _no_bumble() -> UnslouchError:
    advice = "Install it with: pip install 'unslouch[radio]'."
    return UnslouchError(Reason.MISSING_EXTRA, "The virtual radio needs Bumble.", advice)


def virtual_radio(
    folder: Path, *, speed: float | None = None, seed: int | None = None, scenario: Scenario | None = None
) -> VirtualRadio:
    """Return a virtual radio with one strap, whose firmware runs as a process.

    Parameters
    ----------
    folder
        Keeps the strap's flash and the laptop's bonds.
    speed, seed
        By default what UNSLOUCH_RADIO_SPEED and UNSLOUCH_RADIO_SEED say, 1 and 1 where they say nothing.
    scenario
        What the wearer does at first.

    Raises
    ------
    UnslouchError
        MISSING_EXTRA without Bumble, NOT_FOUND without the firmware.
    """
    try:
        from unslouch.link.radio.virtual import VirtualRadio, find_program
    except ImportError as error:
        raise _no_bumble() from error
    if speed is None:
        speed = _number("UNSLOUCH_RADIO_SPEED", 0.1, 100.0)
    if seed is None:
        seed = int(_number("UNSLOUCH_RADIO_SEED", 0, 2**31))
    named = os.environ.get("UNSLOUCH_RADIO_HAND")
    hand = None if not named else Path(named)
    return VirtualRadio(folder, find_program(), speed=speed, seed=seed, scenario=scenario, hand=hand)


def _number(name: str, low: float, high: float) -> float:
    """Return what the environment says, 1 where it says nothing."""
    text = os.environ.get(name) or "1"
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not low <= value <= high:
        raise UnslouchError(Reason.BAD_OPTION, f"{name} can be a number from {low:g} to {high:g}, not `{text}`.")
    return value
