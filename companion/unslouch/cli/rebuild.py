"""``unslouch rebuild``: the database, made again from the recordings."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples

if TYPE_CHECKING:
    from unslouch.store.paths import DataPaths
    from unslouch.store.store import Store


@click.command(cls=UnslouchCommand, epilog=examples("unslouch rebuild", "unslouch rebuild --data-dir trial"))
@data_dir_option
def rebuild(data_dir: Path | None) -> None:
    """Make the database of results again from the recordings; a copy of the old one is kept.

    What no recording holds any more (pruned ones, sessions that were not recorded) and your settings are taken over
    from the old database, as far as it can be read.
    """
    from unslouch.cli.working import Working
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir).make()
    with Working("Rebuilding"):
        read, skipped = rebuild_database(paths)
    click.echo(f"The database was made again from {read} recordings.")
    for line in skipped:
        click.echo(line, err=True)


def rebuild_database(paths: DataPaths) -> tuple[int, list[str]]:
    """Make the database again; how many recordings were read, and what could not be.

    Raises
    ------
    StoreError
        When the new one cannot be written; the old one is then still in its place.
    """
    from unslouch.cli.synced import keep_recording
    from unslouch.errors import UnslouchError
    from unslouch.store.store import Store

    draft = paths.root / ".rebuild.db"
    _remove(draft)
    files = sorted(paths.recordings.glob("*.mcap"))
    skipped: list[str] = []
    read = 0
    with closing(Store(draft)) as store:
        try:
            with Store.open(paths, read_only=True) as old:
                _take_over(store, old, {file.name for file in files})
        except UnslouchError as error:
            skipped.append(f"The old database gives nothing: {error.message}")
        for file in files:
            try:
                _restore(store, file)
                keep_recording(store, file)
                read += 1
            except UnslouchError as error:
                skipped.append(f"{file.name} was left out: {error.message}")
        store.close_interrupted()
    _swap(paths, draft)
    return read, skipped


def _restore(store: Store, file: Path) -> None:
    """Take the results that lie in a recording."""
    from unslouch.recording.mcap_file import read_mcap
    from unslouch.store.journal import restore

    mcap = read_mcap(file)
    results = {channel.id for channel in mcap.channels.values() if channel.topic == "/result"}
    with store.transaction():
        for number, _, data in mcap.messages():
            if number in results:
                restore(store, bytes(data).decode("utf-8"))


def _take_over(store: Store, old: Store, files: set[str]) -> None:
    """Take what no recording can give, and the settings."""
    from unslouch.store.rows import (
        CalibrationRow,
        ClockRow,
        HoldingRow,
        PressRow,
        RecordingRow,
        ScreeningRow,
        SessionRow,
    )
    from unslouch.store.store import PARTS

    def lost(recording: str | None) -> bool:
        return recording is None or recording not in files

    with store.transaction():
        for person in old.persons():
            for key, value in old.settings(person).items():
                store.set_setting(key, value, person)
        store.put(*old.select(ScreeningRow))
        store.put(*(row for row in old.select(RecordingRow) if row.uid not in files))
        store.put(*(row for row in old.select(CalibrationRow) if lost(row.recording)))
        store.put(*(row for row in old.select(ClockRow) if lost(row.recording)))
        store.put(*(row for row in old.select(HoldingRow) if lost(row.recording)))
        store.put(*(row for row in old.select(PressRow) if lost(row.recording)))
        sessions = [row for row in old.select(SessionRow) if lost(row.recording)]
        store.put(*sessions)
        for table in PARTS:
            names = [str(line[1]) for line in old.query(f"PRAGMA table_info({table})")]
            for session in sessions:
                for line in old.query(f"SELECT * FROM {table} WHERE session = ?", (session.uid,)):
                    store.put_columns(table, dict(zip(names, line, strict=True)))


def _swap(paths: DataPaths, draft: Path) -> None:
    """Put the new database in the old one's place, which goes to the backups."""
    import shutil

    if paths.database.exists():
        paths.backups.mkdir(mode=0o700, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        for end in ("", "-wal", "-shm"):
            old = paths.database.with_name(paths.database.name + end)
            if old.exists():
                shutil.move(old, paths.backups / f"unslouch-{stamp}-rebuilt.db{end}")
    draft.replace(paths.database)
    _remove(draft)


def _remove(draft: Path) -> None:
    for end in ("", "-wal", "-shm"):
        draft.with_name(draft.name + end).unlink(missing_ok=True)
