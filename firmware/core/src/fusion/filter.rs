//! The error-state Kalman filter: what it knows, and its step in pieces of one sample each.
//!
//! Derivation, parameters and measurements: `docs/fusion.md`.

use super::block::{Block, Strapdown};
use super::covariance::{
    BIAS, Column, Covariance, FAST, HEADING, ProcessNoise, SLOW, TILT_X, TILT_Y, VELOCITY_X,
    VELOCITY_Y,
};
use super::parameters::Parameters;
use super::rest::{Rest, RestDetector};
use super::surprise::{Surprise, SurpriseWatch};
use crate::quaternion::Quaternion;
use crate::real::Real;
use crate::vector::Vec3;

/// Variances and limits, in the filter's own number.
#[derive(Clone, Copy, Debug)]
struct Constants<R> {
    velocity_noise2: R,
    tilt_walk2: R,
    tilt_turning2: R,
    bias_walk2: R,
    bias_turning2: R,
    heading_walk2: R,
    still_noise2: R,
    still_gate2: R,
    patience: R,
    worn_heading2: R,
    start_velocity2: R,
    start_tilt2: R,
    bias_jump2: R,
    free_velocity2: R,
    per_gravity: R,
}

/// Slow states that are the scale of an axis.
const SCALES: [usize; 3] = [BIAS, BIAS + 4, BIAS + 8];

/// The part of a filter step that is due with the next sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    TiltX,
    TiltY,
    Heading,
    DowndateX,
    DowndateY,
    Rest,
}

/// What the filter step in progress works on: the block that ended, where it ended, and what was measured there.
#[derive(Clone, Copy, Debug)]
struct Step<R> {
    stage: Stage,
    block: Block<R>,
    velocity: [R; 2],
    heading: R,
    columns: [Column<R>; 2],
    inverses: [R; 2],
    surprise: Surprise,
}

/// Orientation, gyroscope bias and gyroscope matrix from rate and specific force.
///
/// `R` is `f32` on the strap; `f64` tells what that costs.
#[derive(Clone, Debug)]
pub struct Filter<R> {
    k: Constants<R>,
    samples_per_step: u32,
    strapdown: Strapdown<R>,
    block: Block<R>,
    step: Step<R>,
    p: Covariance<R>,
    bias: Vec3<R>,
    mixing: [R; 9],
    rest: RestDetector<R>,
    surprise: SurpriseWatch<R>,
    axis: usize,
    turned_in_place: R,
}

fn of<R: Real>(x: f32) -> R {
    R::of(f64::from(x))
}

fn square<R: Real>(x: f32) -> R {
    of::<R>(x) * of(x)
}

