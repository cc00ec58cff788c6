"""A laptop, a strap and the air between them in one process (the firmware in another): for developers and tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from unslouch.errors import Reason, UnslouchError
from unslouch.link.hold import Hold
from unslouch.link.radio.h4 import H4Server
from unslouch.link.radio.hand import Hand
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.medium import Medium
from unslouch.link.radio.strap_process import ProcessOptions, StrapProcess
from unslouch.link.radio.wearing import WornSensor
from unslouch.link.radios import Backends
from unslouch_signal.events import Side, Technique
from unslouch_signal.synth import Scenario

PROGRAM = "unslouch-strap"
ENVIRONMENT = "UNSLOUCH_STRAP"
"""Path of the firmware's desktop program."""
BUTTON_S = 3.5
"""How long the button is held when it is asked for."""


def find_program() -> Path:
    """Return the firmware's desktop program: the environment's, this checkout's newest build, or one on the path.

    Raises
    ------
    UnslouchError
        NOT_FOUND with how to build it.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    target = Path(__file__).resolve().parents[4] / "firmware" / "target"
    built = [path for kind in ("release", "debug") if (path := target / kind / PROGRAM).is_file()]
    if built:
        return max(built, key=lambda path: path.stat().st_mtime)
    found = shutil.which(PROGRAM)
    if found is not None:
        return Path(found)
    raise UnslouchError(
        Reason.NOT_FOUND,
        "The strap's firmware is not built for this machine.",
        f"Build it with: cargo build --release -p unslouch-strap-host (in firmware/), or name it in {ENVIRONMENT}.",
    )


def seeded_address(seed: int) -> str:
    """Return a static random address: its two highest bits are set (Core Specification, Vol 6, Part B, 1.3.2.1)."""
    rest = random.Random(seed).randbytes(5)
    return ":".join(f"{byte:02X}" for byte in (0xC0 | seed & 0x3F, *rest))


class VirtualRadio:
    """A radio with one strap on it, worn by a simulated person.

    Parameters
    ----------
    folder
        Keeps the strap's flash and the laptop's bonds, so that the next command finds both.
    program
        The firmware's desktop program.
    speed
        Times real time, of strap and wearer.
    seed
        Of the wearer and of the strap's address.
    scenario
        What the wearer does at first.
    hand
        File whose lines are carried out as they are written (:mod:`unslouch.link.radio.hand`); None for none.
    """

    def __init__(
        self,
        folder: Path,
        program: Path,
        *,
        speed: float = 1.0,
        seed: int = 1,
        scenario: Scenario | None = None,
        hand: Path | None = None,
    ) -> None:
        self.folder = folder
        self.medium = Medium()
        self.sensor = WornSensor(scenario, seed=seed, speed=speed)
        self.strap: StrapProcess | None = None
        self._program, self._speed, self._seed = program, speed, seed
        self._server = H4Server(self.medium)
        self._laptop: Laptop | None = None
        self._hold = Hold(folder, self.address, "The virtual radio")
        self._hand = None if hand is None else Hand(hand, self)
        self._acting: list[asyncio.Task[None]] = []

    @property
    def address(self) -> str:
        """Of the strap."""
        return seeded_address(self._seed)

    async def open(self) -> Backends:
        """Switch on the laptop and the strap.

        Raises
        ------
        LinkError
            TAKEN, when another process has this strap's flash.
        """
        self._hold.take()
        port = await self._server.start()
        samples = await self.sensor.start()
        options = ProcessOptions(
            self._program,
            f"tcp:127.0.0.1:{samples}",
            # each strap has a flash of its own
            self.folder / f"flash-{self.address.replace(':', '')}.bin",
            speed=self._speed,
            address=self.address,
        )
        self.strap = StrapProcess(options, port)
        await self.strap.start()
        self._laptop = Laptop(self.medium, bonds=self.folder / "bonds.json")
        if self._hand is not None:
            await self._hand.catch_up()
            self._acting.append(asyncio.create_task(self._hand.follow()))
        return await self._laptop.start()

    async def close(self) -> None:
        """Switch everything off."""
        acting, self._acting = self._acting, []
        for task in acting:
            task.cancel()
        ended = await asyncio.gather(*acting, return_exceptions=True)
        if self.strap is not None:
            await self.strap.pull_battery()
            self.strap = None
        await self.sensor.stop()
        await self._server.stop()
        self._hold.release()
        for error in ended:
            if isinstance(error, UnslouchError):  # a line for the hand that cannot be understood
                raise error

    @asynccontextmanager
    async def pairing(self, show: Callable[[str], None], address: str) -> AsyncGenerator[None]:
        """Nobody has to answer for a bond here."""
        yield

    def button_asked(self) -> None:
        """Hold the strap's button, as the person is asked to."""
        self._acting.append(asyncio.create_task(self._press()))

    async def _press(self) -> None:
        if self.strap is not None:
            with contextlib.suppress(ConnectionError):
                await self.strap.press(BUTTON_S)

    def out_of_range(self, away: bool) -> None:
        """Carry the strap away, or bring it back."""
        for controller in self._server.controllers:
            (self.medium.mute if away else self.medium.unmute)(controller)

    async def release(self, address: str) -> bool:
        """Nothing outlives a program here."""
        return False

    def ask(self, move: str, technique: Technique | None, side: Side | None, zone: tuple[float, float] | None) -> None:
        """Ask the wearer for a movement."""
        self.sensor.ask(move, technique, side, zone)
