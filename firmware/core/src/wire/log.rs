//! Records of the flash log and their fragments on the radio (section 5).

use super::bytes::{Reader, Writer};
use super::orientation::{decode14, encode14};
use super::{Fault, Kind, expect, flags, lasts};

/// Length of a record's header.
pub const HEADER: usize = 21;
/// Most samples of a record.
pub const SAMPLES_MAX: usize = 40;
/// Longest record.
pub const RECORD_MAX: usize = HEADER + SAMPLES_MAX / 2 * 11;
/// Bytes before a fragment's payload.
pub const FRAGMENT_HEADER: usize = 3;
/// Most fragments of a record.
pub const FRAGMENTS_MAX: usize = 128;

/// Identity, time and flags of a log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Flags of all its samples.
    pub flags: u8,
    /// Stream samples per log sample.
    pub step: u8,
    /// Its place in the log.
    pub id: u32,
    /// Which start of the strap.
    pub boot: u16,
    /// Stream number of the first sample.
    pub seq: u32,
    /// Its time, µs since that start.
    pub t: u64,
    /// Distance of stream samples, 2 µs.
    pub dt: u16,
}

/// A record that is being filled.
#[derive(Clone, Debug)]
pub struct Builder {
    header: Header,
    bytes: [u8; RECORD_MAX],
    n: usize,
}

impl Builder {
    /// Begin a record; its id is given at the end.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            bytes: [0; RECORD_MAX],
            n: 0,
        }
    }

    /// How many samples it holds.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether it holds no sample.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Whether it is full.
    pub fn is_full(&self) -> bool {
        self.n == SAMPLES_MAX
    }

    /// What it was begun with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Stream number of the newest sample.
    pub fn last_seq(&self) -> u32 {
        let steps = self.n.saturating_sub(1) as u32;
        self.header
            .seq
            .wrapping_add(steps * u32::from(self.header.step))
    }

    /// Append an orientation; false when full.
    pub fn push(&mut self, q: [f32; 4]) -> bool {
        if self.is_full() {
            return false;
        }
        let code = encode14(q);
        let at = HEADER + self.n / 2 * 11;
        if self.n.is_multiple_of(2) {
            if let Some(room) = self.bytes.get_mut(at..at + 6) {
                room.copy_from_slice(&code.to_le_bytes()[..6]);
            }
        } else if let Some(room) = self.bytes.get_mut(at + 5..at + 11) {
            // the first of the pair ends with bit 43, in the middle of byte 5
            let shifted = (code << 4).to_le_bytes();
            room[0] = (room[0] & 0x0F) | shifted[0];
            room[1..].copy_from_slice(&shifted[1..6]);
        }
        self.n += 1;
        true
    }

    /// The record with its id.
    pub fn finish(&mut self, id: u32) -> &[u8] {
        self.header.id = id;
        let header = self.header;
        let mut out = Writer::new(&mut self.bytes);
        out.u8(Kind::Log.byte())
            .u8(header.flags & !flags::RESENT)
            .u8(header.step)
            .u32(header.id);
        out.u16(header.boot)
            .u32(header.seq)
            .u48(header.t)
            .u16(header.dt);
        let length = HEADER + self.n / 2 * 11 + self.n % 2 * 6;
        self.bytes.get(..length).unwrap_or(&[])
    }
}

/// A record read back.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its header.
    pub header: Header,
    /// How many samples it holds.
    pub n: usize,
    samples: &'a [u8],
}

impl<'a> Record<'a> {
    /// Check a record's bytes.
    pub fn parse(packet: &'a [u8]) -> Result<Self, Fault> {
        expect(packet, Kind::Log)?;
        let mut bytes = Reader::new(packet);
        let header = (|| {
            bytes.u8()?;
            Some(Header {
                flags: bytes.u8()?,
                step: bytes.u8()?,
                id: bytes.u32()?,
                boot: bytes.u16()?,
                seq: bytes.u32()?,
                t: bytes.u48()?,
                dt: bytes.u16()?,
            })
        })()
        .ok_or(Fault::WrongLength)?;
        let samples = bytes.rest();
        let n = match (samples.len() / 11, samples.len() % 11) {
            (pairs, 0) => 2 * pairs,
            (pairs, 6) => 2 * pairs + 1,
            _ => return Err(Fault::WrongLength),
        };
        if n == 0 || n > SAMPLES_MAX {
            return Err(Fault::WrongLength);
        }
        let last = u64::from(header.seq) + (n as u64 - 1) * u64::from(header.step);
        if header.step == 0
            || (header.dt == 0 && n > 1)
            || !lasts(header.t, header.dt, (n as u64 - 1) * u64::from(header.step))
            || header.flags & flags::RESENT != 0
            || last > u64::from(u32::MAX)
        {
            return Err(Fault::BadValue);
        }
        Ok(Self { header, n, samples })
    }

