//! What is learnt while worn goes back to flash only when it proved steady, and then whole or not at all, wherever the
//! power goes.

#[path = "../../core/tests/flash/mod.rs"]
mod flash;

use flash::{Flash, block_on};
use sequential_storage::cache::Cache;
use sequential_storage::map::{MapConfig, MapStorage};
use unslouch_strap_app::estimator::Estimator;
use unslouch_strap_app::platform::{GYR_LSB, ImuFrame};
use unslouch_strap_app::settings::Store;
use unslouch_strap_app::state::Settings;
use unslouch_strap_core::calibration::{Bias, SteadyBias};
use unslouch_strap_core::log::SECTOR;
use unslouch_strap_core::wire::calibration::{SensorCalibration, measured};

/// The fewest that survive a cut while a page moves; the boards have eight and more.
const SECTORS: usize = 3;
const RANGE: core::ops::Range<u32> = 0..SECTORS as u32 * SECTOR;

fn learnt(k: u16) -> SensorCalibration {
    let mut calibration = SensorCalibration {
        boot: k,
        ..SensorCalibration::default()
    };
    let bias = Bias {
        bias: [1e-3 + 1e-5 * f32::from(k), -2e-3, 3e-3],
        deviation: [2e-4; 3],
    };
    bias.store(&mut calibration);
    calibration
}

fn as_set() -> Settings {
    let mut settings = Settings::default();
    settings.gate.dwell = 123;
    settings.calibration = learnt(0);
    settings
}

/// A store that was in use, and the power that goes in each operation of writing back once more.
#[test]
fn a_bias_is_written_back_whole_or_not_at_all() {
    // a page takes some 36 calibrations: ordinary writes, and those around each page's end and the first one's clearing
    for before in [
        0u16, 33, 34, 35, 36, 68, 69, 70, 71, 72, 73, 74, 100, 101, 102, 103, 104, 105, 106, 107,
        108,
    ] {
        let mut used = Flash::new(SECTORS);
        let mut store = Store::new(&mut used, RANGE);
        let boot = block_on(store.next_boot()).expect("counts");
        block_on(store.save_panic(b"main.rs:1")).expect("keeps");
        let mut kept = as_set();
        block_on(store.save(&kept, &Settings::default())).expect("keeps");
        for k in 1..=before {
            let mut next = kept;
            next.calibration = learnt(k);
            block_on(store.save(&next, &kept)).expect("keeps");
            kept = next;
        }
        let mut new = kept;
        new.calibration = learnt(before + 1);
        let mut cuts = 0;
        for cut in 1.. {
            let mut through = false;
            for part in 0..=4 {
                let mut flash = Flash::new(SECTORS);
                flash.bytes.clone_from(&used.bytes);
                flash.cut_at = Some((cut, part));
                let mut store = Store::new(&mut flash, RANGE);
                let saved = block_on(store.save(&new, &kept));
                through |= flash.operations < cut;
                flash.cut_at = None;
                let mut store = Store::new(&mut flash, RANGE);
                assert_eq!(block_on(store.next_boot()), Ok(boot + 1), "{before} {cut}");
                let found = block_on(store.settings());
                let whole = found.calibration == new.calibration;
                assert!(
                    whole || (saved.is_err() && found.calibration == kept.calibration),
                    "{before} earlier, cut in operation {cut}, {part} quarters of it: {:?}",
                    found.calibration
                );
                assert_eq!(found.gate, kept.gate);
                assert_eq!(&block_on(store.panic())[..], b"main.rs:1");
                // and the next attempt succeeds
                block_on(store.save(&new, &found)).expect("keeps");
                assert_eq!(block_on(store.settings()), new);
            }
            if through {
                break;
            }
            cuts += 1;
        }
        assert!(cuts >= 2, "{cuts} operations to write back");
    }
}

#[test]
fn the_boot_counter_goes_around() {
    let mut flash = Flash::new(SECTORS);
    {
        let cache = Cache::new_uncached();
        let mut map = MapStorage::<u8, _, _>::new(&mut flash, MapConfig::new(RANGE), cache);
        let last = 65_534u16.to_le_bytes();
        block_on(map.store_item(&mut [0; 64], &1, &&last[..])).expect("keeps");
    }
    for boot in [65_535, 0, 1] {
        let mut store = Store::new(&mut flash, RANGE);
        assert_eq!(block_on(store.next_boot()), Ok(boot));
    }
}

const HZ: u32 = 52;

/// A sensor on a table whose bias (counts about x) changes with time (s).
fn lying(k: u32, counts: impl Fn(f32) -> f32) -> ImuFrame {
    let noise = |salt: u32| ((k.wrapping_mul(2_654_435_761) >> salt) % 5) as i16 - 2;
    ImuFrame {
        t_us: u64::from(k) * 19_231,
        acc: [noise(3), noise(7), 4098 + noise(11)],
        gyr: [
            counts(k as f32 / HZ as f32).round() as i16 + noise(5) / 2,
            noise(9) / 2,
            noise(13) / 2,
        ],
        lost_before: false,
    }
}

/// Seconds after which a bias is worth storing; what is stored is far from it.
fn stored_after(minutes: u32, counts: impl Fn(f32) -> f32) -> Option<(u32, Bias)> {
    let mut estimator = Estimator::new(HZ as f32, SensorCalibration::default());
    let mut steady = SteadyBias::default();
    (0..minutes * 60 * HZ).find_map(|k| {
        estimator.push(&lying(k, &counts), 1.0 / HZ as f32);
        let due = k % HZ == HZ - 1;
        let found = due.then(|| estimator.steady_bias(&mut steady, 1.0, [0.1; 3]));
        found.flatten().map(|bias| (k / HZ, bias))
    })
}

#[test]
fn only_a_bias_that_stays_for_minutes_is_worth_storing() {
    let (after, found) = stored_after(8, |_| 40.0).expect("a constant bias is found");
    assert!((180..300).contains(&after), "{after} s");
    assert!((found.bias[0] / GYR_LSB - 40.0).abs() < 1.0, "{found:?}");
    let mut calibration = SensorCalibration::default();
    found.store(&mut calibration);
    assert!(calibration.is_valid() && calibration.measured == measured::BIAS);
    // warming up: 0.4 deg/s in three minutes, twelve counts
    assert_eq!(stored_after(8, |t| 40.0 + t / 15.0).map(|f| f.0), None);
}
