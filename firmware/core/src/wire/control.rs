//! Control requests and answers (section 6). Input is hostile until parsed: the length is judged before the values.

use super::bytes::{Reader, Writer};
use super::orientation::decode15;
use super::stream::Profile;

/// Longest request and answer.
pub const LONGEST: usize = 20;

/// Answer to a request (section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Accepted; a second answer follows.
    Working = 1,
    /// The length does not fit the request.
    BadLength = 2,
    /// No such request.
    UnknownOp = 3,
    /// A value is outside its range.
    OutOfRange = 4,
    /// Another one runs, or too many wait.
    Busy = 5,
    /// State or MTU forbids it.
    NotNow = 6,
    /// The data was overwritten.
    Gone = 7,
    /// Flash failed.
    StorageFault = 8,
    /// A protocol version this strap does not speak.
    UnsupportedVersion = 9,
    /// Tried and failed.
    Failed = 10,
}

/// Thresholds of the posture gate as they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Bits: 0 flexion, 1 extension, 2 lean, 3 stand-alone buzz.
    pub enable: u8,
    /// 0.01°: flexion enter, leave, extension enter, leave, lean enter, leave.
    pub angles: [u16; 6],
    /// 0.1 s.
    pub dwell: u16,
    /// s.
    pub quiet: u16,
}

impl Gate {
    /// Bytes of a gate.
    pub const LENGTH: usize = 17;

    /// Whether every value is in its range.
    pub fn is_valid(&self) -> bool {
        let [fe, fl, ee, el, le, ll] = self.angles;
        let pair = |enter: u16, leave: u16| 200 <= leave && leave < enter && enter <= 9000;
        self.enable < 16
            && pair(fe, fl)
            && pair(ee, el)
            && pair(le, ll)
            && (10..=6000).contains(&self.dwell)
            && self.quiet <= 7200
    }

    /// Append its bytes.
    pub fn write(&self, out: &mut Writer<'_>) {
        out.u8(self.enable);
        for angle in self.angles {
            out.u16(angle);
        }
        out.u16(self.dwell).u16(self.quiet);
    }

    /// From its bytes, values unchecked.
    pub fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let enable = bytes.u8()?;
        let mut angles = [0; 6];
        for angle in &mut angles {
            *angle = bytes.u16()?;
        }
        Some(Self {
            enable,
            angles,
            dwell: bytes.u16()?,
            quiet: bytes.u16()?,
        })
    }
}

/// Motor pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Pattern {
    /// Silent.
    Off = 0,
    /// One short pulse.
    Short = 1,
    /// Two short pulses.
    Double = 2,
    /// One long pulse.
    Long = 3,
    /// Rising strength.
    Rising = 4,
}

impl Pattern {
    /// From its number.
    pub fn parse(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Off,
            1 => Self::Short,
            2 => Self::Double,
            3 => Self::Long,
            4 => Self::Rising,
            _ => return None,
        })
    }
}

/// Where the sensor sits and what upright is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mount {
    /// Forward is known.
    pub forward: bool,
    /// False clears it.
    pub valid: bool,
    /// Sensor to thorax, w x y z.
    pub mount: [f32; 4],
    /// Thorax to world at neutral, any heading, w x y z.
    pub neutral: [f32; 4],
}

/// A request whose every value is in its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request {
    /// Begin to stream.
    Start {
        /// What it carries.
        profile: Profile,
        /// Samples per packet.
        samples: u8,
    },
    /// Stream no more.
    Stop,
    /// Link parameters.
    Mode {
        /// Economy instead of low latency.
        economy: bool,
    },
    /// Send samples again from the RAM ring.
    Resend {
        /// Of which start.
        boot: u16,
        /// From which sample.
        seq: u32,
        /// How many.
        count: u16,
    },
    /// Send log records.
    LogRead {
        /// From this id.
        first: u32,
        /// To this id.
        last: u32,
    },
    /// Send no more log records.
    LogStop,
    /// Everything up to this id may be forgotten.
    LogConfirm {
        /// The id.
        id: u32,
    },
    /// All samples of `boot` up to `seq` are stored.
    Stored {
        /// Of which start.
        boot: u16,
        /// Up to which sample.
        seq: u32,
    },
    /// Set the posture gate.
    SetGate(Gate),
    /// Tell the posture gate.
    GetGate,
    /// Set the cue's pattern.
    SetMotor {
        /// Its shape.
        pattern: Pattern,
        /// 1 to 100 %.
        strength: u8,
    },
    /// Buzz once, now.
    Buzz {
        /// Its shape.
        pattern: Pattern,
        /// 1 to 100 %.
        strength: u8,
    },
    /// The time is.
    SetTime {
        /// µs since 1970 UTC.
        utc: u64,
    },
    /// Put a marker.
    Mark {
        /// What the companion wants to find again.
        value: u16,
    },
    /// Forget bonds.
    Forget {
        /// All of them, not this one alone.
        all: bool,
    },
    /// Measure the gyro bias.
    CalBias,
    /// Measure the gyro scale of an axis.
    CalScale {
        /// 0 to 2.
        axis: u8,
        /// 0 begin, 1 end, 2 cancel.
        phase: u8,
        /// Angle turned, 0.01°.
        angle: i32,
    },
    /// Measure the accelerometer on a face.
    CalAcc {
        /// +x -x +y -y +z -z up.
        face: u8,
    },
    /// Set mount and neutral.
    SetMount(Mount),
    /// Tell the last panic's text.
    Panic {
        /// From which byte.
        offset: u16,
    },
    /// Forget the last panic's text.
    PanicClear,
    /// No cues for a while.
    Snooze {
        /// 0 ends it.
        seconds: u16,
    },
    /// Start again.
    Reboot {
        /// Into the bootloader.
        bootloader: bool,
    },
    /// Open or close the pairing window.
    Pairing {
        /// 0 closes.
        seconds: u8,
    },
}

