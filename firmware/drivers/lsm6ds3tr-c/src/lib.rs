//! Asynchronous driver of ST's LSM6DS3TR-C: accelerometer and gyroscope through its FIFO, temperature, wake-on-motion.
//!
//! Register names and numbers are those of the data sheet (DocID030071) and application note AN5130. One configuration
//! alone: both sensors at 52 Hz in high-performance mode, 8 g (0.244 mg a count) and 1000 °/s (35 m°/s a count).

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod stamps;

use embedded_hal_async::delay::DelayNs;
use embedded_hal_async::i2c::I2c;

/// Address with SA0 low, as on the XIAO nRF52840 Sense.
pub const ADDRESS: u8 = 0x6A;
/// Output data rate, Hz.
pub const RATE_HZ: f32 = 52.0;
/// Frames taken from the FIFO in one transfer.
pub const BURST: usize = 16;

mod reg {
    pub const FIFO_CTRL1: u8 = 0x06;
    pub const FIFO_CTRL5: u8 = 0x0A;
    pub const INT1_CTRL: u8 = 0x0D;
    pub const WHO_AM_I: u8 = 0x0F;
    pub const CTRL1_XL: u8 = 0x10;
    pub const CTRL2_G: u8 = 0x11;
    pub const CTRL3_C: u8 = 0x12;
    pub const CTRL6_C: u8 = 0x15;
    pub const WAKE_UP_SRC: u8 = 0x1B;
    pub const OUT_TEMP_L: u8 = 0x20;
    pub const FIFO_STATUS1: u8 = 0x3A;
    pub const FIFO_DATA_OUT_L: u8 = 0x3E;
    pub const TAP_CFG: u8 = 0x58;
    pub const WAKE_UP_THS: u8 = 0x5B;
    pub const WAKE_UP_DUR: u8 = 0x5C;
    pub const MD1_CFG: u8 = 0x5E;
}

const WHO: u8 = 0x6A;
/// 52 Hz, 8 g.
const XL_ON: u8 = 0x3C;
/// 26 Hz, 2 g: enough to feel a hand.
const XL_WATCH: u8 = 0x20;
/// 52 Hz, 1000 °/s.
const G_ON: u8 = 0x38;
const OFF: u8 = 0x00;
/// Block data update, addresses increment.
const C_NORMAL: u8 = 0x44;
const C_RESET: u8 = 0x01;
/// Accelerometer without its high-performance mode.
const XL_LOW_POWER: u8 = 0x10;
/// Both sensors into the FIFO, undecimated, the gyroscope first.
const FIFO_BOTH: u8 = 0x09;
/// 52 Hz, continuous: the oldest is overwritten.
const FIFO_CONTINUOUS: u8 = 0x1E;
const FIFO_BYPASS: u8 = 0x00;
const INT1_FTH: u8 = 0x08;
/// Interrupts on, slope filter, latched until its source is read.
const TAP_CFG_WAKE: u8 = 0x81;
const MD1_WAKE_UP: u8 = 0x20;
const WAKE_UP_IA: u8 = 0x08;
const STATUS2_OVERRUN: u8 = 0x40;
/// 16-bit words of a frame.
const WORDS: u16 = 6;
/// Resets take 50 µs; ask this often, a millisecond apart.
const RESET_LOOKS: u8 = 10;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The bus.
    Bus(E),
    /// Another chip answers; what WHO_AM_I holds.
    WrongChip(u8),
    /// It does not come out of its reset.
    Stuck,
}

impl<E> From<E> for Error<E> {
    fn from(error: E) -> Self {
        Self::Bus(error)
    }
}

/// One sample of both sensors, in counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Angular rate, 35 m°/s.
    pub gyr: [i16; 3],
    /// Specific force, 0.244 mg.
    pub acc: [i16; 3],
}

/// What a look into the FIFO gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Frames written to the caller's slice.
    pub frames: usize,
    /// Whole frames that were still in the FIFO afterwards.
    pub left: usize,
    /// Frames were overwritten before these.
    pub overrun: bool,
}

/// The sensor.
pub struct Lsm6ds3trC<I> {
    i2c: I,
}

impl<I: I2c> Lsm6ds3trC<I> {
    /// A sensor at [`ADDRESS`] of `i2c`.
    pub fn new(i2c: I) -> Self {
        Self { i2c }
    }

