"""Straps in range: what they advertise, told apart from everything else."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from unslouch.errors import LinkError
from unslouch.link.failures import unavailable
from unslouch.link.step import within
from unslouch.wire.layout import COMPANY_ID, PROTOCOL_VERSION, SERVICE_UUID

STEP_S = 5.0
"""Of starting and of ending a scan; a stuck system need not do either."""


class AdvertisedState(IntFlag):
    """Bits of the advertised state (docs/protocol.md, section 2)."""

    PAIRING_WINDOW = 1
    CHARGER = 2
    OFF_BODY = 4
    UNCONFIRMED_LOG = 8
    BONDED = 16


@dataclass(frozen=True, slots=True)
class FoundStrap:
    """A strap that was heard. ``address`` is what this system calls it (on macOS a UUID of this machine)."""

    address: str
    name: str
    rssi: int
    device: BLEDevice
    version: int | None = None
    state: AdvertisedState | None = None
    battery_percent: int | None = None
    backlog_min: int | None = None

    @property
    def pairing_open(self) -> bool:
        """Whether its pairing window is open, as far as it was heard to say."""
        return self.state is not None and AdvertisedState.PAIRING_WINDOW in self.state

    @property
    def understood(self) -> bool:
        """Whether it speaks this program's protocol."""
        return self.version in (None, PROTOCOL_VERSION)


def parse_advertisement(device: BLEDevice, data: AdvertisementData) -> FoundStrap | None:
    """Return a strap of an advertisement; None for anything else. The payload is hostile until parsed."""
    if SERVICE_UUID not in data.service_uuids:
        return None
    name = data.local_name or device.name or device.address
    payload = data.manufacturer_data.get(COMPANY_ID, b"")
    if len(payload) < 4:
        return FoundStrap(device.address, name, data.rssi, device)
    version, state, battery, backlog = payload[:4]
    return FoundStrap(
        device.address,
        name,
        data.rssi,
        device,
        version,
        AdvertisedState(state & 31),
        None if battery > 100 else battery,
        backlog * 4,
    )


async def scan(seconds: float, *, backend: type[Any] | None = None, stop_at: str | None = None) -> list[FoundStrap]:
    """Listen for straps; strongest first.

    Parameters
    ----------
    seconds
        How long.
    backend
        bleak's scanner backend; None for this system's.
    stop_at
        Address or name of a strap that ends the scan as soon as it is heard.

    Raises
    ------
    LinkError
        When Bluetooth is not to be had.
    """
    found: dict[str, FoundStrap] = {}
    heard = asyncio.Event()

    def hear(device: BLEDevice, data: AdvertisementData) -> None:
        strap = parse_advertisement(device, data)
        if strap is None:
            return
        found[strap.address] = strap
        # its name and state come in two packets
        if stop_at in (strap.address, strap.name) and strap.state is not None:
            heard.set()

    options: dict[str, Any] = {} if backend is None else {"backend": backend}
    scanner = BleakScanner(hear, service_uuids=[SERVICE_UUID], **options)
    try:
        await within(scanner.start(), "Starting to scan", STEP_S)
        try:
            # not wait_for, which (before Python 3.12) swallows a cancellation that comes with the event
            async with asyncio.timeout(seconds):
                await heard.wait()
        except TimeoutError:
            heard.set()  # the time is up; what was heard stands
        except asyncio.CancelledError:
            # who ends the search is not held up by a scan that does not end well
            with contextlib.suppress(Exception):
                await within(scanner.stop(), "Ending the scan", STEP_S)
            raise
        await within(scanner.stop(), "Ending the scan", STEP_S)
    except LinkError:
        raise
    except Exception as error:  # whatever a system raises
        raise unavailable(error) from error
    return sorted(found.values(), key=lambda strap: -strap.rssi)