/// 2020-01-01 and 2100-01-01, µs since 1970.
const UTC_RANGE: core::ops::Range<u64> = 1_577_836_800_000_000..4_102_444_800_000_000;
/// Most samples of a resend.
pub const RESEND_MAX: u16 = 6240;

/// Number of bytes that follow op and tag.
fn length_of(op: u8) -> Option<usize> {
    Some(match op {
        0x01 => 3,
        0x02 | 0x06 | 0x0A | 0x10 | 0x15 => 0,
        0x03 | 0x0F | 0x12 | 0x17 | 0x18 => 1,
        0x04 => 8,
        0x05 => 8,
        0x07 => 4,
        0x08 => 6,
        0x09 => Gate::LENGTH,
        0x0B | 0x0C | 0x0E | 0x14 | 0x16 => 2,
        0x0D => 8,
        0x11 => 6,
        0x13 => 13,
        _ => return None,
    })
}

/// Parse a write to control: its op and tag, and the request or why it is refused.
pub fn parse(bytes: &[u8]) -> (u8, u8, Result<Request, Status>) {
    let mut reader = Reader::new(bytes);
    let (Some(op), Some(tag)) = (reader.u8(), reader.u8()) else {
        return (0x7F, 0, Err(Status::BadLength));
    };
    let request = match length_of(op) {
        None => Err(Status::UnknownOp),
        Some(length) if length != reader.rest().len() => Err(Status::BadLength),
        Some(_) => arguments(op, &mut reader),
    };
    (op, tag, request)
}

