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
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from unslouch.errors import LinkError, Reason, WireError
from unslouch.link.confirming import Confirmations
from unslouch.link.connection import StrapConnection
from unslouch.link.discovery import FoundStrap, scan
from unslouch.link.failures import failure
from unslouch.link.fetching import Fetcher
from unslouch.link.ledger import Ledger, Position
from unslouch.link.radios import Radio, SystemRadio
from unslouch.link.states import LinkStatus, Phase
from unslouch.link.timeline import OPENING
from unslouch.wire.control import Op
from unslouch.wire.layout import PROTOCOL_VERSION, Kind
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.status import Setup, State, Status, parse_status

SEARCH_S = 8.0
SILENCE_S = {0: 2.0, 1: 4.0}
"""Without a packet of the stream for this long the link is lost, by mode."""
RESTING_S = 70.0
"""The same, of any packet, while the strap rests (not worn, on the charger): it tells its status every 30 s."""
BACKOFF_S = (0.1, 0.5, 1.5, 4.0)
"""Waits of the first tries after a lost link; then calm ones."""
CALM_S = 15.0
NEAR_S = 60.0
"""A strap that was heard so lately, could not be reached and is silent now was not carried away: somebody has it."""
STRANGE = 2
"""Connections in a row at which the strap did not know its key before the bond is taken for lost."""
HOPELESS = frozenset(
    {
        Reason.NO_PERMISSION,
        Reason.WRONG_FIRMWARE,
        Reason.NOT_PAIRED,
        Reason.PAIRING_CLOSED,
        Reason.PAIRING_REFUSED,
        Reason.BOND_LOST,
        Reason.OTHER_STRAP,
        Reason.STALE_CACHE,
    }
)
"""What trying again at once does not mend."""
CANCEL_AGAIN_S = 20.0
"""Longer than anything that is done on the way out."""
BUZZ_PATTERNS = ((0.25, 1), (0.7, 2), (60.0, 3))
"""Up to so many seconds: this pattern (docs/protocol.md, 6.2)."""


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
    serial
        What the strap must call itself; empty takes any.
    """

    samples: int = 2
    economy: bool = False
    profile: int = 0
    pair: bool = False
    serial: str = ""


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
    radio
        Opened and closed with the strap; None for this system's.
    backends
        bleak's scanner and client backends of a radio that is open already.
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
        radio: Radio | None = None,
        backends: tuple[type[Any], type[Any]] | None = None,
        on_status: Callable[[LinkStatus], None] | None = None,
        on_position: Callable[[Position], None] | None = None,
        seed: int = 0,
    ) -> None:
        self.address = address
        self.options = options or StrapOptions()
        self.ledger = Ledger(start)
        self.link_status = LinkStatus(Phase.SEARCHING, "Looking for the strap.")
        self._lost: LinkStatus | None = None
        """Why it was lost last; None while it streams."""
        self._near_at: float | None = None
        """When it was heard last without being reached."""
        self.status: Status | None = None
        self.panic = ""
        """What the firmware said when it last panicked."""
        self._name = name or address
        self._device: dict[str, str] = {}
        self._rate_hz = 52.0
        self._radio: Radio = radio or SystemRadio()
        self._scanner: type[Any] | None = None
        self._client: type[Any] | None = None
        self._opened = backends is not None
        if backends is not None:
            self._scanner, self._client = backends
        self._on_status = on_status
        self._queue: asyncio.Queue[tuple[Packet, Position] | None] = asyncio.Queue()
        self._yielded = start or Position()
        self._confirmations = Confirmations(self.ledger, start or Position(), on_position)
        self._fetcher: Fetcher | None = None
        self._connection: StrapConnection | None = None
        self._first: deque[Packet] = deque()
        """What came first of a boot's stream, until two packets agree."""
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._last_stream = self._last_any = 0.0
        self._strange = 0
        self._random = random.Random(seed)
        self._errands: deque[tuple[Op, Mapping[str, int]]] = deque(maxlen=64)
        self._wishes: dict[Op, Mapping[str, int]] = {}
        self._granted: dict[Op, Mapping[str, int]] = {}

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
        """Confirm what was said to be stored, end the link and the iteration."""
        task, self._task = self._task, None
        if task is not None:
            connection = self._connection
            if connection is not None and not task.done():
                with contextlib.suppress(LinkError):  # it is confirmed at the next connection then
                    await self._confirmations.tell(connection)
            while not task.done():
                task.cancel()  # again, where something in a system's Bluetooth has swallowed it
                await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
        self._tell(LinkStatus(Phase.CLOSED, "Closed."))
        self._queue.put_nowait(None)

    def mark(self) -> Position:
        """Return up to where the consumer has taken everything."""
        return self._yielded

    def stored(self, mark: Position) -> None:
        """Everything up to a mark is on the disk: the strap may forget it."""
        self._confirmations.stored = mark

    # Requests from outside.

    @property
    def connection(self) -> StrapConnection | None:
        """The open link; None while there is none."""
        return self._connection

    @property
    def empty(self) -> bool:
        """Whether nothing has come of it yet."""
        return self._last_any == 0.0

    @property
    def complete(self) -> bool:
        """Whether the stream runs and nothing that can still come is missing."""
        return self._connection is not None and self._fetcher is not None and self._fetcher.idle

    def buzz(self, seconds: float) -> None:
        """Run the motor about as long; without a link nothing happens."""
        pattern = next(pattern for most, pattern in BUZZ_PATTERNS if seconds <= most or most == BUZZ_PATTERNS[-1][0])
        self.request(Op.BUZZ, {"pattern": pattern, "strength": 80})

    def request(self, op: Op, values: Mapping[str, int] | None = None) -> None:
        """Ask for something now, without waiting for the answer (which is recorded); dropped without a link."""
        if self._connection is not None:
            self._errands.append((op, values or {}))

    def wish(self, op: Op, values: Mapping[str, int]) -> None:
        """Set something that shall hold: asked for now and at each connection."""
        self._wishes[op] = values

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
            if self._failure is not None:
                raise self._failure
            await asyncio.sleep(0.02)
        # while it is tried again, why it was lost last says more than what is done just now
        why = self._lost or self.link_status
        raise failure(why.reason or Reason.TIMEOUT, why.text)

    # The task.

    def _tell(self, status: LinkStatus) -> None:
        self.link_status = status
        if status.phase is Phase.LOST:
            self._lost = status
        elif status.phase in (Phase.STREAMING, Phase.FETCHING):
            self._lost = None
        if self._on_status is not None:
            self._on_status(status)

    async def _run(self) -> None:
        tries = 0
        try:
            if not self._opened:
                self._scanner, self._client = await self._radio.open()
            while True:
                streamed = False
                try:
                    await self._once()
                except LinkError as error:
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():  # what failed on the way out keeps nobody in
                        raise asyncio.CancelledError from error
                    streamed = self.link_status.phase in (Phase.STREAMING, Phase.FETCHING)
                    tries = 0 if streamed else tries + 1
                    self._tell(LinkStatus(Phase.LOST, error.message, error.advice, error.reason))
                    await asyncio.sleep(self._wait(tries, error.reason))
        except Exception as error:  # noqa: BLE001  # handed to the consumer, whose iteration raises it
            self._failure = error
            self._queue.put_nowait(None)
        finally:
            if not self._opened:
                await self._radio.close()

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
            self._near_at = time.monotonic()
            await self._open(connection)
            self._near_at = None
            fetcher = Fetcher(connection, self.ledger, self._fetched)
            self._fetcher = fetcher
            await self._begin(connection, fetcher)
            await self._follow(connection, fetcher)
        finally:
            self._connection = self._fetcher = None
            self._errands.clear()
            await connection.close()

    async def _find(self) -> FoundStrap:
        heard = await scan(SEARCH_S, backend=self._scanner, stop_at=self.address)
        for strap in heard:
            if self.address in (strap.address, strap.name):
                if not strap.understood:
                    text = f"{strap.name} speaks protocol {strap.version}, this program {PROTOCOL_VERSION}."
                    raise failure(Reason.WRONG_FIRMWARE, text)
                return strap
        if await self._radio.release(self.address):
            raise failure(Reason.LINK_LOST, f"{self._name} was still held by a program that is gone.")
        if self._near_at is not None and time.monotonic() - self._near_at < NEAR_S:
            raise failure(Reason.TAKEN, f"{self._name} was near and is not heard any more: something else holds it.")
        raise failure(Reason.NOT_IN_RANGE, f"{self._name} was not heard.")

    async def _open(self, connection: StrapConnection) -> None:
        """Connect; where a bond is wanted and the strap has forgotten the old one, forget it here too."""
        try:
            await connection.open()
        except LinkError as error:
            if error.reason is not Reason.BOND_LOST:
                raise
            # a strap that lost its power in the middle is as silent as one that forgot: once is no proof
            self._strange += 1
            if self._strange < STRANGE:
                raise failure(Reason.LINK_LOST, f"{self._name} did not answer to its key.") from error
            if self.options.pair and connection.strap.pairing_open:
                self._strange = 0
                await connection.unpair()
                raise failure(Reason.LINK_LOST, "The old bond is forgotten; a new one is made.") from error
            raise
        self._strange = 0

    async def _begin(self, connection: StrapConnection, fetcher: Fetcher) -> None:
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
        serial = self._device.get("serial", "")
        if self.options.serial and serial != self.options.serial:
            raise failure(Reason.OTHER_STRAP, f"Another strap ({serial}) answers where {self._name} was.")
        await connection.calibration()
        status = await connection.status()
        self.status = status
        if status.dt_us:
            self._rate_hz = 1e6 / status.dt_us
        if (status.setup or 0) & Setup.PANIC_TEXT:
            self.panic = await connection.panic_text()
        await connection.demand(Op.SET_TIME, {"utc_us": int(time.time() * 1e6)})
        await connection.demand(Op.MODE, {"mode": int(self.options.economy)})
        fetcher.plan(status)
        options = self.options
        self._granted = {}
        self._last_stream = self._last_any = time.monotonic()
        await connection.demand(
            Op.START, {"version": PROTOCOL_VERSION, "profile": options.profile, "samples": options.samples}
        )
        self._connection = connection
        self._tell(LinkStatus(Phase.STREAMING, "Streaming."))

    async def _follow(self, connection: StrapConnection, fetcher: Fetcher) -> None:
        """Watch the stream, ask for what is missing, confirm what is stored, until the link ends."""
        gone = asyncio.create_task(connection.gone.wait())
        chores = [
            asyncio.create_task(work)
            for work in (
                self._watch_silence(),
                fetcher.mend_ring(),
                fetcher.mend_log(),
                self._confirmations.often(connection),
                self._run_errands(connection),
            )
        ]
        try:
            done, _ = await asyncio.wait({gone, *chores}, return_when=asyncio.FIRST_COMPLETED)
            for task in chores:
                if task in done and not connection.gone.is_set():
                    task.result()
            raise failure(Reason.LINK_LOST, "The strap went out of range or was switched off.")
        finally:
            for task in (gone, *chores):
                task.cancel()
            await asyncio.gather(gone, *chores, return_exceptions=True)

    @property
    def _resting(self) -> bool:
        return self.status is not None and bool(self.status.state & (State.OFF_BODY | State.CHARGER))

    async def _watch_silence(self) -> None:
        limit = SILENCE_S[int(self.options.economy)]
        while True:
            now = time.monotonic()
            quiet = now - self._last_stream
            if quiet > limit and not (self._resting and now - self._last_any < RESTING_S):
                raise failure(Reason.SILENT, f"{self._name} has sent nothing for {limit:.0f} s.")
            await asyncio.sleep(max(limit - quiet, 0.0) + 0.02)

    async def _run_errands(self, connection: StrapConnection) -> None:
        while True:
            for op, values in list(self._wishes.items()):
                if self._granted.get(op) != values:
                    await connection.request(op, values)
                    self._granted[op] = values
            while self._errands:
                await connection.request(*self._errands.popleft())
            await asyncio.sleep(0.03)

    def _fetched(self, share: float | None) -> None:
        if share is None:
            self._tell(LinkStatus(Phase.STREAMING, "Streaming."))
        else:
            text = f"Fetching what was missed: {100 * share:.0f} %."
            self._tell(LinkStatus(Phase.FETCHING, text, progress=share))

    # Packets.

    def _take(self, packet: Packet) -> None:
        """Take a packet off the air: into the ledger, then to the consumer."""
        self._last_any = time.monotonic()
        if packet.channel is Channel.STREAM:
            self._last_stream = self._last_any
        before = self.ledger.position() if self._first else None
        believed = self.ledger.take(packet)
        opening = self.ledger.opening
        if before is not None and (not opening or len(self._first) == OPENING):
            while self._first:
                first = self._first.popleft()
                self._hand_over(first, before, believed=not opening and self.ledger.take(first))
        if opening and not believed:
            self._first.append(packet)
        else:
            self._hand_over(packet, self.ledger.position(), believed=believed)

    def _hand_over(self, packet: Packet, position: Position, *, believed: bool) -> None:
        if not believed:
            # kept, but for no decoder: its samples are asked for again, and this recording may end before they come
            packet = replace(packet, channel=Channel.REFUSED)
        if self._fetcher is not None:
            self._fetcher.take(packet)
        if packet.channel is Channel.STATUS and packet.data[:1] == bytes((Kind.STATUS.head,)):
            with contextlib.suppress(WireError):  # recorded, and counted by the decoder
                self.status = parse_status(packet.data)
        self._queue.put_nowait((packet, position))
