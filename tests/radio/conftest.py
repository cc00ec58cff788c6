"""A world for the link: straps as firmware processes, a laptop, and a companion whose disk is a list.

Everything here runs in stepped time: a second lasts as long as its work, and a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from unslouch.errors import Reason
from unslouch.link.ledger import Position
from unslouch.link.radio.bench import Bench, FedImu, Wearing
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.medium import Controller
from unslouch.link.radio.scripted import Script, ScriptedStrap
from unslouch.link.radio.stepped import SteppedLoop, current
from unslouch.link.radio.strap_process import StrapProcess
from unslouch.link.radios import Radio
from unslouch.link.states import LinkStatus, Phase
from unslouch.link.strap import Strap, StrapOptions
from unslouch.wire.decoder import decode_all
from unslouch.wire.layout import Content
from unslouch.wire.records import Decoded
from unslouch.wire.source import Packet

NOTIFICATION = 0x1B
LOG_STEP = 5
"""Stream samples per sample of the log."""
LONGEST_S = 3600.0
"""No scenario takes longer, in its own time; one that hangs must end as a failure."""
PAIR = StrapOptions(pair=True)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time is stepped, but for an emulator whose clock is its own."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"stepped": SteppedLoop}


def one_time() -> contextlib.AbstractContextManager[None]:
    """Let every clock tell the loop's time; only where a loop runs: a test without one has nobody to move time on."""
    loop = current()
    return contextlib.nullcontext() if loop is None else loop.everywhere()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each scenario its time and a limit."""
    for item in items:
        if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj)


def _limited(scenario: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(scenario)
    async def limited(**arguments: Any) -> None:
        with one_time():
            await asyncio.wait_for(scenario(**arguments), LONGEST_S)

    return limited


class Companion:
    """Takes packets, "stores" them twice a second, and survives what is done to the radio."""

    def __init__(self, strap: Strap) -> None:
        self.strap = strap
        self.disk: list[Packet] = []
        self.said: list[LinkStatus] = []
        self._task = asyncio.create_task(self._consume())

    async def _consume(self) -> None:
        stored = time.monotonic()
        async for packet in self.strap:
            self.disk.append(packet)
            if time.monotonic() - stored > 0.5:
                self.strap.stored(self.strap.mark())
                stored = time.monotonic()

    @property
    def decoded(self) -> Decoded:
        return decode_all(self.disk)

    def last_seq(self, boot: int) -> int:
        return max((int(b.seq[-1]) for b in self.decoded.blocks if b.boot == boot), default=-1)

    async def until(self, condition: Callable[[], object], seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self._task.done():
                self._task.result()
            assert time.monotonic() < end, f"it did not come to hold; {self.said[-6:]}"
            await asyncio.sleep(0.02)

    def assert_whole(self, boot: int = 1, first: int = 0) -> None:
        """Every sample of a boot once, at full rate, in order."""
        seqs = streamed(self.decoded, boot)
        assert seqs, "no samples"
        assert seqs == list(range(first, first + len(seqs)))

    def assert_covered(self, boot: int = 1, end: int | None = None) -> None:
        """Every sample of a boot once and in order, at least at the log's resolution."""
        seqs = [int(seq) for block in self.decoded.blocks if block.boot == boot for seq in block.seq]
        assert seqs[0] == 0
        steps = [b - a for a, b in pairwise(seqs)]
        assert 0 < min(steps) <= max(steps) <= LOG_STEP
        assert end is None or seqs[-1] >= end

    @property
    def reasons(self) -> list[Reason]:
        """Why the link was lost, each time."""
        return [one.reason for one in self.said if one.reason is not None]

    async def told(self, reason: Reason, seconds: float = 30.0) -> LinkStatus:
        """Wait until a reason is told; what is told, which must help."""
        await self.until(lambda: reason in self.reasons, seconds)
        status = next(one for one in self.said if one.reason is reason)
        assert status.phase is Phase.LOST
        assert status.text
        assert status.advice
        return status

    async def whole(self, seconds: float = 15.0) -> None:
        """Wait until nothing is missing, also after what was heard last has been understood."""
        end = time.monotonic() + seconds
        complete = 0
        while complete < 3:
            await self.until(
                lambda: self.strap.complete and self.strap.ledger.position().seq > 0, end - time.monotonic()
            )
            complete += 1
            await asyncio.sleep(0.1)
            if not self.strap.complete:
                complete = 0

    async def close(self) -> None:
        await self.strap.aclose()
        await self._task

    def kill(self) -> None:
        """Die without a word, as a process that is killed: what lies on the disk stays."""
        self._task.cancel()
        task = self.strap._task
        if task is not None:
            task.cancel()


