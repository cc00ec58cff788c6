"""Where the files lie: one data directory with the database, its backups and the recordings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from unslouch.errors import Reason, StoreError

ENVIRONMENT = "UNSLOUCH_DATA_DIR"


@dataclass(frozen=True, slots=True)
class DataPaths:
    """The places inside one data directory."""

    root: Path

    @property
    def database(self) -> Path:
        """The results: sessions, events, settings."""
        return self.root / "unslouch.db"

    @property
    def backups(self) -> Path:
        """Copies of the database made before a migration."""
        return self.root / "backups"

    @property
    def recordings(self) -> Path:
        """Raw recordings (.mcap)."""
        return self.root / "recordings"

    def make(self) -> DataPaths:
        """Create the directories, readable by their owner alone (these are notes about a body).

        Raises
        ------
        StoreError
            When a directory cannot be made.
        """
        for folder in (self.root, self.recordings):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    Reason.STORE,
                    f"The data directory {folder} cannot be made: {error.strerror or error}.",
                    f"Name another one with --data-dir or {ENVIRONMENT}.",
                ) from error
        return self


def data_paths(option: Path | str | None = None) -> DataPaths:
    """The data directory: ``--data-dir`` before ``UNSLOUCH_DATA_DIR`` before the system's place for user data.

    Nothing is created; see :meth:`DataPaths.make`.
    """
    if option is not None and str(option):
        return DataPaths(Path(option).expanduser())
    named = os.environ.get(ENVIRONMENT, "")
    if named:
        return DataPaths(Path(named).expanduser())
    return DataPaths(platformdirs.user_data_path("unslouch", appauthor=False))
