//! From counts of the sensor to an orientation: calibration, fusion, and what is not to be trusted.

use unslouch_strap_core::fusion::{Filter, Parameters};
use unslouch_strap_core::vector::Vec3;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::flags;

use crate::calibrated::calibrated;
use crate::platform::ImuFrame;

/// Counts at which a sensor is taken for saturated.
const RANGE: u16 = 32_700;
/// Equal frames in a row after which it is taken for stuck: noise alone changes every frame of a live sensor.
const STUCK: u32 = 26;

/// One sample, fused.
#[derive(Clone, Copy, Debug)]
pub struct Fused {
    /// Orientation, sensor to world, w x y z.
    pub orientation: [f32; 4],
    /// Corrected acceleration, m/s².
    pub acceleration: [f32; 3],
    /// Corrected angular rate less the filter's bias, rad/s.
    pub rate: [f32; 3],
    /// SATURATED where the sensor was at its range or stuck.
    pub flags: u8,
}

/// The chain from frames to orientations.
pub struct Estimator {
    filter: Option<Filter<f32>>,
    rate_hz: f32,
    calibration: SensorCalibration,
    last: Option<ImuFrame>,
    equal: u32,
}

impl Estimator {
    /// For a sensor of this rate with this calibration.
    pub fn new(rate_hz: f32, calibration: SensorCalibration) -> Self {
        Self {
            filter: None,
            rate_hz,
            calibration,
            last: None,
            equal: 0,
        }
    }

    /// Use another calibration from now on.
    pub fn set_calibration(&mut self, calibration: SensorCalibration) {
        self.calibration = calibration;
        self.filter = None;
    }

    /// Take a frame; `dt` is the time since the frame before, s.
    pub fn push(&mut self, frame: &ImuFrame, dt: f32) -> Fused {
        let c = &self.calibration;
        let (acc, gyr) = calibrated(c, frame.acc, frame.gyr);
        let (acceleration, rate) = (acc.si, gyr.si);
        let saturated = frame
            .acc
            .iter()
            .chain(&frame.gyr)
            .any(|count| count.unsigned_abs() >= RANGE);
        let same = self
            .last
            .is_some_and(|last| last.acc == frame.acc && last.gyr == frame.gyr);
        self.equal = if same { self.equal + 1 } else { 0 };
        self.last = Some(*frame);
        let untrusted = saturated || self.equal >= STUCK;
        let vector = |v: [f32; 3]| Vec3::new(v[0], v[1], v[2]);
        let filter = self.filter.get_or_insert_with(|| {
            let mut parameters = Parameters::default();
            if c.measured & unslouch_strap_core::wire::calibration::measured::BIAS != 0 {
                // temperature and days move a stored bias by more than it was measured to
                parameters.start.bias = c.bias_sd.map(|sd| sd.max(0.005));
            }
            Filter::new(
                &parameters,
                self.rate_hz,
                vector(acceleration),
                vector(rate),
            )
        });
        if !untrusted {
            filter.push(vector(acceleration), vector(rate), dt);
        }
        let bias = filter.bias().to_array();
        Fused {
            orientation: filter.attitude().to_array(),
            acceleration,
            rate: core::array::from_fn(|axis| rate[axis] - bias[axis]),
            flags: if untrusted { flags::SATURATED } else { 0 },
        }
    }
}
