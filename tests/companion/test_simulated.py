from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from unslouch.link.simulated import SimulatedOptions, SimulatedStrap
from unslouch.link.wearer import Asked, movement_for
from unslouch.wire.decoder import decode_all
from unslouch.wire.layout import Kind
from unslouch.wire.source import Channel, Packet, PacketSource, SourceKind
from unslouch_signal.events import Side, Technique
from unslouch_signal.synth import RadioModel, scenarios
from unslouch_signal.synth.exercises import DoorwayHold, ExtensionHold, RotateTrunk

InOwnTime = Callable[[Coroutine[Any, Any, Any]], Any]
FAST = SimulatedOptions(speed=math.inf, start_utc=1000.0)


async def all_of(strap: SimulatedStrap) -> list[Packet]:
    return [packet async for packet in strap]


def test_it_is_a_source_of_packets():
    strap = SimulatedStrap()
    assert isinstance(strap, PacketSource)
    assert strap.info.kind is SourceKind.SIMULATED


async def test_the_stream_begins_with_an_anchor_and_holds_every_sample_once():
    packets = await all_of(SimulatedStrap(scenarios.demo(1), seed=1, options=FAST))
    assert packets[0].data[0] == Kind.ANCHOR.head
    assert {packet.channel for packet in packets} == {Channel.STREAM}
    decoded = decode_all(packets)
    assert decoded.errors == {}
    assert decoded.gaps == ()
    seq = np.concatenate([block.seq for block in decoded.blocks])
    assert seq.tolist() == list(range(len(seq)))
    assert len(seq) == 2 * (len(packets) - 1)


async def test_packets_arrive_after_their_newest_sample():
    packets = await all_of(SimulatedStrap(scenarios.seated_set(1, 2), seed=2, options=FAST))
    decoded = decode_all(packets)
    way = decoded.clock.arrival_s - 1000.0 - decoded.clock.t_us * 1e-6
    assert np.all(way > 0)
    assert np.all(way < 0.1)


async def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    first, again, other = [
        await all_of(SimulatedStrap(scenarios.seated_set(1, 3), seed=seed, options=FAST)) for seed in (3, 3, 4)
    ]
    assert first == again
    assert first != other


async def test_lost_packets_leave_holes_of_whole_packets():
    options = SimulatedOptions(speed=math.inf, samples_per_packet=6)
    radio = RadioModel(packet_samples=6, loss=0.2)
    packets = await all_of(SimulatedStrap(scenarios.demo(1), seed=1, options=options, radio=radio))
    decoded = decode_all(packets)
    assert decoded.errors == {}
    missing = sum(gap.missing for gap in decoded.gaps)
    total = missing + sum(len(block) for block in decoded.blocks)
    assert 0.1 < missing / total < 0.3
    assert all(gap.missing % 6 == 0 for gap in decoded.gaps)


async def test_raw_samples_are_sent_when_asked_for():
    options = SimulatedOptions(speed=math.inf, raw=True, duration_s=3.0)
    decoded = decode_all(await all_of(SimulatedStrap(seed=1, options=options)))
    block = decoded.blocks[0].samples
    assert block.quat is None
    assert block.gyr is not None
    assert block.acc is not None
    assert 9.0 < float(np.median(np.linalg.norm(block.acc, axis=1))) < 10.5


def test_time_passes_at_the_speed_asked_for(in_own_time: InOwnTime):
    async def seconds() -> float:
        clock = asyncio.get_running_loop().time
        begun = clock()
        await all_of(SimulatedStrap(seed=1, options=SimulatedOptions(speed=10.0, duration_s=5.0)))
        return clock() - begun

    assert in_own_time(seconds()) == pytest.approx(0.5, abs=0.05)


def test_it_can_be_held_and_let_go(in_own_time: InOwnTime):
    async def held() -> None:
        strap = SimulatedStrap(seed=1, options=SimulatedOptions(speed=50.0, duration_s=60.0))
        strap.set_paused(True)
        got: list[Packet] = []

        async def take() -> None:
            async for packet in strap:
                got.append(packet)  # noqa: PERF401  # looked at while it grows

        task = asyncio.create_task(take())
        await asyncio.sleep(0.1)
        assert got == []
        strap.set_paused(False)
        await asyncio.sleep(0.3)
        some = len(got)
        assert some > 50
        strap.set_paused(True)
        await asyncio.sleep(0.1)
        assert some <= len(got) <= some + 1
        some = len(got)
        await asyncio.sleep(5.0)
        assert len(got) == some
        await strap.aclose()
        await asyncio.wait_for(task, 1.0)

    in_own_time(held())


async def test_the_wearer_does_what_the_coach_asks_until_something_else_is_asked():
    strap = SimulatedStrap(
        scenarios.Scenario("sit", (scenarios.LEARN,)),
        seed=5,
        options=FAST,
        mounting=np.array([1.0, 0, 0, 0]),
        endless=True,
    )
    stream = aiter(strap)
    packets = [await anext(stream) for _ in range(600)]
    strap.ask("work", Technique.SEATED_ROTATION, Side.RIGHT, (math.radians(30), math.radians(40)))
    packets += [await anext(stream) for _ in range(1200)]
    strap.ask("rest", Technique.SEATED_ROTATION, Side.RIGHT, None)
    packets += [await anext(stream) for _ in range(900)]
    await strap.aclose()
    block = decode_all(packets).blocks[0].samples
    assert block.quat is not None
    w, x, y, z = block.quat.T
    heading = np.degrees(np.unwrap(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))))
    heading -= np.median(heading[:300])
    asked = heading[1200:3500]
    assert -42 < asked.min() < -30, "right is negative, and the middle of the zone is 35 deg"
    turns = np.count_nonzero(np.diff((asked < -20).astype(int)) == 1)
    assert turns >= 3
    assert abs(heading[-100:].mean()) < 8


def test_a_repetition_goes_to_the_middle_of_the_zone():
    zone = (math.radians(20), math.radians(30))
    rotate = movement_for(Asked("work", Technique.SUPINE_ROTATION, Side.LEFT, zone))
    assert isinstance(rotate, RotateTrunk)
    assert rotate.range_deg == pytest.approx(25)
    assert rotate.side is Side.LEFT
    extend = movement_for(Asked("work", Technique.EXTENSION, None, zone))
    assert isinstance(extend, ExtensionHold)
    assert extend.depth_deg == pytest.approx(25)
    doorway = movement_for(Asked("try-out", Technique.DOORWAY, Side.RIGHT, None))
    assert isinstance(doorway, DoorwayHold)
    assert doorway.side is Side.RIGHT
    assert doorway.hold_s < 10
    assert movement_for(Asked("work", None, None, None)) is None


async def test_a_buzz_is_flagged_in_the_samples():
    strap = SimulatedStrap(seed=1, options=SimulatedOptions(speed=math.inf, duration_s=10.0))
    stream = aiter(strap)
    packets = [await anext(stream) for _ in range(20)]
    strap.buzz(0.5)
    packets += [packet async for packet in stream]
    block = decode_all(packets).blocks[0].samples
    flagged = np.flatnonzero(block.flags & 1)
    assert 20 <= len(flagged) <= 30
