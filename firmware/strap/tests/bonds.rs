//! Bonds in flash, wherever the power goes while they are written.

#[path = "../../core/tests/flash/mod.rs"]
mod flash;

use flash::{Flash, block_on};
use trouble_host::prelude::{Address, SecurityLevel};
use trouble_host::{BondInformation, Identity, LongTermKey};
use unslouch_strap_app::settings::{KeptBond, Store};
use unslouch_strap_core::log::SECTOR;

const SECTORS: usize = 3;
const RANGE: core::ops::Range<u32> = 0..SECTORS as u32 * SECTOR;

fn bond(peer: u8) -> KeptBond {
    let identity = Identity {
        addr: Address::random([peer, 2, 3, 4, 5, 0xC6]),
        irk: None,
    };
    let key = LongTermKey::new(u128::from(peer));
    KeptBond {
        bond: BondInformation::new(identity, key, SecurityLevel::Encrypted, true),
        used: u32::from(peer),
    }
}

fn peers(store: &mut Store<&mut Flash>) -> Vec<u8> {
    let kept = block_on(store.bonds());
    let mut peers: Vec<u8> = kept
        .iter()
        .map(|kept| kept.bond.ltk.to_le_bytes()[0])
        .collect();
    peers.sort_unstable();
    peers
}

/// The first goes and the others move up: for a fifth, or because it was forgotten.
#[test]
fn who_stays_is_there_once_wherever_the_power_goes() {
    for after in [&[2, 3, 4, 5][..], &[2, 3, 4]] {
        let mut used = Flash::new(SECTORS);
        let before = [1, 2, 3, 4].map(bond);
        block_on(Store::new(&mut used, RANGE).save_bonds(&before)).expect("keeps");
        let kept: Vec<KeptBond> = after.iter().map(|peer| bond(*peer)).collect();
        for cut in 1.. {
            let mut through = false;
            for part in 0..=4 {
                let mut flash = Flash::new(SECTORS);
                flash.bytes.clone_from(&used.bytes);
                flash.cut_at = Some((cut, part));
                let saved = block_on(Store::new(&mut flash, RANGE).save_bonds(&kept));
                through |= flash.operations < cut;
                flash.cut_at = None;
                let mut store = Store::new(&mut flash, RANGE);
                let found = peers(&mut store);
                let at = format!("cut in operation {cut}, {part} quarters of it: {found:?}");
                assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{at}");
                assert!([2, 3, 4].iter().all(|peer| found.contains(peer)), "{at}");
                assert!(saved.is_err() || found == after, "{at}");
                // and the next attempt succeeds
                block_on(store.save_bonds(&kept)).expect("keeps");
                assert_eq!(peers(&mut store), after);
            }
            if through {
                break;
            }
        }
    }
}
