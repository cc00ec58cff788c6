//! Takes what the sensor delivers, fuses it, and puts it into the ring: never waits for the radio or the flash.

use core::pin::pin;

use embassy_futures::select::{Either, select};
use embassy_time::{Timer, with_timeout};
use unslouch_strap_core::calibration::SteadyBias;
use unslouch_strap_core::gate::GateSample;
use unslouch_strap_core::sample::ImuSample;
use unslouch_strap_core::vector::Vec3;
use unslouch_strap_core::wire::event::Event;
use unslouch_strap_core::wire::flags;
use unslouch_strap_core::wire::stream::Sample;

use crate::estimator::{Estimator, in_si};
use crate::logger;
use crate::measuring::{Measuring, keep_bias};
use crate::platform::{Imu, ImuFault, ImuFrame, SIGN_OF_LIFE};
use crate::posture::Posture;
use crate::ring::Slot;
use crate::state::{Duty, Shared, State};
use crate::worn::Worn;

/// Frames taken at once: what the FIFO gathers while a key pair is made (0.24 s at 52 Hz), twice over.
const FRAMES: usize = 32;
/// Part of a new measurement of the sample period in its running mean.
const PERIOD_GAIN: f32 = 0.002;
/// Woken by a knock on the table, the strap looks this long whether it is worn again, s.
const LOOK: f32 = 10.0;
/// The filter's bias is written back at most this often, s: it saves a settling time at the next start, not more.
const WRITE_BACK: f32 = 3600.0;
/// Sample numbers end here, after 2.6 years without a restart; a restart then begins them anew.
const SEQ_LAST: u32 = u32::MAX - 100_000;

/// Numbers and times of samples.
struct Pace {
    nominal_us: f32,
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
    fn step(&mut self, frame: &ImuFrame, period_us: f32) -> Step {
        let elapsed = self.last_t.map_or(self.nominal_us, |last| {
            frame.t_us.saturating_sub(last) as f32
        });
        self.last_t = Some(frame.t_us);
        let dt = elapsed / 1e6;
        let periods = (elapsed / period_us + 0.5) as u32;
        if frame.lost_before && periods > 1 {
            Step::Lost(periods - 1, dt)
        } else {
            Step::Next(dt)
        }
    }
}

/// Why the strap sleeps (values of events 11 and 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    OffBody = 0,
    Charger = 1,
}

/// Everything a frame goes through.
struct Chain {
    pace: Pace,
    estimator: Estimator,
    posture: Posture,
    worn: Worn,
    measuring: Measuring,
    steady: SteadyBias,
    /// The period as it is measured, less the nominal one, us: a whole period has no bits left for so small a gain.
    period_off_us: f32,
    since_check: f32,
    since_write_back: f32,
    since_wake: f32,
}

impl Chain {
    fn new(shared: &Shared, rate_hz: f32) -> Self {
        let settings = shared.with(|state| state.settings);
        Self {
            pace: Pace {
                nominal_us: 1e6 / rate_hz,
                last_t: None,
            },
            estimator: Estimator::new(rate_hz, settings.calibration),
            posture: Posture::new(&settings),
            worn: Worn::default(),
            measuring: Measuring::default(),
            steady: SteadyBias::default(),
            period_off_us: 0.0,
            since_check: 0.0,
            since_write_back: 0.0,
            since_wake: 0.0,
        }
    }

