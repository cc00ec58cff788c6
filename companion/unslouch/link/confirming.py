"""What the strap may forget: what the consumer has on its disk, and no more of it than is certain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from unslouch.link.connection import StrapConnection
from unslouch.link.ledger import Ledger, Position
from unslouch.wire.control import Op

CONFIRM_EVERY_S = 10.0
"""How often samples are confirmed; records of the log are at once, for the strap's log may be full."""
LOG_STEP = 5
"""Samples of the stream that one of the strap's log stands for."""


class Confirmations:
    """Follows what is stored, and tells it to the strap; over all connections.

    Parameters
    ----------
    ledger
        Of the strap.
    start
        What it was told before.
    on_position
        Called with what it was told, to be kept over starts of the program.
    """

    def __init__(self, ledger: Ledger, start: Position, on_position: Callable[[Position], None] | None) -> None:
        self._ledger, self._on_position = ledger, on_position
        self.stored: Position | None = None
        """Up to where everything is on the disk; None before anything was said to be."""
        self._told = start

    async def often(self, connection: StrapConnection) -> None:
        """Tell it while the link lasts."""
        told_at = time.monotonic()
        while True:
            log = self.stored is not None and self.stored.log_id not in (0, self._told.log_id)
            if log or time.monotonic() - told_at > CONFIRM_EVERY_S:
                told_at = time.monotonic()
                await self.tell(connection)
            await asyncio.sleep(0.1)

    async def tell(self, connection: StrapConnection) -> None:
        """Tell it now, if there is news.

        Raises
        ------
        LinkError
            When no answer comes; it is told at the next connection then.
        """
        stored = self.stored
        if stored is None or stored == self._told:
            return
        if stored.log_id not in (0, self._told.log_id):  # less, where the strap's flash is another than it was
            await connection.request(Op.LOG_CONFIRM, {"id": stored.log_id})
        # the strap forgets a log record when the last sample in it is stored, which stands for those after it as well
        if stored.boot is not None and stored.boot == self._ledger.boot and stored.seq >= LOG_STEP:
            await connection.request(Op.STORED, {"boot": stored.boot, "seq": stored.seq - LOG_STEP})
        self._told = stored
        if self._on_position is not None:
            self._on_position(stored)
