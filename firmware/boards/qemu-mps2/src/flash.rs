//! NOR flash in the machine's PSRAM. It outlives a reset, so that a reset in the middle of a write is a power cut.

use core::cell::Cell;

use critical_section::Mutex;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::machine;

/// Erase unit, bytes, as that of the board's QSPI flash.
pub const SECTOR: usize = 4096;

/// Where the flash begins; the page before it holds [`crate::machine`]'s notes.
const BASE: usize = 0x2100_1000;

/// Flash operations until the power goes, when somebody asked for that.
static CUT: Mutex<Cell<Option<u32>>> = Mutex::new(Cell::new(None));

/// Cut the power in the middle of the `operations`-th flash operation from now (the next one is 1).
pub fn cut_after(operations: u32) {
    critical_section::with(|cs| CUT.borrow(cs).set(Some(operations)));
}

/// Whether this operation is the one that is cut.
fn cut_now() -> bool {
    critical_section::with(|cs| {
        let cell = CUT.borrow(cs);
        let left = cell.get().map(|left| left.saturating_sub(1));
        cell.set(left);
        left == Some(0)
    })
}

/// A region of the PSRAM that behaves like NOR flash.
pub struct RamFlash {
    cells: &'static mut [u8],
}

/// Outside the region, or not aligned to its units.
#[derive(Debug)]
pub struct FlashError(NorFlashErrorKind);

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl RamFlash {
    /// Take `length` bytes from `start`.
    ///
    /// # Safety
    ///
    /// Every region is taken once a boot, and none overlaps another.
    pub unsafe fn take(start: usize, length: usize) -> Self {
        let cells = (BASE + start) as *mut u8;
        // SAFETY: PSRAM of which nothing else knows; the caller answers for overlaps
        Self {
            cells: unsafe { core::slice::from_raw_parts_mut(cells, length) },
        }
    }

    /// Erase everything, as a new chip is.
    pub fn blank(&mut self) {
        self.cells.fill(0xFF);
    }

    fn region(&mut self, from: u32, length: usize, unit: usize) -> Result<&mut [u8], FlashError> {
        let from = from as usize;
        if !from.is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(FlashError(NorFlashErrorKind::NotAligned));
        }
        self.cells
            .get_mut(from..from + length)
            .ok_or(FlashError(NorFlashErrorKind::OutOfBounds))
    }
}

impl ErrorType for RamFlash {
    type Error = FlashError;
}

impl ReadNorFlash for RamFlash {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let cells = self.region(offset, bytes.len(), Self::READ_SIZE)?;
        bytes.copy_from_slice(cells);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl NorFlash for RamFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let cut = cut_now();
        let cells = self.region(from, to.saturating_sub(from) as usize, SECTOR)?;
        let whole = cells.len();
        let erased = cells
            .get_mut(..if cut { whole / 2 } else { whole })
            .unwrap_or_default();
        erased.fill(0xFF);
        if cut {
            machine::power_cut();
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let cut = cut_now();
        let cells = self.region(offset, bytes.len(), Self::WRITE_SIZE)?;
        let done = if cut { bytes.len() / 2 } else { bytes.len() };
        for (cell, byte) in cells.iter_mut().zip(bytes).take(done) {
            *cell &= byte; // a write only clears bits
        }
        if cut {
            machine::power_cut();
        }
        Ok(())
    }
}
