"""The medium itself: it paces, loses, times out and is out of reach as a radio is."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError
from bumble import hci

from unslouch.link.radio.bench import uuid
from unslouch.link.radio.bleak_backend import backends
from unslouch.link.radio.laptop import Laptop
from unslouch.link.radio.medium import Connection, Corrupted, Medium
from unslouch.link.radio.scripted import Script, ScriptedStrap
from unslouch.wire.source import Channel


@dataclass
class Pair:
    """A laptop, a strap that says nothing by itself, and the open link between them."""

    medium: Medium
    laptop: Laptop
    strap: ScriptedStrap
    client: BleakClient
    ended: list[float]

    @property
    def ends(self) -> tuple[Connection, Connection]:
        """The link's ends: the strap's, the laptop's."""
        [here] = self.strap.controller.peers.values()
        [there] = self.laptop.controller.peers.values()
        return here, there

    async def notified(self, payloads: list[bytes]) -> list[float]:
        """When each of some notifications arrived, from when all were handed over, s."""
        loop = asyncio.get_running_loop()
        arrived: list[float] = []
        await self.client.start_notify(uuid(3), lambda _, __: arrived.append(loop.time() - begun))
        begun = loop.time()
        for payload in payloads:
            await self.strap.say(Channel.LOG, payload)
        while len(arrived) < len(payloads):
            await asyncio.sleep(0.01)
            assert loop.time() - begun < 60
        return arrived


async def scanned(laptop: Laptop, strap: ScriptedStrap, seconds: float = 2.0) -> Any:
    scanner, _ = backends(laptop.device)
    return await BleakScanner.find_device_by_filter(
        lambda device, _: device.address == strap.address, timeout=seconds, backend=scanner
    )


@pytest.fixture
async def pair() -> AsyncGenerator[Pair]:
    medium = Medium()
    laptop, strap = Laptop(medium), ScriptedStrap(medium, Script())
    await strap.start()
    _, client = await laptop.start()
    ended: list[float] = []
    loop = asyncio.get_running_loop()
    bleak = BleakClient(
        await scanned(laptop, strap), backend=client, disconnected_callback=lambda _: ended.append(loop.time())
    )
    await bleak.connect()
    yield Pair(medium, laptop, strap, bleak, ended)
    await bleak.disconnect()
    await strap.stop()


async def test_both_ends_know_the_same_parameters(pair: Pair) -> None:
    here, there = pair.ends
    assert (here.interval, here.latency, here.timeout) == (there.interval, there.latency, there.timeout)
    await pair.laptop.device.connections[there.handle].update_parameters(30.0, 30.0, 0, 2000)
    await asyncio.sleep(0.5)
    here, there = pair.ends
    assert (here.interval, here.timeout) == (there.interval, there.timeout) == (24, 200)


async def test_nothing_is_sent_between_connection_events(pair: Pair) -> None:
    await pair.laptop.device.connections[pair.ends[1].handle].update_parameters(100.0, 100.0, 0, 4000)
    await asyncio.sleep(0.5)
    interval = pair.ends[0].interval * 0.00125
    assert interval == pytest.approx(0.1)
    loop = asyncio.get_running_loop()
    await pair.client.start_notify(uuid(3), lambda _, __: arrived.append(loop.time()))
    arrived: list[float] = []
    for _ in range(20):
        await pair.strap.say(Channel.LOG, b"one")
        await asyncio.sleep(0.037)
    await asyncio.sleep(0.2)
    assert len(arrived) == 20
    events = sorted({round(at / interval, 6) for at in arrived})
    assert all(event == round(event) for event in events)
    assert len(events) == pytest.approx(20 * 0.037 / interval, abs=2)


async def test_a_connection_event_has_airtime_for_so_much(pair: Pair) -> None:
    for end in pair.ends:
        end.interval, end.octets, end.phy = 24, 27, 1
    arrived = await pair.notified([bytes(240)] * 40)
    # 247 octets in ten packets of 27, each 296 us, an empty answer of 80 us and two spaces of 150 us: four in 30 ms
    assert sum(at - arrived[0] < 1e-6 for at in arrived) == 4
    assert arrived[-1] - arrived[0] == pytest.approx(9 * 0.03, abs=1e-6)


