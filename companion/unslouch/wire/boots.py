"""Which boots the packets of a stream may be of: one packet whose boot is another's is not believed."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.layout import HEADER_SIZE, STATUS_SHORT, Kind
from unslouch.wire.source import Channel
from unslouch.wire.table import CHANNEL_NUMBER, PacketTable, concatenate

AGREE = 3
"""Packets in a row that are believed though no STATUS named their boot."""
_SIZES = {Kind.FUSED.head: 12, Kind.RAW.head: 12, Kind.FUSED_GYRO.head: 18}
_MOST = 64


class BootWatch:
    """Drops stream packets of boots that never were.

    A boot is known when it is the first one heard, when a STATUS and a packet of the stream name it, or when three
    packets in a row do. A lone stranger is a flipped bit: believed, it would end the boot that is streamed, and move
    everything that follows. How packets are cut into calls changes nothing: what is undecided waits for the next call.
    """

    def __init__(self) -> None:
        self._known: list[int] = []
        self._told: list[int] = []
        self._held: PacketTable | None = None

    def sift(self, table: PacketTable, *, flush: bool) -> tuple[PacketTable, int]:
        """Return the packets that stay (with what was held back before them), and how many were dropped."""
        if self._held is not None:
            table, self._held = concatenate(self._held, table), None
        if not len(table):
            return table, 0
        boot = _boots(table)
        if self._known and bool(((boot < 0) | (boot == self._known[-1])).all()):
            return table, 0
        keep = np.ones(len(table), np.bool_)
        rows = np.flatnonzero(boot != -1)
        of = boot[rows]
        edges = [0, *(np.flatnonzero(np.diff(of)) + 1).tolist(), len(of)]
        for start, stop in itertools.pairwise(edges):
            if start == stop:
                continue
            value = int(of[start])
            if value <= _STATUS:
                self._note(self._told, _STATUS - value)
            elif not self._known or value in self._known or value in self._told or stop - start >= AGREE:
                self._note(self._known, value)
            elif stop == len(of) and not flush:
                first = int(rows[start])
                self._held = table.take(slice(first, None))
                return table.take(slice(0, first)).take(keep[:first]), int((~keep[:first]).sum())
            else:
                keep[rows[start:stop]] = False
        return (table, 0) if bool(keep.all()) else (table.take(keep), int((~keep).sum()))

    @staticmethod
    def _note(boots: list[int], boot: int) -> None:
        """Put a boot at the end of those that are remembered."""
        if boot in boots:
            boots.remove(boot)
        boots.append(boot)
        del boots[:-_MOST]


_STATUS = -2
"""Boots that a STATUS names are told apart from those of the stream by counting down from here."""


def _boots(table: PacketTable) -> NDArray[np.int64]:
    """(n,) boot of each packet of the stream that has one; of a STATUS -2 less the boot; else -1."""
    boot = np.full(len(table), -1, np.int64)
    stream = (table.channel == CHANNEL_NUMBER[Channel.STREAM]) & (table.length >= HEADER_SIZE)
    status = (table.channel == CHANNEL_NUMBER[Channel.STATUS]) & (table.length >= STATUS_SHORT)
    either = np.flatnonzero(stream | status)
    if not len(either):
        return boot
    at = table.offset[either]
    head = table.buffer[at]
    number = table.buffer[at + 2].astype(np.int64) | table.buffer[at + 3].astype(np.int64) << 8
    mine = stream[either]
    content = table.length[either] - HEADER_SIZE
    headed = mine & (head == Kind.ANCHOR.head) & (content == 0)
    for kind, size in _SIZES.items():
        headed |= mine & (head == kind) & (content > 0) & (content % size == 0)
    boot[either[headed]] = number[headed]
    told = ~mine & (head == Kind.STATUS.head)
    boot[either[told]] = _STATUS - number[told]
    return boot
