//! One future, run to its end; the processor sleeps (WFI) while it waits. And how deep the stack went.

use core::pin::Pin;
use core::ptr::{addr_of, read_volatile, write_volatile};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

static WOKEN: AtomicBool = AtomicBool::new(false);

const TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, wake, wake, |_| ());
const RAW: RawWaker = RawWaker::new(core::ptr::null(), &TABLE);

fn wake(_: *const ()) {
    WOKEN.store(true, Ordering::Release);
}

/// Run `future` to its end.
pub fn block_on(mut future: Pin<&mut impl Future<Output = ()>>) {
    // SAFETY: the table's functions keep the contract of a waker; they need no data
    let waker = unsafe { Waker::from_raw(RAW) };
    let mut context = Context::from_waker(&waker);
    wake(core::ptr::null());
    loop {
        if WOKEN.swap(false, Ordering::AcqRel) && future.as_mut().poll(&mut context).is_ready() {
            return;
        }
        // a masked interrupt still ends WFI, so that none slips between the look and the sleep
        cortex_m::interrupt::disable();
        if !WOKEN.load(Ordering::Acquire) {
            cortex_m::asm::wfi();
        }
        // SAFETY: nothing here needs interrupts masked
        unsafe { cortex_m::interrupt::enable() };
    }
}

unsafe extern "C" {
    static __sheap: u32;
    static _stack_start: u32;
}

const PAINT: u32 = 0x5AFE_57AC;

/// Paint the unused stack, at the very start of `main`.
pub fn paint_stack() {
    let end = cortex_m::register::msp::read() as usize;
    let mut at = addr_of!(__sheap) as usize;
    while at < end {
        // SAFETY: RAM between the statics and the stack pointer, which nothing uses yet
        unsafe { write_volatile(at as *mut u32, PAINT) };
        at += 4;
    }
}

/// Most bytes of stack that were in use since it was painted.
pub fn stack_used() -> usize {
    let top = addr_of!(_stack_start) as usize;
    let mut at = addr_of!(__sheap) as usize;
    // SAFETY: RAM, only read
    while at < top && unsafe { read_volatile(at as *const u32) } == PAINT {
        at += 4;
    }
    top - at
}
