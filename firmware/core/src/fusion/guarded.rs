//! The filter behind a guard: what a sensor delivers when it is not well is told and never integrated.

use super::filter::Filter;
use super::parameters::Parameters;
use super::rest::Rest;
use crate::quaternion::Quaternion;
use crate::real::Real;
use crate::sample::ImuSample;
use crate::vector::Vec3;

/// What was wrong with a sample; bits, none of them when all was well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u8);

impl Faults {
    /// Nothing wrong.
    pub const NONE: Self = Self(0);
    /// Not a number, or infinite: not integrated.
    pub const NOT_FINITE: Self = Self(1);
    /// The gyroscope was at the end of its range, or turned too far within a sample: not integrated.
    pub const RATE_SATURATED: Self = Self(2);
    /// The accelerometer was at the end of its range: turned, but its acceleration not integrated.
    pub const FORCE_SATURATED: Self = Self(4);
    /// The sensor repeats one reading, bit for bit, where its noise used to change every one: not integrated.
    pub const STUCK: Self = Self(8);
    /// Samples are missing before this one; the orientation held still meanwhile.
    pub const GAP: Self = Self(16);
    /// No orientation yet: nothing that shows gravity has come.
    pub const NOT_ALIGNED: Self = Self(32);
    /// Its time does not follow the sample before: not integrated.
    pub const TIME: Self = Self(64);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is wrong.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Readings from which on a sensor is at the end of its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Of an axis of the gyroscope, rad/s.
    pub rate: f32,
    /// Of an axis of the accelerometer, m/s².
    pub force: f32,
}

impl Default for Limits {
    /// 2000 deg/s and 16 g: the widest ranges of consumer sensors.
    fn default() -> Self {
        Self {
            rate: 34.9,
            force: 156.9,
        }
    }
}

/// An orientation and how much is behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fused<R> {
    /// Sensor to world.
    pub attitude: Quaternion<R>,
    /// What was wrong with the sample.
    pub faults: Faults,
}

/// Longer than this many sample periods since the sample before: something is missing. Jitter stays below.
const GAP_PERIODS: f32 = 1.75;
/// Samples that must differ one after the other before a repetition is suspicious: exact input from a table or a
/// simulator repeats by nature.
const LIVELY: u32 = 100;
/// Repetitions that noise may make; further ones wait for the verdict before they are integrated.
const REPEATS: u32 = 3;
/// A sensor that repeats itself for this long is stuck, s.
const STUCK_AFTER: f32 = 0.25;
/// Largest turn within a sample, rad: beyond it one sample does not tell where it went.
const MOST_TURN: f64 = 2.5;
/// Least acceleration that shows where up is, m/s².
const LEAST_FORCE: f32 = 2.0;

/// Orientation from samples that may be anything.
#[derive(Clone, Debug)]
pub struct Fusion<R> {
    parameters: Parameters,
    limits: Limits,
    rate_hz: f32,
    period: f32,
    filter: Option<Filter<R>>,
    last: Option<ImuSample>,
    differing: u32,
    repeats: u32,
    waiting: R,
    missing: R,
    turn: R,
}

impl<R: Real> Fusion<R> {
    /// For samples at `rate_hz` (10 to 1000), give or take jitter.
    pub fn new(parameters: Parameters, limits: Limits, rate_hz: f32) -> Self {
        let rate_hz = rate_hz.clamp(10.0, 1000.0);
        Self {
            parameters,
            limits,
            rate_hz,
            period: 1.0 / rate_hz,
            filter: None,
            last: None,
            differing: 0,
            repeats: 0,
            waiting: R::ZERO,
            missing: R::ZERO,
            turn: R::ZERO,
        }
    }

    /// The filter, once there was a sample to align it with.
    pub fn filter(&self) -> Option<&Filter<R>> {
        self.filter.as_ref()
    }

    /// One sample; `dt` is the time since the one before, s (of the first one, its own duration).
    pub fn push(&mut self, sample: &ImuSample, dt: f32) -> Fused<R> {
        let faults = self.take(sample, dt);
        let attitude = self
            .filter
            .as_ref()
            .map_or(Quaternion::IDENTITY, Filter::attitude);
        let unaligned = if self.filter.is_none() {
            Faults::NOT_ALIGNED
        } else {
            Faults::NONE
        };
        Fused {
            attitude,
            faults: faults.and(unaligned),
        }
    }

