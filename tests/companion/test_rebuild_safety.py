"""A rebuild loses nothing: not to a kill, not to another program, not to a recording that cannot be read."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from unslouch.cli.main import unslouch
from unslouch.cli.rebuild import rebuild_database
from unslouch.cli.settling import settle
from unslouch.errors import Reason, StoreError
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.live.retention import left_over
from unslouch.recording.writer import RecordingWriter
from unslouch.store import database
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import DataPaths
from unslouch.store.rows import MarkerRow, Outcome, RecordingRow, ScreeningRow, SessionKind, SessionRow, Source
from unslouch.store.schema import MIGRATIONS
from unslouch.store.store import Store
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.samples import samples

START = 1_767_603_600.0


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").make()


def writer_of(paths: DataPaths, name: str = "20260105T090000Z-Strap") -> RecordingWriter:
    writer = RecordingWriter(paths.recordings / f"{name}.mcap", SourceInfo(SourceKind.STRAP, "Strap"), START)
    t = np.arange(520) / 52 + 1.0
    block = samples(t, np.tile([1.0, 0, 0, 0], (520, 1)), np.tile([0, 0, 9.81], (520, 1)))
    for one in encode_stream(block, np.arange(len(block), dtype=np.int64), 1, 18, 2_500):
        writer.write(Packet(START + one.t_us * 1e-6, Channel.STREAM, one.data))
    return writer


def begun(store: Store, writer: RecordingWriter) -> SessionLog:
    start = SessionStart(SessionKind.DESK, Source.LIVE, 1.0, START + 1, 0.0, recording=writer.path.name, strap="Strap")
    log = SessionLog(store, start, journal=writer.result)
    log.save(MarkerRow(3.0, "tea"))
    return log


@pytest.fixture
def kept(paths: DataPaths) -> Path:
    """A recording with a session, settled; and what no recording holds."""
    with Store.open(paths) as store, writer_of(paths) as writer:
        begun(store, writer).end(9.0, Outcome.ENDED)
        store.set_setting("desk", {"flexion_deg": 15.0})
        store.put(ScreeningRow("me", 1, 7.0))
        unrecorded = SessionStart(SessionKind.COACH, Source.LIVE, 0.0, START, 0.0)
        SessionLog(store, unrecorded).end(9.0)
    settle(paths, writer.path)
    return writer.path


def dump(paths: DataPaths) -> object:
    with Store.open(paths) as store:
        return store.dump(), store.settings(), store.last_screening()


def test_nobody_uses_the_database_meanwhile(paths: DataPaths, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that writes into the old one would lose what it finds."""
    monkeypatch.setattr(database, "BUSY_S", 0.1)
    before = dump(paths)
    with Store.open(paths) as running:
        log = SessionLog(running, SessionStart(SessionKind.DESK, Source.LIVE, 1.0, START, 0.0))
        with pytest.raises(StoreError, match="in use by another program"):
            rebuild_database(paths)
        log.save(MarkerRow(2.0, "still there"))
        running.delete_session(log.row.uid)
    assert not list(paths.root.glob(".rebuild*"))
    assert dump(paths) == before
    rebuild_database(paths)
    assert dump(paths) == before


def test_a_newer_database_is_not_replaced(paths: DataPaths, kept: Path) -> None:
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = paths.database.read_bytes()
    with pytest.raises(StoreError) as refused:
        rebuild_database(paths)
    assert refused.value.reason is Reason.UNKNOWN_VERSION
    assert paths.database.read_bytes() == before


def test_an_older_database_gives_what_it_has(paths: DataPaths) -> None:
    with closing(database.open_database(paths.database, migrations=MIGRATIONS[:1])) as connection:
        connection.execute("INSERT INTO settings VALUES ('me', 'key', '1')")
    assert rebuild_database(paths) == (0, [])
    with Store.open(paths) as store:
        assert store.setting("key") == 1


