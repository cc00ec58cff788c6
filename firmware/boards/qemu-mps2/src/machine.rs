//! Reset, exit, and what survives a reset: notes in the first page of the PSRAM.

use core::fmt::Write as _;
use core::ptr::{addr_of_mut, read_volatile, write_volatile};

use cortex_m::peripheral::SCB;
use cortex_m_semihosting::syscall;
use unslouch_strap_app::platform::{ResetReason, WATCHDOG};

use crate::calls;
use crate::uart::UARTS;

/// Where frames may lie (memory.x).
const STACK: core::ops::Range<u32> = 0x2000_0000..0x2040_0000;
/// Longest text of a panic that is kept.
const LAST_WORDS: usize = 192;
/// "strp": the flash behind holds something.
const FORMATTED: u32 = 0x7072_7473;

#[repr(C)]
struct Notes {
    formatted: u32,
    reason: u32,
    words: [u8; LAST_WORDS],
    length: u32,
    asked: u32,
}

const NOTES: *mut Notes = 0x2100_0000 as *mut Notes;

/// Why the machine started, as it noted itself before; reading it forgets it.
pub fn reset_reason() -> ResetReason {
    // SAFETY: PSRAM, always there, plain numbers
    let code = unsafe {
        let code = read_volatile(addr_of_mut!((*NOTES).reason));
        write_volatile(addr_of_mut!((*NOTES).reason), 0);
        code
    };
    match code {
        1 => ResetReason::Panic,
        2 => ResetReason::Requested,
        3 => ResetReason::Watchdog,
        _ => ResetReason::PowerOn,
    }
}

/// The CMSDK watchdog: counts down from LOAD at the processor's 25 MHz, then raises the NMI.
mod watchdog {
    pub const LOAD: *mut u32 = 0x4000_8000 as *mut u32;
    pub const CONTROL: *mut u32 = 0x4000_8008 as *mut u32;
    pub const INTERRUPT: u32 = 1;
    pub const COUNTS_A_MS: u64 = 25_000;
}

/// Let the watchdog count from its beginning.
pub fn feed_watchdog() {
    // SAFETY: registers that nothing else touches
    unsafe {
        let counts = WATCHDOG.as_millis() * watchdog::COUNTS_A_MS;
        write_volatile(watchdog::LOAD, counts as u32);
        write_volatile(watchdog::CONTROL, watchdog::INTERRUPT);
    }
}

#[cortex_m_rt::exception]
unsafe fn NonMaskableInt() {
    tell(format_args!("watchdog"));
    reset(3)
}

/// Whether the flash was ever erased; from now on it was.
pub fn formatted() -> bool {
    // SAFETY: as above
    unsafe {
        let before = read_volatile(addr_of_mut!((*NOTES).formatted));
        write_volatile(addr_of_mut!((*NOTES).formatted), FORMATTED);
        before == FORMATTED
    }
}

/// What the last panic said; reading it forgets it.
pub fn last_words() -> heapless::Vec<u8, LAST_WORDS> {
    // SAFETY: as above; the array is plain bytes
    let (length, words) = unsafe {
        let length = read_volatile(addr_of_mut!((*NOTES).length));
        write_volatile(addr_of_mut!((*NOTES).length), 0);
        (length, read_volatile(addr_of_mut!((*NOTES).words)))
    };
    let text = words.get(..length as usize).unwrap_or(&[]);
    heapless::Vec::from_slice(text).unwrap_or_default()
}

/// A number that was not given before, since the emulator began; resets do not begin it anew.
pub fn next_number() -> u32 {
    // SAFETY: as above
    unsafe {
        let number = read_volatile(addr_of_mut!((*NOTES).asked)).wrapping_add(1);
        write_volatile(addr_of_mut!((*NOTES).asked), number);
        number
    }
}

fn reset(reason: u32) -> ! {
    // SAFETY: as above
    unsafe { write_volatile(addr_of_mut!((*NOTES).reason), reason) };
    SCB::sys_reset();
}

/// The power goes and comes back.
pub fn power_cut() -> ! {
    reset(0)
}

/// Start again.
pub fn reboot() -> ! {
    reset(2)
}

/// End the emulator with an exit code.
pub fn exit(code: u32) -> ! {
    /// SYS_EXIT_EXTENDED of ARM's semihosting, and its reason ADP_Stopped_ApplicationExit.
    const EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: u32 = 0x2_0026;
    let block = [APPLICATION_EXIT, code];
    // SAFETY: the call reads these two words
    unsafe { syscall(EXIT_EXTENDED, &block) };
    loop {
        cortex_m::asm::wfi();
    }
}

/// A line about the strap for whoever reads UART 2.
pub fn tell(line: core::fmt::Arguments<'_>) {
    struct Line;
    impl core::fmt::Write for Line {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            UARTS[2].write_blocking(text.as_bytes());
            Ok(())
        }
    }
    // writing to a UART cannot fail
    let _ = writeln!(Line, "{line}");
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    let mut text = heapless::String::<LAST_WORDS>::new();
    // what does not fit is cut off
    let _ = write!(text, "{info}");
    tell(format_args!("panic {info}"));
    // what the board leaves, so that it is seen to be right
    calls::from(calls::frame(), &STACK, |address| {
        tell(format_args!("called at {address:#010x}"));
        true
    });
    // SAFETY: as above
    unsafe {
        let mut words = [0; LAST_WORDS];
        for (to, from) in words.iter_mut().zip(text.as_bytes()) {
            *to = *from;
        }
        write_volatile(addr_of_mut!((*NOTES).words), words);
        write_volatile(addr_of_mut!((*NOTES).length), text.len() as u32);
    }
    reset(1)
}

#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    panic!("hard fault at {:#010x}", frame.pc());
}
