"""The database is derived: made again from the recordings it equals itself."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from unslouch.cli.main import unslouch
from unslouch.cli.rebuild import rebuild_database
from unslouch.cli.synced import keep_recording
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.ledger import Position
from unslouch.live.retention import prune
from unslouch.recording.writer import RecordingWriter
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import DataPaths
from unslouch.store.rows import MarkerRow, Outcome, SessionKind, SlouchRow, Source
from unslouch.store.store import Store
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.events import Direction
from unslouch_signal.samples import samples

START = 1_767_603_600.0


def filled(folder: Path, *, killed: bool = False) -> DataPaths:
    paths = DataPaths(folder).make()
    t = np.arange(520) / 52 + 1.0
    block = samples(t, np.tile([1.0, 0, 0, 0], (520, 1)), np.tile([0, 0, 9.81], (520, 1)))
    path = paths.recordings / "20260105T090000Z-Strap.mcap"
    writer = RecordingWriter(path, SourceInfo(SourceKind.STRAP, "Strap"), START)
    for one in encode_stream(block, np.arange(len(block), dtype=np.int64), 1, 18, 2_500):
        writer.write(Packet(START + one.t_us * 1e-6, Channel.STREAM, one.data))
    with Store.open(paths) as store:
        start = SessionStart(SessionKind.DESK, Source.LIVE, 1.0, START + 1, 0.0, recording=path.name, strap="Strap")
        log = SessionLog(store, start, journal=writer.result)
        log.save(SlouchRow(2.0, 5.0, None, 0.3, 0.2, Direction.FLEXION), MarkerRow(3.0, "tea"))
        log.alive(40.0)
        if not killed:
            log.end(50.0, Outcome.ENDED)
        store.set_setting("desk", {"flexion_deg": 15.0})
        writer.close()
        keep_recording(store, path)
    return paths


@pytest.mark.parametrize("killed", [False, True])
def test_a_rebuilt_database_equals_itself(killed: bool, tmp_path: Path):
    paths = filled(tmp_path / "data", killed=killed)
    with Store.open(paths) as store:
        store.close_interrupted()
        before, settings = store.dump(), store.settings()
    assert before["slouches"]
    read, skipped = rebuild_database(paths)
    assert (read, skipped) == (1, [])
    with Store.open(paths) as store:
        assert store.dump() == before
        assert store.settings() == settings


def test_a_lost_database_comes_back(tmp_path: Path):
    paths = filled(tmp_path / "data")
    with Store.open(paths) as store:
        before = store.dump()
    paths.database.write_bytes(b"not a database")
    _, skipped = rebuild_database(paths)
    assert len(skipped) == 1
    with Store.open(paths) as store:
        assert store.dump() == before


def test_results_outlive_their_recordings(tmp_path: Path):
    paths = filled(tmp_path / "data")
    assert prune(paths, 3650, 10**9) == (0, 0)
    gone, freed = prune(paths, 0, 0)
    assert gone == 1
    assert freed > 0
    rebuild_database(paths)
    with Store.open(paths) as store:
        assert len(store.dump()["slouches"]) == 1
        assert store.dump()["recordings"][0][-1] is not None


def test_forget_me_leaves_nothing(tmp_path: Path):
    paths = filled(tmp_path / "data")
    result = CliRunner().invoke(unslouch, ["data", "forget-me", "--yes", "--data-dir", str(paths.root)])
    assert result.exit_code == 0
    assert not paths.root.exists()


def test_known_straps_are_kept_in_one_step(tmp_path: Path):
    straps = KnownStraps(tmp_path / "straps.json")
    straps.put(KnownStrap("AA", "One", position=Position(3, 40, 7), used_utc=1.0))
    straps.put(KnownStrap("BB", "Two", used_utc=time.time()))
    straps.change("AA", position=Position(4, 2, 9))
    assert straps.find().name == "Two"
    assert straps.find("one").position == Position(4, 2, 9)
    straps.forget("AA")
    assert [one.name for one in straps.all()] == ["Two"]
    assert not list(tmp_path.glob("*.part"))
