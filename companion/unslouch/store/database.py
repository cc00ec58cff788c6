"""Opening the database file: versions, migrations with a backup before, and sentences instead of SQLite's errors.

One process writes at a time (SQLite's own lock, waited for up to :data:`BUSY_S`), any number read. WAL with full
synchronisation: what a finished transaction wrote is there after a kill at any moment and after a power cut.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from unslouch.errors import Reason, StoreError
from unslouch.store.schema import APPLICATION_ID, MIGRATIONS, Migration

BUSY_S = 5.0
"""How long to wait for another process's transaction; ours take milliseconds."""

KEPT_BACKUPS = 3
BACKUPS = "backups"
"""Folder beside the database."""


class DamagedError(StoreError):
    """The file is no sound database: what it held can be made again."""


@contextmanager
def told(path: Path) -> Generator[None]:
    """Turn SQLite's errors into one sentence and the mend.

    Raises
    ------
    StoreError
        For every ``sqlite3.Error`` inside.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        name = _name(error)
        if _busy(error):
            message, advice = f"The database {path} is in use by another program.", "Close the other one and try again."
        elif name.startswith("SQLITE_FULL"):
            message, advice = f"The disk is full; {path} could not be written.", "Free some space and try again."
        elif name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            message, advice = f"The database {path} cannot be opened or written.", "Check its permissions."
        else:
            message, advice = f"The database {path} cannot be used: {error}.", ""
        raise StoreError(Reason.STORE, message, advice) from error
    except sqlite3.IntegrityError as error:
        raise StoreError(Reason.STORE, f"The database {path} refused a row: {error}.") from error
    except sqlite3.DatabaseError as error:
        if _name(error).startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise damaged(path) from error
        raise StoreError(Reason.STORE, f"The database {path} cannot be used: {error}.") from error


def _name(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", ""))


def _busy(error: sqlite3.Error) -> bool:
    return _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def damaged(path: Path) -> DamagedError:
    """The sentence for a file that is no sound database."""
    return DamagedError(
        Reason.STORE,
        f"The database {path} is damaged.",
        f"Move it away and run `unslouch rebuild`, which makes it again from the recordings; copies lie in "
        f"{path.parent / BACKUPS}.",
    )


def open_database(
    path: Path, *, read_only: bool = False, migrations: Sequence[Migration] = MIGRATIONS, now: float | None = None
) -> sqlite3.Connection:
    """Open (and where needed create or migrate) the database.

    Parameters
    ----------
    path
        The file; its directory must exist.
    read_only
        Never writes; the file must exist and be of this program's version.
    migrations
        All steps from an empty file; their number is the version this program knows.
    now
        UTC seconds for the backup's name; the present when None.

    Raises
    ------
    StoreError
        UNKNOWN_VERSION for a newer database, NOT_FOUND for a missing one (``read_only``), STORE when the file is
        damaged, foreign, busy or not accessible.
    """
    if read_only and not path.exists():
        raise StoreError(Reason.NOT_FOUND, f"There is no database at {path} yet.", "It is made by the first session.")
    with told(path):
        connection = _connect(path, read_only=read_only)
        try:
            _check_identity(connection, path, len(migrations))
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                _migrate(connection, path, migrations, time.time() if now is None else now)
            elif _version(connection) < len(migrations):
                raise StoreError(
                    Reason.STORE,
                    f"The database {path} is of an older version.",
                    "Open it once for writing (any session does) to bring it up to date.",
                )
        except BaseException:
            connection.close()
            raise
        return connection


def is_older(path: Path) -> bool:
    """Whether the database is of an older version than this program's; what is none of ours is not.

    Raises
    ------
    StoreError
        When it cannot be read.
    """
    if not path.exists():
        return False
    with told(path), closing(_connect(path, read_only=True)) as connection:
        return _pragma(connection, "application_id") == APPLICATION_ID and _version(connection) < len(MIGRATIONS)


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted on request ("forget me") must not linger in free pages.
        connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:  # what is no database shows here already
        connection.close()
        raise
    return connection


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _version(connection: sqlite3.Connection) -> int:
    return _pragma(connection, "user_version")


def _check_identity(connection: sqlite3.Connection, path: Path, known: int) -> None:
    application, version = _pragma(connection, "application_id"), _version(connection)
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(
            Reason.STORE, f"{path} is a database of another program.", "Name another data directory with --data-dir."
        )
    if version > known:
        raise StoreError(
            Reason.UNKNOWN_VERSION,
            f"The database {path} has version {version}; this program knows versions up to {known}.",
            "Update unslouch, or name another data directory with --data-dir.",
        )
    problem = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if problem != "ok":
        raise damaged(path)


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration], now: float) -> None:
    if _version(connection) == len(migrations):
        return
    # The write lock first: of two programs that start at once, one migrates and the other finds it done.
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if 0 < version < len(migrations):
            backup(path, path.parent / BACKUPS, version, now)
        for migration in migrations[version:]:
            for statement in migration.statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(version, len(migrations))}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def in_use(path: Path) -> bool:
    """Whether another program (or connection) has a database open, whatever else may be wrong with it."""
    if not path.exists():
        return False
    try:
        with closing(_connect(path, read_only=False)) as connection:
            shut_others_out(connection)
    except sqlite3.Error as error:
        return _busy(error)
    return False


def shut_others_out(connection: sqlite3.Connection) -> None:
    """Take a database for this connection alone, until it is closed; the file is then all there is, without a log.

    Raises
    ------
    sqlite3.OperationalError
        SQLITE_BUSY when another connection is still open after :data:`BUSY_S`.
    """
    end = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # only the last one in the room can
            break
        except sqlite3.OperationalError as error:
            if not _busy(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")  # what was locked stays so


def backup(path: Path, folder: Path, version: int, now: float) -> Path:
    """Copy the database as it was last committed, beside others of which the newest :data:`KEPT_BACKUPS` stay."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError(Reason.STORE, f"The backup directory {folder} cannot be made: {error}.") from error
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    target = folder / f"unslouch-{stamp}-v{version}.db"
    unfinished = target.with_suffix(".part")
    with closing(_connect(path, read_only=True)) as source, closing(sqlite3.connect(unfinished)) as copy:
        source.backup(copy)
    unfinished.replace(target)
    keep_newest(folder)
    return target


def keep_newest(folder: Path) -> None:
    """Delete all but the newest :data:`KEPT_BACKUPS` copies, and what belongs to those that go."""
    for old in sorted(folder.glob("unslouch-*.db"))[:-KEPT_BACKUPS]:
        for one in folder.glob(f"{old.name}*"):
            one.unlink(missing_ok=True)
