//! Takes what the sensor delivers, fuses it, and puts it into the ring: never waits for the radio or the flash.

use embassy_time::{Instant, Timer};
use unslouch_strap_core::wire::event::Event;
use unslouch_strap_core::wire::flags;
use unslouch_strap_core::wire::stream::Sample;

use crate::estimator::Estimator;
use crate::logger;
use crate::platform::{Imu, ImuFault, ImuFrame};
use crate::ring::Slot;
use crate::state::Shared;

/// Frames taken at once: what the FIFO gathers while a key pair is made (0.24 s at 52 Hz), twice over.
const FRAMES: usize = 32;
/// Part of a new measurement of the sample period in its running mean.
const PERIOD_GAIN: f64 = 0.002;

/// Numbers and times of samples.
struct Pace {
    nominal_us: f64,
    last_t: Option<u64>,
}

/// What a frame's time says about the frames before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// The next one, after this many seconds.
    Next(f32),
    /// This many were lost in between.
    Lost(u32, f32),
}

impl Pace {
    fn step(&mut self, frame: &ImuFrame, period_us: f64) -> Step {
        let elapsed = self.last_t.map_or(self.nominal_us, |last| {
            frame.t_us.saturating_sub(last) as f64
        });
        self.last_t = Some(frame.t_us);
        let dt = (elapsed * 1e-6) as f32;
        let periods = (elapsed / period_us + 0.5) as u32;
        if frame.lost_before && periods > 1 {
            Step::Lost(periods - 1, dt)
        } else {
            Step::Next(dt)
        }
    }
}

/// Run until the sensor ends (a file on the desktop); a sensor that fails is tried again.
pub async fn run<I: Imu>(shared: &Shared, imu: &mut I) {
    let nominal_us = 1e6 / f64::from(imu.rate_hz());
    shared.with(|state| state.period_us = nominal_us);
    let mut calibration = shared.with(|state| state.settings.calibration);
    let mut estimator = Estimator::new(imu.rate_hz(), calibration);
    let mut pace = Pace {
        nominal_us,
        last_t: None,
    };
    let mut frames = [ImuFrame::default(); FRAMES];
    loop {
        let n = match imu.read(&mut frames).await {
            Ok(n) => n,
            Err(ImuFault::End) => return,
            Err(ImuFault::Bus) => {
                shared.event(Event::SensorFault, 1);
                Timer::after_secs(1).await;
                continue;
            }
        };
        let wanted = shared.with(|state| {
            state.temperature = imu.temperature();
            state.settings.calibration
        });
        if wanted != calibration {
            calibration = wanted;
            estimator.set_calibration(calibration);
        }
        for frame in frames.iter().take(n) {
            let period_us = shared.with(|state| state.period_us);
            let step = pace.step(frame, period_us);
            let (dt, lost) = match step {
                Step::Next(dt) => (dt, 0),
                Step::Lost(count, dt) => (dt, count),
            };
            let fused = estimator.push(frame, dt);
            if lost > 0 {
                shared.event(Event::SamplesLost, lost.min(u32::from(u16::MAX)) as u16);
            }
            shared.with(|state| {
                let elapsed = f64::from(dt) * 1e6;
                if lost == 0 && (elapsed / nominal_us - 1.0).abs() < 0.1 {
                    state.period_us += PERIOD_GAIN * (elapsed - state.period_us);
                }
                state.lost += lost;
                state.ring.skip(lost);
                let mut bits = fused.flags;
                for (on, bit) in [
                    (lost > 0, flags::LOST_BEFORE),
                    (state.motor, flags::MOTOR),
                    (state.off_body, flags::OFF_BODY),
                    (state.charging, flags::CHARGER),
                ] {
                    bits |= if on { bit } else { 0 };
                }
                let slot = Slot::new(Sample::pack(fused.orientation), frame.acc, frame.gyr, bits);
                state.ring.push(slot, frame.t_us);
                logger::take(shared, state, fused.orientation, bits, frame.t_us);
            });
        }
        shared.fresh.signal(());
        // a desktop file at many times real speed must not starve the radio
        if Instant::now().as_micros().is_multiple_of(2) {
            embassy_futures::yield_now().await;
        }
    }
}
