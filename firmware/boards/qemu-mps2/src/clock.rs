//! embassy-time on the CMSDK dual timer: one half runs free, the other fires once.
//!
//! Counting interrupts of a SysTick loses time when the emulator is held up; a free-running counter does not.

use core::cell::RefCell;
use core::ptr::{read_volatile, write_volatile};
use core::task::Waker;

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use crate::interrupts::{self, Irq};

const BASE: usize = 0x4000_2000;
const COUNTER: usize = BASE;
const ALARM: usize = BASE + 0x20;
const LOAD: usize = 0x00;
const VALUE: usize = 0x04;
const CONTROL: usize = 0x08;
const CLEAR: usize = 0x0C;

const ENABLE: u32 = 1 << 7;
const PERIODIC: u32 = 1 << 6;
const INTERRUPT: u32 = 1 << 5;
/// 25 MHz / 16.
const BY_16: u32 = 1 << 2;
const WIDE: u32 = 1 << 1;
const ONE_SHOT: u32 = 1 << 0;

/// A count is 16/25 µs.
const NUMERATOR: u64 = 16;
const DENOMINATOR: u64 = 25;
/// The alarm comes at least this often, so that no wrap of the counter (2748 s) goes unseen.
const LONGEST: u64 = 600_000_000;

fn write(half: usize, register: usize, value: u32) {
    // SAFETY: a register of the dual timer, of which this module is the only user
    unsafe { write_volatile((half + register) as *mut u32, value) }
}

fn read(half: usize, register: usize) -> u32 {
    // SAFETY: as above
    unsafe { read_volatile((half + register) as *const u32) }
}

struct Inner {
    queue: Queue,
    wraps: u64,
    last: u32,
}

struct DualTimer(Mutex<RefCell<Inner>>);

embassy_time_driver::time_driver_impl!(static CLOCK: DualTimer = DualTimer(Mutex::new(RefCell::new(Inner {
    queue: Queue::new(),
    wraps: 0,
    last: 0,
}))));

/// Start the counter. Call once, before anything asks for the time.
pub fn start() {
    write(COUNTER, LOAD, u32::MAX);
    write(COUNTER, CONTROL, ENABLE | BY_16 | WIDE);
    write(ALARM, CONTROL, 0);
    interrupts::enable(Irq::DualTimer);
}

impl DualTimer {
    fn ticks(&self, cs: CriticalSection<'_>) -> u64 {
        let mut inner = self.0.borrow_ref_mut(cs);
        let count = u32::MAX - read(COUNTER, VALUE); // it counts down
        if count < inner.last {
            inner.wraps += 1;
        }
        inner.last = count;
        ((inner.wraps << 32) | u64::from(count)) * NUMERATOR / DENOMINATOR
    }

    /// Wake what is due and set the alarm for what comes next.
    fn advance(&self, cs: CriticalSection<'_>) {
        let now = self.ticks(cs);
        let next = self.0.borrow_ref_mut(cs).queue.next_expiration(now);
        let wait = next.saturating_sub(now).min(LONGEST);
        // one count more than the quotient: never early
        let counts = (wait * DENOMINATOR / NUMERATOR + 1) as u32;
        write(ALARM, CLEAR, 1);
        // stopped while it is loaded: QEMU complains about one that is started with nothing left to count
        let control = PERIODIC | INTERRUPT | BY_16 | WIDE | ONE_SHOT;
        write(ALARM, CONTROL, control);
        write(ALARM, LOAD, counts);
        write(ALARM, CONTROL, control | ENABLE);
    }
}

impl Driver for DualTimer {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.ticks(cs))
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let sooner = self.0.borrow_ref_mut(cs).queue.schedule_wake(at, waker);
            if sooner {
                self.advance(cs);
            }
        });
    }
}

/// The dual timer's interrupt.
pub fn on_interrupt() {
    critical_section::with(|cs| CLOCK.advance(cs));
}
