"""What the benchmarks of the live link stand on: sensors whose every sample is known, and what came on the disk.

The strap is the firmware's own process, the air is link/radio; nothing of the companion is in here. A sample's number
is told by its lateral acceleration (in counts of the sensor), so that a recording shows not only that a sample is there
once but that it is the one that was taken. Run as a program it is the air of a benchmark in a process of its own:
controllers over TCP, straps, and sensors at a pace.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unslouch.errors import FileError
from unslouch.link.radio.h4 import H4Server
from unslouch.link.radio.medium import Controller, Medium
from unslouch.link.radio.strap_process import ProcessOptions, StrapProcess
from unslouch.link.radio.virtual import find_program, seeded_address
from unslouch.recording.reader import read_packets, read_recording
from unslouch.wire.decoder import decode_all
from unslouch.wire.layout import ACC_LSB, Content
from unslouch.wire.source import Channel
from unslouch.wire.table import CHANNEL_NUMBER

GRAVITY = 9.80665
RATE_HZ = 52.0
CODES = 509
"""Samples after which the numbers in the acceleration begin anew; a prime, so that no other period hides in it."""
FEED_S = 0.02
_FRAME = np.dtype([("t", "<f8"), ("values", "<f4", 6)])


def code_of(k: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts of lateral acceleration that tell a sample's number, modulo CODES; at most 62 mg."""
    return k % CODES - CODES // 2


def frames(first: int, n: int, seed: int, rate_hz: float = RATE_HZ) -> bytes:
    """Samples of somebody who sits and breathes, as the strap's process takes them over TCP."""
    noise = np.random.default_rng((seed, first)).normal(0.0, 1.0, (n, 6))
    k = np.arange(first, first + n)
    turn = 0.5 * math.pi * k / rate_hz
    tilt, swing = 0.006 * np.sin(turn), 0.003 * math.pi * np.cos(turn)
    out = np.empty(n, _FRAME)
    out["t"] = k / rate_hz
    values = noise * np.array([0.006] * 3 + [0.0005] * 3)
    values[:, 0] -= GRAVITY * np.sin(tilt)
    values[:, 1] = code_of(k) * ACC_LSB
    values[:, 2] += GRAVITY * np.cos(tilt)
    values[:, 4] += swing
    out["values"] = values
    return out.tobytes()


@dataclass(slots=True)
class Start:
    """One start of a strap: the number of its first sample and how many it was given."""

    first: int
    fed: int = 0
    cut: bool = False
    """Whether it ended by a power cut: what its RAM alone held is gone."""


