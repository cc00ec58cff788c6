"""Quaternions component by component, (4, n): the layout in which long recordings are made fastest."""

from __future__ import annotations

import numpy as np

from unslouch_signal.samples import FloatArray


def multiply(p: FloatArray, q: FloatArray) -> FloatArray:
    """Hamilton product of (4, n) or (4, 1) quaternions w x y z."""
    w1, x1, y1, z1 = p
    w2, x2, y2, z2 = q
    return np.stack(
        (
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        )
    )


def conjugate(q: FloatArray) -> FloatArray:
    """The inverse of unit quaternions (4, n)."""
    return np.stack((q[0], -q[1], -q[2], -q[3]))


def rotate(q: FloatArray, v: FloatArray) -> FloatArray:
    """Turn vectors (3, n) by unit quaternions (4, n)."""
    w, x, y, z = q
    a, b, c = v
    tx, ty, tz = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    return np.stack((a + w * tx + (y * tz - z * ty), b + w * ty + (z * tx - x * tz), c + w * tz + (x * ty - y * tx)))


def exponential(v: FloatArray) -> FloatArray:
    """Quaternions (4, n) of rotation vectors (3, n), rad."""
    half = 0.5 * np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    s = 0.5 * np.sinc(half / np.pi)
    return np.stack((np.cos(half), s * v[0], s * v[1], s * v[2]))


def logarithm(q: FloatArray) -> FloatArray:
    """Rotation vectors (3, n), rad, of unit quaternions (4, n), the short way round."""
    w, x, y, z = q
    sign = np.where(w < 0, -1.0, 1.0)
    s = np.sqrt(x * x + y * y + z * z)
    half = np.arctan2(s, sign * w)
    small = s < 1e-9
    gain = sign * np.where(small, 2.0, 2.0 * half / np.where(small, 1.0, s))
    return np.stack((gain * x, gain * y, gain * z))


def random_rotation(rng: np.random.Generator) -> FloatArray:
    """A rotation drawn evenly from all rotations, (4,)."""
    q = rng.standard_normal(4)
    return q / np.linalg.norm(q)
