//! Walking, lying, off body: what a posture is not judged in. The companion's rules (`unslouch_signal/activity.py`).

use super::grid::{GRID_HZ, Point};
use super::window::{Debounce, Delay, RunningMean, Schmitt};
use crate::wire::flags;

const SECOND: u32 = GRID_HZ;
/// Walking: rms of the vertical acceleration between 0.8 and 5 Hz over 2.5 s; on above 0.6, off below 0.5 m/s².
const WALK_ON: f32 = 0.6 * 0.6;
const WALK_OFF: f32 = 0.5 * 0.5;
/// Both the last second and the time before it must show at least this much: one jolt is no walking.
const WALK_PART: f32 = 0.3 * 0.3;
/// The last second's share of the window.
const PART: f32 = 1.0 / 2.5;
/// Lying: the long axis this far from the neutral's, until it is back within the second, rad.
const LYING: f32 = 55.0 * core::f32::consts::PI / 180.0;
const LYING_LEAVE: f32 = 40.0 * core::f32::consts::PI / 180.0;
/// Accelerations are summed in units of 1/4096 m/s², their squares in 1/4096 m²/s⁴.
const UNIT: f32 = 4096.0;
/// Beyond any step; keeps the sums in range.
const MOST: f32 = 200.0;

/// What the wearer does, as far as the gate cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Sitting or standing: posture is judged.
    Upright,
    /// Walking.
    Walking,
    /// Lying.
    Lying,
    /// Not worn, or charging.
    OffBody,
    /// No samples for more than half a second.
    Unknown,
}

/// The activity at each point.
#[derive(Clone, Debug)]
pub struct ActivityDetector {
    fast: RunningMean<5>,
    slow: RunningMean<29>,
    align: Delay<12>,
    power: RunningMean<125>,
    recent: RunningMean<50>,
    walks: Schmitt,
    tilted: Schmitt,
    lies: Debounce<3>,
    gap: Debounce<2>,
}

impl ActivityDetector {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self {
            fast: RunningMean::EMPTY,
            slow: RunningMean::EMPTY,
            align: Delay::EMPTY,
            power: RunningMean::ZEROS,
            recent: RunningMean::ZEROS,
            walks: Schmitt(false),
            tilted: Schmitt(false),
            // upright at once; face down or unknown, where a deep bow points too, after 12 s; otherwise after 3 s
            lies: Debounce::new([1, 12 * SECOND, 3 * SECOND]),
            gap: Debounce::new([1, SECOND / 2]),
        }
    }

    /// The activity at a point; `tilt` is the long axis's angle from the neutral's (rad), `face_down` whether that is where
    /// a bow points as well, or forward is unknown.
    pub fn push(&mut self, point: &Point, tilt: f32, face_down: bool) -> Activity {
        let walking = self.walking(point.acc_up);
        let tilted = self.tilted.push(tilt > LYING, tilt < LYING_LEAVE);
        let seen = match (tilted, face_down) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        let lying = self.lies.push(seen) != 0;
        let unknown = self.gap.push(usize::from(!point.measured)) != 0;
        if unknown {
            Activity::Unknown
        } else if point.flags & (flags::OFF_BODY | flags::CHARGER) != 0 {
            Activity::OffBody
        } else if lying {
            Activity::Lying
        } else if walking {
            Activity::Walking
        } else {
            Activity::Upright
        }
    }

    fn walking(&mut self, acc_up: f32) -> bool {
        let acc = (acc_up.clamp(-MOST, MOST) * UNIT) as i32;
        let band = (self.align.push(self.fast.push(acc)) - self.slow.push(acc)) / UNIT;
        let square = (band * band * UNIT) as i32;
        let power = self.power.push(square) / UNIT;
        let recent = self.recent.push(square) / UNIT;
        let older = (power - PART * recent) / (1.0 - PART);
        let goes_on = recent > WALK_PART && older > WALK_PART;
        self.walks.push(
            power > WALK_ON && goes_on,
            power < WALK_OFF || recent < WALK_PART,
        )
    }
}

impl Default for ActivityDetector {
    fn default() -> Self {
        Self::new()
    }
}
