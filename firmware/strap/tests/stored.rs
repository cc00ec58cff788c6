//! STORED looks through the log while others write to it.

#[path = "../../core/tests/flash/mod.rs"]
mod flash;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embassy_futures::join::join;
use embassy_futures::yield_now;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use flash::{Cut, Flash};
use unslouch_strap_app::logger::{SharedLog, stored_up_to};
use unslouch_strap_core::log::{Log, RECORD_MAX, SECTOR};
use unslouch_strap_core::wire::event::{Event, EventRecord};

const SECTORS: usize = 16;
const BOOT: u16 = 3;
/// What goes before, of another boot: never covered.
const OTHER: u16 = 2;

/// A flash that makes everybody wait, as one behind a bus does, and counts what it was asked for.
struct Slow<'a> {
    flash: Flash,
    reads: &'a Cell<u32>,
}

impl ErrorType for Slow<'_> {
    type Error = Cut;
}

impl ReadNorFlash for Slow<'_> {
    const READ_SIZE: usize = 1;
    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Cut> {
        self.reads.set(self.reads.get() + 1);
        yield_now().await;
        self.flash.read(offset, bytes).await
    }
    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Slow<'_> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR as usize;
    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Cut> {
        yield_now().await;
        self.flash.erase(from, to).await
    }
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Cut> {
        yield_now().await;
        self.flash.write(offset, bytes).await
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return value;
        }
    }
}

fn event(boot: u16) -> impl FnOnce(u32, &mut [u8; RECORD_MAX]) -> usize {
    move |id, buffer| {
        let event = EventRecord {
            event: Event::CompanionMarker as u8,
            value: 0,
            id,
            boot,
            seq: id,
            t: u64::from(id),
        };
        event.encode(buffer).map_or(0, <[u8]>::len)
    }
}

/// A log with so many events of this boot, and the reads that it was asked for since.
fn filled(reads: &Cell<u32>, events: u32) -> SharedLog<Slow<'_>> {
    let flash = Slow {
        flash: Flash::new(SECTORS),
        reads,
    };
    let range = 0..SECTORS as u32 * SECTOR;
    let mut log = block_on(Log::open(flash, range)).expect("opens");
    for _ in 0..events {
        block_on(log.append(event(BOOT))).expect("has room");
    }
    reads.set(0);
    SharedLog::new(Some(log))
}

async fn append(log: &SharedLog<Slow<'_>>, boot: u16) -> u32 {
    let mut guard = log.lock().await;
    let log = guard.as_mut().expect("is open");
    log.append(event(boot)).await.expect("is written")
}

/// The log's task is watched: it must not wait for the whole log to be looked through, which takes seconds on a board.
#[test]
fn what_is_to_be_written_does_not_wait_for_a_full_log() {
    let reads = Cell::new(0);
    let log = filled(&reads, 200);
    let carried = Some((1, 1000));
    let mut waited = Vec::new();
    let writing = async {
        yield_now().await;
        for _ in 0..5 {
            let before = reads.get();
            append(&log, BOOT).await;
            waited.push(reads.get() - before);
        }
    };
    let (released, ()) = block_on(join(
        stored_up_to(&log, (BOOT, u32::MAX), carried, true),
        writing,
    ));
    assert_eq!(
        released,
        Ok(Some(205)),
        "what came meanwhile is covered, too"
    );
    assert!(waited.iter().all(|reads| *reads <= 16), "{waited:?}");
    assert_eq!(reads.get(), 205, "each record once");
}

/// The log may turn over what was looked at, and go on behind it.
#[test]
fn records_that_are_overwritten_meanwhile_are_passed_over() {
    let reads = Cell::new(0);
    let full = SECTORS as u32 * 16;
    let log = filled(&reads, full);
    let writing = async {
        for _ in 0..40 {
            append(&log, BOOT).await;
        }
    };
    let carried = Some((1, full + 40));
    let (released, ()) = block_on(join(
        stored_up_to(&log, (BOOT, u32::MAX), carried, true),
        writing,
    ));
    assert_eq!(released, Ok(Some(full + 40)));
}

/// Wherever the first record stands that is not covered: nothing from it on is released.
#[test]
fn it_stops_at_the_first_that_is_not_covered() {
    for at in [0, 1, 14, 15, 16, 17, 31, 32, 33, 47] {
        let reads = Cell::new(0);
        let log = filled(&reads, at);
        block_on(append(&log, OTHER));
        for _ in 0..20 {
            block_on(append(&log, BOOT));
        }
        let released = block_on(stored_up_to(&log, (BOOT, u32::MAX), Some((1, 1000)), true));
        assert_eq!(released, Ok((at > 0).then_some(at)));
        let few = Some((1, at.saturating_sub(1)));
        let released = block_on(stored_up_to(&log, (BOOT, u32::MAX), few, true));
        assert_eq!(released, Ok((at > 1).then(|| at - 1)), "not carried");
    }
}
