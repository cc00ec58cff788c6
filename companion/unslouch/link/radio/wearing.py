"""A simulated wearer behind the strap's sensor: frames over TCP at the wearer's own time. It can be taken off."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np

from unslouch.link.wearer import Asked, Wearer
from unslouch_signal.events import Side, Technique
from unslouch_signal.samples import FloatArray
from unslouch_signal.synth import GRAVITY, LivePerson, Scenario

STEP_S = 0.06
"""Wall time made at once."""
_FRAME = np.dtype([("t", "<f8"), ("values", "<f4", 6)])
TABLE_BIAS = (0.011, -0.017, 0.006)
"""What its gyroscope reads at rest, rad/s: a consumer sensor's."""
TABLE_NOISE = (0.006, 0.0005)
"""Of acceleration (m/s^2) and rate (rad/s), a consumer sensor's."""
TURN_RATE = 2.5
"""How fast somebody turns a strap along an edge, rad/s."""


class Table:
    """A strap that lies on a table, flat, and can be turned about one of its axes.

    Parameters
    ----------
    rate_hz
        Of the sensor.
    seed
        Of its noise.
    """

    def __init__(self, rate_hz: float, seed: int = 1) -> None:
        self._rate_hz = rate_hz
        self._noise = np.random.default_rng(seed)
        self._axis = np.array([0.0, 0.0, 1.0])
        self._up = np.array([0.0, 0.0, 1.0])
        self._left = 0.0

    @property
    def turning(self) -> bool:
        """Whether a turn is under way."""
        return self._left != 0.0

    def turn(self, axis: FloatArray, angle: float) -> None:
        """Turn about an axis of the sensor (3,) by an angle, rad, from now on."""
        self._axis, self._left = axis / np.linalg.norm(axis), self._left + angle

    def samples(self, n: int) -> FloatArray:
        """The next samples (n, 6): specific force, m/s^2, and rate, rad/s."""
        most = TURN_RATE / self._rate_hz
        left = self._left - np.sign(self._left) * np.minimum(np.arange(n + 1) * most, abs(self._left))
        turned = left[:-1] - left[1:]
        self._left = float(left[-1])
        angle = np.cumsum(turned)[:, None]
        # what stands still in the room turns the other way round in the sensor
        along = (self._axis @ self._up) * self._axis
        up = along + (self._up - along) * np.cos(angle) - np.cross(self._axis, self._up) * np.sin(angle)
        self._up = up[-1]
        rate = np.asarray(TABLE_BIAS) + self._axis * turned[:, None] * self._rate_hz
        force, gyro = (scale * self._noise.standard_normal((n, 3)) for scale in TABLE_NOISE)
        return np.hstack([GRAVITY * up + force, rate + gyro])


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
        self._seed = seed
        self._table: Table | None = None
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

    def take_off(self) -> None:
        """Lay the strap on a table; the wearer's time goes on."""
        if self._table is None:
            self._table = Table(self._person.model.rate_hz, self._seed)

    def put_on(self) -> None:
        """Wear it again."""
        self._table = None

    def turn(self, axis: FloatArray, angle: float) -> None:
        """Turn the strap, off the body, about an axis of the sensor (3,) by an angle, rad."""
        self.take_off()
        assert self._table is not None
        self._table.turn(axis, angle)

    @property
    def turning(self) -> bool:
        """Whether the strap, off the body, is being turned."""
        return self._table is not None and self._table.turning

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
        frames["values"] = np.hstack([block.acc, block.gyr]) if self._table is None else self._table.samples(n)
        return frames.tobytes()
