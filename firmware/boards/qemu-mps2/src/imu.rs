//! Samples over UART 1, in the frames of the desktop process: float64 t (s), float32 ax ay az gx gy gz, little-endian.

use embassy_time::{Instant, with_timeout};
use embedded_io_async::Read;
use unslouch_strap_app::platform::{ACC_LSB, GYR_LSB, Imu, ImuFault, ImuFrame, SIGN_OF_LIFE};

use crate::uart::Uart;

/// Bytes of a frame.
const FRAME: usize = 8 + 6 * 4;
/// The sender's rate, Hz.
const RATE_HZ: f32 = 52.0;
const PERIOD: f64 = 1.0 / RATE_HZ as f64;

/// The samples' sender.
pub struct UartImu {
    uart: &'static Uart,
    bytes: [u8; 2 * FRAME],
    held: usize,
    /// Where frames begin is known. A strap that was reset hears the sender in the middle of one: taken from there, all would
    /// be nonsense for ever, and the watchdog would bite.
    aligned: bool,
    /// Time of the first frame, s, and µs of this boot when it came.
    first: Option<(f64, u64)>,
    last: f64,
}

fn counts(value: f32, lsb: f32) -> i16 {
    let counts = value / lsb;
    // a cast saturates, as the sensor does
    (if counts < 0.0 {
        counts - 0.5
    } else {
        counts + 0.5
    }) as i16
}

impl UartImu {
    /// Read from `uart`.
    pub fn new(uart: &'static Uart) -> Self {
        Self {
            uart,
            bytes: [0; 2 * FRAME],
            held: 0,
            aligned: false,
            first: None,
            last: 0.0,
        }
    }

    /// Whether frames begin at the first byte: the times of two of them are a period apart.
    fn is_aligned(&self) -> bool {
        let (first, second) = self.bytes.split_at(FRAME);
        let [Some(a), Some(b)] = [first, second].map(<[u8]>::first_chunk::<8>) else {
            return false;
        };
        let step = f64::from_le_bytes(*b) - f64::from_le_bytes(*a);
        (0.9 * PERIOD..1.1 * PERIOD).contains(&step)
    }

    /// Drop the first `n` bytes.
    fn drop_bytes(&mut self, n: usize) {
        self.bytes.copy_within(n.., 0);
        self.held -= n;
    }

    fn frame(&mut self) -> Option<ImuFrame> {
        let (frame, _) = self.bytes.split_first_chunk::<FRAME>()?;
        let (time, values) = frame.split_first_chunk::<8>()?;
        let t = f64::from_le_bytes(*time);
        let mut numbers = [0.0; 6];
        for (number, bytes) in numbers.iter_mut().zip(values.as_chunks::<4>().0) {
            *number = f32::from_le_bytes(*bytes);
        }
        if !t.is_finite() || numbers.iter().any(|number| !number.is_finite()) {
            return None; // shows as a gap, as a lost frame would
        }
        let (zero, start_us) = *self
            .first
            .get_or_insert_with(|| (t, Instant::now().as_micros()));
        if t != zero && t <= self.last {
            return None; // a sensor's clock never goes back
        }
        let lost_before = t != zero && t - self.last > 1.5 * PERIOD;
        self.last = t;
        let [ax, ay, az, gx, gy, gz] = numbers;
        Some(ImuFrame {
            t_us: start_us + ((t - zero + PERIOD) * 1e6) as u64,
            acc: [ax, ay, az].map(|a| counts(a, ACC_LSB)),
            gyr: [gx, gy, gz].map(|w| counts(w, GYR_LSB)),
            lost_before,
        })
    }
}

impl Imu for UartImu {
    fn rate_hz(&self) -> f32 {
        RATE_HZ
    }

    async fn read(&mut self, out: &mut [ImuFrame]) -> Result<usize, ImuFault> {
        let Some(place) = out.first_mut() else {
            return Ok(0);
        };
        loop {
            let wanted = if self.aligned { FRAME } else { 2 * FRAME };
            while let Some(free) = self.bytes.get_mut(self.held..wanted)
                && !free.is_empty()
            {
                let mut uart = self.uart;
                let Ok(Ok(n)) = with_timeout(SIGN_OF_LIFE, uart.read(free)).await else {
                    return Ok(0);
                };
                self.held += n;
            }
            self.aligned = self.aligned || self.is_aligned();
            if !self.aligned {
                self.drop_bytes(1);
                continue;
            }
            let frame = self.frame();
            self.drop_bytes(FRAME);
            if let Some(frame) = frame {
                *place = frame;
                return Ok(1);
            }
        }
    }

    fn temperature(&self) -> f32 {
        25.0
    }

    async fn sleep_until_motion(&mut self) {
        // the sender's person never takes the strap off for good: the next frame is the motion
    }
}
