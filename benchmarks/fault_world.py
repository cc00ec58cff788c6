"""A fault script being played: the firmware's process, the shipped companion, and what happens to both."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fault_judge import RING, Outcome, judge
from fault_noise import Noise
from fault_script import Act, script_of
from link_rig import RATE_HZ, Air, read_back
from unslouch.errors import Reason
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.radio.bench import until
from unslouch.link.radio.strap_process import REBOOT, StrapProcess
from unslouch.link.radio.tcp import TcpRadio
from unslouch.link.states import LinkStatus
from unslouch.link.strap import Strap
from unslouch.live.conveyor import Conveyor
from unslouch.live.strap_feed import Wanted, strap_feed
from unslouch.wire.control import Op

ASKS_FOR_THE_BUTTON = (Reason.PAIRING_CLOSED, Reason.NOT_PAIRED)
LONGEST_S = 240.0
"""From the healing to the last sample, calm retries (15 s) and a busy machine included."""


class Companion:
    """The shipped companion without a screen, on a radio of its own; it can be closed, or killed."""

    def __init__(self, folder: Path, address: str, port: int, tell: Callable[[str], None]) -> None:
        self.data, self.laptop = folder / "data", folder / "laptop"
        self.address, self.port = address, port
        self.mtu: int | None = 247
        self.feed: Conveyor | None = None
        self.radio: TcpRadio | None = None
        self.unsteady = 0
        self.notices: Counter[str] = Counter()
        self._tell = tell
        self._polling: asyncio.Task[None] | None = None

    @property
    def strap(self) -> Strap:
        """Its link."""
        assert self.feed is not None
        source = self.feed._source
        assert isinstance(source, Strap)
        return source

    def _status(self, status: LinkStatus) -> None:
        if status.progress is None:
            self._tell(f"    {status.phase}: {status.text}")

    async def open(self) -> None:
        """Open the strap as a feed, as every command does."""
        straps = KnownStraps(self.data / "straps.json")
        known = next(iter(straps.all()), None) or KnownStrap(self.address, "bench")
        self.radio = TcpRadio(self.laptop, f"127.0.0.1:{self.port}", self.mtu)
        self.feed = strap_feed(
            straps, known, self.data / "recordings", self.radio, Wanted(pair=True), on_status=self._status
        )
        self._polling = asyncio.create_task(self._poll(self.feed))

    async def _poll(self, feed: Conveyor) -> None:
        last = -1.0
        while True:
            for update in feed.poll():
                if update.samples is not None:
                    t = update.samples.t
                    self.unsteady += int((np.diff(t) <= 0).sum()) + int(t[0] <= last)
                    last = float(t[-1])
                self.notices.update(update.notices)
            await asyncio.sleep(0.04)

    async def close(self) -> None:
        """End as at Ctrl-C."""
        feed, self.feed = self.feed, None
        if feed is None:
            return
        await asyncio.to_thread(feed.close)
        if feed._thread.is_alive():
            await asyncio.to_thread(feed._thread.join, 60)
        assert self._polling is not None
        self._polling.cancel()
        await asyncio.gather(self._polling, return_exceptions=True)
        feed.poll()  # raises what ended it

    async def kill(self, cut: Callable[[], None]) -> None:
        """Leave the disk as kill -9 does: from now on nothing reaches the strap, and nothing the disk."""
        cut()
        left = self.data.with_name("left")
        await asyncio.to_thread(self._snapshot, left)
        await self.close()
        shutil.rmtree(self.data)
        left.rename(self.data)

    def _snapshot(self, left: Path) -> None:
        # what was noted before what was recorded, as a kill between the two would leave it
        left.mkdir()
        if (self.data / "straps.json").exists():
            shutil.copy(self.data / "straps.json", left)
        shutil.copytree(self.data / "recordings", left / "recordings", ignore=shutil.ignore_patterns("*.part", ".*"))


class World:
    """One script being played."""

    def __init__(self, seed: int, folder: Path, tell: Callable[[str], None]) -> None:
        self.seed, self.folder, self.tell = seed, folder, tell
        self.noise = Noise(seed)
        self.gone_long = False
        self.renewing = False

    async def play(self) -> Outcome:
        """Play it and look at the disk."""
        begun = time.monotonic()
        acts = script_of(self.seed)
        outcome = Outcome(self.seed, acts=[f"{act.kind} {act.seconds:.2f} {act.value:.2f}" for act in acts])
        async with Air(self.folder / "air") as air:
            self.air = air
            strap, sensor = await air.strap(self.seed % 50 + 1)
            companion = Companion(self.folder, strap.address, air.port, self.tell)
            self.strap, self.sensor, self.companion = strap, sensor, companion
            await companion.open()
            await self._until(lambda: companion.strap.connection is not None, "the first connection")
            await asyncio.sleep(random.Random(self.seed).uniform(0.1, 0.8))
            air.medium.fault = self.noise
            try:
                for act in acts:
                    self.tell(f"  {act.kind} {act.seconds:.2f} s {act.value:.2f}")
                    await self._do(act)
                self.tell("  healed")
                air.medium.fault = None
                await self._whole()
            except TimeoutError as error:
                outcome.faults.append(str(error))
            await companion.close()
        disk = read_back(sorted((self.folder / "data" / "recordings").glob("*.mcap")))
        broken = self.noise.broke > 0
        judge(outcome, disk, sensor.starts, unsteady=companion.unsteady, broken=broken, gone_long=self.gone_long)
        outcome.wall_s = time.monotonic() - begun
        return outcome

    async def _until(self, condition: Callable[[], object], what: str, seconds: float = LONGEST_S) -> None:
        end = time.monotonic() + seconds
        while not condition():
            strap = self.companion.strap
            if strap.link_status.reason in ASKS_FOR_THE_BUTTON and self.renewing:
                # the renewal was cut off: the person is told to hold the button again, and does
                await self.companion.close()
                await self.strap.press(3.3)
                await self.companion.open()
            if time.monotonic() > end:
                text = f"{what} did not come: {strap.link_status}, {strap.ledger.position()}; on the air:"
                raise TimeoutError(f"{text} {self.air.state()}")
            await asyncio.sleep(0.03)

    async def _whole(self) -> None:
        """Wait until the companion has everything."""
        companion, sensor = self.companion, self.sensor
        boot = len(sensor.starts)
        await self._until(lambda: companion.strap.complete and companion.strap.ledger.boot == boot, "completeness")
        await sensor.even()
        fed = sensor.starts[-1].fed

        def there() -> bool:
            ledger = companion.strap.ledger
            return (
                companion.strap.complete
                and ledger.boot == boot
                and ledger.next_seq >= fed
                and not ledger.holes
                and not ledger.log_due
            )

        await self._until(there, f"sample {fed}")

    async def _do(self, act: Act) -> None:
        noise, air = self.noise, self.air
        match act.kind:
            case "lose":
                noise.lost = act.value
            case "delay":
                noise.delayed = act.value
            case "double":
                noise.doubled = act.value
            case "shuffle":
                noise.shuffled = act.value
            case "break":
                noise.broken = act.value / 2
            case "storm":
                noise.lost = noise.doubled = noise.shuffled = act.value / 2
                noise.broken, noise.delayed = act.value / 4, act.value / 4
            case "away briefly" | "away" | "away for long":
                chip = air.chip(self.strap.address)
                if chip is not None:
                    air.medium.mute(chip)
                    if act.kind == "away for long":
                        self.gone_long = self.gone_long or act.value * RATE_HZ > RING / 2
                        await self.sensor.burst(int(act.value * RATE_HZ))
                    await asyncio.sleep(act.seconds)
                    air.medium.unmute(chip)
                return
            case "power cut":
                await self._cut(act.seconds)
                return
            case "restart":
                await self._restart()
                return
            case "adapter":
                self._unplug()
                await asyncio.sleep(act.seconds)
                return
            case "close":
                await self.companion.close()
                await asyncio.sleep(act.seconds)
                await self.companion.open()
                return
            case "kill":
                await self.companion.kill(self._unplug)
                await asyncio.sleep(act.seconds)
                await self.companion.open()
                return
            case "mtu":
                self.companion.mtu = int(act.value) or None
                assert self.companion.radio is not None
                self.companion.radio.ask_mtu(self.companion.mtu)
                self._unplug()
                return
            case "renew the bond":
                self.renewing = True
                await self.companion.close()
                (self.folder / "laptop" / "bonds.json").unlink(missing_ok=True)
                await self.strap.press(3.3)
                await self.companion.open()
                return
            case _:
                pass
        await asyncio.sleep(act.seconds)
        noise.calm()

    def _unplug(self) -> None:
        """Let the laptop's adapter vanish; its host finds it again."""
        chip = self.air.chip(self.strap.address)
        for controller, wire in list(self.air.server.wires.items()):
            if controller is not chip:
                wire.abort()

    async def _cut(self, seconds: float) -> None:
        self.sensor.starts[-1].cut = True
        await self.strap.pull_battery()
        self.sensor.unplug()
        await asyncio.sleep(seconds)
        await self._boot(self.strap)

    async def _boot(self, strap: StrapProcess) -> None:
        starts, before = len(self.sensor.starts), self.air.chip(strap.address)
        await strap.start()

        def there() -> bool:
            # a boot gets its number before it takes its first sample; its radio may come later on a busy machine, and
            # until then it cannot be told from the laptop's, which is what is unplugged
            taken = len(self.sensor.starts) > starts and self.sensor.starts[-1].fed > 10
            return taken and self.air.chip(strap.address) not in (None, before)

        await self._until(there, "a strap that was started")

    async def _restart(self) -> None:
        """Ask the strap to restart, as a person can."""
        self.companion.strap.request(Op.REBOOT, {"how": 0})
        with contextlib.suppress(TimeoutError):  # without a link nobody heard it: its battery is pulled instead
            await until(lambda: self.strap.exit_code is not None, 1.5)
        self.sensor.starts[-1].cut = True  # what it had not written by then is gone too
        if self.strap.exit_code not in (None, REBOOT):
            raise TimeoutError(f"the strap ended with {self.strap.exit_code}")
        await self.strap.pull_battery()
        self.sensor.unplug()
        await self._boot(self.strap)
