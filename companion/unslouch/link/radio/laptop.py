"""A laptop on the virtual radio: a Bumble device with a keystore, and bleak's backends on it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from bumble.device import Connection, Device, DeviceConfiguration
from bumble.hci import Address
from bumble.host import Host
from bumble.keys import JsonKeyStore, MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink

from unslouch.link.radio.bleak_backend import BumbleClient, BumbleScanner, backends
from unslouch.link.radio.medium import Controller, Medium

ADDRESS = "F0:F1:F2:F3:F4:F5"


def laptop_device(host: Host, address: str = ADDRESS, bonds: Path | None = None) -> Device:
    """Return a device that pairs as a laptop does; its bonds are kept in a file, if one is given."""
    device = Device(
        config=DeviceConfiguration(name="laptop", address=Address(address, Address.RANDOM_DEVICE_ADDRESS)), host=host
    )
    device.keystore = MemoryKeyStore() if bonds is None else JsonKeyStore("laptop", str(bonds))
    delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT)

    def just_works(_connection: Connection) -> PairingConfig:
        # the identity it tells must be the address it connects with
        identity = PairingConfig.AddressType.RANDOM
        return PairingConfig(sc=True, mitm=False, bonding=True, delegate=delegate, identity_address_type=identity)

    device.pairing_config_factory = just_works
    return device


class PatientHost(Host):
    """A host that may be answered after whoever asked has gone: Bumble's would set a result nobody can take."""

    def on_packet(self, packet: bytes) -> None:
        """Take a packet of the controller."""
        try:
            super().on_packet(packet)
        except asyncio.InvalidStateError:
            asked = cast("asyncio.Future[Any] | None", self.pending_response)  # pyright: ignore[reportUnknownMemberType]
            if asked is None or not asked.cancelled():
                raise


class Laptop:
    """A central. ``device.keystore`` holds its bonds (in a file, if given); ``controller`` can be muted."""

    def __init__(
        self,
        medium: Medium,
        address: str = ADDRESS,
        mtu: int | None = 247,
        bonds: Path | None = None,
    ) -> None:
        public = Address(address, Address.PUBLIC_DEVICE_ADDRESS)
        self.controller = Controller("laptop", link=medium, public_address=public)
        self.device = laptop_device(PatientHost(self.controller, AsyncPipeSink(self.controller)), address, bonds)
        self.controller.host = self.device.host
        self.mtu = mtu

    async def start(self) -> tuple[type[BumbleScanner], type[BumbleClient]]:
        """Power on; bleak's backends on this laptop."""
        await self.device.power_on()
        return backends(self.device, self.mtu)
