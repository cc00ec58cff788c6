//! What the targets share: a flash in RAM.

// critical sections and clock, linked for the application's crates
use critical_section as _;
use embassy_time as _;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// NOR flash with sectors of so many bytes.
pub struct RamFlash<const SECTOR: usize>(pub Vec<u8>);

/// Outside the flash.
#[derive(Debug)]
pub struct Outside;

impl NorFlashError for Outside {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl<const SECTOR: usize> RamFlash<SECTOR> {
    /// Erased.
    pub fn blank(sectors: usize) -> Self {
        Self(vec![0xFF; sectors * SECTOR])
    }

    fn room(&mut self, offset: u32, length: usize) -> Result<&mut [u8], Outside> {
        let offset = offset as usize;
        self.0.get_mut(offset..offset + length).ok_or(Outside)
    }
}

impl<const SECTOR: usize> ErrorType for RamFlash<SECTOR> {
    type Error = Outside;
}

impl<const SECTOR: usize> ReadNorFlash for RamFlash<SECTOR> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Outside> {
        bytes.copy_from_slice(self.room(offset, bytes.len())?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl<const SECTOR: usize> NorFlash for RamFlash<SECTOR> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Outside> {
        self.room(from, (to - from) as usize)?.fill(0xFF);
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Outside> {
        for (cell, byte) in self.room(offset, bytes.len())?.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        Ok(())
    }
}
