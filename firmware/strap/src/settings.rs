//! What is kept over boots: settings, bonds, the boot counter, the last panic's text. A key-value store in flash that
//! survives a power cut at any write (sequential-storage's map).

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{MapConfig, MapStorage};
use trouble_host::prelude::*;
use trouble_host::{BondInformation, Identity, IdentityResolvingKey, LongTermKey};
use unslouch_strap_core::wire::bytes::{Reader, Writer};
use unslouch_strap_core::wire::calibration::{LENGTH, SensorCalibration};
use unslouch_strap_core::wire::control::{Gate, Mount, Pattern};
use unslouch_strap_core::wire::orientation::{decode15, encode15};

use crate::state::Settings;

/// Bonds kept; the one longest unused goes for a fifth.
pub const BONDS: usize = 4;
/// Attempts to write a value.
const WRITES: usize = 4;
/// Longest text of a panic that is kept.
pub const PANIC_MAX: usize = 192;

/// Keys. Never reuse a number for another meaning.
mod key {
    pub const BOOT: u8 = 1;
    pub const GATE: u8 = 2;
    pub const MOTOR: u8 = 3;
    pub const MOUNT: u8 = 4;
    pub const CALIBRATION: u8 = 5;
    pub const PANIC: u8 = 6;
    pub const BOND: u8 = 16;
}

/// Keys of [`Settings`], and the most bytes that one of them takes.
const SETTINGS: [u8; 4] = [key::GATE, key::MOTOR, key::MOUNT, key::CALIBRATION];
const SETTING_MAX: usize = LENGTH;

/// A bond and when it was last used.
#[derive(Clone, Debug)]
pub struct KeptBond {
    /// What TrouBLE needs.
    pub bond: BondInformation,
    /// Boot and order of its last use; larger is later.
    pub used: u32,
}

/// The store could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageFault;

type Map<F> = MapStorage<u8, F, Cache<Uncached, Uncached, Uncached, u8>>;

/// The store.
pub struct Store<F: NorFlash> {
    map: Map<F>,
    buffer: [u8; 256],
}

impl<F: NorFlash> Store<F> {
    /// Take a range of a flash for the store.
    pub fn new(flash: F, range: Range<u32>) -> Self {
        Self {
            map: MapStorage::new(flash, MapConfig::new(range), Cache::new_uncached()),
            buffer: [0; 256],
        }
    }

    async fn read(&mut self, key: u8) -> Option<&[u8]> {
        // an unreadable value is as good as none: defaults hold, and the next write repairs the page
        self.map
            .fetch_item::<&[u8]>(&mut self.buffer, &key)
            .await
            .ok()
            .flatten()
    }

    async fn write(&mut self, key: u8, value: &[u8]) -> Result<(), StorageFault> {
        for _ in 0..WRITES {
            self.map
                .store_item(&mut self.buffer, &key, &value)
                .await
                .map_err(|_| StorageFault)?;
            // cells that were not blank spoil what is written over them: what cannot be read back goes elsewhere
            if self.read(key).await == Some(value) {
                return Ok(());
            }
        }
        Err(StorageFault)
    }

    /// Count this start and return its number.
    pub async fn next_boot(&mut self) -> Result<u16, StorageFault> {
        let last = self
            .read(key::BOOT)
            .await
            .and_then(|bytes| Reader::new(bytes).u16())
            .unwrap_or(0);
        let boot = last.wrapping_add(1);
        self.write(key::BOOT, &boot.to_le_bytes()).await?;
        Ok(boot)
    }

    /// Settings; the default for each that is missing or broken.
    pub async fn settings(&mut self) -> Settings {
        let mut settings = Settings::default();
        for key in SETTINGS {
            if let Some(bytes) = self.read(key).await {
                take(&mut settings, key, bytes);
            }
        }
        settings
    }

    /// Keep the settings; what is as in `kept`, which the store holds, is not written again.
    pub async fn save(&mut self, settings: &Settings, kept: &Settings) -> Result<(), StorageFault> {
        let mut bytes = [0; SETTING_MAX];
        let mut before = [0; SETTING_MAX];
        for key in SETTINGS {
            let value = give(settings, key, &mut bytes).ok_or(StorageFault)?;
            if give(kept, key, &mut before) != Some(value) {
                self.write(key, value).await?;
            }
        }
        Ok(())
    }

    /// Bonds, in no order.
    pub async fn bonds(&mut self) -> Vec<KeptBond, BONDS> {
        let mut bonds = Vec::<KeptBond, BONDS>::new();
        for slot in 0..BONDS as u8 {
            if let Some(found) = self.read(key::BOND + slot).await.and_then(read_bond) {
                // where the power went while bonds moved up, one stands in two slots; the first is the newer writing
                let twice = |kept: &KeptBond| kept.bond.identity == found.bond.identity;
                if !bonds.iter().any(twice) {
                    // at most one a slot, so there is room
                    let _ = bonds.push(found);
                }
            }
        }
        bonds
    }

