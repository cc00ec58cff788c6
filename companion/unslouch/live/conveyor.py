"""The thread that carries packets from a source to the recorder, through the chain, to whoever polls.

It runs an event loop of its own, so that neither a slow screen delays a packet nor a long decode a screen. Two tasks:
one takes packets from the source and writes them down before anything else looks at them, one turns what has come into
updates. A source that can wait (replay, simulator) is made to wait when updates pile up; a strap is not, and then
tracks and samples of the oldest updates are left out, with a count, but never an event.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from unslouch.errors import UnslouchError
from unslouch.live.controls import Askable, Buzzable, Linked, Pausable, Windable, Wishable
from unslouch.live.feed import (
    Ask,
    Buzz,
    Command,
    ExpectRotations,
    FeedKind,
    Keep,
    LinkKind,
    LinkState,
    Mark,
    Pace,
    Seek,
    SetCalibration,
    SetPaused,
    SetSpeed,
    Step,
    Transport,
    Update,
)
from unslouch.live.link_words import link_state
from unslouch.live.outbox import Outbox
from unslouch.live.tape import Recorder, Tape
from unslouch.wire.control import Op
from unslouch.wire.source import Packet, PacketSource, SourceKind

if TYPE_CHECKING:
    from unslouch.live.chain import Chain, Digest
    from unslouch.live.dating import Dating
    from unslouch_signal.calibration import Calibration

PERIOD_S, BRIEF_S = 0.1, 0.005
"""Least time between two looks at what a simulated strap or a replay has sent: smooth to the eye, and a batch costs no
more than a packet (2 ms); less when its time runs faster, for what is asked of a wearer must not come late. A strap's
packets are looked at as they come, unless the consumer asks for another pace."""
SHARED_S = 0.02
"""Where several straps are live, each one's packets are looked at no sooner than after this long for each of them: a
look costs 2 ms, however few packets it finds, and eight straps would take a third of a core by looks alone."""
SILENCE_S = 2.0
"""A stream that is silent for this long is a lost link (docs/protocol.md, section 9)."""
MOST_PENDING = 512
"""Packets read ahead of the chain before the source is made to wait."""
IN_STEP_S = 1.0
"""Read ahead of an asked wearer whose time runs faster than ours: on a busy machine minutes would pass unasked."""
MOST_WAITING = 64
"""Updates nobody has polled before a source that can wait waits, or a strap's are thinned: 1.3 s at full pace."""
CONFIRM_EVERY_S = 5.0
"""How often what was recorded is forced to the disk and confirmed to the strap."""
MOST_AT_ONCE = 64
"""Packets that are decoded together: a strap whose backlog comes in a rush, or a log, must not need memory for all of
it at once, which the allocator then keeps."""
LONGEST_UPDATE_S = 2.0
"""Of arrival time: sessions see the state at least this often, however fast a recording is played."""
CLOSE_S = 10.0
"""How long ``close`` waits for the recorder's last write."""

KINDS = {SourceKind.STRAP: FeedKind.LIVE, SourceKind.SIMULATED: FeedKind.SIMULATED, SourceKind.REPLAY: FeedKind.REPLAY}

_straps: set[int] = set()
"""The conveyors of this process that carry a strap."""


