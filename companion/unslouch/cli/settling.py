"""What happens to a recording when it is closed: tidied, counted, and old ones pruned; beside whatever else goes on.

Closing a feed writes the end of its file and no more. The rest takes seconds for a day's recording, is done by a
thread, and may be killed at any moment: a recording without a row in the store is taken up at the next occasion.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from unslouch.errors import FileError, Reason, UnslouchError
from unslouch.store.paths import DataPaths

if TYPE_CHECKING:
    from unslouch.cli.synced import Kept

_BUSY = threading.Lock()
"""One recording at a time in this process: they wait for the same disk and the same store."""
LOCK = "settling"
"""Name of the file, beside those that hold straps, by which processes settle one after the other."""
_begun: list[Settling] = []


class Settling:
    """Settles recordings in a thread.

    Parameters
    ----------
    paths
        The data directory.
    """

    def __init__(self, paths: DataPaths) -> None:
        self._paths = paths
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None
        self.kept: list[Kept] = []
        """What the strap took alone, as sessions."""
        self.failure: UnslouchError | None = None
        """Why not everything is kept yet."""

    def begin(self, path: Path) -> None:
        """Settle a recording that was just closed, what earlier programs left, and what is to be pruned."""
        # a daemon: who leaves now leaves it for the next time
        self._thread = threading.Thread(target=self._run, args=(path,), name="settling", daemon=True)
        _begun.append(self)
        self._thread.start()

    def _run(self, path: Path) -> None:
        from unslouch.live.retention import prune

        try:
            with one_at_a_time(self._paths):
                self.failure = settle_left_over(self._paths, but=path)
                self.kept = settle(self._paths, path)
                prune(self._paths)
        except (UnslouchError, OSError) as error:
            self.failure = told(error)
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits
            self._fault = error

    def wait(self) -> None:
        """Return when it is done.

        Raises
        ------
        BaseException
            What nobody foresaw.
        """
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.05)
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault


@contextmanager
def one_at_a_time(paths: DataPaths) -> Generator[None]:
    """Wait until nobody else settles recordings of this data directory, in this process or another.

    Raises
    ------
    OSError
        When that cannot be made sure of.
    """
    from unslouch.link.hold import FOLDER, alone

    lock = paths.root / FOLDER / LOCK
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _BUSY, alone(lock):
        yield


def told(error: UnslouchError | OSError) -> UnslouchError:
    """Make a sentence of what the system refused."""
    if isinstance(error, UnslouchError):
        return error
    where = f"{error.filename}: " if error.filename else ""
    advice = "Check the free space and the permissions; it is tried again next time."
    return FileError(Reason.FILE_ACCESS, f"{where}{error.strerror or error}.", advice)


def wait_for_all() -> list[Settling]:
    """Return when everything begun is done, and what it was; shows a line while it takes long.

    Ctrl-C leaves the rest for the next time.
    """
    from unslouch.cli.working import Working

    done, _begun[:] = list(_begun), []
    with Working("Keeping what was recorded (Ctrl-C leaves it for the next time)"):
        for one in done:
            one.wait()
    return done


def settle_left_over(paths: DataPaths, but: Path | None = None) -> UnslouchError | None:
    """Settle what earlier programs left; one that cannot be settled holds nobody up, and is told (the first)."""
    from unslouch.live.retention import left_over

    failure: UnslouchError | None = None
    for left in left_over(paths):
        if but is not None and left.resolve() == but.resolve():
            continue
        try:
            settle(paths, left)
        except (UnslouchError, OSError) as error:
            failure = failure or told(error)
    return failure


def settle(paths: DataPaths, path: Path) -> list[Kept]:
    """Tidy a recording and keep what it brings; again it changes nothing.

    Raises
    ------
    FileError, StoreError
        When it cannot be read, or the store not be written.
    """
    from unslouch.cli.synced import keep_recording
    from unslouch.recording.compact import compact, is_tidy
    from unslouch.store.store import Store

    if not path.exists():
        return []
    if not is_tidy(path):
        compact(path)
    with Store.open(paths) as store:
        return keep_recording(store, path, listed=path.resolve().parent == paths.recordings.resolve())
