//! Events, times and the end of a log transfer (sections 4.6 and 5).

use super::bytes::{Reader, Writer};
use super::{Fault, Kind, expect};

/// Length of an event record.
pub const EVENT: usize = 20;
/// Length of a time record.
pub const TIME: usize = 26;
/// Length of the end of a transfer.
pub const LOG_END: usize = 14;

/// What happened (section 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// Button pressed shortly.
    Marker = 1,
    /// Button pressed twice: sharp pain; any cue stopped.
    SharpPain = 2,
    /// Marker of the companion.
    CompanionMarker = 3,
    /// The strap started; value: reset reason.
    Boot = 4,
    /// The strap cued a slouch by itself; value: direction.
    Cue = 5,
    /// The cued slouch ended; value: seconds since the cue.
    CueEnded = 6,
    /// Charger attached; value: battery percent.
    ChargerOn = 7,
    /// Charger taken off; value: battery percent.
    ChargerOff = 8,
    /// Taken off the body.
    OffBody = 9,
    /// Worn again.
    OnBody = 10,
    /// Went to sleep; value: 0 off body, 1 charger, 2 idle.
    Sleep = 11,
    /// Woke.
    Wake = 12,
    /// Battery low, stopping; value: mV.
    LowBattery = 13,
    /// Samples truly lost; value: how many.
    SamplesLost = 14,
    /// Unconfirmed records overwritten; value: how many.
    RecordsLost = 15,
    /// A calibration was stored; value: 0 bias, 1 scale, 2 acceleration.
    CalibrationStored = 16,
    /// The pairing window opened; value: seconds.
    PairingWindow = 17,
    /// The sensor fails; value: the driver's code.
    SensorFault = 18,
}

/// An event with its place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// [`Event`], as a number: a log may hold events of a newer firmware.
    pub event: u8,
    /// What it says of itself.
    pub value: u16,
    /// Its place in the log.
    pub id: u32,
    /// Which start of the strap.
    pub boot: u16,
    /// The newest sample then.
    pub seq: u32,
    /// When, µs since that start.
    pub t: u64,
}

impl EventRecord {
    /// Its bytes.
    pub fn encode<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut out = Writer::new(buffer);
        out.u8(Kind::Event.byte())
            .u8(self.event)
            .u16(self.value)
            .u32(self.id);
        out.u16(self.boot).u32(self.seq).u48(self.t);
        out.finish()
    }

    /// From its bytes.
    pub fn parse(packet: &[u8]) -> Result<Self, Fault> {
        expect(packet, Kind::Event)?;
        if packet.len() != EVENT {
            return Err(Fault::WrongLength);
        }
        let mut bytes = Reader::new(packet);
        (|| {
            bytes.u8()?;
            Some(Self {
                event: bytes.u8()?,
                value: bytes.u16()?,
                id: bytes.u32()?,
                boot: bytes.u16()?,
                seq: bytes.u32()?,
                t: bytes.u48()?,
            })
        })()
        .ok_or(Fault::WrongLength)
    }
}

/// UTC of a moment of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRecord {
    /// Its place in the log.
    pub id: u32,
    /// Which start of the strap.
    pub boot: u16,
    /// The newest sample then.
    pub seq: u32,
    /// When, µs since that start.
    pub t: u64,
    /// The same moment, µs since 1970 UTC.
    pub utc: u64,
}

impl TimeRecord {
    /// Its bytes.
    pub fn encode<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut out = Writer::new(buffer);
        out.u8(Kind::Time.byte())
            .u8(0)
            .u32(self.id)
            .u16(self.boot)
            .u32(self.seq)
            .u48(self.t)
            .u64(self.utc);
        out.finish()
    }

    /// From its bytes.
    pub fn parse(packet: &[u8]) -> Result<Self, Fault> {
        expect(packet, Kind::Time)?;
        if packet.len() != TIME {
            return Err(Fault::WrongLength);
        }
        let mut bytes = Reader::new(packet);
        (|| {
            bytes.u16()?;
            Some(Self {
                id: bytes.u32()?,
                boot: bytes.u16()?,
                seq: bytes.u32()?,
                t: bytes.u48()?,
                utc: bytes.u64()?,
            })
        })()
        .ok_or(Fault::WrongLength)
    }
}

/// The end of a log transfer: status, first id sent, id after the last, how many.
pub fn encode_log_end(
    buffer: &mut [u8],
    status: u8,
    first: u32,
    after: u32,
    sent: u32,
) -> Option<&[u8]> {
    let mut out = Writer::new(buffer);
    out.u8(Kind::LogEnd.byte())
        .u8(status)
        .u32(first)
        .u32(after)
        .u32(sent);
    out.finish()
}
