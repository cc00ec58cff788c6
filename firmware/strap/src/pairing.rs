//! The pairing window: what keeps strangers out of a strap that has neither keys nor display.

use embassy_time::{Duration, Instant, Timer};
use unslouch_strap_core::wire::event::Event;

use crate::state::Shared;

/// How long the window stays open by default.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Open the window, or close it with a duration of zero.
pub fn open(shared: &Shared, window: Duration) {
    shared.with(|state| {
        state.pairing_until = (window > Duration::MIN).then(|| Instant::now() + window);
    });
    if window > Duration::MIN {
        shared.event(Event::PairingWindow, window.as_secs() as u16);
    }
    shared.pairing_changed.signal(());
    shared.note_change();
}

/// Close the window when its time is up.
pub async fn watch(shared: &Shared) -> ! {
    loop {
        let until = shared.with(|state| state.pairing_until);
        match until {
            Some(until) => {
                embassy_futures::select::select(Timer::at(until), shared.pairing_changed.wait())
                    .await;
                if shared.with(|state| {
                    state
                        .pairing_until
                        .is_some_and(|until| until <= Instant::now())
                }) {
                    shared.with(|state| state.pairing_until = None);
                    shared.note_change();
                }
            }
            None => shared.pairing_changed.wait().await,
        }
    }
}
