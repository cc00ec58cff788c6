"""``unslouch rebuild``: the database, made again from the recordings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import ExitCode, UnslouchCommand, data_dir_option, examples
from unslouch.errors import UnslouchError
from unslouch.report.words import counted

if TYPE_CHECKING:
    from unslouch.store.paths import DataPaths
    from unslouch.store.rows import SessionRow
    from unslouch.store.store import Store


@click.command(cls=UnslouchCommand, epilog=examples("unslouch rebuild", "unslouch rebuild --data-dir trial"))
@data_dir_option
def rebuild(data_dir: Path | None) -> None:
    """Make the database of results again from the recordings; a copy of the old one is kept.

    What no recording holds any more (pruned ones, sessions that were not recorded, what came after a recording had
    stopped) and your settings are taken over from the old database, as far as it can be read. Close every other
    unslouch first. The exit code is 1 when a recording could not be read.
    """
    from unslouch.cli.working import Working
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir).make()
    with Working("Rebuilding"):
        read, skipped = rebuild_database(paths)
    click.echo(f"The database was made again from {counted(read, 'recording')}.")
    for line in skipped:
        click.echo(line, err=True)
    if read < len(list(paths.recordings.glob("*.mcap"))):
        raise click.exceptions.Exit(ExitCode.FAILURE)


def rebuild_database(paths: DataPaths) -> tuple[int, list[str]]:
    """Make the database again; how many recordings were read, and what could not be.

    Nobody else can use it meanwhile, and at every moment there is a whole one, the old or the new.

    Raises
    ------
    StoreError
        When the old one is in use or of a newer version, or the new one cannot be written; the old one is then still
        in its place.
    """
    from unslouch.link.known import KnownStraps
    from unslouch.live.retention import being_made
    from unslouch.store.store import Store

    draft = paths.root / ".rebuild.db"
    skipped: list[str] = []
    with ExitStack() as closing:
        old = _old(paths, skipped)
        if old is not None:
            closing.enter_context(old)
        _remove(draft)
        closing.callback(_remove, draft)
        store = closing.enter_context(Store(draft))
        files = sorted(paths.recordings.glob("*.mcap"))
        making = being_made(KnownStraps(paths.root / "straps.json"))
        if old is not None:
            _take_over(store, old, {file.name for file in files})
        read = 0
        for file in files:
            failure = _made(store, old, file, whole=file.name not in making)
            if failure is None:
                read += 1
            else:
                skipped.append(failure)
        store.close_interrupted()
        if old is not None:
            _back_up(paths, old)
            old.become(store)
        else:
            store.alone()
            store.close()
            _move_away(paths)
            draft.replace(paths.database)
    return read, skipped


def _old(paths: DataPaths, skipped: list[str]) -> Store | None:
    """Open the old database, with everybody else kept out; None where there is none, or it is damaged."""
    from unslouch.store.database import DamagedError
    from unslouch.store.store import Store

    if not paths.database.exists():
        return None
    try:
        old = Store.open(paths)
    except DamagedError as error:
        skipped.append(f"The old database gives nothing: {error.message}")
        return None
    try:
        old.alone()
    except BaseException:
        old.close()
        raise
    return old


def _made(store: Store, old: Store | None, file: Path, *, whole: bool) -> str | None:
    """Take what a recording tells; where it cannot be read, what the old database knows of it, and say so.

    Parameters
    ----------
    whole
        Whether it is closed: what a link still writes, or wrote when it was killed, is kept when it is.
    """
    from unslouch.cli.synced import keep_recording

    try:
        with store.transaction():
            _restore(store, file)
            if old is not None:
                _complete(store, old, file.name)
            if whole:
                keep_recording(store, file)
    except UnslouchError as error:
        if old is None:
            return f"{file.name} was left out: {error.message}"
        _take_over_rows(store, old, lambda recording: recording == file.name)
        return f"{file.name} cannot be read, what was known of it stays: {error.message}"
    return None


def _restore(store: Store, file: Path) -> None:
    """Take the results that lie in a recording."""
    from unslouch.recording.mcap_file import read_mcap
    from unslouch.store.journal import restore

    mcap = read_mcap(file)
    results = {channel.id for channel in mcap.channels.values() if channel.topic == "/result"}
    for number, _, data in mcap.messages():
        if number in results:
            restore(store, bytes(data).decode("utf-8"))


def _complete(store: Store, old: Store, recording: str) -> None:
    """Take sessions of which a recording holds not all: it had stopped (a full disk), and they went on."""
    from unslouch.store.rows import SessionRow, Source

    found = {row.uid: row.last_t for row in store.select(SessionRow, "recording = ?", (recording,))}
    for row in old.select(SessionRow, "recording = ? AND source != ?", (recording, Source.SYNCED.value)):
        if row.last_t > found.get(row.uid, float("-inf")):
            _take_session(store, old, row)


def _take_over(store: Store, old: Store, files: set[str]) -> None:
    """Take what no recording can give, and the settings."""
    from unslouch.store.rows import ScreeningRow

    with store.transaction():
        for person in old.persons():
            for key, value in old.settings(person).items():
                store.set_setting(key, value, person)
        store.put(*old.select(ScreeningRow))
    _take_over_rows(store, old, lambda recording: recording is None or recording not in files)


def _take_over_rows(store: Store, old: Store, wanted: Callable[[str | None], bool]) -> None:
    """Take the rows of some recordings."""
    from unslouch.store.rows import CalibrationRow, ClockRow, HoldingRow, PressRow, RecordingRow, SessionRow

    with store.transaction():
        store.put(*(row for row in old.select(RecordingRow) if wanted(row.uid)))
        for kind in (CalibrationRow, ClockRow, HoldingRow, PressRow):
            store.put(*(row for row in old.select(kind) if wanted(row.recording)))
        for session in old.select(SessionRow):
            if wanted(session.recording):
                _take_session(store, old, session)


def _take_session(store: Store, old: Store, session: SessionRow) -> None:
    """Take a session and everything that belongs to it."""
    from unslouch.store.store import PARTS

    store.put(session)
    for table in PARTS:
        names = [str(line[1]) for line in old.query(f"PRAGMA table_info({table})")]
        for line in old.query(f"SELECT * FROM {table} WHERE session = ?", (session.uid,)):
            store.put_columns(table, dict(zip(names, line, strict=True)))


def _back_up(paths: DataPaths, old: Store) -> None:
    """Copy the old database to the backups."""
    from unslouch.store.database import keep_newest

    target = _backup(paths)
    part = target.with_suffix(".part")
    old.copy_to(part)
    part.replace(target)
    keep_newest(paths.backups)


def _move_away(paths: DataPaths) -> None:
    """Move what is damaged to the backups; its log first, which the new one must not find."""
    for end in ("-wal", "-shm", ""):
        old = paths.database.with_name(paths.database.name + end)
        if old.exists():
            shutil.move(old, f"{_backup(paths)}{end}")


def _backup(paths: DataPaths) -> Path:
    """Return the name of a copy that is made now."""
    paths.backups.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return paths.backups / f"unslouch-{stamp}-rebuilt.db"


def _remove(draft: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + end).unlink(missing_ok=True)
