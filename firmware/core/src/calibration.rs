//! Measuring the sensor: gyroscope bias lying still, gyroscope matrix by known turns, accelerometer by six faces; and
//! what a stored calibration means for the samples and for the fusion.
//!
//! The record itself, with checksum, temperature and defaults, is [`SensorCalibration`]: `rate = G (raw - b)`,
//! `acceleration = s (raw - o)`.

use crate::fusion::Parameters;
use crate::sample::ImuSample;
use crate::wire::calibration::{SensorCalibration, measured};

const G: f32 = 9.806_65;
const D: f32 = core::f32::consts::PI / 180.0;

/// What a stored bias may have moved since, rad/s: a day, a few degrees of temperature.
const BIAS_DAY_TO_DAY: f32 = 0.003;
/// What is left of scale and misalignment after turning by known angles on a table's edge.
const MATRIX_LEFT: f32 = 0.002;

/// How a measurement stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress<T> {
    /// It needs more samples.
    Working,
    /// This is the result.
    Done(T),
    /// It came to nothing, and nothing was changed.
    Failed(Failure),
}

/// Why a measurement came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The sensor moved.
    Moved,
    /// What was turned is not what was said.
    Angle,
    /// Another face is up.
    Face,
    /// The result is beyond what a working sensor can have.
    Implausible,
}

/// Applies a stored calibration.
#[derive(Clone, Copy, Debug)]
pub struct Corrector {
    c: SensorCalibration,
}

impl Corrector {
    /// For this calibration.
    pub fn new(calibration: &SensorCalibration) -> Self {
        Self { c: *calibration }
    }

    /// The sample less the sensor's known errors.
    pub fn correct(&self, raw: &ImuSample) -> ImuSample {
        let c = &self.c;
        let u: [f32; 3] = core::array::from_fn(|i| raw.gyr[i] - c.bias[i]);
        ImuSample {
            acc: core::array::from_fn(|i| c.acc_scale[i] * (raw.acc[i] - c.acc_offset[i])),
            gyr: multiply(&c.matrix, u),
        }
    }

    /// The filter's assumptions for samples corrected so: as uncertain of bias and matrix as the calibration is.
    pub fn parameters(&self, mut p: Parameters) -> Parameters {
        let unmeasured = SensorCalibration::default().bias_sd[0];
        for (start, sd) in p.start.bias.iter_mut().zip(self.c.bias_sd) {
            if sd < unmeasured {
                *start = libm::sqrtf(sd * sd + BIAS_DAY_TO_DAY * BIAS_DAY_TO_DAY);
            }
        }
        if self.c.measured & measured::MATRIX != 0 {
            p.start.scale = MATRIX_LEFT;
            p.start.misalignment = MATRIX_LEFT;
        }
        p
    }

    /// The raw sensor's bias where the filter finds `left` (rad/s) in corrected samples.
    pub fn bias_with(&self, left: [f32; 3]) -> [f32; 3] {
        let raw = inverse(&self.c.matrix).map_or(left, |m| multiply(&m, left));
        core::array::from_fn(|i| self.c.bias[i] + raw[i])
    }
}

/// Mean and spread of three axes.
#[derive(Clone, Copy, Debug)]
struct Moments {
    n: u32,
    mean: [f32; 3],
    squares: [f32; 3],
}

impl Moments {
    const NONE: Self = Self {
        n: 0,
        mean: [0.0; 3],
        squares: [0.0; 3],
    };

    fn push(&mut self, x: [f32; 3]) {
        self.n += 1;
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(x) {
            let by = x - *mean;
            *mean += by / self.n as f32;
            *squares += by * (x - *mean);
        }
    }

    /// Largest standard deviation of an axis.
    fn spread(&self) -> f32 {
        let most = self.squares.iter().fold(0.0f32, |a, b| a.max(*b));
        libm::sqrtf(most / self.n.max(1) as f32)
    }
}

/// A sensor lying still: seconds of it, each of which must be quiet and agree with the others.
#[derive(Clone, Copy, Debug)]
struct Stillness {
    rate: Moments,
    force: Moments,
    seconds: Moments,
    force_seconds: Moments,
    elapsed: f32,
}

