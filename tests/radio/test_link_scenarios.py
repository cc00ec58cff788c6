"""The shipped link against the real firmware over the virtual radio: nothing is lost, whatever the radio does."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason

from unslouch.errors import LinkError, Reason
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.wire.control import Op

NO_PAIRING = StrapOptions()


def assert_whole(companion: Any, boot: int = 1, first: int = 0) -> None:
    """Every sample of a boot once, at full rate, in order."""
    decoded = companion.decoded
    seqs = [s for block in decoded.blocks if block.boot == boot and block.content != "orientation" for s in block.seq]
    assert seqs, "no samples"
    assert seqs == list(range(first, first + len(seqs)))


async def test_pairs_streams_and_comes_back_with_the_bond(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    await companion.whole()
    phases = [one.phase for one in companion.said]
    assert phases[:5] == [Phase.SEARCHING, Phase.CONNECTING, Phase.PAIRING, Phase.STARTING, Phase.STREAMING]
    assert companion.strap.info.device[0] == ("manufacturer", "unslouch")
    await companion.close()
    assert_whole(companion)

    again = await world.companion(strap, NO_PAIRING, start=companion.strap.mark())
    await again.strap.until_streaming()
    assert Phase.PAIRING not in [one.phase for one in again.said]
    await again.whole()
    first = companion.strap.mark().seq
    await again.close()
    assert_whole(again, first=first)  # not a sample twice, none between


async def test_a_closed_pairing_window_is_said(world: Any) -> None:
    strap = await world.strap()
    owner = await world.companion(strap)
    connection = await owner.strap.until_streaming()
    await connection.demand(Op.PAIRING, {"seconds": 0})
    await owner.close()
    companion = await world.companion(strap, laptop=1)
    with pytest.raises(LinkError) as told:
        await companion.strap.until_streaming(10)
    assert told.value.reason is Reason.PAIRING_CLOSED
    assert "button" in told.value.advice


async def test_a_strap_that_forgot_is_paired_anew(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    await companion.close()
    await strap.pull_battery()
    strap.options.flash.unlink()
    await strap.start()
    stranger = await world.companion(strap, NO_PAIRING)
    # one try may end with the link before the reason is told; the next ones tell it
    wanted = (Reason.BOND_LOST, Reason.NOT_PAIRED)
    await stranger.until(lambda: any(status.reason in wanted for status in stranger.said), 40)
    assert stranger.disk == []
    await stranger.close()
    renewed = await world.companion(strap)
    await renewed.strap.until_streaming(15)
    await renewed.whole()
    assert_whole(renewed)


async def test_a_machine_that_forgot_is_paired_anew(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    await companion.close()
    await world.laptops[0].device.keystore.delete_all()
    stranger = await world.companion(strap, NO_PAIRING)
    with pytest.raises(LinkError) as told:
        await stranger.strap.until_streaming(25)
    assert told.value.reason is Reason.NOT_PAIRED
    await stranger.close()
    await strap.press(3.3)
    renewed = await world.companion(strap, start=companion.strap.mark())
    await renewed.strap.until_streaming()
    await renewed.whole()
    assert_whole(renewed, first=companion.strap.mark().seq)


async def test_the_smallest_mtu(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap, mtu=None)
    await companion.strap.until_streaming()
    assert companion.strap.connection.mtu == 23
    await asyncio.sleep(1)
    await companion.whole()
    assert_whole(companion)
    assert companion.decoded.errors == {}


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
    await companion.until(lambda: any(one.reason is Reason.ADAPTER_OFF for one in companion.said))
    gone = False
    world.bench.medium.unmute(world.laptops[0].controller)
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING)
    await companion.whole()
    assert_whole(companion)


async def test_range_lost_and_found_again_and_again(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    for outage in (0.4, 2.6, 0.9, 4.6):
        world.bench.medium.mute(world.chip(strap))
        await asyncio.sleep(outage)
        world.bench.medium.unmute(world.chip(strap))
        await asyncio.sleep(0.3)
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 30)
    await companion.whole()
    await companion.close()
    assert Reason.SILENT in [one.reason for one in companion.said]
    assert_whole(companion)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_fifth_is_lost_and_some_comes_twice(world: Any, seed: int) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    world.faults(seed, lost=0.2, twice=0.05)
    await asyncio.sleep(4)
    world.clear()
    await companion.whole()
    await companion.close()
    assert companion.strap.ledger.resent > 20
    assert_whole(companion)


async def test_flipped_bits_do_no_harm(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    world.faults(3, broken=0.1)
    await asyncio.sleep(4)
    world.clear()
    await companion.whole()
    before = companion.last_seq(1)
    await companion.until(lambda: companion.last_seq(1) > before + 26)
    # what was confirmed is there: nothing that never came was ever believed to have come
    position = companion.strap.ledger.position()
    assert position.boot == 1
    assert position.seq <= companion.last_seq(1) + 60
    missing = set(range(companion.last_seq(1))) - {
        int(s) for block in companion.decoded.blocks if block.boot == 1 for s in block.seq
    }
    # a packet whose header was flipped may have been taken for samples that were there already
    assert len(missing) <= 12


async def test_a_strap_that_reboots_in_the_middle_of_a_backfill(world: Any) -> None:
    strap, imu = await world.fed()
    from unslouch.link.radio.bench import Wearing

    worn = Wearing()
    await imu.feed(worn.worn(900))  # a quarter of an hour alone
    await asyncio.sleep(0.5)
    companion = await world.companion(strap)
    feeding = asyncio.create_task(_feed_on(imu, worn))
    try:
        await companion.until(
            lambda: companion.said and companion.said[-1].phase is Phase.FETCHING and companion.said[-1].progress > 0.2
        )
        await strap.pull_battery()
        imu.writer = None
        await strap.start()
        await companion.until(lambda: companion.strap.ledger.boot == 2 and companion.strap.complete, 25)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    await companion.close()
    logged = sorted(int(s) for b in companion.decoded.blocks if b.boot == 1 for s in b.seq)
    holes = [b - a for a, b in pairwise(logged) if b - a > 5]
    assert holes == []  # at the log's resolution everything is there
    assert logged[0] == 0
    # a power cut takes what the log had not written: less than one record
    assert logged[-1] > 900 * 52 - 220


async def _feed_on(imu: Any, worn: Any) -> None:
    while True:
        if imu.writer is not None and not imu.writer.is_closing():
            try:
                await imu.feed(worn.worn(0.1))
            except (ConnectionError, TimeoutError):
                imu.writer = None
        await asyncio.sleep(0.1)


async def test_hours_alone_then_everything_within_a_minute(world: Any) -> None:
    strap, imu = await world.fed()
    from unslouch.link.radio.bench import Wearing

    worn = Wearing()
    await imu.feed(worn.worn(3600))
    await asyncio.sleep(0.2)
    companion = await world.companion(strap)
    feeding = asyncio.create_task(_feed_on(imu, worn))
    try:
        await companion.strap.until_streaming(30)
        begun = time.monotonic()
        await companion.until(lambda: companion.said and companion.said[-1].phase is Phase.FETCHING, 10)
        await companion.whole(60)
        took = time.monotonic() - begun
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    await companion.close()
    decoded = companion.decoded
    logged = sorted(int(s) for b in decoded.blocks for s in b.seq)
    assert logged[0] == 0
    assert max(b - a for a, b in pairwise(logged)) <= 5
    assert took < 30
    shares = [one.progress for one in companion.said if one.progress is not None]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


async def test_a_second_central_finds_nobody(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    other = await world.companion(strap, laptop=1)
    await asyncio.sleep(1.5)
    assert other.strap.connection is None
    assert other.disk == []
    await companion.whole()
    await companion.close()
    assert_whole(companion)


async def test_straps_that_swap_addresses_are_not_taken_for_each_other(world: Any) -> None:
    one, two = await world.strap(seed=1), await world.strap(seed=2)
    for strap in (one, two):
        companion = await world.companion(strap)
        await companion.strap.until_streaming()
        await companion.close()
        await strap.pull_battery()
    from dataclasses import replace

    a, b = one.address, two.address
    one.options, two.options = replace(one.options, address=b), replace(two.options, address=a)
    await one.start()
    await two.start()
    for strap in (one, two):
        companion = await world.companion(strap, NO_PAIRING)
        with pytest.raises(LinkError) as told:
            await companion.strap.until_streaming(8)
        reasons = {told.value.reason} | {one.reason for one in companion.said}
        assert reasons & {Reason.BOND_LOST, Reason.NOT_PAIRED, Reason.LINK_LOST, Reason.TIMEOUT}
        assert companion.strap.ledger.samples == 0
        await companion.close()


async def test_another_serial_is_another_strap(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap, StrapOptions(pair=True, serial="C0FFEE000000"))
    with pytest.raises(LinkError) as told:
        await companion.strap.until_streaming(8)
    assert told.value.reason is Reason.OTHER_STRAP
    assert companion.strap.ledger.samples == 0


async def test_a_killed_companion_loses_nothing(world: Any) -> None:
    strap = await world.strap()
    first = await world.companion(strap)
    await first.strap.until_streaming()
    await asyncio.sleep(1.5)
    position = first.strap.ledger.position()
    first.kill()
    await asyncio.gather(first._task, return_exceptions=True)
    first.disk = first.disk[: -len(first.disk) // 4]  # what the disk had not taken
    from unslouch.link.ledger import Ledger

    ledger = Ledger()
    for packet in first.disk:
        ledger.take(packet)
    assert ledger.position().seq < position.seq
    second = await world.companion(strap, NO_PAIRING, start=ledger.position())
    await second.strap.until_streaming()
    await second.whole()
    await second.close()
    second.disk = first.disk + second.disk
    assert_whole(second)


async def test_requests_reach_the_strap_while_it_streams(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    companion.strap.buzz(0.3)
    line = ""
    while not line.startswith("motor "):
        line = await asyncio.wait_for(strap.lines.get(), 3)
    assert int(line.split()[1]) > 0
