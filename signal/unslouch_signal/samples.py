"""Blocks of samples as they come from a strap, a file or the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
FlagArray = NDArray[np.uint8]

_EXACT = 1e-3
"""How far the square of a quaternion's norm may be from 1 by rounding: files keep three digits."""
_A_ROTATION = 0.5
"""... and by an error that leaves it a rotation."""


class SampleFlag(IntFlag):
    """What the strap says about a sample beside its numbers; the bits of the flags byte in docs/protocol.md."""

    NONE = 0
    MOTOR = 1
    """The vibration motor was running: acceleration is not to be trusted."""
    OFF_BODY = 2
    CHARGER = 4
    WALKING = 8
    """The strap's own gate saw walking (matters where a record carries no acceleration, as in the flash log)."""
    LOST_BEFORE = 16
    """Samples before this one were truly lost (never taken or overwritten on the strap)."""
    SATURATED = 32
    """The sensor was at its range or stuck; orientation is coasting."""
    LYING = 64
    """The strap's own gate saw lying."""
    HEADING_LOST = 128
    """Never sent by a strap: made where raw samples are fused over a gap, and where a strap began anew. What turned
    before this sample was not seen, so headings before and after cannot be compared (on the wire the bit is RESENT and
    never a flag of a sample)."""


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Consecutive samples of one sensor, on its own clock.

    Attributes
    ----------
    t : (n,) float64
        Seconds of the sensor's clock, strictly increasing, across consecutive blocks too.
    quat : (n, 4) float64 or None
        Orientation w x y z, sensor to world, unit norm; None where the sensor sent raw samples alone.
    acc : (n, 3) float64 or None
        Specific force in m/s^2 in the sensor frame: +9.81 along up at rest.
    gyr : (n, 3) float64 or None
        Angular rate in rad/s in the sensor frame.
    flags : (n,) uint8
        :class:`SampleFlag` bits.
    """

    t: FloatArray
    quat: FloatArray | None
    acc: FloatArray | None
    gyr: FloatArray | None
    flags: FlagArray

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, cut: slice) -> SampleBlock:
        """Cut a block out of this one."""
        return SampleBlock(
            self.t[cut],
            None if self.quat is None else self.quat[cut],
            None if self.acc is None else self.acc[cut],
            None if self.gyr is None else self.gyr[cut],
            self.flags[cut],
        )


def samples(
    t: FloatArray,
    quat: FloatArray | None = None,
    acc: FloatArray | None = None,
    gyr: FloatArray | None = None,
    flags: FlagArray | None = None,
) -> SampleBlock:
    """Make a block from arrays, with float64 and the shapes checked.

    Raises
    ------
    ValueError
        When shapes disagree or time does not increase strictly.
    """
    time = np.ascontiguousarray(t, dtype=np.float64)
    n = len(time)
    if n > 1 and not bool(np.all(np.diff(time) > 0)):
        raise ValueError("time must increase strictly")

    def checked(name: str, a: FloatArray | None, width: int) -> FloatArray | None:
        if a is None:
            return None
        out = np.ascontiguousarray(a, dtype=np.float64)
        if out.shape != (n, width):
            raise ValueError(f"{name} must have shape ({n}, {width}), not {out.shape}")
        return out

    return SampleBlock(
        time,
        checked("quat", quat, 4),
        checked("acc", acc, 3),
        checked("gyr", gyr, 3),
        np.zeros(n, np.uint8) if flags is None else np.ascontiguousarray(flags, dtype=np.uint8),
    )


def usable(block: SampleBlock) -> SampleBlock:
    """Leave out the samples that say nothing, as if they had been lost.

    These are samples whose orientation is not finite or no rotation (its norm far from 1: some sensors send zeros until
    they have one) and raw samples that are not finite. A norm that is a little off is mended. Acceleration beside
    orientation may be NaN where it is unknown; infinite becomes that.
    """
    quat, acc, gyr = block.quat, block.acc, block.gyr
    if quat is not None:
        if acc is not None and bool(np.isinf(acc).any()):
            acc = np.where(np.isinf(acc), np.nan, acc)
            block = SampleBlock(block.t, quat, acc, gyr, block.flags)
        # the usual case, seen quickly; what is a border case here is decided below, the same for any block
        if bool((np.abs(np.einsum("ij,ij->i", quat, quat) - 1.0) < 0.9 * _EXACT).all()):
            return block
        w, x, y, z = np.ascontiguousarray(quat.T)
        size = w * w + x * x + y * y + z * z
        exact = np.abs(size - 1.0) < _EXACT
        keep = np.abs(size - 1.0) < _A_ROTATION
        norm = np.where(exact | ~keep, 1.0, np.sqrt(size))
        return kept(SampleBlock(block.t, quat / norm[:, None], acc, gyr, block.flags), keep)
    both = [part for part in (acc, gyr) if part is not None]
    if all(bool(np.isfinite(part).all()) for part in both):
        return block
    return kept(block, np.all([np.isfinite(part).all(axis=1) for part in both], axis=0))


def kept(block: SampleBlock, keep: BoolArray) -> SampleBlock:
    """The samples of a block where ``keep`` (n,) is true."""
    return SampleBlock(
        block.t[keep],
        None if block.quat is None else block.quat[keep],
        None if block.acc is None else block.acc[keep],
        None if block.gyr is None else block.gyr[keep],
        block.flags[keep],
    )
