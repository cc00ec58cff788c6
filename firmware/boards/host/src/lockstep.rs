//! The clock in somebody else's hand: it stands until it is set over TCP, and whoever sets it hears when all is done.
//!
//! For tests that shall come out the same however busy the machine is. Each step is 32 bytes, four little-endian u64:
//! the time in microseconds, and how many bytes of HCI, bytes of samples and lines of input were sent so far. The
//! answer, 16 bytes, comes when all of that was taken and nothing is left to do at that time: when the next timer is
//! due (all ones: none), and how many bytes of HCI were sent back so far.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::{clock, watchdog};

/// Bytes of HCI taken.
pub static HCI_IN: AtomicU64 = AtomicU64::new(0);
/// Bytes of HCI sent.
pub static HCI_OUT: AtomicU64 = AtomicU64::new(0);
/// Bytes of samples taken.
pub static IMU_IN: AtomicU64 = AtomicU64::new(0);
/// Whether the sensor is being read; while it is not, its samples wait.
pub static IMU_WANTED: AtomicBool = AtomicBool::new(false);
/// Lines of input taken.
pub static LINES: AtomicU64 = AtomicU64::new(0);
/// How often the application was woken.
static WAKES: AtomicU64 = AtomicU64::new(0);

/// Turns of the event loop, each with a look at the sockets, in which nothing may happen before all is said to be done.
const QUIET_TURNS: u32 = 3;
/// The same for one that turns round and round (bt-hci does while it waits for the controller's answer): nothing it does
/// between taking and sending needs half as many turns.
const STILL_TURNS: u32 = 64;

struct Counting(Mutex<Waker>);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        WAKES.fetch_add(1, Relaxed);
        self.0.lock().expect("no panic holds a waker").wake_by_ref();
    }
}

/// Count how often a future is woken. (Its polls would not do: the event loop polls it at each turn.)
pub async fn watched<F: Future>(inner: F) -> F::Output {
    let mut inner = pin!(inner);
    let counting = Arc::new(Counting(Mutex::new(Waker::noop().clone())));
    let waker = Waker::from(counting.clone());
    poll_fn(|context| {
        counting
            .0
            .lock()
            .expect("no panic holds a waker")
            .clone_from(context.waker());
        inner.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// Obey the other end until it goes.
pub async fn obey(mut other: TcpStream) -> io::Result<()> {
    let mut step = [0; 32];
    loop {
        other.read_exact(&mut step).await?;
        let word = |at: usize| {
            let bytes = step[8 * at..8 * at + 8].try_into();
            u64::from_le_bytes(bytes.expect("eight bytes"))
        };
        clock::set(word(0));
        let next = settle(word(0), word(1), word(2), word(3)).await;
        watchdog::stepped(word(0));
        let mut answer = [0; 16];
        answer[..8].copy_from_slice(&next.to_le_bytes());
        answer[8..].copy_from_slice(&HCI_OUT.load(Relaxed).to_le_bytes());
        other.write_all(&answer).await?;
    }
}

async fn settle(now: u64, hci: u64, imu: u64, lines: u64) -> u64 {
    let (mut seen, mut quiet) = ((0, 0, 0), 0);
    let (mut bytes, mut still) = ((0, 0), 0);
    loop {
        let next = clock::next();
        let taken = HCI_IN.load(Relaxed) >= hci
            && LINES.load(Relaxed) >= lines
            && (IMU_IN.load(Relaxed) >= imu || !IMU_WANTED.load(Relaxed));
        let sent = (HCI_OUT.load(Relaxed), IMU_IN.load(Relaxed));
        let state = (WAKES.load(Relaxed), sent.0, next);
        quiet = if taken && next > now && state == seen {
            quiet + 1
        } else {
            0
        };
        still = if taken && next > now && sent == bytes {
            still + 1
        } else {
            0
        };
        (seen, bytes) = (state, sent);
        if quiet >= QUIET_TURNS || still >= STILL_TURNS {
            return next;
        }
        yield_now().await;
    }
}

/// Counts what goes through one end of the HCI transport.
pub struct Counted<T>(pub T);

impl<T: embedded_io_async::ErrorType> embedded_io_async::ErrorType for Counted<T> {
    type Error = T::Error;
}

impl<T: embedded_io_async::Read> embedded_io_async::Read for Counted<T> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Self::Error> {
        let n = self.0.read(bytes).await?;
        HCI_IN.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

impl<T: embedded_io_async::Write> embedded_io_async::Write for Counted<T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        let n = self.0.write(bytes).await?;
        HCI_OUT.fetch_add(n as u64, Relaxed);
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.0.flush().await
    }
}
