//! What survives a reset: why it came and the text of a panic, in RAM that neither the bootloader nor the linker uses.

use core::ops::Range;
use core::ptr::{addr_of_mut, read_volatile, write_volatile};

use cortex_m::peripheral::SCB;
use embassy_nrf::pac;
use embassy_nrf::pac::power::regs::Resetreas;
use heapless::Vec;
use unslouch_strap_app::platform::ResetReason;

use crate::calls;

/// Longest text of a panic that is kept.
pub const LAST_WORDS: usize = 192;
/// What an address takes of it.
const ADDRESS: usize = 11;
/// Where frames may lie (memory.x).
const STACK: Range<u32> = 0x2000_8000..0x2004_0000;
/// Bytes after power-on are arbitrary; these say that somebody wrote.
const WRITTEN: u32 = 0x7072_7473;

#[repr(C)]
struct Notes {
    written: u32,
    reason: u32,
    length: u32,
    words: [u8; LAST_WORDS],
}

/// See memory.x.
const NOTES: *mut Notes = 0x2000_6000 as *mut Notes;

/// Bits of RESETREAS (nRF52840 product specification, 5.3.7.9).
mod cause {
    pub const PIN: u32 = 1 << 0;
    pub const WATCHDOG: u32 = 1 << 1;
    pub const LOCKUP: u32 = 1 << 3;
}

/// Why a reset was asked for.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Asked {
    /// A panic.
    Panic = 1,
    /// The application.
    Requested = 2,
    /// The cell was empty.
    LowBattery = 3,
}

/// Note why the next start will happen.
pub fn note(asked: Asked) {
    // SAFETY: RAM that only this module uses, plain numbers
    unsafe {
        write_volatile(addr_of_mut!((*NOTES).reason), asked as u32);
        write_volatile(addr_of_mut!((*NOTES).written), WRITTEN);
    }
}

/// Byte `k` of the text.
fn letter(k: usize) -> *mut u8 {
    // SAFETY: callers keep `k` inside the array
    unsafe { addr_of_mut!((*NOTES).words).cast::<u8>().add(k) }
}

/// Why it started, and what the last panic said; reading forgets both.
pub fn take() -> (ResetReason, Vec<u8, LAST_WORDS>) {
    // SAFETY: as above
    let (written, asked, length) = unsafe {
        let notes = (
            read_volatile(addr_of_mut!((*NOTES).written)),
            read_volatile(addr_of_mut!((*NOTES).reason)),
            read_volatile(addr_of_mut!((*NOTES).length)),
        );
        write_volatile(addr_of_mut!((*NOTES).written), 0);
        write_volatile(addr_of_mut!((*NOTES).length), 0);
        notes
    };
    let causes = pac::POWER.resetreas().read().0;
    // a cause stays set until a one is written to it
    pac::POWER.resetreas().write_value(Resetreas(u32::MAX));
    let asked = if written == WRITTEN { asked } else { 0 };
    let reason = if asked == Asked::Panic as u32 {
        ResetReason::Panic
    } else if causes & cause::WATCHDOG != 0 {
        ResetReason::Watchdog
    } else if causes & cause::LOCKUP != 0 {
        ResetReason::Lockup
    } else if asked == Asked::LowBattery as u32 {
        ResetReason::LowBattery
    } else if asked == Asked::Requested as u32 {
        ResetReason::Requested
    } else if causes & cause::PIN != 0 {
        ResetReason::Pin
    } else {
        // the chip cannot tell power-on from a brown-out
        ResetReason::PowerOn
    };
    let mut text = Vec::new();
    if reason == ResetReason::Panic && length as usize <= LAST_WORDS {
        for k in 0..length as usize {
            // SAFETY: as above; `text` has room for as many
            let _ = text.push(unsafe { read_volatile(letter(k)) });
        }
    }
    (reason, text)
}

/// The next start tells this text.
struct Text {
    length: usize,
}

impl Text {
    const fn new() -> Self {
        Self { length: 0 }
    }

    /// What does not fit is cut off.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.length < LAST_WORDS {
                // SAFETY: as above, inside the array
                unsafe { write_volatile(letter(self.length), *byte) };
                self.length += 1;
            }
        }
    }

    /// ` 0x` and eight digits.
    fn add_address(&mut self, address: u32) {
        self.add(b" 0x");
        for shift in (0..8).rev() {
            let digit = (address >> (4 * shift)) as u8 & 0xF;
            self.add(&[if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            }]);
        }
    }

    /// Start again.
    fn leave(self) -> ! {
        // SAFETY: as above
        unsafe { write_volatile(addr_of_mut!((*NOTES).length), self.length as u32) };
        note(Asked::Panic);
        SCB::sys_reset();
    }
}

/// Leaves the addresses of the calls, which `llvm-addr2line` turns into functions and lines (docs/strap.md). The place and
/// the message would keep every path, message and formatter that some dependency mentions in the image: 41 KB.
// rustc says that the attribute does nothing here, but it reaches LLVM: in its one caller all is then seen to be unused
#[allow(unused_attributes)]
#[inline(always)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    let mut text = Text::new();
    text.add(b"panic at");
    calls::from(calls::frame(), &STACK, |address| {
        text.add_address(address);
        text.length + ADDRESS <= LAST_WORDS
    });
    text.leave();
}

#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    let mut text = Text::new();
    text.add(b"hard fault at");
    text.add_address(frame.pc());
    text.add_address(frame.lr());
    text.leave();
}
