"""Rows as text that can lie in a recording, and back: the database is derived from it (``unslouch rebuild``)."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, cast

from unslouch.errors import FileError, Reason
from unslouch.store.rows import CalibrationRow, RecordingRow, ScreeningRow, SessionPart, SessionRow
from unslouch.store.store import PARTS, TABLES, Store, encoded

Row = RecordingRow | CalibrationRow | SessionRow | ScreeningRow

_COLUMNS: dict[str, frozenset[str]] = {
    table: frozenset(f.name for f in fields(cast("type[SessionRow]", kind)))
    | (frozenset(("session", "utc")) if table in PARTS else frozenset())
    for kind, table in TABLES.items()
}


def row_entry(row: Row) -> str:
    """Return a row as JSON."""
    columns = {f.name: encoded(getattr(row, f.name)) for f in fields(row)}
    return json.dumps({"table": TABLES[type(row)], "columns": columns})


def part_entry(session: str, part: SessionPart, utc: float) -> str:
    """Return a row of a session as JSON."""
    columns = {f.name: encoded(getattr(part, f.name)) for f in fields(part)}
    return json.dumps({"table": TABLES[type(part)], "columns": {"session": session, **columns, "utc": utc}})


def restore(store: Store, entry: str) -> None:
    """Write an entry's row; a row of the same identity is replaced.

    Raises
    ------
    FileError
        When the text is no entry of ours.
    StoreError
        When the database refuses it.
    """
    try:
        value = cast("dict[str, Any]", json.loads(entry))
        table, columns = value["table"], cast("dict[str, Any]", value["columns"])
        known = _COLUMNS[table]
        whole = set(columns) <= known and all(
            one is None or isinstance(one, str | int | float) for one in columns.values()
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileError(Reason.BAD_FILE, "A result kept in a recording cannot be read.") from error
    if not whole:
        raise FileError(Reason.BAD_FILE, "A result kept in a recording is of a newer version.")
    store.put_columns(table, columns)
