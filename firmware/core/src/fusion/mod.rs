//! Orientation from gyroscope and accelerometer.

mod block;
mod covariance;
mod parameters;
mod rest;

pub use parameters::{Parameters, RestParameters, Start};
pub use rest::Rest;

use block::{Block, Strapdown};
use covariance::{Column, Covariance, HEADING, ProcessNoise, TILT_X, TILT_Y, Transition, VELOCITY_X, VELOCITY_Y};
use rest::RestDetector;

use crate::quaternion::Quaternion;
use crate::real::Real;
use crate::vector::Vec3;

/// The filter.
#[derive(Clone, Debug)]
pub struct Filter<R> {
    k: Constants<R>,
    samples_per_step: u32,
    pub(crate) strapdown: Strapdown<R>,
    block: Block<R>,
    p: Covariance<R>,
    bias: Vec3<R>,
    scale: Vec3<R>,
    rest: RestDetector<R>,
    axis: usize,
    turned_in_place: R,
    pub debug: [R; 4],
}

#[derive(Clone, Copy, Debug)]
struct Constants<R> {
    gravity: R,
    velocity_noise2: R,
    tilt_walk2: R,
    tilt_turning2: R,
    bias_walk2: R,
    bias_turning2: R,
    heading_walk2: R,
    still_noise2: R,
    still_gate2: R,
    patience: R,
    worn2: R,
}

fn sq<R: Real>(x: f32) -> R {
    let x = R::of(f64::from(x));
    x * x
}

impl<R: Real> Filter<R> {
    pub fn new(p: &Parameters, rate_hz: f32, acc: Vec3<R>, gyr: Vec3<R>) -> Self {
        let s = &p.start;
        let mut slow = [R::ZERO; 6];
        for i in 0..3 {
            slow[i] = sq(s.bias[i]);
            slow[i + 3] = sq(s.scale[i]);
        }
        let fast = [sq(s.tilt), sq(s.tilt), sq(p.worn_heading), sq(s.velocity), sq(s.velocity)];
        Self {
            k: Constants {
                gravity: R::of(p.gravity as f64),
                velocity_noise2: sq(p.velocity_noise),
                tilt_walk2: sq(p.tilt_walk),
                tilt_turning2: sq(p.tilt_walk_turning),
                bias_walk2: sq(p.bias_walk),
                bias_turning2: sq(p.bias_walk_turning),
                heading_walk2: sq(p.heading_walk),
                still_noise2: sq(p.still_rate_noise),
                still_gate2: sq(p.still_gate),
                patience: R::of(p.still_patience as f64),
                worn2: sq(p.worn_heading),
            },
            samples_per_step: ((p.step * rate_hz + 0.5) as u32).max(1),
            strapdown: Strapdown::new(Quaternion::raising(acc), gyr, acc),
            block: Block::EMPTY,
            p: Covariance::diagonal(slow, fast),
            bias: Vec3::ZERO,
            scale: Vec3::ZERO,
            rest: RestDetector::new(&p.rest, gyr, acc),
            axis: 0,
            turned_in_place: R::ZERO,
            debug: [R::ZERO; 4],
        }
    }

    pub fn attitude(&self) -> Quaternion<R> {
        self.strapdown.attitude
    }
    pub fn bias(&self) -> Vec3<R> {
        self.bias
    }

    pub fn push(&mut self, acc: Vec3<R>, gyr: Vec3<R>, dt: R) {
        let u = gyr - self.bias;
        let w = u + u * self.scale;
        self.strapdown.push(&mut self.block, u, w, acc, dt);
        self.rest.push(gyr, acc, dt);
        if self.block.samples >= self.samples_per_step {
            self.step();
        }
    }

