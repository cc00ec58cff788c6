"""Faults on the air and at its edge: whatever the radio does, every sample is there once, and none that never was."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import numpy as np
import pytest
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason

from unslouch.errors import Reason
from unslouch.link.radio.medium import Corrupted
from unslouch.link.radio.scripted import Script
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.wire.control import Op

PLAIN = StrapOptions()


async def test_the_smallest_mtu(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap, mtu=None)
    await companion.strap.until_streaming()
    assert companion.strap.connection.mtu == 23
    await asyncio.sleep(10)
    await companion.whole()
    companion.assert_whole()
    assert companion.decoded.errors == {}
    assert companion.reasons == []


@pytest.mark.parametrize("mtu", [247, None])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_fifth_is_lost_and_some_comes_twice(world: Any, seed: int, mtu: int | None) -> None:
    strap = await world.strap()
    companion = await world.companion(strap, mtu=mtu)
    await companion.strap.until_streaming()
    world.faults(seed, lost=0.2, twice=0.05)
    await asyncio.sleep(20)
    world.clear()
    await companion.whole(60)
    await companion.close()
    assert companion.strap.ledger.resent > 100
    companion.assert_whole()


async def test_packets_that_arrive_late_and_out_of_order(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    chance = random.Random(4)

    def late(_from: Any, _to: Any, pdu: bytes) -> list[tuple[float, bytes]] | None:
        return [(chance.choice([0.0, 0.0, 0.3, 0.9]), pdu)] if pdu[0] == 0x1B else None

    world.bench.medium.fault = late
    await asyncio.sleep(20)
    world.clear()
    await companion.whole(60)
    await companion.close()
    companion.assert_whole()


async def test_a_corrupted_packet_is_sent_again_by_the_radio(world: Any) -> None:
    """What fails the radio's checksum is acknowledged by nobody and sent again: late, never wrong."""
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    world.bench.medium.corrupted = Corrupted(random.Random(5), crc=0.3)
    await asyncio.sleep(20)
    world.bench.medium.corrupted = None
    await companion.whole(60)
    await companion.close()
    assert companion.reasons == []
    companion.assert_whole()
    assert companion.decoded.errors == {}


async def test_corruption_that_the_checksum_misses_ends_the_encrypted_link(world: Any) -> None:
    """A wrong MIC ends the link on the spot (Vol 6, Part B, 5.1.3.1): nothing of it reaches the host."""
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    for _ in range(5):
        await asyncio.sleep(3)
        world.bench.medium.corrupted = Corrupted(random.Random(6), mic=1.0)
        await companion.until(lambda: companion.strap.connection is None, 10)
        world.bench.medium.corrupted = None
        await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)
    await companion.whole(60)
    await companion.close()
    assert companion.reasons.count(Reason.LINK_LOST) >= 5
    companion.assert_whole()
    assert companion.decoded.errors == {}


async def test_flipped_bits_that_no_radio_would_pass_stay_out_of_the_count(world: Any) -> None:
    """A broken driver below, whose bits flip above the radio's checks."""
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    world.faults(3, broken=0.1)
    await asyncio.sleep(10)
    world.clear()
    await asyncio.sleep(2)
    await companion.whole(60)
    taken = companion.strap.ledger.position()
    assert taken.boot == 1
    newest = companion.last_seq(1)
    assert taken.seq <= newest + 8, "nothing is confirmed that was never taken"
    times = np.concatenate([block.samples.t for block in companion.decoded.blocks if block.boot == 1])
    assert np.all(np.diff(times) > 0)


async def test_range_is_lost_and_found_a_hundred_times(world: Any) -> None:
    strap = await world.strap(1200)
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    chance = random.Random(8)
    for k in range(100):
        world.bench.medium.mute(world.chip(strap))
        await asyncio.sleep(chance.choice([0.05, 0.4, 1.9, 2.3, 4.6, 9.0]) if k else 4.6)
        world.bench.medium.unmute(world.chip(strap))
        await asyncio.sleep(chance.uniform(0.1, 3.0))
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)
    await companion.whole(60)
    await companion.close()
    assert (
        {Reason.SILENT}
        <= set(companion.reasons)
        <= {
            Reason.SILENT,
            Reason.LINK_LOST,
            Reason.NOT_IN_RANGE,
            Reason.TIMEOUT,
        }
    )
    assert len(companion.reasons) > 30
    # what was away for longer than the ring holds comes from the log
    companion.assert_covered()
    assert sum(len(b.seq) for b in companion.decoded.blocks if b.content == "fused") > 0.7 * companion.last_seq(1)


