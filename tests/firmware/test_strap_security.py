"""Who may use the strap: nobody who did not pair while its window was open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakGATTProtocolError
from bumble import att
from bumble.device import Peer

from unslouch.link.radio.bench import CALIBRATION, CONTROL, LOG, STATUS, STREAM, Bench, Central, Wearing, until, uuid
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.strap_process import StrapProcess

ALL = (STREAM, LOG, CONTROL, STATUS, CALIBRATION)
INSUFFICIENT_AUTHENTICATION = 5


async def comes_to_nothing(work: Coroutine[Any, Any, object]) -> None:
    """Refused, or ended with the link; Bumble cancels what a link takes with it."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=12)
    assert task.done()
    assert task.cancelled() or task.exception() is not None


async def is_not_let_in(bench: Bench, laptop: Laptop, strap: StrapProcess) -> None:
    """A key that the strap does not know opens nothing: refused, or left waiting until it is sent away."""
    task = asyncio.ensure_future(connect_and_read(bench, laptop, strap))
    await asyncio.wait({task}, timeout=3)
    assert task.cancel() or task.cancelled() or task.exception() is not None
    await asyncio.wait({task})


async def pair_and_read(central: Central) -> bytes:
    """Try to get in."""
    await central.client.pair()
    return await central.read(STATUS)


async def connect_and_read(bench: Bench, laptop: Laptop, strap: StrapProcess) -> bytes:
    """Try to come back on a bond."""
    return await (await bench.connect(laptop, strap)).read(STATUS)


def unheard(_characteristic: object, _data: bytearray) -> None:
    """Nothing may come."""
    pytest.fail("a stranger was told something")


async def refuses_everything(client: BleakClient) -> None:
    """Every value, every subscription and every other way to the bytes is refused."""
    for short in (STATUS, CALIBRATION):
        with pytest.raises(BleakGATTProtocolError) as refused:
            await client.read_gatt_char(uuid(short))
        assert refused.value.code == INSUFFICIENT_AUTHENTICATION, short
    for short in ALL:
        with pytest.raises(BleakGATTProtocolError) as refused:
            await client.start_notify(uuid(short), unheard)
        assert refused.value.code == INSUFFICIENT_AUTHENTICATION, short
    with pytest.raises(BleakGATTProtocolError) as refused:
        await client.write_gatt_char(uuid(CONTROL), b"\x02\x01", response=True)
    assert refused.value.code == INSUFFICIENT_AUTHENTICATION


async def test_an_unencrypted_link_reads_nothing_by_any_request(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    laptop = await bench.laptop()
    central = await bench.connect(laptop, strap)
    await refuses_everything(central.client)
    # what is open to everybody: the standard services
    assert await central.client.read_gatt_char("2a26") == b"0.1.0"
    assert (await central.client.read_gatt_char("2a25")).decode() == strap.address.replace(":", "")
    assert 0 < (await central.client.read_gatt_char("2a19"))[0] <= 100
    # and the raw Attribute Protocol: by type, several at once, long, prepared
    link = next(iter(laptop.device.connections.values()))
    gatt = Peer(link).gatt_client
    handles = {short: central.client.services.get_characteristic(uuid(short)).handle for short in ALL}  # pyright: ignore[reportOptionalMemberAccess]
    status = handles[STATUS]
    for request in (
        att.ATT_Read_Request(attribute_handle=status),
        att.ATT_Read_Blob_Request(attribute_handle=status, value_offset=4),
        att.ATT_Read_Multiple_Request(set_of_handles=[status, handles[CALIBRATION]]),
        att.ATT_Write_Request(attribute_handle=handles[CONTROL], attribute_value=b"\x0f\x01\x01"),
        att.ATT_Write_Request(attribute_handle=handles[STREAM] + 1, attribute_value=b"\x01\x00"),
        att.ATT_Prepare_Write_Request(
            attribute_handle=handles[CONTROL], value_offset=0, part_attribute_value=b"\x0f\x01\x01"
        ),
    ):
        answer = await asyncio.wait_for(gatt.send_request(request), 5)
        assert answer.op_code == att.Opcode.ATT_ERROR_RESPONSE, (request, answer)


async def test_pairing_works_in_the_window_alone_and_a_stranger_is_sent_away(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)), speed=3)
    first = await bench.paired(await bench.laptop(1), strap)
    assert (await first.status())[38] == 1
    await first.ok(0x18, b"\x00")  # close the window
    await first.close()
    stranger = await bench.connect(await bench.laptop(2), strap)
    await comes_to_nothing(pair_and_read(stranger))
    await until(lambda: not stranger.client.is_connected, what="the stranger stays")
    # its half of a key opens nothing later
    again = await bench.connect(await bench.laptop(3), strap)
    await refuses_everything(again.client)
    await again.close()
    # held for three seconds, the button opens the window
    await strap.press(3.3)
    second = await bench.paired(again.laptop, strap)
    status = await second.status()
    assert status[38] == 2
    assert status[1] & 32
    assert not any(event[1] == 1 for event in second.heard[STREAM] if event[0] == 0x16)


