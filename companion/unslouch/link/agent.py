"""Our pairing agent for BlueZ: without one it waits half a minute for nobody and gives up. Linux only.

bleak registers no agent. Ours says yes to Just Works, which is what the strap does, and shows a passkey where one is
asked for; to the strap alone, for it is asked about every device that pairs meanwhile. BlueZ asks the agent of whoever
called Pair(), and bleak calls it over a connection of its own: ours has to be the default one. It is registered while a
bond is made and no longer (org.bluez.Agent(5), org.bluez.AgentManager(5)).
"""

# ruff: noqa: N802, F821, UP037  # D-Bus names its methods and writes signatures where Python has types
from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from dbus_fast import DBusError
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method

from unslouch.link.bluez import BluezError, call, system_bus

PATH = "/org/unslouch/agent"
MANAGER = "org.bluez.AgentManager1"
CAPABILITY = "KeyboardDisplay"
"""What the machine can do; the strap can do neither, so the two agree on Just Works."""
REJECTED = "org.bluez.Error.Rejected"


def _interface(show: Callable[[str], None], address: str) -> ServiceInterface:
    """Make the agent's interface (org.bluez.Agent1)."""
    ours = f"/dev_{address.replace(':', '_')}".upper()

    def only_ours(device: object) -> None:
        if not str(device).upper().endswith(ours):
            raise DBusError(REJECTED, "somebody pairs another device just now")

    class Agent(ServiceInterface):
        """Answers BlueZ."""

        def __init__(self) -> None:
            super().__init__("org.bluez.Agent1")

        @dbus_method()
        def Release(self):
            """BlueZ needs it no longer."""

        @dbus_method()
        def Cancel(self):
            """What was shown needs no showing any more; also after it went well, so nothing is said."""

        @dbus_method()
        def RequestAuthorization(self, device: "o"):  # type: ignore[name-defined]
            """Just Works: the person has asked for this bond just now."""
            only_ours(device)  # pyright: ignore[reportUnknownArgumentType]

        @dbus_method()
        def AuthorizeService(self, device: "o", uuid: "s"):  # type: ignore[name-defined]
            """Use of a service of a device that is bonded."""
            only_ours(device)  # pyright: ignore[reportUnknownArgumentType]

        @dbus_method()
        def RequestConfirmation(self, device: "o", passkey: "u"):  # type: ignore[name-defined]
            """Numeric comparison: show the number; the person has asked for this bond just now."""
            only_ours(device)  # pyright: ignore[reportUnknownArgumentType]
            show(f"The number is {passkey:06d}.")

        @dbus_method()
        def DisplayPasskey(self, device: "o", passkey: "u", entered: "q"):  # type: ignore[name-defined]
            """Show the passkey that is to be entered at the other side."""
            only_ours(device)  # pyright: ignore[reportUnknownArgumentType]
            show(f"The passkey is {passkey:06d}.")

        @dbus_method()
        def DisplayPinCode(self, device: "o", pincode: "s"):  # type: ignore[name-defined]
            """Show the PIN that is to be entered at the other side."""
            only_ours(device)  # pyright: ignore[reportUnknownArgumentType]
            show(f"The PIN is {pincode}.")

        @dbus_method()
        def RequestPasskey(self, device: "o") -> "u":  # type: ignore[name-defined]
            """Refuse: a strap shows nothing that could be typed here."""
            raise DBusError(REJECTED, "a strap has no passkey")

        @dbus_method()
        def RequestPinCode(self, device: "o") -> "s":  # type: ignore[name-defined]
            """Refuse: legacy pairing is not for straps."""
            raise DBusError(REJECTED, "a strap has no PIN")

    return Agent()


async def register(bus: MessageBus, show: Callable[[str], None], address: str) -> None:
    """Put the agent for one device on a bus and make it BlueZ's first choice.

    Raises
    ------
    BluezError
        When BlueZ does not take it.
    """
    bus.export(PATH, _interface(show, address))
    await call(bus, "/org/bluez", MANAGER, "RegisterAgent", "os", [PATH, CAPABILITY])
    await call(bus, "/org/bluez", MANAGER, "RequestDefaultAgent", "o", [PATH])


async def unregister(bus: MessageBus) -> None:
    """Take the agent away.

    Raises
    ------
    BluezError
    """
    await call(bus, "/org/bluez", MANAGER, "UnregisterAgent", "o", [PATH])
    bus.unexport(PATH)


@asynccontextmanager
async def standing_by(show: Callable[[str], None], address: str) -> AsyncGenerator[None]:
    """Answer BlueZ while a bond is made; where it takes no agent of ours, that is said, and pairing is tried anyway.

    The desktop's own agent may answer then.
    """
    async with AsyncExitStack() as stack:
        bus: MessageBus | None = None
        try:
            bus = await stack.enter_async_context(system_bus())
            await register(bus, show, address)
        except BluezError as error:
            show(f"This system takes no pairing agent of this program ({error}). If it asks, confirm.")
            bus = None
        yield
        if bus is not None:
            with suppress(BluezError):  # the bond is made; the agent goes with its connection
                await unregister(bus)
