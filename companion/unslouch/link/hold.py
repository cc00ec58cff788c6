"""One program at a time on a strap: two would record it twice, and on BlueZ one would end the other's link."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from types import TracebackType

from unslouch.errors import FileError, LinkError, Reason

FOLDER = "in-use"


class Hold:
    """Holds a strap for this process, from ``take`` (or ``with``) to ``release``; the system lets go when it dies.

    Parameters
    ----------
    folder
        Of the data directory; locks of straps lie below it.
    address
        Of the strap.
    name
        To be said.
    """

    def __init__(self, folder: Path, address: str, name: str) -> None:
        self._path = folder / FOLDER / "".join(letter for letter in address if letter.isalnum())
        self._name = name
        self._file: int | None = None

    def take(self) -> Hold:
        """Take the strap.

        Raises
        ------
        LinkError
            TAKEN, when another process has it.
        FileError
            When no lock can be made.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FileError(Reason.FILE_ACCESS, f"{self._path} cannot be made: {error.strerror}.") from error
        try:
            _lock(file, wait=False)
        except OSError as error:
            os.close(file)
            text = f"{self._name} is in use by another unslouch on this machine."
            raise LinkError(Reason.TAKEN, text, "Close it there first.") from error
        self._file = file
        return self

    def release(self) -> None:
        """Let go; safe to call twice, from any thread."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __enter__(self) -> Hold:
        """Take it."""
        return self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self.release()


@contextlib.contextmanager
def alone(path: Path) -> Generator[None]:
    """Wait until no other process or thread is in such a block with the same file.

    Raises
    ------
    OSError
        When the file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(file, wait=True)
        yield
    finally:
        os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int, *, wait: bool) -> None:
        msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int, *, wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
