"""The store: rows in and out of the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast

from unslouch.errors import Reason, StoreError
from unslouch.store.database import BACKUPS, is_older, open_database, shut_others_out, told
from unslouch.store.paths import DataPaths, data_paths
from unslouch.store.rows import (
    ActivityRow,
    AlertRow,
    CalibrationRow,
    ClockRow,
    DoubtRow,
    HoldingRow,
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
from unslouch_signal.events import Direction, DoubtReason, LyingSide, RotationFault, RotationPosition, Side, Technique

TABLES: dict[type, str] = {
    RecordingRow: "recordings",
    CalibrationRow: "calibrations",
    SessionRow: "sessions",
    SlouchRow: "slouches",
    AlertRow: "alerts",
    RepetitionRow: "repetitions",
    TryoutRow: "tryouts",
    HoldRow: "holds",
    PainRow: "pain",
    SharpPainRow: "sharp_pain",
    MarkerRow: "markers",
    ActivityRow: "activities",
    DoubtRow: "doubts",
    ScreeningRow: "screenings",
    ClockRow: "clocks",
    HoldingRow: "holdings",
    PressRow: "presses",
}
"""The table of each kind of row; a row's fields are the table's columns."""

PARTS: tuple[str, ...] = tuple(
    TABLES[kind]
    for kind in (
        SlouchRow,
        AlertRow,
        RepetitionRow,
        TryoutRow,
        HoldRow,
        PainRow,
        SharpPainRow,
        MarkerRow,
        ActivityRow,
        DoubtRow,
    )
)
"""Tables whose rows belong to a session."""

_DECODERS: dict[str, Callable[[str], object]] = {
    "kind": str,
    "source": Source,
    "outcome": Outcome,
    "technique": Technique,
    "side": Side,
    "direction": Direction,
    "position": RotationPosition,
    "moment": PainMoment,
    "lying_side": LyingSide,
    "reason": DoubtReason,
    "faults": lambda text: tuple(RotationFault(f) for f in json.loads(text)),
    "knots": lambda text: tuple((float(t), float(utc)) for t, utc in json.loads(text)),
}
_BOOLEANS = frozenset({"cued", "counted", "resolved", "sharp"})

Value = str | float | int | None
Whole = RecordingRow | CalibrationRow | SessionRow | ScreeningRow | ClockRow | HoldingRow | PressRow
"""Rows that belong to no session."""
Row = TypeVar("Row")


def encoded(value: object) -> Value:
    """A value as it is stored."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return json.dumps(_plain(cast("tuple[object, ...]", value)))
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _plain(value: object) -> object:
    """A value as JSON has it; tuples may lie in tuples."""
    return [_plain(item) for item in cast("tuple[object, ...]", value)] if isinstance(value, tuple) else encoded(value)


def _decode(kind: type, column: str, value: Value) -> object:
    if value is None:
        return None
    if kind is SessionRow and column == "kind":
        return SessionKind(str(value))
    if column in _BOOLEANS:
        return bool(value)
    decoder = _DECODERS.get(column)
    return value if decoder is None else decoder(str(value))


def _names(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]


def _made(kind: type[Row], names: list[str], line: tuple[Value, ...]) -> Row:
    return kind(*(_decode(kind, name, value) for name, value in zip(names, line, strict=True)))


