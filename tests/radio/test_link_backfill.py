"""Away for long and back: everything is fetched, counted once and dated rightly, while the stream goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch.link.known import KnownStrap
from unslouch.link.radio.bench import FedImu, Wearing
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.live.strap_feed import resumed
from unslouch.recording.reader import read_packets
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.decoder import decode_all
from unslouch.wire.source import SourceInfo, SourceKind

RATE_HZ = 52
STEP = 5
NO_PAIRING = StrapOptions()


class Day:
    """Somebody wears a strap; ``taken`` notes the UTC at which each sample of the sensor was taken."""

    def __init__(self, imu: FedImu, worn: Wearing | None = None) -> None:
        self.imu, self.worn = imu, worn or Wearing()

    async def goes_on(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass."""
        for _ in range(round(seconds / step)):
            await self.imu.feed(self.worn.worn(step))
            await asyncio.sleep(step)

    @contextlib.asynccontextmanager
    async def meanwhile(self) -> AsyncGenerator[None]:
        """Samples come while something else is done, through restarts of the strap."""

        async def feed() -> None:
            while True:
                if self.imu.writer is None or self.imu.writer.is_closing():
                    await asyncio.sleep(0.1)
                    continue
                with contextlib.suppress(ConnectionError):
                    await self.imu.feed(self.worn.worn(3 / RATE_HZ))
                await asyncio.sleep(3 / RATE_HZ)

        task = asyncio.create_task(feed())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def held(packets: Any, boot: int) -> np.ndarray:
    """Return the samples of a boot that lie on a disk, in order."""
    parts = [block.seq for block in decode_all(packets).blocks if block.boot == boot]
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def assert_all(packets: Any, boot: int = 1, *, last: int | None = None) -> None:
    """At the log's resolution nothing is missing, and nothing is there twice."""
    seq = held(packets, boot)
    assert seq[0] == 0
    assert np.diff(seq).min() >= 1
    assert np.diff(seq).max() <= STEP
    assert last is None or seq[-1] >= last


async def fetched(companion: Any, seconds: float = 60.0) -> None:
    """Wait for the fetch and its end."""
    await companion.until(lambda: any(one.phase is Phase.FETCHING for one in companion.said), 30)
    await companion.whole(seconds)


def shares(companion: Any) -> list[float]:
    return [one.progress for one in companion.said if one.progress is not None]


async def test_fifty_minutes_away_are_there_at_once_and_the_stream_goes_on(world: Any) -> None:
    strap, imu = await world.fed()
    day = Day(imu)
    await day.goes_on(3000, 5)
    await strap.press(3.3)
    companion = await world.companion(strap)
    async with day.meanwhile():
        await companion.strap.until_streaming(30)
        begun = time.monotonic()
        await fetched(companion)
        took = time.monotonic() - begun
    await companion.close()
    assert took < 15
    assert_all(companion.disk, last=3000 * RATE_HZ)
    said = shares(companion)
    assert len(set(said)) > 10
    assert said == sorted(said)
    # live samples meanwhile: no gap, none late beyond what the feeding (58 ms) and three connection intervals explain
    clock = companion.decoded.clock
    delay = clock.arrival_s - clock.t_us * 1e-6
    assert np.diff(clock.arrival_s).max() < 0.25
    assert np.quantile(delay - delay.min(), 0.95) < 0.16


async def test_a_strap_that_restarted_alone_and_in_the_middle_gives_every_boot(world: Any) -> None:
    strap, imu = await world.fed()
    day = Day(imu)
    await day.goes_on(600, 5)
    await strap.pull_battery()
    await strap.start()
    await day.goes_on(900, 5)
    await strap.press(3.3)
    companion = await world.companion(strap)
    async with day.meanwhile():
        await companion.until(lambda: shares(companion)[-1:] > [0.3], 60)
        await strap.pull_battery()
        await strap.start()
        await companion.until(lambda: companion.strap.ledger.boot == 3 and companion.strap.complete, 60)
    await companion.close()
    # a power cut takes what the log had not written: less than one record of 200 samples
    assert_all(companion.disk, 1, last=600 * RATE_HZ - 220)
    assert_all(companion.disk, 2, last=900 * RATE_HZ - 220)
    assert_all(companion.disk, 3)


