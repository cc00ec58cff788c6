"""The conveyor: raw packets kept first, nothing lost, commands obeyed, everything closed."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from unslouch.errors import LinkError, Reason, UnslouchError
from unslouch.link.simulated import SimulatedOptions, SimulatedStrap
from unslouch.live.chain import Chain, Digest
from unslouch.live.conveyor import MOST_AT_ONCE, Conveyor
from unslouch.live.feed import (
    Ask,
    Buzz,
    ExpectRotations,
    FeedKind,
    LinkKind,
    LinkState,
    Mark,
    Pace,
    Seek,
    SetCalibration,
    SetPaused,
    SetSpeed,
    Step,
    Update,
)
from unslouch.live.outbox import thin
from unslouch.live.recorded import record_samples
from unslouch.live.replaying import replay_feed
from unslouch.recording.reader import read_recording
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.table import PacketTable
from unslouch_signal.events import HoldEvent, HoldNotice, RotationRep, SlouchAlert
from unslouch_signal.synth import scenarios, simulate

UP = LinkState(LinkKind.UP, "up")


@contextmanager
def running(conveyor: Conveyor) -> Iterator[Conveyor]:
    try:
        yield conveyor
    finally:
        conveyor.close()


def gather(
    conveyor: Conveyor, until: Callable[[list[Update]], bool] | None = None, limit: float = 120.0
) -> list[Update]:
    updates: list[Update] = []
    end = time.monotonic() + limit
    while time.monotonic() < end and not conveyor.ended:
        updates += conveyor.poll()
        if until is not None and until(updates):
            return updates
        time.sleep(0.01)
    assert conveyor.ended or until is None, "not reached in time"
    return updates + conveyor.poll()


def demo_strap(**options: object) -> SimulatedStrap:
    return SimulatedStrap(
        scenarios.demo(2),
        seed=2,
        options=SimulatedOptions(speed=math.inf, samples_per_packet=6, **options),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np

    made = simulate(scenarios.demo(2), seed=2)
    assert made.block_fused is not None
    path = tmp_path_factory.mktemp("live") / "demo.mcap"
    record_samples(path, made.block_fused, np.flatnonzero(made.arrived))
    return path


def test_every_sample_is_delivered_once_in_order_and_recorded(tmp_path: Path):
    strap = demo_strap()
    path = tmp_path / "out.mcap"
    with running(Conveyor(strap, lambda _: Chain(52.0), RecordingWriter(path, strap.info, 0.0))) as conveyor:
        updates = gather(conveyor)
    times = [t for update in updates if update.samples is not None for t in update.samples.t.tolist()]
    assert times == sorted(set(times))
    kept = read_recording(path)
    assert kept.samples.t.tolist() == times
    assert kept.notices == ()
    assert kept.calibration is not None, "what was found in the stream is kept in the recording"
    assert updates[-1].link.kind is LinkKind.ENDED
    assert sum(update.calibration is not None for update in updates) == 1


def test_events_are_those_of_the_chain_alone(recorded: Path):
    with running(replay_feed(recorded, speed=math.inf)) as conveyor:
        events = [event for update in gather(conveyor) for event in update.events]
    assert sum(isinstance(event, SlouchAlert) for event in events) == 1
    assert sum(isinstance(event, RotationRep) and event.side == "left" for event in events) == 5


def test_the_end_is_one_update_and_the_last():
    with running(Conveyor(demo_strap(duration_s=5.0), lambda _: Chain(52.0))) as conveyor:
        updates = gather(conveyor)
    ended = [update.link.kind is LinkKind.ENDED for update in updates]
    assert ended.count(True) == 1
    assert ended[-1]
    assert updates[0].link.kind is LinkKind.CONNECTING


def test_closing_early_finishes_the_file_and_can_be_done_twice(tmp_path: Path):
    strap = SimulatedStrap(scenarios.demo(2), seed=2, options=SimulatedOptions(speed=20.0))
    path = tmp_path / "out.mcap"
    conveyor = Conveyor(strap, lambda _: Chain(52.0), RecordingWriter(path, strap.info, 0.0))
    gather(conveyor, lambda updates: sum(update.samples is not None for update in updates) > 5)
    conveyor.close()
    conveyor.close()
    assert conveyor.ended or conveyor.poll()
    assert len(read_recording(path).samples) > 20
    assert read_recording(path).notices == ()


def test_markers_and_calibrations_set_from_above_are_kept(tmp_path: Path, recorded: Path):
    strap = SimulatedStrap(scenarios.demo(2), seed=2, options=SimulatedOptions(speed=20.0))
    path = tmp_path / "out.mcap"
    with running(
        Conveyor(strap, lambda _: Chain(52.0, watch=False), RecordingWriter(path, strap.info, 0.0))
    ) as conveyor:
        gather(conveyor, lambda us: bool(us) and us[-1].frame is not None)
        from unslouch_signal.calibration import Calibration

        given = Calibration((1.0, 0.0, 0.0, 0.0), False, "neutral")
        conveyor.send(SetCalibration(given))
        conveyor.send(Mark("coffee"))
        updates = gather(conveyor, lambda updates: any(update.calibration is not None for update in updates))
        assert updates[-1].frame is not None
    kept = read_recording(path)
    assert [marker.label for marker in kept.markers] == ["coffee"]
    assert kept.calibration is not None
    assert Calibration.from_json(kept.calibration) == given


def test_what_it_accepts_depends_on_the_source(recorded: Path):
    with running(Conveyor(demo_strap(duration_s=1.0), lambda _: Chain(52.0))) as conveyor:
        assert conveyor.kind is FeedKind.SIMULATED
        assert conveyor.accepts == {SetCalibration, ExpectRotations, SetPaused, SetSpeed, Ask, Buzz}
        assert "slouch" in conveyor.moves
    with running(replay_feed(recorded)) as conveyor:
        assert conveyor.kind is FeedKind.REPLAY
        assert conveyor.accepts == {SetCalibration, ExpectRotations, SetPaused, SetSpeed, Seek, Step}
        assert conveyor.moves == ()


def test_a_seek_knows_what_lies_before_as_if_it_had_been_played(recorded: Path):
    with running(replay_feed(recorded)) as conveyor:
        conveyor.send(Seek(50.0))
        conveyor.send(SetSpeed(math.inf))
        updates = gather(conveyor)
    jump = next(index for index, update in enumerate(updates) if update.restarted)
    assert updates[jump].calibration is not None
    assert updates[jump].transport is not None
    assert updates[jump].transport.position == pytest.approx(50.0, abs=0.5)
    after = [event for update in updates[jump:] for event in update.events]
    with running(replay_feed(recorded, speed=math.inf)) as conveyor:
        straight = [event for update in gather(conveyor) for event in update.events]
    alerts = [event for event in straight if isinstance(event, SlouchAlert)]
    assert alerts[0].start < 50.0 < alerts[0].t, "the slouch had begun before the place that was jumped to"
    assert after == straight[-len(after) :]
    assert [event for event in after if isinstance(event, SlouchAlert)] == alerts


def test_starting_within_a_recording_is_the_same_as_jumping_there(recorded: Path):
    with running(replay_feed(recorded, speed=math.inf, start_s=50.0)) as conveyor:
        events = [event for update in gather(conveyor) for event in update.events]
    assert sum(isinstance(event, SlouchAlert) for event in events) == 1


def samples_of(updates: list[Update]) -> int:
    return sum(len(update.samples) for update in updates if update.samples is not None)


def settled(conveyor: Conveyor) -> list[Update]:
    """What still was on its way: each answer to a command means that the conveyor has gone round once more."""
    updates: list[Update] = []
    for _ in range(5):
        conveyor.send(SetPaused(True))
        updates += gather(conveyor, lambda us: any(u.samples is None for u in us))
    return updates


def position(updates: list[Update]) -> float:
    return max((u.transport.position for u in updates if u.transport is not None), default=-1.0)


def test_a_step_lets_a_stretch_through_and_holds(recorded: Path):
    with running(replay_feed(recorded)) as conveyor:
        conveyor.send(SetPaused(True))
        gather(conveyor, lambda us: bool(us) and us[-1].transport is not None and us[-1].transport.paused)
        begun = position(settled(conveyor))
        conveyor.send(Step(2.0))
        updates = gather(conveyor, lambda us: position(us) >= begun + 2.0)
        updates += settled(conveyor)
        assert 1.9 * 52 < samples_of(updates) < 2.5 * 52
        still = settled(conveyor)
        assert samples_of(still) == 0
        held = position(still)
        assert 2.0 <= held - begun < 2.0 + 18 / 52 + 0.1, "to the end of the packet in which it ends"
        conveyor.send(Step(-1.0))
        back = gather(conveyor, lambda us: any(u.restarted for u in us))
        assert position(back[-1:]) == pytest.approx(held - 1.0, abs=0.2)


def test_a_source_that_can_wait_waits_for_the_consumer():
    with running(Conveyor(demo_strap(), lambda _: Chain(52.0))) as conveyor:
        time.sleep(1.0)
        updates = conveyor.poll()
        assert len(updates) < 80
        assert all(update.dropped == 0 for update in updates)
        rest = gather(conveyor)
    assert sum(isinstance(event, RotationRep) for update in [*updates, *rest] for event in update.events) >= 10


class Failing:
    """A source that ends with an error after some packets."""

    def __init__(self, error: Exception) -> None:
        self.info = SourceInfo(SourceKind.STRAP, "Broken")
        self._error = error
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[Packet]:
        async for packet in demo_strap(duration_s=2.0):
            yield packet
        raise self._error

    async def aclose(self) -> None:
        self.closed = True


def test_a_foreseen_failure_is_the_last_update_with_its_mend():
    source = Failing(LinkError(Reason.PROTOCOL, "The strap is out of reach.", "Come nearer."))
    with running(Conveyor(source, lambda _: Chain(52.0))) as conveyor:
        updates = gather(conveyor)
    assert updates[-1].link == LinkState(LinkKind.ENDED, "The strap is out of reach.", "Come nearer.")
    assert sum(len(update.samples) for update in updates if update.samples is not None) == 104
    assert source.closed


def test_an_unforeseen_failure_is_raised_where_somebody_sees_it():
    source = Failing(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError), running(Conveyor(source, lambda _: Chain(52.0))) as conveyor:
        gather(conveyor)


class Silent:
    """A strap that sends for a moment and then says nothing."""

    def __init__(self) -> None:
        self.info = SourceInfo(SourceKind.STRAP, "Silent")
        self._closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Packet]:
        async for packet in demo_strap(duration_s=1.0):
            yield packet
        await self._closed.wait()

    async def aclose(self) -> None:
        self._closed.set()


def test_silence_is_a_lost_link():
    begun = time.monotonic()
    with running(Conveyor(Silent(), lambda _: Chain(52.0))) as conveyor:
        updates = gather(conveyor, lambda us: any(u.link.kind is LinkKind.LOST for u in us))
    assert any(update.link.kind is LinkKind.UP for update in updates)
    assert time.monotonic() - begun > 1.5


class Punctual(Silent):
    """A strap that sends a packet of two samples every 1/26 s, once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    async def __aiter__(self) -> AsyncIterator[Packet]:
        await asyncio.to_thread(self.may.wait)
        async for packet in demo_strap(duration_s=2.0):
            await asyncio.sleep(1 / 26)
            yield packet


