//! Whether the strap is worn: on a table it lies as no body does.
//!
//! A sensor at rest shows its own noise alone: 0.03 °/s and 0.007 m/s² (LSM6DS3TR-C data sheet, 5 mdps/√Hz and 90 µg/√Hz
//! over 26 Hz). A back breathes: a tilt of 0.2° at a quarter hertz is 0.2 °/s, and the heart adds 0.02 m/s² to it. Ten
//! seconds hold two breaths; six times ten seconds in a row, each as quiet as a table in every axis, are not lived
//! through by anybody awake or asleep: of people recorded sitting still, none has one such stretch, the least quiet axis
//! staying beyond twice its limit (`tests/firmware/test_worn.py`). Putting it on is never missed for long: one tenth of a
//! second of real motion ends it, and so does one stretch of ten seconds that is not quiet.

use unslouch_strap_core::sample::ImuSample;

const D: f32 = core::f32::consts::PI / 180.0;
/// A stretch, s.
const STRETCH: f32 = 10.0;
/// Quiet stretches in a row after which it is not worn.
const STRETCHES: u32 = 6;
/// Standard deviation of each axis below which a stretch is as quiet as a table, rad/s and m/s².
const QUIET_RATE: f32 = 0.1 * D;
const QUIET_FORCE: f32 = 0.02;
/// Distance from the stretch's mean that is real motion, rad/s and m/s², and how long it must last, s.
const MOVES_RATE: f32 = 3.0 * D;
const MOVES_FORCE: f32 = 0.4;
const MOVES_FOR: f32 = 0.1;

/// Mean and sum of squared deviations of six axes (Welford 1962).
#[derive(Clone, Copy, Debug)]
struct Moments {
    n: f32,
    mean: [f32; 6],
    squares: [f32; 6],
}

impl Moments {
    const NONE: Self = Self {
        n: 0.0,
        mean: [0.0; 6],
        squares: [0.0; 6],
    };

    fn push(&mut self, x: [f32; 6]) {
        self.n += 1.0;
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(x) {
            let by = x - *mean;
            *mean += by / self.n;
            *squares += by * (x - *mean);
        }
    }

    fn below(&self, limits: [f32; 6]) -> bool {
        let variance = self.squares.iter().map(|squares| squares / self.n.max(1.0));
        variance.zip(limits).all(|(v, limit)| v < limit * limit)
    }
}

const QUIET: [f32; 6] = [
    QUIET_FORCE,
    QUIET_FORCE,
    QUIET_FORCE,
    QUIET_RATE,
    QUIET_RATE,
    QUIET_RATE,
];

/// Watches raw samples.
#[derive(Clone, Copy, Debug)]
pub struct Worn {
    moments: Moments,
    elapsed: f32,
    moving: f32,
    quiet: u32,
    off: bool,
}

impl Default for Worn {
    fn default() -> Self {
        Self {
            moments: Moments::NONE,
            elapsed: 0.0,
            moving: 0.0,
            quiet: 0,
            off: false,
        }
    }
}

impl Worn {
    /// A raw sample and the time since the one before, s; whether the strap is off the body.
    pub fn off_body(&mut self, raw: &ImuSample, dt: f32) -> bool {
        let [ax, ay, az] = raw.acc;
        let [gx, gy, gz] = raw.gyr;
        let x = [ax, ay, az, gx, gy, gz];
        if self.moments.n >= 5.0 && self.apart(x) {
            self.moving += dt;
            if self.moving >= MOVES_FOR {
                *self = Self::default();
            }
            return self.off;
        }
        self.moving = 0.0;
        self.moments.push(x);
        self.elapsed += dt;
        if self.elapsed >= STRETCH {
            if self.moments.below(QUIET) {
                self.quiet = self.quiet.saturating_add(1);
                self.off |= self.quiet >= STRETCHES;
            } else {
                (self.quiet, self.off) = (0, false);
            }
            (self.moments, self.elapsed) = (Moments::NONE, 0.0);
        }
        self.off
    }

    /// After a pause: what was measured before says nothing of now, but off the body stays so until it moves.
    pub fn resume(&mut self) {
        *self = Self {
            off: self.off,
            quiet: self.quiet,
            ..Self::default()
        };
    }

    fn apart(&self, x: [f32; 6]) -> bool {
        let [ax, ay, az, gx, gy, gz] = core::array::from_fn(|i| {
            let mean = self.moments.mean.get(i).copied().unwrap_or(0.0);
            let value = x.get(i).copied().unwrap_or(0.0);
            (value - mean) * (value - mean)
        });
        ax + ay + az > MOVES_FORCE * MOVES_FORCE || gx + gy + gz > MOVES_RATE * MOVES_RATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f32 = 1.0 / 52.0;

    struct Sensor {
        worn: Worn,
        state: u32,
    }

    impl Sensor {
        fn new() -> Self {
            Self {
                worn: Worn::default(),
                state: 7,
            }
        }

        fn noise(&mut self) -> f32 {
            self.state = self
                .state
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            ((self.state >> 8) as f32 / 16_777_216.0 - 0.5) * 3.46
        }

        /// Seconds of a back that rocks by `sway` rad at a quarter hertz; how long the strap was said to be off the body.
        fn watch(&mut self, seconds: u32, sway: f32) -> f32 {
            let mut off = 0.0;
            for k in 0..seconds * 52 {
                let w = core::f32::consts::TAU * 0.25;
                let (s, c) = (w * k as f32 * DT).sin_cos();
                let sample = ImuSample {
                    acc: [
                        0.007 * self.noise() + 9.8 * sway * s,
                        0.007 * self.noise(),
                        9.8 + 0.007 * self.noise(),
                    ],
                    gyr: [
                        0.01 + 0.0005 * self.noise(),
                        0.0005 * self.noise() + sway * w * c,
                        0.0005 * self.noise(),
                    ],
                };
                if self.worn.off_body(&sample, DT) {
                    off += DT;
                }
            }
            off
        }
    }

    #[test]
    fn a_table_is_told_after_a_minute_and_motion_at_once() {
        let mut sensor = Sensor::new();
        assert_eq!(sensor.watch(59, 0.0), 0.0);
        let off = sensor.watch(11, 0.0);
        assert!((off - 10.0).abs() < 0.5, "{off}");
        assert!(sensor.watch(10, 0.2) < 0.5, "swung: worn at once");
        assert_eq!(sensor.watch(50, 0.0), 0.0, "counts from the beginning");
    }

    #[test]
    fn breathing_is_worn_however_quiet() {
        // 0.15 degrees of tilt to either side
        let mut sensor = Sensor::new();
        assert_eq!(sensor.watch(600, 0.15 * D), 0.0);
    }

    #[test]
    fn a_pause_keeps_it_off_until_it_moves() {
        let mut sensor = Sensor::new();
        sensor.watch(70, 0.0);
        sensor.worn.resume();
        assert!(sensor.watch(5, 0.0) > 4.9);
        assert!(sensor.watch(5, 0.3) < 0.5);
    }
}