    fn take(&mut self, sample: &ImuSample, dt: f32) -> Faults {
        if !dt.is_finite() || dt <= 0.0 {
            return Faults::TIME;
        }
        let mut faults = Faults::NONE;
        let mut dt = dt;
        if dt > GAP_PERIODS * self.period {
            faults = Faults::GAP;
            self.lose(dt - self.period, None);
            dt = self.period;
        }
        let (force, rate) = (
            Vec3::<R>::from_f32(sample.acc),
            Vec3::<R>::from_f32(sample.gyr),
        );
        if !(force.is_finite() && rate.is_finite()) {
            self.lose(dt, None);
            return faults.and(Faults::NOT_FINITE);
        }
        if self.repeats(sample, dt) {
            let stuck = self.repeats as f32 * self.period > STUCK_AFTER;
            if stuck {
                self.lose_waiting();
            }
            return faults.and(if stuck { Faults::STUCK } else { Faults::NONE });
        }
        let turn = rate.scale(R::of(f64::from(dt)));
        if rate.peak() >= R::of(f64::from(self.limits.rate))
            || turn.norm2() > R::of(MOST_TURN * MOST_TURN)
        {
            self.lose(dt, Some(self.limits.rate));
            return faults.and(Faults::RATE_SATURATED);
        }
        let saturated = force.peak() >= R::of(f64::from(self.limits.force));
        let Some(filter) = &mut self.filter else {
            let least = R::of(f64::from(LEAST_FORCE));
            if !saturated && force.norm2() > least * least {
                self.filter = Some(Filter::new(&self.parameters, self.rate_hz, force, rate));
            }
            (self.missing, self.turn, self.waiting) = (R::ZERO, R::ZERO, R::ZERO);
            return if saturated {
                faults.and(Faults::FORCE_SATURATED)
            } else {
                faults
            };
        };
        if saturated {
            filter.push_without_force(rate, R::of(f64::from(dt)));
            return faults.and(Faults::FORCE_SATURATED);
        }
        if self.missing > R::ZERO {
            filter.resume(force, rate, self.missing, self.turn);
            (self.missing, self.turn) = (R::ZERO, R::ZERO);
        }
        // Readings that repeated by chance are integrated with the one that ends the row.
        filter.push(force, rate, R::of(f64::from(dt)) + self.waiting);
        self.waiting = R::ZERO;
        faults
    }

    /// Counts repetitions; true while a reading has to wait because it may be one of a stuck sensor.
    fn repeats(&mut self, sample: &ImuSample, dt: f32) -> bool {
        let same = self.last.as_ref() == Some(sample);
        self.last = Some(*sample);
        if !same {
            self.differing = self.differing.saturating_add(1);
            self.repeats = 0;
            return false;
        }
        self.repeats = self.repeats.saturating_add(1);
        if self.repeats < REPEATS {
            return false;
        }
        if self.differing < LIVELY {
            self.differing = 0;
            return false;
        }
        self.waiting += R::of(f64::from(dt));
        true
    }

    /// `dt` seconds of which nothing is known but, perhaps, how fast it turned at least.
    fn lose(&mut self, dt: f32, pace: Option<f32>) {
        let dt = R::of(f64::from(dt));
        let pace = pace.map_or_else(|| self.pace(), |rate| R::of(f64::from(rate)));
        self.missing += dt;
        self.turn += pace * dt;
    }

    fn lose_waiting(&mut self) {
        self.missing += self.waiting;
        self.turn += self.pace() * self.waiting;
        self.waiting = R::ZERO;
    }

