"""How long raw recordings are kept, and which of them wait to be counted."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from unslouch.link.known import KnownStraps
from unslouch.recording.compact import DRAFT
from unslouch.store.paths import DataPaths
from unslouch.store.rows import RecordingRow
from unslouch.store.store import Store

KEEP_DAYS = 90.0
KEEP_GB = 5.0
"""Raw recordings are kept so long and so much. A day of eight hours is 39 MB in low latency and 12 MB in economy: 90 of
them are 3.5 GB at most, so that the days decide for one person and the size for a household."""
SETTING = "keep_recordings"
"""Key of the store's setting: {"days": ..., "gb": ...}."""
STALE_DRAFT_S = 3600.0
"""A rewrite takes seconds: one this old was left by a program that was killed."""


def left_over(paths: DataPaths) -> list[Path]:
    """Return recordings that were never settled, oldest first; not those that may be in the making.

    Also removes what a rewrite left that was killed.
    """
    if not paths.recordings.is_dir():
        return []
    for draft in paths.recordings.glob(f".*{DRAFT}"):
        with suppress(FileNotFoundError):  # another program has finished it just now
            if time.time() - draft.stat().st_mtime > STALE_DRAFT_S:
                draft.unlink()
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
        files = [(rows.get(file.name), file, size) for file, size in _sizes(paths.recordings.glob("*.mcap"))]
        # the newest first; what has no row yet is the newest of all
        files.sort(key=lambda one: (one[0] is None, 0.0 if one[0] is None else one[0].start_utc, one[1].name))
        for row, file, size in reversed(files):
            ended = now if row is None else (row.end_utc or row.start_utc)
            if row is None or file.name in making or (now - ended <= longest * 86400 and kept + size <= largest):
                kept += size
                continue
            # the row first: a file without one would be counted anew
            store.put(replace(row, pruned_utc=now))
            file.unlink(missing_ok=True)
            gone, freed = gone + 1, freed + size
    return gone, freed


def _sizes(files: Iterable[Path]) -> list[tuple[Path, int]]:
    """Return files with their bytes; one that another program deletes meanwhile is none."""
    out: list[tuple[Path, int]] = []
    for file in files:
        with suppress(FileNotFoundError):
            out.append((file, file.stat().st_size))
    return out
