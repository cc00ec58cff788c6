"""The same strap on an emulated Cortex-M4F: the core of the tests that the desktop process passes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import shutil
import struct
import subprocess
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from unslouch.link.radio.bench import (
    CALIBRATION,
    CONTROL,
    LOG,
    STATUS,
    STREAM,
    Bench,
    Central,
    FedImu,
    Wearing,
    until,
    uuid,
)
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.strap_process import ProcessOptions, StrapProcess
from unslouch.link.states import Phase
from unslouch.link.strap import Strap, StrapOptions
from unslouch.wire.decoder import decode_all
from unslouch.wire.layout import Content
from unslouch.wire.source import Channel, Packet

pytestmark = pytest.mark.real_time  # the emulator has a clock of its own
BOARD = Path(__file__).resolve().parent.parent.parent / "firmware" / "boards" / "qemu-mps2"
TARGET = "thumbv7em-none-eabihf"
INSUFFICIENT_AUTHENTICATION = 5
BOARD_NUMBER = 1
NOTIFICATION = 0x1B
"""Opcode of the Attribute Protocol."""
LONGEST_S = 180.0
"""Nothing here takes as long, however slowly a busy machine emulates."""
POWER_ON, WATCHDOG, PANIC, REQUESTED = 1, 3, 4, 6
"""Reset reasons (docs/protocol.md, section 7)."""


@pytest.fixture(scope="session")
def image() -> Path:
    """The linked image, up to date; `UNSLOUCH_QEMU_IMAGE` names one that was built elsewhere."""
    if (given := os.environ.get("UNSLOUCH_QEMU_IMAGE")) is not None:
        return Path(given)
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is absent (Debian package qemu-system-arm)")
    if shutil.which("cargo") is None:
        pytest.skip("cargo is absent: the firmware cannot be built (https://rustup.rs)")
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    if not (Path(root) / "lib" / "rustlib" / TARGET).exists():
        pytest.skip(f"Rust knows no Cortex-M4F here: rustup target add {TARGET}")
    target = BOARD.parent.parent / "target" / "qemu"
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".pytest-build.lock").open("w") as lock:
        # one worker builds, the others find it done
        fcntl.flock(lock, fcntl.LOCK_EX)
        build = ["cargo", "build", "--release", "--locked"]
        built = subprocess.run(build, cwd=BOARD, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return target / TARGET / "release" / "unslouch-strap-qemu"


class QemuStrap(StrapProcess):
    """The emulator instead of the desktop process; its third UART speaks the same language."""

    async def start(self) -> None:
        imu = self.options.samples.removeprefix("tcp:")
        self._process = await asyncio.create_subprocess_exec(
            "qemu-system-arm",
            *("-M", "mps2-an386", "-display", "none", "-monitor", "none"),
            *("-semihosting-config", "enable=on,target=native"),
            # no delay: QEMU writes byte by byte, and each packet would wait for an acknowledgement
            *("-serial", f"tcp:127.0.0.1:{self.port},nodelay=on"),
            *("-serial", f"tcp:{imu},nodelay=on", "-serial", "stdio"),
            *("-kernel", str(self.options.program)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.lines = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(self._process))
        await self.ready()

    async def told(self, what: str) -> str:
        """Wait for a line that begins so."""
        while not (line := await asyncio.wait_for(self.lines.get(), LONGEST_S)).startswith(what):
            assert line != "ended", "the emulator ended"
        return line

    async def ready(self) -> None:
        """Wait until it has started, or started again."""
        self.address = (await self.told("ready ")).split()[1]

    async def is_heard(self, bench: Bench) -> None:
        """Wait until it advertises; a busy machine emulates slowly."""

        def heard() -> bool:
            assert self.exit_code is None, f"the emulator ended with {self.exit_code}"
            return bench.server.controllers[0].le_legacy_advertiser.enabled

        await until(heard, LONGEST_S, "the strap is not heard")

    async def restarted(self, bench: Bench) -> None:
        """Wait until it has come back from a reset and listens again."""
        # by then it has reset its controller, too: what is heard is not of before
        await self.ready()
        await self.is_heard(bench)

    async def ended(self) -> int:
        """Wait for its end; the exit code that semihosting gave."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), LONGEST_S)


