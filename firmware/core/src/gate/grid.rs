//! From samples of any rate to points every 20 ms: the same grid as the companion's analysis, so that both judge alike.

use crate::quaternion::Quaternion;
use crate::vector::Vec3;
use crate::wire::flags;

/// Points per second.
pub const GRID_HZ: u32 = 50;
const PERIOD_US: u64 = 20_000;
const PERIOD_S: f32 = 0.02;
const GRAVITY: f32 = 9.806_65;

/// Longer between two samples is a gap: held, not measured; between the two it is interpolated still, µs.
const MEASURED_US: u64 = 400_000;
const INTERPOLATE_US: u64 = 500_000;
/// Longer makes no points at all, µs.
const JUMP_US: u64 = 5_000_000;

/// One fused sample.
#[derive(Clone, Copy, Debug)]
pub struct GateSample {
    /// End of its interval, µs of the strap's clock.
    pub t_us: u64,
    /// Sensor to world.
    pub attitude: Quaternion<f32>,
    /// Specific force, m/s².
    pub acc: Vec3<f32>,
    /// Its flags ([`flags`]).
    pub flags: u8,
}

/// One point of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Its number: 20 ms each from the first sample.
    pub k: u64,
    /// World up in the sensor's frame.
    pub up: Vec3<f32>,
    /// Mean acceleration along world up, without gravity, over the 20 ms that end here, m/s².
    pub acc_up: f32,
    /// Not inside a gap.
    pub measured: bool,
    /// The point before has the number before.
    pub consecutive: bool,
    /// Flags of the samples on both sides.
    pub flags: u8,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    t_us: u64,
    attitude: Quaternion<f32>,
    acc_up: f32,
    flags: u8,
}

/// Puts samples on the grid.
#[derive(Clone, Debug)]
pub struct Grid {
    last: Option<Last>,
    t0_us: u64,
    next_k: u64,
    point_k: Option<u64>,
    /// Integral of the acceleration since the last point, m/s.
    area: f32,
}

impl Grid {
    /// Before the first sample.
    pub const EMPTY: Self = Self {
        last: None,
        t0_us: 0,
        next_k: 0,
        point_k: None,
        area: 0.0,
    };

    /// Takes a sample and hands out the points up to it. A sample that is not later than the one before is left out.
    pub fn push(&mut self, sample: &GateSample, mut out: impl FnMut(Point)) {
        let shaken = sample.flags & (flags::MOTOR | flags::SATURATED) != 0;
        let up = sample.attitude.matrix().z;
        let along = up.dot(sample.acc) - GRAVITY;
        let now = Last {
            t_us: sample.t_us,
            attitude: sample.attitude,
            acc_up: if shaken || !along.is_finite() {
                0.0
            } else {
                along
            },
            flags: sample.flags,
        };
        let Some(last) = self.last else {
            (self.t0_us, self.next_k, self.point_k) = (sample.t_us, 1, Some(0));
            self.last = Some(now);
            out(Point {
                k: 0,
                up,
                acc_up: 0.0,
                measured: true,
                consecutive: true,
                flags: sample.flags,
            });
            return;
        };
        if now.t_us <= last.t_us {
            return;
        }
        self.last = Some(now);
        let gap = now.t_us - last.t_us;
        let end = (now.t_us - self.t0_us) / PERIOD_US;
        if gap > JUMP_US {
            self.next_k = end + 1;
            // where a cell ends after the jump nothing is known of it
            self.area = 0.0;
            return;
        }
        let bridged = if gap <= INTERPOLATE_US {
            gap as f32 * 1e-6
        } else {
            0.0
        };
        let slope = now.acc_up - last.acc_up;
        let mut done = 0.0f32;
        while self.next_k <= end {
            let k = self.next_k;
            self.next_k += 1;
            let from_last = (self.t0_us + k * PERIOD_US).saturating_sub(last.t_us);
            let w = (from_last as f32 / gap as f32).min(1.0);
            // integral of the line between the two samples from `done` to `w`
            self.area += bridged * (w - done) * (last.acc_up + slope * 0.5 * (w + done));
            done = w;
            let at_sample = from_last >= gap;
            let between = if gap <= INTERPOLATE_US || at_sample {
                w
            } else {
                0.0
            };
            let consecutive = self.point_k.is_some_and(|before| before + 1 == k);
            out(Point {
                k,
                up: between_attitudes(last.attitude, now.attitude, between)
                    .matrix()
                    .z,
                acc_up: if consecutive {
                    self.area / PERIOD_S
                } else {
                    0.0
                },
                measured: gap <= MEASURED_US || at_sample,
                consecutive,
                flags: last.flags | now.flags,
            });
            self.point_k = Some(k);
            self.area = 0.0;
        }
        self.area += bridged * (1.0 - done) * (last.acc_up + slope * 0.5 * (1.0 + done));
    }
}

/// Normalised linear interpolation, the short way.
fn between_attitudes(a: Quaternion<f32>, b: Quaternion<f32>, w: f32) -> Quaternion<f32> {
    let dot = a.w * b.w + a.x * b.x + a.y * b.y + a.z * b.z;
    let (far, near) = (1.0 - w, if dot < 0.0 { -w } else { w });
    Quaternion {
        w: far * a.w + near * b.w,
        x: far * a.x + near * b.x,
        y: far * a.y + near * b.y,
        z: far * a.z + near * b.z,
    }
    .normalised()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(t_us: u64, acc_z: f32) -> GateSample {
        GateSample {
            t_us,
            attitude: Quaternion::IDENTITY,
            acc: Vec3::new(0.0, 0.0, acc_z),
            flags: 0,
        }
    }

    #[test]
    fn points_come_every_20_ms_whatever_the_rate_and_carry_the_mean() {
        for rate in [20u64, 52, 104, 208] {
            let mut grid = Grid::EMPTY;
            let mut points = 0;
            let mut sum = 0.0;
            for j in 0..=rate * 10 {
                // one metre per second squared, half of the time
                let acc = GRAVITY + if j % 2 == 0 { 1.0 } else { 0.0 };
                grid.push(&sample(7 + j * 1_000_000 / rate, acc), |p| {
                    assert_eq!(p.k, points);
                    assert!(p.measured && p.consecutive);
                    points += 1;
                    sum += p.acc_up;
                });
            }
            assert_eq!(points, 501);
            assert!((sum / 500.0 - 0.5).abs() < 0.01, "{rate} {sum}");
        }
    }

    #[test]
    fn gaps_are_held_and_long_ones_jumped() {
        let mut grid = Grid::EMPTY;
        let mut seen = std::vec::Vec::new();
        for t in [0, 20_000, 1_020_000, 1_040_000, 9_040_000, 9_060_000] {
            grid.push(&sample(t, GRAVITY), |p| {
                seen.push((p.k, p.measured, p.consecutive))
            });
        }
        assert_eq!(seen.iter().filter(|p| !p.1).count(), 49);
        assert_eq!(seen.last(), Some(&(453, true, false)));
        grid.push(&sample(1_000, GRAVITY), |_| {
            panic!("time does not run backwards")
        });
    }
}
