"""Several straps at once, and a system that remembers what is not there any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from unslouch.errors import Reason
from unslouch.link.discovery import scan
from unslouch.link.radio.scripted import Script
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.wire.source import Channel

PLAIN = StrapOptions()


async def test_two_straps_at_once_each_with_its_own(world: Any) -> None:
    straps = [await world.strap(seed=1), await world.strap(seed=2)]
    companions = [await world.companion(strap) for strap in straps]
    for companion in companions:
        await companion.strap.until_streaming()
    await asyncio.sleep(20)
    # one of them goes away and comes back; the other notices nothing
    world.bench.medium.mute(world.chip(straps[1]))
    await asyncio.sleep(6)
    world.bench.medium.unmute(world.chip(straps[1]))
    await companions[1].until(lambda: companions[1].said[-1].phase is Phase.STREAMING, 60)
    for companion in companions:
        await companion.whole(60)
        companion.assert_whole()
        await companion.close()
    assert companions[0].reasons == []
    assert companions[1].reasons
    serials = [dict(companion.strap.info.device)["serial"] for companion in companions]
    assert serials[0] != serials[1]


async def test_three_straps_without_a_loss(air: Any) -> None:
    straps = [await air.script(Script(serial=f"{n}"), n) for n in range(1, 4)]
    for n, strap in enumerate(straps):
        strap.boot = 10 + n
    companions = [await air.companion(strap, PLAIN) for strap in straps]
    for companion in companions:
        await companion.strap.until_streaming(60)
    await asyncio.sleep(10)
    for n, companion in enumerate(companions):
        await companion.whole()
        companion.assert_whole(10 + n)
        assert {block.boot for block in companion.decoded.blocks} == {10 + n}
        assert companion.reasons == []


async def test_connects_are_made_one_at_a_time(air: Any) -> None:
    straps = [await air.script(number=n) for n in range(1, 4)]
    under_way, most = 0, 0
    await air.companion(straps[0], PLAIN)
    scanner, client = air.bench._backends[air.laptops[0]]
    air.companions.pop().kill()

    class Watched(client):  # type: ignore[misc, valid-type]
        async def connect(self, pair: bool, **options: Any) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                await super().connect(pair, **options)
            finally:
                under_way -= 1

    companions = [await air.companion(strap, PLAIN, backends=(scanner, Watched)) for strap in straps]
    for companion in companions:
        await companion.strap.until_streaming(60)
    assert most == 1, "systems lose connects that are begun while another is under way"


async def test_a_strap_that_somebody_else_took_first(air: Any) -> None:
    strap = await air.script()
    await air.companion(strap, PLAIN)
    scanner, client = air.bench._backends[air.laptops[0]]
    air.companions.pop().kill()
    held = asyncio.Event()

    class Slow(client):  # type: ignore[misc, valid-type]
        async def connect(self, pair: bool, **options: Any) -> None:
            await held.wait()
            await super().connect(pair, **options)

    late = await air.companion(strap, PLAIN, backends=(scanner, Slow))
    await late.until(lambda: late.strap.link_status.phase is Phase.CONNECTING)
    # another machine, whose connects do not wait for this one's
    other = await air.bench.laptop(7)
    link = await other.device.connect(strap.device.random_address)
    held.set()
    status = await late.told(Reason.TAKEN, 60)
    assert "Another computer or phone" in status.advice
    await link.disconnect()
    await late.until(lambda: late.said[-1].phase is Phase.STREAMING, 60)


async def test_all_are_heard_and_nothing_else_is(air: Any) -> None:
    for n in range(1, 4):
        await air.script(number=n)
    companion = await air.companion(air.scripted[0], PLAIN)
    companion.kill()
    scanner, _ = air.bench._backends[air.laptops[0]]
    found = await scan(3.0, backend=scanner)
    assert sorted(one.name for one in found) == ["Unslouch-7E01", "Unslouch-7E02", "Unslouch-7E03"]
    assert all(one.pairing_open and one.understood and one.battery_percent == 80 for one in found)


async def test_a_fresh_client_and_a_fresh_scan_for_each_connection(air: Any) -> None:
    strap = await air.script()
    await air.companion(strap, PLAIN)
    scanner, client = air.bench._backends[air.laptops[0]]
    air.companions.pop().kill()
    made: list[Any] = []

    class Watched(client):  # type: ignore[misc, valid-type]
        def __init__(self, device: Any, *args: Any, **options: Any) -> None:
            made.append(device)
            super().__init__(device, *args, **options)

    companion = await air.companion(strap, PLAIN, backends=(scanner, Watched))
    await companion.strap.until_streaming()
    for _ in range(3):
        before = len(made)
        air.bench.medium.mute(strap.controller)
        await companion.until(lambda: companion.said[-1].phase is not Phase.STREAMING, 10)
        air.bench.medium.unmute(strap.controller)
        await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)
        assert len(made) > before
    assert len({id(one) for one in made}) == len(made), "no device object is used twice"


class Remembered:
    """What a system remembers of services, over connections and over firmware."""

    services: Any = None


@pytest.mark.parametrize("change", ["moved", "gone"])
async def test_a_stale_cache_is_said_and_forgetting_is_the_way_out(air: Any, change: str) -> None:
    memory = Remembered()
    before = await air.script(Script())
    await air.companion(before, PLAIN)
    scanner, client = air.bench._backends[air.laptops[0]]
    air.companions.pop().kill()

    class Caching(client):  # type: ignore[misc, valid-type]
        async def _discover(self, peer: Any) -> Any:
            found = await super()._discover(peer)
            if memory.services is None:
                memory.services = found
            return memory.services

        async def unpair(self) -> None:
            memory.services = None
            await super().unpair()

    first = await air.companion(before, PLAIN, backends=(scanner, Caching))
    await first.strap.until_streaming()
    await first.close()
    # the firmware is changed: one characteristic less, and the others lie elsewhere
    await before.stop()
    lacks = frozenset({Channel.LOG, Channel.STREAM} if change == "moved" else {Channel.CALIBRATION, Channel.STATUS})
    changed = await air.script(Script(lacks=lacks))
    second = await air.companion(changed, PLAIN, backends=(scanner, Caching))
    status = await second.told(Reason.STALE_CACHE, 60)
    assert "unslouch forget" in status.advice
    await second.close()
    # the right firmware again, and the system has forgotten: it works
    await changed.stop()
    memory.services = None
    third = await air.companion(await air.script(Script()), PLAIN, backends=(scanner, Caching))
    await third.strap.until_streaming()


@pytest.mark.parametrize("lacks", [one for one in Channel if one is not Channel.REFUSED])
async def test_a_strap_that_lacks_a_part_is_said(air: Any, lacks: Channel) -> None:
    companion = await air.companion(await air.script(Script(lacks=frozenset({lacks}))), PLAIN)
    await companion.told(Reason.STALE_CACHE)
