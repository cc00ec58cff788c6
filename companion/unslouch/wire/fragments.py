"""Log records out of their fragments (docs/protocol.md 5)."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.layout import WireFault
from unslouch.wire.table import PacketTable

_LAST = 0x80
_PREFIX = 3


class LogAssembler:
    """Joins fragments; keeps the record in progress from call to call."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._id = b""
        self._skipping = False

    def join(self, table: PacketTable, errors: Counter[WireFault]) -> tuple[PacketTable, NDArray[np.int64]]:
        """Whole records of some notifications of the log.

        Returns
        -------
        PacketTable, (n,) int64
            The records and, for each, the notification that completed it.
        """
        n = len(table)
        if (
            n
            and not self._parts
            and bool(np.all(table.length > _PREFIX))
            and bool(np.all(table.buffer[table.offset] == _LAST))
        ):
            whole = PacketTable(
                table.buffer, table.arrival_s, table.channel, table.offset + _PREFIX, table.length - _PREFIX
            )
            return whole, np.arange(n)
        records: list[bytes] = []
        done: list[int] = []
        for i in range(n):
            data = table.data(i)
            if not data:
                errors[WireFault.EMPTY] += 1
                continue
            if len(data) <= _PREFIX:
                errors[WireFault.WRONG_LENGTH] += 1
                continue
            index, last = data[0] & ~_LAST, bool(data[0] & _LAST)
            if index == 0:
                if self._parts:
                    errors[WireFault.FRAGMENT] += 1
                self._parts, self._id, self._skipping = [], data[1:3], False
            elif self._skipping:
                continue  # the rest of a record already given up and counted
            elif (
                index != len(self._parts)
                or data[1:3] != self._id
                or len(data) > len(self._parts[0]) + _PREFIX
                or (not last and len(data) < len(self._parts[0]) + _PREFIX)
            ):
                errors[WireFault.FRAGMENT] += 1
                self._parts, self._skipping = [], True
                continue
            self._parts.append(data[_PREFIX:])
            if last:
                records.append(b"".join(self._parts))
                done.append(i)
                self._parts = []
        at = np.array(done, np.int64)
        length = np.array([len(r) for r in records], np.int64)
        return (
            PacketTable(
                np.frombuffer(b"".join(records), np.uint8),
                table.arrival_s[at],
                table.channel[at],
                np.cumsum(length) - length,
                length,
            ),
            at,
        )
