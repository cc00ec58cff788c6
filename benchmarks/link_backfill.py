"""Hours out of range, then back: how long until everything is on the companion's disk, and what the live stream feels.

    python benchmarks/link_backfill.py [--hours 8] [--fault none|reboot|kill|bond]

The strap is the firmware's process (UNSLOUCH_STRAP, else the checkout's build), the companion is the command line as
a process (`unslouch pair`, then `unslouch sync` or `record`), the air between them the virtual radio: 2M PHY, 30 ms
interval. The strap's hours are fed at the samples' own time stamps as fast as its fusion takes them; from then on the
clock runs at real speed. Everything that is told is read from the recordings alone, as is what may not be missing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unslouch.link.known import KnownStraps
from unslouch.link.radio.bench import Bench, FedImu, until
from unslouch.link.radio.strap_process import StrapProcess
from unslouch.link.radio.virtual import find_program
from unslouch.recording.reader import read_packets
from unslouch.wire.decoder import decode_all
from unslouch.wire.layout import Content
from unslouch.wire.source import Channel
from unslouch.wire.table import CHANNEL_NUMBER, PacketTable

RATE_HZ = 52.0
STEP = 5
"""Stream samples per log sample."""
RING_BYTES = 80_000
"""What the half minute of the strap's RAM takes in a recording, which comes before the log."""
FRAME = np.dtype([("t", "<f8"), ("values", "<f4", 6)])
LOG_READ, START = 0x85, 0x81


class Sitting:
    """Somebody who sits and breathes, and slouches for half a minute in every five."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._k = 0

    def frames(self, seconds: float) -> bytes:
        """Return the next seconds as the strap's process takes them."""
        n = round(seconds * RATE_HZ)
        t = (self._k + np.arange(n + 1)) / RATE_HZ
        self._k += n
        phase = np.mod(t, 300.0)
        slouch = 0.45 * (np.clip(phase - 200, 0, 1.5) - np.clip(phase - 230, 0, 1.5)) / 1.5
        angle = slouch + 0.006 * np.sin(0.5 * np.pi * t)
        out = np.zeros(n, FRAME)
        out["t"] = t[:n]
        values = self._random.normal(0.0, (0.006,) * 3 + (0.0005,) * 3, (n, 6))
        values[:, 0] -= 9.80665 * np.sin(angle[:n])
        values[:, 2] += 9.80665 * np.cos(angle[:n])
        values[:, 4] += np.diff(angle) * RATE_HZ
        out["values"] = values
        return out.tobytes()


