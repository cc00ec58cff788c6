"""Quaternions w x y z (Hamilton, unit), on arrays of any leading shape.

Everything is written out by components: matrix products and ``einsum`` may sum in another order for another length, and
how a recording is cut into blocks must not change a single bit.
"""

from __future__ import annotations

import numpy as np

from unslouch_signal.samples import FloatArray

IDENTITY: FloatArray = np.array([1.0, 0.0, 0.0, 0.0])


def multiply(a: FloatArray, b: FloatArray) -> FloatArray:
    """Hamilton product ``a * b``, shapes (..., 4), broadcast."""
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    return np.stack(
        (
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ),
        axis=-1,
    )


def conjugate(q: FloatArray) -> FloatArray:
    """Inverse rotation, shape (..., 4)."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def normalise(q: FloatArray) -> FloatArray:
    """Unit quaternion (or vector) along the last axis.

    Raises
    ------
    ValueError
        When one has no length.
    """
    norm = np.sqrt(np.sum(q * q, axis=-1, keepdims=True))
    if not bool(np.all(norm > 0)):
        raise ValueError("a quaternion or direction of zero length cannot be normalised")
    return q / norm


def rotate(q: FloatArray, v: FloatArray) -> FloatArray:
    """Vector ``v`` (..., 3) turned by ``q`` (..., 4): ``v + 2 w (r x v) + 2 r x (r x v)``."""
    w, r = q[..., :1], q[..., 1:]
    t = 2.0 * np.cross(r, v)
    return v + w * t + np.cross(r, t)


def from_rotvec(v: FloatArray) -> FloatArray:
    """Quaternion of the rotation vector ``v`` (..., 3), rad."""
    angle = np.sqrt(np.sum(v * v, axis=-1, keepdims=True))
    return np.concatenate((np.cos(angle / 2), v * (np.sinc(angle / (2 * np.pi)) / 2)), axis=-1)


def to_rotvec(q: FloatArray) -> FloatArray:
    """Rotation vector (..., 3) of the shorter way, rad."""
    s = np.sqrt(np.sum(q[..., 1:] * q[..., 1:], axis=-1, keepdims=True))
    angle = 2.0 * np.arctan2(s, np.abs(q[..., :1]))
    # angle / sin(angle / 2) tends to 2 at identity
    factor = np.where(s > 1e-12, angle / np.where(s > 1e-12, s, 1.0), 2.0)
    return q[..., 1:] * factor * np.where(q[..., :1] < 0, -1.0, 1.0)


def from_axes(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Quaternion of the rotation matrix with columns ``x``, ``y``, ``z`` (3,): orthonormal, right-handed.

    Shepperd's choice of the largest component, so that no division is small.

    Raises
    ------
    ValueError
        When the columns are not orthonormal or left-handed.
    """
    m = np.stack((x, y, z), axis=1)
    if not np.allclose(m.T @ m, np.eye(3), atol=1e-6) or np.linalg.det(m) < 0:
        raise ValueError("axes must be orthogonal unit vectors of a right-handed frame")
    four = np.array(
        [
            1 + m[0, 0] + m[1, 1] + m[2, 2],
            1 + m[0, 0] - m[1, 1] - m[2, 2],
            1 - m[0, 0] + m[1, 1] - m[2, 2],
            1 - m[0, 0] - m[1, 1] + m[2, 2],
        ]
    )
    skew = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    even = np.array([m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] + m[1, 2]])
    match int(np.argmax(four)):
        case 0:
            q = np.array([four[0], skew[0], skew[1], skew[2]])
        case 1:
            q = np.array([skew[0], four[1], even[0], even[1]])
        case 2:
            q = np.array([skew[1], even[0], four[2], even[2]])
        case _:
            q = np.array([skew[2], even[1], even[2], four[3]])
    return normalise(q if q[0] >= 0 else -q)


def to_matrix(q: FloatArray) -> FloatArray:
    """Rotation matrix (3, 3) of one quaternion (4,)."""
    return np.stack([rotate(q, e) for e in np.eye(3)], axis=1)


def mean(q: FloatArray) -> FloatArray:
    """Mean orientation of (n, 4): the principal eigenvector of the sum of ``q q^T`` (Markley et al. 2007).

    Blind to the signs of the quaternions.

    Raises
    ------
    ValueError
        When there is none.
    """
    if len(q) == 0:
        raise ValueError("the mean of no orientations is not defined")
    best: FloatArray = np.linalg.eigh(q.T @ q)[1][:, -1]
    return best if best[0] >= 0 else -best


def up_in_sensor(q: FloatArray) -> FloatArray:
    """World up seen from the sensor, (..., 3): the direction an accelerometer at rest reads."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    return np.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), axis=-1)


def twist_angle(q: FloatArray) -> FloatArray:
    """Twist about z in the swing-twist split, rad, in (-2 pi, 2 pi]: ``2 atan2(q_z, q_w)``.

    The same for ``q = twist swing`` and ``q = swing twist``; not defined where z points straight down.
    """
    return 2.0 * np.arctan2(q[..., 3], q[..., 0])


def wrap(angle: float) -> float:
    """Angle brought into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
