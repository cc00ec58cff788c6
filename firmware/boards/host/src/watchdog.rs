//! The watchdog of the desktop process, and what can be made to hang so that it bites.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use unslouch_strap_app::platform::{ResetReason, WATCHDOG};

use crate::last_words::LastWords;
use crate::stimuli::{REBOOT, tell};

/// The sensor says nothing any more.
pub static SENSOR_HANGS: AtomicBool = AtomicBool::new(false);
/// The sensor's time stands.
pub static STAMPS_HANG: AtomicBool = AtomicBool::new(false);
/// The flash answers no more.
pub static FLASH_HANGS: AtomicBool = AtomicBool::new(false);

/// The dog counts by these, ms. It counts what it lives through itself: a machine that lets nobody run angers no dog.
const TICK_MS: u64 = 100;
/// Time that passes in one step counts at most this much, ms: a laptop that slept is no strap that hung.
const STEP_MS: u64 = 1000;

static WORDS: OnceLock<LastWords> = OnceLock::new();
static PATIENCE: AtomicU32 = AtomicU32::new(u32::MAX);
static LEFT: AtomicU32 = AtomicU32::new(u32::MAX);
static RUNS: AtomicBool = AtomicBool::new(false);
static LAST_MS: AtomicU64 = AtomicU64::new(0);

/// Wake the dog; `speed` is that of a clock that runs, None where it is set from outside.
pub fn start(words: LastWords, speed: Option<f64>) {
    if WORDS.set(words).is_err() {
        return; // one dog is enough
    }
    // in real time where the clock runs faster: a machine under load is slow in real time, too
    let slower = speed.map_or(1.0, |speed| speed.min(1.0));
    let ticks = (WATCHDOG.as_millis() / TICK_MS) as f64 / slower;
    PATIENCE.store(ticks as u32, Relaxed);
    feed();
    RUNS.store(speed.is_some(), Relaxed);
    if speed.is_some() {
        thread::spawn(|| tick(TICK_MS));
    }
}

fn tick(every_ms: u64) {
    loop {
        thread::sleep(Duration::from_millis(every_ms));
        count(1);
    }
}

/// Hang, so that nothing but the dog ends it.
pub fn hang() {
    if !RUNS.load(Relaxed) {
        // whoever sets the clock waits for this process, which hangs: the dog must count by itself, and may hurry
        thread::spawn(|| tick(TICK_MS / 10));
    }
    thread::sleep(Duration::MAX);
}

/// All is well.
pub fn feed() {
    LEFT.store(PATIENCE.load(Relaxed), Relaxed);
}

/// The clock was set to `now`, in microseconds, and everything was done that was due.
pub fn stepped(now: u64) {
    let now = now / 1000;
    let passed = now.saturating_sub(LAST_MS.load(Relaxed));
    let ticks = passed.min(STEP_MS) / TICK_MS;
    if ticks > 0 {
        LAST_MS.store(now, Relaxed);
        count(ticks as u32);
    }
}

fn count(ticks: u32) {
    let left = LEFT.load(Relaxed).saturating_sub(ticks);
    LEFT.store(left, Relaxed);
    if left == 0 {
        if let Some(Err(error)) = WORDS
            .get()
            .map(|words| words.leave(ResetReason::Watchdog, ""))
        {
            eprintln!("why it ends is lost: {error}");
        }
        tell(format_args!("watchdog"));
        std::process::exit(REBOOT);
    }
}
