"""What happens to the strap itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

import numpy as np

from unslouch_signal.synth.script import Script


@dataclass(frozen=True, slots=True)
class StrapSlip:
    """The strap slips on the body: a sudden change of the mounting about a thorax axis."""

    angle_deg: float = 20.0
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    seconds: float = 0.4

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        axis = np.asarray(self.axis) / np.linalg.norm(self.axis)
        x, y, z = (float(v) for v in radians(self.angle_deg) * axis)
        script.slip(self.seconds, (x, y, z))
        script.wait(1.0)


@dataclass(frozen=True, slots=True)
class TakeOff:
    """Take the strap off, leave it lying (on the charger or not) and put it on again, never just as before."""

    seconds: float = 60.0
    charging: bool = False

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        start = script.now
        script.slip(1.5, (0.4, 1.3, 0.2))
        script.wait(self.seconds)
        script.slip(1.5, (-0.3, -1.1, -0.3))
        script.off_body(start, script.now, charging=self.charging)
        script.wait(2.0)
