"""A strap that was worn alone, synced in the evening: in the store as if it had been live, at the right time of day."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch.cli.synced import Kept, keep_recording
from unslouch.desk.keeping import keep
from unslouch.desk.session import DeskSession
from unslouch.desk.values import End
from unslouch.link.gate import gate_values, mount_values
from unslouch.link.radio.bench import FedImu, Frame, Wearing
from unslouch.link.strap import StrapOptions
from unslouch.live.chain import Chain
from unslouch.live.dating import Dating
from unslouch.live.strap_feed import SLOUCH, slouch_text
from unslouch.recording.writer import RecordingWriter
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.progress import DeskDay, desk_days
from unslouch.store.rows import AlertRow, MarkerRow, SessionKind, SharpPainRow, SlouchRow, Source
from unslouch.store.store import Store
from unslouch.wire.control import Op
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.calibration import Calibration
from unslouch_signal.slouch import SlouchParameters
from unslouch_signal.synth import SensorModel, scenarios, simulate

RATE_HZ = 52
UPRIGHT = Calibration((1.0, 0.0, 0.0, 0.0), forward_known=True, method="bows")
"""The bench's wearer wears it straight: x forward, z up."""
SLOUCH_RAD = math.radians(26)


class Worn:
    """Feeds frames at their pace; ``began`` notes the UTC at which each boot's first sample was taken."""

    def __init__(self, imu: FedImu) -> None:
        self.imu, self.wearing = imu, Wearing()
        self.began: list[float] = []

    async def boots(self, strap: Any, *, again: bool = True) -> None:
        """Let the strap restart; its next sample is the first of a boot."""
        if again:
            await strap.pull_battery()
            await strap.start()
        self.began.append(0.0)

    async def feed(self, frames: Iterable[Frame], step: float = 1.0) -> None:
        """Give frames as time passes."""
        frames = list(frames)
        n = round(step * RATE_HZ)
        for k in range(0, len(frames), n):
            if not self.began[-1]:
                self.began[-1] = time.time()
            part = frames[k : k + n]
            await self.imu.feed(part)
            await asyncio.sleep(len(part) / RATE_HZ)

    async def sits(self, seconds: float, step: float = 1.0) -> None:
        await self.feed(self.wearing.worn(seconds), step)

    async def slouches(self, seconds: float) -> None:
        wearing = self.wearing
        await self.feed([*wearing.bend(SLOUCH_RAD), *wearing.worn(seconds - 2), *wearing.bend(-SLOUCH_RAD)])


def recorded(path: Path, packets: Sequence[Packet], calibration: Calibration = UPRIGHT) -> Path:
    """Write packets as the recording of a connection."""
    info = SourceInfo(SourceKind.STRAP, "Strap", "AA", (("serial", "S1"),))
    with RecordingWriter(path, info, packets[0].arrival_s, tidy=False) as writer:
        writer.device({SLOUCH: slouch_text(SlouchParameters())})
        writer.calibration(0.0, calibration.to_json())
        for packet in packets:
            writer.write(packet)
    return path


async def told(companion: Any) -> None:
    """Tell the strap how it sits and that it buzzes alone."""
    companion.strap.wish(Op.SET_MOUNT, mount_values(UPRIGHT))
    companion.strap.wish(Op.SET_GATE, gate_values(SlouchParameters(), stand_alone=True))
    await companion.until(lambda: len(companion.strap._granted) == 2)


