"""Calibration: from a sensor somehow on the back to the thorax frame.

The neutral gives the thorax's long axis: z is world up as the sensor sees it while the wearer is still and upright,
so that at neutral the tilt is zero whatever the mounting. Forward comes from bows: while bowing, world up moves
backward in the thorax frame, so x is minus the horizontal part of ``u``, summed over the bows (which weights it by
the sine of the angle). Gravity alone is used, so neither heading drift nor gyro bias touches it. Without bows
forward comes from the words of a mount, turned by the shortest rotation that takes the mount's up to the measured
one; without either it stays unknown.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from unslouch_signal import quaternion
from unslouch_signal.frames import Mount
from unslouch_signal.grid import GRAVITY
from unslouch_signal.samples import FloatArray, SampleBlock, SampleFlag, usable

JSON_VERSION = 1
METHODS = ("neutral", "mount", "bows", "bows_turn")


@dataclass(frozen=True, slots=True)
class CalibrationParameters:
    """What is good enough; angles rad.

    ``still``: sway and breathing move an upright back by one degree or two. ``bow``: from 20 deg on the direction
    of a bow is known better than the clothes under the strap. ``agree``: people do not bow along a line. ``axis``:
    how far the turn's axis may be from the vertical.
    """

    still: float = math.radians(3.0)
    bow: float = math.radians(20.0)
    agree: float = math.radians(20.0)
    axis: float = math.radians(20.0)
    turn: float = math.radians(15.0)
    upright: float = math.radians(35.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the sensor sits on the thorax.

    Attributes
    ----------
    mount : (w, x, y, z)
        Thorax to sensor: ``q_thorax = q_sensor * mount``.
    forward_known : bool
        False where only tilt magnitude and axial rotation are defined.
    heading : float or None
        Heading of the neutral, rad, in the world of the recording it was made in; heading is arbitrary, so it is not
        written to JSON. None: axial rotation counts from the first sample.
    method : str
        One of :data:`METHODS`.
    quality : float
        0 (useless) to 1.
    reasons : tuple of str
        What lowers the quality, as sentences for a person.
    """

    mount: tuple[float, float, float, float]
    forward_known: bool
    method: str
    quality: float = 1.0
    reasons: tuple[str, ...] = ()
    heading: float | None = None

    def to_json(self) -> str:
        """Serialise; read back by :meth:`from_json`. The heading, arbitrary in each recording, is left out."""
        return json.dumps(
            {
                "version": JSON_VERSION,
                "mount": list(self.mount),
                "forward_known": self.forward_known,
                "method": self.method,
                "quality": self.quality,
                "reasons": list(self.reasons),
            }
        )

    @staticmethod
    def from_json(text: str) -> Calibration:
        """Read what :meth:`to_json` wrote; anything else is refused.

        Raises
        ------
        ValueError
            With one sentence on what is wrong.
        """
        try:
            raw: object = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ValueError("a calibration must be a JSON object") from e
        if not isinstance(raw, dict):
            raise ValueError("a calibration must be a JSON object")
        d = cast("dict[str, Any]", raw)
        if d.get("version") != JSON_VERSION or isinstance(d.get("version"), bool):
            raise ValueError(
                f"calibration version {str(d.get('version'))[:20]} is not {JSON_VERSION}, the one this program reads"
            )
        mount = _numbers(d.get("mount"), 4, "mount")
        if abs(math.sqrt(math.fsum(c * c for c in mount)) - 1) > 1e-3:
            raise ValueError("the calibration's mount must be a unit quaternion")
        unit = quaternion.normalise(np.array(mount))
        forward, method, reasons = d.get("forward_known"), d.get("method"), d.get("reasons", [])
        if not isinstance(forward, bool):
            raise ValueError("the calibration's forward_known must be true or false")
        if method not in METHODS:
            raise ValueError(f"the calibration's method must be one of {', '.join(METHODS)}")
        (quality,) = _numbers([d.get("quality")], 1, "quality")
        if not 0 <= quality <= 1:
            raise ValueError("the calibration's quality must lie between 0 and 1")
        if not isinstance(reasons, list) or not all(isinstance(r, str) for r in cast("list[object]", reasons)):
            raise ValueError("the calibration's reasons must be a list of sentences")
        return Calibration(_four(unit), forward, str(method), quality, tuple(cast("list[str]", reasons)))

    def without_heading(self) -> Calibration:
        """For use in another recording."""
        return replace(self, heading=None)


