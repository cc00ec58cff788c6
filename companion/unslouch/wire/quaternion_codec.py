"""Unit quaternions as smallest-three integers (docs/protocol.md 4.5), in bulk."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import BoolArray, FloatArray

IntArray = NDArray[np.int64]

STREAM_BITS = 15
LOG_BITS = 14
SQUARE_LIMIT = {15: 402_640_000, 14: 100_657_000}
"""Largest sum of squared codes that rounding a unit quaternion can give; above, the bytes are no orientation."""

_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def largest_code(bits: int) -> int:
    """M of the protocol: the code of 1/sqrt(2)."""
    return (1 << (bits - 1)) - 1


def pack(quat: FloatArray, bits: int) -> IntArray:
    """Quaternions to integers of 3 * bits + 2 bits.

    Parameters
    ----------
    quat : (n, 4) float64
        w x y z, any norm but zero.
    bits
        Per component: 15 (stream) or 14 (log).

    Raises
    ------
    ValueError
        When a quaternion is zero or not finite.
    """
    norm = np.sqrt(np.einsum("ij,ij->i", quat, quat))
    if not bool(np.all((norm > 0) & np.isfinite(norm))):
        raise ValueError("a quaternion to encode is zero or not finite")
    unit = quat / norm[:, None]
    m = np.argmax(np.abs(unit), axis=1)  # argmax takes the first on a tie, as the protocol does
    row = np.arange(len(unit))
    unit = unit * np.where(unit[row, m] < 0, -1.0, 1.0)[:, None]
    limit = largest_code(bits)
    scaled = unit[row[:, None], _OTHERS[m]] * (math.sqrt(2.0) * limit)
    code = np.clip(np.copysign(np.floor(np.abs(scaled) + 0.5), scaled), -limit, limit).astype(np.int64) + limit + 1
    return code[:, 0] | code[:, 1] << bits | code[:, 2] << 2 * bits | m << 3 * bits


def unpack(
    a: NDArray[np.int32], b: NDArray[np.int32], c: NDArray[np.int32], m: NDArray[np.int32], bits: int, out: FloatArray
) -> BoolArray:
    """Stored codes to quaternions.

    Parameters
    ----------
    a, b, c, m : (n,) int32
        The three stored codes and the index of the left-out component.
    out : (n, 4) float64
        Receives w x y z; rows found invalid hold no meaning.

    Returns
    -------
    (n,) bool
        Which rows are valid.
    """
    limit = largest_code(bits)
    zero = (a == 0) | (b == 0) | (c == 0)
    a, b, c = a - (limit + 1), b - (limit + 1), c - (limit + 1)
    square = a * a + b * b + c * c
    valid = (square <= SQUARE_LIMIT[bits]) & ~zero
    scale = 1.0 / (math.sqrt(2.0) * limit)
    big = np.sqrt(np.maximum(1.0 - square * (scale * scale), 0.0))
    u, v, w = a * scale, b * scale, c * scale
    out[:, 0] = np.where(m == 0, big, u)
    out[:, 1] = np.where(m == 1, big, np.where(m == 0, u, v))
    out[:, 2] = np.where(m == 2, big, np.where(m < 2, v, w))
    out[:, 3] = np.where(m == 3, big, w)
    return valid


def unpack_stream(words: NDArray[np.uint16], out: FloatArray) -> BoolArray:
    """Three 16-bit words a quaternion, (n, 3), to ``out`` (n, 4); returns which are valid."""
    w0, w1, w2 = (words[:, k].astype(np.int32) for k in range(3))
    a = w0 & 0x7FFF
    b = w0 >> 15 | (w1 & 0x3FFF) << 1
    c = w1 >> 14 | (w2 & 0x1FFF) << 2
    return unpack(a, b, c, w2 >> 13 & 3, STREAM_BITS, out)


def unpack_packed(packed: IntArray, bits: int, out: FloatArray) -> BoolArray:
    """Integers as :func:`pack` makes them to ``out`` (n, 4); returns which are valid."""
    mask = (1 << bits) - 1
    parts = [(packed >> k * bits & mask).astype(np.int32) for k in range(3)]
    return unpack(parts[0], parts[1], parts[2], (packed >> 3 * bits & 3).astype(np.int32), bits, out)
