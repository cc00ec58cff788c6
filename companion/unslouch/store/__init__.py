"""The SQLite store of sessions, events, repetitions and holds."""
