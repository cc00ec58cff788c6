"""What the strap is told so that it can buzz by itself: thresholds, and how it sits on the thorax."""

from __future__ import annotations

import math

import numpy as np

from unslouch.wire.quaternion_codec import STREAM_BITS, pack
from unslouch_signal.calibration import Calibration
from unslouch_signal.slouch import SlouchParameters, Zone

FLEXION, EXTENSION, LEAN, STAND_ALONE = 1, 2, 4, 8
FORWARD_KNOWN, VALID = 1, 2


def gate_values(slouch: SlouchParameters, *, stand_alone: bool) -> dict[str, int]:
    """Return the values of SET_GATE (docs/protocol.md, 6.2)."""
    values = {"enable": FLEXION | EXTENSION | LEAN | (STAND_ALONE if stand_alone else 0)}
    for name in ("flexion", "extension", "lean"):
        zone: Zone = getattr(slouch, name)
        values[f"{name}_enter"] = round(100 * math.degrees(zone.enter))
        values[f"{name}_leave"] = max(200, round(100 * math.degrees(zone.leave)))
    values["dwell"] = round(10 * slouch.dwell_s)
    values["quiet"] = round(slouch.quiet_s)
    return values


def mount_values(calibration: Calibration | None) -> dict[str, int]:
    """Return the values of SET_MOUNT; None tells the strap to judge nothing.

    The protocol's mount turns sensor axes into thorax axes, the calibration's the other way round. At neutral the
    thorax frame stands upright by definition, so the protocol's neutral is no rotation.
    """
    upright = np.array([[1.0, 0.0, 0.0, 0.0]])
    if calibration is None:
        nothing = int(pack(upright, STREAM_BITS)[0])
        return {"flags": 0, "mount": nothing, "neutral": nothing}
    w, x, y, z = calibration.mount
    packed = pack(np.array([[w, -x, -y, -z]]), STREAM_BITS)
    flags = VALID | (FORWARD_KNOWN if calibration.forward_known else 0)
    return {"flags": flags, "mount": int(packed[0]), "neutral": int(pack(upright, STREAM_BITS)[0])}
