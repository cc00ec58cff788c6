"""`unslouch data`: an export is whole or not there, what is forgotten does not come back; settling holds nobody up."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from unslouch.cli import settling
from unslouch.cli.main import unslouch
from unslouch.cli.settling import Settling, wait_for_all
from unslouch.errors import FileError
from unslouch.link.hold import Hold
from unslouch.live import retention
from unslouch.live.retention import left_over, prune
from unslouch.recording.writer import RecordingWriter
from unslouch.store import database
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import DataPaths
from unslouch.store.rows import MarkerRow, RecordingRow, SessionKind, Source
from unslouch.store.store import Store
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.samples import samples

START = 1_767_603_600.0


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").make()


def call(paths: DataPaths, *args: object) -> Result:
    return CliRunner().invoke(unslouch, ["data", *(str(arg) for arg in args), "--data-dir", str(paths.root)])


def recorded(paths: DataPaths, name: str) -> Path:
    writer = RecordingWriter(paths.recordings / f"{name}.mcap", SourceInfo(SourceKind.STRAP, "Strap"), START)
    t = np.arange(104) / 52 + 1.0
    block = samples(t, np.tile([1.0, 0, 0, 0], (104, 1)), np.tile([0, 0, 9.81], (104, 1)))
    for one in encode_stream(block, np.arange(104), 1, 18, 2_500):
        writer.write(Packet(START + one.t_us * 1e-6, Channel.STREAM, one.data))
    writer.close()
    return writer.path


def noted(store: Store, numbers: range) -> None:
    log = SessionLog(store, SessionStart(SessionKind.DESK, Source.LIVE, 0.0, START, 0.0))
    for number in numbers:
        log.save(MarkerRow(float(number), "x"))


# Export


def test_an_export_of_a_database_in_use_is_whole(paths: DataPaths, tmp_path: Path) -> None:
    """Everything that was committed is in it, though none of it has reached the main file yet."""
    recorded(paths, "one")
    (paths.recordings / ".two.mcap.77.tidy").write_bytes(b"a rewrite going on")
    out = tmp_path / "out.zip"
    with Store.open(paths) as store, Hold(paths.root, "AA", "Strap"):
        noted(store, range(200))
        assert call(paths, "export", out).exit_code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["recordings/one.mcap", "unslouch.db"]
        archive.extractall(tmp_path / "again")
    with Store.open(DataPaths(tmp_path / "again"), read_only=True) as store:
        assert store.query("SELECT count(*) FROM markers") == [(200,)]


def test_an_export_that_fails_leaves_nothing(paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(paths, "one")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    result = call(paths, "export", tmp_path / "out.zip")
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["data"]


# Forgetting


def test_nothing_is_forgotten_under_a_running_session(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.1)
    path = recorded(paths, "one")
    with Store.open(paths) as store:
        noted(store, range(3))
        refused = call(paths, "forget-me", "--yes")
        assert refused.exit_code == 1
        assert "in use by another program" in refused.stderr
        assert "Close the other one" in refused.stderr
    with Hold(paths.root, "AA:BB", "Strap"):
        refused = call(paths, "forget-me", "--yes")
        assert refused.exit_code == 1
        assert "This data directory is in use by another unslouch" in refused.stderr
    assert path.exists()
    assert call(paths, "forget-me", "--yes").exit_code == 0
    assert not paths.root.exists()


def test_what_is_none_of_ours_is_left_and_named(paths: DataPaths) -> None:
    recorded(paths, "one")
    (paths.root / "notes.txt").write_text("mine")
    result = call(paths, "forget-me", "--yes")
    assert result.exit_code == 0
    assert "none of ours: notes.txt." in result.output
    assert [one.name for one in paths.root.iterdir()] == ["notes.txt"]


def test_a_damaged_database_is_forgotten_too(paths: DataPaths) -> None:
    paths.database.write_bytes(b"not a database" * 100)
    (paths.root / "straps.json").write_text("nor this")
    assert call(paths, "forget-me", "--yes").exit_code == 0
    assert not paths.root.exists()


# Settling


def test_a_file_that_cannot_be_read_holds_no_other_up(paths: DataPaths) -> None:
    bad = paths.recordings / "0 bad.mcap"
    bad.write_bytes(b"no recording at all")
    left, new = recorded(paths, "1 left"), recorded(paths, "2 new")
    Settling(paths).begin(new)
    [done] = wait_for_all()
    assert done.failure is not None
    assert "0 bad.mcap" in done.failure.message
    with Store.open(paths) as store:
        assert [row.uid for row in store.select(RecordingRow, order="uid")] == [left.name, new.name]
    assert left_over(paths) == [bad]
    pruned = call(paths, "prune", "--days", 0)
    assert pruned.output.startswith("0 recordings deleted"), "they were too old when they were settled"
    assert (left.exists(), new.exists(), bad.exists()) == (False, False, True)
    assert pruned.exit_code == 1
    assert "0 bad.mcap" in pruned.stderr


def test_what_the_system_refuses_is_told_and_not_swallowed(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recorded(paths, "one")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(retention, "prune", refuse)
    Settling(paths).begin(path)
    [done] = wait_for_all()
    assert isinstance(done.failure, FileError)
    assert f"{path}: Permission denied." in done.failure.message
    assert done.failure.advice

    def fault(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(retention, "prune", fault)
    Settling(paths).begin(path)
    with pytest.raises(ZeroDivisionError):
        wait_for_all()


def test_two_programs_settle_one_after_the_other(paths: DataPaths) -> None:
    path = recorded(paths, "one")
    code = "import sys; from pathlib import Path; from unslouch.cli.settling import one_at_a_time; "
    code += "from unslouch.store.paths import DataPaths\n"
    code += "with one_at_a_time(DataPaths(Path(sys.argv[1]))): print('in', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(paths.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "in\n"
        waiting = Settling(paths)
        waiting.begin(path)
        time.sleep(0.3)
        assert left_over(paths) == [path]
        other.stdin.close()
        waiting.wait()
    assert left_over(paths) == []
    assert waiting.failure is None
    wait_for_all()


def test_recordings_that_another_program_prunes_meanwhile_are_no_fault(paths: DataPaths) -> None:
    files = [recorded(paths, f"{number}") for number in range(6)]
    for path in files:
        settling.settle(paths, path)
    faults: list[BaseException] = []

    def run() -> None:
        try:
            prune(paths, 0, 0)
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert not any(path.exists() for path in files)


def test_pruning_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    result = call(DataPaths(tmp_path / "none"), "prune")
    assert (result.exit_code, result.output) == (0, "Nothing is kept.\n")
    assert list(tmp_path.iterdir()) == []