    async fn set(&mut self, register: u8, value: u8) -> Result<(), Error<I::Error>> {
        Ok(self.i2c.write(ADDRESS, &[register, value]).await?)
    }

    async fn get(&mut self, register: u8, out: &mut [u8]) -> Result<(), Error<I::Error>> {
        Ok(self.i2c.write_read(ADDRESS, &[register], out).await?)
    }

    /// Reset it and sample from now on; INT1 is high while at least `watermark` frames (1 to 255) wait.
    ///
    /// The first frames are taken while the gyroscope still starts (80 ms) and are for the caller to drop.
    pub async fn start(
        &mut self,
        delay: &mut impl DelayNs,
        watermark: u8,
    ) -> Result<(), Error<I::Error>> {
        let mut byte = [0];
        self.get(reg::WHO_AM_I, &mut byte).await?;
        if byte != [WHO] {
            return Err(Error::WrongChip(byte[0]));
        }
        self.set(reg::CTRL3_C, C_RESET).await?;
        let mut looks = 0;
        loop {
            delay.delay_ms(1).await;
            self.get(reg::CTRL3_C, &mut byte).await?;
            if byte[0] & C_RESET == 0 {
                break;
            }
            looks += 1;
            if looks == RESET_LOOKS {
                return Err(Error::Stuck);
            }
        }
        self.set(reg::CTRL3_C, C_NORMAL).await?;
        let [low, high] = (u16::from(watermark.max(1)) * WORDS).to_le_bytes();
        // FIFO_CTRL1 to 4: threshold (11 bits), what goes in
        let control = [reg::FIFO_CTRL1, low, high, FIFO_BOTH, 0];
        self.i2c.write(ADDRESS, &control).await?;
        self.set(reg::INT1_CTRL, INT1_FTH).await?;
        self.set(reg::CTRL1_XL, XL_ON).await?;
        self.set(reg::CTRL2_G, G_ON).await?;
        // bypass first: the FIFO begins empty, with a gyroscope's x
        self.set(reg::FIFO_CTRL5, FIFO_BYPASS).await?;
        self.set(reg::FIFO_CTRL5, FIFO_CONTINUOUS).await
    }

    /// Take what waits in the FIFO, oldest first, as much as `out` and one burst hold.
    pub async fn read(&mut self, out: &mut [Frame]) -> Result<Batch, Error<I::Error>> {
        let mut status = [0; 4];
        self.get(reg::FIFO_STATUS1, &mut status).await?;
        let [low, flags, pattern_low, pattern_high] = status;
        let mut words = u16::from_le_bytes([low, flags & 0x07]);
        let overrun = flags & STATUS2_OVERRUN != 0;
        let pattern = u16::from_le_bytes([pattern_low, pattern_high & 0x03]) % WORDS;
        if pattern != 0 {
            // a transfer broke off inside a frame: drop the rest of that frame
            let rest = (WORDS - pattern).min(words);
            let mut scrap = [0; 2 * WORDS as usize];
            if let Some(scrap) = scrap.get_mut(..2 * usize::from(rest)) {
                self.get(reg::FIFO_DATA_OUT_L, scrap).await?;
            }
            words -= rest;
        }
        let waiting = usize::from(words / WORDS);
        let n = waiting.min(out.len()).min(BURST);
        let mut bytes = [0; 2 * WORDS as usize * BURST];
        let bytes = bytes
            .get_mut(..2 * usize::from(WORDS) * n)
            .unwrap_or_default();
        if n > 0 {
            // the address goes back from 3Fh to 3Eh by itself
            self.get(reg::FIFO_DATA_OUT_L, bytes).await?;
        }
        for (frame, bytes) in out.iter_mut().zip(bytes.as_chunks::<12>().0) {
            let [gx, gy, gz, ax, ay, az] =
                core::array::from_fn(|k| i16::from_le_bytes([bytes[2 * k], bytes[2 * k + 1]]));
            *frame = Frame {
                gyr: [gx, gy, gz],
                acc: [ax, ay, az],
            };
        }
        Ok(Batch {
            frames: n,
            left: waiting - n,
            overrun: overrun || pattern != 0,
        })
    }