/// Spread of a second beyond which the sensor moved: five times a consumer sensor's noise at 104 Hz.
const STILL_RATE: f32 = 0.5 * D;
const STILL_FORCE: f32 = 0.1;
/// Disagreement of two seconds beyond which it turned slowly or was tilted.
const STEADY_RATE: f32 = 0.15 * D;
const STEADY_FORCE: f32 = 0.05;

impl Stillness {
    const NONE: Self = Self {
        rate: Moments::NONE,
        force: Moments::NONE,
        seconds: Moments::NONE,
        force_seconds: Moments::NONE,
        elapsed: 0.0,
    };

    /// Takes a sample; false when the sensor moved.
    fn push(&mut self, raw: &ImuSample, dt: f32) -> bool {
        let finite = raw.acc.iter().chain(&raw.gyr).all(|x| x.is_finite());
        if !(finite && dt > 0.0 && dt < 0.5) {
            return false;
        }
        self.rate.push(raw.gyr);
        self.force.push(raw.acc);
        self.elapsed += dt;
        if self.elapsed < 1.0 {
            return true;
        }
        let quiet = self.rate.spread() < STILL_RATE && self.force.spread() < STILL_FORCE;
        self.seconds.push(self.rate.mean);
        self.force_seconds.push(self.force.mean);
        (self.rate, self.force, self.elapsed) = (Moments::NONE, Moments::NONE, 0.0);
        quiet && self.seconds.spread() < STEADY_RATE && self.force_seconds.spread() < STEADY_FORCE
    }
}

/// A measured gyroscope bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bias {
    /// rad/s.
    pub bias: [f32; 3],
    /// Its standard deviation, rad/s.
    pub deviation: [f32; 3],
}

impl Bias {
    /// Into the record.
    pub fn store(&self, c: &mut SensorCalibration) {
        c.bias = self.bias;
        c.bias_sd = self.deviation;
        c.measured |= measured::BIAS;
    }
}

/// Gyroscope bias: raw samples of a sensor that lies still for ten seconds.
#[derive(Clone, Copy, Debug)]
pub struct BiasMeasurement(Stillness);

const BIAS_SECONDS: u32 = 10;
/// No ten seconds tell the bias of a consumer gyroscope better, rad/s.
const BIAS_FLOOR: f32 = 0.01 * D;

impl Default for BiasMeasurement {
    fn default() -> Self {
        Self(Stillness::NONE)
    }
}

impl BiasMeasurement {
    /// A raw sample and the time since the one before, s.
    pub fn push(&mut self, raw: &ImuSample, dt: f32) -> Progress<Bias> {
        if !self.0.push(raw, dt) {
            return Progress::Failed(Failure::Moved);
        }
        let seconds = &self.0.seconds;
        if seconds.n < BIAS_SECONDS {
            return Progress::Working;
        }
        if seconds.mean.iter().any(|b| b.abs() > 0.35) {
            return Progress::Failed(Failure::Implausible);
        }
        let n = seconds.n as f32;
        let deviation = seconds
            .squares
            .map(|s| libm::sqrtf(s / (n - 1.0) / n).max(BIAS_FLOOR));
        Progress::Done(Bias {
            bias: seconds.mean,
            deviation,
        })
    }
}

/// Gyroscope scale and misalignment about one axis: what the raw sensor adds up over a turn by a known angle.
#[derive(Clone, Copy, Debug)]
pub struct TurnMeasurement {
    axis: usize,
    sum: [f32; 3],
}

/// How far scale and misalignment of a working gyroscope can be off.
const MATRIX_LIMIT: f32 = 0.2;

impl TurnMeasurement {
    /// Begins a turn about an axis: 0 x, 1 y, 2 z; None for another number.
    pub fn begin(axis: usize) -> Option<Self> {
        (axis < 3).then_some(Self {
            axis,
            sum: [0.0; 3],
        })
    }

    /// A raw sample during the turn, the raw bias (rad/s), and the time since the sample before, s.
    pub fn push(&mut self, raw: &ImuSample, bias: [f32; 3], dt: f32) {
        for ((sum, rate), bias) in self.sum.iter_mut().zip(raw.gyr).zip(bias) {
            *sum += (rate - bias) * dt;
        }
    }

