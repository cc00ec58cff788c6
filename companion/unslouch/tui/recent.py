"""The last minutes of the angles, thinned for charts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from unslouch_signal.track import Track

Series = deque[tuple[float, float | None]]

EVERY = 5
"""Of 50 points a second ten are kept: a trunk does not move faster than 2 Hz."""
KEPT = 1300


class Recent:
    """Series of (sample time, deg or None)."""

    def __init__(self) -> None:
        self.flexion: Series = deque(maxlen=KEPT)
        self.lateral: Series = deque(maxlen=KEPT)
        self.tilt: Series = deque(maxlen=KEPT)
        self.coached: Series = deque(maxlen=KEPT)
        """The angle that the coach verifies, as it was shown."""

    def clear(self) -> None:
        """Begin afresh."""
        for series in (self.flexion, self.lateral, self.tilt, self.coached):
            series.clear()

    def add(self, tracks: Iterable[Track]) -> None:
        """Append the points of blocks; which points are kept does not depend on how they were cut."""
        for track in tracks:
            first = -int(track.k[0]) % EVERY
            times = track.t[first::EVERY].tolist()
            measured = track.measured[first::EVERY].tolist()
            for series, angles in (
                (self.flexion, track.flexion),
                (self.lateral, track.lateral),
                (self.tilt, track.tilt),
            ):
                for t, angle, there in zip(times, angles[first::EVERY].tolist(), measured, strict=True):
                    series.append((t, math.degrees(angle) if there and angle == angle else None))
