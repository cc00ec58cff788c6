//! Collects what STATUS tells.

use embassy_time::Instant;
use unslouch_strap_core::wire::calibration::measured;
use unslouch_strap_core::wire::status::{Status, set, state as bit};

use crate::gatt::FIRMWARE;
use crate::platform::ResetReason;
use crate::power::LOW_PERCENT;
use crate::state::Shared;

fn bits(pairs: &[(bool, u8)]) -> u8 {
    pairs
        .iter()
        .fold(0, |all, (on, bit)| if *on { all | bit } else { all })
}

/// Numbers of the reset reasons on the wire (docs/protocol.md, section 7).
pub fn reset_number(reason: ResetReason) -> u8 {
    match reason {
        ResetReason::Unknown => 0,
        ResetReason::PowerOn => 1,
        ResetReason::Pin => 2,
        ResetReason::Watchdog => 3,
        ResetReason::Panic => 4,
        ResetReason::Brownout => 5,
        ResetReason::Requested => 6,
        ResetReason::LowBattery => 7,
        ResetReason::Lockup => 8,
    }
}

fn version() -> [u8; 3] {
    let mut parts = FIRMWARE.split('.').map(|part| part.parse().unwrap_or(0));
    core::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// Hundredths of a degree; the lowest number where it is unknown.
pub fn centi(celsius: f32) -> i16 {
    if celsius.is_finite() {
        (celsius * 100.0) as i16
    } else {
        i16::MIN
    }
}

/// The status now.
pub fn collect(shared: &Shared) -> Status {
    let now = Instant::now();
    shared.with(|s| {
        let snooze = s
            .snooze_until
            .map_or(0, |until| until.saturating_duration_since(now).as_secs());
        let calibration = &s.settings.calibration;
        let measured_bias = calibration.measured & measured::BIAS != 0;
        Status {
            state: bits(&[
                (s.stream.is_some(), bit::STREAMING),
                (s.off_body, bit::OFF_BODY),
                (s.charging, bit::CHARGER),
                (s.motor, bit::MOTOR),
                (s.battery_percent <= LOW_PERCENT, bit::BATTERY_LOW),
                (s.pairing_open(), bit::PAIRING),
                (s.utc_offset.is_some(), bit::TIME_SET),
                (s.flash_fault, bit::FLASH_FAULT),
            ]),
            boot: s.boot,
            seq: s.ring.next(),
            t: now.as_micros(),
            battery_percent: s.battery_percent,
            profile: s.stream.map_or(255, |plan| plan.profile as u8),
            next_id: s.next_id,
            oldest_id: s.oldest_id,
            unconfirmed_id: s.unconfirmed_id,
            battery_mv: s.battery_mv,
            dt: (s.period_us / 2.0 + 0.5) as u16,
            samples: s.stream.map_or(0, |plan| plan.samples),
            mode: u8::from(s.economy),
            reset_reason: reset_number(s.reset_reason),
            set: bits(&[
                (s.panic_waits, set::PANIC),
                (s.settings.gate.enable & 0b111 != 0, set::GATE),
                (measured_bias, set::BIAS),
                (calibration.measured & measured::MATRIX != 0, set::SCALE),
                (calibration.measured & measured::ACC != 0, set::ACC),
                (s.settings.mount.is_some(), set::MOUNT),
                (snooze > 0, set::SNOOZED),
            ]),
            temperature: centi(s.temperature),
            bonds: s.bonds,
            disconnect_reason: s.disconnect_reason,
            firmware: version(),
            board: s.board,
            ring_seq: s.ring.oldest(),
            bias_age: if measured_bias {
                s.boot.wrapping_sub(calibration.boot)
            } else {
                u16::MAX
            },
            quality: calibration.quality,
            lost: s.lost,
            snooze: snooze.min(u64::from(u16::MAX)) as u16,
            refused: s.refused,
        }
    })
}
