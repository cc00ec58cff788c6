//! Is the strap on a table, on a quiet person, or moving?

use super::parameters::RestParameters;
use crate::real::Real;
use crate::vector::Vec3;

/// What the sensor's surroundings do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Anything else.
    Moving,
    /// Slow enough for a seated person: breathing and sway. Rates here are motion and may not be taken for bias.
    Quiet,
    /// On something firm: the mean rate is bias, if it is not a very even turn.
    Still,
}

/// Running means and variances of rate and acceleration.
#[derive(Clone, Copy, Debug)]
pub struct RestDetector<R> {
    rate: Vec3<R>,
    acceleration: Vec3<R>,
    rate_variance: R,
    acceleration_variance: R,
    quiet_for: R,
    limit: Limits<R>,
}

#[derive(Clone, Copy, Debug)]
struct Limits<R> {
    per_mean_time: R,
    per_variance_time: R,
    quiet_rate2: R,
    quiet_acceleration2: R,
    quiet_time: R,
    still_rate2: R,
    still_acceleration2: R,
}

impl<R: Real> RestDetector<R> {
    /// Starts as moving, with its means at the first reading.
    pub fn new(p: &RestParameters, rate: Vec3<R>, acceleration: Vec3<R>) -> Self {
        let of = |x: f32| R::of(f64::from(x));
        let still_rate2 = of(p.still_rate) * of(p.still_rate);
        let still_acceleration2 = of(p.still_acceleration) * of(p.still_acceleration);
        Self {
            rate,
            acceleration,
            rate_variance: R::of(4.0) * still_rate2,
            acceleration_variance: R::of(4.0) * still_acceleration2,
            quiet_for: R::ZERO,
            limit: Limits {
                per_mean_time: R::ONE / of(p.mean_time),
                per_variance_time: R::ONE / of(p.variance_time),
                quiet_rate2: of(p.quiet_rate) * of(p.quiet_rate),
                quiet_acceleration2: of(p.quiet_acceleration) * of(p.quiet_acceleration),
                quiet_time: of(p.quiet_time),
                still_rate2,
                still_acceleration2,
            },
        }
    }

    /// The means begin again at this reading, as moving.
    pub fn restart(&mut self, rate: Vec3<R>, acceleration: Vec3<R>) {
        self.rate = rate;
        self.acceleration = acceleration;
        self.quiet_for = R::ZERO;
    }

    /// One sample: rate (rad/s), specific force (m/s²), duration (s).
    #[inline(always)]
    pub fn push(&mut self, rate: Vec3<R>, acceleration: Vec3<R>, dt: R) {
        let l = &self.limit;
        let k = (dt * l.per_mean_time).least(R::ONE);
        let by = rate - self.rate;
        self.rate = self.rate + by.scale(k);
        let by_acc = acceleration - self.acceleration;
        self.acceleration = self.acceleration + by_acc.scale(k);
        // What is left of the deviation after the mean has moved towards it.
        let left = (R::ONE - k) * (R::ONE - k);
        let (dev, dev_acc) = (by.norm2() * left, by_acc.norm2() * left);
        if dev < l.quiet_rate2 && dev_acc < l.quiet_acceleration2 {
            self.quiet_for = (self.quiet_for + dt).least(l.quiet_time);
        } else {
            self.quiet_for = R::ZERO;
        }
        // Held below four times the limit, or the memory of a movement would delay "still" by many seconds.
        let m = (dt * l.per_variance_time).least(R::ONE);
        let four = R::of(4.0);
        self.rate_variance =
            (self.rate_variance + (dev - self.rate_variance) * m).least(four * l.still_rate2);
        self.acceleration_variance = (self.acceleration_variance
            + (dev_acc - self.acceleration_variance) * m)
            .least(four * l.still_acceleration2);
    }

    /// The verdict after the last sample.
    #[inline(always)]
    pub fn state(&self) -> Rest {
        if self.quiet_for < self.limit.quiet_time {
            Rest::Moving
        } else if self.rate_variance < self.limit.still_rate2
            && self.acceleration_variance < self.limit.still_acceleration2
        {
            Rest::Still
        } else {
            Rest::Quiet
        }
    }

    /// Running mean of the rate, rad/s.
    #[inline(always)]
    pub fn mean_rate(&self) -> Vec3<R> {
        self.rate
    }

    /// Running variance of the rate, summed over the axes, (rad/s)².
    #[inline(always)]
    pub fn rate_variance(&self) -> R {
        self.rate_variance
    }
}
