"""Follows a log transfer: which records have come whole, and whether it has ended."""

from __future__ import annotations

import time

from unslouch.wire.layout import EVENT_SIZE, LOG_END_SIZE, LOG_HEADER_SIZE, TIME_SIZE, Kind

_LAST = 0x80
_PREFIX = 3
_MOST_FRAGMENTS = 128


class RecordWatch:
    """Joins fragments as far as identities need it; the decoder does it again for the contents."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._id = b""
        self._heard = time.monotonic()
        self.ended = False

    def begin(self) -> None:
        """Wait for a new transfer."""
        self._parts, self.ended = [], False
        self._heard = time.monotonic()

    def idle_s(self) -> float:
        """Seconds since the last fragment."""
        return time.monotonic() - self._heard

    def take(self, data: bytes) -> list[int]:
        """Take a fragment; the id of the record it completes, if it completes one."""
        self._heard = time.monotonic()
        if len(data) <= _PREFIX:
            self._parts = []
            return []
        index = data[0] & ~_LAST
        if index == 0:
            self._parts, self._id = [], data[1:_PREFIX]
        elif index != len(self._parts) or data[1:_PREFIX] != self._id or index >= _MOST_FRAGMENTS:
            self._parts = []
            return []
        self._parts.append(data[_PREFIX:])
        if not data[0] & _LAST:
            return []
        record = b"".join(self._parts)
        self._parts = []
        if record[:1] == bytes((Kind.LOG_END.head,)) and len(record) == LOG_END_SIZE:
            self.ended = True
            return []
        found = record_id(record)
        return [] if found is None or found & 0xFFFF != int.from_bytes(self._id, "little") else [found]


def record_id(record: bytes) -> int | None:
    """Return the id of a whole record; None for what is none."""
    head = record[0] if record else 0
    at = {
        (Kind.LOG.head, True): 3,
        (Kind.EVENT.head, len(record) == EVENT_SIZE): 4,
        (Kind.TIME.head, len(record) == TIME_SIZE): 2,
    }.get((head, True))
    if at is None or (head == Kind.LOG.head and len(record) <= LOG_HEADER_SIZE):
        return None
    return int.from_bytes(record[at : at + 4], "little")