class Command:
    """A command as a process on a terminal; ``said`` is what the terminal was told so far."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self.process, self._terminal, self.said = process, terminal, ""
        asyncio.get_running_loop().add_reader(terminal, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # the last one who wrote to it is gone
            data = b""
        self.said += data.decode(errors="replace")
        if not data:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._terminal >= 0:
            asyncio.get_running_loop().remove_reader(self._terminal)
            os.close(self._terminal)
            self._terminal = -1

    async def done(self, seconds: float = 120.0) -> str:
        """Wait for its end; what it said."""
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            self.process.kill()
            raise AssertionError(f"it does not end: {self.said}") from None
        await until(lambda: self._terminal < 0, what="its terminal stays open")
        if self.process.returncode:
            raise AssertionError(f"it ended with {self.process.returncode}: {self.said}")
        return self.said

    async def kill(self) -> None:
        """End it as nothing can be prepared for."""
        self.process.kill()
        await self.process.wait()
        self._hang_up()


@dataclass
class World:
    """A strap that is fed, and the folder of a companion on the same air."""

    bench: Bench
    strap: StrapProcess
    imu: FedImu
    data: Path
    worn: Sitting = field(default_factory=Sitting)
    _feeding: asyncio.Task[None] | None = None

    async def hand_over(self, data: bytes) -> None:
        """Give the strap samples; it takes them as fast as it can."""
        end = time.monotonic() + 20
        while self.imu.writer is None or self.imu.writer.is_closing():
            if time.monotonic() > end:
                raise TimeoutError("the strap did not ask for samples")
            await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionError):
            self.imu.writer.write(data)
            await self.imu.writer.drain()

    async def alone(self, seconds: float) -> None:
        """Let hours pass for the strap, as fast as it takes them, and until it has taken them."""
        left = seconds
        while left > 0:
            await self.hand_over(self.worn.frames(min(left, 60.0)))
            left -= 60.0
        # the socket holds minutes that the strap has not taken yet; then its flash is still
        flash = self.strap.options.flash
        await until(lambda: time.time() - flash.stat().st_mtime > 1.0, 300.0, "its flash is never still")

    def feed_on(self) -> None:
        """From now on the strap's samples come in real time."""

        async def feed() -> None:
            begun, given = time.monotonic(), 0.0
            while True:
                ahead = time.monotonic() - begun - given
                if ahead > 0.02:
                    await self.hand_over(self.worn.frames(round(ahead * RATE_HZ) / RATE_HZ))
                    given += round(ahead * RATE_HZ) / RATE_HZ
                await asyncio.sleep(0.019)

        self._feeding = asyncio.create_task(feed())

    async def still(self) -> None:
        """Feed no more."""
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)
            self._feeding = None

    async def command(self, *arguments: str) -> Command:
        """Start a command of the companion as a process that draws on a terminal."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("UNSLOUCH")}
        environment |= {"UNSLOUCH_RADIO": f"tcp:127.0.0.1:{self.bench.port}", "PYTHONUNBUFFERED": "1"}
        terminal, theirs = os.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "unslouch.cli.main",
            *arguments,
            "--data-dir",
            str(self.data),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return Command(process, terminal)

    async def run(self, *arguments: str, seconds: float = 120.0) -> str:
        """Run a command to its end; what it said."""
        return await (await self.command(*arguments)).done(seconds)

    @property
    def recordings(self) -> list[Path]:
        """What the companion has on its disk, oldest first."""
        return sorted((self.data / "recordings").glob("*.mcap"))

    def packets(self) -> PacketTable:
        """Everything on the companion's disk."""
        return joined([read_packets(path)[0] for path in self.recordings])

    async def restart(self) -> None:
        """Cut the strap's power, and start it again on the same flash: another boot, its clock at zero."""
        writer, self.imu.writer = self.imu.writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self.strap.pull_battery()
        await self.strap.start()


@contextlib.asynccontextmanager
async def world(program: Path, folder: Path) -> AsyncGenerator[World]:
    """Open the air with a strap on it, at its first start: its pairing window is open."""
    async with Bench(program, folder) as bench:
        imu = await bench.imu()
        strap = await bench.strap(imu)
        made = World(bench, strap, imu, folder / "data")
        try:
            yield made
        finally:
            await made.still()


def joined(tables: list[PacketTable]) -> PacketTable:
    """Put the packets of several recordings into one table."""
    at = np.cumsum([0] + [len(table.buffer) for table in tables])
    return PacketTable(
        np.concatenate([table.buffer for table in tables]),
        np.concatenate([table.arrival_s for table in tables]),
        np.concatenate([table.channel for table in tables]),
        np.concatenate([table.offset + shift for table, shift in zip(tables, at.tolist(), strict=False)]),
        np.concatenate([table.length for table in tables]),
    )


@dataclass(frozen=True)
class Held:
    """What a disk holds of one boot: ``first`` and ``last`` sample, ``gap`` the longest step of the sequence."""

    first: int
    last: int
    gap: int
    twice: int


def held(packets: PacketTable) -> dict[int, Held]:
    """Return what is on the disk, by boot; at the log's resolution a step is at most its own."""
    found: dict[int, list[np.ndarray]] = {}
    for block in decode_all(packets).blocks:
        found.setdefault(block.boot, []).append(block.seq)
    out: dict[int, Held] = {}
    for boot, parts in found.items():
        seq = np.sort(np.concatenate(parts))
        step = np.diff(seq)
        out[boot] = Held(int(seq[0]), int(seq[-1]), int(step.max(initial=0)), int(np.sum(step == 0)))
    return out


@dataclass(frozen=True)
class Figures:
    """How a fetch went, s."""

    whole_s: float
    """From the start of the stream to the last record, which is forced to the disk half a second later."""
    fetch_s: float
    """From the first request for the log to its last record."""
    records: int
    live_samples: int
    longest_silence_s: float
    """Between two packets of the live stream, while the log came."""
    latency_p50_s: float
    latency_p95_s: float
    latency_max_s: float
    """From a packet's newest sample to its arrival, above the quickest of all."""