    /// Stream number of the last sample.
    pub fn last_seq(&self) -> u32 {
        self.header.seq + (self.n as u32 - 1) * u32::from(self.header.step)
    }

    /// Orientation of sample `j`; None when there is none or it is no quaternion.
    pub fn orientation(&self, j: usize) -> Option<[f32; 4]> {
        if j >= self.n {
            return None;
        }
        let at = j / 2 * 11 + j % 2 * 5;
        let mut eight = [0; 8];
        let bytes = self.samples.get(at..at + 6)?;
        eight[..6].copy_from_slice(bytes);
        let packed = u64::from_le_bytes(eight);
        decode14(if j.is_multiple_of(2) {
            packed
        } else {
            packed >> 4
        })
    }
}

/// Fragment `index` of a record for a payload of `payload` bytes; None past the end.
pub fn fragment<'a>(
    record: &[u8],
    id: u32,
    index: usize,
    payload: usize,
    buffer: &'a mut [u8],
) -> Option<&'a [u8]> {
    let room = payload
        .checked_sub(FRAGMENT_HEADER)
        .filter(|room| *room > 0)?;
    let from = index.checked_mul(room)?;
    if from >= record.len() || index >= FRAGMENTS_MAX {
        return None;
    }
    let to = (from + room).min(record.len());
    let last = if to == record.len() { 0x80 } else { 0 };
    let mut out = Writer::new(buffer);
    out.u8(index as u8 | last)
        .u16(id as u16)
        .put(record.get(from..to)?);
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn angle(a: [f32; 4], b: [f32; 4]) -> f32 {
        let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
        2.0 * libm::acosf(dot.abs().min(1.0)).to_degrees()
    }

    #[test]
    fn every_length_comes_back() {
        for n in 1..=SAMPLES_MAX {
            let header = Header {
                flags: flags::WALKING,
                step: 5,
                id: 0,
                boot: 7,
                seq: 100,
                t: 1 << 40,
                dt: 9615,
            };
            let mut builder = Builder::new(header);
            let q = |j: usize| {
                let half = 0.03 * j as f32;
                [libm::cosf(half), 0.0, libm::sinf(half), 0.0]
            };
            for j in 0..n {
                assert!(builder.push(q(j)));
            }
            let bytes = builder.finish(42);
            let record = Record::parse(bytes).expect("a record");
            assert_eq!(
                (record.n, record.header.id, record.header.t),
                (n, 42, 1 << 40)
            );
            assert_eq!(record.last_seq(), 100 + (n as u32 - 1) * 5);
            for j in 0..n {
                assert!(
                    angle(record.orientation(j).expect("a quaternion"), q(j)) < 0.1,
                    "float32 acos is coarse"
                );
            }
        }
    }

    #[test]
    fn fragments_cover_a_record_once() {
        let record: [u8; RECORD_MAX] = core::array::from_fn(|i| i as u8);
        for payload in [20, 100, 244] {
            let mut whole = [0; RECORD_MAX];
            let mut buffer = [0; 244];
            let (mut index, mut length) = (0, 0);
            while let Some(bytes) = fragment(&record, 0x1_2345, index, payload, &mut buffer) {
                assert_eq!(bytes[1..3], [0x45, 0x23]);
                let part = &bytes[FRAGMENT_HEADER..];
                whole[length..length + part.len()].copy_from_slice(part);
                length += part.len();
                assert_eq!(bytes[0] >> 7 == 1, length == RECORD_MAX);
                index += 1;
            }
            assert_eq!((length, whole), (RECORD_MAX, record));
        }
    }
}
