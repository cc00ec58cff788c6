//! Unit quaternions w x y z, Hamilton, turning sensor vectors into world vectors.

use crate::real::Real;
use crate::vector::Vec3;

/// A rotation, sensor to world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quaternion<R> {
    /// Scalar part.
    pub w: R,
    /// First component of the vector part.
    pub x: R,
    /// Second component of the vector part.
    pub y: R,
    /// Third component of the vector part.
    pub z: R,
}

/// A rotation as a matrix; the rows are the world's axes seen from the sensor.
#[derive(Clone, Copy, Debug)]
pub struct Matrix3<R> {
    /// World x axis.
    pub x: Vec3<R>,
    /// World y axis.
    pub y: Vec3<R>,
    /// World z axis.
    pub z: Vec3<R>,
}

impl<R: Real> Matrix3<R> {
    /// All zero.
    pub const ZERO: Self = Self {
        x: Vec3::ZERO,
        y: Vec3::ZERO,
        z: Vec3::ZERO,
    };

    /// The product with a vector.
    #[inline(always)]
    pub fn rotate(&self, v: Vec3<R>) -> Vec3<R> {
        Vec3::new(self.x.dot(v), self.y.dot(v), self.z.dot(v))
    }
}

impl<R: Real> Quaternion<R> {
    /// No rotation.
    pub const IDENTITY: Self = Self {
        w: R::ONE,
        x: R::ZERO,
        y: R::ZERO,
        z: R::ZERO,
    };

    /// Hamilton product: `self` after `o`.
    #[inline(always)]
    pub fn times(self, o: Self) -> Self {
        Self {
            w: self.w * o.w - self.x * o.x - self.y * o.y - self.z * o.z,
            x: self.w * o.x + self.x * o.w + self.y * o.z - self.z * o.y,
            y: self.w * o.y - self.x * o.z + self.y * o.w + self.z * o.x,
            z: self.w * o.z + self.x * o.y - self.y * o.x + self.z * o.w,
        }
    }

    /// The opposite rotation.
    #[inline(always)]
    pub fn conjugate(self) -> Self {
        Self {
            w: self.w,
            x: -self.x,
            y: -self.y,
            z: -self.z,
        }
    }

    /// The rotation by a vector (rad), by its series: exact to 1e-7 for turns up to 1 rad, and of the right axis for
    /// longer ones. No sine, no cosine, no square root.
    #[inline(always)]
    pub fn exp(v: Vec3<R>) -> Self {
        // With h = |v|/2: cos h and sin h / h to the sixth order.
        let h2 = v.norm2() * R::of(0.25);
        let c =
            R::ONE - h2 * (R::of(1.0 / 2.0) - h2 * (R::of(1.0 / 24.0) - h2 * R::of(1.0 / 720.0)));
        let s =
            R::ONE - h2 * (R::of(1.0 / 6.0) - h2 * (R::of(1.0 / 120.0) - h2 * R::of(1.0 / 5040.0)));
        let k = s * R::of(0.5);
        Self {
            w: c,
            x: v.x * k,
            y: v.y * k,
            z: v.z * k,
        }
    }

    /// A share (0 to 1) of the rotation, about the same axis.
    pub fn partly(self, share: R) -> Self {
        // Linear between the identity and self: the axis is exact, the angle nearly, which a share needs no better.
        let (w, k) = if self.w < R::ZERO {
            (-self.w, -share)
        } else {
            (self.w, share)
        };
        Self {
            w: R::ONE + (w - R::ONE) * share,
            x: self.x * k,
            y: self.y * k,
            z: self.z * k,
        }
        .normalised()
    }

    /// Squared length.
    #[inline(always)]
    pub fn norm2(self) -> R {
        self.w * self.w + self.x * self.x + self.y * self.y + self.z * self.z
    }

    /// Back to unit length, to first order: for a quaternion that only rounding has moved from it.
    #[inline(always)]
    pub fn rounded_off(self) -> Self {
        self.scaled(R::of(1.5) - R::of(0.5) * self.norm2())
    }

    /// Back to unit length: to first order where that is enough, which a violent correction is not.
    #[inline(always)]
    pub fn renormalised(self) -> Self {
        let n2 = self.norm2();
        let off = n2 - R::ONE;
        self.scaled(if off * off < R::of(4e-4) {
            R::of(1.5) - R::of(0.5) * n2
        } else {
            inverse_root(n2)
        })
    }

    /// Back to unit length from any length; of the zero quaternion, the identity.
    pub fn normalised(self) -> Self {
        let n2 = self.norm2();
        if n2 > R::of(1e-30) {
            self.scaled(R::ONE / n2.sqrt())
        } else {
            Self::IDENTITY
        }
    }

    #[inline(always)]
    fn scaled(self, k: R) -> Self {
        Self {
            w: self.w * k,
            x: self.x * k,
            y: self.y * k,
            z: self.z * k,
        }
    }

    /// As a matrix.
    #[inline(always)]
    pub fn matrix(self) -> Matrix3<R> {
        let (x2, y2, z2) = (self.x + self.x, self.y + self.y, self.z + self.z);
        let (wx, wy, wz) = (self.w * x2, self.w * y2, self.w * z2);
        let (xx, xy, xz) = (self.x * x2, self.x * y2, self.x * z2);
        let (yy, yz, zz) = (self.y * y2, self.y * z2, self.z * z2);
        Matrix3 {
            x: Vec3::new(R::ONE - yy - zz, xy - wz, xz + wy),
            y: Vec3::new(xy + wz, R::ONE - xx - zz, yz - wx),
            z: Vec3::new(xz - wy, yz + wx, R::ONE - xx - yy),
        }
    }

    /// The shortest rotation that turns `from` to the direction of world z. `from` must not be zero; opposite to z, a
    /// half turn about x.
    pub fn raising(from: Vec3<R>) -> Self {
        let n = from.norm2().sqrt();
        let (x, y, z) = (from.x / n, from.y / n, from.z / n);
        let w = R::ONE + z;
        if w < R::of(1e-6) {
            return Self {
                w: R::ZERO,
                x: R::ONE,
                y: R::ZERO,
                z: R::ZERO,
            };
        }
        Self {
            w,
            x: y,
            y: -x,
            z: R::ZERO,
        }
        .normalised()
    }

    /// w x y z.
    pub fn to_array(self) -> [R; 4] {
        [self.w, self.x, self.y, self.z]
    }
}

/// Out of the way of every sample.
#[cold]
#[inline(never)]
fn inverse_root<R: Real>(n2: R) -> R {
    R::ONE / n2.sqrt()
}
