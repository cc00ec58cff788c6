"""Our pairing agent against a BlueZ of our own on a private bus."""

# ruff: noqa: N802, F821, UP037  # D-Bus names its methods and writes signatures where Python has types
from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Generator

import pytest

if sys.platform != "linux":
    pytest.skip("BlueZ is Linux's", allow_module_level=True)

from dbus_fast import BusType, DBusError, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method

from unslouch.link import agent
from unslouch.link.bluez import BluezError, call

LONGEST_S = 120.0
"""No answer takes as long, however busy the machine."""


@pytest.fixture
def bus_address() -> Generator[str]:
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is absent (Debian: dbus-daemon)")
    process = subprocess.Popen([program, "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait()
    process.stdout.close()


class Manager(ServiceInterface):
    """The part of BlueZ that takes agents."""

    def __init__(self, *, lets_be_default: bool = True) -> None:
        super().__init__("org.bluez.AgentManager1")
        self.calls: list[tuple[str, ...]] = []
        self._lets_be_default = lets_be_default

    @dbus_method()
    def RegisterAgent(self, path: "o", capability: "s"):  # type: ignore[name-defined]
        self.calls.append(("register", path, capability))

    @dbus_method()
    def RequestDefaultAgent(self, path: "o"):  # type: ignore[name-defined]
        if not self._lets_be_default:
            raise DBusError("org.freedesktop.DBus.Error.AccessDenied", "not you")
        self.calls.append(("default", path))

    @dbus_method()
    def UnregisterAgent(self, path: "o"):  # type: ignore[name-defined]
        self.calls.append(("unregister", path))


async def test_it_registers_answers_and_goes(bus_address: str) -> None:
    bluez = await MessageBus(bus_address=bus_address, bus_type=BusType.SESSION).connect()
    manager = Manager()
    bluez.export("/org/bluez", manager)
    await bluez.request_name("org.bluez")
    ours = await MessageBus(bus_address=bus_address, bus_type=BusType.SESSION).connect()
    said: list[str] = []
    await agent.register(ours, said.append, "C1:F5:B1:65:22:91")

    async def ask(member: str, signature: str, *body: object) -> Message:
        message = Message(
            destination=ours.unique_name,
            path=agent.PATH,
            interface="org.bluez.Agent1",
            member=member,
            signature=signature,
            body=list(body),
        )
        return await asyncio.wait_for(bluez.call(message), LONGEST_S)

    device = "/org/bluez/hci0/dev_C1_F5_B1_65_22_91"
    assert (await ask("RequestAuthorization", "o", device)).message_type is MessageType.METHOD_RETURN
    await ask("DisplayPasskey", "ouq", device, 42, 0)
    await ask("RequestConfirmation", "ou", device, 123456)
    assert said == ["The passkey is 000042.", "The number is 123456."]
    refused = await ask("RequestPinCode", "o", device)
    assert refused.error_name == agent.REJECTED
    # somebody else's device that pairs in this minute gets no yes from us, nor is its number shown
    other = "/org/bluez/hci0/dev_C1_F5_B1_65_22_92"
    for member, signature, body in (
        ("RequestAuthorization", "o", ()),
        ("RequestConfirmation", "ou", (7,)),
        ("AuthorizeService", "os", ("1812",)),
    ):
        assert (await ask(member, signature, other, *body)).error_name == agent.REJECTED
    assert len(said) == 2
    await agent.unregister(ours)
    assert [one[0] for one in manager.calls] == ["register", "default", "unregister"]
    assert manager.calls[0][1:] == (agent.PATH, agent.CAPABILITY)
    for bus in (ours, bluez):
        bus.disconnect()
        await bus.wait_for_disconnect()


async def test_where_bluez_takes_no_agent_pairing_is_tried_all_the_same(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus_address)
    said: list[str] = []
    done: list[str] = []
    async with agent.standing_by(said.append, "C1:F5:B1:65:22:91"):
        done.append("without BlueZ")
    bluez = await MessageBus(bus_address=bus_address, bus_type=BusType.SESSION).connect()
    bluez.export("/org/bluez", Manager(lets_be_default=False))
    await bluez.request_name("org.bluez")
    async with agent.standing_by(said.append, "C1:F5:B1:65:22:91"):
        done.append("not the default")
    assert done == ["without BlueZ", "not the default"]
    assert all(one.startswith("This system takes no pairing agent of this program (") for one in said)
    assert "AccessDenied" in said[1]
    bluez.disconnect()
    await bluez.wait_for_disconnect()


@pytest.mark.parametrize("gone", [EOFError(), ConnectionResetError("reset"), DBusError("org.x", "gone")], ids=repr)
async def test_a_bus_that_goes_in_a_call_is_no_surprise(gone: Exception) -> None:
    class Going:
        async def call(self, _message: Message) -> Message:
            raise gone

    with pytest.raises(BluezError, match="bus is gone"):
        await call(Going(), "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")  # type: ignore[arg-type]