    /// Die temperature, °C.
    pub async fn temperature(&mut self) -> Result<f32, Error<I::Error>> {
        let mut bytes = [0; 2];
        self.get(reg::OUT_TEMP_L, &mut bytes).await?;
        Ok(25.0 + f32::from(i16::from_le_bytes(bytes)) / 256.0)
    }

    /// Stop sampling; the accelerometer alone watches (26 Hz, low power). INT1 goes high when the force changes by more
    /// than `threshold` times 31.25 mg (1 to 63), and stays so until [`Self::moved`] is asked. [`Self::start`] ends it.
    pub async fn watch(&mut self, threshold: u8) -> Result<(), Error<I::Error>> {
        self.set(reg::INT1_CTRL, 0).await?;
        self.set(reg::FIFO_CTRL5, FIFO_BYPASS).await?;
        self.set(reg::CTRL2_G, OFF).await?;
        self.set(reg::CTRL6_C, XL_LOW_POWER).await?;
        self.set(reg::CTRL1_XL, XL_WATCH).await?;
        self.set(reg::WAKE_UP_DUR, 0).await?;
        self.set(reg::WAKE_UP_THS, threshold.clamp(1, 63)).await?;
        self.set(reg::TAP_CFG, TAP_CFG_WAKE).await?;
        self.set(reg::MD1_CFG, MD1_WAKE_UP).await
    }

