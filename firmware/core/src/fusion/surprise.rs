//! Two ways in which a velocity can refuse to return to zero, and how they are told apart.
//!
//! A person who starts, stops or turns a corner while walking changes their velocity once, each time in another
//! direction of their own body. A gyroscope bias that jumped tilts the horizon steadily about one axis of the sensor: the
//! velocity runs off that way again and again. So the first surprise restarts the velocity; only surprises that agree
//! about their axis in the sensor's frame reopen the bias.

use super::parameters::SurpriseParameters;
use crate::quaternion::Quaternion;
use crate::real::Real;
use crate::vector::Vec3;

/// What an unlikely run of innovations means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surprise {
    /// Nothing unlikely.
    None,
    /// The velocity changed: nothing is known of it.
    Velocity,
    /// The bias changed.
    Bias,
}

/// Running mean of the innovations, and the axes of the last surprises.
#[derive(Clone, Copy, Debug)]
pub struct SurpriseWatch<R> {
    mean: [R; 2],
    axes: Vec3<R>,
    per_mean_time: R,
    per_direction_time: R,
    threshold2: R,
    agreement2: R,
}

impl<R: Real> SurpriseWatch<R> {
    /// Nothing seen yet.
    pub fn new(p: &SurpriseParameters) -> Self {
        let of = |x: f32| R::of(f64::from(x));
        Self {
            mean: [R::ZERO; 2],
            axes: Vec3::ZERO,
            per_mean_time: R::ONE / of(p.mean_time),
            per_direction_time: R::ONE / of(p.direction_time),
            threshold2: of(p.threshold) * of(p.threshold),
            agreement2: of(p.agreement) * of(p.agreement),
        }
    }

    /// Nothing seen, as after a gap.
    pub fn restart(&mut self) {
        self.mean = [R::ZERO; 2];
        self.axes = Vec3::ZERO;
    }

    /// One step's innovations (m/s), the inverse of their variance, the step's duration (s) and the attitude.
    #[inline(always)]
    pub fn push(
        &mut self,
        innovations: [R; 2],
        inverse: R,
        t: R,
        attitude: Quaternion<R>,
    ) -> Surprise {
        let k = (t * self.per_mean_time).least(R::ONE);
        for (mean, innovation) in self.mean.iter_mut().zip(innovations) {
            *mean += (innovation - *mean) * k;
        }
        self.axes = self
            .axes
            .scale(R::ONE - (t * self.per_direction_time).least(R::ONE));
        let [x, y] = self.mean;
        let length2 = x * x + y * y;
        // A first-order mean of white noise has k / (2 - k) of its variance.
        if length2 * inverse * (R::of(2.0) - k) <= self.threshold2 * k {
            return Surprise::None;
        }
        let attitude = attitude.matrix();
        // Velocity along (x, y) comes from a tilt about (-y, x); the sign is the same for all.
        let one = R::ONE / length2.sqrt();
        self.axes = self.axes + attitude.x.scale(y * one) - attitude.y.scale(x * one);
        self.mean = [R::ZERO; 2];
        if self.axes.norm2() > self.agreement2 {
            Surprise::Bias
        } else {
            Surprise::Velocity
        }
    }
}
