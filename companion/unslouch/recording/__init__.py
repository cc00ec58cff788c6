"""Recordings on disk: MCAP and CSV, read, written, exported and replayed."""