class World:
    """One bench with everything a scenario of the link needs."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.companions: list[Companion] = []
        self.laptops: dict[int, Laptop] = {}
        self.scripted: list[ScriptedStrap] = []
        self.wearers: list[asyncio.Task[None]] = []

    async def strap(self, seconds: float = 120, *, speed: float = 1.0, seed: int = 1) -> StrapProcess:
        return await self.bench.strap(self.bench.csv(Wearing(seed=seed).worn(seconds)), speed=speed, seed=seed)

    async def fed(self, seed: int = 1) -> tuple[StrapProcess, FedImu]:
        imu = await self.bench.imu()
        return await self.bench.strap(imu, seed=seed), imu

    async def companion(
        self,
        strap: StrapProcess | ScriptedStrap,
        options: StrapOptions = PAIR,
        *,
        laptop: int = 0,
        mtu: int | None = 247,
        start: Position | None = None,
        backends: Any = None,
        radio: Radio | None = None,
    ) -> Companion:
        said: list[LinkStatus] = []
        if laptop not in self.laptops:
            self.laptops[laptop] = await self.bench.laptop(laptop, mtu)
        backends = backends or self.bench._backends[self.laptops[laptop]]
        link = Strap(strap.address, options=options, start=start, backends=backends, radio=radio, on_status=said.append)
        companion = Companion(link)
        companion.said = said
        self.companions.append(companion)
        return companion

    async def script(self, script: Script | None = None, number: int = 1) -> ScriptedStrap:
        """Switch on a strap without firmware."""
        strap = ScriptedStrap(self.bench.medium, script, number)
        self.scripted.append(strap)
        await strap.start()
        return strap

    def wear(self, imu: FedImu, worn: Wearing) -> None:
        """Somebody wears a strap from now on, through its restarts."""

        async def feed() -> None:
            while True:
                await asyncio.sleep(0.1)
                if imu.writer is not None and not imu.writer.is_closing():
                    with contextlib.suppress(ConnectionError):
                        await imu.feed(worn.worn(0.1))

        self.wearers.append(asyncio.create_task(feed()))

    def chip(self, strap: StrapProcess) -> Controller:
        """Return the controller of a strap that runs."""
        for controller in self.bench.server.controllers:
            if str(controller.random_address).split("/")[0] == strap.address:
                found = controller
        return found

    def faults(self, seed: int, *, lost: float = 0.0, twice: float = 0.0, broken: float = 0.0) -> None:
        """From now on notifications are lost, come twice, or with a bit flipped."""
        chance = random.Random(seed)

        def fault(_from: Controller, _to: Controller, pdu: bytes) -> list[tuple[float, bytes]] | None:
            if pdu[0] != NOTIFICATION:
                return None
            dice = chance.random()
            if dice < lost:
                return []
            if dice < lost + twice:
                return [(0.0, pdu), (0.03, pdu)]
            if dice < lost + twice + broken:
                at = chance.randrange(3, len(pdu))
                return [(0.0, pdu[:at] + bytes([pdu[at] ^ 1 << chance.randrange(8)]) + pdu[at + 1 :])]
            return None

        self.bench.medium.fault = fault

    def clear(self) -> None:
        """Heal the air."""
        self.bench.medium.fault = None


async def _end(world: World) -> None:
    with one_time():
        for wearer in world.wearers:
            wearer.cancel()
        await asyncio.gather(*world.wearers, return_exceptions=True)
        for companion in world.companions:
            companion.kill()
        await asyncio.gather(*(one._task for one in world.companions), return_exceptions=True)
        tasks = [one.strap._task for one in world.companions if one.strap._task is not None]
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=60)
            assert not hanging, "a link does not end when it is told to"
        for strap in world.scripted:
            await strap.stop()


@pytest.fixture
async def world(strap_binary: Path, tmp_path: Path) -> AsyncGenerator[World]:
    """Straps with firmware."""
    async with Bench(strap_binary, tmp_path) as bench:
        world = World(bench)
        yield world
        await _end(world)


@pytest.fixture
async def air(tmp_path: Path) -> AsyncGenerator[World]:
    """Straps without firmware."""
    world = World(Bench(tmp_path / "none", tmp_path))
    yield world
    await _end(world)


def streamed(decoded: Decoded, boot: int) -> list[int]:
    """Return the samples of a boot that came at full rate."""
    return [
        int(seq)
        for block in decoded.blocks
        if block.boot == boot and block.content is not Content.ORIENTATION
        for seq in block.seq
    ]
