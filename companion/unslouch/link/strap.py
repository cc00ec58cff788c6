"""A strap over the air: found, paired, streamed, followed over lost links, with nothing lost.

The strap is a source of packets like any other. Underneath runs one task that searches, connects, starts the stream,
asks for what is missing, and begins again whenever the link ends (docs/protocol.md, section 9). What has arrived is in
the ledger; the consumer tells with :meth:`Strap.stored` what is on its disk, and only that is confirmed to the strap.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from unslouch.errors import LinkError, Reason
from unslouch.link.connection import StrapConnection
from unslouch.link.discovery import FoundStrap, scan
from unslouch.link.failures import failure
from unslouch.link.ledger import Hole, Ledger, Position
from unslouch.link.records import RecordWatch
from unslouch.link.states import ADVICE, LinkStatus, Phase
from unslouch.wire.control import ControlStatus, Op
from unslouch.wire.layout import PROTOCOL_VERSION, Kind
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.status import Status

SEARCH_S = 8.0
SILENCE_S = {0: 2.0, 1: 4.0}
"""Without a packet of the stream for this long the link is lost, by mode."""
BACKOFF_S = (0.1, 0.5, 1.5, 4.0)
"""Waits of the first tries after a lost link; then calm ones."""
CALM_S = 15.0
RESEND_MOST = 1500
"""Samples asked for at once: half a minute, what the strap's ring holds."""
NEAR = 52
"""Samples between two holes that are asked for in one request: a second."""
RING_TRIES = 5
ASK_AGAIN_S = 1.0
CONFIRM_EVERY_S = 10.0
LOG_TRIES = 3
HOPELESS = frozenset(
    {Reason.NO_PERMISSION, Reason.WRONG_FIRMWARE, Reason.NOT_PAIRED, Reason.PAIRING_CLOSED, Reason.PAIRING_REFUSED}
)
"""What trying again at once does not mend."""


@dataclass(frozen=True, slots=True)
class StrapOptions:
    """How a strap is used.

    Attributes
    ----------
    samples
        Per packet: 2 for low latency, 18 for economy.
    economy
        Slow link parameters.
    profile
        0 fused, 1 raw, 2 fused and angular rate.
    pair
        Whether to make a bond where there is none.
    """

    samples: int = 2
    economy: bool = False
    profile: int = 0
    pair: bool = False