def test_a_slower_pace_takes_packets_together_and_loses_none():
    for pace in (0.0, 0.1):
        source = Punctual()
        with running(Conveyor(source, lambda _: Chain(52.0))) as conveyor:
            conveyor.send(Pace(pace))
            begun = time.monotonic()
            source.may.set()
            updates = gather(conveyor)
            took = time.monotonic() - begun
        brought = [len(update.samples) for update in updates if update.samples is not None]
        assert sum(brought) == 104
        # as long between two looks as was asked for, however slowly packets come on a busy machine
        assert pace == 0.0 or len(brought) <= took / pace + 2
    assert Pace in conveyor.accepts


class FullDisk:
    """A recorder whose disk fills up."""

    def __init__(self) -> None:
        self.room, self.closed = 3, False

    def write(self, packet: Packet) -> None:
        self.room -= 1
        if self.room < 0:
            raise UnslouchError(Reason.FILE_ACCESS, "The disk is full.")

    def mark(self, t: float, label: str) -> None: ...

    def calibration(self, t: float, text: str) -> None: ...

    def close(self) -> None:
        self.closed = True


def test_a_full_disk_stops_the_recording_but_not_the_session():
    disk = FullDisk()
    with running(Conveyor(demo_strap(duration_s=4.0), lambda _: Chain(52.0), disk)) as conveyor:
        updates = gather(conveyor)
    notices = [notice for update in updates for notice in update.notices]
    assert notices == ["The recording stopped: The disk is full."]
    assert disk.closed
    assert sum(len(update.samples) for update in updates if update.samples is not None) == 208


