//! The stand-alone cue: the core's posture gate, and who may hear it.

use embassy_time::Instant;
use unslouch_strap_core::gate::{Activity, GateEvent, GateSample, PostureGate};
use unslouch_strap_core::wire::control::{Gate, Mount};
use unslouch_strap_core::wire::event::Event;
use unslouch_strap_core::wire::flags;

use crate::motor::Buzz;
use crate::state::{Settings, Shared, State};

/// Bit of the gate's enables: buzz without a companion.
const STAND_ALONE: u8 = 8;
/// No mount: nothing is judged but walking.
const UNKNOWN: Mount = Mount {
    forward: false,
    valid: false,
    mount: [1.0, 0.0, 0.0, 0.0],
    neutral: [1.0, 0.0, 0.0, 0.0],
};

/// The gate and what it last heard.
pub struct Posture {
    gate: PostureGate,
    thresholds: Gate,
    mount: Mount,
    hushed: bool,
    cued: bool,
}

impl Posture {
    /// With the settings as they are.
    pub fn new(settings: &Settings) -> Self {
        let mount = settings.mount.unwrap_or(UNKNOWN);
        Self {
            gate: PostureGate::new(&settings.gate, &mount),
            thresholds: settings.gate,
            mount,
            hushed: false,
            cued: false,
        }
    }

    /// Take over settings that changed, and what silences the strap. To be called every now and then.
    pub fn refresh(&mut self, state: &State) {
        let (gate, mount) = (state.settings.gate, state.settings.mount.unwrap_or(UNKNOWN));
        if mount != self.mount {
            self.gate.set_mount(&gate, &mount);
        } else if gate != self.thresholds {
            self.gate.set_thresholds(&gate);
        }
        (self.thresholds, self.mount) = (gate, mount);
        let now = Instant::now();
        let later = |until: Option<Instant>| until.is_some_and(|until| now < until);
        self.hushed = later(state.snooze_until) || later(state.gate_holds_until);
    }

    /// Judge a sample: the flags it gets. Off body, on the charger, walking and lying cue nothing (the gate's rules).
    pub fn judge(&mut self, shared: &Shared, sample: &GateSample) -> u8 {
        let verdict = self.gate.push(sample);
        match verdict.event {
            // who slouches through the silence to its end is told then
            Some(GateEvent::Cue { .. }) if self.hushed => self.gate.retract_cue(),
            Some(GateEvent::Cue { direction }) if self.thresholds.enable & STAND_ALONE != 0 => {
                self.cued = true;
                shared.event(Event::Cue, direction.code());
                let (pattern, strength) =
                    shared.with(|state| (state.settings.pattern, state.settings.strength));
                // where two buzzes wait already, the wearer feels enough
                let _ = shared.buzz.try_send(Buzz { pattern, strength });
            }
            Some(GateEvent::CueEnded { seconds }) if self.cued => {
                self.cued = false;
                shared.event(Event::CueEnded, u16::try_from(seconds).unwrap_or(u16::MAX));
            }
            _ => {}
        }
        match verdict.activity {
            Activity::Walking => flags::WALKING,
            Activity::Lying => flags::LYING,
            Activity::Upright | Activity::OffBody | Activity::Unknown => 0,
        }
    }
}