class Sensor:
    """Gives samples to a strap's process, at a pace or at once.

    Parameters
    ----------
    pace
        Times real time; 0 gives nothing by itself.
    """

    def __init__(self, seed: int = 1, pace: float = 1.0, rate_hz: float = RATE_HZ) -> None:
        self.seed, self.pace, self.rate_hz = seed, pace, rate_hz
        self.next = 0
        self.starts: list[Start] = []
        self.times: list[tuple[int, float]] = []
        """(number after the last, monotonic time) of each hand-over; kept where ``timed``."""
        self.timed = False
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Listen; what ``--imu`` takes."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._task = asyncio.create_task(self._feed())
        return f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.unplug()
        if self._server is not None:
            self._server.close()

    def unplug(self) -> None:
        """The strap is gone: its samples go nowhere until it asks for more."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _connected(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.unplug()
        self._writer = writer
        self.starts.append(Start(self.next))

    async def burst(self, n: int) -> None:
        """Give samples at once: time passes for the strap."""
        if self._writer is None:
            return
        with contextlib.suppress(ConnectionError):
            self._writer.write(frames(self.next, n, self.seed, self.rate_hz))
            self.next += n
            self.starts[-1].fed += n
            if self.timed:
                self.times.append((self.next, time.monotonic()))
            await self._writer.drain()

    async def even(self) -> None:
        """Stop where packets of two samples end."""
        self.pace = 0.0
        if self.starts and self.starts[-1].fed % 2:
            await self.burst(1)

    async def _feed(self) -> None:
        at = time.monotonic()
        owed = 0.0
        while True:
            await asyncio.sleep(FEED_S if self.pace <= 8 else FEED_S / 2)
            now = time.monotonic()
            # a rig that was held up does not hurl what it owes: the strap's clock would run ahead of the radio's
            owed = min(owed + (now - at) * self.pace * self.rate_hz, 26.0 * max(self.pace, 1.0))
            at = now
            if self._writer is None:
                owed = 0.0
            elif owed >= 1:
                n = int(owed)
                owed -= n
                await self.burst(n)


class Air:
    """Controllers over TCP on one medium, with straps; use with ``async with``."""

    def __init__(self, folder: Path, program: Path | None = None) -> None:
        self.folder = folder
        self.program = program or find_program()
        self.medium = Medium()
        self.server = H4Server(self.medium)
        self.straps: list[StrapProcess] = []
        self.sensors: list[Sensor] = []
        self.port = 0

    async def __aenter__(self) -> Air:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for strap in self.straps:
            await strap.pull_battery()
        for sensor in self.sensors:
            await sensor.stop()
        for wire in list(self.server.wires.values()):
            wire.abort()
        await self.server.stop()

    async def strap(
        self, seed: int, *, pace: float = 1.0, speed: float = 1.0, rate_hz: float = RATE_HZ
    ) -> tuple[StrapProcess, Sensor]:
        """Start a strap with a flash and a sensor of its own."""
        sensor = Sensor(seed, pace * speed, rate_hz)
        options = ProcessOptions(
            self.program,
            await sensor.start(),
            self.folder / f"flash{seed}.bin",
            address=seeded_address(seed),
            rate_hz=rate_hz,
            speed=speed,
            seed=seed,
        )
        strap = StrapProcess(options, self.port)
        self.straps.append(strap)
        self.sensors.append(sensor)
        await strap.start()
        return strap, sensor

    def chip(self, address: str) -> Controller | None:
        """Return the controller with a random address; None while there is none."""
        for controller in reversed(self.server.controllers):
            if controller in self.server.wires and str(controller.random_address).split("/")[0] == address:
                return controller
        return None

    def state(self) -> str:
        """Say who is on the air and what each does."""
        told: list[str] = []
        for controller in self.server.wires:
            here = "" if controller in self.medium.controllers else " not on the medium"
            peers = [f"{peer} dying {connection.death}" for peer, connection in controller.peers.items()]
            legacy = controller.le_legacy_advertiser
            doing = f"advertises {legacy.enabled} as {legacy.address}, scans {controller.le_scan_enable}"
            told.append(f"{controller.name} {controller.random_address}{here}: {doing}, peers {peers}")
        return "; ".join([*told, f"muted {[one.name for one in self.medium.muted]}"])


@dataclass(slots=True)
class OnDisk:
    """What recordings hold of one strap, by boot."""

    whole: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Samples at full rate, in the order of the recordings."""
    codes: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """What their acceleration tells; one for each of ``whole``."""
    logged: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Samples of the strap's log."""
    unordered: int = 0
    """Places in a recording where time or sequence does not run forward."""
    errors: dict[str, int] = field(default_factory=dict)


