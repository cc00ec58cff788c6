//! Whatever the settings' flash holds, the strap starts with valid settings, and keeps what it is then given.
#![no_main]

use embassy_futures::block_on;
use libfuzzer_sys::fuzz_target;
use unslouch_strap_app::settings::Store;
use unslouch_strap_fuzz::RamFlash;

fuzz_target!(|data: &[u8]| {
    // small sectors: they fill and are moved within an input, and it is soon done
    let mut flash = RamFlash::<1024>::blank(3);
    // first a store as it is used, then damage at places that the input names
    block_on(async {
        let range = 0..flash.0.len() as u32;
        let mut store = Store::new(&mut flash, range.clone());
        for _ in 0..data.first().copied().unwrap_or(0) % 8 {
            let _ = store.next_boot().await;
        }
        let _ = store.save_panic(data.get(..8).unwrap_or(&[])).await;
    });
    for change in data.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % flash.0.len();
        flash.0[at] ^= change[2];
    }
    block_on(async {
        let range = 0..flash.0.len() as u32;
        let mut store = Store::new(&mut flash, range);
        let _ = store.next_boot().await;
        let settings = store.settings().await;
        assert!(settings.gate.is_valid() && (1..=100).contains(&settings.strength));
        assert!(settings.calibration.is_valid());
        let _ = store.bonds().await;
        let _ = store.panic().await;
        let mut other = settings;
        other.gate.dwell = if settings.gate.dwell == 77 { 78 } else { 77 };
        if store.save(&other, &settings).await.is_ok() {
            assert_eq!(store.settings().await, other);
        }
    });
});
