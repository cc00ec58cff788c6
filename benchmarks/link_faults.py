"""Random fault scripts against the live link: how many samples are lost or come twice.

    python benchmarks/link_faults.py [--scripts 1000] [--seed 1] [--jobs 4]
    python benchmarks/link_faults.py --only 4711 [--keep FOLDER]      # one script again, told step by step

Each script is made from its seed: a strap (the firmware's process) is paired with and worn, and then two to five
things happen to it: packets are lost, delayed, doubled, put out of order or broken; the strap goes out of range for a
short or a long time, loses its power (kill -9), is restarted; the adapter vanishes, the companion is closed or killed
and opened again, the MTU changes, the bond is renewed. Then the air heals, everything is waited for, and what lies on
the disk (every recording that the companion made, read as anybody would) is held against what the sensor was given:

- lost: a sample that no recording holds, neither itself nor in the strap's log (every fifth at 10.4 Hz);
- doubled: a sample that the recordings hold twice at full rate; or one that carries another's contents;
- at the log's rate: a sample that only the log gives though the strap's RAM had it all the time.

A power cut takes what the strap held in RAM alone: the log's open record of at most 200 samples, and what the sensor
had handed over but the strap not yet taken. That is counted beside, and judged only if it is more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from link_rig import RATE_HZ, Air, Sensor, Start, code_of, load, read_back
from unslouch.errors import Reason
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.radio.bench import until
from unslouch.link.radio.medium import Controller
from unslouch.link.radio.strap_process import REBOOT, StrapProcess
from unslouch.link.radio.tcp import TcpRadio
from unslouch.link.states import LinkStatus
from unslouch.link.strap import Strap
from unslouch.live.conveyor import Conveyor
from unslouch.live.strap_feed import Wanted, strap_feed
from unslouch.wire.control import Op

NOTIFICATION = 0x1B
IN_RAM = 200
"""Samples of the log's open record: 40 of every fifth."""
IN_FLIGHT = 80
"""Samples handed over that a strap that is killed had not taken yet."""
RING = 1560
"""Samples that the strap's RAM holds at least: 30 s."""
ASKS_FOR_THE_BUTTON = (Reason.PAIRING_CLOSED, Reason.NOT_PAIRED)
LONGEST_S = 240.0
"""From the healing to the last sample, calm retries (15 s) and a busy machine included."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens: its kind, how long (s), and a figure of its own."""

    kind: str
    seconds: float
    value: float = 0.0


KINDS: dict[str, int] = {
    "lose": 4,
    "delay": 2,
    "double": 2,
    "shuffle": 3,
    "break": 3,
    "storm": 3,
    "away briefly": 3,
    "away": 2,
    "away for long": 2,
    "power cut": 3,
    "restart": 1,
    "adapter": 2,
    "close": 2,
    "kill": 3,
    "mtu": 2,
    "renew the bond": 1,
    "nothing": 1,
}
"""What can happen, and how often relative to the others."""


def script_of(seed: int) -> list[Act]:
    """Return what happens in a script."""
    chance = random.Random(f"unslouch fault script {seed}")
    acts: list[Act] = []
    for _ in range(chance.randint(2, 5)):
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
        seconds, value = chance.uniform(0.2, 1.2), chance.uniform(0.05, 0.5)
        match kind:
            case "away briefly":
                seconds = chance.uniform(0.1, 1.5)
            case "away":
                seconds = chance.uniform(2.5, 5.0)
            case "away for long":
                seconds, value = chance.uniform(2.5, 5.0), chance.choice([20, 45, 90, 300])
            case "power cut" | "close" | "kill" | "adapter":
                seconds = chance.choice([0.0, 0.0, chance.uniform(0.0, 2.0)])
            case "mtu":
                value = chance.choice([0, 60, 100, 185, 247])
            case _:
                pass
        acts.append(Act(kind, seconds, value))
        acts.append(Act("nothing", chance.choice([0.0, chance.uniform(0.0, 0.8)])))
    return acts