    fn take(&mut self, shared: &Shared, frame: &ImuFrame, rate_hz: f32) {
        if self.pace.last_t.is_some_and(|last| frame.t_us <= last) {
            return; // time runs on with the samples, whatever a driver says
        }
        let nominal_us = self.pace.nominal_us;
        let period_us = shared.with(|state| state.period_us);
        let (dt, lost) = match self.pace.step(frame, period_us) {
            Step::Next(dt) => (dt, 0),
            Step::Lost(count, dt) => (dt, count),
        };
        let raw = in_si(frame);
        let estimator = &self.estimator;
        if self.measuring.take(shared, &raw, dt, || estimator.bias()) {
            let calibration = shared.with(|state| state.settings.calibration);
            self.estimator = Estimator::new(rate_hz, calibration);
        }
        let fused = self.estimator.push(frame, dt);
        self.look_at_wearing(shared, &raw, dt);
        self.keep_steady_bias(shared, dt);
        if lost > 0 {
            shared.event(Event::SamplesLost, lost.min(u32::from(u16::MAX)) as u16);
        }
        let mut bits = fused.flags | shared.with(|state| flags_of(state));
        let [ax, ay, az] = fused.acceleration;
        bits |= self.posture.judge(
            shared,
            &GateSample {
                t_us: frame.t_us,
                attitude: fused.attitude,
                acc: Vec3::new(ax, ay, az),
                flags: bits,
            },
        );
        if lost > 0 {
            bits |= flags::LOST_BEFORE;
        }
        let orientation = fused.attitude.to_array();
        shared.with(|state| {
            let elapsed = dt * 1e6;
            if lost == 0 && (elapsed / nominal_us - 1.0).abs() < 0.1 {
                self.period_off_us += PERIOD_GAIN * (elapsed - nominal_us - self.period_off_us);
                state.period_us = nominal_us + self.period_off_us;
            }
            state.lost = state.lost.saturating_add(lost);
            state.ring.skip(lost);
            let slot = Slot::new(Sample::pack(orientation), frame.acc, frame.gyr, bits);
            state.ring.push(slot, frame.t_us);
            logger::take(shared, state, orientation, bits, frame.t_us);
            if state.ring.next() > SEQ_LAST {
                shared.restart.signal(());
            }
        });
        shared.goes_on(Duty::Judging);
    }

    fn look_at_wearing(&mut self, shared: &Shared, raw: &ImuSample, dt: f32) {
        let (was, motor) = shared.with(|state| (state.off_body, state.motor));
        self.since_wake += dt;
        if motor {
            return; // the motor's own shaking tells nothing of a body
        }
        let off = self.worn.off_body(raw, dt);
        if off != was {
            shared.with(|state| state.off_body = off);
            shared.event(if off { Event::OffBody } else { Event::OnBody }, 0);
            shared.note_change();
        }
    }

    /// Once a second: whether what the filter found is worth keeping. It goes to flash for the next start; the filter goes
    /// on with what it knows.
    fn keep_steady_bias(&mut self, shared: &Shared, dt: f32) {
        self.since_write_back += dt;
        self.since_check += dt;
        if self.since_check < 1.0 {
            return;
        }
        let elapsed = core::mem::take(&mut self.since_check);
        let stored = shared.with(|state| state.settings.calibration.bias);
        let found = self
            .estimator
            .steady_bias(&mut self.steady, elapsed, stored);
        if let Some(bias) = found
            && self.since_write_back > WRITE_BACK
        {
            self.since_write_back = 0.0;
            keep_bias(shared, &bias);
        }
    }

    fn resume(&mut self) {
        self.pace.last_t = None;
        self.since_wake = 0.0;
        self.estimator.resume();
        self.worn.resume();
        self.steady = SteadyBias::default();
    }
}

fn flags_of(state: &State) -> u8 {
    [
        (state.motor, flags::MOTOR),
        (state.off_body, flags::OFF_BODY),
        (state.charging, flags::CHARGER),
    ]
    .iter()
    .fold(0, |bits, (on, bit)| if *on { bits | bit } else { bits })
}

fn rest(state: &State, since_wake: f32) -> Option<Rest> {
    if state.connected {
        None
    } else if state.charging {
        Some(Rest::Charger)
    } else if state.off_body && since_wake > LOOK {
        Some(Rest::OffBody)
    } else {
        None
    }
}