    /// Ends the turn, which was by `angle` (rad) about the positive axis. The record keeps what it knows of the other axes.
    pub fn end(&self, angle: f32, c: &mut SensorCalibration) -> Progress<()> {
        let column = self.sum.map(|sum| sum / angle);
        let on_axis = column.get(self.axis).copied().unwrap_or(0.0);
        let others = column.iter().enumerate().filter(|(i, _)| *i != self.axis);
        let crooked = others.fold(0.0f32, |a, (_, x)| a.max(x.abs()));
        if !column.iter().all(|x| x.is_finite())
            || (on_axis - 1.0).abs() > MATRIX_LIMIT
            || crooked > MATRIX_LIMIT
        {
            return Progress::Failed(Failure::Angle);
        }
        let Some(mut raw_per_true) = inverse(&c.matrix) else {
            return Progress::Failed(Failure::Implausible);
        };
        for (row, x) in raw_per_true.chunks_exact_mut(3).zip(column) {
            if let Some(cell) = row.get_mut(self.axis) {
                *cell = x;
            }
        }
        let Some(matrix) = inverse(&raw_per_true) else {
            return Progress::Failed(Failure::Implausible);
        };
        let measured = SensorCalibration {
            matrix,
            measured: c.measured | measured::MATRIX,
            ..*c
        };
        if !measured.is_valid() {
            return Progress::Failed(Failure::Implausible);
        }
        *c = measured;
        Progress::Done(())
    }
}

/// Accelerometer offset and scale: the sensor on each of its six faces.
#[derive(Clone, Copy, Debug)]
pub struct FaceMeasurement {
    faces: [Option<f32>; 6],
    face: usize,
    still: Stillness,
}

const FACE_SECONDS: u32 = 3;

impl Default for FaceMeasurement {
    fn default() -> Self {
        Self {
            faces: [None; 6],
            face: 0,
            still: Stillness::NONE,
        }
    }
}

impl FaceMeasurement {
    /// Begins a face: 0..5 for +x -x +y -y +z -z up. False for another number.
    pub fn begin(&mut self, face: usize) -> bool {
        (self.face, self.still) = (face, Stillness::NONE);
        face < 6
    }

    /// A raw sample. Done when the face is measured; with the sixth, the record holds the result.
    pub fn push(&mut self, raw: &ImuSample, dt: f32, c: &mut SensorCalibration) -> Progress<()> {
        if !self.still.push(raw, dt) {
            return Progress::Failed(Failure::Moved);
        }
        if self.still.seconds.n < FACE_SECONDS {
            return Progress::Working;
        }
        let (axis, sign) = (
            self.face / 2,
            if self.face.is_multiple_of(2) {
                1.0
            } else {
                -1.0
            },
        );
        let mean = self.still.force_seconds.mean;
        let (Some(up), Some(place)) = (mean.get(axis).copied(), self.faces.get_mut(self.face))
        else {
            return Progress::Failed(Failure::Face);
        };
        if (up * sign / G - 1.0).abs() > 0.2 {
            return Progress::Failed(Failure::Face);
        }
        *place = Some(up);
        let [Some(px), Some(mx), Some(py), Some(my), Some(pz), Some(mz)] = self.faces else {
            return Progress::Done(());
        };
        let pairs = [(px, mx), (py, my), (pz, mz)];
        let done = SensorCalibration {
            acc_offset: pairs.map(|(p, m)| 0.5 * (p + m)),
            acc_scale: pairs.map(|(p, m)| 2.0 * G / (p - m)),
            measured: c.measured | measured::ACC,
            ..*c
        };
        if !done.is_valid() {
            return Progress::Failed(Failure::Implausible);
        }
        *c = done;
        Progress::Done(())
    }
}

/// Decides when the bias the filter found is worth writing back: known well, and steady for minutes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SteadyBias {
    since: f32,
    level: [f32; 3],
}

/// How well the filter must know it, rad/s.
const STEADY_DEVIATION: f32 = 0.05 * D;
/// How little it may move, rad/s, for how long, s.
const STEADY_WITHIN: f32 = 0.05 * D;
const STEADY_FOR: f32 = 180.0;
/// Closer to what is stored it is not worth the flash's wear, rad/s.
const WORTH_STORING: f32 = 0.05 * D;

