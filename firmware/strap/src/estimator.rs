//! From counts of the sensor to an orientation: calibration, fusion, and what is not to be trusted.

use unslouch_strap_core::calibration::{Bias, Corrector, SteadyBias};
use unslouch_strap_core::fusion::{Faults, Fusion, Limits, Parameters};
use unslouch_strap_core::quaternion::Quaternion;
use unslouch_strap_core::sample::ImuSample;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::flags;
use unslouch_strap_fast::fuse;

use crate::platform::{ACC_LSB, GYR_LSB, ImuFrame};

/// Counts at which a sensor is taken for saturated.
const RANGE: u16 = 32_700;
/// Beyond what a calibration can make of a count that is not at the end of its range.
const LIMITS: Limits = Limits {
    rate: 1.25 * 32_768.0 * GYR_LSB + 0.5,
    force: 1.15 * 32_768.0 * ACC_LSB + 2.5,
};

/// One sample, fused.
#[derive(Clone, Copy, Debug)]
pub struct Fused {
    /// Sensor to world.
    pub attitude: Quaternion<f32>,
    /// Corrected acceleration, m/s².
    pub acceleration: [f32; 3],
    /// SATURATED where the sensor was at its range or stuck.
    pub flags: u8,
}

/// The chain from frames to orientations.
pub struct Estimator {
    fusion: Fusion<f32>,
    corrector: Corrector,
    calibration: SensorCalibration,
    rate_hz: f32,
}

/// Counts in SI units.
pub fn in_si(frame: &ImuFrame) -> ImuSample {
    ImuSample {
        acc: frame.acc.map(|count| f32::from(count) * ACC_LSB),
        gyr: frame.gyr.map(|count| f32::from(count) * GYR_LSB),
    }
}

fn at_range(counts: &[i16; 3]) -> bool {
    counts.iter().any(|count| count.unsigned_abs() >= RANGE)
}

impl Estimator {
    /// For a sensor of this rate with this calibration.
    pub fn new(rate_hz: f32, calibration: SensorCalibration) -> Self {
        let corrector = Corrector::new(&calibration);
        Self {
            fusion: Fusion::new(corrector.parameters(Parameters::default()), LIMITS, rate_hz),
            corrector,
            calibration,
            rate_hz,
        }
    }

    /// Begin anew after a pause, in which the strap may have been turned anyhow. What the filter knows of the bias stays.
    pub fn resume(&mut self) {
        let mut calibration = self.calibration;
        if let Some(found) = self.bias() {
            let better = |(now, before): (&f32, &f32)| now < before;
            if found.deviation.iter().zip(&calibration.bias_sd).all(better) {
                (calibration.bias, calibration.bias_sd) = (found.bias, found.deviation);
            }
        }
        *self = Self::new(self.rate_hz, calibration);
    }

    /// The raw sensor's bias as the filter knows it.
    pub fn bias(&self) -> Option<Bias> {
        self.fusion.filter().map(|filter| Bias {
            bias: self.corrector.bias_with(filter.bias().to_array()),
            deviation: filter.bias_deviation().to_array(),
        })
    }

    /// The bias where it proved worth storing; to be asked every `dt` seconds. `stored` is what the record holds.
    pub fn steady_bias(&self, steady: &mut SteadyBias, dt: f32, stored: [f32; 3]) -> Option<Bias> {
        let found = self.bias()?;
        steady.push(found.bias, found.deviation, dt, stored)
    }

    /// Take a frame; `dt` is the time since the frame before, s.
    pub fn push(&mut self, frame: &ImuFrame, dt: f32) -> Fused {
        let mut sample = self.corrector.correct(&in_si(frame));
        let acceleration = sample.acc;
        // the end of the range is seen in the counts, whatever the calibration makes of them
        if at_range(&frame.gyr) {
            sample.gyr = [LIMITS.rate; 3];
        }
        if at_range(&frame.acc) {
            sample.acc = [LIMITS.force; 3];
        }
        let fused = fuse(&mut self.fusion, &sample, dt);
        let sick = [
            Faults::RATE_SATURATED,
            Faults::FORCE_SATURATED,
            Faults::STUCK,
            Faults::NOT_FINITE,
            Faults::NOT_ALIGNED,
        ];
        let untrusted = sick.iter().any(|fault| fused.faults.has(*fault));
        Fused {
            attitude: fused.attitude,
            acceleration,
            flags: if untrusted { flags::SATURATED } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f32 = 1.0 / 52.0;

    fn lying(k: u32, gyr: [i16; 3]) -> ImuFrame {
        // noise of a few counts, as a live sensor has
        let noise = |salt: u32| ((k.wrapping_mul(2_654_435_761) >> salt) % 5) as i16 - 2;
        ImuFrame {
            t_us: u64::from(k) * 19_231,
            acc: [noise(3), noise(7), 4098 + noise(11)],
            gyr: [
                gyr[0] + noise(5) / 2,
                gyr[1] + noise(9) / 2,
                gyr[2] + noise(13) / 2,
            ],
            lost_before: false,
        }
    }

    #[test]
    fn the_end_of_the_range_and_a_stuck_sensor_are_flagged() {
        let mut estimator = Estimator::new(52.0, SensorCalibration::default());
        for k in 0..300 {
            assert_eq!(estimator.push(&lying(k, [0; 3]), DT).flags, 0, "{k}");
        }
        let wild = lying(300, [0, 0, 32_760]);
        assert_eq!(estimator.push(&wild, DT).flags, flags::SATURATED);
        for k in 301..400 {
            assert_eq!(estimator.push(&lying(k, [0; 3]), DT).flags, 0);
        }
        let frozen = lying(400, [0; 3]);
        let flagged = (0..52).filter(|_| estimator.push(&frozen, DT).flags != 0);
        assert!(flagged.count() > 26);
    }

    #[test]
    fn what_the_filter_learnt_of_the_bias_outlives_a_pause() {
        let mut estimator = Estimator::new(52.0, SensorCalibration::default());
        for k in 0..52 * 60 {
            estimator.push(&lying(k, [10, -20, 30]), DT);
        }
        let learnt = estimator.bias().expect("aligned");
        for (found, counts) in learnt.bias.iter().zip([10.0, -20.0, 30.0]) {
            assert!((found / GYR_LSB - counts).abs() < 1.5, "{learnt:?}");
        }
        estimator.resume();
        estimator.push(&lying(0, [10, -20, 30]), DT);
        let after = estimator.bias().expect("aligned again");
        for (a, b) in after.bias.iter().zip(learnt.bias) {
            assert!((a - b).abs() < 1e-3);
        }
    }
}
