//! What the application asks of a board. A board implements these and nothing else.

use embassy_time::Duration;

/// One frame of the inertial sensor, as it left its FIFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImuFrame {
    /// End of the sample's interval, µs of the board's clock since boot.
    pub t_us: u64,
    /// Specific force, counts of [`ACC_LSB`].
    pub acc: [i16; 3],
    /// Rate of turn, counts of [`GYR_LSB`].
    pub gyr: [i16; 3],
    /// Frames between the one before and this one are gone (FIFO overrun, a gap in the file).
    pub lost_before: bool,
}

/// m/s² a count at 8 g full scale (LSM6DS3TR-C data sheet, table 3: 0.244 mg).
pub const ACC_LSB: f32 = 0.244e-3 * 9.806_65;
/// rad/s a count at 1000 °/s full scale (35 mdps).
pub const GYR_LSB: f32 = 0.035 * core::f32::consts::PI / 180.0;

/// Why the inertial sensor gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImuFault {
    /// It does not answer or answers nonsense; the application retries.
    Bus,
    /// There will be no more samples (the end of a file on the desktop).
    End,
}

/// The inertial sensor with its FIFO.
#[allow(async_fn_in_trait)] // one executor, one thread: futures need not be Send
pub trait Imu {
    /// Output data rate, Hz.
    fn rate_hz(&self) -> f32;

    /// Wait until frames are there, then fill `out` from its beginning; how many. A driver that has none for now says so
    /// with 0 within [`SIGN_OF_LIFE`]; one that says nothing is taken for hung, and the watchdog ends that.
    async fn read(&mut self, out: &mut [ImuFrame]) -> Result<usize, ImuFault>;

    /// Die temperature, °C.
    fn temperature(&self) -> f32;

    /// Sample no more and wait for motion (wake-on-motion interrupt). The future may be dropped at any await; the next
    /// `read` samples again, with nothing of before the sleep and `lost_before` false.
    async fn sleep_until_motion(&mut self);
}

/// The vibration motor.
pub trait Motor {
    /// Drive it at `strength`, 0 (off) to 100.
    fn drive(&mut self, strength: u8);
}

/// The one button.
#[allow(async_fn_in_trait)]
pub trait Button {
    /// Wait until it changes; whether it is pressed now.
    async fn changed(&mut self) -> bool;
}

/// The cell and its charger.
#[allow(async_fn_in_trait)]
pub trait Power {
    /// Voltage of the cell, mV.
    async fn millivolts(&mut self) -> u16;

    /// Whether a charger is attached.
    fn charging(&self) -> bool;

    /// Cut what can be cut; the board comes back by the button or the charger. Returns where a board cannot.
    async fn off(&mut self);
}

/// The one lamp.
pub trait Lamp {
    /// Switch it.
    fn light(&mut self, on: bool);
}

/// The board as a whole: reset, watchdog, last words.
pub trait Board {
    /// Why it started.
    fn reset_reason(&self) -> ResetReason;

    /// What the last panic said, UTF-8; empty when there was none since it was asked for.
    fn last_words(&self) -> &[u8] {
        &[]
    }

    /// Start again at once, into the bootloader where there is one and it is asked for.
    fn reboot(&mut self, bootloader: bool);

    /// Tell the watchdog that all is well; called at least once in [`WATCHDOG`] as long as every [`crate::state::Duty`] is
    /// being done.
    fn feed_watchdog(&mut self);
}

/// How long the watchdog waits.
pub const WATCHDOG: Duration = Duration::from_secs(8);
/// Whoever the watchdog asks for a sign of life gives one at least this often.
pub const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Why the board started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// Unknown to the board.
    Unknown,
    /// Power came.
    PowerOn,
    /// The reset pin.
    Pin,
    /// The watchdog was not fed.
    Watchdog,
    /// A panic; its text waits to be read.
    Panic,
    /// Supply fell too low.
    Brownout,
    /// The application asked for it.
    Requested,
    /// The cell was empty.
    LowBattery,
    /// The processor locked up.
    Lockup,
}
