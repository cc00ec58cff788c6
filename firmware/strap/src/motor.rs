//! Patterns of the vibration motor.

use embassy_time::{Duration, Timer};
use unslouch_strap_core::wire::control::Pattern;

use crate::platform::Motor;
use crate::state::Shared;

/// One buzz to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buzz {
    /// Its shape.
    pub pattern: Pattern,
    /// 1 to 100 %.
    pub strength: u8,
}

/// Strength (parts of the whole, of 4) and duration in ms of each part of a pattern; 0 is a pause.
fn parts(pattern: Pattern) -> &'static [(u8, u16)] {
    match pattern {
        Pattern::Off => &[],
        Pattern::Short => &[(4, 150)],
        Pattern::Double => &[(4, 150), (0, 150), (4, 150)],
        Pattern::Long => &[(4, 600)],
        Pattern::Rising => &[(1, 200), (2, 200), (3, 200), (4, 300)],
    }
}

/// How long the body still shakes after the motor stopped; samples stay flagged (docs/protocol.md, 4.1).
const SETTLING: Duration = Duration::from_millis(100);

/// Play what is asked for, one after the other; a stop ends the one that plays.
pub async fn play<M: Motor>(shared: &Shared, motor: &mut M) -> ! {
    loop {
        let buzz = shared.buzz.receive().await;
        if parts(buzz.pattern).is_empty() {
            continue;
        }
        // what was said before is not about this one: sharp pain, told while nothing played, silenced a cue much later
        shared.stop_buzz.reset();
        shared.with(|state| state.motor = true);
        shared.status_changed.signal(());
        let whole = async {
            for (quarters, ms) in parts(buzz.pattern) {
                motor.drive((u16::from(buzz.strength) * u16::from(*quarters) / 4) as u8);
                Timer::after_millis(u64::from(*ms)).await;
            }
        };
        embassy_futures::select::select(whole, shared.stop_buzz.wait()).await;
        motor.drive(0);
        Timer::after(SETTLING).await;
        shared.with(|state| state.motor = false);
        shared.status_changed.signal(());
    }
}
