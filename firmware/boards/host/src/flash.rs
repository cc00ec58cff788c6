//! NOR flash in a file: erased bytes are 0xFF, a write can only clear bits, and what is written survives a kill.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::watchdog::FLASH_HANGS;

/// Erase unit, bytes, as that of the board's QSPI flash.
pub const SECTOR: usize = 4096;

/// A region of a file that behaves like NOR flash.
pub struct FileFlash {
    file: File,
    start: u64,
    length: usize,
}

/// What the flash in a file can report.
#[derive(Debug)]
pub enum FlashError {
    /// Outside the region, or not aligned to its units.
    Range(NorFlashErrorKind),
    /// The file could not be read or written; the process tells it on standard error.
    File(io::ErrorKind),
}

/// Never, where somebody made the flash hang.
async fn answers() {
    if FLASH_HANGS.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

fn told(error: io::Error) -> FlashError {
    eprintln!("flash: {error}");
    FlashError::File(error.kind())
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            FlashError::Range(kind) => *kind,
            FlashError::File(io::ErrorKind::UnexpectedEof) => NorFlashErrorKind::OutOfBounds,
            FlashError::File(_) => NorFlashErrorKind::Other,
        }
    }
}

impl FileFlash {
    /// Open `path` (made and filled with 0xFF when new) and take `length` bytes from `start`.
    pub fn open(path: &Path, start: u64, length: usize) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let end = start + length as u64;
        let mut at = file.metadata()?.len();
        let blank = [0xFF; SECTOR];
        while at < end {
            let n = (end - at).min(SECTOR as u64) as usize;
            file.write_all_at(&blank[..n], at)?;
            at += n as u64;
        }
        Ok(Self {
            file,
            start,
            length,
        })
    }

    fn check(&self, offset: u32, length: usize, unit: usize) -> Result<u64, FlashError> {
        if offset as usize + length > self.length {
            return Err(FlashError::Range(NorFlashErrorKind::OutOfBounds));
        }
        if !(offset as usize).is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(FlashError::Range(NorFlashErrorKind::NotAligned));
        }
        Ok(self.start + u64::from(offset))
    }
}

impl ErrorType for FileFlash {
    type Error = FlashError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let at = self.check(offset, bytes.len(), 1)?;
        self.file.read_exact_at(bytes, at).map_err(told)
    }

    fn capacity(&self) -> usize {
        self.length
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        answers().await;
        let length = to.saturating_sub(from) as usize;
        let at = self.check(from, length, SECTOR)?;
        let blank = [0xFF; SECTOR];
        for sector in 0..length / SECTOR {
            self.file
                .write_all_at(&blank, at + (sector * SECTOR) as u64)
                .map_err(told)?;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        answers().await;
        let at = self.check(offset, bytes.len(), Self::WRITE_SIZE)?;
        let mut cells = vec![0; bytes.len()];
        self.file.read_exact_at(&mut cells, at).map_err(told)?;
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        self.file.write_all_at(&cells, at).map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    #[test]
    fn behaves_like_nor_flash_and_survives_reopening() {
        let path = std::env::temp_dir().join(format!("unslouch-flash-{}", std::process::id()));
        block_on(async {
            let mut flash = FileFlash::open(&path, 4096, 8192).expect("opens");
            flash.write(4, &[0xF0, 1, 2, 3]).await.expect("writes");
            flash
                .write(4, &[0x0F, 1, 2, 3])
                .await
                .expect("writes again");
            let mut bytes = [0; 4];
            flash.read(4, &mut bytes).await.expect("reads");
            assert_eq!(bytes, [0x00, 1, 2, 3], "a write only clears bits");
            assert!(flash.write(2, &[0; 4]).await.is_err(), "unaligned");
            assert!(flash.write(8192, &[0; 4]).await.is_err(), "outside");
            drop(flash);
            let mut flash = FileFlash::open(&path, 4096, 8192).expect("opens again");
            flash.read(4, &mut bytes).await.expect("reads");
            assert_eq!(bytes, [0x00, 1, 2, 3]);
            flash.erase(0, 4096).await.expect("erases");
            flash.read(4, &mut bytes).await.expect("reads");
            assert_eq!(bytes, [0xFF; 4]);
        });
        std::fs::remove_file(&path).expect("removes");
    }
}

#[cfg(test)]
mod settings_tests {
    use super::*;
    use trouble_host::prelude::{Address, SecurityLevel};
    use trouble_host::{BondInformation, Identity, IdentityResolvingKey, LongTermKey};
    use unslouch_strap_app::settings::{KeptBond, Store};

    #[test]
    fn bonds_and_the_boot_counter_come_back_after_a_restart() {
        let path = std::env::temp_dir().join(format!("unslouch-settings-{}", std::process::id()));
        let kept = |last: u8, irk: Option<IdentityResolvingKey>| KeptBond {
            bond: BondInformation::new(
                Identity {
                    addr: Address::random([last, 2, 3, 4, 5, 0xC6]),
                    irk,
                },
                LongTermKey::new(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF ^ u128::from(last)),
                SecurityLevel::Encrypted,
                true,
            ),
            used: u32::from(last),
        };
        let bonds = [
            kept(1, None),
            kept(9, IdentityResolvingKey::new(0xFEDC_BA98)),
        ];
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(async {
                let open = || {
                    Store::new(
                        FileFlash::open(&path, 0, 4 * SECTOR).expect("opens"),
                        0..(4 * SECTOR) as u32,
                    )
                };
                let mut store = open();
                assert_eq!(store.next_boot().await, Ok(1));
                store.save_bonds(&bonds).await.expect("saves");
                drop(store);
                let mut store = open();
                assert_eq!(store.next_boot().await, Ok(2));
                let back = store.bonds().await;
                assert_eq!(back.len(), 2);
                for (a, b) in back.iter().zip(&bonds) {
                    assert_eq!(a.used, b.used);
                    assert_eq!(a.bond.identity, b.bond.identity);
                    assert_eq!(a.bond.ltk, b.bond.ltk);
                    assert!(a.bond.is_bonded);
                }
            });
        std::fs::remove_file(&path).expect("removes");
    }
}
