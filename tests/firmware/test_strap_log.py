# pyright: reportPrivateUsage=false
# (a process is killed behind the bench's back)
"""Nothing the strap has taken is lost: by an outage, by a power cut, by a companion that came late."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import struct
import threading
import time
import zlib
from pathlib import Path

import pytest

from unslouch.link.radio.bench import CONTROL, LOG, STATUS, Bench, Central, Wearing, until

SETTINGS, SECTOR, SECTORS, SLOTS, HEADER, SLOT = 16 * 4096, 4096, 512, 16, 64, 252
"""Where the log lies in the file of the desktop process, and how it is laid out (firmware/core/src/log.rs)."""


def ids(status: bytes) -> tuple[int, int, int]:
    """Next id, oldest held, oldest unconfirmed."""
    return tuple(int.from_bytes(status[at : at + 4], "little") for at in (16, 20, 24))  # pyright: ignore[reportReturnType]


class Sync:
    """Puts fragments together; judges them as the protocol does."""

    def __init__(self, central: Central) -> None:
        self.central = central

    async def read(self, first: int, last: int = 0xFFFFFFFF, seconds: float = 20) -> tuple[list[bytes], bytes]:
        """Transfer records: they, and LOG_END."""
        heard = self.central.heard[LOG]
        heard.clear()
        await self.central.ok(0x05, struct.pack("<II", first, last))
        await until(lambda: heard and heard[-1][3:4] == b"\x1a", seconds, "the transfer does not end")
        records: list[bytes] = []
        parts: list[bytes] = []
        size = self.central.client.mtu_size - 3
        for fragment in heard:
            index, low_id = fragment[0] & 0x7F, fragment[1:3]
            assert index == len(parts)
            assert all(part[1:3] == low_id for part in parts)
            assert len(fragment) <= size
            parts.append(fragment)
            if fragment[0] & 0x80:
                records.append(b"".join(part[3:] for part in parts))
                parts = []
            else:
                assert len(fragment) == size, "only the last one may be short"
        return records[:-1], records[-1]


def record_id(record: bytes) -> int:
    """Id of a LOG, EVENT or TIME record."""
    at = {8: 3, 6: 4, 9: 2}[record[0] & 15]
    return int.from_bytes(record[at : at + 4], "little")


def samples(records: list[bytes], boot: int) -> list[int]:
    """Numbers of the samples of a boot in LOG records."""
    found: list[int] = []
    for record in records:
        if record[0] == 0x18 and int.from_bytes(record[7:9], "little") == boot:
            first, step = int.from_bytes(record[9:13], "little"), record[2]
            n = (len(record) - 21) // 11 * 2 + ((len(record) - 21) % 11) // 6
            found += range(first, first + n * step, step)
    return found


@pytest.mark.parametrize("mtu", [23, 247])
async def test_what_was_worn_unconnected_comes_whole(bench: Bench, mtu: int) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    await imu.feed(Wearing().worn(60))
    central = await bench.paired(await bench.laptop(mtu=mtu), strap)
    status = await central.read(STATUS)
    newest, oldest, unconfirmed = ids(status)
    assert oldest == unconfirmed == 1
    await central.start()
    records, end = await Sync(central).read(1)
    assert [record_id(record) for record in records] == list(range(1, newest))
    found = samples(records, 1)
    assert found == list(range(0, found[-1] + 1, 5)), "10.4 Hz without a hole"
    assert len(found) >= 600
    assert end == bytes([0x1A, 0]) + struct.pack("<III", 1, newest, newest - 1)
    assert {record[1] for record in records if record[0] == 0x16} == {4, 17}, "boot, and the pairing window"


async def test_confirming_releases_and_stored_releases_what_came_live_alone(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    wearing = Wearing()
    await imu.feed(wearing.worn(20))
    central = await bench.paired(await bench.laptop(), strap)
    boot = (await central.read(STATUS))[2:4]
    await central.start(18)
    # the boot's event was never sent to anybody: STORED, whatever it claims, must not release it
    held = int.from_bytes(await central.ok(0x08, boot + struct.pack("<I", 1000)), "little")
    assert held == 1
    newest = ids(await central.read(STATUS))[0]
    records, _ = await Sync(central).read(1)
    held = int.from_bytes(await central.ok(0x07, struct.pack("<I", newest - 1)), "little")
    assert held == newest
    # from here on all comes live
    await imu.feed(wearing.worn(20))
    await strap.press()
    await until(lambda: any(packet[:2] == b"\x16\x01" for packet in central.heard[2]))
    await asyncio.sleep(0.6)
    newest = ids(await central.read(STATUS))[0]
    stored = int.from_bytes((await central.read(STATUS))[4:8], "little") - 1
    held = int.from_bytes(await central.ok(0x08, boot + struct.pack("<I", stored)), "little")
    assert held == newest, "samples, event and all"
    assert records


async def test_one_transfer_at_a_time_and_it_can_be_stopped(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    await imu.feed(Wearing().worn(1200))
    central = await bench.paired(await bench.laptop(mtu=23), strap)
    await central.ok(0x05, struct.pack("<II", 1, 0xFFFFFFFF))
    assert (await central.request(0x05, struct.pack("<II", 1, 2)))[0] == b"\x05"
    await central.ok(0x06)
    await until(lambda: central.heard[LOG] and central.heard[LOG][-1][3:4] == b"\x1a")
    end = central.heard[LOG][-1][3:]
    first, after, sent = struct.unpack("<III", end[2:14])
    assert (first, after - 1) == (1, sent)
    assert sent < ids(await central.read(STATUS))[0] - 1
    records, _ = await Sync(central).read(1, 3)
    assert [record_id(record) for record in records] == [1, 2, 3]


async def test_power_cuts_at_random_moments_lose_no_stored_record(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(1200)))
    laptop = await bench.laptop()
    central: Central | None = await bench.paired(laptop, strap)
    known: dict[int, bytes] = {}
    moments = random.Random(20261122)
    before, boots = 0, 1
    for cut in range(1, 31):
        if central is not None:
            before = ids(await central.read(STATUS))[0]
        # stepped time runs as fast as the process works: a cut in real time finds it in the middle of something
        process = strap._process
        assert process is not None
        killer = threading.Timer(moments.uniform(0, 0.12), os.kill, (process.pid, signal.SIGKILL))
        killer.start()
        await until(lambda: strap.exit_code is not None, 10_000)
        killer.join()
        await strap.pull_battery()
        await strap.start()
        boots += 1
        if central is not None:
            await until(lambda central=central: not central.client.is_connected)
        central = None
        if cut % 3:
            continue  # the next cut may hit the start itself
        central = await bench.connect(laptop, strap)
        await central.subscribe(CONTROL, LOG)
        status = await central.read(STATUS)
        assert int.from_bytes(status[2:4], "little") == boots, "the boot counter counts every start"
        newest, oldest, _ = ids(status)
        assert newest >= before, "what STATUS called stored is stored"
        assert (status[38], status[1] & 128) == (1, 0)
        records, _ = await Sync(central).read(oldest, newest - 1)
        for record in records:
            assert known.setdefault(record_id(record), record) == record, "a record never changes"
        assert [record_id(record) for record in records] == list(range(oldest, newest)), f"cut {cut}"
    assert len(known) > boots, "every start left its event"
    assert any(record[0] == 0x18 for record in known.values())


async def test_eight_straps_at_once(bench: Bench) -> None:
    wearing = Wearing()
    source = bench.csv(wearing.worn(120))
    straps = [await bench.strap(source, seed=number) for number in range(1, 9)]
    assert len({strap.address for strap in straps}) == 8
    centrals = [await bench.paired(await bench.laptop(number), strap) for number, strap in enumerate(straps)]
    for central in centrals:
        await central.start(2)
    await asyncio.sleep(3)
    for central in centrals:
        await central.ok(0x02)
        seqs: list[int] = []
        for packet in central.heard[2]:
            if packet[0] == 0x11:
                first = int.from_bytes(packet[4:8], "little")
                seqs += range(first, first + (len(packet) - 16) // 12)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert len(seqs) > 100


def full_log(path: Path, records: int, boot: int = 0) -> None:
    """A flash file whose log holds eight hours of one earlier boot, as the strap would have written it."""
    flash = bytearray(b"\xff" * (SETTINGS + SECTORS * SECTOR))
    pair = (0x200_0800_2000 | 0x200_0800_2000 << 44).to_bytes(11, "little")
    for k in range(records):
        sector, slot = divmod(k, SLOTS)
        at = SETTINGS + sector * SECTOR
        if slot == 0:
            head = struct.pack("<III", 0x3147_4C55, sector + 2, k + 1)
            flash[at : at + 16] = head + struct.pack("<I", zlib.crc32(head))
        t = (k * 200 * 19230).to_bytes(6, "little")
        record = (
            bytes([0x18, 0, 5]) + struct.pack("<IHI", k + 1, boot, k * 200) + t + struct.pack("<H", 9615) + pair * 20
        )
        body = struct.pack("<IB", k + 1, len(record)) + record
        at += HEADER + slot * SLOT
        flash[at : at + 4 + len(body)] = struct.pack("<I", zlib.crc32(body)) + body
    path.write_bytes(flash)


async def test_eight_hours_come_within_a_minute(bench: Bench) -> None:
    records = 7488
    full_log(bench.folder / "flash1.bin", records)
    began = time.monotonic()
    strap = await bench.strap(bench.csv(Wearing().worn(200)))
    assert time.monotonic() - began < 60, "a full log is not read record by record before it opens"
    central = await bench.paired(await bench.laptop(), strap)
    assert ids(await central.read(STATUS))[1:] == (1, 1)
    await central.start(18)
    link = next(iter(central.laptop.device.connections.values()))
    await link.update_parameters(30, 30, 0, 4000)
    began = time.monotonic()
    got, end = await Sync(central).read(1, records, seconds=400)
    took = time.monotonic() - began
    print(f"8 h of log: {took:.1f} s")
    assert len(got) == records
    assert [record_id(record) for record in got] == list(range(1, records + 1))
    assert struct.unpack("<III", end[2:14]) == (1, records + 1, records)
    assert took < 300  # 60 s on a quiet machine: benchmarks judge it
    seqs = [int.from_bytes(p[4:8], "little") for p in central.heard[2] if p[0] == 0x11]
    assert all(b - a == 18 for a, b in itertools.pairwise(seqs)), "the live stream went on meanwhile"