class Strap:
    """A live strap as a source of packets.

    Parameters
    ----------
    address
        Address or name; the strap is looked for anew at each connection.
    name
        To be shown.
    options
        How it is used.
    start
        What was stored of it before.
    backends
        bleak's scanner and client backends; None for this system's.
    on_status
        Called with each change of the link.
    on_position
        Called with what the strap was told to be stored, to be kept over starts of the program.
    seed
        Of the jitter of the waits.
    """

    def __init__(
        self,
        address: str,
        name: str = "",
        options: StrapOptions | None = None,
        *,
        start: Position | None = None,
        backends: tuple[type[Any], type[Any]] | None = None,
        on_status: Callable[[LinkStatus], None] | None = None,
        on_position: Callable[[Position], None] | None = None,
        seed: int = 0,
    ) -> None:
        self.address = address
        self.options = options or StrapOptions()
        self.ledger = Ledger(start)
        self.link_status = LinkStatus(Phase.SEARCHING, "Looking for the strap.")
        self.status: Status | None = None
        self._name = name or address
        self._device: dict[str, str] = {}
        self._rate_hz = 52.0
        self._scanner, self._client = backends or (None, None)
        self._on_status, self._on_position = on_status, on_position
        self._queue: asyncio.Queue[tuple[Packet, Position] | None] = asyncio.Queue()
        self._yielded = Position()
        self._stored: Position | None = None
        self._confirmed = Position()
        self._records = RecordWatch()
        self._filled = asyncio.Event()
        self._connection: StrapConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._last_stream = 0.0
        self._random = random.Random(seed)
        self._log_wanted: tuple[int, int] | None = None

    # The source.

    @property
    def info(self) -> SourceInfo:
        """What is known of the strap."""
        return SourceInfo(SourceKind.STRAP, self._name, self.address, tuple(self._device.items()), self._rate_hz)

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """Connect and yield packets until closed."""
        self.start()
        while True:
            item = await self._queue.get()
            if item is None:
                if self._failure is not None:
                    raise self._failure
                return
            packet, position = item
            yield packet
            # the consumer has come back for the next one: it has taken this one
            self._yielded = position

    def start(self) -> None:
        """Begin to search and connect; iteration does it too."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """End the link and the iteration."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tell(LinkStatus(Phase.CLOSED, "Closed."))
        self._queue.put_nowait(None)

    def mark(self) -> Position:
        """Return up to where the consumer has taken everything."""
        return self._yielded

    def stored(self, mark: Position) -> None:
        """Everything up to a mark is on the disk: the strap may forget it."""
        self._stored = mark

    # Requests from outside, while streaming.

    @property
    def connection(self) -> StrapConnection | None:
        """The open link; None while there is none."""
        return self._connection

    async def until_streaming(self, seconds: float = 30.0) -> StrapConnection:
        """Wait until the stream runs.

        Raises
        ------
        LinkError
            With why it does not, when the time is up or trying on is of no use.
        """
        end = time.monotonic() + seconds
        self.start()
        while time.monotonic() < end:
            if self._connection is not None and self.link_status.phase in (Phase.STREAMING, Phase.FETCHING):
                return self._connection
            if self.link_status.reason in HOPELESS:
                break
            await asyncio.sleep(0.02)
        reason = self.link_status.reason or Reason.TIMEOUT
        raise failure(reason, self.link_status.text)

    # The task.

    def _tell(self, status: LinkStatus) -> None:
        self.link_status = status
        if self._on_status is not None:
            self._on_status(status)

    async def _run(self) -> None:
        tries = 0
        try:
            while True:
                try:
                    await self._once()
                    tries = 0
                except LinkError as error:
                    streamed = self.link_status.phase in (Phase.STREAMING, Phase.FETCHING)
                    tries = 0 if streamed else tries + 1
                    self._tell(LinkStatus(Phase.LOST, error.message, error.advice, error.reason))
                    await asyncio.sleep(self._wait(tries, error.reason))
        except Exception as error:  # noqa: BLE001  # handed to the consumer, whose iteration raises it
            self._failure = error
            self._queue.put_nowait(None)

    def _wait(self, tries: int, reason: Reason) -> float:
        calm = reason in HOPELESS or tries >= len(BACKOFF_S)
        base = CALM_S if calm else BACKOFF_S[tries]
        return base * self._random.uniform(0.8, 1.2)

    async def _once(self) -> None:
        """Serve one connection, from the search to its end."""
        self._tell(LinkStatus(Phase.SEARCHING, f"Looking for {self._name}."))
        found = await self._find()
        self._name = found.name
        self._tell(LinkStatus(Phase.CONNECTING, f"Connecting to {found.name}."))
        connection = StrapConnection(found, self._take, backend=self._client)
        try:
            await connection.open()
            await self._begin(connection)
            await self._follow(connection)
        finally:
            self._connection = None
            await connection.close()

    async def _find(self) -> FoundStrap:
        heard = await scan(SEARCH_S, backend=self._scanner, stop_at=self.address)
        for strap in heard:
            if self.address in (strap.address, strap.name):
                if not strap.understood:
                    text = f"{strap.name} speaks protocol {strap.version}, this program {PROTOCOL_VERSION}."
                    raise failure(Reason.WRONG_FIRMWARE, text)
                return strap
        raise failure(Reason.NOT_IN_RANGE, f"{self._name} was not heard.")

    async def _begin(self, connection: StrapConnection) -> None:
        """Run the whole start sequence, at every connection."""
        try:
            await connection.subscribe()
        except LinkError as error:
            if error.reason is not Reason.NOT_PAIRED or not self.options.pair:
                raise
            self._tell(LinkStatus(Phase.PAIRING, f"Pairing with {self._name}."))
            await connection.pair()
            await connection.subscribe()
        self._tell(LinkStatus(Phase.STARTING, f"Starting {self._name}."))
        self._device = await connection.device_information()
        await connection.calibration()
        status = await connection.status()
        self.status = status
        if status.dt_us:
            self._rate_hz = 1e6 / status.dt_us
        await connection.demand(Op.SET_TIME, {"utc_us": int(time.time() * 1e6)})
        await connection.demand(Op.MODE, {"mode": int(self.options.economy)})
        self._plan_fetch(status)
        options = self.options
        self._last_stream = time.monotonic()
        await connection.demand(
            Op.START, {"version": PROTOCOL_VERSION, "profile": options.profile, "samples": options.samples}
        )
        self._connection = connection
        self._tell(LinkStatus(Phase.STREAMING, "Streaming."))

    def _plan_fetch(self, status: Status) -> None:
        """Decide what is asked from the ring and what from the log."""
        known = self.ledger.boot
        self._log_wanted = None
        unconfirmed = status.log_unconfirmed if status.log_unconfirmed is not None else status.log_next
        if status.log_oldest is not None:
            self.ledger.log_starts_at(status.log_oldest)
        if known == status.boot:
            self.ledger.expect(status.boot, status.seq)
            oldest = status.ring_oldest_seq or 0
            in_ring = all(hole.first >= oldest for hole in self.ledger.holes)
        else:
            self.ledger.expect(status.boot, 0)
            in_ring = False
        if not in_ring and unconfirmed < status.log_next:
            self._log_wanted = (unconfirmed, status.log_next - 1)

    async def _follow(self, connection: StrapConnection) -> None:
        """Watch the stream, ask for what is missing, confirm what is stored, until the link ends."""
        gone = asyncio.create_task(connection.gone.wait())
        chores = asyncio.create_task(self._chores(connection))
        watch = asyncio.create_task(self._watch_silence())
        try:
            done, _ = await asyncio.wait({gone, chores, watch}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watch, chores):
                if task in done:
                    task.result()
            raise failure(Reason.LINK_LOST, "The strap went out of range or was switched off.")
        finally:
            for task in (gone, chores, watch):
                task.cancel()
            await asyncio.gather(gone, chores, watch, return_exceptions=True)

    async def _watch_silence(self) -> None:
        limit = SILENCE_S[int(self.options.economy)]
        while True:
            quiet = time.monotonic() - self._last_stream
            if quiet > limit:
                raise failure(Reason.SILENT, f"{self._name} has sent nothing for {limit:.0f} s.")
            await asyncio.sleep(limit - quiet + 0.01)

    async def _chores(self, connection: StrapConnection) -> None:
        confirmed_at = time.monotonic()
        while True:
            holes = [hole for hole in self.ledger.holes if hole.asked < RING_TRIES]
            if holes:
                await self._ask_ring(connection, holes)
            elif self._log_wanted is not None:
                await self._fetch_log(connection, *self._log_wanted)
            if time.monotonic() - confirmed_at > CONFIRM_EVERY_S or self._log_unconfirmed():
                confirmed_at = time.monotonic()
                await self._confirm(connection)
            await asyncio.sleep(0.05)

    # Missing samples.

    async def _ask_ring(self, connection: StrapConnection, holes: list[Hole]) -> None:
        """Ask for missing samples from the strap's RAM; what is gone there is asked from the log.

        Holes that lie near each other go into one request: what is between them comes twice, which costs less than a
        request's way there and back.
        """
        first, last = holes[0].first, min(holes[0].end, holes[0].first + RESEND_MOST)
        for hole in holes[1:]:
            if hole.first - last > NEAR or hole.end - first > RESEND_MOST:
                break
            last = hole.end
        asked = [hole for hole in holes if hole.first < last]
        for hole in asked:
            self.ledger.asked(hole)
        values = {"boot": holes[0].boot, "seq": first, "count": last - first}
        answer = await connection.request(Op.RESEND, values)
        if answer.status is ControlStatus.GONE:
            for hole in asked:
                self.ledger.give_up(hole)
            await self._want_log(connection)
            return
        if answer.status is not ControlStatus.OK:
            return
        held = answer.values["seq"]
        if any(hole.first < held for hole in asked):
            # the ring has lost the beginning
            for hole in asked:
                self.ledger.give_up(hole)
                self.ledger.reopen(replace(hole, first=max(hole.first, held)))
            await self._want_log(connection)
        self._filled.clear()
        with contextlib.suppress(TimeoutError):  # what did not come is asked for again
            await asyncio.wait_for(self._until_filled(last), ASK_AGAIN_S)

    async def _until_filled(self, last: int) -> None:
        while any(hole.first < last for hole in self.ledger.holes):
            await self._filled.wait()
            self._filled.clear()

    async def _want_log(self, connection: StrapConnection) -> None:
        status = await connection.status()
        unconfirmed = status.log_unconfirmed
        if unconfirmed is not None and unconfirmed < status.log_next:
            self._log_wanted = (unconfirmed, status.log_next - 1)

    async def _fetch_log(self, connection: StrapConnection, first: int, last: int) -> None:
        """Fetch log records while the stream goes on; records that did not arrive whole are asked for again."""
        total = last - first + 1
        for _ in range(LOG_TRIES):
            missing = self.ledger.missing_records(first, last)
            if not missing:
                break
            self._records.begin()
            answer = await connection.request(Op.LOG_READ, {"first": missing[0][0], "last": missing[-1][1]})
            if answer.status is ControlStatus.BUSY:
                await connection.request(Op.LOG_STOP)
                await asyncio.sleep(0.2)
                continue
            if answer.status is ControlStatus.GONE:
                break
            if answer.status is not ControlStatus.OK:
                await asyncio.sleep(0.5)
                continue
            while not self._records.ended:
                left = sum(b - a + 1 for a, b in self.ledger.missing_records(first, last))
                self._tell(LinkStatus(Phase.FETCHING, "Fetching what was missed.", progress=1 - left / total))
                if self._records.idle_s() > ASK_AGAIN_S:
                    break
                await asyncio.sleep(0.1)
        # what is still missing after that the strap cannot give
        self.ledger.log_starts_at(last + 1)
        self._log_wanted = None
        self._tell(LinkStatus(Phase.STREAMING, "Streaming."))

    # What may be forgotten.

    def _log_unconfirmed(self) -> bool:
        return self._stored is not None and self._stored.log_id > self._confirmed.log_id

    async def _confirm(self, connection: StrapConnection) -> None:
        stored = self._stored
        if stored is None or stored == self._confirmed:
            return
        if stored.log_id > self._confirmed.log_id:
            await connection.request(Op.LOG_CONFIRM, {"id": stored.log_id})
        if stored.boot is not None and stored.boot == self.ledger.boot and stored.seq > 0:
            await connection.request(Op.STORED, {"boot": stored.boot, "seq": stored.seq - 1})
        self._confirmed = stored
        if self._on_position is not None:
            self._on_position(stored)

    # Packets.

    def _take(self, packet: Packet) -> None:
        """Take a packet off the air: into the ledger, then to the consumer."""
        self.ledger.take(packet)
        if packet.channel is Channel.STREAM:
            self._last_stream = time.monotonic()
            self._filled.set()
        elif packet.channel is Channel.LOG:
            for record_id in self._records.take(packet.data):
                self.ledger.log_record(record_id)
        elif packet.channel is Channel.STATUS and packet.data[:1] == bytes((Kind.STATUS.head,)):
            self._note_status(packet.data)
        self._queue.put_nowait((packet, self.ledger.position()))

    def _note_status(self, data: bytes) -> None:
        from unslouch.errors import WireError
        from unslouch.wire.status import parse_status

        with contextlib.suppress(WireError):  # recorded, and counted by the decoder
            self.status = parse_status(data)


__all__ = ["ADVICE", "Strap", "StrapOptions"]
