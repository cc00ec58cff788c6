"""Recordings on disk: MCAP and CSV, written, read, checked, replayed and exported."""
