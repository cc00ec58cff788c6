//! The status characteristic (section 7).

use super::Kind;
use super::bytes::Writer;

/// Length of the status.
pub const LENGTH: usize = 60;

/// Bits of [`Status::state`].
pub mod state {
    /// A stream runs.
    pub const STREAMING: u8 = 1;
    /// Not worn.
    pub const OFF_BODY: u8 = 2;
    /// Charger attached.
    pub const CHARGER: u8 = 4;
    /// Motor running.
    pub const MOTOR: u8 = 8;
    /// Battery low.
    pub const BATTERY_LOW: u8 = 16;
    /// Pairing window open.
    pub const PAIRING: u8 = 32;
    /// UTC is known.
    pub const TIME_SET: u8 = 64;
    /// Flash fails.
    pub const FLASH_FAULT: u8 = 128;
}

/// Bits of [`Status::set`].
pub mod set {
    /// A panic's text waits.
    pub const PANIC: u8 = 1;
    /// The gate is enabled.
    pub const GATE: u8 = 2;
    /// Gyro bias calibrated.
    pub const BIAS: u8 = 4;
    /// Gyro scale calibrated.
    pub const SCALE: u8 = 8;
    /// Accelerometer calibrated.
    pub const ACC: u8 = 16;
    /// Mount and neutral known.
    pub const MOUNT: u8 = 32;
    /// Cues snoozed.
    pub const SNOOZED: u8 = 64;
}

/// Everything the status tells; field by field as in section 7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the table in docs/protocol.md
pub struct Status {
    pub state: u8,
    pub boot: u16,
    pub seq: u32,
    pub t: u64,
    pub battery_percent: u8,
    pub profile: u8,
    pub next_id: u32,
    pub oldest_id: u32,
    pub unconfirmed_id: u32,
    pub battery_mv: u16,
    pub dt: u16,
    pub samples: u8,
    pub mode: u8,
    pub reset_reason: u8,
    pub set: u8,
    pub temperature: i16,
    pub bonds: u8,
    pub disconnect_reason: u8,
    pub firmware: [u8; 3],
    pub board: u8,
    pub ring_seq: u32,
    pub bias_age: u16,
    pub quality: u8,
    pub lost: u32,
    pub snooze: u16,
    pub refused: u16,
}

impl Status {
    /// Its bytes.
    pub fn encode<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut out = Writer::new(buffer);
        out.u8(Kind::Status.byte())
            .u8(self.state)
            .u16(self.boot)
            .u32(self.seq)
            .u48(self.t);
        out.u8(self.battery_percent)
            .u8(self.profile)
            .u32(self.next_id)
            .u32(self.oldest_id)
            .u32(self.unconfirmed_id);
        out.u16(self.battery_mv)
            .u16(self.dt)
            .u8(self.samples)
            .u8(self.mode)
            .u8(self.reset_reason)
            .u8(self.set);
        out.i16(self.temperature)
            .u8(self.bonds)
            .u8(self.disconnect_reason)
            .put(&self.firmware)
            .u8(self.board);
        out.u32(self.ring_seq)
            .u16(self.bias_age)
            .u8(self.quality)
            .u8(0)
            .u32(self.lost)
            .u16(self.snooze);
        out.u16(self.refused);
        out.finish()
    }
}