impl SteadyBias {
    /// The filter's bias and its deviation (rad/s), the time since the last call (s), and the bias that is stored. All in
    /// one frame: that of the raw sensor. Some when it should be stored.
    pub fn push(
        &mut self,
        bias: [f32; 3],
        deviation: [f32; 3],
        dt: f32,
        stored: [f32; 3],
    ) -> Option<Bias> {
        let known = deviation.iter().all(|sd| *sd <= STEADY_DEVIATION);
        if !known || apart(bias, self.level) > STEADY_WITHIN {
            (self.level, self.since) = (bias, 0.0);
            return None;
        }
        self.since += dt;
        if self.since < STEADY_FOR {
            return None;
        }
        self.since = 0.0;
        (apart(bias, stored) > WORTH_STORING).then_some(Bias {
            bias,
            deviation: deviation.map(|d| d.max(BIAS_FLOOR)),
        })
    }
}

fn apart(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter()
        .zip(b)
        .fold(0.0f32, |most, (a, b)| most.max((a - b).abs()))
}

fn multiply(m: &[f32; 9], v: [f32; 3]) -> [f32; 3] {
    let [a, b, c, d, e, f, g, h, i] = *m;
    let [x, y, z] = v;
    [
        a * x + b * y + c * z,
        d * x + e * y + f * z,
        g * x + h * y + i * z,
    ]
}