async def day_alone(world: Any, folder: Path) -> tuple[Worn, list[Path]]:
    """Paired and streamed in the morning (boot 1), alone with two restarts, fetched in the evening (boot 3)."""
    strap, imu = await world.fed()
    worn = Worn(imu)
    await worn.boots(strap, again=False)
    morning = await world.companion(strap)
    feeding = asyncio.create_task(worn.sits(90, 3 / RATE_HZ))
    await morning.strap.until_streaming()
    await told(morning)
    await feeding
    await morning.close()
    await worn.sits(300, 5)
    await worn.slouches(40)
    await worn.sits(200, 5)
    await strap.press(0.2)
    await worn.sits(60)
    await worn.boots(strap)
    await worn.sits(400, 5)
    await asyncio.sleep(500)  # it lay switched off
    await worn.boots(strap)
    await worn.sits(300, 5)
    evening = await world.companion(strap, StrapOptions())
    feeding = asyncio.create_task(worn.sits(60, 3 / RATE_HZ))
    await evening.strap.until_streaming()
    await evening.whole(40)
    await feeding
    await evening.close()
    return worn, [recorded(folder / "a.mcap", morning.disk), recorded(folder / "b.mcap", evening.disk)]


def kept_in(store: Store, paths: Sequence[Path]) -> list[Kept]:
    return [one for path in paths for one in keep_recording(store, path)]


async def test_a_day_alone_is_dated_boot_by_boot(world: Any, tmp_path: Path) -> None:
    worn, paths = await day_alone(world, tmp_path)
    with Store(tmp_path / "one.db") as store:
        kept = kept_in(store, paths)
        sessions = {one.uid: store.session(one.uid) for one in kept}
        assert [one.uncertain_s is None for one in kept] == [True, False, True]
        first, unheard, last = sessions.values()
        # boot 1 alone begins where the morning's stream ended, to a few samples; boot 3 with its first sample
        assert first.start_utc == pytest.approx(worn.began[0] + 90, abs=1.0)
        assert first.end_utc == pytest.approx(worn.began[0] + 90 + 300 + 40 + 200 + 60, abs=4.5)
        assert last.start_utc == pytest.approx(worn.began[2], abs=0.1)
        assert unheard.uncertain_s is not None
        assert 200 < unheard.uncertain_s < 300  # half of the time for which it lay switched off
        assert abs(unheard.start_utc - worn.began[1]) <= unheard.uncertain_s
        assert first.end_utc < unheard.start_utc < last.start_utc
        # the strap's own cue, where it was, and the button
        [alert] = store.parts(AlertRow, first.uid)
        assert alert.cued
        [(utc,)] = store.query("SELECT utc FROM alerts WHERE session = ?", (first.uid,))
        slouched = worn.began[0] + 90 + 300
        assert utc == pytest.approx(slouched + 15.5, abs=1.0)
        [spell] = store.parts(SlouchRow, first.uid)
        assert alert.start_t == pytest.approx(spell.start_t)
        assert spell.end_t - spell.start_t == pytest.approx(39, abs=1.5)
        [marker] = store.parts(MarkerRow, first.uid)
        assert marker.label == "button"
        assert store.parts(SharpPainRow, first.uid) == []
        before = store.dump()
        assert kept_in(store, paths) == kept  # again: nothing changes
        assert store.dump() == before


async def test_what_was_fetched_twice_counts_once(world: Any, tmp_path: Path) -> None:
    strap, imu = await world.fed()
    worn = Worn(imu)
    await worn.boots(strap, again=False)
    await worn.sits(400, 5)
    await worn.boots(strap)
    paths: list[Path] = []
    for name in ("a", "b"):  # the second one knows nothing of the first, as on another data folder of the same person
        await strap.press(3.3)
        companion = await world.companion(strap)
        companion.strap.stored = lambda _mark: None  # nothing is confirmed: the strap keeps all
        feeding = asyncio.create_task(worn.sits(30, 3 / RATE_HZ))
        await companion.strap.until_streaming()
        await companion.whole(30)
        await feeding
        await companion.close()
        paths.append(recorded(tmp_path / f"{name}.mcap", companion.disk))
    with Store(tmp_path / "one.db") as store:
        assert [round(one.seconds, -1) for one in keep_recording(store, paths[0])] == [400]
        assert keep_recording(store, paths[1]) == []