def test_results_of_a_recording_that_cannot_be_read_stay(paths: DataPaths, kept: Path) -> None:
    before = dump(paths)
    kept.write_bytes(b"the disk is old")
    read, skipped = rebuild_database(paths)
    assert read == 0
    assert len(skipped) == 1
    assert kept.name in skipped[0]
    assert dump(paths) == before
    result = CliRunner().invoke(unslouch, ["rebuild", "--data-dir", str(paths.root)])
    assert result.exit_code == 1
    assert kept.name in result.stderr
    assert dump(paths) == before


def test_what_came_after_a_recording_had_stopped_stays(paths: DataPaths) -> None:
    """The disk was full for a while: the session went on, its results are in the database alone."""
    with Store.open(paths) as store:
        writer = writer_of(paths)
        log = begun(store, writer)
        log.alive(40.0)
        writer.close()
        log._journal = None
        log.save(MarkerRow(60.0, "unrecorded"))
        log.end(90.0, Outcome.ENDED)
    settle(paths, writer.path)
    before = dump(paths)
    for _ in range(2):
        rebuild_database(paths)
        assert dump(paths) == before
    with Store.open(paths) as store:
        [session] = store.sessions()
        assert (session.outcome, session.end_t) == (Outcome.ENDED, 90.0)
        assert [row.label for row in store.parts(MarkerRow, session.uid)] == ["tea", "unrecorded"]


def test_a_recording_in_the_making_is_kept_when_it_is_closed(paths: DataPaths) -> None:
    straps = KnownStraps(paths.root / "straps.json")
    with Store.open(paths) as store:
        writer = writer_of(paths)
        begun(store, writer)
        store.close_interrupted()
    straps.put(KnownStrap("AA", "Strap", recording=str(writer.path)))
    before = dump(paths)
    rebuild_database(paths)
    assert dump(paths) == before
    writer.close()
    straps.change("AA", recording="")
    assert left_over(paths) == [writer.path]
    settle(paths, writer.path)
    with Store.open(paths) as store:
        assert len(store.select(RecordingRow)) == len(store.select(SessionRow)) == 1


def test_only_the_newest_copies_stay(paths: DataPaths, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(5):
        monkeypatch.setattr(time, "gmtime", lambda *_: time.struct_time((2026, 1, 1 + day, 0, 0, 0, 0, 0, 0)))  # noqa: B023
        rebuild_database(paths)
    assert sorted(one.name for one in paths.backups.iterdir()) == [
        f"unslouch-2026010{day}T000000Z-rebuilt.db" for day in (3, 4, 5)
    ]


def test_a_damaged_database_is_moved_away_whole(paths: DataPaths, kept: Path) -> None:
    with Store.open(paths) as store:
        sessions = store.dump()["sessions"]
    paths.database.write_bytes(b"not a database")
    paths.database.with_name("unslouch.db-wal").write_bytes(b"a log that is not the new one's")
    rebuild_database(paths)
    with Store.open(paths) as store:
        assert store.dump()["sessions"] == [row for row in sessions if row[0].startswith(kept.name)]  # type: ignore[union-attr]
    assert b"not a database" in [one.read_bytes() for one in paths.backups.iterdir()]


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_database(paths: DataPaths, kept: Path) -> None:
    with Store.open(paths) as store:
        for number in range(3000):  # so that it takes some time
            store.put(replace(store.session(f"{kept.name}@1.000"), uid=f"n{number}", recording=None))
    before = dump(paths)
    chance = random.Random(3)
    code = "import sys; from pathlib import Path; from unslouch.store.paths import DataPaths; "
    code += "from unslouch.cli.rebuild import rebuild_database; import unslouch.cli.synced, unslouch.store.store; "
    code += "print('begun', flush=True); rebuild_database(DataPaths(Path(sys.argv[1])))"
    killed = 0
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(paths.root)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(chance.uniform(0, 0.5))
            killed += process.poll() is None
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
        assert paths.database.exists()
        assert dump(paths) == before
    assert killed > 0
    rebuild_database(paths)
    assert dump(paths) == before