class Noise:
    """Does things to notifications in both directions."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.lost = self.doubled = self.delayed = self.shuffled = self.broken = 0.0
        self._last = 0.0
        self.broke = 0

    def calm(self) -> None:
        """Do nothing any more."""
        self.lost = self.doubled = self.delayed = self.shuffled = self.broken = 0.0

    def __call__(self, _from: Controller, _to: Controller, pdu: bytes) -> list[tuple[float, bytes]] | None:
        """Return what arrives instead of a packet."""
        if pdu[0] != NOTIFICATION:
            return None
        chance = self._chance
        if chance.random() < self.lost:
            return []
        if chance.random() < self.broken:
            pdu = self._break(pdu)
        wait = 0.0
        if self.delayed:
            now = time.monotonic()
            self._last = max(self._last, now + chance.uniform(0.0, self.delayed))  # the order stays
            wait = self._last - now
        if chance.random() < self.shuffled:
            wait += chance.uniform(0.0, 0.12)
        arriving = [(wait, pdu)]
        if chance.random() < self.doubled:
            arriving.append((wait + chance.choice([0.0, 0.03, 0.4]), pdu))
        return arriving

    def _break(self, pdu: bytes) -> bytes:
        chance = self._chance
        self.broke += 1
        head, value = pdu[:3], bytearray(pdu[3:])
        kind = chance.randrange(5)
        if not value:
            return pdu
        if kind <= 1:
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del value[chance.randrange(len(value)) :]
        elif kind == 3:
            value = bytearray(chance.randbytes(len(value)))
        else:
            value += chance.randbytes(chance.randrange(1, 8))
        return head + bytes(value)


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


@dataclass(slots=True)
class Outcome:
    """What came of a script."""

    seed: int
    taken: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    """Contents of another sample, or none of any, where packets were broken: nothing tells them from good ones."""
    slow: int = 0
    """At the log's rate without need."""
    logged: int = 0
    """At the log's rate because the strap's RAM had it no more."""
    twice_logged: int = 0
    """In the log's copy too, though an earlier recording has it at full rate."""
    cut: int = 0
    """In the strap's RAM alone at a power cut."""
    wall_s: float = 0.0
    acts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong, in words."""


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
        self._judge(outcome, sensor, companion)
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
        starts = len(self.sensor.starts)
        await strap.start()
        # a boot gets its number before it takes its first sample
        await self._until(
            lambda: len(self.sensor.starts) > starts and self.sensor.starts[-1].fed > 10, "a strap that was started"
        )

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

    # What lies on the disk.

    def _judge(self, outcome: Outcome, sensor: Sensor, companion: Companion) -> None:
        files = sorted((self.folder / "data" / "recordings").glob("*.mcap"))
        disk = read_back(files)
        if disk.unordered:
            outcome.faults.append(f"{disk.unordered} places where a recording runs backward")
        if companion.unsteady:
            outcome.faults.append(f"{companion.unsteady} samples out of order on the live way")
        broken = self.noise.broke > 0
        for boot, start in enumerate(sensor.starts, 1):
            self._judge_boot(outcome, boot, start, disk.whole, disk.codes, disk.logged, broken=broken)
        strange = sorted((set(disk.whole) | set(disk.logged)) - set(range(1, len(sensor.starts) + 1)))
        if strange:
            outcome.faults.append(f"boots that never were: {strange}")
        for what in ("lost", "doubled", "slow"):
            if getattr(outcome, what):
                outcome.faults.append(f"{getattr(outcome, what)} {what}")
        if outcome.altered and not broken:
            outcome.faults.append(f"{outcome.altered} altered")

    def _judge_boot(
        self,
        outcome: Outcome,
        boot: int,
        start: Start,
        whole: dict[int, np.ndarray],
        codes: dict[int, np.ndarray],
        logged: dict[int, np.ndarray],
        *,
        broken: bool,
    ) -> None:
        fed = start.fed
        outcome.taken += fed
        seqs = whole.get(boot, np.empty(0, np.int64))
        log = logged.get(boot, np.empty(0, np.int64))
        beyond = int((seqs >= fed).sum()) + int((log >= fed).sum())
        if beyond:
            outcome.faults.append(f"boot {boot}: {beyond} samples that were never taken")
        seqs_in, log = seqs[seqs < fed], log[log < fed]
        count = np.bincount(seqs_in, minlength=fed)
        twice = np.flatnonzero(count > 1)
        if len(twice):
            outcome.doubled += len(twice)
            outcome.faults.append(f"boot {boot} (of {fed}): twice {in_words(twice)}")
        told = codes.get(boot, np.empty(0, np.int64))[seqs < fed]
        outcome.altered += int((told != code_of(start.first + seqs_in)).sum())
        full = count > 0
        covered = full.copy()
        by_log = np.zeros(fed + 5, np.bool_)
        for j in range(5):  # each stands for the five that it was chosen from
            by_log[np.minimum(log + j, fed + 4)] = True
        covered |= by_log[:fed]
        outcome.twice_logged += int(full[log].sum())
        missing = np.flatnonzero(~covered)
        if start.cut:
            tail = missing >= fed - IN_RAM - IN_FLIGHT
            outcome.cut += int(tail.sum())
            missing = missing[~tail]
        if len(missing):
            outcome.lost += len(missing)
            outcome.faults.append(f"boot {boot} (of {fed}, cut {start.cut}): missing {in_words(missing)}")
        only_log = int((covered & ~full).sum())
        if start.cut or self.gone_long or fed > RING:  # it was not heard for longer than its RAM reaches back
            outcome.logged += only_log
        else:
            outcome.slow += only_log


def in_words(samples: np.ndarray) -> str:
    """Name the first runs of some samples."""
    runs = np.split(samples, np.flatnonzero(np.diff(samples) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" for run in runs[:6])


def play(seed: int, keep: Path | None = None, tell: Callable[[str], None] = lambda _text: None) -> Outcome:
    """Play one script in a folder of its own."""
    logging.getLogger("bumble").setLevel(logging.CRITICAL + 1)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    folder = Path(tempfile.mkdtemp(prefix=f"unslouch-faults-{seed}-")) if keep is None else keep
    try:
        outcome = asyncio.run(World(seed, folder, tell).play())
    except Exception:  # noqa: BLE001  # a script that breaks the rig or the companion is a finding, not the end
        outcome = Outcome(seed, acts=[str(act) for act in script_of(seed)], faults=[traceback.format_exc()])
    finally:
        if keep is None and (not os.environ.get("KEEP_FAILED") or not outcome.faults):
            shutil.rmtree(folder, ignore_errors=True)
    return outcome


def show(outcomes: list[Outcome], wall_s: float, processor: float) -> bool:
    """Print the table; whether everything is as asked."""
    failed = [one for one in outcomes if one.faults]
    kinds = Counter(act.split(" 0.")[0].split(" 1.")[0] for one in outcomes for act in one.acts)
    total = {name: sum(getattr(one, name) for one in outcomes) for name in Outcome.__slots__ if name in COUNTED}
    print(f"{len(outcomes)} scripts, {sum(kinds.values())} acts, {total['taken']} samples taken by the straps")
    print(f"  lost                                             {total['lost']:8d}   asked: 0")
    print(f"  doubled                                          {total['doubled']:8d}   asked: 0")
    print(f"  at the log's 10.4 Hz without need                {total['slow']:8d}   asked: 0")
    print(f"  at the log's 10.4 Hz, the strap's RAM had passed {total['logged']:8d}")
    print(f"  from the log too, after a kill or a power cut    {total['twice_logged']:8d}")
    print(f"  in the strap's RAM alone at a power cut          {total['cut']:8d}")
    print(f"  contents altered by broken packets               {total['altered']:8d}")
    print(f"wall {wall_s:.0f} s, processor {processor:.0f} s, {load()}")
    for one in failed:
        print(f"FAILED: --only {one.seed}  [{'; '.join(one.acts)}]")
        for fault in one.faults:
            print(f"    {fault}")
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} scripts as asked")
    return not failed


COUNTED = ("taken", "lost", "doubled", "altered", "slow", "logged", "twice_logged", "cut")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first script; the next ones count on")
    parser.add_argument("--jobs", type=int, default=4, help="scripts at a time")
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="play these; of a single one all is told")
    parser.add_argument("--keep", type=Path, help="with --only: where its files stay")
    args = parser.parse_args()
    begun = time.monotonic()
    seeds = args.only or range(args.seed, args.seed + args.scripts)
    if len(seeds) == 1:
        outcomes = [play(seeds[0], args.keep, lambda text: print(f"{time.monotonic() - begun:7.2f} {text}"))]
    else:
        outcomes = []
        with ProcessPoolExecutor(args.jobs) as pool:
            waiting = [pool.submit(play, seed) for seed in seeds]
            for done in as_completed(waiting):
                outcomes.append(done.result())
                if outcomes[-1].faults:
                    print(f"  script {outcomes[-1].seed}: {outcomes[-1].faults}", flush=True)
                if len(outcomes) % 50 == 0:
                    print(f"  {len(outcomes)} scripts after {time.monotonic() - begun:.0f} s", flush=True)
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    sys.exit(0 if show(outcomes, time.monotonic() - begun, used) else 1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
