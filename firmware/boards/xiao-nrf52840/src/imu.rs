//! The LSM6DS3TR-C on the board: FIFO by interrupt, time stamps, sleep until motion.

use embassy_nrf::gpio::{Input, Output};
use embassy_nrf::twim::Twim;
use embassy_time::{Delay, Duration, Instant, Timer, with_timeout};
use unslouch_lsm6ds3tr_c::stamps::Stamps;
use unslouch_lsm6ds3tr_c::{Frame, Lsm6ds3trC, RATE_HZ};
use unslouch_strap_app::platform::{Imu, ImuFault, ImuFrame};

/// Frames that raise the interrupt: two, as a packet of the low-latency stream holds.
const WATERMARK: u8 = 2;
/// No interrupt for so long: look all the same, a line may have been missed.
const PATIENCE: Duration = Duration::from_millis(250);
/// Looks without a frame before the sensor counts as gone.
const LOOKS: u8 = 4;
/// The gyroscope needs 80 ms to start; what it says before is dropped.
const STARTING: usize = 6;
/// A temperature is read once in this many batches: every few seconds.
const TEMPERATURE_EVERY: u16 = 128;
/// Change of force that wakes, in 31.25 mg: a strap that is picked up.
const KNOCK: u8 = 2;

/// The sensor with its interrupt line and its supply, which is a pin.
pub struct BoardImu {
    sensor: Lsm6ds3trC<Twim<'static>>,
    int1: Input<'static>,
    supply: Output<'static>,
    running: bool,
    dropping: usize,
    gap: bool,
    stamps: Stamps,
    batches: u16,
    temperature: f32,
}

impl BoardImu {
    /// A sensor that still sleeps.
    pub fn new(i2c: Twim<'static>, int1: Input<'static>, supply: Output<'static>) -> Self {
        Self {
            sensor: Lsm6ds3trC::new(i2c),
            int1,
            supply,
            running: false,
            dropping: 0,
            gap: false,
            stamps: Stamps::new(RATE_HZ),
            batches: 0,
            temperature: f32::NAN,
        }
    }

    async fn start(&mut self) -> Result<(), ImuFault> {
        self.supply.set_high();
        Timer::after_millis(35).await; // boot time of the sensor
        if self.sensor.start(&mut Delay, WATERMARK).await.is_err() {
            // a sensor that hangs is cured by taking its supply away; the application tries again
            self.supply.set_low();
            Timer::after_millis(50).await;
            return Err(ImuFault::Bus);
        }
        self.running = true;
        self.dropping = STARTING;
        self.gap = false;
        self.batches = 0;
        self.stamps.restart();
        Ok(())
    }

    /// The bus failed: begin anew at the next read.
    fn failed(&mut self) -> ImuFault {
        self.running = false;
        ImuFault::Bus
    }
}

impl Imu for BoardImu {
    fn rate_hz(&self) -> f32 {
        RATE_HZ
    }

    async fn read(&mut self, out: &mut [ImuFrame]) -> Result<usize, ImuFault> {
        if !self.running {
            self.start().await?;
        }
        let mut empty = 0;
        loop {
            // an elapsed time is no fault: the FIFO itself is asked next
            let _ = with_timeout(PATIENCE, self.int1.wait_for_high()).await;
            let now = Instant::now().as_micros();
            if self.batches.is_multiple_of(TEMPERATURE_EVERY) {
                self.temperature = self.sensor.temperature().await.map_err(|_| self.failed())?;
            }
            self.batches = self.batches.wrapping_add(1);
            let mut frames = [Frame::default(); unslouch_lsm6ds3tr_c::BURST];
            let room = frames.len().min(out.len());
            let batch = self
                .sensor
                .read(frames.get_mut(..room).unwrap_or_default())
                .await
                .map_err(|_| self.failed())?;
            if batch.frames == 0 {
                empty += 1;
                if empty == LOOKS {
                    return Err(self.failed());
                }
                continue;
            }
            if batch.overrun {
                self.gap = true;
                self.stamps.restart();
            }
            let first = self.stamps.first_ns(now, batch.frames, batch.left);
            let steps = batch.frames.saturating_sub(1).max(1) as i64;
            let step = (self.stamps.newest_ns() - first) / steps;
            let mut n = 0;
            for (k, frame) in frames.iter().take(batch.frames).enumerate() {
                if self.dropping > 0 {
                    self.dropping -= 1;
                    continue;
                }
                if let Some(place) = out.get_mut(n) {
                    *place = ImuFrame {
                        t_us: ((first + k as i64 * step) / 1000) as u64,
                        acc: frame.acc,
                        gyr: frame.gyr,
                        lost_before: core::mem::take(&mut self.gap),
                    };
                    n += 1;
                }
            }
            if n > 0 {
                return Ok(n);
            }
        }
    }

    fn temperature(&self) -> f32 {
        self.temperature
    }

    async fn sleep_until_motion(&mut self) {
        self.running = false; // the next read starts it anew, whenever this future is dropped
        if self.sensor.watch(KNOCK).await.is_err() {
            Timer::after_secs(1).await;
            return; // awake is the safe side
        }
        // the filter's first steps look like motion
        Timer::after_millis(200).await;
        let _ = self.sensor.moved().await;
        loop {
            self.int1.wait_for_high().await;
            match self.sensor.moved().await {
                Ok(false) => {}
                Ok(true) | Err(_) => return,
            }
        }
    }
}
