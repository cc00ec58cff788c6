//! Vectors of three.

use core::ops::{Add, Mul, Sub};

use crate::real::Real;

/// Three components, in the frame the context names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vec3<R> {
    /// First component.
    pub x: R,
    /// Second component.
    pub y: R,
    /// Third component.
    pub z: R,
}

impl<R: Real> Vec3<R> {
    /// The zero vector.
    pub const ZERO: Self = Self {
        x: R::ZERO,
        y: R::ZERO,
        z: R::ZERO,
    };

    /// From its components.
    #[inline(always)]
    pub fn new(x: R, y: R, z: R) -> Self {
        Self { x, y, z }
    }

    /// From an array of `f32`, as sensors deliver it.
    #[inline(always)]
    pub fn from_f32(v: [f32; 3]) -> Self {
        Self {
            x: R::of(f64::from(v[0])),
            y: R::of(f64::from(v[1])),
            z: R::of(f64::from(v[2])),
        }
    }

    /// As an array.
    #[inline(always)]
    pub fn to_array(self) -> [R; 3] {
        [self.x, self.y, self.z]
    }

    /// Times a number.
    #[inline(always)]
    pub fn scale(self, k: R) -> Self {
        Self {
            x: self.x * k,
            y: self.y * k,
            z: self.z * k,
        }
    }

    /// Inner product.
    #[inline(always)]
    pub fn dot(self, o: Self) -> R {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    /// Squared length.
    #[inline(always)]
    pub fn norm2(self) -> R {
        self.dot(self)
    }

    /// Cross product.
    #[inline(always)]
    pub fn cross(self, o: Self) -> Self {
        Self {
            x: self.y * o.z - self.z * o.y,
            y: self.z * o.x - self.x * o.z,
            z: self.x * o.y - self.y * o.x,
        }
    }

    /// All components finite.
    #[inline(always)]
    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite() && self.z.is_finite()
    }

    /// Largest magnitude of a component.
    #[inline(always)]
    pub fn peak(self) -> R {
        self.x.abs().most(self.y.abs()).most(self.z.abs())
    }
}

impl<R: Real> Add for Vec3<R> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Self {
            x: self.x + o.x,
            y: self.y + o.y,
            z: self.z + o.z,
        }
    }
}

impl<R: Real> Sub for Vec3<R> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Self {
            x: self.x - o.x,
            y: self.y - o.y,
            z: self.z - o.z,
        }
    }
}

/// Component by component.
impl<R: Real> Mul for Vec3<R> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        Self {
            x: self.x * o.x,
            y: self.y * o.y,
            z: self.z * o.z,
        }
    }
}
