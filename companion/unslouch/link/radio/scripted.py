# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (Bumble is typed in part)
"""A strap made of a script: it speaks the protocol truthfully, except where it is told to lie.

No firmware behind it: a Bumble peripheral on the medium. What it sends can be replaced piece by piece, to see what the
companion does about a strap that is broken, hostile or of another make.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from bumble.core import UUID, AdvertisingData, ProtocolError
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    CharacteristicValue,
    Descriptor,
    Service,
)
from bumble.hci import Address, OwnAddressType
from bumble.host import Host
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink

from unslouch.link.radio.medium import Controller, Medium
from unslouch.wire.control import ControlStatus, Op, Request, Response, encode_response, parse_request
from unslouch.wire.encode import encode_stream
from unslouch.wire.layout import (
    CHANNEL_UUIDS,
    COMPANY_ID,
    HEADER_SIZE,
    PROTOCOL_VERSION,
    RESENT,
    SERVICE_UUID,
    TICK_US,
    Kind,
)
from unslouch.wire.source import Channel
from unslouch.wire.status import Status, StrapCalibration
from unslouch_signal.samples import SampleBlock

PERIOD_US = 19230
"""52 Hz."""
GRAVITY = 9.80665
RING = 1560
"""Samples that are kept to be sent again: 30 s."""
_PLAIN = Characteristic.Permissions.READABLE | Characteristic.Permissions.WRITEABLE
_KEYED = (
    _PLAIN | Characteristic.Permissions.READ_REQUIRES_ENCRYPTION | Characteristic.Permissions.WRITE_REQUIRES_ENCRYPTION
)
_Properties = Characteristic.Properties
_PROPERTIES = {
    Channel.STREAM: _Properties.NOTIFY,
    Channel.LOG: _Properties.NOTIFY,
    Channel.CONTROL: _Properties.NOTIFY | _Properties.WRITE,
    Channel.STATUS: _Properties.NOTIFY | _Properties.READ,
    Channel.CALIBRATION: _Properties.NOTIFY | _Properties.READ,
}
Answers = Callable[[Request], "list[bytes] | None"]
"""Takes a request; the notifications on control that answer it, or None for the truth."""
Twist = Callable[[bytes], "list[bytes]"]
"""Takes a packet of the stream; what is sent instead."""


@lru_cache
def pose(n: int, flexion: float = 0.0) -> bytes:
    """Return what a FUSED packet of n samples holds after its header, at rest and bent forward by an angle, rad."""
    w, y = math.cos(flexion / 2), math.sin(flexion / 2)
    block = SampleBlock(
        np.arange(1, n + 1).astype(np.float64) * (PERIOD_US * 1e-6),
        np.tile([w, 0.0, y, 0.0], (n, 1)),
        np.tile([-GRAVITY * math.sin(flexion), 0.0, GRAVITY * math.cos(flexion)], (n, 1)),
        None,
        np.zeros(n, np.uint8),
    )
    [packet] = encode_stream(block, np.arange(n, dtype=np.int64), 1, n)
    return packet.data[HEADER_SIZE:]


def packet_of(seq: int, boot: int, samples: bytes, *, at: int | None = None, resent: bool = False) -> bytes:
    """Return a FUSED packet; ``at`` is the sample whose time it bears, its own where none is given."""
    t_us = ((seq if at is None else at) + 1) * PERIOD_US
    head = struct.pack("<BBHI", Kind.FUSED.head, RESENT if resent else 0, boot, seq)
    return head + t_us.to_bytes(6, "little") + struct.pack("<H", PERIOD_US // TICK_US) + samples


@dataclass
class Script:
    """What a strap does; everything may be changed while it runs.

    Attributes
    ----------
    answer
        Replaces answers to requests.
    twist
        Replaces packets of the stream.
    status
        Changes STATUS before it is told.
    status_bytes, calibration_bytes
        Read in place of the truth.
    records
        The log: whole records by id, in order.
    silent
        Whether the stream says nothing.
    lacks
        Channels whose characteristics are missing.
    keyed
        Whether it wants an encrypted link.
    version
        That it advertises.
    state
        That it advertises (docs/protocol.md, section 2).
    accepts
        Whether it pairs.
    serial
        What it calls itself.
    """

    answer: Answers | None = None
    twist: Twist | None = None
    status: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status_bytes: bytes | None = None
    calibration_bytes: bytes | None = None
    records: dict[int, bytes] = field(default_factory=dict[int, bytes])
    silent: bool = False
    lacks: frozenset[Channel] = frozenset()
    keyed: bool = False
    version: int = PROTOCOL_VERSION
    state: int = 1
    accepts: bool = True
    serial: str = "5C121F7ED000"


class ScriptedStrap:
    """A strap without firmware.

    Parameters
    ----------
    medium
        The air.
    script
        What it does.
    number
        Of its address.
    """

    def __init__(self, medium: Medium, script: Script | None = None, number: int = 1) -> None:
        self.script = script or Script()
        self.address = f"C6:5C:12:1F:7E:{number:02X}"
        self.name = f"Unslouch-7E{number:02X}"
        self.medium = medium
        self.boot, self.seq = 1, 0
        self.asked: list[Request] = []
        """Requests that were understood, in order."""
        self._zero_us = 0
        self._samples = 2
        self._link: Connection | None = None
        self._stream: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._characteristics: dict[Channel, Characteristic[bytes]] = {}

    async def start(self) -> None:
        """Switch it on: it advertises."""
        address = Address(self.address, Address.RANDOM_DEVICE_ADDRESS)
        self.controller = Controller("scripted", link=self.medium, public_address=address)
        host = Host(self.controller, AsyncPipeSink(self.controller))
        self.device = Device(config=DeviceConfiguration(name=self.name, address=address), host=host)
        self.controller.host = self.device.host
        delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT)

        async def accept() -> bool:
            return self.script.accepts

        delegate.accept = accept

        def config(_connection: Connection) -> PairingConfig:
            identity = PairingConfig.AddressType.RANDOM
            return PairingConfig(sc=True, mitm=False, bonding=True, delegate=delegate, identity_address_type=identity)

        self.device.pairing_config_factory = config
        service = self._service()
        self._guard()
        self.device.add_services([service, self._information()])
        self.device.on(Device.EVENT_CONNECTION, self._connected)
        await self.device.power_on()
        self._zero_us = self._now_us()
        await self.advertise()

    async def advertise(self) -> None:
        """Tell the air what the script says now."""
        listed = AdvertisingData(
            [
                (AdvertisingData.FLAGS, bytes([6])),
                (AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, UUID(SERVICE_UUID).to_bytes()),
                (
                    AdvertisingData.MANUFACTURER_SPECIFIC_DATA,
                    struct.pack("<HBBBB", COMPANY_ID, self.script.version, self.script.state, 80, 0),
                ),
            ]
        )
        named = AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, self.name.encode())])
        await self.device.start_advertising(
            advertising_data=bytes(listed),
            scan_response_data=bytes(named),
            own_address_type=OwnAddressType.RANDOM,
            auto_restart=True,
            advertising_interval_min=100,
            advertising_interval_max=100,
        )

    async def stop(self) -> None:
        """Switch it off."""
        for task in (self._stream, *self._errands):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        self.medium.remove_controller(self.controller)

    # What it holds.

    def _service(self) -> Service:
        permissions = _KEYED if self.script.keyed else _PLAIN
        for channel, properties in _PROPERTIES.items():
            if channel in self.script.lacks:
                continue
            value = CharacteristicValue(
                read=lambda _link, channel=channel: self._read(channel), write=lambda _link, data: self._asked(data)
            )
            self._characteristics[channel] = Characteristic(CHANNEL_UUIDS[channel], properties, permissions, value)
        return Service(SERVICE_UUID, list(self._characteristics.values()))

    def _guard(self) -> None:
        """Demand the key for subscriptions, too."""
        if not self.script.keyed:
            return
        server: Any = self.device.gatt_server
        for characteristic in self._characteristics.values():
            value = server.make_descriptor_value(characteristic)
            kind = GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR
            characteristic.descriptors = (Descriptor(kind, _KEYED, value),)

    def _information(self) -> Service:
        told = {"2A29": "unslouch", "2A24": "script", "2A27": "none", "2A26": "0.1.0", "2A25": self.script.serial}
        return Service(
            "180A",
            [Characteristic(key, _Properties.READ, _PLAIN, text.encode()) for key, text in told.items()],
        )

    def _now_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    def status(self) -> Status:
        """Return STATUS as the script says it."""
        first, last = (min(self.script.records), max(self.script.records)) if self.script.records else (1, 0)
        truth = Status(
            state=1,
            boot=self.boot,
            seq=self.seq,
            t_us=self._now_us() - self._zero_us,
            battery_percent=80,
            profile=0,
            log_next=last + 1,
            log_oldest=first,
            log_unconfirmed=first,
            dt_us=PERIOD_US,
            samples_per_packet=self._samples,
            mode=0,
            setup=0,
            bonds=1,
            firmware=(0, 1, 0),
            ring_oldest_seq=max(0, self.seq - RING),
        )
        return replace(truth, **self.script.status)

    def _read(self, channel: Channel) -> bytes:
        if channel is Channel.CALIBRATION:
            told = self.script.calibration_bytes
            return StrapCalibration().to_bytes() if told is None else told
        told = self.script.status_bytes
        return self.status().to_bytes() if told is None else told

    # What it says.

    async def say(self, channel: Channel, data: bytes) -> None:
        """Notify, whatever the bytes; without a link nothing happens."""
        link, characteristic = self._link, self._characteristics.get(channel)
        if link is not None and characteristic is not None:
            with contextlib.suppress(ProtocolError):  # it went just now
                await self.device.notify_subscriber(link, characteristic, data)

    def samples(self, first: int, count: int, *, resent: bool = False) -> list[bytes]:
        """Return packets of samples: sitting upright, at rest."""
        return [
            packet_of(seq, self.boot, pose(min(self._samples, first + count - seq)), resent=resent)
            for seq in range(first, first + count, self._samples)
        ]

    async def _send_stream(self) -> None:
        head = struct.pack("<BBHI", Kind.ANCHOR.head, 0, self.boot, self.seq)
        t_us = (self.seq + 1) * PERIOD_US
        await self.say(Channel.STREAM, head + t_us.to_bytes(6, "little") + struct.pack("<H", PERIOD_US // TICK_US))
        while True:
            await asyncio.sleep(self._samples * PERIOD_US * 1e-6)
            packets = self.samples(self.seq, self._samples)
            self.seq += self._samples
            if self.script.silent:
                continue
            for packet in packets:
                for sent in [packet] if self.script.twist is None else self.script.twist(packet):
                    await self.say(Channel.STREAM, sent)

    def _connected(self, link: Connection) -> None:
        self._link = link
        link.on(link.EVENT_DISCONNECTION, self._disconnected)

    def _disconnected(self, _reason: int) -> None:
        self._link = None
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None

    # What it is asked.

    def _asked(self, data: bytes) -> None:
        request = parse_request(data)
        task = asyncio.create_task(self._answer(request, data[0] if data else 0x7F))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _answer(self, request: Request | Response, op: int) -> None:
        if isinstance(request, Response):
            await self.say(Channel.CONTROL, encode_response(request, op))
            return
        self.asked.append(request)
        said = None if self.script.answer is None else self.script.answer(request)
        if said is not None:
            for data in said:
                await self.say(Channel.CONTROL, data)
            return
        await self._obey(request)

    async def _obey(self, request: Request) -> None:
        values = request.values
        match request.op:
            case Op.START:
                self._samples = min(values["samples"], (self._mtu - 19) // 12)
                await self.grant(request, samples=self._samples, dt=PERIOD_US // TICK_US)
                if self._stream is not None:
                    self._stream.cancel()
                self._stream = asyncio.create_task(self._send_stream())
            case Op.RESEND:
                first = max(values["seq"], self.seq - RING)
                count = min(values["seq"] + values["count"], self.seq) - first
                if count <= 0 or values["boot"] != self.boot:
                    await self.refuse(request, ControlStatus.GONE)
                    return
                await self.grant(request, seq=first, count=count)
                for packet in self.samples(first, count, resent=True):
                    await self.say(Channel.STREAM, packet)
            case Op.LOG_READ:
                wanted = [n for n in self.script.records if values["first"] <= n <= values["last"]]
                if not wanted:
                    await self.refuse(request, ControlStatus.GONE)
                    return
                await self.grant(request, first=wanted[0], last=wanted[-1])
                for number in wanted:
                    await self.say_record(number, self.script.records[number])
                await self.say_end(wanted[0], wanted[-1] + 1, len(wanted))
            case Op.SET_TIME:
                t = self._now_us() - self._zero_us
                await self.grant(request, t=t)
            case Op.LOG_CONFIRM | Op.STORED:
                await self.grant(request, oldest=max(self.script.records, default=0) + 1)
            case Op.MARK:
                await self.grant(request, id=1)
            case _:
                await self.refuse(request, ControlStatus.OK)

    @property
    def _mtu(self) -> int:
        return 23 if self._link is None else self._link.att_mtu

    async def grant(self, request: Request, **results: int) -> None:
        """Answer with OK and results."""
        response = Response(request.op, request.tag, ControlStatus.OK, results)
        await self.say(Channel.CONTROL, encode_response(response))

    async def refuse(self, request: Request, status: ControlStatus) -> None:
        """Answer with a status alone."""
        await self.say(Channel.CONTROL, bytes((request.op | 0x80, request.tag, status)))

    async def say_record(self, number: int, record: bytes) -> None:
        """Send a record of the log in fragments."""
        size = self._mtu - 6
        parts = [record[at : at + size] for at in range(0, len(record), size)]
        for index, part in enumerate(parts):
            last = 0x80 if index == len(parts) - 1 else 0
            await self.say(Channel.LOG, struct.pack("<BH", index | last, number & 0xFFFF) + part)

    async def say_end(self, first: int, end: int, sent: int) -> None:
        """Send LOG_END."""
        await self.say_record(0, struct.pack("<BBIII", Kind.LOG_END.head, 0, first, end, sent))
