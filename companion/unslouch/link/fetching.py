"""Gets what is missing over one connection: from the strap's RAM at full rate, or from its flash log.

Both go on beside each other and beside the stream; which samples and records are missing is the ledger's knowledge.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from unslouch.errors import LinkError, Reason
from unslouch.link.connection import StrapConnection
from unslouch.link.ledger import Hole, Ledger
from unslouch.link.records import RecordWatch
from unslouch.wire.control import ControlStatus, Op
from unslouch.wire.source import Channel, Packet
from unslouch.wire.status import Status

RESEND_MOST = 1500
"""Samples asked for at once: half a minute, what the strap's ring holds."""
NEAR = 52
"""Samples between two holes that are asked for in one request: a second."""
RING_TRIES = 5
ASK_AGAIN_S = 1.0
RING_FIRST_S = 8.0
LOG_TRIES = 5
"""Transfers that brought nothing new before the strap is believed to be unable to give the rest."""
STUCK_S = 5.0
"""A transfer that sends, but nothing new, for this long does not end by itself: it is stopped."""
LOG_MOST = 1 << 17
"""Records a strap can hold at most: its 2 MiB of flash in the smallest records. One that claims more lies."""
LOOK_S = 0.05


class Fetcher:
    """What is missing, over one connection.

    Parameters
    ----------
    connection
        Open, subscribed.
    ledger
        Of the strap, over all connections.
    tell
        Called with the share of a log transfer that has come (0 to 1), and with None at its end.
    """

    def __init__(self, connection: StrapConnection, ledger: Ledger, tell: Callable[[float | None], None]) -> None:
        self._connection, self._ledger, self._tell = connection, ledger, tell
        self._records = RecordWatch()
        self._filled = asyncio.Event()
        self._log_wanted: tuple[int, int] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing that can still come is missing."""
        return self._log_wanted is None and not any(hole.asked < RING_TRIES for hole in self._ledger.holes)

    def take(self, packet: Packet) -> None:
        """Note a packet that came."""
        if packet.channel is Channel.STREAM:
            self._filled.set()
        elif packet.channel is Channel.LOG:
            for record_id in self._records.take(packet.data):
                # what was not asked for is in the recording, and counts for nothing
                if self._log_wanted is not None and record_id <= self._log_wanted[1]:
                    self._ledger.log_record(record_id)

    def plan(self, status: Status) -> None:
        """Decide at the start of a connection what is asked from the ring and what from the log."""
        ledger = self._ledger
        if status.log_next <= ledger.position().log_id:
            ledger.forget_log()  # ids that run backward: the strap's flash is another than it was
        if status.log_oldest is not None and _plausible(status):
            ledger.log_starts_at(status.log_oldest)
        ledger.expect(status.boot, status.seq, status.t_us)
        self._trim(status)
        # always: what the strap noted meanwhile (a press of the button) and older boots lie there alone, and what was
        # streamed is not confirmed past them
        self._want_log(status)

    def _trim(self, status: Status) -> bool:
        """Leave to the log what the ring holds no more; whether there was any."""
        oldest = status.seq if status.ring_oldest_seq is None else status.ring_oldest_seq
        gone = [hole for hole in self._ledger.holes if hole.first < oldest]
        for hole in gone:
            self._ledger.give_up(hole)
            self._ledger.reopen(replace(hole, first=oldest))
        return bool(gone)

    def _want_log(self, status: Status) -> None:
        unconfirmed = status.log_next if status.log_unconfirmed is None else status.log_unconfirmed
        if unconfirmed < status.log_next and _plausible(status):
            self._log_wanted = (unconfirmed, status.log_next - 1)
            self._ledger.log_due = True  # over a link that is lost in between, too
        else:
            self._ledger.log_done()

    # The ring.

    async def mend_ring(self) -> None:
        """Ask for missing samples while the link lasts."""
        while True:
            holes = [hole for hole in self._ledger.holes if hole.asked < RING_TRIES]
            if holes:
                await self._ask_ring(holes)
            else:
                await self._give_up_stale()
            await asyncio.sleep(LOOK_S)

    async def _give_up_stale(self) -> None:
        """Leave to the log what the ring has not given in all tries: it must not hold up what is confirmed."""
        stale = self._ledger.holes
        for hole in stale:
            self._ledger.give_up(hole)
        if stale:
            self._want_log(await self._connection.status())

    async def _ask_ring(self, holes: list[Hole]) -> None:
        """Ask for missing samples from the strap's RAM; what is gone there is asked from the log.

        Holes that lie near each other go into one request: what is between them comes twice, which costs less than a
        request's way there and back. Not so where another recording holds it.
        """
        first, last = holes[0].first, min(holes[0].end, holes[0].first + RESEND_MOST)
        for hole in holes[1:]:
            if hole.first - last > NEAR or hole.end - first > RESEND_MOST or last < self._ledger.earlier:
                break
            last = hole.end
        asked = [hole for hole in holes if hole.first < last]
        for hole in asked:
            self._ledger.asked(hole)
        values = {"boot": holes[0].boot, "seq": first, "count": last - first}
        answer = await self._connection.request(Op.RESEND, values)
        if answer.status is ControlStatus.GONE:
            status = await self._connection.status()
            if not self._trim(status):
                for hole in asked:
                    self._ledger.give_up(hole)
            self._want_log(status)
            return
        if answer.status is not ControlStatus.OK:
            await asyncio.sleep(ASK_AGAIN_S / 4)
            return
        held = answer.values["seq"]
        if any(hole.first < held for hole in asked):
            # the ring has lost the beginning
            for hole in asked:
                self._ledger.give_up(hole)
                self._ledger.reopen(replace(hole, first=max(hole.first, held)))
            self._want_log(await self._connection.status())
        self._filled.clear()
        came = self._ledger.resent
        while any(hole.first < last and hole.end > first for hole in self._ledger.holes):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    await self._until_more(came)
            if self._ledger.resent == came:
                return  # nothing came for a while: what is missing is asked for again
            came = self._ledger.resent

    async def _until_more(self, came: int) -> None:
        while self._ledger.resent == came:
            await self._filled.wait()
            self._filled.clear()

    # The log.

    async def mend_log(self) -> None:
        """Fetch what is wanted of the log while the link lasts."""
        while True:
            if self._log_wanted is not None:
                await self._ring_first()
                await self._fetch_log(self._log_wanted)
            await asyncio.sleep(LOOK_S)

    async def _ring_first(self) -> None:
        """Let the ring go first, which forgets; but not for ever, on a link that loses all the time."""
        end = time.monotonic() + RING_FIRST_S
        while any(hole.asked < RING_TRIES for hole in self._ledger.holes):
            await asyncio.sleep(LOOK_S)
            if time.monotonic() > end:
                break

    async def _fetch_log(self, wanted: tuple[int, int]) -> None:
        """Fetch log records while the stream goes on; records that did not arrive whole are asked for again."""
        last = wanted[1]
        first = max(wanted[0], self._ledger.position().log_id + 1)
        total = max(last - first + 1, 1)
        vain = 0
        while vain < LOG_TRIES:
            missing = self._ledger.missing_records(first, last)
            if not missing:
                break
            self._records.begin()
            answer = await self._ask_log(Op.LOG_READ, {"first": missing[0][0], "last": missing[-1][1]})
            if answer is ControlStatus.GONE:
                break
            if answer is not ControlStatus.OK:
                vain += 1
                if answer is ControlStatus.BUSY:
                    await self._ask_log(Op.LOG_STOP)
                await asyncio.sleep(0.2 * vain)
                continue
            came = await self._transfer(first, last, total)
            vain = 0 if came else vain + 1
        # what is still missing after that the strap cannot give
        self._ledger.log_starts_at(last + 1)
        if self._log_wanted == wanted:  # else the ring has left more to the log meanwhile, which is fetched next
            self._log_wanted = None
            self._ledger.log_done()
            self._tell(None)

    async def _ask_log(self, op: Op, values: Mapping[str, int] | None = None) -> ControlStatus | None:
        """Ask for something of the log; None when no answer comes: the stream, which goes on, is worth more."""
        try:
            return (await self._connection.request(op, values)).status
        except LinkError as error:
            if error.reason is not Reason.TIMEOUT:
                raise
            return None

    async def _transfer(self, first: int, last: int, total: int) -> bool:
        """Follow one transfer to its end; whether it brought anything new."""
        before = left = self._left(first, last)
        news = time.monotonic()
        while not self._records.ended and self._records.idle_s() <= ASK_AGAIN_S:
            now = self._left(first, last)
            if now < left:
                left, news = now, time.monotonic()
            elif time.monotonic() - news > STUCK_S:
                await self._ask_log(Op.LOG_STOP)
                break
            self._tell(1 - left / total)
            await asyncio.sleep(0.1)
        return self._left(first, last) < before

    def _left(self, first: int, last: int) -> int:
        return sum(b - a + 1 for a, b in self._ledger.missing_records(first, last))


def _plausible(status: Status) -> bool:
    """Whether the log can hold what the strap says it holds."""
    oldest = status.log_next if status.log_oldest is None else status.log_oldest
    unconfirmed = status.log_next if status.log_unconfirmed is None else status.log_unconfirmed
    return 0 <= status.log_next - oldest <= LOG_MOST and oldest <= max(unconfirmed, oldest) <= status.log_next