    /// How fast the wearer may be turning unseen, rad/s.
    fn pace(&self) -> R {
        let moving = self
            .filter
            .as_ref()
            .is_none_or(|filter| filter.rest() == Rest::Moving);
        if moving { R::ONE } else { R::of(0.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: f32 = 52.0;
    const DT: f32 = 1.0 / HZ;

    fn noisy(k: u32, rate: [f32; 3]) -> ImuSample {
        let mut state = k.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        ImuSample {
            acc: [0.01 * noise(), 0.01 * noise(), 9.806_65 + 0.01 * noise()],
            gyr: rate.map(|r| r + 0.002 * noise()),
        }
    }

    fn settled() -> Fusion<f32> {
        let mut fusion = Fusion::new(Parameters::default(), Limits::default(), HZ);
        for k in 0..600 {
            assert!(fusion.push(&noisy(k, [0.0; 3]), DT).faults.is_none());
        }
        fusion
    }

    fn heading(q: Quaternion<f32>) -> f32 {
        (2.0 * libm::atan2f(q.z, q.w)).to_degrees()
    }

    #[test]
    fn sick_samples_are_told_and_turn_nothing() {
        let (nan, wide) = (f32::NAN, 40.0);
        let sick = [
            (
                ImuSample {
                    acc: [nan, 0.0, 9.8],
                    gyr: [0.0; 3],
                },
                Faults::NOT_FINITE,
            ),
            (
                ImuSample {
                    acc: [0.0, 0.0, 9.8],
                    gyr: [0.0, f32::INFINITY, 0.0],
                },
                Faults::NOT_FINITE,
            ),
            (
                ImuSample {
                    acc: [0.0, 0.0, 9.8],
                    gyr: [0.0, 0.0, -wide],
                },
                Faults::RATE_SATURATED,
            ),
            (
                ImuSample {
                    acc: [160.0, 0.0, 9.8],
                    gyr: [0.0, 0.0, 0.0],
                },
                Faults::FORCE_SATURATED,
            ),
        ];
        for (sample, fault) in sick {
            let mut fusion = settled();
            let before = fusion.push(&noisy(1, [0.0; 3]), DT).attitude;
            let out = fusion.push(&sample, DT);
            assert!(out.faults.has(fault), "{sample:?} {:?}", out.faults);
            for k in 0..200 {
                let out = fusion.push(&noisy(k, [0.0; 3]), DT);
                assert!(out.faults.is_none());
                let apart = out.attitude.times(before.conjugate());
                assert!(
                    apart.x.abs() + apart.y.abs() + apart.z.abs() < 2e-3,
                    "{sample:?} {apart:?}"
                );
            }
        }
    }

    #[test]
    fn a_stuck_sensor_does_not_turn_but_exact_input_does() {
        let mut fusion = settled();
        let before = heading(fusion.push(&noisy(1, [0.0; 3]), DT).attitude);
        let stuck = ImuSample {
            acc: [0.0, 0.0, 9.8],
            gyr: [0.0, 0.0, 1.0],
        };
        let mut told = 0;
        for _ in 0..520 {
            told += u32::from(fusion.push(&stuck, DT).faults.has(Faults::STUCK));
        }
        let turned = heading(fusion.push(&noisy(2, [0.0; 3]), DT).attitude) - before;
        assert!(told > 500 && turned.abs() < 4.0, "{told} {turned}");

        let mut exact = Fusion::<f32>::new(Parameters::default(), Limits::default(), HZ);
        let turning = ImuSample {
            acc: [0.0, 0.0, 9.806_65],
            gyr: [0.0, 0.0, 0.5],
        };
        let mut last = Quaternion::IDENTITY;
        for _ in 0..=52 {
            let out = exact.push(&turning, DT);
            assert!(out.faults.is_none());
            last = out.attitude;
        }
        assert!(
            (heading(last) - 0.5f32.to_degrees()).abs() < 0.6,
            "{}",
            heading(last)
        );
    }

    #[test]
    fn nothing_turns_in_a_gap() {
        let mut fusion = settled();
        for k in 0..52 {
            fusion.push(&noisy(k, [0.0, 0.0, 1.0]), DT);
        }
        let before = heading(fusion.push(&noisy(1, [0.0, 0.0, 1.0]), DT).attitude);
        let out = fusion.push(&noisy(2, [0.0, 0.0, 1.0]), 3.0);
        assert!(out.faults.has(Faults::GAP));
        assert!((heading(out.attitude) - before - DT.to_degrees()).abs() < 0.1);
    }

    #[test]
    fn jitter_is_no_gap_and_changes_nothing() {
        let mut fusion = settled();
        let before = heading(fusion.push(&noisy(1, [0.0; 3]), DT).attitude);
        let mut last = before;
        for k in 0..520 {
            let dt = DT * if k % 2 == 0 { 0.6 } else { 1.4 };
            let out = fusion.push(&noisy(k, [0.0, 0.0, 0.2]), dt);
            assert!(out.faults.is_none());
            last = heading(out.attitude);
        }
        assert!(
            (last - before - 2.0f32.to_degrees()).abs() < 0.2,
            "{}",
            last - before
        );
    }

    #[test]
    fn after_a_long_gap_gravity_rights_the_tilt() {
        let mut fusion = settled();
        let mut up = Vec3::ZERO;
        let mut gap = 60.0;
        for k in 0..520 {
            let mut sample = noisy(k, [0.0; 3]);
            sample.acc[0] += 6.934;
            sample.acc[2] += 6.934 - 9.806_65;
            let out = fusion.push(&sample, gap);
            gap = DT;
            up = out.attitude.matrix().rotate(Vec3::new(1.0, 0.0, 1.0));
        }
        assert!(up.x.abs() + up.y.abs() < 0.02, "{up:?}");
    }

    #[test]
    fn aligns_from_any_pose_and_waits_for_gravity() {
        let mut fusion = Fusion::<f32>::new(Parameters::default(), Limits::default(), HZ);
        let falling = ImuSample {
            acc: [0.0; 3],
            gyr: [0.0; 3],
        };
        assert!(fusion.push(&falling, DT).faults.has(Faults::NOT_ALIGNED));
        for pose in [
            [0.0, 0.0, -9.81],
            [9.81, 0.0, 0.0],
            [0.0, -9.81, 0.0],
            [5.0, -5.0, -6.8],
            [1e-7, 0.0, -9.81],
        ] {
            let mut fusion = Fusion::<f32>::new(Parameters::default(), Limits::default(), HZ);
            let out = fusion.push(
                &ImuSample {
                    acc: pose,
                    gyr: [0.0; 3],
                },
                DT,
            );
            let up = out.attitude.matrix().rotate(Vec3::from_f32(pose));
            assert!(
                out.faults.is_none() && up.z > 9.7 && up.x.abs() + up.y.abs() < 0.01,
                "{pose:?} {up:?}"
            );
        }
    }
}
