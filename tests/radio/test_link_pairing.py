"""Pairing and bonds: each way they fail ends in a clear reason, and the way out works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from unslouch.errors import LinkError, Reason
from unslouch.link.radio.scripted import Script
from unslouch.link.radios import SystemRadio
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.link.visit import find, pair
from unslouch.wire.control import Op

NO_PAIRING = StrapOptions()


class OneButton(SystemRadio):
    """A system that asks nobody; the strap's button was held before."""

    @asynccontextmanager
    async def pairing(self, show: Callable[[str], None], address: str) -> AsyncGenerator[None]:
        yield


PAIR = StrapOptions(pair=True)


async def owned(world: Any, strap: Any, **options: Any) -> Any:
    """A companion that has paired, streamed and gone."""
    companion = await world.companion(strap, **options)
    await companion.strap.until_streaming()
    await companion.close()
    return companion


async def test_pairs_streams_and_comes_back_with_the_bond(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    await companion.whole()
    phases = [one.phase for one in companion.said]
    assert phases[:5] == [Phase.SEARCHING, Phase.CONNECTING, Phase.PAIRING, Phase.STARTING, Phase.STREAMING]
    assert companion.strap.info.device[0] == ("manufacturer", "unslouch")
    await companion.close()
    companion.assert_whole()

    again = await world.companion(strap, NO_PAIRING, start=companion.strap.mark())
    await again.strap.until_streaming()
    assert Phase.PAIRING not in [one.phase for one in again.said]
    await again.whole()
    first = companion.strap.mark().seq
    await again.close()
    again.assert_whole(first=first)  # not a sample twice, none between


async def test_a_closed_pairing_window_is_said_and_the_button_is_the_way_out(world: Any) -> None:
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
    await strap.press(3.3)
    # it is tried again by itself
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)
    await companion.whole()


async def test_the_window_closes_by_itself(world: Any) -> None:
    strap = await world.strap()
    await owned(world, strap)
    await asyncio.sleep(65)
    companion = await world.companion(strap, laptop=1)
    await companion.told(Reason.PAIRING_CLOSED)
    assert companion.disk == []


async def test_a_strap_that_refuses_to_pair(air: Any) -> None:
    script = Script(keyed=True, accepts=False)
    companion = await air.companion(await air.script(script))
    status = await companion.told(Reason.PAIRING_REFUSED)
    assert "button" in status.advice
    assert companion.disk == []
    script.accepts = True
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)


async def test_who_does_not_want_to_pair_is_told_to(world: Any) -> None:
    companion = await world.companion(await world.strap(), NO_PAIRING)
    status = await companion.told(Reason.NOT_PAIRED)
    assert "unslouch pair" in status.advice
    assert companion.disk == []


async def test_a_strap_that_forgot_is_paired_anew(world: Any) -> None:
    strap = await world.strap()
    await owned(world, strap)
    await strap.pull_battery()
    strap.options.flash.unlink()
    await strap.start()
    stranger = await world.companion(strap, NO_PAIRING)
    status = await stranger.told(Reason.BOND_LOST, 60)
    assert "unslouch forget" in status.advice
    assert stranger.disk == []
    await stranger.close()
    renewed = await world.companion(strap)
    await renewed.strap.until_streaming()
    await renewed.whole()
    renewed.assert_whole()


async def test_a_strap_whose_other_bonds_stay_forgets_this_one(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    connection = await companion.strap.until_streaming()
    await connection.request(Op.FORGET, {"whom": 0})
    await companion.close()
    stranger = await world.companion(strap, NO_PAIRING)
    await stranger.told(Reason.BOND_LOST, 60)
    await stranger.close()
    await strap.press(3.3)
    # what `unslouch pair` does: the bond here is forgotten, and made anew
    scanner, client = world.bench._backends[world.laptops[0]]
    found = await find((scanner, client), strap.address)
    said = await pair((scanner, client), found, OneButton(), print)
    assert said["manufacturer"] == "unslouch"
    renewed = await world.companion(strap, NO_PAIRING, start=companion.strap.mark())
    await renewed.strap.until_streaming()
    await renewed.whole()


async def test_a_machine_that_forgot_is_paired_anew(world: Any) -> None:
    strap = await world.strap()
    companion = await owned(world, strap)
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
    renewed.disk = companion.disk + renewed.disk
    renewed.assert_whole()


async def test_another_serial_is_another_strap(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap, StrapOptions(pair=True, serial="C0FFEE000000"))
    with pytest.raises(LinkError) as told:
        await companion.strap.until_streaming(8)
    assert told.value.reason is Reason.OTHER_STRAP
    assert "unslouch scan" in told.value.advice
    assert companion.disk == []


async def test_another_protocol_is_said_before_anything_is_asked(air: Any) -> None:
    companion = await air.companion(await air.script(Script(version=2)), NO_PAIRING)
    status = await companion.told(Reason.WRONG_FIRMWARE)
    assert "Update" in status.advice
    assert companion.disk == []


async def test_straps_that_swap_addresses_are_not_taken_for_each_other(world: Any) -> None:
    straps = [await world.strap(600, seed=1), await world.strap(600, seed=2)]
    addresses = [strap.address for strap in straps]
    owners = []
    for strap in straps:
        companion = await world.companion(strap)
        await companion.strap.until_streaming()
        await asyncio.sleep(3)
        await companion.close()
        await strap.pull_battery()
        owners.append(companion)
    serials = [dict(owner.strap.info.device)["serial"] for owner in owners]
    assert serials[0] != serials[1]
    swapped = straps[::-1]
    for strap, address in zip(swapped, addresses, strict=True):
        strap.options = replace(strap.options, address=address)
        await strap.start()
    for address, serial, before in zip(addresses, serials, owners, strict=True):
        strap = next(one for one in straps if one.address == address)
        known = StrapOptions(serial=serial)
        companion = await world.companion(strap, known, start=before.strap.mark())
        # the key of the other one does not fit; where it did, the serial number would not
        await companion.until(lambda one=companion: one.reasons, 60)
        assert set(companion.reasons) <= {Reason.BOND_LOST, Reason.OTHER_STRAP, Reason.LINK_LOST, Reason.NOT_PAIRED}
        assert companion.disk == [], "not a byte of the other strap is kept"
        assert companion.strap.mark() == before.strap.mark()
        await companion.close()
