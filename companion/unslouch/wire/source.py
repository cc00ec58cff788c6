"""Where packets come from: one face for a live strap, a simulated one and a replayed recording."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Channel(StrEnum):
    """The characteristic that a packet came from; the last part of its channel's name in a recording."""

    STREAM = "stream"
    LOG = "log"
    CONTROL = "control"
    STATUS = "status"
    CALIBRATION = "calibration"
    REFUSED = "refused"
    """Of the stream, too, but not what the strap sent: the link did not believe it, and asks for its samples anew."""


CHANNELS: tuple[Channel, ...] = tuple(Channel)
"""Every channel, in the order of the numbers used in :class:`~unslouch.wire.table.PacketTable`."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One notification (or value read), untouched.

    ``arrival_s`` is UTC, seconds since 1970.
    """

    arrival_s: float
    channel: Channel
    data: bytes


class SourceKind(StrEnum):
    """What stands behind a source."""

    STRAP = "strap"
    SIMULATED = "simulated"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before its first packet; empty strings where unknown.

    ``device`` holds what Device Information says (manufacturer, model, hardware, firmware, serial).
    """

    kind: SourceKind
    name: str
    address: str = ""
    device: tuple[tuple[str, str], ...] = ()
    rate_hz: float = 52.0


@runtime_checkable
class PacketSource(Protocol):
    """A source of packets, read once: ``async for packet in source``.

    The iteration ends when the source does (end of the recording, link closed by the user); it raises
    :class:`~unslouch.errors.UnslouchError` when the source failed. ``aclose`` may be called at any time and twice.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        ...

    def __aiter__(self) -> AsyncIterator[Packet]:
        """Start the packets."""
        ...

    async def aclose(self) -> None:
        """Stop and release everything; the iteration ends."""
        ...
