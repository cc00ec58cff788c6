# pyright: reportUnknownMemberType=false
# (pytest.approx is typed in part)
"""What the strap decides without a companion: cues as the companion would give them, silence, sleep."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest

from unslouch.link.gate import mount_values
from unslouch.link.radio.bench import CONTROL, LOG, STATUS, STREAM, Bench, Central, FedImu, Frame, Wearing, until
from unslouch.wire.control import Op, Request, encode_request
from unslouch.wire.decoder import decode_all
from unslouch.wire.source import Channel, Packet
from unslouch_signal.activity import ActivityDetector
from unslouch_signal.analysis import analyse_recording
from unslouch_signal.angles import ThoraxAngles
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import SlouchAlert
from unslouch_signal.grid import Grid
from unslouch_signal.slouch import SlouchDetector
from unslouch_signal.synth import SensorModel, scenarios, simulate

SHARP_PAIN, CUE, CUE_ENDED, CHARGER_ON, CHARGER_OFF, SLEEP, WAKE = 2, 5, 6, 7, 8, 11, 12
"""Events (docs/protocol.md, section 4.6)."""
UPRIGHT = bytes.fromhex("004000200010")
RATE = 52


async def lived(imu: FedImu, frames: Iterable[Frame]) -> None:
    """Feed samples at the pace at which they were taken."""
    chunk: list[Frame] = []
    for frame in frames:
        chunk.append(frame)
        if len(chunk) == RATE:
            await imu.feed(chunk)
            chunk.clear()
            await asyncio.sleep(1)
    await imu.feed(chunk)
    await asyncio.sleep(len(chunk) / RATE)


def events(central: Central, code: int) -> list[tuple[float, int]]:
    """Time, s, and value of the events of a kind that the stream told."""
    packets = [p for p in central.heard[STREAM] if p[:2] == bytes([0x16, code])]
    return [(int.from_bytes(p[14:20], "little") * 1e-6, int.from_bytes(p[2:4], "little")) for p in packets]


def alerts(central: Central, calibration: Calibration) -> list[float]:
    """When the companion's analysis of what was streamed gives a cue, s of the strap's clock."""
    decoded = decode_all([Packet(0.0, Channel.STREAM, packet) for packet in central.heard[STREAM]])
    assert not decoded.errors
    assert not decoded.gaps
    grid, angles = Grid(), ThoraxAngles(calibration)
    activity, slouch = ActivityDetector(), SlouchDetector(forward_known=calibration.forward_known)
    found: list[float] = []
    for block in decoded.blocks:
        track = angles.process(grid.process(block.samples))
        doing, _ = activity.process(track)
        said = slouch.process(track, doing, np.zeros(len(track), np.bool_))[1]
        found += [event.t for _, event in said if isinstance(event, SlouchAlert)]
    return found


@pytest.mark.parametrize("seed", [3, 8])
async def test_a_companions_calibration_makes_the_motor_run_when_the_companion_would_cue(
    bench: Bench, seed: int
) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(18)
    # worn anyhow: the mounting is random, and calibrated from what was streamed
    day = simulate(scenarios.desk_day(600.0, seed=seed), SensorModel(bias_dps=0.3), seed=seed)
    fused, raw = day.block_fused, day.block_raw
    assert fused is not None
    assert raw.acc is not None
    assert raw.gyr is not None
    calibration = analyse_recording(fused).calibration
    assert calibration is not None
    assert abs(calibration.mount[0]) < 0.99, "a mounting that is to be turned the right way"
    await central.write(encode_request(Request(Op.SET_MOUNT, 9, mount_values(calibration))))
    await until(lambda: b"\x93\x09\x00" in central.heard[CONTROL])
    frames = [(*map(float, acc), *map(float, gyr)) for acc, gyr in zip(raw.acc, raw.gyr, strict=True)]
    motor: list[float] = []

    async def listen() -> None:
        while True:
            line = await strap.lines.get()
            if line == "motor 80":
                motor.append(asyncio.get_running_loop().time())

    listening = asyncio.create_task(listen())
    began = asyncio.get_running_loop().time()
    await lived(imu, frames)  # pyright: ignore[reportArgumentType]
    await asyncio.sleep(2)
    listening.cancel()
    wanted = alerts(central, calibration)
    cues = [t for t, _ in events(central, CUE)]
    assert len(wanted) >= 2
    assert len(cues) == len(wanted)
    assert all(abs(a - b) <= 1.0 for a, b in zip(cues, wanted, strict=True)), (cues, wanted)
    # twice 150 ms, 150 ms apart, and at the time of the cue by the world's clock, too
    assert len(motor) == 2 * len(cues)
    assert all(b - a == pytest.approx(0.3, abs=0.05) for a, b in zip(motor[::2], motor[1::2], strict=True))
    first = next(iter(decode_all([Packet(0.0, Channel.STREAM, p) for p in central.heard[STREAM]]).blocks))
    for cue, ran in zip(cues, motor[::2], strict=True):
        assert ran - began == pytest.approx(cue - first.samples.t[0], abs=2.0)


async def test_snoozed_it_is_silent_and_who_still_slouches_then_is_told_at_once(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(18)
    await central.ok(0x13, b"\x03" + UPRIGHT + UPRIGHT)
    wearing = Wearing()
    await lived(imu, wearing.worn(5))
    await central.ok(0x16, (100).to_bytes(2, "little"))
    snoozed = asyncio.get_running_loop().time()
    # two slouches fall into the snooze; the first ends in it, the second outlives it
    for seconds, back in ((30, 20), (80, 0)):
        await lived(imu, wearing.bend(math.radians(20)))
        await lived(imu, wearing.worn(seconds))
        if back:
            assert events(central, CUE) == []
            await lived(imu, wearing.bend(math.radians(-20)))
            await lived(imu, wearing.worn(back))
    [(cued, direction)] = events(central, CUE)
    assert direction == 1
    assert cued == pytest.approx(snoozed - 1000.0 + 100, abs=3.0), (
        "at the end of the snooze, and not a quiet time later"
    )
    assert events(central, CUE_ENDED) == []
    # a swallowed cue starts no quiet time; one that was felt does
    await lived(imu, wearing.bend(math.radians(-20)))
    await lived(imu, wearing.worn(5))
    [(_, seconds)] = events(central, CUE_ENDED)
    assert seconds == pytest.approx(130 + 6 - 100 + 1, abs=6)
    await lived(imu, wearing.bend(math.radians(20)))
    await lived(imu, wearing.worn(60))
    (first, _), (second, _) = events(central, CUE)
    assert second - first == pytest.approx(60, abs=1.5)


async def test_sharp_pain_stops_the_motor_and_silences_the_strap_for_ten_minutes(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(18)
    await central.ok(0x0B, bytes([4, 60]))
    await central.ok(0x13, b"\x03" + UPRIGHT + UPRIGHT)
    wearing = Wearing()
    await lived(imu, wearing.worn(5))
    await lived(imu, wearing.bend(math.radians(20)))
    while not events(central, CUE):
        await lived(imu, wearing.worn(0.1))
    assert await asyncio.wait_for(strap.lines.get(), 1) == "motor 15"
    for _ in range(2):
        await strap.press(0.1)
        await asyncio.sleep(0.1)
    pain = asyncio.get_running_loop().time()
    told = [await asyncio.wait_for(strap.lines.get(), 1)]
    while told[-1] != "motor 0":
        told.append(await asyncio.wait_for(strap.lines.get(), 1))
    assert "motor 60" not in told, "the pattern was broken off before its strongest part"
    # another slouch begins in the silence, and is told when that is over
    await lived(imu, wearing.bend(math.radians(-20)))
    await lived(imu, wearing.worn(530))
    await lived(imu, wearing.bend(math.radians(20)))
    await lived(imu, wearing.worn(55))
    assert len(events(central, CUE)) == 1
    assert strap.lines.empty()
    await lived(imu, wearing.worn(20))
    assert len(events(central, CUE)) == 2
    assert asyncio.get_running_loop().time() - pain > 600


async def test_sharp_pain_while_nothing_buzzes_swallows_no_later_buzz(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(18)
    for _ in range(2):
        await strap.press(0.1)
        await asyncio.sleep(0.1)
    await until(lambda: events(central, SHARP_PAIN), what="sharp pain")
    assert strap.lines.empty(), "nothing ran that could be stopped"
    await central.ok(0x0C, bytes([3, 80]))
    assert await asyncio.wait_for(strap.lines.get(), 1) == "motor 80"
    began = asyncio.get_running_loop().time()
    assert await asyncio.wait_for(strap.lines.get(), 2) == "motor 0"
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.6, abs=0.05), "as long as it was asked for"


async def test_on_the_charger_it_sleeps_logs_nothing_and_says_so(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    wearing = Wearing()
    await lived(imu, wearing.worn(20))
    await central.close()
    await strap.type("charger on")
    await lived(imu, wearing.worn(60))
    scanned = await bench.find(laptop, strap)
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL, STREAM, LOG, STATUS)
    status = await central.status()
    assert status[1] & 4, "it says so"
    slept = int.from_bytes(status[4:8], "little")
    assert scanned.name
    # 20 s and the few until the charger is noticed; while it slept no period was counted
    assert 20 * RATE <= slept <= 27 * RATE
    await central.start(18)
    await lived(imu, wearing.worn(5))
    assert int.from_bytes((await central.status())[4:8], "little") - slept > 3 * RATE, "awake for who listens"
    await central.close()
    await lived(imu, wearing.worn(30))
    await strap.type("charger off")
    await lived(imu, wearing.worn(20))
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL, LOG)
    heard = central.heard[LOG]
    await central.ok(0x05, (1).to_bytes(4, "little") + b"\xff\xff\xff\xff")
    await until(lambda: heard and heard[-1][3:4] == b"\x1a", 20)
    records = [part[3:] for part in heard[:-1]]
    told = [(r[1], int.from_bytes(r[2:4], "little")) for r in records if r[0] == 0x16 and r[1] in range(7, 13)]
    assert [code for code, _ in told] == [CHARGER_ON, SLEEP, WAKE, SLEEP, WAKE, CHARGER_OFF] or [
        code for code, _ in told
    ] == [CHARGER_ON, SLEEP, WAKE, SLEEP, CHARGER_OFF, WAKE]
    assert all(value == 1 for code, value in told if code in (SLEEP, WAKE)), "the charger is why"
    seqs = [int.from_bytes(r[9:13], "little") for r in records if r[0] == 0x18]
    assert all(b > a for a, b in pairwise(seqs))
    at = {r[1]: int.from_bytes(r[10:14], "little") for r in records if r[0] == 0x16}
    on, off = at[CHARGER_ON], at[CHARGER_OFF]
    assert off - on > 3 * RATE
    assert not [seq for seq in seqs if on + 5 < seq < off - 5], "nothing is logged on the charger"
    assert [seq for seq in seqs if seq < on]
    assert [seq for seq in seqs if seq >= off - 5]
