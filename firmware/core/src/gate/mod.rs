//! The posture gate: when the strap buzzes by itself. Thresholds, dwell and what suppresses a cue are those of the
//! companion's analysis (`unslouch_signal`); a differential test holds the two together.

mod activity;
mod grid;
mod slouch;
mod window;

pub use activity::Activity;
pub use grid::{GRID_HZ, GateSample};

use crate::quaternion::Quaternion;
use crate::wire::control;
use activity::ActivityDetector;
use grid::Grid;
use slouch::{Lean, SlouchDetector};

/// Which way the thorax left its neutral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Forward is not known.
    Unknown,
    /// Forward.
    Flexion,
    /// Backward.
    Extension,
    /// To the left.
    LeanLeft,
    /// To the right.
    LeanRight,
}

impl Direction {
    /// Its number in an EVENT.
    pub const fn code(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::Flexion => 1,
            Self::Extension => 2,
            Self::LeanLeft => 3,
            Self::LeanRight => 4,
        }
    }
}

/// What the gate has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateEvent {
    /// Slouched for the dwell: time to buzz, if that is wanted.
    Cue {
        /// Which way.
        direction: Direction,
    },
    /// The slouch that was cued is over.
    CueEnded {
        /// How long after the cue, s.
        seconds: u32,
    },
}

/// The gate after a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the wearer does.
    pub activity: Activity,
    /// A spell of slouching runs.
    pub slouching: bool,
    /// A cue or its end, at most one a sample.
    pub event: Option<GateEvent>,
}

/// Judges fused samples.
#[derive(Clone, Debug)]
pub struct PostureGate {
    thorax: Option<Quaternion<f32>>,
    forward_known: bool,
    grid: Grid,
    activity: ActivityDetector,
    slouch: SlouchDetector,
    verdict: Verdict,
}

/// Anything but a rotation says nothing of how the strap is worn.
fn rotation(q: [f32; 4]) -> Option<Quaternion<f32>> {
    let [w, x, y, z] = q;
    let q = Quaternion { w, x, y, z };
    let n2 = q.norm2();
    (n2.is_finite() && n2 > 0.25).then(|| q.normalised())
}

impl PostureGate {
    /// With these thresholds, worn so. Without a valid mount nothing is cued, but walking is seen.
    pub fn new(gate: &control::Gate, mount: &control::Mount) -> Self {
        // sensor to thorax, then thorax to what was upright at neutral
        let thorax = rotation(mount.mount)
            .zip(rotation(mount.neutral))
            .filter(|_| mount.valid)
            .map(|(sensor_to_thorax, neutral)| neutral.times(sensor_to_thorax));
        Self {
            thorax,
            forward_known: mount.forward,
            grid: Grid::EMPTY,
            activity: ActivityDetector::new(),
            slouch: SlouchDetector::new(gate, mount.forward),
            verdict: Verdict {
                activity: Activity::Upright,
                slouching: false,
                event: None,
            },
        }
    }

    /// Other thresholds from now on; a running spell begins anew, the quiet time since the last cue goes on.
    pub fn set_thresholds(&mut self, gate: &control::Gate) {
        self.slouch = SlouchDetector::new(gate, self.forward_known).after(&self.slouch);
    }

    /// The cue that was just given was not felt (a snooze): it falls due again as long as the spell lasts, and no quiet
    /// time begins with it.
    pub fn retract_cue(&mut self) {
        self.slouch.retract();
    }

    /// Another mount from now on.
    pub fn set_mount(&mut self, gate: &control::Gate, mount: &control::Mount) {
        let grid = self.grid.clone();
        let slouch = SlouchDetector::new(gate, mount.forward).after(&self.slouch);
        *self = Self {
            grid,
            slouch,
            ..Self::new(gate, mount)
        };
    }

