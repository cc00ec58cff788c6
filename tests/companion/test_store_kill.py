"""Writers die at any moment: what they acknowledged is there, and the file is sound. Real processes, SIGKILL."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from unslouch.store import database
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import MarkerRow, Outcome, SessionKind, Source
from unslouch.store.schema import MIGRATIONS, Migration
from unslouch.store.store import Store

WRITER = """
import sys
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import MarkerRow, SessionKind, Source, TryoutRow
from unslouch.store.store import Store
from unslouch_signal.events import Technique
with Store.open(data_paths(sys.argv[1])) as store:
    log = SessionLog(store, SessionStart(SessionKind.DESK, Source.LIVE, 0.0, 1e9, 0.0, recording=sys.argv[2]))
    print("ready", flush=True)
    for i in range(1_000_000):
        # Two rows in one transaction: a kill must not part them.
        log.save(MarkerRow(float(i), "x" * (i % 500)), TryoutRow(float(i), Technique.DOORWAY, None, 0.1))
        log.alive(float(i))
        print(i, flush=True)
"""

MIGRATOR = """
import sys
from pathlib import Path
from unslouch.store import database
from unslouch.store.schema import MIGRATIONS, Migration
print("ready", flush=True)
step = Migration("rewrites", ("ALTER TABLE markers ADD COLUMN n INTEGER", "UPDATE markers SET n = length(label)",
    "CREATE TABLE more AS SELECT * FROM markers"))
database.open_database(Path(sys.argv[1]) / "unslouch.db", migrations=[*MIGRATIONS, step]).close()
"""
STEP = Migration(
    "rewrites",
    (
        "ALTER TABLE markers ADD COLUMN n INTEGER",
        "UPDATE markers SET n = length(label)",
        "CREATE TABLE more AS SELECT * FROM markers",
    ),
)


def killed_after(seconds: float, code: str, *arguments: str) -> list[str]:
    """Run Python code in a process of its own, kill it so long after it said 'ready', return what it said."""
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        return process.stdout.read().splitlines()


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(5)
    for run in range(8):
        said = killed_after(chance.uniform(0.0, 0.2), WRITER, str(tmp_path), f"r{run}")
        acknowledged = [int(line) for line in said[:-1]]
        with Store.open(data_paths(tmp_path)) as store:
            uid = f"r{run}@0.000"
            markers = [row.t for row in store.parts(MarkerRow, uid)]
            assert markers == [float(i) for i in range(len(markers))]
            assert len(markers) >= len(acknowledged)
            assert store.query("SELECT count(*) FROM tryouts WHERE session = ?", (uid,)) == [(len(markers),)]
            (closed,) = store.close_interrupted()
            assert (closed.uid, closed.outcome) == (uid, Outcome.INTERRUPTED)
            assert store.query("PRAGMA integrity_check") == [("ok",)]


def test_a_killed_migration_is_either_done_or_not_begun(tmp_path: Path) -> None:
    chance = random.Random(6)
    versions: set[int] = set()
    for run in range(6):
        folder = tmp_path / str(run)
        with Store.open(data_paths(folder)) as store:
            log = SessionLog(store, SessionStart(SessionKind.DESK, Source.LIVE, 0.0, 1e9, 0.0, recording="r"))
            log.save(*(MarkerRow(float(i), "x" * 50) for i in range(8000)))
        killed_after(chance.uniform(0.0, 0.12), MIGRATOR, str(folder))
        with closing(database.open_database(folder / "unslouch.db", migrations=[*MIGRATIONS, STEP])) as connection:
            # Opening finished what was not begun; had it been half done, this would have failed.
            assert connection.execute("SELECT count(*), sum(n) FROM more").fetchone() == (8000, 8000 * 50)
        for copy in (folder / "backups").glob("*.db"):
            with Store(copy, read_only=True) as kept:
                assert kept.query("SELECT count(*) FROM markers") == [(8000,)]
                versions.add(int(kept.query("PRAGMA user_version")[0][0] or 0))
    assert versions == {len(MIGRATIONS)}


@pytest.mark.parametrize("processes", [3])
def test_programs_that_start_at_once_agree_on_one_database(tmp_path: Path, processes: int) -> None:
    # they write without a pause, and SQLite's lock knows no queue: on a slow disk the last one waits for all the others
    code = "from unslouch.store import database\ndatabase.BUSY_S = 300.0\n" + WRITER.replace("1_000_000", "50")
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"r{i}"], stdout=subprocess.PIPE, text=True)
        for i in range(processes)
    ]
    for process in running:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        assert said.splitlines()[-1] == "49"
    with Store.open(data_paths(tmp_path)) as store:
        assert store.query("SELECT count(*) FROM markers") == [(processes * 50,)]
