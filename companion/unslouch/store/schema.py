"""The tables, as a list of forward migrations; ``PRAGMA user_version`` counts how many have run.

Rows found in samples carry their session (and through it the recording) and sample times (``*_t``, seconds of the
strap's clock): their primary keys are natural, so that writing a row twice keeps one, and ``rebuild`` makes equal rows
again. ``utc`` columns are seconds since 1970; angles are rad.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x554E534C
"""'UNSL' in the file header: tells our databases from anyone else's."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step forward: what it is for, and its statements, run in one transaction."""

    purpose: str
    statements: tuple[str, ...]


def _part(name: str, columns: str, key: str) -> str:
    """Table of things that belong to a session and vanish with it."""
    return (
        f"CREATE TABLE {name} (session TEXT NOT NULL REFERENCES sessions(uid) ON DELETE CASCADE, {columns}, "
        f"utc REAL NOT NULL, PRIMARY KEY (session, {key})) WITHOUT ROWID"
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "sessions and what was found in them",
        (
            """CREATE TABLE recordings (
                uid TEXT PRIMARY KEY, file TEXT NOT NULL, strap TEXT, start_utc REAL NOT NULL,
                end_utc REAL, bytes INTEGER, pruned_utc REAL) WITHOUT ROWID""",
            """CREATE TABLE calibrations (
                uid TEXT PRIMARY KEY, strap TEXT, recording TEXT, t REAL, utc REAL NOT NULL, quality REAL NOT NULL,
                json TEXT NOT NULL) WITHOUT ROWID""",
            "CREATE INDEX calibrations_by_time ON calibrations(utc)",
            """CREATE TABLE sessions (
                uid TEXT PRIMARY KEY, person TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('desk', 'coach')),
                technique TEXT, source TEXT NOT NULL, start_utc REAL NOT NULL, utc_offset_s REAL NOT NULL,
                start_t REAL NOT NULL, last_t REAL NOT NULL, last_utc REAL NOT NULL,
                end_utc REAL, end_t REAL, outcome TEXT NOT NULL,
                calibration TEXT, recording TEXT, strap TEXT) WITHOUT ROWID""",
            "CREATE INDEX sessions_by_person ON sessions(person, start_utc)",
            "CREATE INDEX sessions_by_recording ON sessions(recording)",
            _part(
                "slouches", "start_t REAL, end_t REAL, alert_t REAL, peak REAL, mean REAL, direction TEXT", "start_t"
            ),
            _part("alerts", "t REAL, start_t REAL, direction TEXT, angle REAL, cued INTEGER, muted_by TEXT", "t"),
            _part(
                "repetitions",
                "technique TEXT, side TEXT, position TEXT, start_t REAL, peak_t REAL, end_t REAL, range REAL, "
                "hold REAL, faults TEXT, counted INTEGER",
                "start_t, side",
            ),
            _part("tryouts", "t REAL, technique TEXT, side TEXT, range REAL", "t"),
            _part(
                "holds",
                "technique TEXT, side TEXT, start_t REAL, end_t REAL, held REAL, needed REAL, zone_lo REAL, "
                "zone_hi REAL, overshoots INTEGER, jerks INTEGER",
                "start_t",
            ),
            _part("pain", "moment TEXT, t REAL, score INTEGER CHECK (score BETWEEN 0 AND 10)", "moment"),
            _part("sharp_pain", "t REAL, phase TEXT", "t"),
            _part("markers", "t REAL, label TEXT", "t, label"),
            _part("activities", "kind TEXT, start_t REAL, end_t REAL, lying_side TEXT", "start_t, kind"),
            _part("doubts", "t REAL, reason TEXT, resolved INTEGER", "t, reason, resolved"),
            """CREATE TABLE settings (
                person TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL,
                PRIMARY KEY (person, key)) WITHOUT ROWID""",
            # The key's columns first: SQLite 3.40's quick_check misreads another order and calls the file damaged.
            """CREATE TABLE screenings (
                person TEXT NOT NULL, utc REAL NOT NULL, version INTEGER NOT NULL,
                PRIMARY KEY (person, utc)) WITHOUT ROWID""",
        ),
    ),
    Migration(
        "when strap times were, and which samples lie in which recording",
        (
            # NULL: dated by a clock; else how far the time may be off, s
            "ALTER TABLE sessions ADD COLUMN uncertain_s REAL",
            """CREATE TABLE clocks (
                recording TEXT NOT NULL, boot INTEGER NOT NULL, strap TEXT NOT NULL, kind TEXT NOT NULL,
                first_t REAL NOT NULL, last_t REAL NOT NULL, knots TEXT NOT NULL,
                PRIMARY KEY (recording, boot)) WITHOUT ROWID""",
            "CREATE INDEX clocks_by_strap ON clocks(strap, boot)",
            """CREATE TABLE holdings (
                recording TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, strap TEXT NOT NULL,
                last_seq INTEGER NOT NULL, PRIMARY KEY (recording, boot, seq)) WITHOUT ROWID""",
            "CREATE INDEX holdings_by_strap ON holdings(strap, boot, seq)",
        ),
    ),
    Migration(
        "what the strap's button told, also when no session ran",
        (
            """CREATE TABLE presses (
                strap TEXT NOT NULL, boot INTEGER NOT NULL, t_us INTEGER NOT NULL, sharp INTEGER NOT NULL,
                recording TEXT NOT NULL, utc REAL NOT NULL, utc_offset_s REAL NOT NULL, uncertain_s REAL,
                person TEXT NOT NULL, PRIMARY KEY (strap, boot, t_us)) WITHOUT ROWID""",
            "CREATE INDEX presses_by_person ON presses(person, utc)",
        ),
    ),
)
