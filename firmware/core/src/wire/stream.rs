//! Stream packets (section 4).

use super::bytes::{Reader, Writer};
use super::orientation::encode15;
use super::{Fault, Kind, flags, lasts};

/// Length of the header.
pub const HEADER: usize = 16;
/// Length of an orientation with acceleration, and of raw counts.
pub const SAMPLE: usize = 12;
/// Length of a sample with angular rate.
pub const SAMPLE_GYRO: usize = 18;
/// Most samples of 12 bytes in a packet.
pub const SAMPLES_MAX: usize = 18;
/// Most samples of 18 bytes in a packet.
pub const SAMPLES_GYRO_MAX: usize = 12;

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Profile {
    /// Orientation and acceleration.
    Fused = 0,
    /// Uncorrected counts.
    Raw = 1,
    /// Orientation, acceleration and angular rate.
    FusedGyro = 2,
}

impl Profile {
    /// From its number.
    pub fn parse(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Fused,
            1 => Self::Raw,
            2 => Self::FusedGyro,
            _ => return None,
        })
    }

    /// Bytes a sample takes.
    pub fn sample(self) -> usize {
        match self {
            Self::Fused | Self::Raw => SAMPLE,
            Self::FusedGyro => SAMPLE_GYRO,
        }
    }

    /// Most samples of a packet.
    pub fn most(self) -> usize {
        match self {
            Self::Fused | Self::Raw => SAMPLES_MAX,
            Self::FusedGyro => SAMPLES_GYRO_MAX,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Fused => Kind::Fused,
            Self::Raw => Kind::Raw,
            Self::FusedGyro => Kind::FusedGyro,
        }
    }
}

/// Identity and time of a packet's first sample (section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Flags of all its samples.
    pub flags: u8,
    /// Which start of the strap.
    pub boot: u16,
    /// Number of the first sample since that start.
    pub seq: u32,
    /// Its time, µs since that start.
    pub t: u64,
    /// Distance of samples, 2 µs.
    pub dt: u16,
}

/// One sample as the ring keeps it: all that any profile sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Orientation, packed (section 4.5).
    pub orientation: [u8; 6],
    /// Corrected acceleration, counts.
    pub acc: [i16; 3],
    /// Corrected angular rate, counts.
    pub gyr: [i16; 3],
    /// Uncorrected acceleration, counts.
    pub raw_acc: [i16; 3],
    /// Uncorrected angular rate, counts.
    pub raw_gyr: [i16; 3],
}

impl Sample {
    /// Pack an orientation.
    pub fn pack(q: [f32; 4]) -> [u8; 6] {
        encode15(q)
    }
}

fn put_header(out: &mut Writer<'_>, kind: Kind, header: &Header) {
    out.u8(kind.byte())
        .u8(header.flags)
        .u16(header.boot)
        .u32(header.seq)
        .u48(header.t)
        .u16(header.dt);
}

/// A packet of samples. None when `samples` is empty, too many, or does not fit `buffer`.
pub fn encode<'a>(
    buffer: &'a mut [u8],
    profile: Profile,
    header: &Header,
    samples: impl ExactSizeIterator<Item = Sample>,
) -> Option<&'a [u8]> {
    if samples.len() == 0 || samples.len() > profile.most() {
        return None;
    }
    let mut out = Writer::new(buffer);
    put_header(&mut out, profile.kind(), header);
    for sample in samples {
        match profile {
            Profile::Fused => out.put(&sample.orientation).i16x3(sample.acc),
            Profile::Raw => out.i16x3(sample.raw_acc).i16x3(sample.raw_gyr),
            Profile::FusedGyro => out
                .put(&sample.orientation)
                .i16x3(sample.acc)
                .i16x3(sample.gyr),
        };
    }
    out.finish()
}

/// An anchor: the header of the next sample alone.
pub fn encode_anchor<'a>(buffer: &'a mut [u8], header: &Header) -> Option<&'a [u8]> {
    let mut out = Writer::new(buffer);
    put_header(&mut out, Kind::Anchor, header);
    out.finish()
}

/// One sample for a small MTU (section 4.4).
pub fn encode_compact<'a>(
    buffer: &'a mut [u8],
    header: &Header,
    sample: &Sample,
) -> Option<&'a [u8]> {
    let mut out = Writer::new(buffer);
    out.u8(Kind::Compact.byte())
        .u8(header.flags)
        .u24(header.seq)
        .u24((header.t >> 4) as u32);
    out.put(&sample.orientation).i16x3(sample.acc);
    out.finish()
}

/// Samples that fit a packet of `payload` bytes when `asked` were asked for; None when the profile needs a larger MTU.
/// One sample of the fused profile means compact packets.
pub fn samples_that_fit(profile: Profile, payload: usize, asked: u8) -> Option<usize> {
    let room = payload.saturating_sub(HEADER) / profile.sample();
    let n = usize::from(asked).min(room).min(profile.most());
    match (n >= 2, profile) {
        (true, _) => Some(n),
        (false, Profile::Fused) => Some(1),
        _ => None,
    }
}

/// Parse the header of a packet with one and count its samples.
pub fn parse_header(packet: &[u8]) -> Result<(Profile, Header, usize), Fault> {
    let first = *packet.first().ok_or(Fault::Empty)?;
    if first >> 4 != super::VERSION {
        return Err(Fault::UnknownVersion);
    }
    let profile = [Profile::Fused, Profile::Raw, Profile::FusedGyro]
        .into_iter()
        .find(|profile| profile.kind().byte() == first)
        .ok_or(Fault::UnknownKind)?;
    let mut bytes = Reader::new(packet);
    let header = (|| {
        bytes.u8()?;
        Some(Header {
            flags: bytes.u8()?,
            boot: bytes.u16()?,
            seq: bytes.u32()?,
            t: bytes.u48()?,
            dt: bytes.u16()?,
        })
    })()
    .ok_or(Fault::WrongLength)?;
    let length = bytes.rest().len();
    let n = length / profile.sample();
    if n == 0 || n > profile.most() || !length.is_multiple_of(profile.sample()) {
        return Err(Fault::WrongLength);
    }
    let steps = n as u64 - 1;
    if (header.dt == 0 && n > 1)
        || u64::from(header.seq) + n as u64 > 1 << 32
        || !lasts(header.t, header.dt, steps)
    {
        return Err(Fault::BadValue);
    }
    Ok((profile, header, n))
}

/// Whether samples with these flags may share a packet.
pub fn same_packet(a: u8, b: u8) -> bool {
    a & !flags::LOST_BEFORE == b & !flags::LOST_BEFORE && b & flags::LOST_BEFORE == 0
}