def calibrate(
    neutral: SampleBlock,
    bows: SampleBlock | None = None,
    turn: SampleBlock | None = None,
    mount: Mount | None = None,
    parameters: CalibrationParameters | None = None,
) -> Calibration:
    """Calibrate from a still, upright stretch and, to know forward, from forward bows or a mount.

    Parameters
    ----------
    neutral : SampleBlock
        Still and upright, with orientation. The mean of all of it counts.
    bows : SampleBlock or None
        One or more forward bows.
    turn : SampleBlock or None
        A turn of the trunk to either side, which checks the long axis.
    mount : Mount or None
        Where the sensor's axes point; used for forward when there are no bows, otherwise as a check.

    Raises
    ------
    ValueError
        When a block is empty or carries no orientation.
    """
    p = parameters or CalibrationParameters()
    neutral, q = _orientation(neutral, "neutral")
    ups = _resting_up(neutral, q)
    up = quaternion.normalise(ups.mean(axis=0))
    faults = _Faults()

    spread = float(np.quantile(_angle(ups, up), 0.9))
    faults.note(spread > p.still, p.still / max(spread, 1e-9), "moved during the neutral: sit still and upright")

    front, method = None, "neutral"
    if mount is not None:
        front = _front_of_mount(mount, up)
        method = "mount"
        off = float(_angle(mount.up, up))
        faults.note(off > 2 * p.upright, 0.2, "upside down or turned: the mount's up is not where gravity is")
        faults.note(
            p.upright < off <= 2 * p.upright, 0.6, f"the mount's up is {math.degrees(off):.0f} deg from gravity"
        )
    if bows is not None:
        bowed = quaternion.up_in_sensor(_orientation(bows, "bows")[1])
        named, front, method = front, _front_of_bows(bowed, up, p, faults), "bows"
        if front is None:
            front, method = named, "mount" if named is not None else "neutral"
        elif named is not None:
            apart = float(_angle(named, front))
            faults.note(
                apart > math.radians(45), 0.5, f"the bows go {math.degrees(apart):.0f} deg away from the mount's front"
            )
    if turn is not None:
        good = _check_turn(_orientation(turn, "turn")[1], up, p, faults)
        if good and method == "bows":
            method = "bows_turn"

    known = front is not None
    x = quaternion.normalise(_across(front if front is not None else _any_across(up), up))
    unit = quaternion.from_axes(x, np.cross(up, x), up)
    heading = float(quaternion.twist_angle(quaternion.multiply(quaternion.mean(q), unit)))
    return Calibration(_four(unit), known, method, faults.quality, tuple(faults.reasons), quaternion.wrap(heading))


class _Faults:
    def __init__(self) -> None:
        self.quality = 1.0
        self.reasons: list[str] = []

    def note(self, wrong: bool, factor: float, reason: str) -> None:
        if wrong:
            self.quality *= min(1.0, max(0.0, factor))
            self.reasons.append(reason)


def _resting_up(block: SampleBlock, q: FloatArray) -> FloatArray:
    """World up in the sensor frame through the neutral, (n, 3).

    From acceleration where there is any: at rest it is gravity, while a filter that has just been turned on with a gyro
    bias of 2.5 deg/s is off by 3 deg. Means over half a second leave tremor and breathing out.
    """
    if block.acc is None:
        return quaternion.up_in_sensor(q)
    size = np.sqrt((block.acc * block.acc).sum(axis=1))
    still = (block.flags & (SampleFlag.MOTOR | SampleFlag.SATURATED)) == 0
    # a column of zeros, or NaN where it is unknown, is no gravity
    still &= size > 0.5 * GRAVITY
    acc, t = block.acc[still], block.t[still]
    if len(acc) == 0:
        return quaternion.up_in_sensor(q)
    starts = np.searchsorted(t, np.arange(t[0], t[-1] + 1e-9, 0.5))
    starts = np.unique(np.minimum(starts, len(t) - 1))
    counts = np.diff(np.concatenate((starts, [len(t)])))
    means: FloatArray = np.add.reduceat(acc, starts, axis=0) / counts[:, None]
    return quaternion.normalise(np.repeat(means, counts, axis=0))


