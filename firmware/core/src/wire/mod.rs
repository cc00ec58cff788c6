//! Bytes of the strap's protocol, version 1 (`docs/protocol.md`; section numbers below are its).
//!
//! Encoders write into a caller's buffer and return the used part; parsers take hostile bytes and return what they mean
//! or which rule they break. Nothing here panics on any input.

pub mod bytes;
pub mod calibration;
pub mod control;
pub mod crc;
pub mod event;
pub mod log;
pub mod orientation;
pub mod status;
pub mod stream;

/// Version this crate speaks.
pub const VERSION: u8 = 1;

/// Largest payload of a notification: MTU 247 less three bytes of ATT header.
pub const PAYLOAD_MAX: usize = 244;

/// Low nibble of byte 0 (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Orientation and acceleration.
    Fused = 1,
    /// Uncorrected counts of both sensors.
    Raw = 2,
    /// Orientation, acceleration and angular rate.
    FusedGyro = 3,
    /// One fused sample for a small MTU.
    Compact = 4,
    /// The header alone.
    Anchor = 5,
    /// Something that happened.
    Event = 6,
    /// Samples of the flash log.
    Log = 8,
    /// UTC of a boot.
    Time = 9,
    /// End of a log transfer.
    LogEnd = 10,
    /// State of the strap.
    Status = 12,
    /// Calibration of the sensor.
    Calibration = 13,
}

impl Kind {
    /// Byte 0 of a packet of this kind.
    pub const fn byte(self) -> u8 {
        (VERSION << 4) | self as u8
    }
}

/// Flags of samples (section 4.1).
pub mod flags {
    /// The vibration motor was running.
    pub const MOTOR: u8 = 1;
    /// Not worn.
    pub const OFF_BODY: u8 = 2;
    /// On the charger.
    pub const CHARGER: u8 = 4;
    /// Walking.
    pub const WALKING: u8 = 8;
    /// Samples before this one were truly lost.
    pub const LOST_BEFORE: u8 = 16;
    /// At the sensor's range or stuck.
    pub const SATURATED: u8 = 32;
    /// Lying.
    pub const LYING: u8 = 64;
    /// Answer to a request.
    pub const RESENT: u8 = 128;
}

/// Which rule bytes break (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No bytes.
    Empty,
    /// A version this crate does not know.
    UnknownVersion,
    /// A kind that does not exist or does not belong here.
    UnknownKind,
    /// The length does not fit the kind.
    WrongLength,
    /// Values that cannot be.
    BadValue,
}

/// Whether the time of a sample `steps` periods after the first one fits 48 bits (section 9).
fn lasts(t: u64, dt: u16, steps: u64) -> bool {
    t + 2 * u64::from(dt) * steps < 1 << 48
}

/// Check byte 0.
pub fn expect(packet: &[u8], kind: Kind) -> Result<(), Fault> {
    let first = *packet.first().ok_or(Fault::Empty)?;
    if first >> 4 != VERSION {
        return Err(Fault::UnknownVersion);
    }
    if first != kind.byte() {
        Err(Fault::UnknownKind)
    } else {
        Ok(())
    }
}