    /// Whether it was moved since it was last asked; lowers INT1.
    pub async fn moved(&mut self) -> Result<bool, Error<I::Error>> {
        let mut byte = [0];
        self.get(reg::WAKE_UP_SRC, &mut byte).await?;
        Ok(byte[0] & WAKE_UP_IA != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embassy_futures::block_on;
    use embedded_hal_mock::eh1::delay::NoopDelay;
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

    fn write(bytes: &[u8]) -> Transaction {
        Transaction::write(ADDRESS, bytes.to_vec())
    }

    fn read(register: u8, bytes: &[u8]) -> Transaction {
        Transaction::write_read(ADDRESS, vec![register], bytes.to_vec())
    }

    fn with<T>(transactions: &[Transaction], f: impl AsyncFnOnce(&mut Lsm6ds3trC<Mock>) -> T) -> T {
        let mut mock = Mock::new(transactions);
        let mut sensor = Lsm6ds3trC::new(mock.clone());
        let result = block_on(f(&mut sensor));
        mock.done();
        result
    }

    #[test]
    fn start_writes_what_the_data_sheet_says() {
        let expected = [
            read(0x0F, &[0x6A]),
            write(&[0x12, 0x01]),
            read(0x12, &[0x01]),
            read(0x12, &[0x00]),
            write(&[0x12, 0x44]),
            write(&[0x06, 12, 0, 0x09, 0]), // two frames of six words
            write(&[0x0D, 0x08]),
            write(&[0x10, 0x3C]), // ODR 0011, FS 11: 52 Hz, 8 g
            write(&[0x11, 0x38]), // ODR 0011, FS 10: 52 Hz, 1000 dps
            write(&[0x0A, 0x00]),
            write(&[0x0A, 0x1E]), // ODR 0011, mode 110
        ];
        let started = with(&expected, async |s| s.start(&mut NoopDelay::new(), 2).await);
        assert_eq!(started, Ok(()));
    }

    #[test]
    fn a_large_watermark_takes_the_high_bits() {
        let expected = [
            read(0x0F, &[0x6A]),
            write(&[0x12, 0x01]),
            read(0x12, &[0x00]),
            write(&[0x12, 0x44]),
            write(&[0x06, 0xFA, 0x05, 0x09, 0]), // 255 * 6 = 0x5FA
            write(&[0x0D, 0x08]),
            write(&[0x10, 0x3C]),
            write(&[0x11, 0x38]),
            write(&[0x0A, 0x00]),
            write(&[0x0A, 0x1E]),
        ];
        assert_eq!(
            with(&expected, async |s| s
                .start(&mut NoopDelay::new(), 255)
                .await),
            Ok(())
        );
    }

    #[test]
    fn another_chip_and_a_stuck_one_are_told() {
        let other = [read(0x0F, &[0x69])]; // LSM6DS3 without TR-C
        assert_eq!(
            with(&other, async |s| s.start(&mut NoopDelay::new(), 2).await),
            Err(Error::WrongChip(0x69))
        );
        let mut stuck = vec![read(0x0F, &[0x6A]), write(&[0x12, 0x01])];
        stuck.extend((0..RESET_LOOKS).map(|_| read(0x12, &[0x01])));
        assert_eq!(
            with(&stuck, async |s| s.start(&mut NoopDelay::new(), 2).await),
            Err(Error::Stuck)
        );
    }

    #[test]
    fn frames_come_gyroscope_first_little_endian_and_signed() {
        let expected = [
            read(0x3A, &[13, 0x80, 0, 0]), // two frames and one word of the third
            read(
                0x3E,
                &[
                    1, 0, 0xFE, 0xFF, 3, 0, 4, 0, 0xFB, 0xFF, 0, 0x10, //
                    7, 0, 8, 0, 9, 0, 10, 0, 11, 0, 0, 0x80,
                ],
            ),
        ];
        let mut frames = [Frame::default(); 4];
        let batch = with(&expected, async |s| s.read(&mut frames).await);
        assert_eq!(
            batch,
            Ok(Batch {
                frames: 2,
                left: 0,
                overrun: false
            })
        );
        assert_eq!(
            frames[..2],
            [
                Frame {
                    gyr: [1, -2, 3],
                    acc: [4, -5, 4096]
                },
                Frame {
                    gyr: [7, 8, 9],
                    acc: [10, 11, i16::MIN]
                }
            ]
        );
    }

    #[test]
    fn an_empty_fifo_is_not_read_and_a_full_one_in_bursts() {
        let mut frames = [Frame::default(); 32];
        let empty = with(&[read(0x3A, &[0, 0x10, 0, 0])], async |s| {
            s.read(&mut frames).await
        });
        assert_eq!(empty.map(|batch| batch.frames), Ok(0));
        let full = [
            read(0x3A, &[0xFE, 0x47, 0, 0]), // 2046 words, over-run
            read(0x3E, &[0; 12 * BURST]),
        ];
        assert_eq!(
            with(&full, async |s| s.read(&mut frames).await),
            Ok(Batch {
                frames: BURST,
                left: 341 - BURST,
                overrun: true
            })
        );
        let small = [read(0x3A, &[18, 0, 0, 0]), read(0x3E, &[0; 12])];
        let batch = with(&small, async |s| s.read(&mut frames[..1]).await);
        assert_eq!(batch.map(|batch| (batch.frames, batch.left)), Ok((1, 2)));
    }

    #[test]
    fn a_broken_frame_is_dropped_and_told() {
        let expected = [
            read(0x3A, &[10, 0, 2, 0]), // the next word is number 2 of its frame
            read(0x3E, &[0xAA; 8]),
            read(0x3E, &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]),
        ];
        let mut frames = [Frame::default(); 2];
        let batch = with(&expected, async |s| s.read(&mut frames).await);
        assert_eq!(
            batch,
            Ok(Batch {
                frames: 1,
                left: 0,
                overrun: true
            })
        );
        assert_eq!(frames[0].gyr, [1, 2, 3]);
    }

    #[test]
    fn temperature_is_zero_at_25_degrees() {
        let at = |bytes: [u8; 2]| with(&[read(0x20, &bytes)], async |s| s.temperature().await);
        assert_eq!(at([0, 0]), Ok(25.0));
        assert_eq!(at([0x80, 0x07]), Ok(32.5));
        assert_eq!(at([0x00, 0xF6]), Ok(15.0));
    }

    #[test]
    fn watching_leaves_the_accelerometer_alone_awake() {
        let expected = [
            write(&[0x0D, 0x00]),
            write(&[0x0A, 0x00]),
            write(&[0x11, 0x00]),
            write(&[0x15, 0x10]),
            write(&[0x10, 0x20]),
            write(&[0x5C, 0x00]),
            write(&[0x5B, 0x02]),
            write(&[0x58, 0x81]),
            write(&[0x5E, 0x20]),
            read(0x1B, &[0x00]),
            read(0x1B, &[0x0A]),
        ];
        let moved = with(&expected, async |s| {
            s.watch(2).await?;
            Ok::<_, Error<embedded_hal_async::i2c::ErrorKind>>([s.moved().await?, s.moved().await?])
        });
        assert_eq!(moved, Ok([false, true]));
    }
}