async def test_a_bond_renewed_in_the_middle_of_a_fetch(world: Any) -> None:
    strap, imu = await world.fed()
    day = Day(imu)
    await day.goes_on(1200, 5)
    await strap.press(3.3)
    first = await world.companion(strap)
    async with day.meanwhile():
        await first.until(lambda: shares(first)[-1:] > [0.3], 60)
        position = first.strap.mark()
        await first.close()
        await world.laptops[0].device.keystore.delete_all()
        await strap.press(3.3)
        second = await world.companion(strap, start=position)
        await second.strap.until_streaming(30)
        await second.whole(60)
    await second.close()
    assert Phase.PAIRING in [one.phase for one in second.said]
    assert_all([*first.disk, *second.disk], last=1200 * RATE_HZ)
    # what had come was not fetched again
    assert len(second.decoded.log_ids) < 0.8 * (1200 * RATE_HZ / STEP / 40)


async def test_a_companion_that_died_goes_on_from_its_disk(world: Any, tmp_path: Path) -> None:
    strap, imu = await world.fed()
    day = Day(imu)
    await day.goes_on(1200, 5)
    await strap.press(3.3)
    first = await world.companion(strap)
    begun = time.time()
    async with day.meanwhile():
        await first.until(lambda: shares(first)[-1:] > [0.4], 60)
        first.kill()
        await asyncio.gather(first._task, return_exceptions=True)
        path = tmp_path / "killed.mcap"
        writer = RecordingWriter(path, SourceInfo(SourceKind.STRAP, "Strap"), begun, tidy=False)
        for packet in first.disk:
            writer.write(packet)
        writer._stop.set()  # neither closed nor tidied: the process is gone
        known = KnownStrap(strap.address, "Strap", recording=str(path), used_utc=begun)
        start = resumed(known)
        assert start.log_id > 20
        await asyncio.sleep(8)  # the link of a killed program ends by its supervision timeout
        second = await world.companion(strap, NO_PAIRING, start=start)
        await second.strap.until_streaming(30)
        await second.whole(60)
    await second.close()
    writer._thread.join()
    writer._file.close()
    assert_all([*first.disk, *second.disk], last=1200 * RATE_HZ)
    assert len(second.decoded.log_ids) < 0.8 * (1200 * RATE_HZ / STEP / 40)


async def command(port: int, data: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, int]:
    """Start a command of the companion on a terminal; its process and our end of the terminal."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UNSLOUCH")}
    environment["UNSLOUCH_RADIO"] = f"tcp:127.0.0.1:{port}"
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "unslouch.cli.main", *arguments, "--data-dir", str(data)),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    return process, ours


async def ended(process: asyncio.subprocess.Process, terminal: int) -> str:
    """Wait for its end; what it said."""
    said = b""
    while True:
        over = process.returncode is not None
        with contextlib.suppress(OSError):  # nothing more, or nobody there any more
            while part := os.read(terminal, 65536):
                said += part
        if over:
            os.close(terminal)
            assert process.returncode == 0, said.decode()
            return said.decode()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.1)


@pytest.mark.real_time
@pytest.mark.slow
async def test_a_process_killed_in_the_middle_of_a_fetch(world: Any, tmp_path: Path) -> None:
    """`unslouch sync` as a process, killed with -9; the next one goes on, shows a bar and loses nothing."""
    _, imu = await world.fed()
    day, data = Day(imu), tmp_path / "data"
    await ended(*await command(world.bench.port, data, "pair"))
    await imu.feed(day.worn.worn(1200))
    async with day.meanwhile():
        process, terminal = await command(world.bench.port, data, "sync")
        folder = data / "recordings"

        def logged() -> int:
            table = [read_packets(path)[0] for path in folder.glob("*.mcap") if path.stat().st_size]
            return sum(len(decode_all(one).log_ids) for one in table)

        while logged() < 60:
            assert process.returncode is None, "it was quicker than the test"
            await asyncio.sleep(0.05)
        process.kill()
        await process.wait()
        os.close(terminal)
        said = await ended(*await command(world.bench.port, data, "sync", "--timeout", "120"))
    bars = {int(share) for share in re.findall(r"(\d+)%", said)}
    assert 100 in bars
    assert len(bars) > 3
    assert re.search(r"\d+ minutes that the strap took alone are in your progress now", said)
    paths = sorted(folder.glob("*.mcap"))
    assert len(paths) == 2
    packets = [
        one for path in paths for table in [read_packets(path)[0]] for one in map(table.packet, range(len(table)))
    ]
    assert_all(packets, last=1200 * RATE_HZ)
