"""What happens to a recording when it is closed: tidied, counted, and old ones pruned; beside whatever else goes on.

Closing a feed writes the end of its file and no more. The rest takes seconds for a day's recording, is done by a
thread, and may be killed at any moment: a recording without a row in the store is taken up at the next occasion.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from unslouch.errors import UnslouchError
from unslouch.store.paths import DataPaths

if TYPE_CHECKING:
    from unslouch.cli.synced import Kept
    from unslouch.link.known import KnownStraps
    from unslouch.store.store import Store

KEEP_DAYS = 90.0
KEEP_GB = 5.0
"""Raw recordings are kept so long and so much. A day of eight hours is 39 MB in low latency and 12 MB in economy: 90 of
them are 3.5 GB at most, so that the days decide for one person and the size for a household."""
SETTING = "keep_recordings"
"""Key of the store's setting: {"days": ..., "gb": ...}."""
STALE_DRAFT_S = 3600.0
"""A rewrite takes seconds: one this old was left by a program that was killed."""
_BUSY = threading.Lock()
"""One recording at a time in this process: they wait for the same disk and the same store."""
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
        self.kept: list[Kept] = []
        """What the strap took alone, as sessions."""
        self.failure: UnslouchError | None = None

    def begin(self, path: Path) -> None:
        """Settle a recording that was just closed, what earlier programs left, and what is to be pruned."""
        # a daemon: who leaves now leaves it for the next time
        self._thread = threading.Thread(target=self._run, args=(path,), name="settling", daemon=True)
        _begun.append(self)
        self._thread.start()

    def _run(self, path: Path) -> None:
        try:
            with _BUSY:
                for left in left_over(self._paths):
                    if left.resolve() != path.resolve():
                        settle(self._paths, left)
                self.kept = settle(self._paths, path)
                prune(self._paths)
        except UnslouchError as error:
            self.failure = error

    def wait(self) -> None:
        """Return when it is done."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.05)


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


def left_over(paths: DataPaths) -> list[Path]:
    """Return recordings that were never settled, oldest first; not those that may be in the making.

    Also removes what a rewrite left that was killed.
    """
    from unslouch.link.known import KnownStraps
    from unslouch.recording.compact import DRAFT
    from unslouch.store.rows import RecordingRow
    from unslouch.store.store import Store

    if not paths.recordings.is_dir():
        return []
    for draft in paths.recordings.glob(f".*{DRAFT}"):
        if time.time() - draft.stat().st_mtime > STALE_DRAFT_S:
            draft.unlink(missing_ok=True)
    making = being_made(KnownStraps(paths.root / "straps.json"))
    with Store.open(paths) as store:
        settled = {row.uid for row in store.select(RecordingRow)}
    return [
        path for path in sorted(paths.recordings.glob("*.mcap")) if path.name not in settled and path.name not in making
    ]


def being_made(straps: KnownStraps) -> set[str]:
    """Return the names of recordings that a link writes, or wrote when it was killed."""
    return {Path(strap.recording).name for strap in straps.all() if strap.recording}


def limits(store: Store) -> tuple[float, float]:
    """Return how many days and GB of raw recordings are kept."""
    chosen = store.setting(SETTING)
    value: dict[str, object] = chosen if isinstance(chosen, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    days, gb = value.get("days", KEEP_DAYS), value.get("gb", KEEP_GB)
    return (
        float(days) if isinstance(days, int | float) else KEEP_DAYS,
        float(gb) if isinstance(gb, int | float) else KEEP_GB,
    )


def prune(paths: DataPaths, days: float | None = None, most: int | None = None) -> tuple[int, int]:
    """Delete recordings beyond an age or a size (None: as set); how many, and their bytes. Results stay.

    One that is being made, or whose samples are not in the store yet, is left alone.
    """
    from unslouch.link.known import KnownStraps
    from unslouch.store.rows import RecordingRow
    from unslouch.store.store import Store

    if not paths.recordings.is_dir():
        return 0, 0
    making = being_made(KnownStraps(paths.root / "straps.json"))
    gone = freed = kept = 0
    now = time.time()
    with Store.open(paths) as store:
        longest, largest = limits(store)
        longest = longest if days is None else days
        largest = int(largest * 1e9) if most is None else most
        rows = {row.uid: row for row in store.select(RecordingRow)}
        files = [(rows.get(file.name), file) for file in paths.recordings.glob("*.mcap")]
        # the newest first; what has no row yet is the newest of all
        files.sort(key=lambda one: (one[0] is None, 0.0 if one[0] is None else one[0].start_utc, one[1].name))
        for row, file in reversed(files):
            size = file.stat().st_size
            ended = now if row is None else (row.end_utc or row.start_utc)
            if row is None or file.name in making or (now - ended <= longest * 86400 and kept + size <= largest):
                kept += size
                continue
            # the row first: a file without one would be counted anew
            store.put(replace(row, pruned_utc=now))
            file.unlink()
            gone, freed = gone + 1, freed + size
    return gone, freed
