//! The button's language: short press a marker, double sharp pain, long the pairing window.

use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer};
use unslouch_strap_core::wire::event::Event;

use crate::advertise;
use crate::pairing;
use crate::platform::Button;
use crate::state::Shared;

/// What the person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Once, shortly.
    Short,
    /// Twice.
    Double,
    /// Held.
    Long,
}

/// Contacts bounce for a few milliseconds; nobody presses shorter than this.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// A second press within this makes a double.
const DOUBLE: Duration = Duration::from_millis(400);
/// Held this long opens the pairing window.
const HOLD: Duration = Duration::from_secs(3);

/// Wait for what the person says next.
pub async fn next_press<B: Button>(button: &mut B) -> Press {
    loop {
        while !button.changed().await {}
        let pressed = Instant::now();
        match select(released(button), Timer::at(pressed + HOLD)).await {
            Either::Second(()) => {
                released(button).await;
                return Press::Long;
            }
            Either::First(()) if pressed.elapsed() < DEBOUNCE => continue,
            Either::First(()) => {}
        }
        return match select(pressed_again(button), Timer::after(DOUBLE)).await {
            Either::First(()) => Press::Double,
            Either::Second(()) => Press::Short,
        };
    }
}

async fn released<B: Button>(button: &mut B) {
    while button.changed().await {}
}

async fn pressed_again<B: Button>(button: &mut B) {
    while !button.changed().await {}
}

/// Do what the button says.
pub async fn serve<B: Button>(shared: &Shared, button: &mut B) -> ! {
    loop {
        let press = next_press(button).await;
        shared.with(|state| state.fast_until = Some(Instant::now() + advertise::FAST_FOR));
        shared.advertising_changed.signal(());
        match press {
            Press::Short => shared.event(Event::Marker, 0),
            Press::Double => {
                // sharp pain stops everything at once, whatever is running
                shared.stop_buzz.signal(());
                shared.buzz.clear();
                shared.with(|state| {
                    state.gate_holds_until = Some(Instant::now() + crate::state::PAIN_SILENCE)
                });
                shared.event(Event::SharpPain, 0);
            }
            Press::Long => pairing::open(shared, pairing::WINDOW),
        }
    }
}