async def test_two_megabits_and_long_packets_are_as_much_faster_as_they_are(pair: Pair) -> None:
    link = pair.ends[0]
    link.interval = 6
    took: dict[tuple[int, int], float] = {}
    for phy, octets in ((1, 27), (1, 251), (2, 251)):
        link.phy, link.octets = phy, octets
        arrived = await pair.notified([bytes(240)] * 200)
        took[phy, octets] = arrived[-1]
        await pair.client.stop_notify(uuid(3))
    # three packets of 2.1 ms in an event of 7.5 ms, or five of 1.1 ms; of short ones, ten for one
    assert took[1, 251] / took[2, 251] == pytest.approx(5 / 3, rel=0.05)
    assert took[1, 27] / took[1, 251] == pytest.approx(3, rel=0.05)


async def test_the_strap_and_the_laptop_agree_on_length_and_phy(pair: Pair) -> None:
    connection = pair.laptop.device.connections[pair.ends[1].handle]
    await connection.set_data_length(251, 2120)
    await connection.set_phy(tx_phys=[hci.Phy.LE_2M], rx_phys=[hci.Phy.LE_2M])
    await asyncio.sleep(0.2)
    assert [(end.octets, end.phy) for end in pair.ends] == [(251, 2)] * 2


async def test_out_of_range_ends_by_supervision_timeout_on_both_sides(pair: Pair) -> None:
    timeout = pair.ends[1].timeout * 0.01
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pair.medium.mute(pair.strap.controller)
    await asyncio.sleep(timeout - 0.05)
    assert pair.client.is_connected, "nobody knows yet"
    assert pair.strap.controller.peers
    await asyncio.sleep(0.1)
    assert pair.ended == [pytest.approx(begun + timeout, abs=0.02)]
    assert not pair.strap.controller.peers


@pytest.mark.parametrize("away", ["strap", "laptop", "both"])
async def test_back_in_range_in_time_the_link_goes_on(pair: Pair, away: str) -> None:
    chips = {"strap": [pair.strap.controller], "laptop": [pair.laptop.controller]}
    for chip in chips.get(away, [pair.strap.controller, pair.laptop.controller]):
        pair.medium.mute(chip)
    timeout = pair.ends[1].timeout * 0.01
    await asyncio.sleep(timeout / 2)
    for chip in list(pair.medium.muted):
        pair.medium.unmute(chip)
    await asyncio.sleep(3 * timeout)
    assert pair.client.is_connected
    assert len(await pair.notified([b"one", b"two"])) == 2


async def test_what_is_sent_out_of_range_arrives_after(pair: Pair) -> None:
    heard: list[bytes] = []
    await pair.client.start_notify(uuid(3), lambda _, data: heard.append(bytes(data)))
    pair.medium.mute(pair.strap.controller)
    for word in (b"one", b"two", b"three"):
        await pair.strap.say(Channel.LOG, word)
    await asyncio.sleep(0.3)
    assert heard == []
    pair.medium.unmute(pair.strap.controller)
    await asyncio.sleep(0.1)
    assert heard == [b"one", b"two", b"three"]


async def test_who_is_out_of_range_is_neither_heard_nor_reached(pair: Pair) -> None:
    await pair.client.disconnect()
    await asyncio.sleep(0.5)
    found = await scanned(pair.laptop, pair.strap)
    assert found is not None
    pair.medium.mute(pair.strap.controller)
    assert await scanned(pair.laptop, pair.strap) is None
    _, client = backends(pair.laptop.device)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises((BleakError, TimeoutError)):
        await BleakClient(found, backend=client, timeout=3.0).connect()
    assert 2.9 < loop.time() - begun < 4.0
    pair.medium.unmute(pair.strap.controller)
    again = BleakClient(await scanned(pair.laptop, pair.strap), backend=client)
    await again.connect()
    await again.disconnect()