def read_back(files: list[Path]) -> OnDisk:
    """Read recordings as anybody would.

    Raises
    ------
    FileError
        When one cannot be opened.
    """
    disk = OnDisk()
    whole: dict[int, list[NDArray[np.int64]]] = {}
    codes: dict[int, list[NDArray[np.int64]]] = {}
    logged: dict[int, list[NDArray[np.int64]]] = {}
    for file in files:
        try:
            recording = read_recording(file)
        except FileError as error:
            if "holds no samples" in error.message:
                continue
            raise
        last_t = -math.inf
        last: dict[int, int] = {}
        for fault, count in recording.errors.items():
            disk.errors[str(fault)] = disk.errors.get(str(fault), 0) + count
        for block in recording.blocks:
            t, seq = block.samples.t, block.seq
            disk.unordered += int((np.diff(t) <= 0).sum()) + int(t[0] <= last_t)
            disk.unordered += int((np.diff(seq) <= 0).sum()) + int(seq[0] <= last.get(block.boot, -1))
            last_t, last[block.boot] = float(t[-1]), int(seq[-1])
            if block.content is not Content.ORIENTATION:
                assert block.samples.acc is not None
                whole.setdefault(block.boot, []).append(seq)
                codes.setdefault(block.boot, []).append(
                    np.rint(np.nan_to_num(block.samples.acc[:, 1] / ACC_LSB, nan=1e6)).astype(np.int64)
                )
        # apart from the stream: a log sample stands for five, also where the stream has the one it is
        table, _ = read_packets(file)
        for block in decode_all(table.take(np.flatnonzero(table.channel == CHANNEL_NUMBER[Channel.LOG]))).blocks:
            logged.setdefault(block.boot, []).append(block.seq)
    disk.whole = {boot: np.concatenate(parts) for boot, parts in whole.items()}
    disk.codes = {boot: np.concatenate(parts) for boot, parts in codes.items()}
    disk.logged = {boot: np.concatenate(parts) for boot, parts in logged.items()}
    return disk


def processor_s(pid: int) -> float:
    """Processor time of a process with its threads, s."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def load() -> str:
    """How busy the machine is otherwise."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


async def _serve(args: argparse.Namespace) -> None:
    """Be the air until standard input ends; lines of standard input are carried out."""
    with tempfile.TemporaryDirectory(prefix="unslouch-air-") as folder:
        async with Air(Path(folder)) as air:
            for seed in range(1, args.straps + 1):
                await air.strap(seed, pace=args.pace, speed=args.speed, rate_hz=args.rate)
            for sensor in air.sensors:
                sensor.timed = args.timed
            told = {"port": air.port, "addresses": [strap.address for strap in air.straps]}
            print(json.dumps(told), flush=True)
            lines = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
            while line := (await lines.readline()).decode().split():
                answer = await _obey(air, line)
                print(json.dumps(answer), flush=True)


async def _obey(air: Air, line: list[str]) -> object:
    match line:
        case ["pace", pace]:
            for sensor in air.sensors:
                sensor.pace = float(pace)
        case ["burst", n]:
            for sensor in air.sensors:
                await sensor.burst(int(n))
        case ["even"]:
            for sensor in air.sensors:
                await sensor.even()
        case ["fed"]:
            return [[(start.first, start.fed) for start in sensor.starts] for sensor in air.sensors]
        case ["times"]:
            return [sensor.times for sensor in air.sensors]
        case ["press", seconds]:
            await asyncio.gather(*(strap.press(float(seconds)) for strap in air.straps))
        case ["loss", share]:
            air.medium.fault = _losing(float(share))
        case _:
            return "?"
    return "ok"


def _losing(share: float) -> object:
    import random

    chance = random.Random(1)

    def fault(_from: Controller, _to: Controller, pdu: bytes) -> list[tuple[float, bytes]] | None:
        return [] if pdu[0] == 0x1B and chance.random() < share else None

    return fault if share else None


class AirProcess:
    """The air in a process of its own; use with ``with``."""

    def __init__(
        self,
        straps: int = 1,
        *,
        pace: float = 1.0,
        speed: float = 1.0,
        rate_hz: float = RATE_HZ,
        timed: bool = False,
    ) -> None:
        import subprocess

        command = [sys.executable, __file__, "--straps", str(straps), "--pace", str(pace), "--speed", str(speed)]
        command += ["--rate", str(rate_hz)] + ["--timed"] * timed
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.port: int = told["port"]
        self.addresses: list[str] = told["addresses"]

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ask(self, line: str) -> object:
        """Have a line carried out; its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> AirProcess:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--straps", type=int, default=1)
    parser.add_argument("--pace", type=float, default=1.0, help="of the sensors, times the straps' clocks")
    parser.add_argument("--speed", type=float, default=1.0, help="of the straps' clocks, times real time")
    parser.add_argument("--rate", type=float, default=RATE_HZ, help="samples a second")
    parser.add_argument("--timed", action="store_true", help="keep when each sample was handed over")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