async def test_out_of_range_is_said_with_what_to_do(world: Any) -> None:
    strap = await world.strap()
    await asyncio.sleep(1)
    world.bench.medium.mute(world.chip(strap))
    companion = await world.companion(strap)
    status = await companion.told(Reason.NOT_IN_RANGE)
    assert "charged" in status.advice
    world.bench.medium.unmute(world.chip(strap))
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 30)


async def test_a_stream_that_is_silent_for_two_seconds_is_a_lost_link(air: Any) -> None:
    script = Script()
    strap = await air.script(script)
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    script.silent = True
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await companion.told(Reason.SILENT)
    assert 1.9 < loop.time() - begun < 2.3
    script.silent = False
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 30)
    await companion.whole()
    companion.assert_whole()


async def test_a_strap_that_rests_may_be_silent(air: Any) -> None:
    script = Script(status={"state": 1 | 2})
    strap = await air.script(script)
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    script.silent = True
    await asyncio.sleep(60)
    assert companion.reasons == []
    await companion.told(Reason.SILENT, 20)


async def test_economy_is_silent_twice_as_long(air: Any) -> None:
    script = Script()
    strap = await air.script(script)
    companion = await air.companion(strap, StrapOptions(samples=18, economy=True))
    await companion.strap.until_streaming()
    script.silent = True
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await companion.told(Reason.SILENT)
    assert 3.6 < loop.time() - begun < 4.3


async def test_an_adapter_that_vanishes_and_returns(world: Any) -> None:
    strap = await world.strap()
    await world.companion(strap)  # makes the laptop
    scanner, client = world.bench._backends[world.laptops[0]]
    gone = False

    class Pulled(scanner):  # type: ignore[misc, valid-type]
        async def start(self) -> None:
            if gone:
                reason = BleakBluetoothNotAvailableReason.POWERED_OFF
                raise BleakBluetoothNotAvailableError("no adapter", reason)
            await super().start()

    world.companions.pop().kill()
    companion = await world.companion(strap, backends=(Pulled, client))
    await companion.strap.until_streaming()
    gone = True
    world.bench.medium.mute(world.laptops[0].controller)
    status = await companion.told(Reason.ADAPTER_OFF)
    assert "Bluetooth" in status.advice
    gone = False
    world.bench.medium.unmute(world.laptops[0].controller)
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING)
    await companion.whole()
    companion.assert_whole()


async def test_requests_reach_the_strap_while_it_streams(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    companion.strap.buzz(0.3)
    line = ""
    while not line.startswith("motor "):
        line = await asyncio.wait_for(strap.lines.get(), 3)
    assert int(line.split()[1]) > 0


async def test_two_requests_at_once_take_turns(air: Any) -> None:
    strap = await air.script()
    companion = await air.companion(strap, PLAIN)
    connection = await companion.strap.until_streaming()
    strap.asked.clear()
    answers = await asyncio.gather(*(connection.request(Op.MARK, {"value": n}) for n in range(20)))
    assert [answer.values["id"] for answer in answers] == [1] * 20
    assert [request.values["value"] for request in strap.asked if request.op is Op.MARK] == list(range(20))


async def test_what_a_log_sample_stands_for_is_stored_before_the_strap_may_forget_it(air: Any) -> None:
    strap = await air.script()
    companion = await air.companion(strap, StrapOptions())
    await companion.until(lambda: any(request.op is Op.STORED for request in strap.asked), 30)
    told = next(request.values["seq"] for request in strap.asked if request.op is Op.STORED)
    kept = companion.strap.mark().seq
    stored = companion.strap._confirmations.stored
    assert stored is not None
    # a record ends with every fifth sample, and goes when that one is told: the four after it lie nowhere else
    assert told + 5 <= stored.seq <= kept
    assert told > 300