def figures(packets: PacketTable) -> Figures:
    """Read from a recording how its fetch went."""
    control = packets.take(packets.channel == CHANNEL_NUMBER[Channel.CONTROL])
    said = [(float(control.arrival_s[i]), control.data(i)) for i in range(len(control))]
    started = next(at for at, data in said if data[0] == START)
    reads = [at for at, data in said if data[0] == LOG_READ and data[2] == 0]
    log = packets.take(packets.channel == CHANNEL_NUMBER[Channel.LOG])
    decoded = decode_all(packets)
    begun, ended = reads[0], float(log.arrival_s[-1])
    clock = decoded.clock
    live = clock.boot == clock.boot[-1]
    delay = clock.arrival_s[live] - clock.t_us[live] * 1e-6
    delay -= delay.min()
    at = clock.arrival_s[live]
    meanwhile = (at >= begun) & (at <= ended)
    samples = sum(len(block) for block in decoded.blocks if block.content is not Content.ORIENTATION)
    return Figures(
        ended - started,
        ended - begun,
        len(decoded.log_ids),
        samples,
        float(np.diff(at[meanwhile]).max(initial=0.0)),
        *(float(np.quantile(delay[meanwhile], q)) for q in (0.5, 0.95, 1.0)),
    )


def shares(said: str) -> list[int]:
    """Return what the progress bar showed, %."""
    return [int(one) for one in re.findall(r"(\d+)%", said)]


async def measure(hours: float, fault: str, program: Path, folder: Path) -> dict[str, object]:
    """Run it; raise where something is missing."""
    async with world(program, folder) as one:
        await one.run("pair", "--wait", "30")
        begun = time.monotonic()
        await one.alone(hours * 3600)
        n = round(hours * 3600 * RATE_HZ)
        one.feed_on()
        filled = time.monotonic() - begun
        command = await one.command("sync", "--timeout", "300")
        begun = time.monotonic()
        if fault != "none":
            third = n // STEP // 40 // 3 * 241 + RING_BYTES
            await until(
                lambda: sum(path.stat().st_size for path in one.recordings) > third, 120.0, "nothing is fetched"
            )
            command = await harm(one, fault, command)
        said = await command.done(300)
        took = time.monotonic() - begun
        await one.still()
        packets = one.packets()
        for boot, whole in held(packets).items():
            if whole.gap > STEP or whole.twice or whole.first > STEP:
                raise AssertionError(f"boot {boot}: {whole}")
        known = KnownStraps(one.data / "straps.json").find()
        return {
            "fault": fault,
            "hours": hours,
            "filled_s": round(filled, 1),
            "process_s": round(took, 1),
            "held": {boot: whole.last + 1 for boot, whole in held(packets).items()},
            "position": known.position.log_id,
            "shares shown": len(set(shares(said))),
            **{key: round(value, 3) for key, value in vars_of(figures(read_packets(one.recordings[-1])[0])).items()},
        }


async def harm(one: World, fault: str, command: Command) -> Command:
    """Do it in the middle of a fetch; the command that goes on with it."""
    if fault == "reboot":
        await one.still()
        await one.restart()
        one.feed_on()
        return command
    await command.kill()
    if fault == "bond":
        (one.data / "virtual-radio" / "bonds.json").unlink()
        await one.strap.press(3.3)
        await one.run("pair", "--wait", "30")
    return await one.command("sync", "--timeout", "300")


def vars_of(value: Figures) -> dict[str, float]:
    """Return the fields of figures."""
    return {name: getattr(value, name) for name in Figures.__dataclass_fields__}


def main() -> None:
    """Print one line of figures for each fault asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--fault", choices=("none", "reboot", "kill", "bond"), action="append")
    arguments = parser.parse_args()
    for fault in arguments.fault or ("none", "reboot", "kill", "bond"):
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asyncio.run(measure(arguments.hours, fault, find_program(), Path(folder)))), flush=True)


if __name__ == "__main__":
    main()
