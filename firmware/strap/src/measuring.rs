//! Carries out calibrations as the samples come (docs/protocol.md, 6.2: CAL_BIAS, CAL_SCALE, CAL_ACC).

use embassy_time::Instant;
use unslouch_strap_core::calibration::{
    Bias, BiasMeasurement, FaceMeasurement, Progress, TurnMeasurement,
};
use unslouch_strap_core::sample::ImuSample;
use unslouch_strap_core::wire::calibration::{SensorCalibration, measured};
use unslouch_strap_core::wire::control::Status;
use unslouch_strap_core::wire::event::Event;

use crate::state::Shared;

/// What is to be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Bias, lying still.
    Bias,
    /// A turn about an axis begins.
    TurnBegins {
        /// 0 to 2.
        axis: u8,
    },
    /// It is over.
    TurnEnds {
        /// rad about the positive axis.
        angle: f32,
    },
    /// It is given up.
    TurnCancelled,
    /// A face is up.
    Face {
        /// 0 to 5.
        face: u8,
    },
}

/// A calibration that was asked for, and where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// The request's op.
    pub op: u8,
    /// Its tag.
    pub tag: u8,
    /// What is to be done.
    pub order: Order,
}

/// A turn by hand takes seconds; after this long the bias's own error counts, s.
const TURN_MAX: f32 = 60.0;
/// How well the bias must be known for a turn: 0.2 °/s over five seconds is a 360th of a turn by 360°, rad/s.
const BIAS_KNOWN: f32 = 0.2 * core::f32::consts::PI / 180.0;

#[derive(Clone, Copy)]
struct Turn {
    measurement: TurnMeasurement,
    bias: [f32; 3],
    elapsed: f32,
    broken: bool,
}

/// What the calibration record counts as (values of event 16).
#[derive(Clone, Copy)]
enum Stored {
    Bias = 0,
    Scale = 1,
    Acceleration = 2,
}

/// Whatever is being measured.
#[derive(Default)]
pub struct Measuring {
    bias: Option<BiasMeasurement>,
    turn: Option<Turn>,
    faces: FaceMeasurement,
    facing: bool,
    job: Option<Job>,
}

impl Measuring {
    /// Take a raw sample, `dt` seconds after the one before; `known` is the bias as the filter knows it. True when the
    /// calibration changed, and the estimator has to begin anew.
    pub fn take(
        &mut self,
        shared: &Shared,
        raw: &ImuSample,
        dt: f32,
        known: impl FnOnce() -> Option<Bias>,
    ) -> bool {
        let (wanted, turning) = shared.with(|state| (state.job, state.turning));
        if wanted.is_none() && self.job.is_some() {
            // the central that asked is gone
            (self.job, self.bias, self.facing) = (None, None, false);
        }
        if turning.is_none() && wanted.is_none() {
            self.turn = None;
        }
        if let Some(turn) = &mut self.turn {
            turn.measurement.push(raw, turn.bias, dt);
            turn.elapsed += dt;
            // a lost sample is a lost part of the turn
            turn.broken |= dt > 0.1 || turn.elapsed > TURN_MAX;
        }
        let Some(job) = wanted else { return false };
        if self.job != Some(job) {
            self.job = Some(job);
            return self.begin(shared, job, known);
        }
        let mut calibration = shared.with(|state| state.settings.calibration);
        if let Some(bias) = &mut self.bias {
            return match bias.push(raw, dt) {
                Progress::Working => false,
                Progress::Done(found) => {
                    found.store(&mut calibration);
                    self.store(shared, calibration, Stored::Bias)
                }
                Progress::Failed(_) => self.fail(shared),
            };
        }
        if self.facing {
            let before = calibration;
            return match self.faces.push(raw, dt, &mut calibration) {
                Progress::Working => false,
                Progress::Done(()) if calibration == before => {
                    self.finish(shared, Status::Ok);
                    false
                }
                Progress::Done(()) => self.store(shared, calibration, Stored::Acceleration),
                Progress::Failed(_) => self.fail(shared),
            };
        }
        false
    }

    fn begin(&mut self, shared: &Shared, job: Job, known: impl FnOnce() -> Option<Bias>) -> bool {
        match job.order {
            Order::Bias => self.bias = Some(BiasMeasurement::default()),
            Order::Face { face } => self.facing = self.faces.begin(usize::from(face)),
            Order::TurnBegins { axis } => {
                let bias = known().filter(|bias| bias.deviation.iter().all(|sd| *sd < BIAS_KNOWN));
                self.turn = bias.zip(TurnMeasurement::begin(usize::from(axis))).map(
                    |(bias, measurement)| Turn {
                        measurement,
                        bias: bias.bias,
                        elapsed: 0.0,
                        broken: false,
                    },
                );
                if self.turn.is_none() {
                    shared.with(|state| state.turning = None);
                    return self.fail(shared);
                }
                self.finish(shared, Status::Ok);
            }
            Order::TurnCancelled => {
                self.turn = None;
                self.finish(shared, Status::Ok);
            }
            Order::TurnEnds { angle } => {
                let mut calibration = shared.with(|state| state.settings.calibration);
                let ended = self
                    .turn
                    .take()
                    .filter(|turn| !turn.broken)
                    .map(|turn| turn.measurement.end(angle, &mut calibration));
                return match ended {
                    Some(Progress::Done(())) => self.store(shared, calibration, Stored::Scale),
                    _ => self.fail(shared),
                };
            }
        }
        false
    }

    fn fail(&mut self, shared: &Shared) -> bool {
        self.finish(shared, Status::Failed);
        false
    }

    fn store(&mut self, shared: &Shared, calibration: SensorCalibration, what: Stored) -> bool {
        if !calibration.is_valid() {
            return self.fail(shared);
        }
        keep(shared, calibration, what as u16);
        self.finish(shared, Status::Ok);
        true
    }

    fn finish(&mut self, shared: &Shared, status: Status) {
        if let Some(job) = self.job.take() {
            shared.with(|state| state.job = None);
            shared.measured.signal((job.op, job.tag, status));
        }
        (self.bias, self.facing) = (None, false);
    }
}

/// Keep the bias that the filter found.
pub fn keep_bias(shared: &Shared, bias: &Bias) {
    let mut calibration = shared.with(|state| state.settings.calibration);
    bias.store(&mut calibration);
    if calibration.is_valid() {
        keep(shared, calibration, Stored::Bias as u16);
    }
}

fn keep(shared: &Shared, mut calibration: SensorCalibration, what: u16) {
    shared.with(|state| {
        calibration.boot = state.boot;
        calibration.utc = state.utc_offset.map_or(0, |offset| {
            let seconds = offset.wrapping_add(Instant::now().as_micros()) / 1_000_000;
            u32::try_from(seconds).unwrap_or(0)
        });
        calibration.temperature = crate::status::centi(state.temperature);
        calibration.quality = quality(calibration.measured);
        state.settings.calibration = calibration;
    });
    shared.save.signal(());
    shared.event(Event::CalibrationStored, what);
    shared.calibration_changed.signal(());
    shared.note_change();
}

/// What was measured, as a part of what can be: bias counts most, for it moves most.
fn quality(bits: u8) -> u8 {
    [
        (measured::BIAS, 50),
        (measured::MATRIX, 35),
        (measured::ACC, 15),
    ]
    .iter()
    .map(|(bit, part)| if bits & bit != 0 { *part } else { 0 })
    .sum()
}