class Conveyor:
    """A feed from any source of packets.

    Parameters
    ----------
    source
        Where packets come from; closed with the conveyor.
    make_chain
        Makes the chain that gives packets their meaning, as it stands at a position of the recording (0 for a live
        strap); called at the start and after each jump in time.
    recorder
        Where raw packets are written first; closed with the conveyor. None records nothing.
    start_s
        Where the source stands at first, seconds since the start of its recording.
    on_calibration
        Called in the conveyor's thread with each calibration that comes into use: for the strap that buzzes alone.
    on_close
        Called when everything is closed, in the conveyor's thread.
    dating
        What the chain tells about the strap's clock; None where samples are of no time of ours.
    """

    def __init__(
        self,
        source: PacketSource,
        make_chain: Callable[[float], Chain],
        recorder: Recorder | None = None,
        *,
        start_s: float = 0.0,
        on_calibration: Callable[[Calibration], None] | None = None,
        on_close: Callable[[], None] | None = None,
        dating: Dating | None = None,
    ) -> None:
        self._dating = dating
        # asked once: looking a protocol up costs as much as decoding a packet
        self._pausable = source if isinstance(source, Pausable) else None
        self._windable = source if isinstance(source, Windable) else None
        self._linked = source if isinstance(source, Linked) else None
        self._on_calibration, self._on_close = on_calibration, on_close
        self._source, self._make_chain, self._tape = source, make_chain, Tape(recorder)
        self._out = Outbox()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commands: deque[Command] = deque()
        self._pending: list[Packet] = []
        self._link = LinkState(LinkKind.CONNECTING, f"Waiting for {source.info.name or 'the strap'}.")
        self._sample_time = 0.0
        self._closing = False
        self._pace = 0.0
        self._step_until: float | None = None
        self._jump_to: float | None = None
        self._start_s = start_s
        self._thread = threading.Thread(target=self._run, name="conveyor")
        self._thread.start()

    # The face towards the consumer: one thread, never waits.

    @property
    def kind(self) -> FeedKind:
        """What is at the other end."""
        return KINDS[self._source.info.kind]

    @property
    def title(self) -> str:
        """The strap's or the file's name."""
        return self._source.info.name

    @property
    def accepts(self) -> frozenset[type[Command]]:
        """The commands that do something here."""
        some: set[type[Command]] = {SetCalibration, ExpectRotations}
        if isinstance(self._source, Pausable):
            some |= {SetPaused, SetSpeed}
        else:
            some.add(Pace)
        if isinstance(self._source, Windable):
            some |= {Seek, Step}
        if isinstance(self._source, Askable):
            some.add(Ask)
        if isinstance(self._source, Buzzable):
            some.add(Buzz)
        if self._tape.running:
            some |= {Mark, Keep}
        return frozenset(some)

    @property
    def recording(self) -> str | None:
        """Name of the recording that is written; None when nothing is recorded."""
        return self._tape.name

    def utc(self, t: float) -> float | None:
        """Return UTC of a sample time, s; None where no strap's clock tells it."""
        return None if self._dating is None else self._dating.utc(t)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing that the strap can still give; True for any other source."""
        return bool(getattr(self._source, "complete", True))

    @property
    def moves(self) -> tuple[str, ...]:
        """What a simulated wearer can be asked by name."""
        return self._source.moves if isinstance(self._source, Askable) else ()

    @property
    def ended(self) -> bool:
        """Whether no update will come any more and all have been polled."""
        return self._out.ended

    def poll(self) -> list[Update]:
        """Return everything since the last poll, oldest first.

        Raises
        ------
        BaseException
            What ended the conveyor, when it was nothing foreseen.
        """
        updates = self._out.take()
        if updates:
            self._nudge()
        return updates

    def send(self, command: Command) -> None:
        """Pass a command down; one that is not accepted is ignored."""
        self._commands.append(command)
        self._nudge()

    def close(self) -> None:
        """Stop, with the recorder's file finished; safe to call twice."""
        self._closing = True
        self._nudge()
        self._thread.join(CLOSE_S)

    def _nudge(self) -> None:
        """Wake the conveyor's loop."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:
                return  # closed between the two lines: nothing left to wake

    # Inside the conveyor's thread.

    def _run(self) -> None:
        if self._source.info.kind is SourceKind.STRAP:
            _straps.add(id(self))
        try:
            asyncio.run(self._convey())
        except BaseException as error:  # noqa: BLE001  # handed to the consumer, whose poll raises it
            self._out.fail(error)
        finally:
            _straps.discard(id(self))
            self._tape.close()
            self._end()

    def _end(self) -> None:
        """Say that everything is closed, and what went wrong with that."""
        notices = self._tape.notices()
        try:
            if self._on_close is not None:
                self._on_close()
        except UnslouchError as error:
            notices = (*notices, str(error))
        finally:
            if notices:
                self._out.put(Update(self._sample_time, self._link, notices=notices))
            self._out.end()

    async def _convey(self) -> None:
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        chain = self._make_chain(self._start_s)
        self._out.put(Update(0.0, self._link, transport=self._transport(), rate_hz=self._source.info.rate_hz))
        reader = asyncio.create_task(self._read())
        keeper = asyncio.create_task(self._confirm_often())
        last = self._loop.time()
        try:
            while not self._closing:
                if keeper.done():
                    keeper.result()  # it ends only by what nobody foresaw
                self._obey(chain)
                self._follow_link()
                if self._jump_to is not None:
                    chain = self._jump(self._jump_to)
                packets, self._pending = self._slice()
                self._room.set()
                if packets:
                    last = self._loop.time()
                    self._digest(chain.feed(packets))
                    await self._consumer_has_room()
                    if self._pending:
                        await asyncio.sleep(0)
                        continue
                elif reader.done():
                    break
                elif self._silent(last):
                    self._set_link(LinkState(LinkKind.LOST, "No samples come.", "Is the strap near and charged?"))
                elif self._paused:
                    last = self._loop.time()
                if self._pausable is not None:
                    await asyncio.sleep(max(PERIOD_S / max(self._pausable.speed, 1.0), BRIEF_S))
                elif packets and len(_straps) > 1:
                    await asyncio.sleep(len(_straps) * SHARED_S)
                elif self._pace and not self._in_step:
                    await asyncio.sleep(self._pace)
                await self._woken()
        finally:
            try:
                self._obey(chain)  # results that were sent on the way out
            finally:
                reader.cancel()
                keeper.cancel()
                await asyncio.gather(reader, keeper, return_exceptions=True)
                await self._tape.confirm(self._source)
                await self._source.aclose()
        self._digest(chain.finish(), ended=_end_of(reader))

    async def _read(self) -> None:
        """Take packets and write them down before anything else looks at them."""
        async for packet in self._source:
            self._tape.write(packet)
            self._pending.append(packet)
            self._wake.set()
            self._step_on()
            if self._lagging:
                self._room.clear()
                await self._room.wait()

    @property
    def _lagging(self) -> bool:
        """Whether the chain is so far behind that the source is to wait.

        A strap cannot: what it has sent is in memory anyway, and is kept at once. Nor may it be left waiting with a
        packet that is written but counts as taken only when the next is asked for: closed then, it would come twice.
        """
        pending = self._pending
        if len(pending) >= MOST_PENDING:
            return self._source.info.kind is not SourceKind.STRAP
        return self._in_step and pending[-1].arrival_s - pending[0].arrival_s > IN_STEP_S

    async def _confirm_often(self) -> None:
        while True:
            await asyncio.sleep(CONFIRM_EVERY_S)
            await self._tape.confirm(self._source)

    def _follow_link(self) -> None:
        """Show what the link does, where the source tells."""
        if self._linked is not None:
            state = link_state(self._linked.link_status, self._link)
            if state != self._link:
                self._set_link(state)

    def _slice(self) -> tuple[list[Packet], list[Packet]]:
        """Take what an update may hold of what has come; return it and the rest."""
        pending = self._pending
        if not pending:
            return [], []
        end = pending[0].arrival_s + LONGEST_UPDATE_S
        most = min(len(pending), MOST_AT_ONCE)
        n = next((i for i in range(most) if pending[i].arrival_s > end), most)
        return pending[:n], pending[n:]

    async def _woken(self) -> None:
        """Wait for packets, commands or the end of a silence."""
        try:
            await asyncio.wait_for(self._wake.wait(), 0.25)
        except TimeoutError:
            return
        self._wake.clear()

    async def _consumer_has_room(self) -> None:
        """Let a source that can wait wait for the consumer; thin out what piles up from one that cannot."""
        if self._source.info.kind is SourceKind.STRAP:
            self._out.thin(MOST_WAITING)
            return
        most = 2 if self._in_step else MOST_WAITING
        while not self._closing and not self._commands and len(self._out) >= most:
            await self._woken()

    @property
    def _in_step(self) -> bool:
        """Whether a simulated wearer waits for whoever asks, because its time runs faster than ours."""
        simulated = self._source.info.kind is SourceKind.SIMULATED
        return simulated and self._pausable is not None and 1.0 < self._pausable.speed < math.inf

    @property
    def _paused(self) -> bool:
        return self._pausable is not None and self._pausable.paused

    def _silent(self, last: float) -> bool:
        if self._linked is not None:
            return False
        if self._source.info.kind is not SourceKind.STRAP or self._link.kind is not LinkKind.UP or self._loop is None:
            return False
        return self._loop.time() - last > SILENCE_S

    def _transport(self) -> Transport | None:
        source = self._windable
        if source is None:
            return None
        return Transport(source.position, source.duration, source.speed, source.paused)

    def _set_link(self, link: LinkState) -> None:
        self._link = link
        self._out.put(Update(self._sample_time, link, transport=self._transport()))

    def _digest(self, digest: Digest, *, ended: LinkState | None = None) -> None:
        """Make an update of what the chain found."""
        if ended is not None:
            self._link = ended
        elif self._linked is None and self._link.kind is not LinkKind.UP and digest.samples is not None:
            self._link = LinkState(LinkKind.UP, "Samples come.")
        if digest.frame is not None:
            self._sample_time = digest.frame.t
        notices = digest.notices
        if digest.calibration is not None:
            self._tape.calibration(self._sample_time, digest.calibration.to_json())
            try:
                if self._on_calibration is not None:
                    self._on_calibration(digest.calibration)
            except UnslouchError as error:
                notices = (*notices, f"The calibration is in use, but was not kept: {error}")
        notices = (*self._tape.notices(), *notices)
        self._out.put(
            Update(
                self._sample_time,
                self._link,
                digest.events,
                digest.frame,
                digest.track,
                digest.activity,
                digest.samples,
                digest.battery,
                self._source.info.rate_hz,
                self._transport(),
                calibration=digest.calibration,
                notices=notices,
                presses=digest.presses,
            )
        )

    def _obey(self, chain: Chain) -> None:
        """Carry out the commands that have come; a jump is left for when all are done, the last one counts."""
        source = self._source
        while self._commands:
            command = self._commands.popleft()
            match command:
                case SetPaused(paused) if isinstance(source, Pausable):
                    source.set_paused(paused)
                    self._set_link(self._link)
                case SetSpeed(factor) if isinstance(source, Pausable):
                    source.set_speed(factor)
                    self._set_link(self._link)
                case Seek(position) if isinstance(source, Windable):
                    self._jump_to = position
                case Step(seconds) if isinstance(source, Windable):
                    source.set_paused(True)
                    if seconds < 0:
                        self._jump_to = source.position + seconds
                    else:
                        self._step_until = source.position + seconds
                        source.step(1)
                case Ask(move, technique, side, zone) if isinstance(source, Askable):
                    source.ask(move, technique, side, zone)
                case Buzz(seconds) if isinstance(source, Buzzable):
                    source.buzz(seconds)
                case ExpectRotations(usual_range):
                    chain.expect_rotations(usual_range)
                case Pace(seconds):
                    self._pace = min(max(seconds, 0.0), PERIOD_S)
                case SetCalibration(calibration):
                    chain.set_calibration(calibration)
                case Mark(label) if self._tape.running:
                    self._tape.mark(self._sample_time, label)
                    if isinstance(source, Wishable):
                        source.request(Op.MARK, {"value": 0})
                case Keep(entry) if self._tape.running:
                    self._tape.result(entry)
                case _:
                    pass  # not accepted here, as ``accepts`` says

    def _step_on(self) -> None:
        """While stepping, let packets through one by one until the step is long enough."""
        source = self._windable
        if self._step_until is None or source is None:
            return
        if source.paused and source.position < self._step_until:
            source.step(1)
        else:
            self._step_until = None

    def _jump(self, position: float) -> Chain:
        """Go to a place of the recording, with everything known there that would be known had it been played so far."""
        self._jump_to = self._step_until = None
        source = self._windable
        assert source is not None
        source.seek(position)
        self._pending.clear()
        chain = self._make_chain(source.position)
        self._out.clear()  # from before the jump: of no meaning now
        self._sample_time = 0.0 if chain.latest is None else chain.latest.t
        self._out.put(
            Update(
                self._sample_time,
                self._link,
                frame=chain.latest,
                rate_hz=source.info.rate_hz,
                transport=self._transport(),
                restarted=True,
                calibration=chain.calibration,
            )
        )
        return chain


def _end_of(reader: asyncio.Task[None]) -> LinkState:
    """Say how the source ended: by itself, or by a failure that a person can do something about.

    Raises
    ------
    BaseException
        A failure that nobody foresaw.
    """
    error = None if reader.cancelled() else reader.exception()
    if error is None:
        return LinkState(LinkKind.ENDED, "No more samples come.")
    if isinstance(error, UnslouchError):
        return LinkState(LinkKind.ENDED, error.message, error.advice)
    raise error