    fn step(&mut self) {
        let b = core::mem::replace(&mut self.block, Block::EMPTY);
        let t = b.duration;
        let m = &b.turned;
        let row = |a: Vec3<R>, s: Vec3<R>| [-a.x, -a.y, -a.z, s.x, s.y, s.z];
        let f = Transition { rows: [row(m.x, b.scaled_x), row(m.y, b.scaled_y), row(m.z, Vec3::ZERO)], fall: self.k.gravity * t };
        let turned = (b.rate2 * t).sqrt();
        let q = ProcessNoise {
            tilt: self.k.tilt_walk2 * t + self.k.tilt_turning2 * turned,
            bias: self.k.bias_walk2 * t + self.k.bias_turning2 * b.rate2,
            heading: self.k.heading_walk2 * t,
        };
        self.p.predict(&f, &q);
        let mut x = Column::ZERO;
        let r = self.k.velocity_noise2 / t;
        for (state, axis) in [(VELOCITY_X, 0), (VELOCITY_Y, 1)] {
            let c = self.p.fast_column(state);
            let inverse = R::ONE / (c.fast[state] + r);
            let innovation = -self.strapdown.velocity[axis] - x.fast[state];
            x.add_scaled(&c, innovation * inverse);
            self.p.downdate(&c, inverse);
        }
        let rest = self.rest.state();
        if rest == Rest::Still {
            self.still(&mut x, t);
        }
        if rest == Rest::Quiet {
            let c = self.p.fast_column(HEADING);
            let psi = self.strapdown.heading + x.fast[HEADING];
            if psi * psi > R::of(9.0) * (c.fast[HEADING] + self.k.worn2) {
                self.reset_heading(&mut x);
            } else {
                let inverse = R::ONE / (c.fast[HEADING] + R::of(3.0) * self.k.worn2 / t);
                x.add_scaled(&c, -psi * inverse);
                self.p.downdate(&c, inverse);
            }
        } else {
            self.reset_heading(&mut x);
        }
        self.apply(&x);
    }

    fn reset_heading(&mut self, x: &mut Column<R>) {
        self.strapdown.heading = R::ZERO;
        x.fast[HEADING] = R::ZERO;
        self.p.reset_fast(HEADING, self.k.worn2);
    }

    fn still(&mut self, x: &mut Column<R>, t: R) {
        let b = self.bias + Vec3::new(x.slow[0], x.slow[1], x.slow[2]);
        let e = self.rest.mean_rate() - b;
        let e2 = e.norm2();
        let trace = self.p.slow_variance(0) + self.p.slow_variance(1) + self.p.slow_variance(2);
        if e2 > self.k.still_gate2 + R::of(9.0) * trace {
            self.turned_in_place += e2.sqrt() * t;
            if self.turned_in_place < self.k.patience {
                return;
            }
            for i in 0..3 {
                self.p.widen_slow(i, e2);
            }
        }
        self.turned_in_place = R::ZERO;
        let noise = (self.rest.rate_variance() - self.k.still_gate2).most(R::ZERO) + self.k.still_noise2;
        let r = noise / (R::of(3.0) * t);
        self.axis = (self.axis + 1) % 3;
        let c = self.p.slow_column(self.axis);
        let inverse = R::ONE / (c.slow[self.axis] + r);
        x.add_scaled(&c, e.to_array()[self.axis] * inverse);
        self.p.downdate(&c, inverse);
    }

    fn apply(&mut self, x: &Column<R>) {
        let s = &mut self.strapdown;
        s.attitude = Quaternion::exp(Vec3::new(x.fast[TILT_X], x.fast[TILT_Y], R::ZERO)).times(s.attitude).renormalised();
        s.velocity[0] += x.fast[VELOCITY_X];
        s.velocity[1] += x.fast[VELOCITY_Y];
        s.heading += x.fast[HEADING];
        self.bias = self.bias + Vec3::new(x.slow[0], x.slow[1], x.slow[2]);
        self.scale = self.scale + Vec3::new(x.slow[3], x.slow[4], x.slow[5]);
    }
}
