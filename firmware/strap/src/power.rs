//! Charge of the LiPo cell and what follows from it.

use embassy_time::Timer;
use unslouch_strap_core::wire::event::Event;

use crate::pairing;
use crate::platform::Power;
use crate::state::Shared;

/// Voltage under a light load against charge: a usual LiPo curve at 25 °C, mV and percent, descending.
const CURVE: [(u16, u8); 12] = [
    (4180, 100),
    (4060, 90),
    (3980, 80),
    (3920, 70),
    (3870, 60),
    (3820, 50),
    (3790, 40),
    (3770, 30),
    (3740, 20),
    (3680, 10),
    (3450, 5),
    (3300, 0),
];

/// Below this the strap saves its state and stops: the cell must not be drained further.
pub const EMPTY_MV: u16 = 3300;
/// At this charge and below it says that the battery is low.
pub const LOW_PERCENT: u8 = 10;

/// Charge in percent at a voltage; linear between the curve's points.
pub fn percent(mv: u16) -> u8 {
    let mut above = (u16::MAX, 100);
    for point in CURVE {
        if mv >= point.0 {
            if above.0 == u16::MAX {
                return 100;
            }
            let span = u32::from(above.0 - point.0);
            let part = u32::from(mv - point.0) * u32::from(above.1 - point.1);
            return point.1 + ((part + span / 2) / span) as u8;
        }
        above = point;
    }
    0
}

/// Look at cell and charger every few seconds.
pub async fn watch<P: Power>(shared: &Shared, power: &mut P) {
    let mut low_readings = 0;
    let mut charging = power.charging();
    shared.with(|state| state.charging = charging);
    loop {
        let mv = power.millivolts().await;
        let now = power.charging();
        let percent = percent(mv);
        let changed = shared.with(|state| {
            let changed = state.battery_percent != percent || state.charging != now;
            (state.battery_mv, state.battery_percent, state.charging) = (mv, percent, now);
            changed
        });
        if changed {
            shared.battery_changed.signal(percent);
            shared.note_change();
        }
        if now != charging {
            charging = now;
            shared.wake.signal(());
            shared.event(
                if now {
                    Event::ChargerOn
                } else {
                    Event::ChargerOff
                },
                u16::from(percent),
            );
            if now {
                pairing::open(shared, pairing::WINDOW);
            }
        }
        // the motor's current pulls the voltage down for a moment: believe it only the third time
        low_readings = if mv < EMPTY_MV && !now {
            low_readings + 1
        } else {
            0
        };
        if low_readings >= 3 {
            shared.event(Event::LowBattery, mv);
            shared.flush.signal(());
            Timer::after_secs(2).await;
            power.off().await;
            low_readings = 0;
        }
        Timer::after_secs(if now { 1 } else { 5 }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_follows_the_curve_and_never_rises_when_the_voltage_falls() {
        assert_eq!(
            (
                percent(4300),
                percent(4180),
                percent(3820),
                percent(3300),
                percent(2500)
            ),
            (100, 100, 50, 0, 0)
        );
        assert_eq!(percent(4020), 85);
        let mut last = 100;
        for mv in (2500..4400).rev() {
            let now = percent(mv);
            assert!(now <= last, "{mv} mV");
            last = now;
        }
    }
}
