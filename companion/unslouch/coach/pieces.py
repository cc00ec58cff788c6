"""The track cut on its absolute grid into pieces of a tenth of a second.

A session decides at these pieces only: however the samples arrive in blocks, it decides at the same sample times.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unslouch_signal.track import Track

POINTS = 5


def cut(track: Track, lo: int, hi: int) -> Track:
    """Rows ``lo:hi`` of a track."""
    return Track(**{name: getattr(track, name)[lo:hi] for name in Track.__slots__})


class Pieces:
    """Cuts blocks of track; what does not fill a piece waits for the next block."""

    def __init__(self) -> None:
        self._waiting: Track | None = None

    def of(self, track: Track) -> Iterator[Track]:
        """The pieces that are complete with this block; a piece never reaches over a jump of the grid."""
        if len(track) == 0:
            return
        if self._waiting is not None:
            parts = (self._waiting, track)
            track = Track(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in Track.__slots__})
        bounds = np.flatnonzero((np.diff(track.k) != 1) | (track.k[1:] % POINTS == 0)) + 1
        lo = 0
        for hi in bounds.tolist():
            yield cut(track, lo, hi)
            lo = hi
        full = (int(track.k[-1]) + 1) % POINTS == 0
        if full:
            yield cut(track, lo, len(track))
        self._waiting = None if full else cut(track, lo, len(track))
