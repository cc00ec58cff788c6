//! The clock of the desktop process: microseconds since start, at `speed` times real time or step by step.
//!
//! embassy-time's own `std` driver knows real time alone; this one lets hours of a recording pass in minutes, with every
//! timeout of the firmware running at the same pace; or it stands still until somebody else sets it (`lockstep`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

enum Pace {
    Running { zero: Instant, speed: f64 },
    Stepped(AtomicU64),
}

static PACE: OnceLock<Pace> = OnceLock::new();

struct HostClock {
    queue: Mutex<Queue>,
    changed: Condvar,
}

embassy_time_driver::time_driver_impl!(static CLOCK: HostClock = HostClock {
    queue: Mutex::new(Queue::new()),
    changed: Condvar::new(),
});

/// Start the clock. Call once, before anything asks for the time; a clock that was not started runs in real time.
pub fn start(speed: f64) {
    pace_or_start(speed);
}

/// Let the clock stand at zero until it is set. Call once, before anything asks for the time.
pub fn start_stepped() {
    PACE.get_or_init(|| Pace::Stepped(AtomicU64::new(0)));
}

/// Set a stepped clock, which never goes back, and wake what is due.
pub fn set(now: u64) {
    if let Pace::Stepped(ticks) = pace() {
        ticks.fetch_max(now, Ordering::Relaxed);
    }
    next();
}

/// Wake what is due; when the next thing will be (`u64::MAX`: nothing waits).
pub fn next() -> u64 {
    CLOCK
        .queue
        .lock()
        .expect("the clock's queue is not poisoned")
        .next_expiration(pace().ticks())
}

fn pace() -> &'static Pace {
    pace_or_start(1.0)
}

fn pace_or_start(speed: f64) -> &'static Pace {
    let mut fresh = false;
    let pace = PACE.get_or_init(|| {
        fresh = true;
        Pace::Running {
            zero: Instant::now(),
            speed,
        }
    });
    if fresh {
        thread::spawn(wake_when_due);
    }
    pace
}

impl Pace {
    fn ticks(&self) -> u64 {
        match self {
            Pace::Running { zero, speed } => (zero.elapsed().as_secs_f64() * speed * 1e6) as u64,
            Pace::Stepped(ticks) => ticks.load(Ordering::Relaxed),
        }
    }

    /// Real time until `at` ticks; zero when past.
    fn until(&self, at: u64) -> Duration {
        let Pace::Running { zero, speed } = self else {
            return Duration::MAX;
        };
        let seconds = at as f64 / (speed * 1e6) - zero.elapsed().as_secs_f64();
        Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
    }
}

impl Driver for HostClock {
    fn now(&self) -> u64 {
        pace().ticks()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        pace();
        if self
            .queue
            .lock()
            .expect("the clock's queue is not poisoned")
            .schedule_wake(at, waker)
        {
            self.changed.notify_one();
        }
    }
}

fn wake_when_due() {
    let mut queue = CLOCK
        .queue
        .lock()
        .expect("the clock's queue is not poisoned");
    loop {
        let next = queue.next_expiration(pace().ticks());
        queue = CLOCK
            .changed
            .wait_timeout(queue, pace().until(next))
            .expect("the clock's queue is not poisoned")
            .0;
    }
}
