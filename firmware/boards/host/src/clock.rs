//! The clock of the desktop process: microseconds since start, at `speed` times real time.
//!
//! embassy-time's own `std` driver knows real time alone; this one lets hours of a recording pass in minutes, with every
//! timeout of the firmware running at the same pace.

use std::sync::{Condvar, Mutex, OnceLock};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

struct Pace {
    zero: Instant,
    speed: f64,
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

fn pace() -> &'static Pace {
    pace_or_start(1.0)
}

fn pace_or_start(speed: f64) -> &'static Pace {
    let mut fresh = false;
    let pace = PACE.get_or_init(|| {
        fresh = true;
        Pace {
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
        (self.zero.elapsed().as_secs_f64() * self.speed * 1e6) as u64
    }

    /// Real time until `at` ticks; zero when past.
    fn until(&self, at: u64) -> Duration {
        let seconds = at as f64 / (self.speed * 1e6) - self.zero.elapsed().as_secs_f64();
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
