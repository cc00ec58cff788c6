"""The firmware as a process on the virtual radio."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from unslouch.errors import LinkError, Reason

REBOOT = 75
"""Exit code with which the process asks to be started again."""


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How the process is started (``unslouch-strap --help``)."""

    program: Path
    samples: str
    flash: Path
    address: str | None = None
    rate_hz: float = 52.0
    speed: float = 1.0
    seed: int = 1


class StrapProcess:
    """One strap: start it, press its button, pull its battery, start it again on the same flash."""

    def __init__(self, options: ProcessOptions, port: int) -> None:
        self.options = options
        self.port = port
        self.address = ""
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    def _arguments(self) -> list[str]:
        o = self.options
        arguments = ["--hci", f"tcp:127.0.0.1:{self.port}", "--imu", o.samples, "--flash", str(o.flash)]
        arguments += ["--rate", str(o.rate_hz), "--speed", str(o.speed), "--seed", str(o.seed)]
        if o.address is not None:
            arguments += ["--address", o.address]
        return arguments

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises
        ------
        LinkError
            When the program is missing or ends before it is ready.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(self.options.program),
                *self._arguments(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            advice = "Build it with: cargo build --release -p unslouch-strap-host (in firmware/)."
            text = f"The strap's program {self.options.program} cannot be started."
            raise LinkError(Reason.NOT_FOUND, text, advice) from error
        self.lines = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(self._process))
        # not wait_for, which (before Python 3.12) swallows a cancellation that comes with the line
        async with asyncio.timeout(20):
            ready = await self.lines.get()
        if not ready.startswith("ready "):
            raise LinkError(Reason.NOT_FOUND, "The strap's process ended before it was ready.")
        self.address = ready.split()[1]

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            await self.lines.put(line.decode().strip())
        await self.lines.put("ended")

    async def type(self, *lines: str) -> None:
        """Do something to it: ``button down``, ``charger on``, ``battery 3500``."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        await self._process.stdin.drain()

    async def press(self, seconds: float = 0.1) -> None:
        """Press the button for a while."""
        await self.type("button down")
        await asyncio.sleep(seconds / self.options.speed)
        await self.type("button up")

    async def pull_battery(self) -> None:
        """Kill it: a power cut."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        if self._process is not None:
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    @property
    def exit_code(self) -> int | None:
        """Exit code, None while it runs."""
        return None if self._process is None else self._process.returncode