class Store:
    """The database of one data directory, used by one thread (open another for another thread).

    Raises
    ------
    StoreError
        Every method, when the file is damaged, busy or cannot be written.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._connection = open_database(path, read_only=read_only)
        self._writing = False

    @classmethod
    def open(cls, paths: DataPaths, *, read_only: bool = False) -> Store:
        """Open the database of a data directory, which is made where it does not exist.

        One of an older version is brought forward first, also where it is only to be read: nobody has to begin a
        session to see what was kept before an update.
        """
        if not read_only:
            paths.make()
        elif is_older(paths.database):
            cls(paths.database).close()
        return cls(paths.database, read_only=read_only)

    @classmethod
    def for_sessions(cls, data_dir: Path | None = None) -> Store:
        """Open the database for a program that is about to keep sessions; what a dead one left open is closed."""
        store = cls.open(data_paths(data_dir))
        store.close_interrupted()
        return store

    def close(self) -> None:
        """Close the file; the store cannot be used any more."""
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All writes inside happen, or none."""
        if self._writing:
            yield
            return
        with told(self.path):
            self._writing = True
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            finally:
                # Whatever came up, and wherever (an interrupt even before the first statement here): nothing stays
                # open into which a later call would write without ever committing.
                self._writing = False
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    # Rows of any kind

    def put(self, *rows: Whole) -> None:
        """Write rows; a row of the same identity is replaced."""
        with self.transaction():
            for row in rows:
                columns = {f.name: encoded(getattr(row, f.name)) for f in fields(row)}
                self._insert(TABLES[type(row)], columns)

    def put_parts(self, session: str, parts: Iterable[tuple[SessionPart, float]]) -> None:
        """Write rows of a session, each with its UTC; a row of the same identity is replaced."""
        with self.transaction():
            for part, utc in parts:
                columns = {f.name: encoded(getattr(part, f.name)) for f in fields(part)}
                self._insert(TABLES[type(part)], {"session": session, **columns, "utc": utc})

    def put_columns(self, table: str, columns: dict[str, Value]) -> None:
        """Write a row of a known table by its columns; one of the same identity is replaced."""
        with self.transaction():
            self._insert(table, columns)

    def _insert(self, table: str, columns: dict[str, Value]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        # An upsert, not INSERT OR REPLACE: replacing a session would cascade and delete its parts.
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in columns)
        self._connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO UPDATE SET {changes}",
            tuple(columns.values()),
        )

    def parts(self, kind: type[Row], session: str) -> list[Row]:
        """The rows of one kind that belong to a session, in order of time."""
        return self.select(kind, "session = ?", (session,), order="utc")

    def select(
        self, kind: type[Row], where: str = "1", values: tuple[Value, ...] = (), *, order: str = "1"
    ) -> list[Row]:
        """Rows of one kind; ``where`` and ``order`` are SQL written in this program, never a person's text."""
        names = _names(kind)
        columns = ", ".join(f'"{name}"' for name in names)
        found = self.query(f"SELECT {columns} FROM {TABLES[kind]} WHERE {where} ORDER BY {order}", values)
        return [_made(kind, names, line) for line in found]

    def query(self, sql: str, values: tuple[Value, ...] = ()) -> list[tuple[Value, ...]]:
        """Lines of any reading statement; one that would write is refused.

        Raises
        ------
        StoreError
            Also for a statement that would write.
        """
        with told(self.path):
            self._connection.execute("PRAGMA query_only = ON")
            try:
                return self._connection.execute(sql, values).fetchall()
            finally:
                self._connection.execute("PRAGMA query_only = OFF")

    # Sessions

    def session(self, uid: str) -> SessionRow:
        """One session.

        Raises
        ------
        StoreError
            NOT_FOUND when there is none of that identity.
        """
        found = self.select(SessionRow, "uid = ?", (uid,))
        if not found:
            raise StoreError(Reason.NOT_FOUND, f"There is no session {uid}.")
        return found[0]

    def sessions(
        self, person: str = "me", kind: SessionKind | None = None, technique: Technique | None = None
    ) -> list[SessionRow]:
        """A person's sessions, oldest first."""
        where, values = "person = ?", [person]
        if kind is not None:
            where, values = f"{where} AND kind = ?", [*values, kind.value]
        if technique is not None:
            where, values = f"{where} AND technique = ?", [*values, technique.value]
        return self.select(SessionRow, where, tuple(values), order="start_utc, uid")

    def delete_session(self, uid: str) -> None:
        """Delete a session and everything that belongs to it."""
        with self.transaction():
            self._connection.execute("DELETE FROM sessions WHERE uid = ?", (uid,))

    def close_interrupted(self) -> list[SessionRow]:
        """End the sessions that a dead program left open, at the last time they are known to have run.

        Call it when no other program writes sessions. A session whose program is alive writes its true end later.
        """
        open_ones = self.select(SessionRow, "outcome = 'running'")
        closed = [
            replace(row, outcome=Outcome.INTERRUPTED, end_t=row.last_t, end_utc=row.last_utc) for row in open_ones
        ]
        self.put(*closed)
        return closed

    # Calibrations

    def latest_calibration(self, strap: str | None = None) -> CalibrationRow | None:
        """The newest calibration (of one strap, when named)."""
        where, values = ("1", ()) if strap is None else ("strap = ?", (strap,))
        found = self.select(CalibrationRow, where, values, order="utc DESC, uid LIMIT 1")
        return found[0] if found else None

    def calibration(self, uid: str) -> CalibrationRow | None:
        """One calibration by identity."""
        found = self.select(CalibrationRow, "uid = ?", (uid,))
        return found[0] if found else None

    # Settings and screening

    def setting(self, key: str, person: str = "me") -> object:
        """A person's setting as it was put (any JSON value), or None."""
        found = self.query("SELECT json FROM settings WHERE person = ? AND key = ?", (person, key))
        return json.loads(str(found[0][0])) if found else None

    def settings(self, person: str = "me") -> dict[str, object]:
        """All of a person's settings."""
        lines = self.query("SELECT key, json FROM settings WHERE person = ? ORDER BY key", (person,))
        return {str(key): json.loads(str(value)) for key, value in lines}

    def set_setting(self, key: str, value: object, person: str = "me") -> None:
        """Put a setting (any JSON value); None removes it."""
        with self.transaction():
            if value is None:
                self._connection.execute("DELETE FROM settings WHERE person = ? AND key = ?", (person, key))
            else:
                self._insert("settings", {"person": person, "key": key, "json": json.dumps(value, sort_keys=True)})

    def last_screening(self, person: str = "me") -> ScreeningRow | None:
        """When the red-flag questions were last all answered with no."""
        found = self.select(ScreeningRow, "person = ?", (person,), order="utc DESC LIMIT 1")
        return found[0] if found else None

    def last_sharp_pain_utc(self, person: str = "me") -> float | None:
        """When this person last reported sharp pain (UTC seconds), in a session or with the strap's button alone."""
        found = self.query(
            "SELECT max(utc) FROM (SELECT p.utc FROM sharp_pain p JOIN sessions s ON s.uid = p.session "
            "WHERE s.person = ? UNION ALL SELECT utc FROM presses WHERE sharp AND person = ?)",
            (person, person),
        )
        value = found[0][0]
        return None if value is None else float(value)

    # The whole

    def persons(self) -> list[str]:
        """Everyone who has a session or a setting."""
        lines = self.query("SELECT person FROM sessions UNION SELECT person FROM settings ORDER BY 1")
        return [str(line[0]) for line in lines]

    def forget(self, person: str) -> None:
        """Delete everything about a person from the database and all backups, which know it too.

        Recordings are files; whoever is forgotten wants them deleted as well.
        """
        with self.transaction():
            for table in ("sessions", "settings", "screenings", "presses"):
                self._connection.execute(f"DELETE FROM {table} WHERE person = ?", (person,))
        with told(self.path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for copy in (self.path.parent / BACKUPS).glob("unslouch-*"):
            copy.unlink()

    def alone(self) -> None:
        """Keep every other program out until this store is closed. Its file is then whole by itself.

        Raises
        ------
        StoreError
            When another one has it open.
        """
        with told(self.path):
            shut_others_out(self._connection)

    def copy_to(self, path: Path) -> None:
        """Copy everything into another file, as it was last committed, whoever writes meanwhile."""
        with told(path), closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

    def become(self, other: Store) -> None:
        """Take over another store's whole content in one step: killed at any moment, it is the old or the new one."""
        with told(self.path):
            other._connection.backup(self._connection)

    def dump(self) -> dict[str, list[tuple[Value, ...]]]:
        """Everything that ``rebuild`` must make again, in one fixed order: equal stores have equal dumps."""
        tables = ("recordings", "calibrations", "sessions", "clocks", "holdings", "presses", *PARTS)
        return {table: sorted(self.query(f"SELECT * FROM {table}"), key=repr) for table in tables}
