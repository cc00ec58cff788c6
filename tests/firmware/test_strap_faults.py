# pyright: reportUnknownMemberType=false
# (pytest.approx is typed in part)
"""What ends well although it went wrong: a task that hangs, a charger, counters at their ends, a radio that stops."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from unslouch.link.radio.bench import CONTROL, LOG, STATUS, STREAM, Bench, Central, Wearing, until
from unslouch.link.radio.medium import Connection
from unslouch.wire.decoder import decode_all
from unslouch.wire.records import Decoded
from unslouch.wire.source import Channel, Packet

WATCHDOG = 3
"""Reset reason (docs/protocol.md, section 7)."""
START_AGAIN = 75
SETTINGS = 15 * 4096
"""Bytes of the flash file before the last words and the log (firmware/boards/host/src/strap.rs)."""
RATE = 52


@pytest.mark.parametrize("what", ["sensor", "stamps", "flash", "everything"])
async def test_what_hangs_is_ended_by_the_watchdog(bench: Bench, what: str) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    wearing = Wearing()
    for _ in range(30):  # all is well for longer than the watchdog waits, whether samples come or not
        await imu.feed(wearing.worn(0.5))
        await asyncio.sleep(1)
    assert strap.exit_code is None
    await strap.type(f"hang {what}")
    # a hang shows only where something is to be done
    end = asyncio.get_running_loop().time() + 40
    while strap.exit_code is None and asyncio.get_running_loop().time() < end:
        with contextlib.suppress(ConnectionError):
            await imu.feed(wearing.worn(0.5))
        await asyncio.sleep(0.5)
    assert strap.exit_code == START_AGAIN, "the watchdog sleeps"
    await strap.start()
    await until(lambda: not central.client.is_connected)
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL)
    status = await central.read(STATUS)
    assert (status[2], status[34], status[38]) == (2, WATCHDOG, 1), "second start, by the watchdog, the bond kept"


def streamed(central: Central) -> Decoded:
    """What the stream brought, which must be without fault."""
    decoded = decode_all([Packet(0.0, Channel.STREAM, packet) for packet in central.heard[STREAM]])
    assert not decoded.errors
    return decoded


async def transferred(central: Central) -> list[bytes]:
    """Every record of the log."""
    heard = central.heard[LOG]
    heard.clear()
    await central.ok(0x05, struct.pack("<II", 1, 0xFFFFFFFF))
    await until(lambda: heard and heard[-1][3:4] == b"\x1a", 30)
    return [part[3:] for part in heard[:-1]]


async def test_a_central_that_takes_nothing_costs_no_sample(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(2)
    wearing = Wearing()
    [link] = bench.server.controllers[0].peers.values()
    send, stuck = Connection.send_event, asyncio.Event()

    def stop(self: Connection) -> None:
        self.next_event = None
        stuck.set()

    # what the strap sends is not acknowledged for 25 s; its half minute of RAM holds it all
    object.__setattr__(link, "send_event", lambda: stop(link))
    for _ in range(50):
        await imu.feed(wearing.worn(0.5))
        await asyncio.sleep(0.5)
    assert stuck.is_set()
    heard = len(central.heard[STREAM])
    object.__delattr__(link, "send_event")
    send(link)
    await imu.feed(wearing.worn(1))
    status = await central.status()
    assert int.from_bytes(status[4:8], "little") == 26 * RATE, "sampling went on"
    assert int.from_bytes(status[52:56], "little") == 0
    wanted = 26 * RATE - 2

    def taken() -> int:
        return sum((len(p) - 16) // 12 for p in central.heard[STREAM] if p[0] == 0x11)

    await until(lambda: taken() >= wanted, 30, f"{taken()} of {wanted}")
    assert heard < 300
    assert not streamed(central).gaps


@pytest.mark.parametrize("mtu", [23, 247])
async def test_the_microseconds_outgrow_32_bits(bench: Bench, mtu: int) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(mtu=mtu), strap)
    wearing = Wearing()
    await imu.feed(wearing.worn(2))
    await central.start(18)
    # a loss of 71 minutes leads to 5 s before the wrap
    wrap_s = 2**32 * 1e-6
    imu.skip(round((wrap_s - 5) * RATE) - imu.next_frame)
    for _ in range(10):
        await imu.feed(wearing.worn(1))
        await asyncio.sleep(1)
    status = await central.status()
    newest = int.from_bytes(status[4:8], "little")
    blocks = [block for block in streamed(central).blocks if block.samples.t[0] > 1000]
    t = [float(at) for block in blocks for at in block.samples.t]
    assert t[0] < wrap_s < t[-1]
    assert all(b - a == pytest.approx(1 / RATE, rel=0.01) for a, b in pairwise(t))
    # and again from the ring, what is not older than a compact packet's numbers reach
    came = len(central.heard[STREAM])
    await central.ok(0x04, status[2:4] + struct.pack("<IH", newest - 400, 400))
    await until(lambda: len([p for p in central.heard[STREAM][came:] if p[1] & 128]) >= 400 / (1 if mtu == 23 else 18))
    again = [p for p in central.heard[STREAM][came:] if p[1] & 128]
    before = decode_all([Packet(0.0, Channel.STREAM, p) for p in [*central.heard[STREAM][:came], *again]])
    assert not before.errors
    answer = await central.request(0x04, status[2:4] + struct.pack("<IH", 0, 50))
    assert answer[0][0] == 7 if mtu == 23 else answer[0] == struct.pack("<BIH", 0, 0, 50) or newest > 1664


async def test_sample_numbers_that_run_out_begin_anew_with_a_boot(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    wearing = Wearing()
    await imu.feed(wearing.worn(20))
    # 2.6 years of lost samples
    imu.skip(2**32 - 120_000 - imu.next_frame)
    await imu.feed(wearing.worn(2))
    await asyncio.sleep(1)
    status = await central.status()
    # by the period as it was measured, in the strap's single precision
    assert int.from_bytes(status[4:8], "little") == pytest.approx(2**32 - 120_000 + 2 * RATE, abs=8_000)
    imu.skip(30_000)
    await imu.feed(wearing.worn(40))
    await until(lambda: strap.exit_code == START_AGAIN, what="it starts again before the numbers end")
    await strap.start()
    await imu.feed(wearing.worn(20))
    await until(lambda: not central.client.is_connected)
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL, LOG)
    status = await central.status()
    assert (status[2:4], status[34]) == (b"\x02\x00", 6)
    assert int.from_bytes(status[4:8], "little") == 20 * RATE
    boots = {int.from_bytes(r[7:9], "little") for r in await transferred(central) if r[0] == 0x18}
    assert boots == {1, 2}


def crc32c(data: bytes) -> int:
    """Checksum of an item of the settings (sequential-storage: Castagnoli, begun with 0xEEEEEEEE)."""
    crc = 0xEEEE_EEEE
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F6_3B78 if crc & 1 else 0)
    crc ^= 0xFFFF_FFFF
    return crc ^ 1 if crc & 0xFF in (0, 0xFF) else crc


def set_boot(flash: Path, now: int, then: int) -> None:
    """Change the boot counter in a flash file."""
    data = bytearray(flash.read_bytes())
    old, new = (b"\x01" + boot.to_bytes(2, "little") for boot in (now, then))
    at = data.index(crc32c(old).to_bytes(4, "little") + b"\x03\x00", 0, SETTINGS)
    assert data[at + 8 : at + 11] == old
    data[at : at + 4], data[at + 8 : at + 11] = crc32c(new).to_bytes(4, "little"), new
    flash.write_bytes(data)


async def test_the_boot_counter_wraps(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    wearing = Wearing()
    await (await bench.paired(laptop, strap)).close()
    await strap.pull_battery()
    set_boot(bench.folder / "flash1.bin", 1, 0xFFFD)
    for boot in (0xFFFE, 0xFFFF, 0, 1):
        await strap.start()
        await imu.feed(wearing.worn(20))
        await asyncio.sleep(1)
        central = await bench.connect(laptop, strap)
        assert int.from_bytes((await central.status())[2:4], "little") == boot
        await central.close()
        await strap.pull_battery()
    await strap.start()
    await imu.feed(wearing.worn(5))
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL, STREAM, LOG)
    status = await central.status()
    assert status[2:4] == b"\x02\x00"
    records = await transferred(central)
    boots = [int.from_bytes(r[7:9], "little") for r in records if r[0] == 0x18]
    assert list(dict.fromkeys(boots))[:4] == [0xFFFE, 0xFFFF, 0, 1]
    # a boot from before the wrap is older than this one: storing of it is no claim about the future
    await central.ok(0x08, struct.pack("<HI", 0xFFFE, 100))
    assert (await central.request(0x08, struct.pack("<HI", 3, 0)))[0] == b"\x04"
    assert (await central.request(0x04, struct.pack("<HIH", 0xFFFF, 0, 5)))[0][0] in (6, 7), "another boot's are gone"
    await central.start(18)
    await central.ok(0x04, status[2:4] + struct.pack("<IH", 0, 100))
    await until(lambda: any(p[0] == 0x11 and p[1] & 128 for p in central.heard[STREAM]))
    assert all(p[2:4] == b"\x02\x00" for p in central.heard[STREAM] if p[0] == 0x11)
