# pyright: reportPrivateUsage=false
# (the bench hands out no scanner)
"""Who may use the strap: nobody who did not pair while its window was open."""

from __future__ import annotations

import asyncio

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError, BleakGATTProtocolError
from bumble import att
from bumble.device import Connection, Peer
from bumble.pairing import PairingConfig

from unslouch.link.radio.bench import CALIBRATION, CONTROL, LOG, STATUS, STREAM, Bench, Central, Wearing, until, uuid
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.strap_process import StrapProcess

ALL = (STREAM, LOG, CONTROL, STATUS, CALIBRATION)
INSUFFICIENT_AUTHENTICATION = 5
"""Of the Attribute Protocol."""
AUTHENTICATION_FAILURE = 5
"""Of HCI: why a link ended."""


async def is_not_let_in(bench: Bench, laptop: Laptop, strap: StrapProcess) -> None:
    """A key that the strap does not know opens nothing; the central hears at once that it is missing and must go."""
    with pytest.raises(BleakError, match="PIN_OR_KEY_MISSING"):
        await bench.connect(laptop, strap)
    await until(lambda: not laptop.device.connections)


async def may_not_pair(central: Central) -> None:
    """Outside the window a pairing is refused in so many words, and then the central must go."""
    reasons: list[int] = []
    [link] = central.laptop.device.connections.values()
    link.on(link.EVENT_DISCONNECTION, reasons.append)
    with pytest.raises(BleakError, match="PAIRING_NOT_SUPPORTED"):
        await central.client.pair()
    await until(lambda: not central.client.is_connected, what="the stranger stays")
    assert reasons == [AUTHENTICATION_FAILURE]


async def until_window(bench: Bench, laptop: Laptop, strap: StrapProcess) -> None:
    """Wait until the strap advertises that its pairing window is open."""
    open_now = asyncio.Event()

    def hear(_device: BLEDevice, data: AdvertisementData) -> None:
        if data.manufacturer_data.get(0xFFFF, b"\0\0")[1] & 1:
            open_now.set()

    async with BleakScanner(hear, backend=bench._backends[laptop][0]):
        await asyncio.wait_for(open_now.wait(), 20)


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
    # every attribute of the service but the declarations, which discovery needs: values and subscriptions alike
    [service] = [one for one in central.client.services if one.uuid == uuid(1)]
    attributes = [one.handle for one in service.characteristics]
    attributes += [descriptor.handle for one in service.characteristics for descriptor in one.descriptors]
    assert len(attributes) == 2 * len(ALL)
    for handle in attributes:
        for request in (
            att.ATT_Read_Request(attribute_handle=handle),
            att.ATT_Read_Blob_Request(attribute_handle=handle, value_offset=1),
            att.ATT_Write_Request(attribute_handle=handle, attribute_value=b"\x01\x00"),
        ):
            answer = await asyncio.wait_for(gatt.send_request(request), 5)
            assert answer.op_code == att.Opcode.ATT_ERROR_RESPONSE, (request, answer)
        await gatt.send_command(att.ATT_Write_Command(attribute_handle=handle, attribute_value=b"\x17\x01\x00"))
    # nothing of it took effect
    await asyncio.sleep(1)
    assert strap.exit_code is None
    await central.client.pair()
    status = await central.status()
    assert (status[1] & 1, int.from_bytes(status[58:60], "little")) == (0, 0)


async def test_pairing_works_in_the_window_alone_and_a_stranger_is_sent_away(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    first = await bench.paired(await bench.laptop(1), strap)
    assert (await first.status())[38] == 1
    await first.ok(0x18, b"\x00")  # close the window
    await first.close()
    stranger = await bench.connect(await bench.laptop(2), strap)
    await may_not_pair(stranger)
    # nor does a pairing that is begun by hand open anything
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


async def test_pairing_is_by_secure_connections_or_not_at_all(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    laptop = await bench.laptop(1)
    as_it_should = laptop.device.pairing_config_factory

    def legacy(link: Connection) -> PairingConfig:
        config = as_it_should(link)
        config.sc = False
        return config

    laptop.device.pairing_config_factory = legacy
    old = await bench.connect(laptop, strap)
    with pytest.raises(BleakError, match="AUTHENTICATION_REQUIREMENTS"):
        await old.client.pair()
    await refuses_everything(old.client)
    assert (await old.client.read_gatt_char("2a19"))[0] > 0, "the window is open: it may stay and try again"
    await old.close()
    laptop.device.pairing_config_factory = as_it_should
    central = await bench.paired(laptop, strap)
    assert (await central.status())[38] == 1, "one bond: the refused one left none"
    [link] = laptop.device.connections.values()
    assert (link.is_encrypted, link.sc) == (True, True)


async def test_who_stays_without_a_key_is_sent_away(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(600)))
    first = await bench.paired(await bench.laptop(1), strap)
    await first.ok(0x18, b"\x00")
    await first.close()
    stranger = await bench.connect(await bench.laptop(2), strap)
    await until(lambda: not stranger.client.is_connected, 40, "30 s of the strap's clock are over")
    # and the owner comes back on its bond, without pairing
    owner = await bench.connect(first.laptop, strap)
    assert len(await owner.read(STATUS)) == 60


async def test_a_bond_outlives_restarts_and_a_lost_one_is_made_anew_in_the_window(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(300)))
    laptop = await bench.laptop(1)
    await (await bench.paired(laptop, strap)).close()
    await strap.pull_battery()
    await strap.start()
    central = await bench.connect(laptop, strap)
    status = await central.read(STATUS)
    assert (int.from_bytes(status[2:4], "little"), status[38], status[1] & 32) == (2, 1, 0)
    await central.close()
    # lost on the laptop's side, or somebody with its address: outside the window it is refused
    keys = laptop.device.keystore
    assert keys is not None
    [(name, kept)] = await keys.get_all()
    await keys.delete_all()
    await may_not_pair(await bench.connect(laptop, strap))
    # and the bond is left as it was
    await keys.delete_all()
    await keys.update(name, kept)
    owner = await bench.connect(laptop, strap)
    assert (await owner.status())[38] == 1
    await owner.close()
    # inside the window a new bond replaces the old one
    await keys.delete_all()
    await strap.type("charger on")
    watching = await bench.laptop(2)
    await until_window(bench, watching, strap)
    found = await bench.paired(laptop, strap)
    assert (await found.status())[38] == 1


@pytest.mark.parametrize("window", [False, True])
async def test_a_bond_that_the_strap_lost_is_told_at_once(bench: Bench, window: bool) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(300)))
    laptop = await bench.laptop(1)
    central = await bench.paired(laptop, strap)
    await central.ok(0x18, b"\x3c" if window else b"\x00")
    await central.ok(0x0F, b"\x01")
    await until(lambda: not central.client.is_connected)
    for _ in range(3):
        await is_not_let_in(bench, laptop, strap)
    # its key thrown away, it may pair anew while the window is open
    keys = laptop.device.keystore
    assert keys is not None
    await keys.delete_all()
    if not window:
        await strap.press(3.3)
    assert (await (await bench.paired(laptop, strap)).status())[38] == 1


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
