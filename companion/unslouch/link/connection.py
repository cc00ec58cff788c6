"""One connection to a strap: every step with a time limit, requests with their answers, packets as they come.

A connection is used once. bleak's clients keep state that does not survive a lost link, so a new one is made for each.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakDBusError

from unslouch.errors import LinkError, Reason, WireError
from unslouch.link.discovery import FoundStrap
from unslouch.link.failures import broken, failure
from unslouch.link.step import within
from unslouch.wire.control import ControlStatus, Op, Request, Response, encode_request, parse_response
from unslouch.wire.layout import CHANNEL_UUIDS, SERVICE_UUID
from unslouch.wire.source import Channel, Packet
from unslouch.wire.status import Status, StrapCalibration, parse_calibration, parse_status

CONNECT_S = 10.0
PAIR_S = 40.0
"""A person may have to confirm."""
STEP_S = 5.0
"""Of one read, write or subscription: below the ATT transaction timeout of 30 s, far above what any takes."""
ANSWER_S = 1.5
"""Of an answer; then a request that may be repeated is."""
TRIES = 3
ONCE = frozenset({Op.BUZZ, Op.MARK, Op.FORGET, Op.CAL_BIAS, Op.CAL_SCALE, Op.CAL_ACC, Op.REBOOT})
"""Requests that do something each time; all others may be repeated when an answer does not come."""
LONG_WORK_S = 30.0
"""Of an answer that was announced by WORKING (a calibration)."""
PANIC_MOST = 4096
"""Bytes of a panic's text that are read; more is none."""
TURN_S = 0.05
_connecting = threading.Lock()
"""One connect at a time: systems lose those that are begun while another is under way."""
DEVICE_INFORMATION = {
    "manufacturer": "00002a29-0000-1000-8000-00805f9b34fb",
    "model": "00002a24-0000-1000-8000-00805f9b34fb",
    "hardware": "00002a27-0000-1000-8000-00805f9b34fb",
    "firmware": "00002a26-0000-1000-8000-00805f9b34fb",
    "serial": "00002a25-0000-1000-8000-00805f9b34fb",
}
NOTIFYING = (Channel.CONTROL, Channel.STREAM, Channel.LOG, Channel.STATUS)
"""In this order: an answer must not be missed, and the stream only starts when it is asked for."""

_T = TypeVar("_T")


