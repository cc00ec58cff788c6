//! Hysteresis, dwell and the quiet time between cues. The companion's rules (`unslouch_signal/slouch.py`).

use super::activity::Activity;
use super::grid::{GRID_HZ, Point};
use super::window::{Debounce, Schmitt};
use super::{Direction, GateEvent};
use crate::vector::Vec3;
use crate::wire::control;

const TO_RAD: f32 = core::f32::consts::PI / 18_000.0;
/// Bent beyond this one picks something up; nobody slouches so, rad.
const BENT: f32 = 60.0 * core::f32::consts::PI / 180.0;
/// Walking that lasts this long ends a spell; a fidget that looks like a step or two only delays the cue, points.
const WALK_ENDS: u32 = 2 * GRID_HZ;

/// Upper and lower threshold of one direction, rad.
#[derive(Clone, Copy, Debug)]
struct Zone {
    enter: f32,
    leave: f32,
    judged: bool,
}

/// How far the thorax is from its neutral at a point.
#[derive(Clone, Copy, Debug)]
pub struct Lean {
    /// Forward, rad.
    pub flexion: f32,
    /// To the right, rad.
    pub lateral: f32,
    /// Whichever way, rad.
    pub tilt: f32,
}

impl Lean {
    /// From world up in the thorax's frame.
    pub fn from_up(up: Vec3<f32>) -> Self {
        let across = libm::sqrtf(up.x * up.x + up.y * up.y);
        let tilt = libm::atan2f(across, up.z);
        let share = if across > 0.0 { tilt / across } else { tilt };
        Self {
            flexion: -up.x * share,
            lateral: up.y * share,
            tilt,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Spell {
    start: u64,
    points: u32,
    mean: [f32; 2],
    low: [f32; 2],
    high: [f32; 2],
    cued: Option<u64>,
}

/// Finds spells and gives cues.
#[derive(Clone, Debug)]
pub struct SlouchDetector {
    zones: [Zone; 4],
    forward_known: bool,
    dwell: u64,
    quiet: u64,
    states: [Schmitt; 4],
    walks: Debounce<2>,
    spell: Option<Spell>,
    last_cue: Option<u64>,
    cue_before: Option<u64>,
}

impl SlouchDetector {
    /// With these thresholds; where forward is unknown the tilt is judged by those of flexion.
    pub fn new(gate: &control::Gate, forward_known: bool) -> Self {
        let [fe, fl, ee, el, le, ll] = gate.angles.map(|a| f32::from(a) * TO_RAD);
        let zone = |enter, leave, bit: u8| Zone {
            enter,
            leave,
            judged: gate.enable & bit != 0,
        };
        let lean = zone(le, ll, 4);
        Self {
            zones: [zone(fe, fl, 1), zone(ee, el, 2), lean, lean],
            forward_known,
            dwell: u64::from(gate.dwell) * u64::from(GRID_HZ) / 10,
            quiet: u64::from(gate.quiet) * u64::from(GRID_HZ),
            states: [Schmitt(false); 4],
            walks: Debounce::new([1, WALK_ENDS]),
            spell: None,
            last_cue: None,
            cue_before: None,
        }
    }

    /// Takes the time of the last cue over from a detector with other thresholds.
    pub fn after(mut self, other: &Self) -> Self {
        (self.last_cue, self.cue_before) = (other.last_cue, other.cue_before);
        self
    }

    /// Takes the cue back that was just given: nobody felt it, so it falls due again at the next point.
    pub fn retract(&mut self) {
        self.last_cue = self.cue_before;
        if let Some(spell) = &mut self.spell {
            spell.cued = None;
        }
    }

    /// Whether a spell runs.
    pub fn slouching(&self) -> bool {
        self.spell.is_some()
    }

    /// One point.
    pub fn push(&mut self, point: &Point, lean: &Lean, activity: Activity) -> Option<GateEvent> {
        let walks = self.walks.push(usize::from(activity == Activity::Walking)) != 0;
        let free = !walks
            && !matches!(activity, Activity::Lying | Activity::OffBody)
            && lean.tilt < BENT
            && point.consecutive;
        let values = if self.forward_known {
            [lean.flexion, -lean.flexion, lean.lateral, -lean.lateral]
        } else {
            [lean.tilt, 0.0, 0.0, 0.0]
        };
        let mut on = false;
        for ((zone, state), value) in self.zones.iter().zip(&mut self.states).zip(values) {
            let judged = free && zone.judged;
            on |= state.push(value > zone.enter && judged, value < zone.leave || !judged);
        }
        if !on {
            let cued = self.spell.take().and_then(|spell| spell.cued);
            return cued.map(|k| GateEvent::CueEnded {
                seconds: ((point.k - k) / u64::from(GRID_HZ)) as u32,
            });
        }
        let spell = self.spell.get_or_insert(Spell {
            start: point.k,
            points: 0,
            mean: [0.0; 2],
            low: [f32::INFINITY; 2],
            high: [f32::NEG_INFINITY; 2],
            cued: None,
        });
        spell.points = spell.points.saturating_add(1);
        for (i, value) in [lean.flexion, lean.lateral].into_iter().enumerate() {
            spell.mean[i] += (value - spell.mean[i]) / spell.points as f32;
            spell.low[i] = spell.low[i].min(value);
            spell.high[i] = spell.high[i].max(value);
        }
        if spell.cued.is_some() || !point.measured || activity == Activity::Walking {
            return None;
        }
        let quiet_until = self.last_cue.map_or(0, |k| k + self.quiet);
        if point.k < (spell.start + self.dwell).max(quiet_until) {
            return None;
        }
        spell.cued = Some(point.k);
        self.cue_before = self.last_cue.replace(point.k);
        let spell = *spell;
        Some(GateEvent::Cue {
            direction: self.direction(&spell),
        })
    }

    /// The way that was farthest out on average, among those that crossed.
    fn direction(&self, spell: &Spell) -> Direction {
        if !self.forward_known {
            return Direction::Unknown;
        }
        let [flexion, extension, lean, _] = self.zones;
        let ([low_f, low_l], [high_f, high_l], [mean_f, mean_l]) =
            (spell.low, spell.high, spell.mean);
        let ways = [
            (
                high_f > flexion.enter,
                mean_f / flexion.enter,
                Direction::Flexion,
            ),
            (
                -low_f > extension.enter,
                -mean_f / extension.enter,
                Direction::Extension,
            ),
            (
                high_l > lean.enter,
                mean_l / lean.enter,
                Direction::LeanRight,
            ),
            (
                -low_l > lean.enter,
                -mean_l / lean.enter,
                Direction::LeanLeft,
            ),
        ];
        let mut best = ways[0];
        for way in ways {
            if (way.0 && !best.0) || (way.0 == best.0 && way.1 > best.1) {
                best = way;
            }
        }
        best.2
    }
}
