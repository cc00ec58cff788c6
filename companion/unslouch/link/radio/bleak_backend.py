# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false
# (Bumble is typed in part)
"""bleak's scanner and client on a Bumble device, so that what runs on the virtual radio is the shipped code.

scanner, client = backends(device)
found = await BleakScanner.find_device_by_name("Unslouch-12AB", backend=scanner)
async with BleakClient(found, backend=client) as strap: ...
"""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble import att, core, hci
from bumble.core import AdvertisingData
from bumble.device import Advertisement, Connection, Device, Peer

_T = TypeVar("_T")
ENCRYPT_S = 4.0
"""A chip waits 40 s for its peer's answer; nobody wants to here."""
_initiators: weakref.WeakKeyDictionary[Device, asyncio.Lock] = weakref.WeakKeyDictionary()
_scans: weakref.WeakKeyDictionary[Device, int] = weakref.WeakKeyDictionary()
_UUID_LISTS = (
    AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.Type.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.Type.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
)


def _long_uuid(short: core.UUID) -> str:
    return str(uuid.UUID(bytes=bytes(reversed(short.uuid_128_bytes))))


def _advertisement(heard: Advertisement) -> AdvertisementData:
    data: Any = heard.data
    names = data.get_all(AdvertisingData.Type.COMPLETE_LOCAL_NAME)
    uuids = [_long_uuid(one) for kind in _UUID_LISTS for listed in data.get_all(kind) for one in listed]
    company_data = {
        int(company): bytes(payload)
        for company, payload in data.get_all(AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA)
    }
    return AdvertisementData(names[0] if names else None, company_data, {}, uuids, None, heard.rssi, (heard,))


class BumbleScanner(BaseBleakScanner):
    """A scanner that listens with a Bumble device."""

    device: Device

    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: str = "active", **_: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"

    def _hear(self, heard: Advertisement) -> None:
        data = _advertisement(heard)
        address = heard.address.to_string(False)
        known = self.seen_devices.get(address)
        if known is not None:  # systems join advertisement and scan response
            before = known[1]
            data = data._replace(
                local_name=data.local_name or before.local_name,
                manufacturer_data={**before.manufacturer_data, **data.manufacturer_data},
                service_uuids=list(dict.fromkeys([*before.service_uuids, *data.service_uuids])),
            )
        found = self.create_or_update_device(address, address, data.local_name, heard.address, data)
        if self.is_allowed_uuid(data.service_uuids):
            self.call_detection_callbacks(found, data)

    async def start(self) -> None:
        """Begin to scan; several scanners may share a device."""
        self.seen_devices = {}
        self.device.on(Device.EVENT_ADVERTISEMENT, self._hear)
        _scans[self.device] = _scans.get(self.device, 0) + 1
        if _scans[self.device] == 1:
            await self.device.start_scanning(active=self._active, filter_duplicates=False)

    async def stop(self) -> None:
        """Scan no more."""
        self.device.remove_listener(Device.EVENT_ADVERTISEMENT, self._hear)
        _scans[self.device] -= 1
        if _scans[self.device] == 0:
            await self.device.stop_scanning()


