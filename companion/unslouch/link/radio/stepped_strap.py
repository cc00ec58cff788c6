"""A strap's process in stepped time."""

from __future__ import annotations

import contextlib
import socket
from array import array
from collections.abc import Generator
from typing import Protocol

from unslouch.link.radio.h4 import Client, H4Server
from unslouch.link.radio.stepped import STUCK_S, Follower, SteppedLoop, current
from unslouch.link.radio.strap_process import ProcessOptions, StrapProcess


class Samples(Protocol):
    """What feeds the strap's sensor."""

    sent: int
    """Bytes to the strap that listens now."""

    @property
    def flushed(self) -> bool:
        """Whether everything has gone out."""
        ...

    async def forget(self) -> None:
        """The strap that listened is gone."""
        ...


def _arrived(wire: Client) -> int:
    """Return how many bytes came of a process, taken or waiting to be."""
    import fcntl  # not on Windows, where this module must load
    import termios

    if wire.transport is None or wire.transport.is_closing():
        return wire.received
    waiting = array("i", [0])
    fcntl.ioctl(wire.transport.get_extra_info("socket").fileno(), termios.FIONREAD, waiting)
    return wire.received + waiting[0]


class SteppedStrap(StrapProcess):
    """A strap that keeps step with the running :class:`~unslouch.link.radio.stepped.SteppedLoop`.

    Parameters
    ----------
    server
        Its controller's, for what was sent to it and came of it.
    samples
        What feeds its sensor; None for a file.
    """

    def __init__(self, options: ProcessOptions, port: int, server: H4Server, samples: Samples | None = None) -> None:
        super().__init__(options, port)
        self._server, self._samples = server, samples
        self._clock = self._typed = 0

    def _arguments(self) -> list[str]:
        return [*super()._arguments(), "--clock", f"tcp:127.0.0.1:{self._clock}"]

    async def start(self) -> None:
        """Start it; no time passes meanwhile."""
        with self._held() as loop, socket.create_server(("127.0.0.1", 0)) as clock:
            clock.settimeout(STUCK_S)
            self._clock = int(clock.getsockname()[1])
            if self._samples is not None:
                await self._samples.forget()
            await super().start()
            connection, _ = clock.accept()
            connection.settimeout(STUCK_S)
            wire, samples, self._typed = self._server.newest, self._samples, 0
            process = self._process
            assert wire is not None
            loop.follow(
                Follower(
                    connection,
                    loop.time(),
                    lambda: (wire.sent, 0 if samples is None else samples.sent, self._typed),
                    lambda: _arrived(wire),
                    lambda: wire.flushed and (samples is None or samples.flushed),
                    lambda: process is None or process.returncode is not None,
                )
            )

    async def type(self, *lines: str) -> None:
        """Do something to it."""
        self._typed += len(lines)
        await super().type(*lines)

    async def pull_battery(self) -> None:
        """Kill it; no time passes meanwhile."""
        with self._held():
            await super().pull_battery()

    @contextlib.contextmanager
    def _held(self) -> Generator[SteppedLoop]:
        loop = current()
        assert loop is not None
        with loop.holding():
            yield loop
