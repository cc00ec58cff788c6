//! The CMSDK UARTs: received bytes go from the interrupt into a ring, from there to whoever reads.
//!
//! A full ring leaves the byte in the UART and masks its interrupt; QEMU then holds the sender back. Nothing is lost.

use core::cell::RefCell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::ptr::{read_volatile, write_volatile};
use core::task::Poll;

use critical_section::Mutex;
use embassy_sync::waitqueue::WakerRegistration;
use embassy_time::{Duration, Instant, with_timeout};
use embedded_io_async::{ErrorType, Read, Write};
use heapless::Deque;

use crate::interrupts::{self, Irq};

const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const INT_CLEAR: usize = 0x0C;
const BAUD_DIVIDER: usize = 0x10;

const STATE_TX_FULL: u32 = 1;
const STATE_RX_FULL: u32 = 2;
const TX_ENABLE: u32 = 1;
const RX_ENABLE: u32 = 2;
const RX_INTERRUPT: u32 = 8;
const INT_RX: u32 = 2;

/// Bytes that may wait.
const ROOM: usize = 4096;

struct Inbox {
    bytes: Deque<u8, ROOM>,
    waker: WakerRegistration,
}

/// A UART.
pub struct Uart {
    base: usize,
    irq: Irq,
    inbox: Mutex<RefCell<Inbox>>,
}

/// H4, samples, stimuli.
pub static UARTS: [Uart; 3] = [
    Uart::at(0x4000_4000, Irq::Uart0Rx),
    Uart::at(0x4000_5000, Irq::Uart1Rx),
    Uart::at(0x4000_6000, Irq::Uart2Rx),
];

impl Uart {
    const fn at(base: usize, irq: Irq) -> Self {
        Self {
            base,
            irq,
            inbox: Mutex::new(RefCell::new(Inbox {
                bytes: Deque::new(),
                waker: WakerRegistration::new(),
            })),
        }
    }

    fn set(&self, register: usize, value: u32) {
        // SAFETY: a register of this UART, which only this module uses
        unsafe { write_volatile((self.base + register) as *mut u32, value) }
    }

    fn get(&self, register: usize) -> u32 {
        // SAFETY: as above
        unsafe { read_volatile((self.base + register) as *const u32) }
    }

    /// Begin to receive and send.
    pub fn start(&self) {
        self.set(BAUD_DIVIDER, 16); // the smallest allowed; QEMU sends at once
        self.set(CONTROL, TX_ENABLE | RX_ENABLE | RX_INTERRUPT);
        interrupts::enable(self.irq);
    }

    /// Take what has arrived; its interrupt.
    pub fn on_interrupt(&self) {
        critical_section::with(|cs| {
            let mut inbox = self.inbox.borrow_ref_mut(cs);
            self.set(INT_CLEAR, INT_RX);
            while self.get(STATE) & STATE_RX_FULL != 0 {
                if inbox.bytes.is_full() {
                    self.set(CONTROL, TX_ENABLE | RX_ENABLE);
                    break;
                }
                let byte = self.get(DATA) as u8;
                // there is room: it was looked for
                let _ = inbox.bytes.push_back(byte);
            }
            inbox.waker.wake();
        });
    }

    /// Throw away what arrives until nothing has for `quiet`. Asleep in between: who asks for the time without a rest keeps
    /// the emulator from bringing any byte.
    pub async fn drain(&self, quiet: Duration, longest: Duration) {
        let (mut uart, mut rest) = (self, [0; 64]);
        let began = Instant::now();
        while began.elapsed() < longest && with_timeout(quiet, uart.read(&mut rest)).await.is_ok() {
        }
    }

    /// Send without waiting for others: the strap's last words.
    pub fn write_blocking(&self, bytes: &[u8]) {
        for byte in bytes {
            while self.get(STATE) & STATE_TX_FULL != 0 {}
            self.set(DATA, u32::from(*byte));
        }
    }
}

impl ErrorType for &Uart {
    type Error = Infallible;
}

impl Read for &Uart {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        if out.is_empty() {
            return Ok(0);
        }
        let n = poll_fn(|context| {
            critical_section::with(|cs| {
                let mut inbox = self.inbox.borrow_ref_mut(cs);
                let mut n = 0;
                while let Some(place) = out.get_mut(n)
                    && let Some(byte) = inbox.bytes.pop_front()
                {
                    *place = byte;
                    n += 1;
                }
                if n == 0 {
                    inbox.waker.register(context.waker());
                    return Poll::Pending;
                }
                Poll::Ready(n)
            })
        })
        .await;
        // there is room again; a byte that waited raises the interrupt no more, so look for it here
        self.set(CONTROL, TX_ENABLE | RX_ENABLE | RX_INTERRUPT);
        if self.get(STATE) & STATE_RX_FULL != 0 {
            self.on_interrupt();
        }
        Ok(n)
    }
}

impl Write for &Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            while self.get(STATE) & STATE_TX_FULL != 0 {
                embassy_futures::yield_now().await;
            }
            self.set(DATA, u32::from(*byte));
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
