"""A recording played as a source of packets: with its own timing, at any speed, with pause, step and seek."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np

from unslouch.errors import FileError, Reason
from unslouch.recording.convert import packets_of
from unslouch.recording.model import Recording
from unslouch.recording.reader import read_packets, read_recording, recording_of
from unslouch.wire.layout import Kind
from unslouch.wire.source import CHANNELS, Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.table import PacketTable

_NAP_S = 0.2
"""Longest sleep: how soon a change of speed is heeded at the latest (commands wake the player at once)."""
_BREATH = 256
"""Packets at unlimited speed after which others get a turn."""


class Replay:
    """A :class:`~unslouch.wire.source.PacketSource` that plays a recording.

    Also everything that a screen can ask of a recording: pause, speed, step, seek. Not safe for threads: call all of it
    from the event loop that iterates.

    Parameters
    ----------
    table : PacketTable
        Packets in order of arrival.
    speed
        Times real time; infinite plays as fast as packets are taken.
    clock
        Seconds that pass as the event loop's do.
    """

    def __init__(
        self,
        table: PacketTable,
        info: SourceInfo,
        speed: float = 1.0,
        start_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not len(table):
            raise FileError(Reason.BAD_FILE, f"{info.name} holds no packets to replay.")
        self._table = table
        self._info = info
        self._at_s = table.arrival_s - table.arrival_s[0]
        self._at_s = np.maximum.accumulate(self._at_s)
        self._next = 0
        self._again: list[int] = []
        self._paused = False
        self._steps = 0
        self._closed = False
        self._speed = 1.0
        self._position = 0.0
        self._clock = clock
        self._since = clock()
        self._wake = asyncio.Event()
        self.set_speed(speed)
        self.seek(start_s)

    @property
    def info(self) -> SourceInfo:
        """What is known of the recording."""
        return self._info

    @property
    def paused(self) -> bool:
        """Whether time is held."""
        return self._paused

    @property
    def speed(self) -> float:
        """Times real time."""
        return self._speed

    @property
    def duration(self) -> float:
        """Length, s."""
        return float(self._at_s[-1])

    @property
    def position(self) -> float:
        """Seconds since the start."""
        if self._paused or math.isinf(self._speed):
            return self._position
        return min(self.duration, self._position + (self._clock() - self._since) * self._speed)

    def before(self, position: float) -> PacketTable:
        """All packets before a place, for whoever must know what had come until then."""
        return self._table.take(slice(0, int(np.searchsorted(self._at_s, position, side="left"))))

    def set_paused(self, paused: bool) -> None:
        """Hold, or go on."""
        self._settle()
        self._paused = paused
        self._steps = 0
        self._wake.set()

    def set_speed(self, factor: float) -> None:
        """Play at ``factor`` times real time.

        Raises
        ------
        FileError
            When the factor is not positive.
        """
        if not factor > 0:
            raise FileError(Reason.BAD_OPTION, f"A speed must be above 0, not {factor:g}.")
        self._settle()
        self._speed = factor
        self._wake.set()

    def step(self, packets: int = 1) -> None:
        """While paused, let so many packets through."""
        if self._paused:
            self._steps += packets
            self._wake.set()

    def seek(self, position: float) -> None:
        """Go to a place, s since the start; what follows comes from there on.

        The last anchor before comes first, so that compact packets can be read from anywhere.
        """
        self._position = min(max(position, 0.0), self.duration)
        self._since = self._clock()
        self._next = int(np.searchsorted(self._at_s, self._position, side="left"))
        self._again = self._anchor_before(self._next)
        self._steps = 0
        self._wake.set()

    async def aclose(self) -> None:
        """End the iteration."""
        self._closed = True
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """Play."""
        given = 0
        while not self._closed:
            if self._again:
                yield self._table.packet(self._again.pop(0))
                continue
            if self._next >= len(self._table):
                if not self._paused:
                    return
                await self._rest(None)
                continue
            if self._paused:
                if not self._steps:
                    await self._rest(None)
                    continue
                self._steps -= 1
                self._position = float(self._at_s[self._next])
            elif math.isinf(self._speed):
                self._position = float(self._at_s[self._next])
                given += 1
                if given % _BREATH == 0:
                    await asyncio.sleep(0)
            else:
                due = (float(self._at_s[self._next]) - self.position) / self._speed
                if due > 0:
                    await self._rest(due)
                    continue
            i = self._next
            self._next += 1
            yield self._table.packet(i)

    async def _rest(self, seconds: float | None) -> None:
        self._wake.clear()
        if seconds is None:
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(min(seconds, _NAP_S)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _settle(self) -> None:
        self._position = self.position
        self._since = self._clock()

    def _anchor_before(self, index: int) -> list[int]:
        stream = list(CHANNELS).index(Channel.STREAM)
        first = max(0, index - 2000)
        for i in range(index - 1, first - 1, -1):
            if int(self._table.channel[i]) == stream and int(self._table.length[i]):
                head = int(self._table.buffer[int(self._table.offset[i])])
                if head == Kind.ANCHOR.head:
                    return [i]
                if head in (Kind.FUSED.head, Kind.RAW.head, Kind.FUSED_GYRO.head):
                    return []  # whole packets need none
        return []


def open_replay(path: Path, speed: float = 1.0, start_s: float = 0.0) -> tuple[Replay, Recording]:
    """A recording as a source, and what it holds.

    Raises
    ------
    FileError
        When the file is missing, of another format, or holds no packets.
    """
    if path.suffix.lower() == ".csv":
        recording = read_recording(path)
        table = PacketTable.of(packets_of(recording.samples))
    else:
        table, file = read_packets(path)
        recording = recording_of(path, file)
    name = recording.device.get("name") or path.stem
    rate = recording.rate_hz if len(recording.samples) > 1 else 52.0
    info = SourceInfo(
        SourceKind.REPLAY, name, recording.device.get("address", ""), tuple(recording.device.items()), rate
    )
    return Replay(table, info, speed, start_s), recording
