//! The calls that led to a panic, from the chain of frames: this target keeps one in every function.

use core::arch::asm;
use core::ops::Range;
use core::ptr::read_volatile;

/// The frame of the function that this is made part of.
#[inline(always)]
pub fn frame() -> u32 {
    let frame: u32;
    // SAFETY: reads a register
    unsafe { asm!("mov {}, r7", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

/// Tell an address inside each call that led to `frame`, innermost first, as long as `tell` wants more and the chain is
/// sound: frames lie in `stack`, the caller's above the called one's.
pub fn from(mut frame: u32, stack: &Range<u32>, mut tell: impl FnMut(u32) -> bool) {
    while stack.contains(&frame) && stack.contains(&(frame + 7)) && frame.is_multiple_of(4) {
        let at = frame as *const u32;
        // SAFETY: two words of RAM, only read: the caller's frame, and where it goes on
        let (caller, back) = unsafe { (read_volatile(at), read_volatile(at.add(1))) };
        // a call is two or four bytes long: two back is inside it, whatever comes behind it
        if !tell((back & !1).wrapping_sub(2)) || caller <= frame {
            return;
        }
        frame = caller;
    }
}