class BumbleClient(BaseBleakClient):
    """A client that connects with a Bumble device."""

    device: Device
    mtu: int | None = 247
    """MTU that is asked for; None asks for none, as some systems do."""

    def __init__(self, address_or_ble_device: BLEDevice | str, services: set[str] | None = None, **kwargs: Any) -> None:
        super().__init__(address_or_ble_device, **kwargs)
        known = isinstance(address_or_ble_device, BLEDevice)
        self._target: Any = address_or_ble_device.details if known else None
        self._name = address_or_ble_device.name if known else None
        self._wanted = services
        self._link: Connection | None = None
        self._peer: Peer | None = None
        self._listeners: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        """The peer's name."""
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """Agreed MTU."""
        return int(self._link.att_mtu) if self._link else 23

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._link is not None

    def _ended(self, _reason: int) -> None:
        self._link = self._peer = None
        self.services = None
        self._listeners.clear()
        if self._disconnected_callback:
            self._disconnected_callback()

    async def _procedure(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run one procedure; it ends with the link, and Bumble's errors become bleak's."""
        link = self._link
        if link is None:
            work.close()
            raise BleakError("Not connected")
        task = asyncio.ensure_future(work)
        gone: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_end(reason: int) -> None:
            if not gone.done():
                gone.set_result(reason)

        link.on(link.EVENT_DISCONNECTION, on_end)
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            # Bumble cancels what waits on a link that ends
            if gone.done() and (not task.done() or task.cancelled()):
                raise BleakError(f"disconnected during operation ({hci.HCI_Constant.error_name(gone.result())})")
            return task.result()
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except core.ProtocolError as error:
            raise BleakError(f"{error.error_namespace} {error.error_name or error.error_code}") from error
        except (core.BaseBumbleError, TimeoutError) as error:
            raise BleakError(str(error) or type(error).__name__) from error
        finally:
            link.remove_listener(link.EVENT_DISCONNECTION, on_end)
            if not task.done():
                task.cancel()

    def _gatt(self) -> Any:
        if self._peer is None:
            raise BleakError("Not connected")
        return self._peer.gatt_client

    async def connect(self, pair: bool, **_: Any) -> None:
        """Connect, encrypt where a key exists (or pair), exchange MTU, discover."""
        if self._link is not None:
            raise BleakError("already connected")
        if self._target is None:
            raise BleakDeviceNotFoundError(self.address, f"Device with address {self.address} was not found")
        initiator = _initiators.setdefault(self.device, asyncio.Lock())
        try:
            async with initiator:
                self._link = await self.device.connect(self._target, timeout=self._timeout)
        except core.TimeoutError as error:
            raise TimeoutError from error
        except core.BaseBumbleError as error:
            raise BleakError(str(error)) from error
        self._link.once(self._link.EVENT_DISCONNECTION, self._ended)
        self._peer = Peer(self._link)
        try:
            if await self._has_key():
                await self._encrypt(self._link)
            elif pair:
                await self.pair()
            if self.mtu is not None:
                await self._procedure(self._peer.request_mtu(self.mtu))
            self.services = await self._procedure(self._discover(self._peer))
        except BaseException:
            await self.disconnect()
            raise

    async def _encrypt(self, link: Connection) -> None:
        """Encrypt; a peer without the key may say nothing, and a controller gives up then (Vol 6, Part B, 5.2)."""
        try:
            async with asyncio.timeout(ENCRYPT_S):
                await self._procedure(link.encrypt())
        except TimeoutError as error:
            raise BleakError("PIN_OR_KEY_MISSING: the peer does not answer") from error
        except BleakError as error:
            if "MIC_FAILURE" in str(error):
                raise BleakError("PIN_OR_KEY_MISSING: the peer has another key") from error
            raise

    async def _discover(self, peer: Peer) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        await peer.discover_services()
        for one in peer.services:
            if self._wanted and _long_uuid(one.uuid) not in self._wanted:
                continue
            service = BleakGATTService(one, one.handle, _long_uuid(one.uuid))
            found.add_service(service)
            for characteristic in await one.discover_characteristics():
                await characteristic.discover_descriptors()
                properties = list(gatt_char_props_to_strs(int(characteristic.properties)))
                entry = BleakGATTCharacteristic(
                    characteristic,
                    characteristic.handle,
                    _long_uuid(characteristic.uuid),
                    properties,
                    lambda: self.mtu_size - 3,
                    service,
                )
                found.add_characteristic(entry)
                for descriptor in characteristic.descriptors:
                    found.add_descriptor(
                        BleakGATTDescriptor(descriptor, descriptor.handle, _long_uuid(descriptor.type), entry)
                    )
        return found

    async def disconnect(self) -> None:
        """End the link; returns when it is over."""
        link = self._link
        if link is None:
            return
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        link.once(link.EVENT_DISCONNECTION, lambda _reason: over.done() or over.set_result(None))
        try:
            async with asyncio.timeout(10):
                await link.disconnect()
                await over
        except (core.BaseBumbleError, hci.HCI_Error, TimeoutError):
            if self._link is link:
                self._ended(0)

    async def _has_key(self) -> bool:
        keys = self.device.keystore
        return keys is not None and self._link is not None and await keys.get(str(self._link.peer_address)) is not None

    async def pair(self, *_args: Any, **_kwargs: Any) -> None:
        """Pair; where a key exists nothing is paired anew, as on BlueZ: the link is encrypted with that key."""
        link = self._link
        if link is None:
            raise BleakError("Not connected")
        if not await self._has_key():
            await self._procedure(link.pair())
        elif not link.is_encrypted:
            await self._encrypt(link)

    async def unpair(self) -> None:
        """Forget the key."""
        address = str(self._link.peer_address if self._link else self._target or self.address)
        await self.disconnect()
        keys = self.device.keystore
        if keys is not None and await keys.get(address) is not None:
            await keys.delete(address)

    async def read_gatt_char(self, characteristic: Any, *, use_cached: bool = False, **_: Any) -> bytearray:
        """Read a value."""
        return bytearray(await self._procedure(self._gatt().read_value(characteristic.obj)))

    async def read_gatt_descriptor(self, descriptor: Any, *, use_cached: bool = False, **_: Any) -> bytearray:
        """Read a descriptor."""
        return bytearray(await self._procedure(self._gatt().read_value(descriptor.obj)))

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        """Write a value."""
        if not response and len(data) > self.mtu_size - 3:
            raise BleakError(f"a write without response takes {self.mtu_size - 3} bytes, not {len(data)}")
        await self._procedure(self._gatt().write_value(characteristic.obj, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        """Write a descriptor."""
        await self._procedure(self._gatt().write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(self, characteristic: Any, callback: Callable[[bytearray], None], **_: Any) -> None:
        """Subscribe."""
        if characteristic.handle in self._listeners:
            raise BleakError("Characteristic notifications already started")

        def listen(value: bytes) -> None:
            callback(bytearray(value))

        self._listeners[characteristic.handle] = listen
        try:
            await self._procedure(self._gatt().subscribe(characteristic.obj, listen))
        except BaseException:
            self._listeners.pop(characteristic.handle, None)
            if self._peer is not None:
                # Bumble notes the subscriber before the peer agrees
                self._peer.gatt_client.notification_subscribers.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: Any) -> None:
        """Unsubscribe."""
        listen = self._listeners.pop(characteristic.handle, None)
        if listen is not None:
            await self._procedure(self._gatt().unsubscribe(characteristic.obj, listen))


def backends(device: Device, mtu: int | None = 247) -> tuple[type[BumbleScanner], type[BumbleClient]]:
    """Scanner and client classes bound to one powered-on device."""
    scanner = type("Scanner", (BumbleScanner,), {"device": device})
    client = type("Client", (BumbleClient,), {"device": device, "mtu": mtu})
    return scanner, client