/// Sleep until a central comes, the charger goes, or, off body, something moves.
async fn sleep<I: Imu>(shared: &Shared, imu: &mut I, why: Rest) {
    shared.event(Event::Sleep, why as u16);
    shared.note_change();
    loop {
        let stirs = async {
            let mut still = pin!(imu.sleep_until_motion());
            loop {
                shared.goes_on(Duty::Sampling);
                shared.goes_on(Duty::Judging);
                let woken = select(still.as_mut(), shared.wake.wait());
                match with_timeout(SIGN_OF_LIFE, woken).await {
                    Ok(Either::First(())) => return true,
                    Ok(Either::Second(())) => return false,
                    Err(_) => {}
                }
            }
        };
        match stirs.await {
            true if why == Rest::OffBody => break,
            // on the charger motion means nothing; a driver that tells it all the time must not keep everybody busy
            true => Timer::after_millis(200).await,
            false => {}
        }
        if shared.with(|state| rest(state, f32::MAX)) != Some(why) {
            break;
        }
    }
    shared.event(Event::Wake, why as u16);
}

/// Run for ever; a sensor that fails is tried again, one that ends (a file on the desktop) is left alone.
pub async fn run<I: Imu>(shared: &Shared, imu: &mut I) -> ! {
    let rate_hz = imu.rate_hz();
    shared.with(|state| {
        state.period_us = 1e6 / rate_hz;
        state.log_step = logger::step(state.period_us);
    });
    let mut chain = Chain::new(shared, rate_hz);
    let mut frames = [ImuFrame::default(); FRAMES];
    let mut fault_told = false;
    loop {
        if let Some(why) = shared.with(|state| rest(state, chain.since_wake)) {
            shared.with(|state| logger::close_record(shared, state));
            sleep(shared, imu, why).await;
            chain.resume();
        }
        shared.goes_on(Duty::Sampling);
        let n = match imu.read(&mut frames).await {
            Ok(0) => {
                shared.goes_on(Duty::Judging); // there is nothing to judge
                continue;
            }
            Ok(n) => n,
            Err(ImuFault::End) => loop {
                shared.goes_on(Duty::Sampling);
                shared.goes_on(Duty::Judging);
                Timer::after(SIGN_OF_LIFE).await;
            },
            Err(ImuFault::Bus) => {
                // once for each time that it fails, however long it lasts
                if !core::mem::replace(&mut fault_told, true) {
                    shared.event(Event::SensorFault, 1);
                }
                shared.goes_on(Duty::Judging);
                Timer::after_secs(1).await;
                continue;
            }
        };
        fault_told = false;
        shared.with(|state| {
            state.temperature = imu.temperature();
            chain.posture.refresh(state);
        });
        for frame in frames.iter().take(n) {
            chain.take(shared, frame, rate_hz);
        }
        shared.fresh.signal(());
        // a file at many times real speed, always ready, must not starve the radio
        embassy_futures::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_samples_are_counted_and_a_pause_is_not_a_loss() {
        let mut pace = Pace {
            nominal_us: 20_000.0,
            last_t: None,
        };
        let frame = |t_us, lost_before| ImuFrame {
            t_us,
            lost_before,
            ..ImuFrame::default()
        };
        assert_eq!(pace.step(&frame(5, false), 20_000.0), Step::Next(0.02));
        let at = |pace: &mut Pace, t, lost| pace.step(&frame(t, lost), 20_000.0);
        assert!(matches!(at(&mut pace, 20_005, false), Step::Next(_)));
        assert!(matches!(at(&mut pace, 100_005, true), Step::Lost(3, _)));
        assert!(matches!(at(&mut pace, 900_005, false), Step::Next(dt) if dt > 0.7));
        assert!(matches!(at(&mut pace, 900_000, false), Step::Next(0.0)));
        assert!(matches!(at(&mut pace, u64::MAX, true), Step::Lost(..)));
    }
}