async def test_a_strap_that_is_connected_is_not_heard(pair: Pair) -> None:
    assert await scanned(pair.laptop, pair.strap) is None


async def test_power_that_goes_is_noticed_by_the_other_end_later(pair: Pair) -> None:
    timeout = pair.ends[1].timeout * 0.01
    begun = asyncio.get_running_loop().time()
    pair.medium.power_loss(pair.strap.controller)
    assert not pair.strap.controller.peers
    await asyncio.sleep(timeout + 0.1)
    assert pair.ended == [pytest.approx(begun + timeout, abs=0.02)]


async def test_a_wrong_checksum_is_a_delay_and_keeps_the_order(pair: Pair) -> None:
    clean = await pair.notified([bytes([k]) * 100 for k in range(100)])
    await pair.client.stop_notify(uuid(3))
    pair.medium.corrupted = Corrupted(random.Random(1), crc=0.5)
    noisy = await pair.notified([bytes([k]) * 100 for k in range(100)])
    assert noisy[-1] > 3 * clean[-1]
    assert noisy == sorted(noisy)


async def test_a_wrong_integrity_check_ends_the_link_at_once_where_it_was_seen(pair: Pair) -> None:
    reasons: list[int] = []
    connection = pair.laptop.device.connections[pair.ends[1].handle]
    connection.on(connection.EVENT_DISCONNECTION, reasons.append)
    timeout = pair.ends[0].timeout * 0.01
    heard: list[bytes] = []
    await pair.client.start_notify(uuid(3), lambda _, data: heard.append(bytes(data)))
    pair.medium.corrupted = Corrupted(random.Random(1), mic=1.0)
    await pair.strap.say(Channel.LOG, b"one")
    await asyncio.sleep(0.1)
    assert reasons == [hci.HCI_ErrorCode.CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR]
    assert heard == []
    assert pair.strap.controller.peers, "the other end knows nothing yet"
    await asyncio.sleep(timeout)
    assert not pair.strap.controller.peers


async def test_faults_lose_delay_double_and_reorder(pair: Pair) -> None:
    plan = {b"lost": [], b"late": [(0.5, b"late")], b"twice": [(0.0, b"twice"), (0.1, b"twice")]}

    def fault(_from: Any, _to: Any, pdu: bytes) -> list[tuple[float, bytes]] | None:
        told = plan.get(pdu[3:])
        return None if pdu[0] != 0x1B or told is None else [(delay, pdu[:3] + data) for delay, data in told]

    heard: list[bytes] = []
    await pair.client.start_notify(uuid(3), lambda _, data: heard.append(bytes(data)))
    pair.medium.fault = fault
    for word in (b"lost", b"late", b"twice", b"plain"):
        await pair.strap.say(Channel.LOG, word)
    await asyncio.sleep(1)
    assert heard == [b"twice", b"plain", b"twice", b"late"]


async def test_a_second_central_cannot_connect_while_the_first_is(pair: Pair) -> None:
    other = Laptop(pair.medium, "F0:F1:F2:F3:F4:99")
    await other.start()
    assert await scanned(other, pair.strap) is None
    target = pair.client._backend._target
    with pytest.raises((BleakError, TimeoutError)):
        async with asyncio.timeout(5):
            await other.device.connect(target)
    assert pair.client.is_connected


async def test_services_are_discovered_at_the_smallest_mtu(pair: Pair) -> None:
    await pair.client.disconnect()
    await asyncio.sleep(0.3)
    _, small = backends(pair.laptop.device, None)
    client = BleakClient(await scanned(pair.laptop, pair.strap), backend=small)
    await client.connect()
    assert client.mtu_size == 23
    assert client.services.get_characteristic(uuid(4)) is not None
    await client.disconnect()


async def test_stepped_time_is_as_long_as_its_work() -> None:
    loop = asyncio.get_running_loop()
    begun, real = loop.time(), time.perf_counter()
    await asyncio.gather(*(asyncio.sleep(k) for k in range(0, 3_000, 10)))
    assert loop.time() - begun == pytest.approx(2_990)
    assert time.perf_counter() - real < 60
    assert time.monotonic() == loop.time()
