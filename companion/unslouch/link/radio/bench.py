"""A bench for the firmware: straps as processes, samples fed by hand, and a central that hears everything raw."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from unslouch.link.radio.bleak_backend import BumbleClient, BumbleScanner
from unslouch.link.radio.h4 import H4Server
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.medium import Medium
from unslouch.link.radio.stepped import current
from unslouch.link.radio.stepped_strap import SteppedStrap
from unslouch.link.radio.strap_process import ProcessOptions, StrapProcess

GRAVITY = 9.80665
STREAM, LOG, CONTROL, STATUS, CALIBRATION = range(2, 7)

Frame = tuple[float, float, float, float, float, float]
"""Specific force x y z (m/s^2), rate x y z (rad/s)."""


def uuid(short: int) -> str:
    """UUID of a characteristic of the strap's service."""
    return f"fbc3{short:04x}-4b40-4233-bf8e-11264f902b4a"


async def until(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> None:
    """Wait until something holds.

    Raises
    ------
    TimeoutError
        When it does not hold in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what or "it did not come to hold")
        await asyncio.sleep(0.01)


@dataclass(slots=True)
class Wearing:
    """Frames of a person or a table; each call goes on where the one before ended. Noise is a consumer sensor's."""

    rate_hz: float = 52.0
    seed: int = 1
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    frames: int = 0
    flexion: float = 0.0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def _frame(self, flexion: float, rate: float, breath: float) -> Frame:
        noise = self._random.gauss
        tilt = flexion + 0.006 * breath * math.sin(0.5 * math.pi * self.frames / self.rate_hz)
        swing = 0.006 * breath * 0.5 * math.pi * math.cos(0.5 * math.pi * self.frames / self.rate_hz)
        self.frames += 1
        # bending forward turns x down: up moves to -x
        acc = (-GRAVITY * math.sin(tilt), 0.0, GRAVITY * math.cos(tilt))
        gyr = (self.bias[0], self.bias[1] + rate + swing, self.bias[2])
        a = [x + noise(0, 0.006) for x in acc]
        g = [x + noise(0, 0.0005) for x in gyr]
        return a[0], a[1], a[2], g[0], g[1], g[2]

    def worn(self, seconds: float) -> Iterator[Frame]:
        """Sit and breathe."""
        for _ in range(round(seconds * self.rate_hz)):
            yield self._frame(self.flexion, 0.0, 1.0)

    def table(self, seconds: float) -> Iterator[Frame]:
        """Lie still."""
        for _ in range(round(seconds * self.rate_hz)):
            yield self._frame(self.flexion, 0.0, 0.0)

    def bend(self, angle: float, seconds: float = 1.0) -> Iterator[Frame]:
        """Bend forward by an angle, rad."""
        n = round(seconds * self.rate_hz)
        for _ in range(n):
            self.flexion += angle / n
            yield self._frame(self.flexion, angle / seconds, 0.0)


class FedImu:
    """A sensor whose samples the test feeds, as fast as it likes, at time stamps of their own."""

    def __init__(self, rate_hz: float = 52.0) -> None:
        self.rate_hz = rate_hz
        self.next_frame = 0
        self.sent = 0
        """Bytes to the strap that listens now."""
        self.writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; returns what ``--imu`` takes."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _connected(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a strap that was started again comes anew
        await self._hang_up()
        self.writer = writer

    async def feed(self, frames: Iterable[Frame]) -> None:
        """Hand over samples."""
        await until(lambda: self.writer, what="the strap did not ask for samples")
        assert self.writer is not None
        data = bytearray()
        for frame in frames:
            data += struct.pack("<d6f", self.next_frame / self.rate_hz, *frame)
            self.next_frame += 1
        self.sent += len(data)
        self.writer.write(bytes(data))
        await self.writer.drain()

    @property
    def flushed(self) -> bool:
        """Whether everything has gone out."""
        return self.writer is None or self.writer.transport.get_write_buffer_size() == 0

    async def forget(self) -> None:
        """The strap that listened is gone; the next one begins anew."""
        await self._hang_up()
        self.writer, self.sent = None, 0

    def skip(self, frames: int) -> None:
        """Lose samples, as a FIFO that ran over."""
        self.next_frame += frames

    async def _hang_up(self) -> None:
        if self.writer is not None:
            self.writer.close()
            with contextlib.suppress(OSError):
                await self.writer.wait_closed()

    async def stop(self) -> None:
        """Listen no more."""
        await self._hang_up()
        if self._server is not None:
            self._server.close()


class Central:
    """One connection to a strap. ``heard`` holds every notification by characteristic (2 stream .. 6 calibration)."""

    def __init__(self, laptop: Laptop, client: BleakClient) -> None:
        self.laptop = laptop
        self.client = client
        self.heard: dict[int, list[bytes]] = {short: [] for short in range(2, 7)}
        self._tag = 0

    async def subscribe(self, *shorts: int) -> None:
        """Subscribe to characteristics."""
        for short in shorts:

            def hear(_: Any, data: bytearray, short: int = short) -> None:
                self.heard[short].append(bytes(data))

            await self.client.start_notify(uuid(short), hear)

    async def read(self, short: int) -> bytes:
        """Read a characteristic of the strap's service."""
        return bytes(await self.client.read_gatt_char(uuid(short)))

    async def write(self, request: bytes) -> None:
        """Write to control."""
        await self.client.write_gatt_char(uuid(CONTROL), request, response=True)

    async def request(self, op: int, arguments: bytes = b"", answers: int = 1, seconds: float = 60.0) -> list[bytes]:
        """Write a request; its answers, each from the status on."""
        self._tag = self._tag % 255 + 1
        head = bytes([op | 0x80, self._tag])

        def mine() -> list[bytes]:
            return [answer for answer in self.heard[CONTROL] if answer[:2] == head]

        before = len(mine())
        await self.write(bytes([op, self._tag]) + arguments)
        await until(lambda: len(mine()) >= before + answers, seconds, f"op {op:#04x} is not answered")
        return [answer[2:] for answer in mine()[before:]]

    async def ok(self, op: int, arguments: bytes = b"") -> bytes:
        """A request that must succeed; its results."""
        [answer] = await self.request(op, arguments)
        assert answer[0] == 0, f"op {op:#04x}: status {answer[0]}"
        return answer[1:]

    async def start(self, samples: int = 2, profile: int = 0) -> bytes:
        """Start the stream."""
        return await self.ok(0x01, bytes([1, profile, samples]))

    async def status(self) -> bytes:
        """STATUS."""
        return await self.read(STATUS)

    async def close(self) -> None:
        """End the connection."""
        await self.client.disconnect()


class Bench:
    """Everything of one test; use with ``async with``."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.medium = Medium()
        self.server = H4Server(self.medium)
        self.straps: list[StrapProcess] = []
        self.imus: list[FedImu] = []
        self.centrals: list[Central] = []
        self._backends: dict[Laptop, tuple[type[BumbleScanner], type[BumbleClient]]] = {}

    async def __aenter__(self) -> Self:
        self.port = await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for central in self.centrals:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(central.close(), 2)
        for strap in self.straps:
            await strap.pull_battery()
        for imu in self.imus:
            await imu.stop()
        await self.server.stop()

    async def imu(self) -> FedImu:
        """A sensor to be fed."""
        imu = FedImu()
        self.imus.append(imu)
        return imu

    def csv(self, frames: Iterable[Frame], rate_hz: float = 52.0) -> str:
        """Frames as a file to be played."""
        path = self.folder / f"samples{len(list(self.folder.iterdir()))}.csv"
        rows = [f"{k / rate_hz:.6f}," + ",".join(f"{x:.6f}" for x in frame) for k, frame in enumerate(frames)]
        path.write_text("\n".join(["t,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z", *rows, ""]))
        return str(path)

    async def strap(self, samples: str | FedImu, *, speed: float = 1.0, seed: int = 1) -> StrapProcess:
        """Start a strap with a flash of its own."""
        source = samples if isinstance(samples, str) else await samples.start()
        flash = self.folder / f"flash{seed}.bin"
        options = ProcessOptions(self.program, source, flash, speed=speed, seed=seed)
        if current() is None:
            strap = StrapProcess(options, self.port)
        else:
            strap = SteppedStrap(options, self.port, self.server, None if isinstance(samples, str) else samples)
        self.straps.append(strap)
        await strap.start()
        return strap

    async def laptop(self, number: int = 0, mtu: int | None = 247) -> Laptop:
        """A laptop."""
        laptop = Laptop(self.medium, f"F0:F1:F2:F3:F4:{number:02X}", mtu)
        self._backends[laptop] = await laptop.start()
        return laptop

    async def find(self, laptop: Laptop, strap: StrapProcess, seconds: float = 30.0) -> BLEDevice:
        """Scan for a strap."""
        scanner, _ = self._backends[laptop]
        found = await BleakScanner.find_device_by_filter(
            lambda device, _: device.address == strap.address, timeout=seconds, backend=scanner
        )
        assert found is not None, f"{strap.address} is not heard"
        return found

    async def connect(self, laptop: Laptop, strap: StrapProcess) -> Central:
        """Connect; encrypted where a bond exists."""
        found = await self.find(laptop, strap)
        _, backend = self._backends[laptop]
        central = Central(laptop, BleakClient(found, backend=backend))
        await central.client.connect()
        self.centrals.append(central)
        return central

    async def paired(self, laptop: Laptop, strap: StrapProcess, *shorts: int) -> Central:
        """Connect, pair where there is no bond, subscribe (to everything but the calibration by default)."""
        central = await self.connect(laptop, strap)
        await central.client.pair()
        await central.subscribe(*(shorts or (CONTROL, STREAM, LOG, STATUS)))
        return central