async def test_who_stays_without_a_key_is_sent_away(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(600)), speed=20)
    first = await bench.paired(await bench.laptop(1), strap)
    await first.ok(0x18, b"\x00")
    await first.close()
    stranger = await bench.connect(await bench.laptop(2), strap)
    await until(lambda: not stranger.client.is_connected, 5, "30 s of the strap's clock are over")
    # and the owner comes back on its bond, without pairing
    owner = await bench.connect(first.laptop, strap)
    assert len(await owner.read(STATUS)) == 60


async def test_a_bond_outlives_restarts_and_a_lost_one_is_made_anew_in_the_window(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(300)), speed=4)
    laptop = await bench.laptop(1)
    await (await bench.paired(laptop, strap)).close()
    await strap.pull_battery()
    await strap.start()
    central = await bench.connect(laptop, strap)
    status = await central.read(STATUS)
    assert (int.from_bytes(status[2:4], "little"), status[38], status[1] & 32) == (2, 1, 0)
    await central.close()
    # lost on the laptop's side: outside the window it is a stranger, inside it replaces its old bond
    keys = laptop.device.keystore
    assert keys is not None
    await keys.delete_all()
    lost = await bench.connect(laptop, strap)
    await comes_to_nothing(pair_and_read(lost))
    await until(lambda: not lost.client.is_connected)
    await keys.delete_all()
    await strap.type("charger on")
    await asyncio.sleep(1.2)  # the charger is looked at every second to five
    await asyncio.sleep(4.2)
    found = await bench.paired(laptop, strap)
    assert (await found.status())[38] == 1
    # lost on the strap's side
    await found.ok(0x18, b"\x00")
    await found.ok(0x0F, b"\x01")
    await until(lambda: not found.client.is_connected)
    await is_not_let_in(bench, laptop, strap)


async def test_a_fifth_bond_drops_the_one_longest_unused(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    laptops = [await bench.laptop(number) for number in range(1, 6)]
    for number, laptop in enumerate(laptops):
        central = await bench.paired(laptop, strap)
        assert (await central.status())[38] == min(number + 1, 4)
        await central.close()
        if number == 3:
            # the first comes again: now the second is the one longest unused
            await (await bench.connect(laptops[0], strap)).close()
    for number in (0, 2, 3, 4):
        central = await bench.connect(laptops[number], strap)
        assert (await central.read(STATUS))[38] == 4, number
        await central.close()
    await is_not_let_in(bench, laptops[1], strap)


async def test_one_central_at_a_time(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    first = await bench.paired(await bench.laptop(1), strap)
    await first.start()
    second = await bench.laptop(2)
    with pytest.raises(AssertionError, match="not heard"):
        await bench.find(second, strap, seconds=1.5)
    await first.close()
    assert (await bench.find(second, strap)).name == "Unslouch-" + strap.address.replace(":", "")[-4:]
