//! A log opens on any flash, whatever headers and records with right checksums say; what it holds can be read, it takes
//! every further record, and it still has them when it opens again.
#![no_main]

use embassy_futures::block_on;
use libfuzzer_sys::fuzz_target;
use unslouch_strap_core::log::{Log, RECORD_MAX, SECTOR, SLOTS};
use unslouch_strap_core::wire::crc::crc32;
use unslouch_strap_fuzz::RamFlash;

const MAGIC: u32 = 0x3147_4C55;
/// The fewest a log takes: an input is soon done.
const SECTORS: usize = 3;

type Flash = RamFlash<{ SECTOR as usize }>;

/// Nine bytes an operation: what, where, two numbers; the rest of the input is noise over the flash.
fn forge(data: &[u8]) -> (Flash, &[u8]) {
    let mut flash = Flash::blank(SECTORS);
    let Some((&count, mut rest)) = data.split_first() else {
        return (flash, data);
    };
    for _ in 0..count % 40 {
        let Some((op, tail)) = rest.split_first_chunk::<9>() else {
            break;
        };
        rest = tail;
        let sector = usize::from(op[0] & 3) % SECTORS * SECTOR as usize;
        let a = u32::from_le_bytes([op[1], op[2], op[3], op[4]]);
        let b = u32::from_le_bytes([op[5], op[6], op[7], op[8]]);
        if op[0] & 4 == 0 {
            let mut head = [MAGIC.to_le_bytes(), a.to_le_bytes(), b.to_le_bytes()].concat();
            head.extend(crc32(&head).to_le_bytes());
            if op[0] & 8 != 0 {
                head.extend([0; 4]);
            }
            flash.0[sector..sector + head.len()].copy_from_slice(&head);
        } else {
            let length = usize::from(op[5]).min(RECORD_MAX);
            let mut body = [&a.to_le_bytes()[..], &[op[5]]].concat();
            body.extend(std::iter::repeat_n(op[6], length));
            let at = sector + 64 + usize::from(op[0] >> 4) * 252;
            flash.0[at..at + 4].copy_from_slice(&crc32(&body).to_le_bytes());
            flash.0[at + 4..at + 4 + body.len()].copy_from_slice(&body);
        }
    }
    (flash, rest)
}

fuzz_target!(|data: &[u8]| {
    let (mut flash, noise) = forge(data);
    for (k, byte) in noise.iter().enumerate() {
        let at = k * 997 % flash.0.len();
        flash.0[at] ^= byte;
    }
    block_on(async {
        let range = 0..flash.0.len() as u32;
        let mut log = Log::open(flash, range.clone()).await.expect("it opens");
        assert!(log.oldest_id() <= log.next_id() && log.unconfirmed_id() <= log.next_id());
        let held = log.next_id() - log.oldest_id();
        assert!(held <= SECTORS as u32 * SLOTS, "{held} ids");
        let mut buffer = [0; RECORD_MAX];
        for id in log.oldest_id()..log.next_id() {
            log.read(id, &mut buffer).await.expect("reads");
        }
        let mut appended = [0; 20];
        let (mut confirmed, mut last) = (0, 0);
        for (k, kept) in appended.iter_mut().enumerate() {
            let id = log.append(|id, room| {
                room[..4].copy_from_slice(&id.to_le_bytes());
                k + 4
            });
            let id = id.await.expect("takes a record");
            assert_eq!(log.read(id, &mut buffer).await, Ok(Some(k + 4)));
            if id < last {
                // beyond all wear it begins anew, and says what that cost
                assert!(id == 1 && log.take_overwritten() as usize >= k - confirmed);
                confirmed = k;
            }
            (*kept, last) = (id, id);
            if id % 7 == 0 {
                assert_eq!(log.confirm(id).await, Ok(true));
                confirmed = k + 1;
            }
        }
        let next = log.next_id();
        let mut log = Log::open(log.into_flash(), range)
            .await
            .expect("it opens again");
        assert_eq!(log.next_id(), next);
        for (k, id) in appended.into_iter().enumerate().skip(confirmed) {
            assert_eq!(log.read(id, &mut buffer).await, Ok(Some(k + 4)));
            assert_eq!(buffer[..4], id.to_le_bytes());
        }
    });
});
