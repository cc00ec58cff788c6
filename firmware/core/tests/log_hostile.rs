//! The log on a flash that holds anything, headers and records with right checksums included: it opens after a bounded
//! number of operations, it takes every further record, and it has them again at the next start.

mod flash;

use flash::{Flash, block_on, record};
use proptest::prelude::*;
use unslouch_strap_core::log::{Log, RECORD_MAX, SECTOR, SLOTS};
use unslouch_strap_core::wire::crc::crc32;

const SECTORS: usize = 4;
const MAGIC: u32 = 0x3147_4C55;
/// Beyond all wear.
const LAST: u32 = 1 << 31;

fn open(flash: Flash) -> Log<Flash> {
    let range = 0..(SECTORS as u32 * SECTOR);
    block_on(Log::open(flash, range)).expect("it opens")
}

#[derive(Clone, Debug)]
struct Header {
    sector: usize,
    turn: u32,
    first: u32,
    released: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    sector: usize,
    slot: usize,
    id: u32,
    length: u8,
    fill: u8,
}

impl Header {
    fn put(&self, flash: &mut Flash) {
        let mut head = [MAGIC, self.turn, self.first]
            .map(u32::to_le_bytes)
            .concat();
        head.extend(crc32(&head).to_le_bytes());
        head.extend([if self.released { 0 } else { 0xFF }; 4]);
        let at = self.sector * SECTOR as usize;
        flash.bytes[at..at + head.len()].copy_from_slice(&head);
    }
}

impl Slot {
    fn put(&self, flash: &mut Flash) {
        let length = usize::from(self.length).min(RECORD_MAX);
        let mut body = [&self.id.to_le_bytes()[..], &[self.length]].concat();
        body.extend(std::iter::repeat_n(self.fill, length));
        let at = self.sector * SECTOR as usize + 64 + self.slot * 252;
        flash.bytes[at..at + 4].copy_from_slice(&crc32(&body).to_le_bytes());
        flash.bytes[at + 4..at + 4 + body.len()].copy_from_slice(&body);
    }
}

/// What a log owes on this flash, whatever it held before.
fn owes(flash: Flash) -> Result<(), TestCaseError> {
    let before = flash.operations;
    let mut log = open(flash);
    let mut bytes = [0; RECORD_MAX];
    let mut expected = [0; RECORD_MAX];
    let ids = log.oldest_id()..log.next_id();
    prop_assert!(ids.len() <= SECTORS * SLOTS as usize, "{ids:?}");
    prop_assert!(log.oldest_id() <= log.unconfirmed_id() && log.unconfirmed_id() <= log.next_id());
    for id in ids {
        block_on(log.read(id, &mut bytes)).expect("reads");
    }
    let appended: Vec<u32> = (0..20)
        .map(|_| block_on(log.append(record)).expect("takes a record"))
        .collect();
    for again in 0..2 {
        for id in &appended {
            let held = block_on(log.read(*id, &mut bytes)).expect("reads");
            let length = record(*id, &mut expected);
            prop_assert_eq!(held, Some(length), "record {}, start {}", id, again);
            prop_assert_eq!(&bytes[..length], &expected[..length]);
        }
        let next = log.next_id();
        log = open(log.into_flash());
        prop_assert_eq!(log.next_id(), next);
    }
    // at most a word for each sector when it opened and one where it began anew; twenty records, at most three sectors
    let operations = log.into_flash().operations - before;
    prop_assert!(
        operations <= 2 * SECTORS as u32 + 20 + 2 * 3,
        "{} operations",
        operations
    );
    Ok(())
}

/// Numbers near each other, near the limits, and any.
fn near() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0u32..80, 1 => LAST + 1..=LAST + 40, 1 => any::<u32>()]
}

fn header() -> impl Strategy<Value = Header> {
    (0..SECTORS, near(), near(), any::<bool>()).prop_map(|(sector, turn, first, released)| Header {
        sector,
        turn,
        first,
        released,
    })
}

