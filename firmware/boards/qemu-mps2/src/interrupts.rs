//! The interrupts of mps2-an386 that are used.

use cortex_m::peripheral::NVIC;

use crate::{clock, uart};

/// Number of an interrupt (QEMU, hw/arm/mps2.c; ARM application note 386, table 3-6).
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Irq {
    /// UART 0 has received.
    Uart0Rx = 0,
    /// UART 1 has received.
    Uart1Rx = 2,
    /// UART 2 has received.
    Uart2Rx = 4,
    /// Either half of the dual timer.
    DualTimer = 10,
}

// SAFETY: each number is that of an interrupt of the device
unsafe impl cortex_m::interrupt::InterruptNumber for Irq {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Let an interrupt through.
pub fn enable(irq: Irq) {
    // SAFETY: no code relies on an interrupt being masked
    unsafe { NVIC::unmask(irq) }
}

/// Every interrupt comes here: cortex-m-rt's own vector table knows no device.
#[cortex_m_rt::exception]
unsafe fn DefaultHandler(number: i16) {
    const UART0: i16 = Irq::Uart0Rx as i16;
    const UART1: i16 = Irq::Uart1Rx as i16;
    const UART2: i16 = Irq::Uart2Rx as i16;
    const DUAL_TIMER: i16 = Irq::DualTimer as i16;
    match number {
        UART0 => uart::UARTS[0].on_interrupt(),
        UART1 => uart::UARTS[1].on_interrupt(),
        UART2 => uart::UARTS[2].on_interrupt(),
        DUAL_TIMER => clock::on_interrupt(),
        _ => panic!("interrupt {number}, which nobody asked for"),
    }
}
