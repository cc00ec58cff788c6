"""A simulated wearer behind the strap's sensor: frames over TCP at the wearer's own time."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np

from unslouch.link.wearer import Asked, Wearer
from unslouch_signal.events import Side, Technique
from unslouch_signal.synth import LivePerson, Scenario

STEP_S = 0.06
"""Wall time made at once."""
_FRAME = np.dtype([("t", "<f8"), ("values", "<f4", 6)])


class WornSensor:
    """Serves raw samples to a strap's process; one that connects anew goes on where the wearer is.

    Parameters
    ----------
    scenario
        What the wearer does at first; None sits.
    seed
        Decides everything random.
    speed
        Times real time; the same as the process's.
    """

    def __init__(self, scenario: Scenario | None = None, *, seed: int = 1, speed: float = 1.0) -> None:
        self._person = LivePerson(scenario, seed=seed, raw=True)
        self._wearer = Wearer(self._person)
        self._speed = speed
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on loopback; the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    def ask(self, move: str, technique: Technique | None, side: Side | None, zone: tuple[float, float] | None) -> None:
        """Ask the wearer for a movement."""
        self._wearer.ask(Asked(move, technique, side, zone))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._feed(writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _feed(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        begun, at = loop.time(), self._person.now
        rate = self._person.model.rate_hz
        while not writer.is_closing():
            until = at + (loop.time() - begun) * self._speed
            n = int((until - self._person.now) * rate)
            if n > 0:
                self._wearer.go_on()
                writer.write(self._frames(min(n, 520)))
                await writer.drain()
            await asyncio.sleep(STEP_S if n < 520 else 0)

    def _frames(self, n: int) -> bytes:
        block = self._person.samples(n)
        assert block.acc is not None
        assert block.gyr is not None
        frames = np.empty(n, _FRAME)
        frames["t"] = block.t
        frames["values"] = np.hstack([block.acc, block.gyr])
        return frames.tobytes()
