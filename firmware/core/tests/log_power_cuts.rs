//! The log against a flash whose power is cut at every single operation, and in the middle of it.

mod flash;

use std::collections::BTreeMap;

use flash::{Flash, block_on, record};
use unslouch_strap_core::log::{Log, LogError, RECORD_MAX, SECTOR};

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
