"""A strap that nobody wears: a simulated person, sensor and radio behind the same face as a real strap's packets."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np

from unslouch.link.wearer import Asked, Wearer
from unslouch.wire.encode import EncodedPacket, encode_anchor, encode_stream
from unslouch.wire.records import Anchor
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.events import Side, Technique
from unslouch_signal.samples import FloatArray
from unslouch_signal.synth import COMMANDS, LivePerson, RadioModel, Scenario, SensorModel
from unslouch_signal.synth.radio import Radio

STEP_S = 0.25
"""Wall time made ahead: short enough that a command is followed at once, long enough to cost little (1.5 ms a step)."""
WAY_S = 0.03
"""From the newest sample of a packet to its arrival: half a connection interval and the stack."""
MOST_AHEAD_S = 2.0
"""Simulated time made ahead at most, however fast: what is asked of the wearer waits for it."""
BOOT = 1
RESTLESS_S = 0.25
"""Longest sleep, so that a command, a new speed or the end is noticed."""


@dataclass(frozen=True, slots=True)
class SimulatedOptions:
    """How the simulated strap is.

    Attributes
    ----------
    speed
        Times real time; infinite gives packets as fast as they are taken.
    samples_per_packet
        2 is the protocol's low latency, 18 its economy.
    raw
        Send acceleration and angular rate instead of orientation and acceleration.
    duration_s
        When the stream ends; None: at the scenario's end if there is one, else never.
    start_utc
        UTC of the first sample; None takes the present.
    """

    speed: float = 1.0
    samples_per_packet: int = 2
    raw: bool = False
    duration_s: float | None = None
    start_utc: float | None = None
    name: str = "Simulated strap"


class SimulatedStrap:
    """Packets of a simulated strap, at simulated time.

    Parameters
    ----------
    scenario
        What the wearer does at first; None sits until asked.
    seed
        Decides everything random.
    sensor, mounting, radio
        Errors of the sensor, sensor to thorax (None: any), what the radio loses.
    options
        See :class:`SimulatedOptions`.
    endless
        Whether the wearer sits on after the scenario, for a screen that goes on.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        seed: int = 0,
        sensor: SensorModel | None = None,
        mounting: FloatArray | None = None,
        radio: RadioModel | None = None,
        options: SimulatedOptions | None = None,
        endless: bool = False,
    ) -> None:
        self._options = options or SimulatedOptions()
        self._person = LivePerson(scenario, sensor=sensor, mounting=mounting, seed=seed, raw=self._options.raw)
        self._wearer = Wearer(self._person)
        self._radio = Radio(radio or RadioModel(packet_samples=self._options.samples_per_packet), seed)
        self._end = self._options.duration_s
        if self._end is None and scenario is not None and not endless:
            self._end = scenario.duration_s or self._person.busy_until + 2.0
        self._speed = self._options.speed
        self._paused = False
        self._closed = False
        self._begun_utc = time.time() if self._options.start_utc is None else self._options.start_utc
        self._anchor_sim = 0.0
        self._anchor_wall: float | None = None
        self._sent_to = 0.0
        self._index = 0

    @property
    def info(self) -> SourceInfo:
        """What is known of the strap."""
        device = (("manufacturer", "unslouch"), ("model", "simulated strap"))
        return SourceInfo(SourceKind.SIMULATED, self._options.name, device=device, rate_hz=self._person.model.rate_hz)

    @property
    def paused(self) -> bool:
        """Whether the wearer's time is held."""
        return self._paused

    @property
    def speed(self) -> float:
        """Times real time."""
        return self._speed

    @property
    def moves(self) -> tuple[str, ...]:
        """What the wearer can be asked by name."""
        return tuple(COMMANDS)

    def set_paused(self, paused: bool) -> None:
        """Hold the wearer's time, or go on."""
        self._paused = paused
        self._anchor_wall = None

    def set_speed(self, factor: float) -> None:
        """Run at ``factor`` times real time."""
        self._speed = max(factor, 0.01)
        self._anchor_wall = None

    def ask(self, move: str, technique: Technique | None, side: Side | None, zone: tuple[float, float] | None) -> None:
        """Ask the wearer for a movement."""
        self._wearer.ask(Asked(move, technique, side, zone))

    def buzz(self, seconds: float) -> None:
        """Run the motor: samples are flagged and shaken."""
        self._person.buzz(seconds)

    async def aclose(self) -> None:
        """End the stream."""
        self._closed = True

    def __aiter__(self) -> AsyncIterator[Packet]:
        """Start the packets."""
        return self._packets()

    async def _packets(self) -> AsyncIterator[Packet]:
        ready: deque[EncodedPacket] = deque()
        first = True
        while not self._closed:
            if not ready:
                if self._end is not None and self._person.now >= self._end - 0.5 / self._person.model.rate_hz:
                    return
                ready.extend(self._next())
                continue
            packet = ready.popleft()
            await self._wait_for(packet.t_us * 1e-6)
            if self._closed:
                return
            arrival = self._begun_utc + packet.t_us * 1e-6 + WAY_S
            if first:
                yield Packet(arrival, Channel.STREAM, self._start_of(packet))
                first = False
            yield Packet(arrival, Channel.STREAM, packet.data)

    def _next(self) -> list[EncodedPacket]:
        """Make the next stretch of samples; give the packets of it that the radio does not lose."""
        rate, per = self._person.model.rate_hz, self._options.samples_per_packet
        ahead = min(STEP_S * self._speed, MOST_AHEAD_S)
        n = max(per, round(ahead * rate / per) * per)
        if self._end is not None:
            n = max(1, min(n, math.ceil((self._end - self._person.now) * rate - 1e-6)))
        self._wearer.go_on()
        block = self._person.samples(n)
        # The stamp of the very first sample may jitter below zero, which the strap's clock never shows.
        block = replace(block, t=np.maximum(block.t, 0.0))
        index = self._index
        self._index += n
        keep = self._radio.arrives(index, block.t)
        seq = index + np.arange(n, dtype=np.int64)
        packets = encode_stream(block, seq, BOOT, per, tolerance_us=2_500)
        if bool(keep.all()):
            return packets
        starts = np.cumsum([0, *(_count(packet) for packet in packets)])[:-1]
        return [packet for packet, start in zip(packets, starts.tolist(), strict=True) if keep[start]]

    def _start_of(self, packet: EncodedPacket) -> bytes:
        """Return the anchor that a started stream begins with: the header of its first packet, alone."""
        head = packet.data
        dt_us = int.from_bytes(head[14:16], "little") * 2
        return encode_anchor(
            Anchor(head[1], BOOT, int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:14], "little"), dt_us, 0.0)
        )

    async def _wait_for(self, t: float) -> None:
        """Sleep until simulated time ``t`` has come, whatever is done to speed and pause meanwhile."""
        while not self._closed:
            if self._paused:
                await asyncio.sleep(0.02)
                continue
            if not math.isfinite(self._speed):
                self._sent_to = t
                return
            now = asyncio.get_running_loop().time()
            if self._anchor_wall is None:
                self._anchor_wall, self._anchor_sim = now, self._sent_to
            left = (t - self._anchor_sim) / self._speed - (now - self._anchor_wall)
            if left <= 0.002:
                self._sent_to = t
                return
            await asyncio.sleep(min(left, RESTLESS_S))


def _count(packet: EncodedPacket) -> int:
    """Return how many samples a packet of this module holds (12 bytes each behind 16)."""
    return (len(packet.data) - 16) // 12
