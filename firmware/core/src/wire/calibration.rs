//! The calibration characteristic and its copy in flash (section 8).

use super::bytes::{Reader, Writer};
use super::crc::crc32;
use super::{Fault, Kind, expect};

/// Length of a calibration.
pub const LENGTH: usize = 100;

/// Bits of [`SensorCalibration::measured`].
pub mod measured {
    /// Gyro bias.
    pub const BIAS: u8 = 1;
    /// Gyro matrix.
    pub const MATRIX: u8 = 2;
    /// Accelerometer.
    pub const ACC: u8 = 4;
}

/// Calibration of the sensor: `rate = G (raw - b)`, `acceleration = s (raw - o)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorCalibration {
    /// What was measured ([`measured`]).
    pub measured: u8,
    /// Boot of the newest measurement.
    pub boot: u16,
    /// Its UTC, s since 1970, 0 unknown.
    pub utc: u32,
    /// Its temperature, 0.01 °C.
    pub temperature: i16,
    /// 0 to 100.
    pub quality: u8,
    /// Gyro bias b, rad/s.
    pub bias: [f32; 3],
    /// Its standard deviation, rad/s.
    pub bias_sd: [f32; 3],
    /// Gyro matrix G, row by row.
    pub matrix: [f32; 9],
    /// Accelerometer offset o, m/s².
    pub acc_offset: [f32; 3],
    /// Accelerometer scale s.
    pub acc_scale: [f32; 3],
}

impl Default for SensorCalibration {
    fn default() -> Self {
        Self {
            measured: 0,
            boot: 0,
            utc: 0,
            temperature: 0,
            quality: 0,
            bias: [0.0; 3],
            bias_sd: [0.044; 3],
            matrix: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            acc_offset: [0.0; 3],
            acc_scale: [1.0; 3],
        }
    }
}

impl SensorCalibration {
    /// Whether every value is finite and in its range.
    pub fn is_valid(&self) -> bool {
        let identity = Self::default().matrix;
        let within = |values: &[f32], center: f32, limit: f32| {
            values.iter().all(|v| libm::fabsf(v - center) <= limit)
        };
        within(&self.bias, 0.0, 0.35)
            && self.bias_sd.iter().all(|sd| sd.is_finite() && *sd >= 0.0)
            && self
                .matrix
                .iter()
                .zip(identity)
                .all(|(g, i)| libm::fabsf(g - i) <= 0.2)
            && within(&self.acc_offset, 0.0, 2.0)
            && within(&self.acc_scale, 1.0, 0.1)
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let mut out = Writer::new(&mut bytes);
        out.u8(Kind::Calibration.byte())
            .u8(self.measured)
            .u16(self.boot)
            .u32(self.utc)
            .i16(self.temperature);
        out.u8(self.quality)
            .u8(0)
            .f32s(&self.bias)
            .f32s(&self.bias_sd)
            .f32s(&self.matrix);
        out.f32s(&self.acc_offset).f32s(&self.acc_scale);
        if let Some((body, tail)) = bytes.split_last_chunk_mut::<4>() {
            *tail = crc32(body).to_le_bytes();
        }
        bytes
    }

    /// From its bytes.
    pub fn parse(packet: &[u8]) -> Result<Self, Fault> {
        expect(packet, Kind::Calibration)?;
        let bytes: &[u8; LENGTH] = packet.try_into().map_err(|_| Fault::WrongLength)?;
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Fault::WrongLength)?;
        if crc32(body) != u32::from_le_bytes(*crc) {
            return Err(Fault::BadValue);
        }
        let mut r = Reader::new(body);
        let calibration = (|| {
            r.u8()?;
            let (measured, boot, utc, temperature) = (r.u8()?, r.u16()?, r.u32()?, r.i16()?);
            let quality = r.u8()?;
            r.u8()?;
            Some(Self {
                measured,
                boot,
                utc,
                temperature,
                quality,
                bias: r.f32s()?,
                bias_sd: r.f32s()?,
                matrix: r.f32s()?,
                acc_offset: r.f32s()?,
                acc_scale: r.f32s()?,
            })
        })()
        .ok_or(Fault::WrongLength)?;
        if calibration.is_valid() && calibration.quality <= 100 {
            Ok(calibration)
        } else {
            Err(Fault::BadValue)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_and_any_flipped_bit_is_noticed() {
        let calibration = SensorCalibration {
            bias: [0.01, -0.02, 0.03],
            measured: 1,
            ..Default::default()
        };
        let bytes = calibration.encode();
        assert_eq!(SensorCalibration::parse(&bytes), Ok(calibration));
        for bit in 8..LENGTH * 8 {
            let mut broken = bytes;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                SensorCalibration::parse(&broken),
                Err(Fault::BadValue),
                "bit {bit}"
            );
        }
    }
}
