//! The log against a flash whose power is cut at every single operation, and in the middle of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use unslouch_strap_core::log::{Log, LogError, RECORD_MAX, SECTOR};

fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a flash in RAM never waits"),
    }
}

#[derive(Debug)]
struct Cut;

impl NorFlashError for Cut {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// Flash in RAM; the operation number `cut_at` is done for `part` of 4 quarters, then the power is gone.
struct Flash {
    bytes: Vec<u8>,
    operations: u32,
    cut_at: Option<(u32, usize)>,
}

impl Flash {
    fn new(sectors: usize) -> Self {
        Self {
            bytes: vec![0xFF; sectors * SECTOR as usize],
            operations: 0,
            cut_at: None,
        }
    }

    /// How many of `n` bytes this operation reaches; None when all.
    fn reach(&mut self, n: usize) -> Result<Option<usize>, Cut> {
        self.operations += 1;
        match self.cut_at {
            Some((at, _)) if self.operations > at => Err(Cut),
            Some((at, part)) if self.operations == at => Ok(Some(n * part / 4)),
            _ => Ok(None),
        }
    }
}

impl ErrorType for Flash {
    type Error = Cut;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;
    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Cut> {
        if self.cut_at.is_some_and(|(at, _)| self.operations >= at) {
            return Err(Cut);
        }
        bytes.copy_from_slice(&self.bytes[offset as usize..offset as usize + bytes.len()]);
        Ok(())
    }
    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR as usize;
    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Cut> {
        assert!(
            from.is_multiple_of(SECTOR) && to.is_multiple_of(SECTOR),
            "whole sectors"
        );
        let (from, to) = (from as usize, to as usize);
        match self.reach(to - from)? {
            None => self.bytes[from..to].fill(0xFF),
            Some(n) => {
                // an erase that is cut leaves some cells blank: here from one end or the other
                let odd = self.operations % 2 == 1;
                let blank = if odd { from..from + n } else { to - n..to };
                self.bytes[blank].fill(0xFF);
                return Err(Cut);
            }
        }
        Ok(())
    }
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Cut> {
        assert!(
            offset.is_multiple_of(4) && bytes.len().is_multiple_of(4),
            "whole words"
        );
        let n = self.reach(bytes.len())?;
        for (cell, byte) in self.bytes[offset as usize..]
            .iter_mut()
            .zip(&bytes[..n.unwrap_or(bytes.len())])
        {
            assert!(
                *cell & byte == *byte,
                "a write to a cell that was not erased"
            );
            *cell &= byte;
        }
        if n.is_some() { Err(Cut) } else { Ok(()) }
    }
}

/// A record that tells its id and cannot be mistaken for another one.
fn record(id: u32, bytes: &mut [u8; RECORD_MAX]) -> usize {
    let length = 20 + (id as usize * 37) % 222;
    for (i, byte) in bytes[..length].iter_mut().enumerate() {
        *byte = (id as usize * 31 + i * 7) as u8;
    }
    bytes[..4].copy_from_slice(&id.to_le_bytes());
    length
}

const SECTORS: usize = 4;

fn open(flash: Flash) -> Log<Flash> {
    let range = 0..(SECTORS as u32 * SECTOR);
    block_on(Log::open(flash, range)).expect("opens after any cut")
}

/// What a day does to a log: appends, confirms with a lag, until done or the power goes. Returns what was acknowledged.
fn live(
    log: &mut Log<Flash>,
    steps: u32,
    stored: &mut BTreeMap<u32, ()>,
    confirmed: &mut u32,
) -> Result<(), LogError> {
    for step in 0..steps {
        let id = block_on(log.append(record))?;
        stored.insert(id, ());
        if step % 5 == 4 {
            let upto = id.saturating_sub(9);
            if upto > *confirmed {
                // the receiver has it from here on, whether or not the strap still notes it
                *confirmed = upto;
                block_on(log.confirm(upto))?;
            }
        }
    }
    Ok(())
}

fn check(log: &mut Log<Flash>, stored: &BTreeMap<u32, ()>, confirmed: u32, case: &str) {
    let newest = stored.keys().next_back().copied().unwrap_or(0);
    assert!(log.next_id() > newest, "{case}: an id would be given twice");
    let mut expected = [0; RECORD_MAX];
    let mut bytes = [0; RECORD_MAX];
    for id in log.oldest_id()..log.next_id() {
        match block_on(log.read(id, &mut bytes)).expect("reads") {
            Some(length) => {
                let n = record(id, &mut expected);
                assert_eq!(bytes[..length], expected[..n], "{case}: garbage for {id}");
            }
            None => assert!(!stored.contains_key(&id), "{case}: record {id} is lost"),
        }
    }
    // nothing acknowledged and unconfirmed is lost, as far as the ring is long
    let kept_from = newest.saturating_sub(16 * (SECTORS as u32 - 2));
    for id in stored
        .keys()
        .filter(|id| **id > confirmed && **id >= kept_from)
    {
        let held = block_on(log.read(*id, &mut bytes)).expect("reads");
        assert!(
            held.is_some(),
            "{case}: record {id} is lost (oldest {})",
            log.oldest_id()
        );
    }
}

#[test]
fn every_cut_at_every_operation_leaves_a_log_that_opens_and_lost_nothing() {
    let steps = 130; // around the ring of four sectors twice
    let mut whole = open(Flash::new(SECTORS));
    let (mut stored, mut confirmed) = (BTreeMap::new(), 0);
    live(&mut whole, steps, &mut stored, &mut confirmed).expect("no cut");
    let operations = whole.into_flash().operations;
    assert!(operations > 150);
    for at in 1..=operations {
        for part in 0..=4 {
            let mut flash = Flash::new(SECTORS);
            flash.cut_at = Some((at, part));
            let mut log = open(flash);
            let (mut stored, mut confirmed) = (BTreeMap::new(), 0);
            live(&mut log, steps, &mut stored, &mut confirmed).expect_err("the power goes");
            let case = format!("cut at operation {at}, {part} quarters of it");
            let mut flash = log.into_flash();
            flash.cut_at = None;
            let mut log = open(flash);
            check(&mut log, &stored, confirmed, &case);
            // and life goes on
            live(&mut log, 40, &mut stored, &mut confirmed).expect("no further cut");
            check(
                &mut log,
                &stored,
                confirmed,
                &format!("{case}, then 40 more"),
            );
        }
    }
}

#[test]
fn two_cuts_in_a_row_at_every_pair_of_the_sector_change() {
    for first in 14..24 {
        for second in 1..12 {
            let mut flash = Flash::new(SECTORS);
            let (mut stored, mut confirmed) = (BTreeMap::new(), 0);
            for cut in [first, second] {
                flash.cut_at = Some((flash.operations + cut, 2));
                let mut log = open(flash);
                live(&mut log, 60, &mut stored, &mut confirmed).expect_err("the power goes");
                flash = log.into_flash();
                flash.cut_at = None;
            }
            check(
                &mut open(flash),
                &stored,
                confirmed,
                &format!("cuts {first}, {second}"),
            );
        }
    }
}

#[test]
fn an_unconfirmed_log_overwrites_its_oldest_and_says_how_many() {
    let mut log = open(Flash::new(SECTORS));
    for _ in 0..16 * SECTORS as u32 + 1 {
        block_on(log.append(record)).expect("appends");
    }
    assert_eq!((log.take_overwritten(), log.take_overwritten()), (16, 0));
    assert_eq!(
        (log.oldest_id(), log.unconfirmed_id(), log.next_id()),
        (17, 17, 66)
    );
    assert!(block_on(log.confirm(65)).expect("confirms"));
    assert!(!block_on(log.confirm(66)).expect("answers"), "never given");
    assert_eq!(log.oldest_id(), 66);
    let mut again = open(log.into_flash());
    assert_eq!(again.next_id(), 66);
    assert!(
        again.unconfirmed_id() > 48,
        "a release is remembered by sectors"
    );
    let mut bytes = [0; RECORD_MAX];
    assert_eq!(block_on(again.read(1, &mut bytes)), Ok(None));
}
