"""BlueZ over D-Bus, for what bleak does not do: adapters' state, and a link that a dead program left up. Linux only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dbus_fast import BusType, DBusError, Message, MessageType
from dbus_fast.aio import MessageBus

SERVICE = "org.bluez"
CALL_S = 5.0


@dataclass(frozen=True, slots=True)
class Adapter:
    """A Bluetooth adapter as BlueZ tells."""

    path: str
    address: str
    powered: bool


class BluezError(Exception):
    """BlueZ does not run, cannot be reached, or refused."""


@asynccontextmanager
async def system_bus() -> AsyncGenerator[MessageBus]:
    """Connect to the system bus for a while.

    Raises
    ------
    BluezError
        When there is none.
    """
    try:
        async with asyncio.timeout(CALL_S):
            bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    except (OSError, TimeoutError, EOFError, DBusError) as error:
        raise BluezError(f"the system bus cannot be reached: {error}") from error
    try:
        yield bus
    finally:
        bus.disconnect()


async def call(
    bus: MessageBus, path: str, interface: str, member: str, signature: str = "", body: list[Any] | None = None
) -> list[Any]:
    """Call a method of BlueZ; its results.

    Raises
    ------
    BluezError
        With the D-Bus name of the refusal.
    """
    message = Message(
        destination=SERVICE, path=path, interface=interface, member=member, signature=signature, body=body or []
    )
    try:
        async with asyncio.timeout(CALL_S):
            reply = await bus.call(message)
    except TimeoutError as error:
        raise BluezError(f"{member} took too long") from error
    except (OSError, EOFError, DBusError) as error:
        raise BluezError(f"the system bus is gone: {error}") from error
    if reply.message_type is MessageType.ERROR:
        raise BluezError(reply.error_name or f"{member} was refused")
    return list(reply.body)


async def objects(bus: MessageBus) -> dict[str, dict[str, dict[str, Any]]]:
    """Return everything BlueZ knows: path, interface, property.

    Raises
    ------
    BluezError
    """
    found: dict[str, dict[str, dict[str, Any]]] = (
        await call(bus, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    )[0]
    return {
        path: {name: {key: one.value for key, one in values.items()} for name, values in interfaces.items()}
        for path, interfaces in found.items()
    }


async def adapters() -> list[Adapter]:
    """Return the adapters.

    Raises
    ------
    BluezError
        When bluetoothd does not run.
    """
    async with system_bus() as bus:
        return [
            Adapter(path, str(value["org.bluez.Adapter1"]["Address"]), bool(value["org.bluez.Adapter1"]["Powered"]))
            for path, value in sorted((await objects(bus)).items())
            if "org.bluez.Adapter1" in value
        ]


async def bonded(address: str) -> tuple[bool, bool]:
    """Whether BlueZ has a bond with a device, and a link to it now.

    Raises
    ------
    BluezError
    """
    async with system_bus() as bus:
        known = [value.get("org.bluez.Device1", {}) for value in (await objects(bus)).values()]
    # one object for each adapter that knows it; BlueZ before 5.66 has no Bonded
    devices = [one for one in known if str(one.get("Address", "")).upper() == address.upper()]
    return (
        any(bool(one.get("Bonded", one.get("Paired"))) for one in devices),
        any(bool(one.get("Connected")) for one in devices),
    )


async def disconnect(address: str) -> bool:
    """End the links that BlueZ holds to a device; whether there was one. Without BlueZ there is none."""
    ended = False
    with contextlib.suppress(BluezError):
        async with system_bus() as bus:
            for path, value in (await objects(bus)).items():
                device = value.get("org.bluez.Device1", {})
                if str(device.get("Address", "")).upper() == address.upper() and device.get("Connected"):
                    await call(bus, path, "org.bluez.Device1", "Disconnect")
                    ended = True
    return ended