fn arguments(op: u8, r: &mut Reader<'_>) -> Result<Request, Status> {
    let short = Status::BadLength;
    let range = |ok: bool, request: Request| {
        if ok {
            Ok(request)
        } else {
            Err(Status::OutOfRange)
        }
    };
    match op {
        0x01 => {
            let (version, profile, samples) = (
                r.u8().ok_or(short)?,
                r.u8().ok_or(short)?,
                r.u8().ok_or(short)?,
            );
            if version != super::VERSION {
                return Err(Status::UnsupportedVersion);
            }
            let profile = Profile::parse(profile).ok_or(Status::OutOfRange)?;
            range(
                (2..=18).contains(&samples),
                Request::Start { profile, samples },
            )
        }
        0x02 => Ok(Request::Stop),
        0x03 => {
            let mode = r.u8().ok_or(short)?;
            range(mode < 2, Request::Mode { economy: mode == 1 })
        }
        0x04 => {
            let (boot, seq, count) = (
                r.u16().ok_or(short)?,
                r.u32().ok_or(short)?,
                r.u16().ok_or(short)?,
            );
            range(
                (1..=RESEND_MAX).contains(&count),
                Request::Resend { boot, seq, count },
            )
        }
        0x05 => {
            let (first, last) = (r.u32().ok_or(short)?, r.u32().ok_or(short)?);
            range(first <= last, Request::LogRead { first, last })
        }
        0x06 => Ok(Request::LogStop),
        0x07 => Ok(Request::LogConfirm {
            id: r.u32().ok_or(short)?,
        }),
        0x08 => Ok(Request::Stored {
            boot: r.u16().ok_or(short)?,
            seq: r.u32().ok_or(short)?,
        }),
        0x09 => {
            let gate = Gate::read(r).ok_or(short)?;
            range(gate.is_valid(), Request::SetGate(gate))
        }
        0x0A => Ok(Request::GetGate),
        0x0B | 0x0C => {
            let (pattern, strength) = (r.u8().ok_or(short)?, r.u8().ok_or(short)?);
            let pattern = Pattern::parse(pattern).ok_or(Status::OutOfRange)?;
            let strong = (1..=100).contains(&strength);
            if op == 0x0B {
                range(strong, Request::SetMotor { pattern, strength })
            } else {
                range(
                    strong && pattern != Pattern::Off,
                    Request::Buzz { pattern, strength },
                )
            }
        }
        0x0D => {
            let utc = r.u64().ok_or(short)?;
            range(UTC_RANGE.contains(&utc), Request::SetTime { utc })
        }
        0x0E => Ok(Request::Mark {
            value: r.u16().ok_or(short)?,
        }),
        0x0F => {
            let whom = r.u8().ok_or(short)?;
            range(whom < 2, Request::Forget { all: whom == 1 })
        }
        0x10 => Ok(Request::CalBias),
        0x11 => {
            let (axis, phase, angle) = (
                r.u8().ok_or(short)?,
                r.u8().ok_or(short)?,
                r.i32().ok_or(short)?,
            );
            let turned = match phase {
                1 => (9_000..=360_000).contains(&angle.unsigned_abs()),
                _ => angle == 0,
            };
            range(
                axis < 3 && phase < 3 && turned,
                Request::CalScale { axis, phase, angle },
            )
        }
        0x12 => {
            let face = r.u8().ok_or(short)?;
            range(face < 6, Request::CalAcc { face })
        }
        0x13 => {
            let flags = r.u8().ok_or(short)?;
            let (mount, neutral) = (r.take::<6>().ok_or(short)?, r.take::<6>().ok_or(short)?);
            if flags >= 4 {
                return Err(Status::OutOfRange);
            }
            let valid = flags & 2 != 0;
            let identity = [1.0, 0.0, 0.0, 0.0];
            let orientation = |bytes| {
                if valid {
                    decode15(bytes).ok_or(Status::OutOfRange)
                } else {
                    Ok(identity)
                }
            };
            Ok(Request::SetMount(Mount {
                forward: flags & 1 != 0,
                valid,
                mount: orientation(mount)?,
                neutral: orientation(neutral)?,
            }))
        }
        0x14 => Ok(Request::Panic {
            offset: r.u16().ok_or(short)?,
        }),
        0x15 => Ok(Request::PanicClear),
        0x16 => {
            let seconds = r.u16().ok_or(short)?;
            range(seconds <= 7200, Request::Snooze { seconds })
        }
        0x17 => {
            let how = r.u8().ok_or(short)?;
            range(
                how < 2,
                Request::Reboot {
                    bootloader: how == 1,
                },
            )
        }
        0x18 => {
            let seconds = r.u8().ok_or(short)?;
            range(seconds <= 120, Request::Pairing { seconds })
        }
        _ => Err(Status::UnknownOp),
    }
}

/// An answer that is being written.
pub struct Answer {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Answer {
    /// An answer without results.
    pub fn new(op: u8, tag: u8, status: Status) -> Self {
        Self::with(op, tag, status, |_| {})
    }

    /// An answer with results.
    pub fn with(op: u8, tag: u8, status: Status, results: impl FnOnce(&mut Writer<'_>)) -> Self {
        let mut bytes = [0; LONGEST];
        let mut out = Writer::new(&mut bytes);
        out.u8(op | 0x80).u8(tag).u8(status as u8);
        results(&mut out);
        let length = out.len();
        Self { bytes, length }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_judged_before_values_and_must_match() {
        assert_eq!(parse(&[]), (0x7F, 0, Err(Status::BadLength)));
        assert_eq!(parse(&[1]), (0x7F, 0, Err(Status::BadLength)));
        assert_eq!(parse(&[1, 9, 1, 0]).2, Err(Status::BadLength));
        assert_eq!(parse(&[1, 9, 1, 0, 2, 0]).2, Err(Status::BadLength));
        assert_eq!(parse(&[0x77, 9]), (0x77, 9, Err(Status::UnknownOp)));
        let start = Request::Start {
            profile: Profile::Fused,
            samples: 2,
        };
        assert_eq!(parse(&[1, 9, 1, 0, 2]), (1, 9, Ok(start)));
        assert_eq!(parse(&[1, 9, 2, 0, 2]).2, Err(Status::UnsupportedVersion));
        assert_eq!(parse(&[1, 9, 1, 0, 1]).2, Err(Status::OutOfRange));
        assert_eq!(parse(&[1, 9, 1, 3, 2]).2, Err(Status::OutOfRange));
    }

    #[test]
    fn a_gate_that_would_never_leave_is_refused() {
        let good = Gate {
            enable: 15,
            angles: [1200, 700, 1500, 900, 1500, 900],
            dwell: 150,
            quiet: 60,
        };
        assert!(good.is_valid());
        for i in [0, 2, 4] {
            let mut angles = good.angles;
            angles[i] = angles[i + 1];
            assert!(!Gate { angles, ..good }.is_valid());
        }
        assert!(!Gate { enable: 16, ..good }.is_valid());
        assert!(!Gate { dwell: 9, ..good }.is_valid());
    }
}