/// Inverse of a matrix near the identity; None if it is none.
fn inverse(m: &[f32; 9]) -> Option<[f32; 9]> {
    let [a, b, c, d, e, f, g, h, i] = *m;
    let minors = [e * i - f * h, f * g - d * i, d * h - e * g];
    let det = a * minors[0] + b * minors[1] + c * minors[2];
    if !(det.is_finite() && det > 0.1) {
        return None;
    }
    let k = 1.0 / det;
    Some([
        minors[0] * k,
        (c * h - b * i) * k,
        (b * f - c * e) * k,
        minors[1] * k,
        (a * i - c * g) * k,
        (c * d - a * f) * k,
        minors[2] * k,
        (b * g - a * h) * k,
        (a * e - b * d) * k,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f32 = 1.0 / 52.0;

    fn noise(state: &mut u32, sd: f32) -> f32 {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((*state >> 8) as f32 / 16_777_216.0 - 0.5) * 3.46 * sd
    }

    fn lying(state: &mut u32, gyr: [f32; 3], acc: [f32; 3]) -> ImuSample {
        ImuSample {
            acc: acc.map(|a| a + noise(state, 0.004)),
            gyr: gyr.map(|g| g + noise(state, 0.0005)),
        }
    }

    #[test]
    fn bias_is_found_lying_still_and_refused_when_moved() {
        let mut state = 1;
        let bias = [0.02, -0.01, 0.005];
        let mut still = BiasMeasurement::default();
        let mut n = 0;
        let found = loop {
            n += 1;
            match still.push(&lying(&mut state, bias, [0.0, 0.0, G]), DT) {
                Progress::Working => {}
                Progress::Done(found) => break found,
                Progress::Failed(why) => panic!("{why:?}"),
            }
        };
        assert!((510..=535).contains(&n), "{n}");
        assert!(
            apart(found.bias, bias) < 2e-4 && found.deviation.iter().all(|d| *d < 5e-4),
            "{found:?}"
        );
        for spoil in [[0.05, 0.0, 0.0], [0.0, 0.0, 0.4]] {
            let mut moved = BiasMeasurement::default();
            let failed = (0..600).any(|k| {
                let mut sample = lying(&mut state, bias, [0.0, 0.0, G]);
                for (g, s) in sample.gyr.iter_mut().zip(spoil) {
                    *g += if k > 200 { s } else { 0.0 };
                }
                moved.push(&sample, DT) == Progress::Failed(Failure::Moved)
            });
            assert!(failed, "{spoil:?}");
        }
    }

    #[test]
    fn turns_give_the_matrix_axis_by_axis() {
        let truth = [
            1.012, 0.004, -0.003, -0.006, 0.991, 0.005, 0.002, -0.007, 1.004,
        ];
        let raw_per_true = inverse(&truth).expect("regular");
        let bias = [0.01, 0.02, -0.01];
        let mut c = SensorCalibration {
            bias,
            ..Default::default()
        };
        for axis in 0..3 {
            let mut turn = TurnMeasurement::begin(axis).expect("an axis");
            let mut rate = [0.0; 3];
            rate[axis] = 1.0;
            let raw = multiply(&raw_per_true, rate);
            for _ in 0..327 {
                let gyr = core::array::from_fn(|i| raw[i] + bias[i]);
                turn.push(&ImuSample { acc: [0.0; 3], gyr }, bias, DT);
            }
            assert_eq!(turn.end(2.0, &mut c), Progress::Failed(Failure::Angle));
            assert_eq!(turn.end(327.0 * DT, &mut c), Progress::Done(()));
        }
        for (found, truth) in c.matrix.iter().zip(truth) {
            assert!((found - truth).abs() < 2e-5, "{found} {truth}");
        }
        assert!(c.measured & measured::MATRIX != 0 && TurnMeasurement::begin(3).is_none());
        let corrected = Corrector::new(&c).correct(&ImuSample {
            acc: [0.0; 3],
            gyr: core::array::from_fn(|i| multiply(&raw_per_true, [0.3, -0.2, 0.1])[i] + bias[i]),
        });
        assert!(apart(corrected.gyr, [0.3, -0.2, 0.1]) < 1e-5);
    }

    #[test]
    fn six_faces_give_offset_and_scale() {
        let (offset, scale) = ([0.2, -0.1, 0.3], [1.01, 0.985, 1.02]);
        let mut c = SensorCalibration::default();
        let mut faces = FaceMeasurement::default();
        let mut state = 7;
        for face in 0..6 {
            assert!(faces.begin(face));
            let mut up = [0.0; 3];
            up[face / 2] = if face % 2 == 0 { G } else { -G };
            let raw = core::array::from_fn(|i| up[i] / scale[i] + offset[i]);
            while faces.push(&lying(&mut state, [0.0; 3], raw), DT, &mut c) == Progress::Working {}
        }
        assert!(
            apart(c.acc_offset, offset) < 2e-3 && apart(c.acc_scale, scale) < 2e-4,
            "{c:?}"
        );
        assert!(c.measured & measured::ACC != 0 && !faces.begin(6));
        assert!(faces.begin(0));
        let wrong = loop {
            match faces.push(&lying(&mut state, [0.0; 3], [0.0, 0.0, G]), DT, &mut c) {
                Progress::Working => {}
                other => break other,
            }
        };
        assert_eq!(wrong, Progress::Failed(Failure::Face));
    }

    #[test]
    fn only_a_steady_and_new_bias_is_written_back() {
        let (sure, unsure) = ([0.0002; 3], [0.01; 3]);
        let mut steady = SteadyBias::default();
        assert!((0..1000).all(|_| steady.push([0.01; 3], unsure, 1.0, [0.0; 3]).is_none()));
        let when = (0..1000).position(|_| steady.push([0.01; 3], sure, 1.0, [0.0; 3]).is_some());
        assert!(when.is_some_and(|s| (178..183).contains(&s)), "{when:?}");
        let mut drifting = SteadyBias::default();
        assert!((0..1000).all(|s| {
            drifting
                .push([2e-5 * s as f32; 3], sure, 1.0, [0.5; 3])
                .is_none()
        }));
        let mut known = SteadyBias::default();
        assert!((0..1000).all(|_| known.push([0.01; 3], sure, 1.0, [0.01; 3]).is_none()));
    }

    #[test]
    fn the_filter_is_as_unsure_as_the_calibration() {
        let c = SensorCalibration {
            bias_sd: [0.004, 0.0, 0.044],
            measured: measured::BIAS | measured::MATRIX,
            ..Default::default()
        };
        let p = Corrector::new(&c).parameters(Parameters::default());
        assert!((p.start.bias[0] - 0.005).abs() < 1e-6 && (p.start.bias[1] - 0.003).abs() < 1e-6);
        assert_eq!(p.start.bias[2], Parameters::default().start.bias[2]);
        assert_eq!(p.start.scale, 0.002);
        assert_eq!(
            Corrector::new(&c).bias_with([0.1, 0.2, 0.3]),
            [0.1, 0.2, 0.3]
        );
    }
}