class Person:
    """Wears the strap: feeds its sensor at 52 Hz for as long as the test runs."""

    def __init__(self, imu: FedImu) -> None:
        self.imu = imu
        self._task = asyncio.create_task(self._wear())

    async def _wear(self) -> None:
        wearing = Wearing()
        began, fed = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * wearing.rate_hz)
            with contextlib.suppress(ConnectionError):  # the strap was switched off
                await self.imu.feed(wearing.worn((due - fed) / wearing.rate_hz))
            fed = due
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Take it off."""
        self._task.cancel()
        await asyncio.wait({self._task})


@pytest.fixture
async def strap_and_bench(image: Path, tmp_path: Path) -> AsyncGenerator[tuple[QemuStrap, Bench]]:
    """An emulated strap that is worn, on a virtual radio."""
    async with Bench(image, tmp_path) as bench:
        imu = await bench.imu()
        strap = QemuStrap(ProcessOptions(image, await imu.start(), tmp_path / "none"), bench.port)
        bench.straps.append(strap)
        await strap.start()
        person = Person(imu)
        await strap.is_heard(bench)
        yield strap, bench
        await person.stop()


async def on_the_bond(bench: Bench, laptop: Laptop, strap: QemuStrap) -> Central:
    """Connect with the key of before: a new pairing is refused after a reset, for no window is open then."""
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL, STREAM, LOG, STATUS)
    return central


def unheard(_sender: BleakGATTCharacteristic, _data: bytearray) -> None:
    """Take a notification that must not come."""


def numbers_of(central: Central) -> list[int]:
    """Numbers of the samples that were streamed."""
    seqs: list[int] = []
    for packet in central.heard[STREAM]:
        if packet[0] == 0x11:
            first = int.from_bytes(packet[4:8], "little")
            seqs += range(first, first + (len(packet) - 16) // 12)
    return seqs


def stream_of(central: Central) -> list[int]:
    """Numbers of the samples that were streamed, which must decode without a gap."""
    heard = [packet for packet in central.heard[STREAM] if packet[0] & 15 != 6]
    decoded = decode_all([Packet(0.0, Channel.STREAM, packet) for packet in heard])
    assert not decoded.errors
    assert not decoded.gaps
    times = [block.samples.t for block in decoded.blocks]
    for t in times:
        assert len(t) < 20 or abs((t[-1] - t[0]) / (len(t) - 1) * 52 - 1) < 0.01
    return numbers_of(central)


async def test_refusals_pairing_stream_log_and_the_way_back_on_the_bond(
    strap_and_bench: tuple[QemuStrap, Bench],
) -> None:
    strap, bench = strap_and_bench
    laptop = await bench.laptop()
    stranger = await bench.connect(laptop, strap)
    assert await stranger.client.read_gatt_char("2a27") == b"qemu-mps2"
    for short in (STATUS, CALIBRATION):
        with pytest.raises(BleakGATTProtocolError) as refused:
            await stranger.client.read_gatt_char(uuid(short))
        assert refused.value.code == INSUFFICIENT_AUTHENTICATION
    for short in range(STREAM, CALIBRATION + 1):
        with pytest.raises(BleakGATTProtocolError) as refused:
            await stranger.client.start_notify(uuid(short), unheard)
        assert refused.value.code == INSUFFICIENT_AUTHENTICATION
    with pytest.raises(BleakGATTProtocolError):
        await stranger.write(b"\x02\x01")
    await stranger.close()

    central = await bench.paired(laptop, strap)
    status = await central.status()
    assert (status[43], status[34], status[38]) == (BOARD_NUMBER, POWER_ON, 1)
    for mode, samples in ((0, 2), (1, 18)):
        await central.ok(0x03, bytes([mode]))
        central.heard[STREAM].clear()
        await central.start(samples)
        await until(lambda: len(stream_of(central)) >= 3 * 52, LONGEST_S)
        await central.ok(0x02)
        seqs = stream_of(central)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert (await central.request(0x0B, b"\x09\x50"))[0][0] == 4, "no such pattern"
    assert (await central.request(0x77))[0][0] == 3, "no such request"
    last = seqs[-1]
    await central.close()

    # what was worn in between comes from the ring
    central = await on_the_bond(bench, laptop, strap)
    status = await central.status()
    assert status[38] == 1, "the old bond, no new one"
    boot, now = status[2:4], int.from_bytes(status[4:8], "little")
    assert now > last
    central.heard[STREAM].clear()
    await central.start(18)
    # some more than that: the live stream may begin later than STATUS said
    await central.ok(0x04, boot + struct.pack("<IH", last + 1, now - last + 500))

    def whole() -> bool:
        seqs = {*numbers_of(central)}
        return {*range(last + 1, now)} < seqs == {*range(last + 1, max(seqs) + 1)}

    await until(whole, LONGEST_S, "what was worn in between does not come")
    stream_of(central)

    # and from the log
    central.heard[LOG].clear()
    await central.ok(0x05, struct.pack("<II", 1, 0xFFFFFFFF))
    await until(lambda: central.heard[LOG] and central.heard[LOG][-1][3] == 0x1A, LONGEST_S)
    records = [part[3:] for part in central.heard[LOG][:-1]]
    logged = [int.from_bytes(record[9:13], "little") for record in records if record[0] == 0x18]
    assert logged
    assert logged[0] == 0
    assert central.heard[LOG][-1][4] == 0


async def test_the_flash_outlives_power_cuts_and_a_panic_leaves_its_words(
    strap_and_bench: tuple[QemuStrap, Bench],
) -> None:
    strap, bench = strap_and_bench
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    assert (await central.status())[2:4] == b"\x01\x00"
    await central.close()
    # an event is a write to the log; the power goes in the middle of it, then in the one after
    for operation in (1, 2):
        await strap.type(f"cut {operation}")
        for _ in range(operation):
            await strap.press(0.1)
            await asyncio.sleep(0.6)
        await strap.restarted(bench)
    await strap.type("panic")
    await strap.restarted(bench)
    central = await on_the_bond(bench, laptop, strap)
    status = await central.status()
    assert status[2:4] == b"\x04\x00", "the fourth boot"
    assert (status[34], status[38], status[1] & 128) == (PANIC, 1, 0)
    assert status[35] & 1, "a text waits"
    text = b""
    while True:
        answer = await central.ok(0x14, struct.pack("<H", len(text)))
        text += answer[2:]
        if len(text) >= int.from_bytes(answer[:2], "little"):
            break
    assert b"as it was told to" in text
    await central.ok(0x15)
    assert not (await central.status())[35] & 1
    # a processor that goes round in circles, a restart that was asked for, and the end
    await strap.type("hang")
    await strap.restarted(bench)
    central = await on_the_bond(bench, laptop, strap)
    status = await central.status()
    assert (status[2], status[34], status[35] & 1) == (5, WATCHDOG, 0)
    await central.ok(0x17, b"\x00")
    await strap.restarted(bench)
    central = await on_the_bond(bench, laptop, strap)
    status = await central.status()
    assert (status[2], status[34], status[35] & 1) == (6, REQUESTED, 0)
    await strap.type("battery 3000")
    assert await strap.ended() == 0, "an empty cell ends it with the code for good"


async def test_a_reset_leaves_the_controller_in_the_middle_of_what_it_says_and_hears(
    strap_and_bench: tuple[QemuStrap, Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    strap, bench = strap_and_bench
    wire = bench.server.newest
    assert wire is not None
    assert wire.transport is not None
    in_time, loop = wire.on_packet, asyncio.get_running_loop()

    def late(packet: bytes) -> None:
        loop.call_later(0.15, in_time, packet)

    monkeypatch.setattr(wire, "on_packet", late)
    # its answers to the commands of one start come in the next; the pauses end in each part of it
    for pause in (0.0, 0.05, 0.2, 0.5):
        await strap.type("panic")
        await strap.told("panic")
        await asyncio.sleep(pause)
        await strap.type("panic")
        await strap.restarted(bench)
    # an advertising report that is cut off by the reset, its rest behind it
    report = bytes([4, 0x3E, 43, 2, 1, 0, 1, *range(6), 31, *range(31), 200])
    for cut in (1, 2, 20):
        wire.transport.write(report[:cut])
        await strap.type("panic")
        await strap.told("panic")
        wire.transport.write(report[cut:])
        await strap.restarted(bench)
    # a command that is cut off by the reset: the next ones are taken for the rest of it
    await strap.type("panic")
    await strap.told("panic")
    wire.data_received(b"\x01\x08\x20\x20\x1f")
    await strap.restarted(bench)
    assert strap.exit_code is None


async def test_the_shipped_link_pairs_streams_mends_and_fetches(strap_and_bench: tuple[QemuStrap, Bench]) -> None:
    strap, bench = strap_and_bench
    laptop = await bench.laptop()
    await asyncio.sleep(5)  # worn alone for longer than a record of the log lasts
    link = Strap(strap.address, options=StrapOptions(pair=True), backends=bench._backends[laptop])
    disk: list[Packet] = []

    async def keep() -> None:
        async for packet in link:
            disk.append(packet)
            link.stored(link.mark())

    keeping = asyncio.create_task(keep())
    await link.until_streaming(LONGEST_S)
    chance = random.Random(1)

    def lose(_from: object, _to: object, pdu: bytes) -> list[tuple[float, bytes]] | None:
        return [] if pdu[0] == NOTIFICATION and chance.random() < 0.2 else None

    bench.medium.fault = lose
    await asyncio.sleep(4)
    bench.medium.fault = None
    await until(lambda: link.complete and link.ledger.resent > 10, LONGEST_S, "what was lost is not mended")
    before = link.ledger.samples
    bench.medium.mute(bench.server.controllers[0])
    await until(lambda: link.link_status.phase is Phase.LOST, LONGEST_S, "out of range is not noticed")
    bench.medium.unmute(bench.server.controllers[0])
    await until(lambda: link.ledger.samples > before + 52 and link.complete, LONGEST_S, "it does not come back")
    newest = link.ledger.position().seq
    await link.aclose()
    await keeping
    decoded = decode_all(disk)
    assert decoded.errors == {}
    assert decoded.gaps == ()
    assert len(decoded.log_ids) > 0
    assert decoded.statuses[-1][1].board == BOARD_NUMBER
    seqs = [int(seq) for block in decoded.blocks if block.content is Content.FUSED for seq in block.seq]
    # what the ring held is there at full rate, each sample once
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert seqs[0] == 0
    assert newest <= seqs[-1] + 1
