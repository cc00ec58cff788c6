"""The store: rows in and out, versions, damage, writers and readers."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch.errors import Reason, StoreError
from unslouch.store import database
from unslouch.store.log import HEARTBEAT_S, SessionLog, SessionStart
from unslouch.store.paths import ENVIRONMENT, data_paths
from unslouch.store.rows import (
    ActivityRow,
    AlertRow,
    CalibrationRow,
    DoubtRow,
    HoldRow,
    MarkerRow,
    Outcome,
    PainMoment,
    PainRow,
    PressRow,
    RecordingRow,
    RepetitionRow,
    ScreeningRow,
    SessionKind,
    SessionPart,
    SessionRow,
    SharpPainRow,
    SlouchRow,
    Source,
    TryoutRow,
)
from unslouch.store.schema import APPLICATION_ID, MIGRATIONS, Migration
from unslouch.store.store import PARTS, TABLES, Store
from unslouch_signal.events import (
    Direction,
    DoubtReason,
    LyingSide,
    RotationFault,
    RotationPosition,
    Side,
    Technique,
)

START = SessionStart(
    SessionKind.COACH,
    Source.LIVE,
    start_t=100.0,
    start_utc=1_700_000_000.0,
    utc_offset_s=3600.0,
    technique=Technique.SEATED_ROTATION,
    calibration="c1",
    recording="r1",
    strap="s1",
)

PART_OF_EACH_KIND: tuple[SessionPart, ...] = (
    SlouchRow(101.0, 121.5, 116.0, 0.4, 0.3, Direction.LEAN_LEFT),
    AlertRow(116.0, 101.0, None, 0.35, cued=False, muted_by="snoozed"),
    RepetitionRow(
        Technique.SEATED_ROTATION,
        Side.RIGHT,
        RotationPosition.SEATED,
        130.0,
        131.5,
        135.0,
        0.75,
        2.5,
        (RotationFault.STARTED_SLOUCHED, RotationFault.FLEXED),
        counted=False,
    ),
    TryoutRow(125.0, Technique.DOORWAY, Side.LEFT, 0.3),
    HoldRow(Technique.EXTENSION, None, 140.0, 165.0, 20.0, 20.0, 0.2, 0.4, overshoots=1, jerks=2),
    PainRow(PainMoment.BEFORE, 101.0, 3),
    SharpPainRow(150.0, "work"),
    MarkerRow(151.0, "dog came in"),
    ActivityRow("lying", 160.0, 170.0, LyingSide.SUPINE),
    DoubtRow(171.0, DoubtReason.SLIPPED, resolved=False),
)


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(data_paths(tmp_path / "data")) as opened:
        yield opened


def test_every_kind_of_row_comes_back_as_it_was_put(store: Store) -> None:
    log = SessionLog(store, START)
    log.save(*PART_OF_EACH_KIND)
    for part in PART_OF_EACH_KIND:
        assert store.parts(type(part), log.row.uid) == [part]
    assert {TABLES[type(part)] for part in PART_OF_EACH_KIND} == set(PARTS)


def test_columns_of_the_tables_are_the_fields_of_the_rows(store: Store) -> None:
    for kind, table in TABLES.items():
        columns = [str(line[1]) for line in store.query(f"PRAGMA table_info({table})")]
        names = [f.name for f in fields(kind)]
        assert sorted(columns) == sorted([*names, "session", "utc"] if table in PARTS else names)


def test_session_row_other_rows_and_utc(store: Store) -> None:
    log = SessionLog(store, START, utc_of=lambda t: 5000.0 + 2 * t)
    log.save(PART_OF_EACH_KIND[5], PART_OF_EACH_KIND[4])
    assert store.query("SELECT utc FROM pain") == [(5202.0,)]
    assert store.query("SELECT utc FROM holds") == [(5280.0,)], "a stretch is dated by its start"
    assert store.session("r1@100.000") == log.row
    recording = RecordingRow("r1", "r1.mcap", "s1", 1.0, 2.0, 3, None)
    calibrations = [CalibrationRow(f"c{i}", 10.0 * i, 0.9, "{}", strap) for i, strap in ((1, "s1"), (2, "s2"))]
    store.put(recording, *calibrations, ScreeningRow("me", 1, 7.0), ScreeningRow("me", 2, 5.0))
    assert store.select(RecordingRow) == [recording]
    assert store.latest_calibration() == calibrations[1]
    assert store.latest_calibration("s1") == calibrations[0]
    assert store.latest_calibration("s3") is None
    assert store.calibration("c1") == calibrations[0]
    assert store.calibration("c9") is None
    assert store.last_screening() == ScreeningRow("me", 1, 7.0)
    assert store.last_screening("you") is None


def test_utc_runs_with_the_straps_clock_by_default(store: Store) -> None:
    log = SessionLog(store, START)
    log.save(MarkerRow(130.0, "x"))
    assert store.query("SELECT utc FROM markers") == [(START.start_utc + 30.0,)]


def test_writing_twice_keeps_one_row_and_the_later_content(store: Store) -> None:
    log = SessionLog(store, START)
    for _ in range(2):
        log.save(*PART_OF_EACH_KIND)
    log.save(PainRow(PainMoment.BEFORE, 102.0, 5))
    assert store.parts(PainRow, log.row.uid) == [PainRow(PainMoment.BEFORE, 102.0, 5)]
    assert all(store.query(f"SELECT count(*) FROM {table}") == [(1,)] for table in PARTS)
    SessionLog(store, START)
    assert len(store.parts(HoldRow, log.row.uid)) == 1, "writing a session anew keeps what belongs to it"


def test_a_log_heartbeats_and_ends(store: Store) -> None:
    log = SessionLog(store, START)
    log.alive(100.0 + HEARTBEAT_S - 0.1)
    assert store.session(log.row.uid).last_t == 100.0
    log.alive(100.0 + HEARTBEAT_S)
    running = store.session(log.row.uid)
    assert (running.last_t, running.last_utc) == (100.0 + HEARTBEAT_S, START.start_utc + HEARTBEAT_S)
    assert (running.outcome, running.end_t) == (Outcome.RUNNING, None)
    log.calibrated("c2")
    log.end(190.0)
    ended = store.session(log.row.uid)
    assert (ended.outcome, ended.end_t, ended.end_utc) == (Outcome.COMPLETED, 190.0, START.start_utc + 90.0)
    assert ended.calibration == "c2"


def test_sessions_without_recording_are_told_apart(store: Store) -> None:
    first, second = (SessionLog(store, replace(START, recording=None)) for _ in range(2))
    assert first.row.uid != second.row.uid
    assert len(store.sessions()) == 2


def test_interrupted_sessions_are_closed_where_they_were_last_alive(store: Store) -> None:
    log = SessionLog(store, START)
    log.alive(160.0)
    done = SessionLog(store, replace(START, start_t=300.0))
    done.end(310.0, Outcome.ENDED)
    assert [row.uid for row in store.close_interrupted()] == [log.row.uid]
    closed = store.session(log.row.uid)
    assert (closed.outcome, closed.end_t, closed.end_utc) == (Outcome.INTERRUPTED, 160.0, START.start_utc + 60.0)
    assert store.session(done.row.uid).outcome is Outcome.ENDED
    assert store.close_interrupted() == []


def test_sessions_are_found_by_person_kind_and_technique_in_order(store: Store) -> None:
    late = SessionLog(store, replace(START, start_utc=START.start_utc + 10, start_t=110.0)).row
    early = SessionLog(store, START).row
    desk = SessionLog(store, replace(START, kind=SessionKind.DESK, technique=None, start_t=50.0, start_utc=9.0)).row
    other = SessionLog(store, replace(START, person="you", start_t=51.0)).row
    assert store.sessions() == [desk, early, late]
    assert store.sessions(kind=SessionKind.COACH) == [early, late]
    assert store.sessions(technique=Technique.SEATED_ROTATION) == [early, late]
    assert store.sessions(technique=Technique.DOORWAY) == []
    assert store.sessions("you") == [other]
    assert store.persons() == ["me", "you"]
    with pytest.raises(StoreError) as told:
        store.session("nobody")
    assert told.value.reason is Reason.NOT_FOUND


def test_deleting_and_forgetting(store: Store) -> None:
    for person, recording in (("me", "r1"), ("you", "r2")):
        SessionLog(store, replace(START, person=person, recording=recording)).save(*PART_OF_EACH_KIND)
        store.set_setting("x", 1, person)
        store.put(ScreeningRow(person, 1, 7.0))
    store.forget("me")
    assert store.persons() == ["you"]
    assert store.last_screening("me") is None
    assert all(store.query(f"SELECT count(*) FROM {table}") == [(1,)] for table in PARTS)
    store.delete_session("r2@100.000")
    assert all(store.query(f"SELECT count(*) FROM {table}") == [(0,)] for table in PARTS)


def test_a_deleted_session_leaves_no_words_in_the_file(tmp_path: Path) -> None:
    with Store.open(data_paths(tmp_path)) as store:
        log = SessionLog(store, START)
        log.save(*(MarkerRow(float(i), "a-secret-told-in-confidence") for i in range(500)))
        store.delete_session(log.row.uid)
    assert b"a-secret-told-in-confidence" not in (tmp_path / "unslouch.db").read_bytes()


def test_forgotten_words_leave_no_trace_in_the_files(store: Store) -> None:
    SessionLog(store, START).save(MarkerRow(101.0, "a-secret-told-in-confidence"))
    database.backup(store.path, store.path.parent / database.BACKUPS, 1, 1e9)
    store.forget("me")
    for file in store.path.parent.rglob("*"):
        assert file.is_dir() or b"a-secret-told-in-confidence" not in file.read_bytes()


def test_sharp_pain_is_remembered_per_person(store: Store) -> None:
    assert store.last_sharp_pain_utc() is None
    SessionLog(store, START).save(SharpPainRow(150.0, "work"), SharpPainRow(120.0, "rest"))
    assert store.last_sharp_pain_utc() == START.start_utc + 50.0
    assert store.last_sharp_pain_utc("you") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(value=json_values)
@settings(deadline=None, max_examples=40)
def test_settings_come_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    with Store.open(data_paths(tmp_path_factory.getbasetemp() / "settings")) as store:
        store.set_setting("key", value)
        store.set_setting("key", 1, "you")
        assert store.setting("key") == value
        assert store.settings() == ({} if value is None else {"key": value})


def test_a_transaction_happens_whole_or_not_at_all(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            SessionLog(store, START).save(MarkerRow(101.0, "x"))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert store.sessions() == []


def test_a_refused_row_is_told_in_a_sentence(store: Store) -> None:
    log = SessionLog(store, START)
    with pytest.raises(StoreError, match="refused a row"):
        log.save(PainRow(PainMoment.BEFORE, 101.0, 11))
    with pytest.raises(StoreError, match="refused a row"):
        store.put_parts("no such session", [(MarkerRow(1.0, "x"), 1.0)])


@pytest.mark.parametrize("sql", ["DELETE FROM sessions", "DROP TABLE holds", "PRAGMA user_version = 1"])
def test_a_query_only_reads(store: Store, sql: str) -> None:
    before = store.query("SELECT name FROM sqlite_master"), store.query("PRAGMA user_version")
    with pytest.raises(StoreError):
        store.query(sql)
    assert (store.query("SELECT name FROM sqlite_master"), store.query("PRAGMA user_version")) == before
    store.set_setting("still", "writes")
    assert store.setting("still") == "writes"


def test_dump_tells_equal_stores_from_different_ones(tmp_path: Path) -> None:
    stores = [Store.open(data_paths(tmp_path / name)) for name in "ab"]
    for store, parts in zip(stores, (PART_OF_EACH_KIND, PART_OF_EACH_KIND[::-1]), strict=True):
        SessionLog(store, START).save(*parts)
    assert stores[0].dump() == stores[1].dump()
    stores[1].put_parts("r1@100.000", [(MarkerRow(math.pi, "x"), 1.0)])
    assert stores[0].dump() != stores[1].dump()
    for store in stores:
        store.close()


# Versions

ADD_COLUMN = Migration("a colour", ("ALTER TABLE markers ADD COLUMN colour TEXT", "UPDATE markers SET colour = 'red'"))


def test_an_old_database_is_backed_up_and_brought_forward(tmp_path: Path) -> None:
    with Store.open(data_paths(tmp_path)) as store:
        SessionLog(store, START).save(MarkerRow(101.0, "x"))
        path = store.path
    with closing(database.open_database(path, migrations=[*MIGRATIONS, ADD_COLUMN], now=1e9)) as connection:
        assert connection.execute("SELECT label, colour FROM markers").fetchall() == [("x", "red")]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    copies = list((tmp_path / "backups").iterdir())
    assert [copy.name for copy in copies] == [f"unslouch-20010909T014640Z-v{len(MIGRATIONS)}.db"]
    with Store(copies[0], read_only=True) as copy:
        assert copy.parts(MarkerRow, "r1@100.000") == [MarkerRow(101.0, "x")]


def test_a_failed_migration_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    with Store.open(data_paths(tmp_path)) as store:
        SessionLog(store, START).save(MarkerRow(101.0, "x"))
        path, before = store.path, store.dump()
    broken = Migration("breaks", (*ADD_COLUMN.statements, "INSERT INTO no_such_table VALUES (1)"))
    with pytest.raises(StoreError, match="no such table"):
        database.open_database(path, migrations=[*MIGRATIONS, broken])
    with Store(path) as store:
        assert store.dump() == before
        assert store.query("PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_only_the_newest_backups_stay(tmp_path: Path) -> None:
    Store.open(data_paths(tmp_path)).close()
    for day in range(5):
        database.backup(tmp_path / "unslouch.db", tmp_path / "backups", 1, 1e9 + day * 86400)
    kept = sorted(file.name for file in (tmp_path / "backups").iterdir())
    assert kept == [f"unslouch-200109{11 + day}T014640Z-v1.db" for day in range(3)]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path, read_only: bool) -> None:
    Store.open(data_paths(tmp_path)).close()
    path = tmp_path / "unslouch.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"version {len(MIGRATIONS) + 1}; this program knows versions up to") as told:
        Store(path, read_only=read_only)
    assert told.value.reason is Reason.UNKNOWN_VERSION
    assert "Update unslouch" in told.value.advice
    assert path.read_bytes() == before


def test_an_older_database_is_not_read_before_it_was_migrated(tmp_path: Path) -> None:
    Store.open(data_paths(tmp_path)).close()
    with pytest.raises(StoreError, match="older version"):
        database.open_database(tmp_path / "unslouch.db", read_only=True, migrations=[*MIGRATIONS, ADD_COLUMN])


def test_an_older_database_is_brought_forward_also_by_who_only_reads(tmp_path: Path) -> None:
    paths = data_paths(tmp_path)
    with closing(database.open_database(paths.make().database, migrations=MIGRATIONS[:1])) as connection:
        connection.execute("INSERT INTO settings VALUES ('me', 'key', '1')")
    with Store.open(paths, read_only=True) as store:
        assert store.query("PRAGMA user_version") == [(len(MIGRATIONS),)]
        assert store.setting("key") == 1
        assert store.select(PressRow) == []
        with pytest.raises(StoreError):
            store.set_setting("key", 2)
    assert [copy.name[-6:] for copy in paths.backups.iterdir()] == ["-v1.db"]


def test_the_file_says_whose_it_is(store: Store) -> None:
    assert store.query("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert store.query("PRAGMA journal_mode") == [("wal",)]
    assert store.query("PRAGMA synchronous") == [(2,)], "what is committed survives a power cut"


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "unslouch.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    with pytest.raises(StoreError, match="another program"):
        Store(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


# Damage and access


@pytest.mark.parametrize("where", ["header", "middle", "cut"])
def test_a_damaged_file_gives_one_sentence_and_the_mend(tmp_path: Path, where: str) -> None:
    with Store.open(data_paths(tmp_path)) as store:
        log = SessionLog(store, START)
        log.save(*(MarkerRow(float(i), "x" * 200) for i in range(2000)))
        path = store.path
    content = bytearray(path.read_bytes())
    if where == "header":
        content[:100] = b"rubbish!" * 12 + b"!!!!"
    elif where == "middle":
        content[len(content) // 4 : len(content) // 2] = b"\x5a" * (len(content) // 2 - len(content) // 4)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"The database .* is damaged\.") as told:
        Store(path)
    assert "unslouch rebuild" in told.value.advice
    assert told.value.reason is Reason.STORE


def test_reading_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as told:
        Store.open(data_paths(tmp_path / "none"), read_only=True)
    assert told.value.reason is Reason.NOT_FOUND
    assert not (tmp_path / "none").exists()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    paths = data_paths(tmp_path)
    with Store.open(paths) as writer, Store.open(paths, read_only=True) as reader:
        with pytest.raises(StoreError):
            reader.set_setting("x", 1)
        writer.set_setting("x", 2)
        assert reader.setting("x") == 2


def test_readers_see_the_state_before_while_a_writer_writes(tmp_path: Path) -> None:
    paths = data_paths(tmp_path)
    with Store.open(paths) as writer, Store.open(paths, read_only=True) as reader:
        with writer.transaction():
            writer.set_setting("x", 1)
            assert reader.setting("x") is None
        assert reader.setting("x") == 1


def test_a_second_writer_waits_and_then_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    paths = data_paths(tmp_path)
    with Store.open(paths) as first, Store.open(paths) as second, first.transaction():
        first.set_setting("x", 1)
        with pytest.raises(StoreError, match="in use by another program"):
            second.set_setting("x", 2)


def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StoreError, match="cannot be made") as told:
        Store.open(data_paths(tmp_path / "file" / "data"))
    assert "--data-dir" in told.value.advice


def test_where_the_data_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "environment"))
    assert data_paths(tmp_path / "option").root == tmp_path / "option"
    assert data_paths().database == tmp_path / "environment" / "unslouch.db"
    monkeypatch.delenv(ENVIRONMENT)
    assert data_paths("").root.name == "unslouch"
    paths = data_paths(tmp_path / "new" / "place").make()
    assert paths.recordings.is_dir()
    assert paths.root.stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_json_columns_hold_plain_names(store: Store) -> None:
    log = SessionLog(store, START)
    log.save(PART_OF_EACH_KIND[2])
    (line,) = store.query("SELECT faults, side, counted FROM repetitions")
    assert json.loads(str(line[0])) == ["started_slouched", "flexed"]
    assert line[1:] == ("right", 0)


def test_session_kinds_come_back_as_enums(store: Store) -> None:
    row = SessionLog(store, START).row
    again = store.session(row.uid)
    assert isinstance(again, SessionRow)
    assert again.kind is SessionKind.COACH
    assert again.source is Source.LIVE