class StrapConnection:
    """An open link to one strap.

    Parameters
    ----------
    strap
        As it was heard just now; an old device object may be stale.
    on_packet
        Called for each notification, with its arrival.
    backend
        bleak's client backend; None for this system's.
    """

    def __init__(
        self, strap: FoundStrap, on_packet: Callable[[Packet], None], *, backend: type[Any] | None = None
    ) -> None:
        self.strap = strap
        self.gone = asyncio.Event()
        """Set when the link ended, whoever ended it."""
        self._on_packet = on_packet
        self._tag = 0
        self._answers: dict[tuple[int, int], asyncio.Queue[Response]] = {}
        self._writing = asyncio.Lock()
        """BlueZ refuses a second write while one is under way."""
        options: dict[str, Any] = {} if backend is None else {"backend": backend}
        self._client = BleakClient(
            strap.device,
            disconnected_callback=lambda _client: self.gone.set(),
            services=[SERVICE_UUID, "0000180a-0000-1000-8000-00805f9b34fb", "0000180f-0000-1000-8000-00805f9b34fb"],
            timeout=CONNECT_S,
            **options,
        )

    @property
    def mtu(self) -> int:
        """Agreed MTU, as far as the system tells."""
        return int(self._client.mtu_size)

    async def _step(self, work: Awaitable[_T], doing: str, seconds: float = STEP_S) -> _T:
        try:
            return await within(work, doing, seconds)
        except (LinkError, NotImplementedError):
            raise
        except Exception as error:  # whatever a system raises
            raise broken(error, doing) from error

    async def open(self) -> None:
        """Connect and discover.

        Raises
        ------
        LinkError
        """
        # a lock of threads, for each strap's loop may be in its own; who waits for it must not hold its loop up
        while not _connecting.acquire(blocking=False):  # noqa: ASYNC110  # no loop could set an event for another
            await asyncio.sleep(TURN_S)
        try:
            await self._step(self._client.connect(), "Connecting", CONNECT_S + STEP_S)
        finally:
            _connecting.release()

    async def close(self) -> None:
        """End the link; a link that cannot be ended is left to its supervision timeout."""
        try:
            await self._step(self._client.disconnect(), "Disconnecting")
        except LinkError:
            self.gone.set()

    async def pair(self) -> None:
        """Make a bond; the strap's pairing window must be open.

        Raises
        ------
        LinkError
            With PAIRING_CLOSED where the strap was heard to refuse or ends the link.
        """
        if self.strap.state is not None and not self.strap.pairing_open:
            raise failure(Reason.PAIRING_CLOSED, "The strap's pairing window is closed.")
        try:
            await self._step(self._client.pair(), "Pairing", PAIR_S)
        except LinkError as error:
            if not self.strap.pairing_open and error.reason in (Reason.LINK_LOST, Reason.PAIRING_REFUSED):
                raise failure(Reason.PAIRING_CLOSED, "The strap's pairing window is closed.") from error
            if error.reason is Reason.BOND_LOST and isinstance(error.__cause__, BleakDBusError):
                # BlueZ pairs only what it has no key of: what failed is the new bond, not an old one
                raise failure(Reason.PAIRING_REFUSED, "The strap refused to pair.") from error
            raise

    async def unpair(self) -> None:
        """Forget the bond on this machine, where the system lets a program do that.

        Raises
        ------
        LinkError
            Where it does not (macOS: System Settings, Bluetooth).
        """
        try:
            await self._step(self._client.unpair(), "Forgetting the strap")
        except NotImplementedError as error:
            text = "This system lets no program forget a bond."
            raise LinkError(Reason.BOND_LOST, text, "Remove the strap in the system's Bluetooth settings.") from error

    async def panic_text(self) -> str:
        """Read what the firmware said when it last panicked, and clear it; it is in the recording then."""
        text, total = b"", 1
        while len(text) < total <= PANIC_MOST:
            answer = await self.request(Op.PANIC, {"offset": len(text)})
            if answer.status is not ControlStatus.OK or not answer.text:
                break
            total = answer.values["total"]
            text += answer.text
        await self.request(Op.PANIC_CLEAR)
        return text.decode("utf-8", "replace")

    async def subscribe(self) -> None:
        """Take notifications of every channel.

        Raises
        ------
        LinkError
            With NOT_PAIRED where the strap wants a key first.
        """
        for channel in NOTIFYING:
            await self._step(
                self._client.start_notify(CHANNEL_UUIDS[channel], self._listener(channel)), f"Subscribing to {channel}"
            )

    def _listener(self, channel: Channel) -> Callable[[BleakGATTCharacteristic, bytearray], None]:
        def listen(_characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
            packet = Packet(time.time(), channel, bytes(data))
            self._on_packet(packet)
            if channel is Channel.CONTROL:
                self._take_answer(packet.data)

        return listen

    def _take_answer(self, data: bytes) -> None:
        try:
            answer = parse_response(data)
        except WireError:
            return  # recorded, counted by the decoder; the request it belonged to runs into its time limit
        waiting = self._answers.get((data[0] & 0x7F, answer.tag))
        if waiting is not None:
            waiting.put_nowait(answer)

    async def request(self, op: Op, values: Mapping[str, int] | None = None) -> Response:
        """Ask for something and wait for the answer (the second one where the first says WORKING).

        Raises
        ------
        LinkError
            When the link fails or no answer comes; an answer that refuses is returned, see :meth:`demand`.
        """
        tries = 1 if op in ONCE else TRIES
        while True:
            tries -= 1
            try:
                return await self._ask(op, values or {}, STEP_S if tries == 0 else ANSWER_S)
            except LinkError as error:
                if error.reason is not Reason.TIMEOUT or tries == 0 or self.gone.is_set():
                    raise

    async def _ask(self, op: Op, values: Mapping[str, int], seconds: float) -> Response:
        self._tag = self._tag % 255 + 1
        key = (int(op), self._tag)
        queue: asyncio.Queue[Response] = asyncio.Queue()
        self._answers[key] = queue
        data = encode_request(Request(op, self._tag, values))
        doing = f"Asking for {op.name.lower()}"
        try:
            uuid = CHANNEL_UUIDS[Channel.CONTROL]
            async with self._writing:
                await self._step(self._client.write_gatt_char(uuid, data, response=True), doing)
            answer = await self._step(queue.get(), doing, seconds)
            while answer.status is ControlStatus.WORKING:
                answer = await self._step(queue.get(), doing, LONG_WORK_S)
            return answer
        finally:
            del self._answers[key]

    async def demand(self, op: Op, values: Mapping[str, int] | None = None) -> Response:
        """Ask for something that must be granted.

        Raises
        ------
        LinkError
            Also with REFUSED, naming the answer.
        """
        answer = await self.request(op, values)
        if answer.status is ControlStatus.UNSUPPORTED_VERSION:
            raise failure(Reason.WRONG_FIRMWARE, f"{self.strap.name} does not speak this program's protocol.")
        if answer.status is not ControlStatus.OK:
            word = answer.status.name.lower().replace("_", " ")
            raise failure(Reason.REFUSED, f"The strap refused {op.name.lower().replace('_', ' ')}: {word}.")
        return answer

    async def _read(self, uuid: str, doing: str) -> bytes:
        return bytes(await self._step(self._client.read_gatt_char(uuid), doing))

    async def status(self) -> Status:
        """Read STATUS; it is also handed on as a packet.

        Raises
        ------
        LinkError
            With PROTOCOL where it cannot be understood.
        """
        data = await self._read(CHANNEL_UUIDS[Channel.STATUS], "Reading the strap's status")
        self._on_packet(Packet(time.time(), Channel.STATUS, data))
        try:
            return parse_status(data)
        except WireError as error:
            raise failure(error.reason, "The strap's status cannot be understood.") from error

    async def calibration(self) -> StrapCalibration | None:
        """Read the sensor's calibration, handed on as a packet; None where it cannot be understood."""
        data = await self._read(CHANNEL_UUIDS[Channel.CALIBRATION], "Reading the sensor's calibration")
        self._on_packet(Packet(time.time(), Channel.CALIBRATION, data))
        try:
            return parse_calibration(data)
        except WireError:
            return None

    async def device_information(self) -> dict[str, str]:
        """Read Device Information; what a strap does not tell is left out."""
        told: dict[str, str] = {}
        for name, uuid in DEVICE_INFORMATION.items():
            if self._client.services.get_characteristic(uuid) is not None:
                told[name] = (await self._read(uuid, "Reading the strap's type")).decode("utf-8", "replace")[:64]
        return told
