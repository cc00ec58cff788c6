"""Names for how a sensor sits on the body.

The body frame is the thorax frame: x front, y left, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unslouch_signal.samples import FloatArray

DIRECTIONS: dict[str, tuple[int, int, int]] = {
    "front": (1, 0, 0),
    "back": (-1, 0, 0),
    "left": (0, 1, 0),
    "right": (0, -1, 0),
    "up": (0, 0, 1),
    "down": (0, 0, -1),
}
ALIASES = {"forward": "front", "anterior": "front", "backward": "back", "posterior": "back"}


@dataclass(frozen=True, slots=True)
class Mount:
    """Where the sensor's x, y and z axes point on the body, as words of :data:`DIRECTIONS`."""

    x: str
    y: str
    z: str

    @property
    def matrix(self) -> FloatArray:
        """(3, 3), body from sensor: columns are the sensor's axes in the body frame."""
        return np.array([DIRECTIONS[w] for w in (self.x, self.y, self.z)], dtype=np.float64).T

    @property
    def up(self) -> FloatArray:
        """Body up in the sensor frame, (3,)."""
        return self.matrix[2].copy()

    @property
    def front(self) -> FloatArray:
        """Body front in the sensor frame, (3,)."""
        return self.matrix[0].copy()

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.z}"


def parse_mount(text: str) -> Mount:
    """Read ``"down,right,back"``: where the sensor's x, y and z axes point on the body.

    Raises
    ------
    ValueError
        With one sentence: a wrong number of words, an unknown word, axes that are not orthogonal, a left-handed frame.
    """
    words = [w.strip().lower() for w in text.split(",")]
    if len(words) != 3:
        raise ValueError(
            f"a mount is three words for the sensor's x, y and z axes, such as down,right,back, not {text!r}"
        )
    words = [ALIASES.get(w, w) for w in words]
    for word in words:
        if word not in DIRECTIONS:
            raise ValueError(f"unknown direction {word!r} in the mount: use {', '.join(DIRECTIONS)}")
    mount = Mount(*words)
    determinant = round(float(np.linalg.det(mount.matrix)))
    if determinant == 0:
        raise ValueError(f"the mount {mount} is not orthogonal: the three axes must point along three different lines")
    if determinant < 0:
        other = next(a for a, v in DIRECTIONS.items() if v == tuple(-c for c in DIRECTIONS[mount.z]))
        raise ValueError(
            f"the mount {mount} is left-handed, which no sensor is: with x {mount.x} and y {mount.y}, z points {other}"
        )
    return mount