fn slot() -> impl Strategy<Value = Slot> {
    (0..SECTORS, 0..15usize, near(), any::<u8>(), any::<u8>()).prop_map(
        |(sector, slot, id, length, fill)| Slot {
            sector,
            slot,
            id,
            length,
            fill,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn whatever_headers_and_records_say_what_is_appended_is_held(
        headers in prop::collection::vec(header(), 0..8),
        slots in prop::collection::vec(slot(), 0..24),
        noise in prop::collection::vec((0..SECTORS * SECTOR as usize, any::<u8>()), 0..8),
    ) {
        let mut flash = Flash::new(SECTORS);
        for slot in slots {
            slot.put(&mut flash);
        }
        for header in headers {
            header.put(&mut flash);
        }
        for (at, byte) in noise {
            flash.bytes[at] &= byte;
        }
        owes(flash)?;
    }

    #[test]
    fn a_forged_header_in_a_lived_log_hides_nothing_that_is_appended(
        lived in 1u32..150, forged in header(), released in 0u32..40,
    ) {
        let mut log = open(Flash::new(SECTORS));
        for _ in 0..lived {
            let id = block_on(log.append(record)).expect("appends");
            prop_assert!(block_on(log.confirm(id.saturating_sub(released))).expect("confirms"));
        }
        let mut flash = log.into_flash();
        forged.put(&mut flash);
        owes(flash)?;
    }
}

/// A fuzz target's finding: headers that contradict each other hid a record that was appended after them.
#[test]
fn headers_that_contradict_each_other_hide_no_new_record() {
    let found = [
        (3, 0x8A63_9291, 0x2A2A_2A91, false),
        (2, 0x2A2A_2A2A, 0x9163_2A2A, true),
        (1, 0xFF2A_2A2A, 0x2A21_FFFF, false),
    ];
    let plausible = [
        (3, 0x0A63_9291, 0x2A2A_2A91, false),
        (2, 0x2A2A_2A2A, 0x1163_2A2A, true),
        (1, 0x0F2A_2A2A, 0x2A21_FFFF, false),
        (0, 0x2A2A_2A29, 0x7FFF_FFFF, false),
    ];
    for headers in [&found[..], &plausible] {
        let mut flash = Flash::new(SECTORS);
        for (sector, turn, first, released) in headers.iter().copied() {
            Header {
                sector,
                turn,
                first,
                released,
            }
            .put(&mut flash);
        }
        owes(flash).expect("what a log owes");
    }
}

#[test]
fn a_header_from_another_life_costs_no_record_of_this_one() {
    let mut log = open(Flash::new(SECTORS));
    for _ in 0..40 {
        block_on(log.append(record)).expect("appends");
    }
    let mut flash = log.into_flash();
    // the sector that is written next holds an older log's header: another turn, later ids
    let (sector, turn, first) = (3, 2, 5000);
    Header {
        sector,
        turn,
        first,
        released: true,
    }
    .put(&mut flash);
    let before = flash.operations;
    let mut log = open(flash);
    assert_eq!((log.oldest_id(), log.next_id()), (1, 41));
    let mut bytes = [0; RECORD_MAX];
    for id in 1..41 {
        assert!(block_on(log.read(id, &mut bytes)).expect("reads").is_some());
    }
    // struck out once: the next start finds nothing to strike
    let flash = open(log.into_flash()).into_flash();
    assert_eq!(flash.operations, before + 1);
    assert_eq!(flash.bytes[3 * SECTOR as usize..][..4], [0; 4]);
}

#[test]
fn a_sector_whose_header_is_gone_costs_only_its_own_records() {
    let mut log = open(Flash::new(SECTORS));
    for _ in 0..60 {
        block_on(log.append(record)).expect("appends");
    }
    let mut flash = log.into_flash();
    flash.bytes[SECTOR as usize + 5] ^= 4;
    let mut log = open(flash);
    assert_eq!((log.oldest_id(), log.next_id()), (1, 61));
    let mut bytes = [0; RECORD_MAX];
    for id in 1..61 {
        let held = block_on(log.read(id, &mut bytes)).expect("reads").is_some();
        assert_eq!(held, !(17..=32).contains(&id), "{id}");
    }
}

#[test]
fn striking_out_survives_a_power_cut_at_each_of_its_words() {
    for cut in 1..=3 {
        for part in 0..=4 {
            let mut flash = Flash::new(SECTORS);
            for (sector, turn, first) in [(0, 9, 50), (1, 3, 7), (2, 70, 9), (3, 70, 1)] {
                let released = sector == 3;
                Header {
                    sector,
                    turn,
                    first,
                    released,
                }
                .put(&mut flash);
            }
            flash.cut_at = Some((flash.operations + cut, part));
            let range = 0..(SECTORS as u32 * SECTOR);
            // the power goes while it opens; what it was is still in the flash
            let mut kept = Vec::new();
            assert!(block_on(Log::open(&mut flash, range)).is_err());
            kept.append(&mut flash.bytes);
            let mut flash = Flash::new(SECTORS);
            flash.bytes = kept;
            owes(flash).expect("what a log owes");
        }
    }
}

#[test]
fn beyond_all_wear_it_begins_anew_and_says_what_that_cost() {
    for (turn, first) in [(LAST, 100), (100, LAST), (LAST, LAST)] {
        let mut flash = Flash::new(SECTORS);
        for (sector, back) in [(2, 0), (1, 1)] {
            Header {
                sector,
                turn: turn - back,
                first: first - 16 * back,
                released: false,
            }
            .put(&mut flash);
        }
        let mut log = open(flash);
        let mut last = 0;
        for k in 0..100 {
            let id = block_on(log.append(record)).expect("appends");
            if id < last {
                assert_eq!(id, 1);
                assert_eq!(log.take_overwritten(), 16 + k);
                assert!(k <= 16);
            }
            last = id;
        }
        assert!(last > 80 && last < 100);
        let log = open(log.into_flash());
        assert_eq!(log.next_id(), last + 1);
    }
}