    /// Keep exactly these bonds.
    pub async fn save_bonds(&mut self, bonds: &[KeptBond]) -> Result<(), StorageFault> {
        for slot in 0..BONDS {
            let mut bytes = [0; 48];
            let value = bonds
                .get(slot)
                .map_or(&[] as &[u8], |bond| write_bond(bond, &mut bytes));
            self.write(key::BOND + slot as u8, value).await?;
        }
        Ok(())
    }

    /// Text of the last panic.
    pub async fn panic(&mut self) -> Vec<u8, PANIC_MAX> {
        let text = self.read(key::PANIC).await.unwrap_or(&[]);
        Vec::from_slice(text.get(..text.len().min(PANIC_MAX)).unwrap_or(&[])).unwrap_or_default()
    }

    /// Keep the text of a panic; empty forgets it.
    pub async fn save_panic(&mut self, text: &[u8]) -> Result<(), StorageFault> {
        self.write(
            key::PANIC,
            text.get(..text.len().min(PANIC_MAX)).unwrap_or(&[]),
        )
        .await
    }
}

/// Take over a setting as it was stored; one that is broken is left as it is.
fn take(settings: &mut Settings, key: u8, bytes: &[u8]) {
    match key {
        key::GATE => {
            let gate = Gate::read(&mut Reader::new(bytes)).filter(Gate::is_valid);
            settings.gate = gate.unwrap_or(settings.gate);
        }
        key::MOTOR => {
            if let [pattern, strength @ 1..=100] = *bytes
                && let Some(pattern) = Pattern::parse(pattern)
            {
                (settings.pattern, settings.strength) = (pattern, strength);
            }
        }
        key::MOUNT => settings.mount = read_mount(bytes),
        _ => {
            if let Ok(calibration) = SensorCalibration::parse(bytes) {
                settings.calibration = calibration;
            }
        }
    }
}

/// A setting as it is stored.
fn give<'a>(settings: &Settings, key: u8, bytes: &'a mut [u8; SETTING_MAX]) -> Option<&'a [u8]> {
    let mut out = Writer::new(bytes);
    match key {
        key::GATE => settings.gate.write(&mut out),
        key::MOTOR => {
            out.u8(settings.pattern as u8).u8(settings.strength);
        }
        key::MOUNT => match settings.mount {
            Some(mount) => {
                out.u8(2 | u8::from(mount.forward))
                    .put(&encode15(mount.mount))
                    .put(&encode15(mount.neutral));
            }
            None => {
                out.put(&[0; 13]);
            }
        },
        _ => {
            out.put(&settings.calibration.encode());
        }
    }
    out.finish()
}

fn read_mount(bytes: &[u8]) -> Option<Mount> {
    let mut r = Reader::new(bytes);
    let flags = r.u8()?;
    let (mount, neutral) = (decode15(r.take()?), decode15(r.take()?));
    (flags & 2 != 0).then_some(())?;
    Some(Mount {
        forward: flags & 1 != 0,
        valid: true,
        mount: mount?,
        neutral: neutral?,
    })
}

fn write_bond<'a>(kept: &KeptBond, bytes: &'a mut [u8]) -> &'a [u8] {
    let bond = &kept.bond;
    let level = match bond.security_level {
        SecurityLevel::NoEncryption => 0,
        SecurityLevel::Encrypted => 1,
        SecurityLevel::EncryptedAuthenticated => 2,
    };
    let irk = bond
        .identity
        .irk
        .map_or([0; 16], IdentityResolvingKey::to_le_bytes);
    let mut out = Writer::new(bytes);
    out.u8(level)
        .u32(kept.used)
        .put(&bond.identity.addr.to_bytes())
        .put(&irk)
        .put(&bond.ltk.to_le_bytes());
    out.finish().unwrap_or(&[])
}

fn read_bond(bytes: &[u8]) -> Option<KeptBond> {
    let mut r = Reader::new(bytes);
    let level = match r.u8()? {
        1 => SecurityLevel::Encrypted,
        2 => SecurityLevel::EncryptedAuthenticated,
        _ => return None,
    };
    let used = r.u32()?;
    let [kind, a, b, c, d, e, f] = r.take::<7>()?;
    // Address::to_bytes gives the most significant byte first
    let addr = Address::new(AddrKind::new(kind), BdAddr::new([f, e, d, c, b, a]));
    let irk = IdentityResolvingKey::from_le_bytes(r.take()?);
    let ltk = LongTermKey::from_le_bytes(r.take()?);
    Some(KeptBond {
        bond: BondInformation::new(Identity { addr, irk }, ltk, level, true),
        used,
    })
}
