//! The strapdown integration between two filter steps, and the sums a filter step needs.

use crate::quaternion::{Matrix3, Quaternion};
use crate::real::Real;
use crate::vector::Vec3;

/// Sums over the samples of one filter step.
#[derive(Clone, Copy, Debug)]
pub struct Block<R> {
    /// Samples so far.
    pub samples: u32,
    /// Duration, s.
    pub duration: R,
    /// Σ dt R: how a bias becomes a rotation of the world.
    pub turned: Matrix3<R>,
    /// Σ dt R_xj u_k, at 3 j + k: how an error of the gyroscope's matrix tilts about world x.
    pub mixed_x: [R; 9],
    /// The same about world y.
    pub mixed_y: [R; 9],
    /// Σ dt f_z: the vertical velocity a free body would have gained, m/s; turned into horizontal velocity by a tilt.
    pub lift: R,
    /// Σ dt |w|².
    pub rate2: R,
}

impl<R: Real> Block<R> {
    /// Nothing summed.
    pub const EMPTY: Self = Self {
        samples: 0,
        duration: R::ZERO,
        turned: Matrix3::ZERO,
        mixed_x: [R::ZERO; 9],
        mixed_y: [R::ZERO; 9],
        lift: R::ZERO,
        rate2: R::ZERO,
    };
}

/// Orientation, velocity and heading, carried on from sample to sample.
#[derive(Clone, Copy, Debug)]
pub struct Strapdown<R> {
    /// Sensor to world.
    pub attitude: Quaternion<R>,
    /// Horizontal velocity, m/s.
    pub velocity: [R; 2],
    /// Turn about world z since the heading was last set to zero, rad.
    pub heading: R,
    rate: Vec3<R>,
    force: Vec3<R>,
}

impl<R: Real> Strapdown<R> {
    /// At rest in the given attitude, after a sample with this rate and force.
    pub fn new(attitude: Quaternion<R>, rate: Vec3<R>, force: Vec3<R>) -> Self {
        Self {
            attitude,
            velocity: [R::ZERO; 2],
            heading: R::ZERO,
            rate,
            force,
        }
    }

    /// Goes on after a gap: nothing is known of the sample before, so it is taken to have been like this one.
    pub fn resume(&mut self, rate: Vec3<R>, force: Vec3<R>) {
        self.rate = rate;
        self.force = force;
    }

    /// One sample: `u` is the rate less its bias, `w` that times one plus the scale error (rad/s), `force` the specific
    /// force (m/s²), both means over the `dt` (s) that end now.
    ///
    /// Coning and sculling to second order from two neighbouring samples: Savage, "Strapdown Inertial Navigation
    /// Integration Algorithm Design", J. Guidance 21 (1998), parts 1 and 2.
    #[inline(always)]
    pub fn push(&mut self, block: &mut Block<R>, u: Vec3<R>, w: Vec3<R>, force: Vec3<R>, dt: R) {
        let twelfth = dt * R::of(1.0 / 12.0);
        let half_turn = (w.scale(dt) + self.rate.cross(w).scale(twelfth * dt)).scale(R::of(0.5));
        self.attitude = self
            .attitude
            .times(Quaternion::exp(half_turn.scale(R::of(2.0))))
            .rounded_off();
        // The force, seen from the end of the interval instead of its middle.
        let f = force + (self.rate.cross(force) + self.force.cross(w)).scale(twelfth);
        let h = f.cross(half_turn);
        let f = f + h + h.cross(half_turn).scale(R::of(0.5));
        let m = self.attitude.matrix();
        self.velocity[0] += dt * m.x.dot(f);
        self.velocity[1] += dt * m.y.dot(f);
        self.heading += dt * m.z.dot(w);
        self.rate = w;
        self.force = force;
        let b = block;
        b.samples += 1;
        b.duration += dt;
        let (x, y) = (m.x.scale(dt), m.y.scale(dt));
        b.turned = Matrix3 {
            x: b.turned.x + x,
            y: b.turned.y + y,
            z: b.turned.z + m.z.scale(dt),
        };
        mix(&mut b.mixed_x, x, u);
        mix(&mut b.mixed_y, y, u);
        b.lift += dt * m.z.dot(f);
        b.rate2 += dt * w.norm2();
    }
}

/// `sum` += outer product of `x` and `u`.
#[inline(always)]
fn mix<R: Real>(sum: &mut [R; 9], x: Vec3<R>, u: Vec3<R>) {
    for (row, xj) in sum.chunks_exact_mut(3).zip(x.to_array()) {
        for (cell, uk) in row.iter_mut().zip(u.to_array()) {
            *cell += xj * uk;
        }
    }
}
