"""A laptop whose Bluetooth controller is elsewhere, behind H4 over TCP: its process can be killed and the air goes on.

Where the connection ends, the adapter has vanished; it is back as soon as somebody listens at the address again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason
from bumble.core import BaseBumbleError
from bumble.transport.common import StreamPacketSource, TransportLostError

from unslouch.errors import LinkError, Reason
from unslouch.link.radio.bleak_backend import BumbleClient, BumbleScanner, backends
from unslouch.link.radio.laptop import PatientHost, laptop_device
from unslouch.link.radios import Backends

LOOK_S = 0.2
"""How often an adapter that vanished is looked for."""
POWER_ON_S = 10.0
TRIES = 5


class _Wire(StreamPacketSource):
    """The host's end of the connection: what cannot be sent fails at once, instead of waiting for an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.on_transport_lost()

    def on_packet(self, packet: bytes) -> None:
        """Send a packet of the host."""
        if self.transport is None or self.transport.is_closing():
            raise TransportLostError("the adapter is gone")
        self.transport.write(packet)


class TcpRadio:
    """A radio on a controller behind a TCP port.

    Parameters
    ----------
    folder
        Keeps the laptop's address and bonds, so that the next command finds the strap's.
    controller
        ``HOST:PORT`` of its H4 transport.
    mtu
        That is asked for; None asks for none, as some systems do.
    """

    def __init__(self, folder: Path, controller: str, mtu: int | None = 247) -> None:
        self.folder, self.controller, self.mtu = folder, controller, mtu
        self._wire: _Wire | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._scanner: type[_TcpScanner] | None = None
        self._client: type[BumbleClient] | None = None

    async def open(self) -> Backends:
        """Take the controller and power it on.

        Raises
        ------
        LinkError
            NO_ADAPTER where nothing listens.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for last in (False,) * (TRIES - 1) + (True,):
                try:
                    await self._attach()
                    break
                except (TransportLostError, TimeoutError):  # somebody answered, and went again
                    if last:
                        raise
                    await asyncio.sleep(LOOK_S)
        except (OSError, ValueError, BaseBumbleError) as error:
            raise LinkError(
                Reason.NO_ADAPTER, f"No Bluetooth controller answers at {self.controller}.", "Start it first."
            ) from error
        self._keeper = asyncio.create_task(self._keep())
        return self._scanner, self._client

    async def _attach(self) -> None:
        host, _, port = self.controller.rpartition(":")
        _, wire = await asyncio.get_running_loop().create_connection(_Wire, host, int(port))
        device = laptop_device(PatientHost(wire, wire), self._address(), self.folder / "bonds.json")
        # not wait_for, which (before Python 3.12) swallows a cancellation that comes with its end
        async with asyncio.timeout(POWER_ON_S):
            await device.power_on()
        self._wire = wire
        if self._scanner is None or self._client is None:
            scanner, self._client = backends(device, self.mtu)
            self._scanner = cast("type[_TcpScanner]", type("Scanner", (_TcpScanner, scanner), {}))
        # the program holds these classes; what they stand for may be another adapter now
        self._scanner.device = self._client.device = device
        self._scanner.wire = wire

    async def _keep(self) -> None:
        """Take the controller again when it was gone."""
        while True:
            assert self._wire is not None
            await asyncio.wait({self._wire.terminated})
            while True:
                await asyncio.sleep(LOOK_S)
                with contextlib.suppress(OSError, TimeoutError, BaseBumbleError):
                    await self._attach()
                    break

    def _address(self) -> str:
        """Return this laptop's address: a static random one, made once."""
        path = self.folder / "laptop.txt"
        if not path.exists():
            path.write_text(":".join(f"{byte:02X}" for byte in (0xF0, *random.randbytes(5))), "utf-8")
        return path.read_text("utf-8")

    def ask_mtu(self, mtu: int | None) -> None:
        """Ask for another MTU from the next connection on."""
        self.mtu = mtu
        if self._client is not None:
            self._client.mtu = mtu

    async def close(self) -> None:
        """Let go of the controller."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.close()

    @asynccontextmanager
    async def pairing(self, show: Callable[[str], None], address: str) -> AsyncGenerator[None]:
        """Nothing is to be done here: somebody else holds the strap's button."""
        yield

    def button_asked(self) -> None:
        """The same."""

    async def release(self, address: str) -> bool:
        """The controller ends its links with the process that held it."""
        return False


class _TcpScanner(BumbleScanner):
    """Says that there is no adapter where it vanished."""

    wire: _Wire

    async def start(self) -> None:
        if self.wire.transport is None:
            raise _absent()
        # for its whole life: the next adapter knows nothing of this scan
        self.device = type(self).device
        try:
            await super().start()
        except BaseBumbleError as error:
            raise _absent() from error

    async def stop(self) -> None:
        with contextlib.suppress(BaseBumbleError):  # an adapter that is gone scans no more
            await super().stop()


def _absent() -> BleakBluetoothNotAvailableError:
    return BleakBluetoothNotAvailableError("the adapter is gone", BleakBluetoothNotAvailableReason.POWERED_OFF)
