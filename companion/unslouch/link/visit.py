"""A short connection to a strap for one purpose, without a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bleak import BleakClient
from bleak.exc import BleakDeviceNotFoundError, BleakError

from unslouch.errors import LinkError, Reason
from unslouch.link.connection import StrapConnection
from unslouch.link.discovery import FoundStrap, scan
from unslouch.link.failures import broken, failure
from unslouch.link.radios import Backends, Radio
from unslouch.wire.source import Packet

TRIES = 3
SEARCH_S = 8.0
FORGET_S = 10.0
STALE = frozenset({Reason.BOND_LOST, Reason.NOT_PAIRED, Reason.TIMEOUT, Reason.LINK_LOST})
"""What a key that one side has lost may look like while pairing: systems say nothing clear about it."""


@asynccontextmanager
async def opened(radio: Radio) -> AsyncGenerator[Backends]:
    """Open a radio for a while."""
    try:
        yield await radio.open()
    finally:
        await radio.close()


@asynccontextmanager
async def visit(
    backends: Backends,
    address: str,
    *,
    name: str = "",
    radio: Radio | None = None,
    serial: str = "",
    on_packet: Callable[[Packet], None] | None = None,
) -> AsyncGenerator[StrapConnection]:
    """Connect to a strap that is paired, with its channels subscribed.

    Parameters
    ----------
    backends
        Of an open radio.
    address
        Address or name.
    name
        To be said; the address where it is not known.
    radio
        Asked to let go of a link that a crashed program left; None asks nobody.
    serial
        What the strap must call itself; empty takes any.

    Raises
    ------
    LinkError
    """
    connection = await _connect(backends, address, name, radio, on_packet or _ignore)
    try:
        if serial:
            told = (await connection.device_information()).get("serial", "")
            if told != serial:
                raise failure(Reason.OTHER_STRAP, f"Another strap ({told}) answers at this address.")
        yield connection
    finally:
        await connection.close()


async def _connect(
    backends: Backends, address: str, name: str, radio: Radio | None, on_packet: Callable[[Packet], None]
) -> StrapConnection:
    for last in (False,) * (TRIES - 1) + (True,):
        strap = await find(backends, address, radio, name=name)
        connection = StrapConnection(strap, on_packet, backend=backends[1])
        try:
            await connection.open()
            await connection.subscribe()
        except LinkError as error:
            await connection.close()
            if last or error.reason not in (Reason.LINK_LOST, Reason.TIMEOUT):
                raise
            await asyncio.sleep(0.3)
        except BaseException:
            await connection.close()
            raise
        else:
            return connection
    raise AssertionError


async def find(backends: Backends, address: str, radio: Radio | None = None, *, name: str = "") -> FoundStrap:
    """Listen for one strap.

    Raises
    ------
    LinkError
        NOT_IN_RANGE when it is not heard, WRONG_FIRMWARE when it speaks another version.
    """
    for again in (True, False):
        for strap in await scan(SEARCH_S, backend=backends[0], stop_at=address):
            if address in (strap.address, strap.name):
                if not strap.understood:
                    raise failure(Reason.WRONG_FIRMWARE, f"{strap.name} speaks protocol {strap.version}.")
                return strap
        if not again or radio is None or not await radio.release(address):
            break
    text = f"{name or address} was not heard. A strap that is connected to another machine is silent too."
    raise failure(Reason.NOT_IN_RANGE, text)


async def pair(backends: Backends, strap: FoundStrap, radio: Radio, show: Callable[[str], None]) -> dict[str, str]:
    """Make a bond with a strap; what its Device Information says.

    A system that has a key already makes no new one; where the strap knows nothing of it any more, the key is forgotten
    here, and a new bond is made.

    Raises
    ------
    LinkError
        PAIRING_CLOSED when the person has not held the button.
    """
    for again in (True, False):
        connection = StrapConnection(strap, _ignore, backend=backends[1])
        try:
            await connection.open()
            async with radio.pairing(show, strap.address):
                await connection.pair()
            await connection.subscribe()
            return await connection.device_information()
        except LinkError as error:
            if error.reason not in STALE or not again:
                raise
            await connection.unpair()
        finally:
            await connection.close()
        strap = await find(backends, strap.address, radio, name=strap.name)
    raise AssertionError


async def forget(backends: Backends, address: str) -> None:
    """Forget this machine's key of a strap, which need not be near.

    Raises
    ------
    LinkError
        Where the system lets no program do that.
    """
    options: dict[str, Any] = {} if backends[1] is None else {"backend": backends[1]}
    try:
        async with asyncio.timeout(FORGET_S):
            await BleakClient(address, **options).unpair()
    except NotImplementedError as error:
        text = "This system lets no program forget a bond."
        raise LinkError(Reason.BOND_LOST, text, "Remove the strap in the system's Bluetooth settings.") from error
    except BleakDeviceNotFoundError:
        return  # there is no key of it
    except (BleakError, TimeoutError, OSError) as error:
        raise broken(error, "Forgetting the strap") from error


def _ignore(_packet: Packet) -> None:
    """A visit keeps nothing."""
