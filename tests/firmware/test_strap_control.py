# pyright: reportUnknownMemberType=false
# (pytest.approx is typed in part)
"""Every request, good and bad: the answer of the protocol, and nothing changed by what was refused."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from bleak.exc import BleakGATTProtocolError

from unslouch.link.radio.bench import (
    CALIBRATION,
    CONTROL,
    STATUS,
    STREAM,
    Bench,
    Central,
    Frame,
    Wearing,
    until,
)

OK, WORKING, BAD_LENGTH, UNKNOWN_OP, OUT_OF_RANGE, BUSY, NOT_NOW, GONE = range(8)
FAILED = 10
DEG = math.pi / 180


@pytest.fixture
def vectors(repository: Path) -> dict[str, Any]:
    """What firmware and companion agree on."""
    return json.loads((repository / "tests" / "vectors" / "control.json").read_text())


async def calm(bench: Bench) -> Central:
    """A paired central of a worn strap."""
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    return await bench.paired(await bench.laptop(), strap)


async def test_what_is_refused_changes_nothing(bench: Bench, vectors: dict[str, Any]) -> None:
    central = await calm(bench)
    calibration, gate = await central.read(CALIBRATION), await central.ok(0x0A)
    before = await central.read(STATUS)
    for case in vectors["refused"]:
        request, answer = bytes.fromhex(case["hex"]), bytes.fromhex(case["answer"])
        central.heard[CONTROL].clear()
        await central.write(request)
        await until(lambda: central.heard[CONTROL], what=case["hex"])
        assert central.heard[CONTROL] == [answer], case["hex"]
    after = await central.read(STATUS)
    refused = len(vectors["refused"])
    assert int.from_bytes(after[58:60], "little") - int.from_bytes(before[58:60], "little") == refused
    assert (await central.read(CALIBRATION), await central.ok(0x0A)) == (calibration, gate)
    same = [0, 1, 2, 3, 14, 15, *range(16, 28), *range(32, 36), 38, 39, *range(40, 44), 48, 49, 50, 56, 57]
    assert [before[at] for at in same] == [after[at] for at in same]


async def test_longer_than_any_request_and_random_bytes_are_survived(bench: Bench) -> None:
    central = await calm(bench)
    for length in (20, 21, 64, 200):
        central.heard[CONTROL].clear()
        try:
            await central.write(b"\x01\x05" + bytes(length - 2))
        except BleakGATTProtocolError:
            continue  # longer than the attribute
        await until(lambda: central.heard[CONTROL])
        assert central.heard[CONTROL][0][2] in (BAD_LENGTH, UNKNOWN_OP)
    state = 12345
    for _ in range(300):
        request = bytearray()
        for _ in range(state % 18):
            state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            request.append(state >> 33 & 0xFF)
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        if bytes(request[:1]) in (b"\x0f", b"\x17"):
            continue  # forgets this central, or restarts
        await central.write(bytes(request))
    assert len(await central.read(STATUS)) == 60


async def test_without_a_subscription_there_is_no_answer_to_give(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    central = await bench.connect(await bench.laptop(), strap)
    await central.client.pair()
    with pytest.raises(BleakGATTProtocolError) as refused:
        await central.write(b"\x02\x01")
    assert refused.value.code == 0xFD


async def test_settings_are_answered_kept_and_survive_a_power_cut(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    gate = struct.pack("<B8H", 0x07, 1500, 900, 1400, 800, 1000, 600, 200, 120)
    await central.ok(0x09, gate)
    assert await central.ok(0x0A) == gate
    await central.ok(0x0B, bytes([3, 55]))
    mount = bytes.fromhex("004000200010")
    await central.ok(0x13, b"\x03" + mount + mount)
    await central.ok(0x16, (300).to_bytes(2, "little"))
    status = await central.read(STATUS)
    assert status[35] & (2 | 32 | 64) == 2 | 32 | 64
    assert 298 <= int.from_bytes(status[56:58], "little") <= 300
    await asyncio.sleep(0.2)
    await strap.pull_battery()
    await strap.start()
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL)
    assert await central.ok(0x0A) == gate
    status = await central.read(STATUS)
    assert status[35] & (2 | 32 | 64) == 2 | 32, "mount kept, snooze not"
    await central.ok(0x13, bytes(13))
    assert not (await central.read(STATUS))[35] & 32


async def test_time_marker_mode_snooze_and_motor(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    central = await bench.paired(await bench.laptop(), strap)
    await central.start()
    assert not (await central.read(STATUS))[1] & 64
    taken = int.from_bytes(await central.ok(0x0D, int(time.time() * 1e6).to_bytes(8, "little")), "little")
    status = await central.read(STATUS)
    assert status[1] & 64
    assert 0 <= int.from_bytes(status[8:14], "little") - taken < 2_000_000
    marker = int.from_bytes(await central.ok(0x0E, (777).to_bytes(2, "little")), "little")
    await until(lambda: any(p[:4] == b"\x16\x03\x09\x03" for p in central.heard[STREAM]))
    event = next(p for p in central.heard[STREAM] if p[:2] == b"\x16\x03")
    assert int.from_bytes(event[4:8], "little") == marker
    await central.ok(0x03, b"\x01")
    assert (await central.read(STATUS))[33] == 1
    link = next(iter(central.laptop.device.connections.values()))
    await until(lambda: link.parameters.connection_interval >= 120 and link.parameters.peripheral_latency == 4, 5)
    # a resend or a transfer is carried at low latency, whatever the mode; afterwards the link goes back
    await central.ok(0x05, struct.pack("<II", 1, 0xFFFFFFFF))
    await until(lambda: link.parameters.connection_interval <= 30 and link.parameters.peripheral_latency == 0, 5)
    await until(lambda: link.parameters.connection_interval >= 120, 8, "back to economy")
    await central.ok(0x0C, bytes([1, 40]))
    assert [await asyncio.wait_for(strap.lines.get(), 3) for _ in range(2)] == ["motor 40", "motor 0"]


async def test_four_requests_wait_and_the_next_is_told_busy(bench: Bench) -> None:
    central = await calm(bench)
    for tag in range(20):
        await central.write(bytes([0x0A, tag]))
    await until(lambda: len(central.heard[CONTROL]) >= 20)
    statuses = {answer[1]: answer[2] for answer in central.heard[CONTROL]}
    assert set(statuses.values()) <= {OK, BUSY}
    assert statuses[0] == OK


async def test_forgetting_and_restarting(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    await central.ok(0x17, b"\x00")
    await until(lambda: strap.exit_code == 75, what="it asks to be started again")
    await strap.start()
    await until(lambda: not central.client.is_connected)
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL)
    status = await central.read(STATUS)
    assert (status[2], status[34]) == (2, 6), "second start, as requested"
    await central.ok(0x0F, b"\x00")
    await until(lambda: not central.client.is_connected, 5, "forgotten, it is sent away")


async def test_a_panic_leaves_its_reason_to_the_next_connection(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    assert await central.ok(0x14, b"\x00\x00") == b"\x00\x00"
    assert (await central.request(0x14, b"\x01\x00"))[0] == bytes([OUT_OF_RANGE])
    await strap.type("panic die Wächterin schläft")
    await until(lambda: strap.exit_code == 101)
    for _ in range(2):  # kept until it was cleared, over further power cuts
        await strap.pull_battery()
        await strap.start()
        await asyncio.sleep(0.5)  # "ready" comes before the words are in flash
    await until(lambda: not central.client.is_connected)
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL)
    assert (await central.read(STATUS))[35] & 1
    text, total = b"", 1
    while len(text) < total:
        results = await central.ok(0x14, len(text).to_bytes(2, "little"))
        total = int.from_bytes(results[:2], "little")
        text += results[2:]
    assert "die Wächterin schläft" in text.decode()
    await central.ok(0x15)
    assert not (await central.read(STATUS))[35] & 1
    assert await central.ok(0x14, b"\x00\x00") == b"\x00\x00"


async def test_low_battery_saves_and_stops(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(600)))
    central = await bench.paired(await bench.laptop(), strap)
    await central.start()
    await strap.type("battery 3690")
    await until(lambda: (central.heard[STATUS] or [bytes(20)])[-1][14] == 12, 20, "percent by the curve")
    await strap.type("battery 3250")
    await until(lambda: any(p[:2] == b"\x16\x0d" for p in central.heard[STREAM]), 30, "it says why it stops")
    await until(lambda: strap.exit_code == 0, 20)
    await strap.start()
    central = await bench.connect(central.laptop, strap)
    assert (await central.read(STATUS))[34] == 7


def turned(seconds: float, axis: int, rate: float, matrix: list[list[float]], wearing: Wearing) -> list[Frame]:
    """Frames of a strap that turns about an axis, its gyroscope showing `matrix` times the rate."""
    frames: list[Frame] = []
    for frame in wearing.table(seconds):
        shown = [matrix[row][axis] * rate for row in range(3)]
        frames.append((*frame[:3], frame[3] + shown[0], frame[4] + shown[1], frame[5] + shown[2]))
    return frames


def parse_calibration(data: bytes) -> tuple[int, int, list[float]]:
    """Measured bits, quality, the 24 floats."""
    assert zlib.crc32(data[:96]) == int.from_bytes(data[96:], "little")
    return data[1], data[10], list(struct.unpack("<21f", data[12:96]))


async def test_calibrations_measure_what_is_wrong_with_the_sensor(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap, CONTROL, STREAM, CALIBRATION)
    await central.start(18)
    wearing = Wearing(bias=(0.02, -0.01, 0.005))

    async def working(op: int, arguments: bytes, frames: list[Frame]) -> int:
        before = len(central.heard[CONTROL])
        asked = asyncio.create_task(central.request(op, arguments, answers=2))
        await until(lambda: len(central.heard[CONTROL]) > before)
        await imu.feed(frames)
        first, second = await asked
        assert first == bytes([WORKING])
        return second[0]

    await imu.feed(wearing.table(2))
    # moved: failed, and nothing was changed
    moved = [*wearing.table(4), *wearing.bend(0.4), *wearing.table(8)]
    assert await working(0x10, b"", moved) == FAILED
    assert parse_calibration(await central.read(CALIBRATION))[0] == 0
    assert await working(0x10, b"", list(wearing.table(11))) == OK
    bits, quality, values = parse_calibration(await central.read(CALIBRATION))
    assert (bits, quality) == (1, 50)
    assert values[:3] == pytest.approx([0.02, -0.01, 0.005], abs=2e-4)
    assert all(sd < 1e-3 for sd in values[3:6])
    await until(lambda: central.heard[CALIBRATION] == [b"\x1d"], what="read it again")
    await until(lambda: any(p[:4] == b"\x16\x10\x00\x00" for p in central.heard[STREAM]))
    # one at a time, and an end needs a beginning
    assert (await central.request(0x11, struct.pack("<BBi", 2, 1, 36000)))[0] == bytes([NOT_NOW])
    await imu.feed(wearing.table(20))
    skewed = [[1.02, 0.0, 0.004], [0.0, 0.99, -0.003], [0.0, 0.0, 1.03]]
    for axis in range(3):
        assert await working(0x11, struct.pack("<BBi", axis, 0, 0), list(wearing.table(0.1))) == OK
        other = (axis + 1) % 3
        assert (await central.request(0x11, struct.pack("<BBi", other, 1, 36000)))[0] == bytes([NOT_NOW])
        assert (await central.request(0x10))[0] == bytes([BUSY])
        await imu.feed(turned(8, axis, -45 * DEG, skewed, wearing))
        assert await working(0x11, struct.pack("<BBi", axis, 1, -36000), list(wearing.table(0.1))) == OK
        await imu.feed(wearing.table(20))
    bits, quality, values = parse_calibration(await central.read(CALIBRATION))
    assert (bits, quality) == (3, 85)
    inverse = [[1 / 1.02, 0, -0.004 / 1.02 / 1.03], [0, 1 / 0.99, 0.003 / 0.99 / 1.03], [0, 0, 1 / 1.03]]
    assert values[6:15] == pytest.approx([x for row in inverse for x in row], abs=1.5e-3)
    # cancelled, and an angle that was not turned
    assert await working(0x11, struct.pack("<BBi", 0, 0, 0), list(wearing.table(0.1))) == OK
    assert await working(0x11, struct.pack("<BBi", 0, 2, 0), list(wearing.table(0.1))) == OK
    assert await working(0x11, struct.pack("<BBi", 0, 0, 0), list(wearing.table(0.1))) == OK
    assert await working(0x11, struct.pack("<BBi", 0, 1, 36000), list(wearing.table(0.1))) == FAILED
    assert parse_calibration(await central.read(CALIBRATION))[2] == values
    # six faces, one of them the wrong way round at first
    wearing.flexion = 0.0
    for face in range(6):
        axis, sign = face // 2, 1 - 2 * (face % 2)
        offset, scale = (0.05, -0.04, 0.1)[axis], (0.99, 1.01, 1.005)[axis]

        def lying(sign: int, axis: int = axis, offset: float = offset, scale: float = scale) -> list[Frame]:
            frames: list[Frame] = []
            for frame in wearing.table(4):
                acc = [frame[0], frame[1], frame[2] - 9.80665]
                acc[axis] += sign * 9.80665 / scale + offset
                frames.append((acc[0], acc[1], acc[2], *frame[3:]))
            return frames

        if face == 3:
            assert await working(0x12, bytes([face]), lying(-sign)) == FAILED
        assert await working(0x12, bytes([face]), lying(sign)) == OK
    bits, quality, values = parse_calibration(await central.read(CALIBRATION))
    assert (bits, quality) == (7, 100)
    assert values[15:18] == pytest.approx([0.05, -0.04, 0.1], abs=5e-3)
    assert values[18:21] == pytest.approx([0.99, 1.01, 1.005], abs=1e-3)
    kept = await central.read(CALIBRATION)
    await asyncio.sleep(0.3)
    await strap.pull_battery()
    await strap.start()
    await until(lambda: not central.client.is_connected)
    again = await bench.connect(laptop, strap)
    assert await again.read(CALIBRATION) == kept
    status = await again.read(STATUS)
    assert (status[35] & 28, int.from_bytes(status[48:50], "little"), status[50]) == (28, 1, 100)


async def test_a_calibration_ends_with_its_central(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    wearing = Wearing()
    await imu.feed(wearing.table(2))
    assert (await central.request(0x10))[0] == bytes([WORKING])
    assert (await central.request(0x10))[0] == bytes([BUSY])
    await imu.feed(wearing.table(2))
    await central.close()
    await imu.feed(wearing.table(1))
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL)
    await imu.feed(wearing.table(12))
    await asyncio.sleep(0.3)
    assert central.heard[CONTROL] == []
    assert parse_calibration(await central.read(CALIBRATION))[0] == 0
    assert (await central.request(0x10))[0] == bytes([WORKING])


async def test_log_requests_are_judged(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    central = await bench.paired(await bench.laptop(), strap)
    status = await central.read(STATUS)
    newest = int.from_bytes(status[16:20], "little")
    assert (await central.request(0x07, (newest + 1000).to_bytes(4, "little")))[0] == bytes([OUT_OF_RANGE])
    boot = int.from_bytes(status[2:4], "little")
    assert (await central.request(0x08, struct.pack("<HI", boot, 0xFFFFFFFF)))[0] == bytes([OUT_OF_RANGE])
    assert (await central.request(0x08, struct.pack("<HI", boot + 1, 0)))[0] == bytes([OUT_OF_RANGE])
    assert (await central.request(0x05, struct.pack("<II", newest + 5000, 0xFFFFFFFF)))[0] == bytes([GONE])
    await central.ok(0x06)
    await central.ok(0x07, (newest - 1).to_bytes(4, "little"))
    assert (await central.request(0x05, struct.pack("<II", 1, newest - 1)))[0] == bytes([GONE])