def _front_of_bows(ups: FloatArray, up: FloatArray, p: CalibrationParameters, faults: _Faults) -> FloatArray | None:
    """Direction of the bows in the sensor frame, None when there was none to speak of."""
    tilt = _angle(ups, up)
    deepest = float(tilt.max())
    faults.note(
        deepest < p.bow, deepest / p.bow, f"bow too small: {math.degrees(deepest):.0f} deg, at least 20 are needed"
    )
    if deepest < p.bow / 2:
        return None
    deep = tilt > deepest / 2
    back = ups - (ups @ up)[:, None] * up
    front = quaternion.normalise(-back[deep].sum(axis=0))
    off = _angle(-back[deep], front)
    apart = float(np.sqrt(np.average(off * off, weights=np.sin(tilt[deep]))))
    faults.note(
        apart > p.agree,
        p.agree / max(apart, 1e-9),
        f"the bows disagree by {math.degrees(apart):.0f} deg: bow straight forward",
    )
    return front


def _check_turn(q: FloatArray, up: FloatArray, p: CalibrationParameters, faults: _Faults) -> bool:
    """Whether the axis about which the trunk turned is the long axis."""
    v = quaternion.to_rotvec(quaternion.multiply(quaternion.conjugate(q[:1]), q))
    size = np.sqrt((v * v).sum(axis=-1))
    widest = int(np.argmax(size))
    faults.note(bool(size[widest] < p.turn), 0.8, f"turn too small: {math.degrees(size[widest]):.0f} deg")
    if size[widest] < p.turn:
        return False
    axis = v[widest]
    off = min(float(_angle(axis, up)), float(_angle(-axis, up)))
    faults.note(
        off > p.axis,
        p.axis / max(off, 1e-9),
        f"axes not orthogonal: the turn was {math.degrees(off):.0f} deg off the long axis",
    )
    return off <= p.axis


def _front_of_mount(mount: Mount, up: FloatArray) -> FloatArray:
    """The mount's front, turned along by the shortest rotation from the mount's up to the measured up."""
    axis = np.cross(mount.up, up)
    size = float(np.sqrt((axis * axis).sum()))
    if size < 1e-6:
        return mount.front
    shortest = quaternion.from_rotvec(axis / size * float(_angle(mount.up, up)))
    return quaternion.rotate(shortest, mount.front)


def _angle(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angle between vectors (..., 3), rad; exact for small and large ones."""
    cross = np.cross(a, b)
    return np.arctan2(np.sqrt((cross * cross).sum(axis=-1)), (a * b).sum(axis=-1))


def _across(v: FloatArray, up: FloatArray) -> FloatArray:
    return v - float(v @ up) * up


def _any_across(up: FloatArray) -> FloatArray:
    """Some direction that is not along ``up``."""
    return np.eye(3)[int(np.argmin(np.abs(up)))]


def _orientation(block: SampleBlock, name: str) -> tuple[SampleBlock, FloatArray]:
    """The usable samples, and their orientation."""
    block = usable(block)
    if block.quat is None:
        raise ValueError(f"the {name} samples carry no orientation: fuse raw samples first")
    if len(block) == 0:
        raise ValueError(f"there are no samples in the {name}")
    return block, block.quat


def _four(q: FloatArray) -> tuple[float, float, float, float]:
    return (float(q[0]), float(q[1]), float(q[2]), float(q[3]))


def _numbers(value: object, n: int, name: str) -> list[float]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    if len(items) != n or not all(isinstance(c, int | float) and not isinstance(c, bool) for c in items):
        raise ValueError(f"the calibration's {name} must be {n} number{'s' if n > 1 else ''}")
    numbers: list[float] = []
    for c in cast("list[int | float]", items):
        if (isinstance(c, int) and abs(c) > 1e6) or not math.isfinite(c):
            raise ValueError(f"the calibration's {name} must be finite")
        numbers.append(float(c))
    return numbers