impl<R: Real> Filter<R> {
    /// Aligned with the first sample: specific force (m/s², not zero) and rate (rad/s).
    pub fn new(p: &Parameters, rate_hz: f32, force: Vec3<R>, rate: Vec3<R>) -> Self {
        let s = &p.start;
        let mut slow = [square(s.misalignment); SLOW];
        for (variance, sd) in slow.iter_mut().zip(s.bias) {
            *variance = square(sd);
        }
        for diagonal in SCALES {
            slow[diagonal] = square(s.scale);
        }
        let k = Constants {
            velocity_noise2: square(p.velocity_noise),
            tilt_walk2: square(p.tilt_walk),
            tilt_turning2: square(p.tilt_walk_turning),
            bias_walk2: square(p.bias_walk),
            bias_turning2: square(p.bias_walk_turning),
            heading_walk2: square(p.heading_walk),
            still_noise2: square(p.still_rate_noise),
            still_gate2: square(p.still_gate),
            patience: of(p.still_patience),
            worn_heading2: square(p.worn_heading),
            start_velocity2: square(s.velocity),
            start_tilt2: square(s.tilt),
            bias_jump2: square(p.surprise.bias_jump),
            free_velocity2: square(p.surprise.velocity),
            per_gravity: R::ONE / of(p.gravity),
        };
        let tilt = k.alignment_variance(force);
        let fast = [
            tilt,
            tilt,
            k.worn_heading2,
            k.start_velocity2,
            k.start_velocity2,
        ];
        let mut covariance = Covariance::diagonal(slow, fast);
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let common = square::<R>(s.scale) * of(s.common_scale);
            covariance.correlate_slow(SCALES[one], SCALES[other], common);
        }
        Self {
            k,
            samples_per_step: ((p.step * rate_hz + 0.5) as u32).max(1),
            strapdown: Strapdown::new(Quaternion::raising(force), rate, force),
            block: Block::EMPTY,
            step: Step {
                stage: Stage::Idle,
                block: Block::EMPTY,
                velocity: [R::ZERO; 2],
                heading: R::ZERO,
                columns: [Column::ZERO; 2],
                inverses: [R::ZERO; 2],
                surprise: Surprise::None,
            },
            p: covariance,
            bias: Vec3::ZERO,
            mixing: [R::ZERO; 9],
            rest: RestDetector::new(&p.rest, rate, force),
            surprise: SurpriseWatch::new(&p.surprise),
            axis: 0,
            turned_in_place: R::ZERO,
        }
    }

    /// Orientation after the last sample, sensor to world.
    pub fn attitude(&self) -> Quaternion<R> {
        self.strapdown.attitude
    }

    /// Gyroscope bias, rad/s.
    pub fn bias(&self) -> Vec3<R> {
        self.bias
    }

    /// Standard deviations of the gyroscope bias, rad/s.
    pub fn bias_deviation(&self) -> Vec3<R> {
        let sd = |i| self.p.slow_variance(i).most(R::ZERO).sqrt();
        Vec3::new(sd(0), sd(1), sd(2))
    }

    /// Error of the gyroscope's matrix, row by row: true rate = (1 + it) (rate - bias).
    pub fn mixing(&self) -> [R; 9] {
        self.mixing
    }

    /// What the sensor's surroundings do.
    pub fn rest(&self) -> Rest {
        self.rest.state()
    }

    /// One sample: specific force (m/s²) and rate (rad/s), means over the `dt` (s) that end now.
    #[inline(never)]
    pub fn push(&mut self, force: Vec3<R>, rate: Vec3<R>, dt: R) {
        let u = rate - self.bias;
        let m = &self.mixing;
        let w = Vec3::new(
            u.x + m[0] * u.x + m[1] * u.y + m[2] * u.z,
            u.y + m[3] * u.x + m[4] * u.y + m[5] * u.z,
            u.z + m[6] * u.x + m[7] * u.y + m[8] * u.z,
        );
        self.strapdown.push(&mut self.block, u, w, force, dt);
        self.rest.push(rate, force, dt);
        if self.block.samples >= self.samples_per_step {
            self.begin_step();
        } else {
            self.advance();
        }
    }

    /// Goes on after `missing` seconds (s) in which the sensor may have turned by some `turn` (rad), up to the sample that is
    /// about to be pushed. The attitude stays as it was; after more than a small turn the accelerometer rights the tilt.
    pub fn resume(&mut self, force: Vec3<R>, rate: Vec3<R>, missing: R, turn: R) {
        self.begin_step();
        while self.step.stage != Stage::Idle {
            self.advance();
        }
        let known = self
            .p
            .fast_variance(TILT_X)
            .most(self.p.fast_variance(TILT_Y));
        let turn = turn.least(R::of(1.5));
        let before = known + turn * turn;
        // One reading of a moving accelerometer shows up badly; a small turn is better left to the velocity.
        let share = if turn > R::of(0.6) {
            before / (before + self.k.alignment_variance(force))
        } else {
            R::ZERO
        };
        let s = &mut self.strapdown;
        let shown = s.attitude.matrix().rotate(force);
        s.attitude = Quaternion::raising(shown)
            .partly(share)
            .times(s.attitude)
            .normalised();
        s.velocity = [R::ZERO; 2];
        s.heading = R::ZERO;
        s.resume(rate, force);
        let tilt = (R::ONE - share) * before;
        let k = &self.k;
        let variances = [
            tilt,
            tilt,
            k.worn_heading2,
            k.start_velocity2,
            k.start_velocity2,
        ];
        for (state, variance) in variances.into_iter().enumerate() {
            self.p.reset_fast(state, variance);
        }
        for i in 0..BIAS {
            self.p
                .widen_slow(i, k.bias_walk2 * missing.least(R::of(3600.0)));
        }
        self.rest.restart(rate, force);
        self.surprise.restart();
        self.turned_in_place = R::ZERO;
    }

    /// A sample whose acceleration is worthless: it turns, and gravity is taken to be all there was.
    pub fn push_without_force(&mut self, rate: Vec3<R>, dt: R) {
        let up = self.strapdown.attitude.matrix().z;
        self.push(up.scale(R::ONE / self.k.per_gravity), rate, dt);
        // It may have been anything the sensor cannot show: some 8 g.
        let unknown = R::of(80.0) * dt;
        self.p.widen_fast(VELOCITY_X, unknown * unknown);
        self.p.widen_fast(VELOCITY_Y, unknown * unknown);
    }

    /// The block is full: finish what is left of the step before, then measure with this one.
    #[inline(never)]
    fn begin_step(&mut self) {
        while self.step.stage != Stage::Idle {
            self.advance();
        }
        if self.block.samples == 0 {
            return;
        }
        self.step.block = self.block;
        self.step.velocity = self.strapdown.velocity;
        self.step.heading = self.strapdown.heading;
        self.step.stage = Stage::TiltX;
        self.block = Block::EMPTY;
        self.measure_velocity();
    }

    /// The next piece of the filter step. All of them belong to the end of the block, wherever the strapdown is by now:
    /// `apply` carries corrections on to the present.
    #[inline(never)]
    fn advance(&mut self) {
        let b = &self.step.block;
        self.step.stage = match self.step.stage {
            Stage::Idle => Stage::Idle,
            Stage::TiltX => {
                self.p.predict_angle(TILT_X, &row(b.turned.x, &b.mixed_x));
                Stage::TiltY
            }
            Stage::TiltY => {
                self.p.predict_angle(TILT_Y, &row(b.turned.y, &b.mixed_y));
                Stage::Heading
            }
            Stage::Heading => {
                self.p.predict_angle(HEADING, &bias_row(b.turned.z));
                self.add_noise();
                Stage::DowndateX
            }
            Stage::DowndateX => {
                self.p
                    .downdate(&self.step.columns[0], self.step.inverses[0]);
                Stage::DowndateY
            }
            Stage::DowndateY => {
                self.p
                    .downdate(&self.step.columns[1], self.step.inverses[1]);
                self.heed_surprise();
                Stage::Rest
            }
            Stage::Rest => {
                self.observe_rest();
                Stage::Idle
            }
        };
    }

    fn add_noise(&mut self) {
        let (b, k) = (&self.step.block, &self.k);
        let t = b.duration;
        let angle = (b.rate2 * t).sqrt();
        self.p.add(&ProcessNoise {
            tilt: k.tilt_walk2 * t + k.tilt_turning2 * angle,
            bias: k.bias_walk2 * t + k.bias_turning2 * b.rate2,
            heading: k.heading_walk2 * t,
        });
    }

    /// The body stays where it is: both components of the velocity are zero, one after the other.
    ///
    /// Their columns of the covariance need only the cheap part of its prediction, so the correction is made at once; what it
    /// leaves of the covariance is worked out with the samples that follow.
    fn measure_velocity(&mut self) {
        let b = &self.step.block;
        let noise = self.k.velocity_noise2 / b.duration;
        self.p.predict_velocity(b.lift);
        self.p.couple_velocity(TILT_X, &row(b.turned.x, &b.mixed_x));
        self.p.couple_velocity(TILT_Y, &row(b.turned.y, &b.mixed_y));
        self.p.couple_velocity(HEADING, &bias_row(b.turned.z));
        let x = self.p.fast_column(VELOCITY_X);
        let inverse_x = R::ONE / (x.fast[VELOCITY_X] + noise);
        let [vx, vy] = self.step.velocity;
        let gain_x = -vx * inverse_x;
        let y =
            self.p
                .fast_column(VELOCITY_Y)
                .combined(R::ONE, &x, -x.fast[VELOCITY_Y] * inverse_x);
        let inverse_y = R::ONE / (y.fast[VELOCITY_Y] + noise);
        let left = -vy - x.fast[VELOCITY_Y] * gain_x;
        let gain_y = left * inverse_y;
        let t = b.duration;
        self.step.columns = [x, y];
        self.step.inverses = [inverse_x, inverse_y];
        self.step.surprise = self
            .surprise
            .push([-vx, left], inverse_y, t, self.strapdown.attitude);
        self.apply(&x.combined(gain_x, &y, gain_y));
    }

    fn heed_surprise(&mut self) {
        match self.step.surprise {
            Surprise::None => {}
            Surprise::Velocity => {
                for (state, axis) in [(VELOCITY_X, 0), (VELOCITY_Y, 1)] {
                    self.p.reset_fast(state, self.k.free_velocity2);
                    self.strapdown.velocity[axis] -= self.step.velocity[axis];
                }
            }
            Surprise::Bias => {
                for i in 0..BIAS {
                    self.p.widen_slow(i, self.k.bias_jump2);
                }
            }
        }
    }

    fn observe_rest(&mut self) {
        match self.rest.state() {
            Rest::Moving => self.reset_heading(),
            Rest::Still => {
                self.reset_heading();
                self.measure_bias();
            }
            Rest::Quiet => self.measure_heading(),
        }
    }

    fn reset_heading(&mut self) {
        self.strapdown.heading -= self.step.heading;
        self.p.reset_fast(HEADING, self.k.worn_heading2);
    }

    /// A quiet seated person faces one way: the heading is zero, within limits. Never the rate: that would be their sway.
    fn measure_heading(&mut self) {
        let c = self.p.fast_column(HEADING);
        let (heading, variance) = (self.step.heading, c.fast[HEADING]);
        if heading * heading > R::of(9.0) * (variance + self.k.worn_heading2) {
            self.reset_heading();
            return;
        }
        let noise = R::of(3.0) * self.k.worn_heading2 / self.step.block.duration;
        let inverse = R::ONE / (variance + noise);
        self.p.downdate(&c, inverse);
        self.apply(&c.scaled(-heading * inverse));
    }

    /// On something firm the mean rate is bias, one axis a step; unless it is too unlikely for one: then a slow turn.
    fn measure_bias(&mut self) {
        let t = self.step.block.duration;
        let e = self.rest.mean_rate() - self.bias;
        let e2 = e.norm2();
        let trace = self.p.slow_variance(0) + self.p.slow_variance(1) + self.p.slow_variance(2);
        if e2 > self.k.still_gate2 + R::of(9.0) * trace {
            self.turned_in_place += e2.sqrt() * t;
            if self.turned_in_place < self.k.patience {
                return;
            }
            for i in 0..BIAS {
                self.p.widen_slow(i, e2);
            }
        }
        self.turned_in_place = R::ZERO;
        self.axis = if self.axis == 2 { 0 } else { self.axis + 1 };
        let restless = (self.rest.rate_variance() - self.k.still_gate2).most(R::ZERO);
        let c = self.p.bias_column(self.axis);
        let inverse =
            R::ONE / (c.slow[self.axis] + (restless + self.k.still_noise2) / (R::of(3.0) * t));
        self.p.downdate(&c, inverse);
        self.apply(&c.scaled(e.to_array()[self.axis] * inverse));
    }

    /// Adds a correction, which belongs to the end of the block, to the present: what it does to bias and matrix has turned
    /// the attitude since, and what it does to the tilt has made velocity.
    fn apply(&mut self, correction: &Column<R>) {
        let (slow, fast) = (&correction.slow, &correction.fast);
        self.step.velocity[0] += fast[VELOCITY_X];
        self.step.velocity[1] += fast[VELOCITY_Y];
        self.step.heading += fast[HEADING];
        let b = &self.block;
        let bias = Vec3::new(slow[0], slow[1], slow[2]);
        let mut tilt = [
            fast[TILT_X] - b.turned.x.dot(bias),
            fast[TILT_Y] - b.turned.y.dot(bias),
        ];
        for (i, dm) in slow[BIAS..].iter().enumerate() {
            tilt[0] += b.mixed_x[i] * *dm;
            tilt[1] += b.mixed_y[i] * *dm;
            self.mixing[i] += *dm;
        }
        self.bias = self.bias + bias;
        let s = &mut self.strapdown;
        s.attitude = Quaternion::exp(Vec3::new(tilt[0], tilt[1], R::ZERO))
            .times(s.attitude)
            .renormalised();
        s.velocity[0] += fast[VELOCITY_X] + b.lift * fast[TILT_Y];
        s.velocity[1] += fast[VELOCITY_Y] - b.lift * fast[TILT_X];
        s.heading += fast[HEADING] - b.turned.z.dot(bias);
    }
}

impl<R: Real> Constants<R> {
    /// Variance of a tilt read off an accelerometer: the more its length differs from gravity, the less it shows it.
    fn alignment_variance(&self, force: Vec3<R>) -> R {
        let excess = force.norm2().sqrt() * self.per_gravity - R::ONE;
        self.start_tilt2 + excess * excess
    }
}

/// d(heading) / d(bias): the matrix hardly matters for the heading of somebody quiet.
#[inline(always)]
fn bias_row<R: Real>(turned: Vec3<R>) -> [R; BIAS] {
    [-turned.x, -turned.y, -turned.z]
}

/// d(angle) / d(bias, matrix).
#[inline(always)]
fn row<R: Real>(turned: Vec3<R>, mixed: &[R; 9]) -> [R; SLOW] {
    let mut g = [R::ZERO; SLOW];
    for (cell, x) in g.iter_mut().zip(turned.to_array()) {
        *cell = -x;
    }
    g[BIAS..].copy_from_slice(mixed);
    g
}

const _: () = assert!(SLOW == BIAS + 9 && FAST == 5);
