"""An H4-over-TCP server: each client gets a fresh controller on the medium, whatever language it is written in."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from bumble import hci
from bumble.transport.common import StreamPacketSource

from unslouch.link.radio.medium import Controller, Medium


class Client(asyncio.Protocol):
    """One TCP client and its controller."""

    def __init__(self, server: H4Server) -> None:
        self.server = server
        self.source = StreamPacketSource()
        self.transport: asyncio.Transport | None = None
        self.controller: Controller | None = None
        self.sent = self.received = 0
        """Bytes to and from it."""

    @property
    def flushed(self) -> bool:
        """Whether everything has gone out."""
        return self.transport is None or self.transport.get_write_buffer_size() == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put a controller on the air."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = len(self.server.controllers) + 1
        address = hci.Address(f"C2:00:00:00:{number >> 8:02X}:{number & 255:02X}", hci.Address.PUBLIC_DEVICE_ADDRESS)
        self.controller = Controller(
            f"chip {number}",
            host_source=self.source,
            host_sink=self,
            link=self.server.medium,
            public_address=address,
        )
        self.server.controllers.append(self.controller)
        self.server.newest = self
        self.server.wires[self.controller] = self.transport

    def on_packet(self, packet: bytes) -> None:
        """Send a packet of the controller to its host."""
        if self.transport is not None and not self.transport.is_closing():
            self.sent += len(packet)
            self.transport.write(packet)

    def data_received(self, data: bytes) -> None:
        """Take what its host sends."""
        self.received += len(data)
        self.source.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the controller off the air."""
        if self.controller is not None:
            self.server.wires.pop(self.controller, None)
            self.server.medium.remove_controller(self.controller)


class H4Server:
    """Controllers for processes; ``controllers`` holds them in the order in which they came."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.controllers: list[Controller] = []
        self.wires: dict[Controller, asyncio.Transport] = {}
        """The connections of those that are there; one that is aborted is an adapter that vanishes."""
        self.newest: Client | None = None
        """Who came last."""
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on loopback; the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening; clients that are there end with their process."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
