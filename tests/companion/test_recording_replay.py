"""Replay: the packets of a recording with their timing, at any speed, from anywhere."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch.errors import FileError
from unslouch.recording.convert import packets_of, write_mcap
from unslouch.recording.csv_format import write_csv
from unslouch.recording.reader import read_recording
from unslouch.recording.replay import Replay, open_replay
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.decoder import Decoder, decode_all
from unslouch.wire.encode import encode_anchor, encode_compact, encode_stream
from unslouch.wire.records import Anchor
from unslouch.wire.source import Channel, Packet, PacketSource, SourceInfo, SourceKind
from unslouch.wire.table import PacketTable
from unslouch_signal.samples import SampleBlock, samples

InOwnTime = Callable[[Coroutine[Any, Any, Any]], Any]
UTC = 1.8e9
INFO = SourceInfo(SourceKind.REPLAY, "test")


def still(n: int, rate: float = 52.0, t0: float = 3.0) -> SampleBlock:
    quat = np.tile([0.8, 0.0, 0.6, 0.0], (n, 1))
    return samples(t0 + np.arange(n) / rate, quat, np.tile([0.0, 0.0, 9.8], (n, 1)))


def packets(n: int = 104, per_packet: int = 2) -> list[Packet]:
    encoded = encode_stream(still(n), np.arange(n), per_packet=per_packet)
    return [Packet(UTC + e.t_us * 1e-6, Channel.STREAM, e.data) for e in encoded]


def replay(speed: float = math.inf, start_s: float = 0.0, n: int = 104) -> Replay:
    return Replay(PacketTable.of(packets(n)), INFO, speed, start_s)


async def test_all_packets_come_once_in_order_unchanged() -> None:
    source = replay()
    assert isinstance(source, PacketSource)
    assert [p async for p in source] == packets()


async def test_a_saved_recording_is_played_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    sent = packets()
    with RecordingWriter(path, INFO, UTC) as writer:
        for packet in sent:
            writer.write(packet)
    source, recording = open_replay(path, math.inf)
    got = [p async for p in source]
    assert [(p.channel, p.data) for p in got] == [(p.channel, p.data) for p in sent]
    np.testing.assert_allclose([p.arrival_s for p in got], [p.arrival_s for p in sent], atol=1e-6)
    assert source.info.kind is SourceKind.REPLAY
    assert source.info.name == "test"
    assert source.info.rate_hz == pytest.approx(52, rel=1e-3)
    decoded = Decoder().decode(got)
    assert np.array_equal(decoded.blocks[0].samples.t, recording.samples.t)


@pytest.mark.parametrize("speed", [4.0, 20.0])
def test_timing_is_kept_at_any_speed(speed: float, in_own_time: InOwnTime) -> None:
    async def played() -> list[float]:
        clock = asyncio.get_running_loop().time
        source = Replay(PacketTable.of(packets()), INFO, speed, clock=clock)
        begun = clock()
        return [clock() - begun - (p.arrival_s - packets()[0].arrival_s) / speed async for p in source]

    np.testing.assert_allclose(in_own_time(played()), 0.0, atol=1e-3)


def test_pause_step_and_go_on(in_own_time: InOwnTime) -> None:
    async def held() -> None:
        source = Replay(PacketTable.of(packets()), INFO, 50.0, clock=asyncio.get_running_loop().time)
        got: list[Packet] = []

        async def take() -> None:
            async for packet in source:
                got.append(packet)  # noqa: PERF401  (seen while it fills)

        source.set_paused(True)
        task = asyncio.create_task(take())
        await asyncio.sleep(5.0)
        assert got == []
        assert source.paused
        source.step()
        await asyncio.sleep(5.0)
        assert got == packets()[:1]
        source.step(3)
        await asyncio.sleep(5.0)
        assert got == packets()[:4]
        assert source.position == pytest.approx(got[-1].arrival_s - packets()[0].arrival_s)
        source.set_paused(False)
        await task
        assert got == packets()

    in_own_time(held())


def test_a_change_of_speed_is_heeded_at_once(in_own_time: InOwnTime) -> None:
    async def hurried() -> None:
        source = Replay(PacketTable.of(packets()), INFO, 0.01, clock=asyncio.get_running_loop().time)
        got: list[Packet] = []

        async def take() -> None:
            async for packet in source:
                got.append(packet)  # noqa: PERF401  (seen while it fills)

        task = asyncio.create_task(take())
        await asyncio.sleep(0.05)
        assert len(got) == 1
        source.set_speed(math.inf)
        await asyncio.wait_for(task, 0.001)
        assert got == packets()
        with pytest.raises(FileError, match="above 0"):
            source.set_speed(0)

    in_own_time(hurried())


async def test_seek_forward_and_back() -> None:
    sent = packets()
    source = replay(start_s=1.0)
    assert source.position == pytest.approx(1.0)
    got = []
    async for packet in source:
        got.append(packet)
        if len(got) == 5:
            source.seek(0.2)
        if len(got) == 8:
            source.seek(1e9)
    start = sent[0].arrival_s
    after = [p for p in sent if p.arrival_s - start >= 1.0 - 1e-9]
    again = [p for p in sent if p.arrival_s - start >= 0.2 - 1e-9]
    assert got == after[:5] + again[:3] + sent[-1:]


async def test_compact_packets_are_read_from_anywhere() -> None:
    block = still(200)
    anchor = Packet(UTC, Channel.STREAM, encode_anchor(Anchor(0, 1, 0, 3_000_000, 19230, 0.0)))
    compact = [Packet(UTC + e.t_us * 1e-6, Channel.STREAM, e.data) for e in encode_compact(block, np.arange(200))]
    source = Replay(PacketTable.of([anchor, *compact]), INFO, math.inf, start_s=4.0)
    got = [p async for p in source]
    assert got[0] == anchor
    decoded = decode_all(got)
    assert decoded.blocks[0].seq[-1] == 199
    assert not decoded.errors
    assert len(got) < 150


def test_closing_ends_the_iteration(in_own_time: InOwnTime) -> None:
    async def closed() -> int:
        source = Replay(PacketTable.of(packets()), INFO, 0.001, clock=asyncio.get_running_loop().time)
        task = asyncio.create_task(_count(source))
        await asyncio.sleep(0.02)
        await source.aclose()
        await source.aclose()
        return await asyncio.wait_for(task, 0.001)

    assert in_own_time(closed()) == 1


async def _count(source: Replay) -> int:
    return len([p async for p in source])


async def test_a_csv_goes_the_same_way(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    block = still(500, t0=-1.5)
    keep = np.r_[0:200, 260:500]
    t = block.t[keep] + rng.uniform(-2e-3, 2e-3, len(keep))
    assert block.quat is not None
    path = tmp_path / "a.csv"
    write_csv(path, SampleBlock(t, block.quat[keep], None, None, block.flags[keep]))
    source, recording = open_replay(path, math.inf)
    decoded = Decoder().decode([p async for p in source])
    got = np.concatenate([b.samples.t for b in decoded.blocks])
    np.testing.assert_allclose(got - got[0], recording.samples.t - recording.samples.t[0], atol=25e-6)
    assert all(b.samples.acc is None for b in decoded.blocks)
    (gap,) = decoded.gaps
    assert gap.missing == 60


def test_nothing_to_replay_is_said(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "a.mcap", INFO, UTC):
        pass
    with pytest.raises(FileError, match="no packets"):
        open_replay(tmp_path / "a.mcap")


def test_a_csv_becomes_a_recording(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n = 400
    raw = samples(np.arange(n) / 100, None, rng.normal(0, 3, (n, 3)) + np.array([0, 0, 9]), rng.normal(0, 0.05, (n, 3)))
    write_csv(tmp_path / "a.csv", raw)
    write_mcap(read_recording(tmp_path / "a.csv"), tmp_path / "a.mcap")
    got = read_recording(tmp_path / "a.mcap").samples
    np.testing.assert_allclose(got.t, raw.t, atol=2e-6)
    np.testing.assert_allclose(got.acc, raw.acc, atol=1.3e-3)  # type: ignore[arg-type]
    np.testing.assert_allclose(got.gyr, raw.gyr, atol=3.2e-4)  # type: ignore[arg-type]
    assert packets_of(raw[:0]) == []