def test_thinning_leaves_out_tracks_and_never_events():
    def update(k: int) -> Update:
        return Update(float(k), UP, events=(HoldEvent(HoldNotice.ENTERED, k, 0.0),), notices=(str(k),))

    waiting = deque(update(k) for k in range(10))
    thin(waiting, 4)
    assert len(waiting) == 4
    assert [event.t for u in waiting for event in u.events] == list(range(10))  # type: ignore[union-attr]
    assert [notice for u in waiting for notice in u.notices] == [str(k) for k in range(10)]
    assert waiting[0].dropped == 6
    assert [u.sample_time for u in waiting] == [6.0, 7.0, 8.0, 9.0]


def test_a_packet_of_another_channel_is_recorded_too(tmp_path: Path):
    class WithStatus(Failing):
        async def __aiter__(self) -> AsyncIterator[Packet]:
            yield Packet(0.5, Channel.CONTROL, b"\x81\x01\x00")
            async for packet in demo_strap(duration_s=1.0):
                yield packet

    source = WithStatus(ValueError())
    path = tmp_path / "out.mcap"
    with running(Conveyor(source, lambda _: Chain(52.0), RecordingWriter(path, source.info, 0.0))) as conveyor:
        gather(conveyor)
    from unslouch.recording.reader import read_packets

    table, _ = read_packets(path)
    assert table.packet(0).data == b"\x81\x01\x00"


def test_a_rush_of_packets_is_decoded_in_parts_and_whole():
    class Rush(Silent):
        async def __aiter__(self) -> AsyncIterator[Packet]:
            async for packet in demo_strap(duration_s=60.0):
                yield replace(packet, arrival_s=1.0)

    class Counting(Chain):
        def feed(self, packets: Sequence[Packet] | PacketTable) -> Digest:
            looks.append(len(packets))
            return super().feed(packets)

    looks: list[int] = []
    with running(Conveyor(Rush(), lambda _: Counting(52.0))) as conveyor:
        updates = gather(conveyor)
    assert max(looks) == MOST_AT_ONCE
    assert sum(looks) > 500
    frames = [update.frame.t for update in updates if update.frame is not None]
    assert frames[-1] > 59.0
