"""A system that hangs, or fails, in each of its calls in turn: the link ends with a reason, in time, and comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
)

from unslouch.errors import LinkError, Reason
from unslouch.link.connection import CONNECT_S, STEP_S
from unslouch.link.radio.scripted import Script
from unslouch.link.states import ADVICE, Phase
from unslouch.link.strap import SEARCH_S, StrapOptions

PLAIN = StrapOptions()
CALLS = ("connect", "start_notify", "read_gatt_char", "write_gatt_char", "disconnect")


async def backends_of(air: Any, strap: Any) -> Any:
    """Make a laptop; its backends."""
    await air.companion(strap, PLAIN)
    air.companions.pop().kill()
    return air.bench._backends[air.laptops[0]]


class Switch:
    """Whether, and how, a call goes wrong."""

    def __init__(self, error: BaseException | None = None, *, stubborn: bool = False) -> None:
        self.on = False
        self.error, self.stubborn = error, stubborn
        self.hit = 0

    async def spoil(self) -> None:
        self.hit += 1
        if self.error is not None:
            raise self.error
        while True:
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
                self.stubborn = False  # it does not end when it is told to for the first time


def spoilt(backend: Any, call: str, switch: Switch) -> Any:
    async def do(self: Any, *args: Any, **options: Any) -> Any:
        if switch.on:
            await switch.spoil()
        return await getattr(backend, call)(self, *args, **options)

    return type("Spoilt", (backend,), {call: do})


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_hangs_ends_in_time(air: Any, call: str, stubborn: bool) -> None:
    strap = await air.script()
    scanner, client = await backends_of(air, strap)
    switch = Switch(stubborn=stubborn)
    switch.on = call != "disconnect"
    companion = await air.companion(strap, PLAIN, backends=(scanner, spoilt(client, call, switch)))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if call == "disconnect":
        await companion.strap.until_streaming()
        switch.on = True
        await asyncio.wait_for(companion.close(), 4 * STEP_S)
        assert switch.hit
        return
    await companion.told(Reason.TIMEOUT, 60)
    assert loop.time() - begun < SEARCH_S + CONNECT_S + 4 * STEP_S
    switch.on = False
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 120)
    await companion.whole()


@pytest.mark.parametrize("call", ["write_gatt_char", "read_gatt_char"])
async def test_a_call_that_hangs_while_streaming_ends_in_time(air: Any, call: str) -> None:
    script = Script()
    strap = await air.script(script)
    scanner, client = await backends_of(air, strap)
    switch = Switch()
    companion = await air.companion(strap, PLAIN, backends=(scanner, spoilt(client, call, switch)))
    await companion.strap.until_streaming()
    await companion.whole()
    switch.on = True
    companion.strap.buzz(0.3)
    script.twist = lambda packet: [] if packet[4] % 8 == 0 else [packet]  # something to ask for
    if call == "write_gatt_char":
        await companion.told(Reason.TIMEOUT, 60)
    else:
        await asyncio.sleep(10)
    switch.on, script.twist = False, None
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 120)
    await companion.whole(60)
    companion.assert_whole()


@pytest.mark.parametrize("call", ["start", "stop"])
async def test_a_scan_that_hangs_ends_in_time(air: Any, call: str) -> None:
    strap = await air.script()
    scanner, client = await backends_of(air, strap)
    switch = Switch()
    switch.on = True
    companion = await air.companion(strap, PLAIN, backends=(spoilt(scanner, call, switch), client))
    await companion.told(Reason.TIMEOUT, 60)
    switch.on = False
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 120)


@pytest.mark.parametrize("error", [None, BleakError("gone"), KeyError("org.bluez.Adapter1")], ids=repr)
async def test_a_link_that_is_closed_in_a_scan_that_does_not_end_well_ends(air: Any, error: Exception | None) -> None:
    strap = await air.script()
    scanner, client = await backends_of(air, strap)
    await strap.stop()
    air.scripted.clear()
    switch = Switch(error)
    switch.on = True
    companion = await air.companion(strap, PLAIN, backends=(spoilt(scanner, "stop", switch), client))
    companion.strap.start()
    await asyncio.sleep(1)
    await asyncio.wait_for(companion.close(), 2 * STEP_S)
    assert switch.hit == 1
    assert companion.said[-1].phase is Phase.CLOSED


async def test_pairing_that_hangs_ends_in_time(air: Any) -> None:
    strap = await air.script(Script(keyed=True))
    scanner, client = await backends_of(air, strap)
    switch = Switch()
    switch.on = True
    companion = await air.companion(strap, backends=(scanner, spoilt(client, "pair", switch)))
    await companion.told(Reason.TIMEOUT, 120)
    switch.on = False
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 200)


async def test_forgetting_that_hangs_ends_in_time(air: Any) -> None:
    strap = await air.script()
    scanner, client = await backends_of(air, strap)
    lost = Switch(BleakDBusError("org.bluez.Error.AuthenticationFailed", []))
    stuck = Switch()
    lost.on = stuck.on = True
    backend = spoilt(spoilt(client, "connect", lost), "unpair", stuck)
    companion = await air.companion(strap, backends=(scanner, backend))
    await companion.until(lambda: stuck.hit, 120)
    await companion.told(Reason.TIMEOUT, 60)
    lost.on = stuck.on = False
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 200)


unavailable = BleakBluetoothNotAvailableReason
FAILURES = [
    ("start", BleakBluetoothNotAvailableError("", unavailable.POWERED_OFF), Reason.ADAPTER_OFF),
    ("start", BleakBluetoothNotAvailableError("", unavailable.NO_BLUETOOTH), Reason.NO_ADAPTER),
    ("start", BleakBluetoothNotAvailableError("", unavailable.DENIED_BY_USER), Reason.NO_PERMISSION),
    ("start", BleakBluetoothNotAvailableError("", unavailable.DENIED_BY_SYSTEM), Reason.NO_PERMISSION),
    ("start", BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", []), Reason.NO_ADAPTER),
    ("start", BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", []), Reason.NO_PERMISSION),
    ("start", OSError("no bus"), Reason.NO_ADAPTER),
    ("start", EOFError(), Reason.NO_ADAPTER),
    ("stop", KeyError("org.bluez.Adapter1"), Reason.NO_ADAPTER),
    ("connect", KeyError("org.bluez.Device1"), Reason.LINK_LOST),
    ("connect", BleakDeviceNotFoundError("C6"), Reason.LINK_LOST),
    ("connect", TimeoutError(), Reason.TIMEOUT),
    ("connect", BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"]), Reason.LINK_LOST),
    ("connect", BleakDBusError("org.bluez.Error.InProgress", []), Reason.LINK_LOST),
    ("pair", BleakDBusError("org.bluez.Error.AuthenticationRejected", []), Reason.PAIRING_REFUSED),
    ("pair", BleakDBusError("org.bluez.Error.AuthenticationFailed", []), Reason.PAIRING_REFUSED),
    ("pair", BleakDBusError("org.bluez.Error.AuthenticationCanceled", []), Reason.PAIRING_REFUSED),
    ("pair", BleakDBusError("org.bluez.Error.AuthenticationTimeout", []), Reason.PAIRING_CLOSED),
    ("start_notify", BleakError("Not connected"), Reason.LINK_LOST),
    ("start_notify", EOFError(), Reason.LINK_LOST),
    ("write_gatt_char", BleakDBusError("org.bluez.Error.InProgress", []), Reason.LINK_LOST),
    ("read_gatt_char", OSError("gone"), Reason.LINK_LOST),
    ("read_gatt_char", AssertionError(), Reason.LINK_LOST),
]


@pytest.mark.parametrize(("call", "error", "reason"), FAILURES, ids=range(len(FAILURES)))
async def test_what_a_system_raises_becomes_a_reason_with_its_mend(
    air: Any, call: str, error: Exception, reason: Reason
) -> None:
    script = Script(keyed=call == "pair")
    strap = await air.script(script)
    scanner, client = await backends_of(air, strap)
    switch = Switch(error)
    switch.on = True
    scanning = call in ("start", "stop")
    backends = (
        spoilt(scanner, call, switch) if scanning else scanner,
        client if scanning else spoilt(client, call, switch),
    )
    companion = await air.companion(strap, backends=backends)
    await companion.told(reason)
    switch.on = False
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 120)


OF_THE_LINK = frozenset(Reason) - {
    # of files, options, stores and the body's calibration
    Reason.BAD_FILE,
    Reason.NOT_FOUND,
    Reason.FILE_ACCESS,
    Reason.WORKER,
    Reason.BAD_OPTION,
    Reason.MISSING_EXTRA,
    Reason.STORE,
    Reason.NOT_CALIBRATED,
    Reason.NOT_ALLOWED,
}


def test_every_reason_of_the_link_has_its_mend() -> None:
    assert set(ADVICE) == OF_THE_LINK
    for reason, advice in ADVICE.items():
        assert advice.endswith("."), reason
        assert len(advice) < 120, reason


async def test_waiting_for_the_stream_in_vain_tells_why(air: Any) -> None:
    strap = await air.script()
    await strap.stop()
    air.scripted.clear()
    companion = await air.companion(strap, PLAIN)
    with pytest.raises(LinkError) as told:
        await companion.strap.until_streaming(20)
    assert told.value.reason is Reason.NOT_IN_RANGE
