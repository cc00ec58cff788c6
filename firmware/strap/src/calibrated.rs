//! The sensor's calibration applied to its counts (docs/protocol.md, section 8).

use unslouch_strap_core::wire::calibration::SensorCalibration;

use crate::platform::{ACC_LSB, GYR_LSB};

/// A corrected vector, in SI units and as counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrected {
    /// m/s² or rad/s.
    pub si: [f32; 3],
    /// Nearest counts.
    pub counts: [i16; 3],
}

/// Nearest count; the lowest one means "none" on the wire, so it is not used.
fn counts(si: [f32; 3], lsb: f32) -> [i16; 3] {
    si.map(|value| {
        let counts = value / lsb;
        let nearest = if counts >= 0.0 {
            counts + 0.5
        } else {
            counts - 0.5
        };
        (nearest as i16).max(-i16::MAX)
    })
}

/// `acceleration = s (raw - o)` and `rate = G (raw - b)`.
pub fn calibrated(
    c: &SensorCalibration,
    raw_acc: [i16; 3],
    raw_gyr: [i16; 3],
) -> (Corrected, Corrected) {
    let mut acc = [0.0; 3];
    let mut unbiased = [0.0; 3];
    for axis in 0..3 {
        acc[axis] = c.acc_scale[axis] * (f32::from(raw_acc[axis]) * ACC_LSB - c.acc_offset[axis]);
        unbiased[axis] = f32::from(raw_gyr[axis]) * GYR_LSB - c.bias[axis];
    }
    let rate: [f32; 3] = core::array::from_fn(|row| {
        (0..3)
            .map(|column| c.matrix[3 * row + column] * unbiased[column])
            .sum()
    });
    (
        Corrected {
            si: acc,
            counts: counts(acc, ACC_LSB),
        },
        Corrected {
            si: rate,
            counts: counts(rate, GYR_LSB),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_change_nothing_and_a_matrix_is_row_by_row() {
        let raw = ([100, -200, 4098], [7, -8, 9]);
        let (acc, gyr) = calibrated(&SensorCalibration::default(), raw.0, raw.1);
        assert_eq!((acc.counts, gyr.counts), raw);
        let mut c = SensorCalibration {
            bias: [GYR_LSB, 0.0, 0.0],
            ..Default::default()
        };
        c.matrix[1] = 0.1; // x of the output from y of the input
        assert_eq!(calibrated(&c, [0; 3], [1, 100, 0]).1.counts, [10, 100, 0]);
    }
}