@pytest.mark.slow
async def test_a_synced_day_counts_as_the_same_day_live(world: Any, tmp_path: Path) -> None:
    """The same samples, streamed and judged live, and fetched from the log at a fifth of the rate."""
    made = simulate(scenarios.desk_day(900.0, seed=21), SensorModel(bias_dps=0.3), seed=21)
    raw = made.block_raw
    frames = [tuple(one) for one in np.hstack([raw.acc, raw.gyr]).tolist()]
    strap, imu = await world.fed()
    worn = Worn(imu)
    await worn.boots(strap, again=False)
    live = await world.companion(strap, StrapOptions(pair=True, samples=18))
    live.strap.stored = lambda _mark: None
    feeding = asyncio.create_task(worn.feed(frames))
    await live.strap.until_streaming()
    await told(live)
    await feeding
    await live.close()
    await worn.boots(strap)
    later = await world.companion(strap, StrapOptions())
    feeding = asyncio.create_task(worn.sits(60, 3 / RATE_HZ))
    await later.strap.until_streaming()
    await later.whole(50)
    await feeding
    await later.close()

    finding = Chain(RATE_HZ)
    finding.feed(live.disk)
    calibration = finding.calibration
    assert calibration is not None
    with Store(tmp_path / "live.db") as one, Store(tmp_path / "synced.db") as two:
        _judged_live(one, live.disk, calibration)
        day = [packet for packet in later.disk if packet.channel is not Channel.STREAM or _boot(packet) == 2]
        [kept] = [
            one for one in keep_recording(two, recorded(tmp_path / "b.mcap", day, calibration)) if one.seconds > 600
        ]
        _assert_same(desk_days(one), desk_days(two))
        spells = [store.select(SlouchRow, order="start_t") for store in (one, two)]
        assert len(spells[0]) >= 3
        assert len(spells[0]) == len(spells[1])
        for a, b in zip(*spells, strict=True):
            assert (a.start_t, a.end_t) == pytest.approx((b.start_t, b.end_t), abs=0.5)
            assert a.peak == pytest.approx(b.peak, abs=math.radians(1.0))
            assert a.direction == b.direction
        alerts = [store.select(AlertRow, order="t") for store in (one, two)]
        assert alerts[0]
        assert [a.t for a in alerts[0]] == pytest.approx([a.t for a in alerts[1]], abs=0.5)
        zero = [row.start_utc - row.start_t for row in (one.sessions()[0], two.session(kept.uid))]
        assert zero[0] == pytest.approx(zero[1], abs=1.1)  # samples are handed over a second at once here


def _boot(packet: Packet) -> int:
    return int.from_bytes(packet.data[2:4], "little")


def _judged_live(store: Store, packets: Sequence[Packet], calibration: Calibration) -> None:
    """Judge a stream as `unslouch desk` does."""
    dating = Dating()
    chain, session = Chain(RATE_HZ, calibration, watch=False, dating=dating), DeskSession()
    log: SessionLog | None = None
    for k in range(0, len(packets), 13):
        digest = chain.feed(packets[k : k + 13])
        utc = None if digest.frame is None else dating.utc(digest.frame.t)
        if log is None and digest.frame is not None and utc is not None:
            t = digest.frame.t
            log = SessionLog(store, SessionStart(SessionKind.DESK, Source.LIVE, t, utc, 0.0), dating.utc)
        if log is not None:
            keep(session.feed(digest.events, digest.frame), log)
    assert log is not None
    keep(session.feed(chain.finish().events, chain.latest), log)
    keep(session.command(End()), log)


def _assert_same(live: list[DeskDay], synced: list[DeskDay]) -> None:
    [a], [b] = live, [day for day in synced if day.judged_s > 300]
    assert b.day == a.day
    assert b.alerts == a.alerts
    assert b.slouched_s == pytest.approx(a.slouched_s, abs=2.0)
    assert b.unknown_s == pytest.approx(a.unknown_s, abs=10.0)
    assert b.upright_s == pytest.approx(a.upright_s, abs=15.0)