    /// One sample. Samples whose time does not run on are left out.
    pub fn push(&mut self, sample: &GateSample) -> Verdict {
        let Self {
            grid,
            activity,
            slouch,
            verdict,
            thorax,
            forward_known,
        } = self;
        verdict.event = None;
        grid.push(sample, |point| {
            // Without a mount everything is upright: lying and slouch are not judged.
            let (lean, face_down) = match thorax {
                None => (
                    Lean {
                        flexion: 0.0,
                        lateral: 0.0,
                        tilt: 0.0,
                    },
                    true,
                ),
                Some(thorax) => {
                    let up = thorax.matrix().rotate(point.up);
                    (
                        Lean::from_up(up),
                        !*forward_known || (up.x < 0.0 && up.y.abs() < -up.x),
                    )
                }
            };
            verdict.activity = activity.push(&point, lean.tilt, face_down);
            let event = slouch.push(&point, &lean, verdict.activity);
            verdict.event = event.or(verdict.event);
        });
        verdict.slouching = slouch.slouching();
        *verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::Vec3;
    use crate::wire::flags;

    const GATE: control::Gate = control::Gate {
        enable: 15,
        angles: [1200, 700, 1200, 700, 1200, 700],
        dwell: 150,
        quiet: 60,
    };
    const MOUNT: control::Mount = control::Mount {
        forward: true,
        valid: true,
        mount: [1.0, 0.0, 0.0, 0.0],
        neutral: [1.0, 0.0, 0.0, 0.0],
    };

    /// Leans by rotation vector (rad) for some seconds; returns when the events came, s from the start of the call.
    struct Wearer {
        gate: PostureGate,
        t_us: u64,
        flags: u8,
        bounce: f32,
    }

    impl Wearer {
        fn new(gate: &control::Gate, mount: &control::Mount) -> Self {
            Self {
                gate: PostureGate::new(gate, mount),
                t_us: 5,
                flags: 0,
                bounce: 0.0,
            }
        }

        fn lean(&mut self, degrees: [f32; 2], seconds: f32) -> std::vec::Vec<(f32, GateEvent)> {
            let [x, y] = degrees.map(f32::to_radians);
            let attitude = Quaternion::exp(Vec3::new(x, y, 0.0));
            let (mut events, begin) = (std::vec::Vec::new(), self.t_us);
            while ((self.t_us - begin) as f32) < seconds * 1e6 {
                self.t_us += 19_231;
                let phase = self.t_us as f32 * 1e-6 * 2.0 * core::f32::consts::TAU;
                let force = 9.806_65 + self.bounce * libm::sinf(phase);
                let acc = attitude.matrix().z.scale(force);
                let sample = GateSample {
                    t_us: self.t_us,
                    attitude,
                    acc,
                    flags: self.flags,
                };
                if let Some(event) = self.gate.push(&sample).event {
                    events.push(((self.t_us - begin) as f32 * 1e-6, event));
                }
            }
            events
        }
    }

    #[test]
    fn a_slouch_is_cued_after_the_dwell_and_a_short_one_is_not() {
        for (degrees, direction) in [
            ([0.0, 13.0], Direction::Flexion),
            ([0.0, -13.0], Direction::Extension),
            ([13.0, 0.0], Direction::LeanRight),
            ([-13.0, 0.0], Direction::LeanLeft),
        ] {
            let mut wearer = Wearer::new(&GATE, &MOUNT);
            assert!(wearer.lean([0.0; 2], 10.0).is_empty());
            assert!(wearer.lean(degrees, 14.5).is_empty());
            assert!(wearer.lean([0.0; 2], 1.0).is_empty());
            let events = wearer.lean(degrees, 30.0);
            assert!(
                matches!(events[..], [(t, GateEvent::Cue { direction: d })] if d == direction && (t - 15.0).abs() < 0.1),
                "{events:?}"
            );
            let end = wearer.lean([0.0; 2], 1.0);
            assert!(
                matches!(end[..], [(_, GateEvent::CueEnded { seconds: 15 })]),
                "{end:?}"
            );
        }
        let mut almost = Wearer::new(&GATE, &MOUNT);
        assert!(almost.lean([0.0, 11.5], 60.0).is_empty());
    }

    #[test]
    fn hysteresis_and_the_quiet_time_hold() {
        let mut wearer = Wearer::new(&GATE, &MOUNT);
        wearer.lean([0.0, 13.0], 5.0);
        assert_eq!(
            wearer.lean([0.0, 8.0], 20.0).len(),
            1,
            "above the lower threshold the spell goes on"
        );
        wearer.lean([0.0; 2], 2.0);
        let events = wearer.lean([0.0, 20.0], 80.0);
        assert!(
            matches!(events[..], [(t, _)] if (t - 48.0).abs() < 0.3),
            "delayed, not dropped: {events:?}"
        );
    }

    #[test]
    fn a_cue_that_was_not_felt_comes_when_it_can_and_starts_no_quiet_time() {
        let mut wearer = Wearer::new(&GATE, &MOUNT);
        assert_eq!(wearer.lean([0.0, 13.0], 15.5).len(), 1);
        wearer.gate.retract_cue();
        let again = wearer.lean([0.0, 13.0], 1.0);
        assert!(
            matches!(again[..], [(t, GateEvent::Cue { .. })] if t < 0.1),
            "{again:?}"
        );
        wearer.gate.retract_cue();
        assert!(
            wearer.lean([0.0; 2], 2.0).is_empty(),
            "no end without a cue"
        );
        let next = wearer.lean([0.0, 13.0], 20.0);
        assert!(
            matches!(next[..], [(t, GateEvent::Cue { .. })] if (t - 15.0).abs() < 0.3),
            "{next:?}"
        );
        // the quiet time since the one that was felt holds
        wearer.lean([0.0; 2], 2.0);
        let felt = wearer.lean([0.0, 13.0], 60.0);
        assert!(
            matches!(felt[..], [(t, _)] if (t - 53.0).abs() < 0.4),
            "{felt:?}"
        );
        wearer.gate.retract_cue();
        let (due, _) = wearer.lean([0.0, 13.0], 1.0)[0];
        assert!(due < 0.1);
    }

    #[test]
    fn walking_lying_charging_and_bending_deep_give_no_cue() {
        let mut walking = Wearer {
            bounce: 2.0,
            ..Wearer::new(&GATE, &MOUNT)
        };
        assert!(walking.lean([0.0, 15.0], 60.0).is_empty());
        assert_eq!(walking.gate.verdict.activity, Activity::Walking);
        let mut lying = Wearer::new(&GATE, &MOUNT);
        assert!(lying.lean([0.0, -58.0], 4.0).is_empty());
        assert!(lying.lean([0.0, -50.0], 60.0).is_empty());
        assert_eq!(lying.gate.verdict.activity, Activity::Lying);
        for flag in [flags::OFF_BODY, flags::CHARGER] {
            let mut off = Wearer {
                flags: flag,
                ..Wearer::new(&GATE, &MOUNT)
            };
            assert!(off.lean([0.0, 15.0], 60.0).is_empty());
        }
        let mut bent = Wearer::new(&GATE, &MOUNT);
        assert!(bent.lean([0.0, 62.0], 11.0).is_empty());
    }

    #[test]
    fn each_direction_can_be_left_out_and_without_a_mount_nothing_is_judged() {
        for (enable, degrees) in [(14, [0.0, 15.0]), (13, [0.0, -15.0]), (11, [15.0, 0.0])] {
            let mut wearer = Wearer::new(&control::Gate { enable, ..GATE }, &MOUNT);
            assert!(wearer.lean(degrees, 40.0).is_empty());
        }
        let mut unknown = Wearer::new(
            &GATE,
            &control::Mount {
                valid: false,
                ..MOUNT
            },
        );
        assert!(unknown.lean([0.0, 30.0], 40.0).is_empty());
        let mut tilt = Wearer::new(
            &GATE,
            &control::Mount {
                forward: false,
                ..MOUNT
            },
        );
        let events = tilt.lean([-10.0, -10.0], 40.0);
        assert!(
            matches!(
                events[..],
                [(
                    _,
                    GateEvent::Cue {
                        direction: Direction::Unknown
                    }
                )]
            ),
            "{events:?}"
        );
        let zeros = control::Mount {
            mount: [0.0; 4],
            ..MOUNT
        };
        assert!(
            Wearer::new(&GATE, &zeros)
                .lean([0.0, 30.0], 40.0)
                .is_empty()
        );
    }

    #[test]
    fn the_mount_turns_the_sensor_into_the_thorax() {
        // worn turned by 90 deg about the long axis: the sensor's x looks left, so it leans left about its y
        let half = core::f32::consts::FRAC_1_SQRT_2;
        let mut wearer = Wearer::new(
            &GATE,
            &control::Mount {
                mount: [half, 0.0, 0.0, half],
                ..MOUNT
            },
        );
        let events = wearer.lean([0.0, 15.0], 20.0);
        assert!(
            matches!(
                events[..],
                [(
                    _,
                    GateEvent::Cue {
                        direction: Direction::LeanLeft
                    }
                )]
            ),
            "{events:?}"
        );
    }
}
