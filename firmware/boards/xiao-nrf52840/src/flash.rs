//! The two flashes. Their drivers want words at word addresses; callers here may hand over any bytes.

use embassy_nrf::peripherals::{P0_20, P0_21, P0_22, P0_23, P0_24, P0_25, QSPI};
use embassy_nrf::qspi::{self, Qspi};
use embassy_nrf::{Peri, bind_interrupts};
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

bind_interrupts!(struct Irqs {
    QSPI => qspi::InterruptHandler<QSPI>;
});

/// Bytes of the P25Q16H: 2 MiB.
pub const CAPACITY: u32 = 2 * 1024 * 1024;

/// Words that go through the buffer at once: the largest record of the log in one.
const WORDS: usize = 64;

/// What a driver refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashError(NorFlashErrorKind);

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

/// A flash behind a buffer of words.
pub struct ByWords<F> {
    flash: F,
}

impl<F: NorFlash> ByWords<F> {
    /// Put the buffer before `flash`.
    pub fn new(flash: F) -> Self {
        Self { flash }
    }
}

fn bytes_of(words: &mut [u32; WORDS]) -> &mut [u8; 4 * WORDS] {
    // SAFETY: the same memory; every pattern is a valid byte and a valid word, and bytes need no alignment
    unsafe { &mut *words.as_mut_ptr().cast() }
}

impl<F: NorFlash> ErrorType for ByWords<F> {
    type Error = FlashError;
}

impl<F: NorFlash> ReadNorFlash for ByWords<F> {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let mut words = [0; WORDS];
        let mut at = offset;
        for part in bytes.chunks_mut(4 * WORDS) {
            let buffer = bytes_of(&mut words);
            let (buffer, _) = buffer.split_at_mut(part.len());
            self.flash
                .read(at, buffer)
                .await
                .map_err(|error| FlashError(error.kind()))?;
            part.copy_from_slice(buffer);
            at += part.len() as u32;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: NorFlash> NorFlash for ByWords<F> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.flash
            .erase(from, to)
            .await
            .map_err(|error| FlashError(error.kind()))
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let mut words = [0; WORDS];
        let mut at = offset;
        for part in bytes.chunks(4 * WORDS) {
            let buffer = bytes_of(&mut words);
            let (buffer, _) = buffer.split_at_mut(part.len());
            buffer.copy_from_slice(part);
            self.flash
                .write(at, buffer)
                .await
                .map_err(|error| FlashError(error.kind()))?;
            at += part.len() as u32;
        }
        Ok(())
    }
}

/// The pins of the P25Q16H on the board.
pub struct Pins {
    /// Clock.
    pub sck: Peri<'static, P0_21>,
    /// Select.
    pub csn: Peri<'static, P0_25>,
    /// Data.
    pub io0: Peri<'static, P0_20>,
    /// Data.
    pub io1: Peri<'static, P0_24>,
    /// Data, write protection.
    pub io2: Peri<'static, P0_22>,
    /// Data, hold.
    pub io3: Peri<'static, P0_23>,
}

/// The external flash. Its peripheral keeps the 32 MHz oscillator running while it is on (about half a milliampere), so
/// it is on during an operation alone: one in four seconds.
pub struct ExternalFlash {
    qspi: Peri<'static, QSPI>,
    pins: Pins,
}

impl ExternalFlash {
    /// The flash on its pins.
    pub fn new(qspi: Peri<'static, QSPI>, pins: Pins) -> Self {
        Self { qspi, pins }
    }

    fn on(&mut self) -> Qspi<'_> {
        let mut config = qspi::Config::default();
        config.capacity = CAPACITY;
        config.frequency = qspi::Frequency::M16;
        // one data line: needs no quad-enable bit, and 2 MB/s are a hundred times what is wanted
        config.read_opcode = qspi::ReadOpcode::Fastread;
        config.write_opcode = qspi::WriteOpcode::Pp;
        Qspi::new(
            self.qspi.reborrow(),
            Irqs,
            self.pins.sck.reborrow(),
            self.pins.csn.reborrow(),
            self.pins.io0.reborrow(),
            self.pins.io1.reborrow(),
            self.pins.io2.reborrow(),
            self.pins.io3.reborrow(),
            config,
        )
    }
}

fn failed(_: qspi::Error) -> FlashError {
    FlashError(NorFlashErrorKind::OutOfBounds) // the driver knows no other
}

impl ErrorType for ExternalFlash {
    type Error = FlashError;
}

impl ReadNorFlash for ExternalFlash {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.on().read(offset, bytes).await.map_err(failed)
    }

    fn capacity(&self) -> usize {
        CAPACITY as usize
    }
}

impl NorFlash for ExternalFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let mut flash = self.on();
        for sector in (from..to).step_by(Self::ERASE_SIZE) {
            flash.erase(sector).await.map_err(failed)?;
        }
        wait_written(&mut flash).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let mut flash = self.on();
        flash.write(offset, bytes).await.map_err(failed)?;
        wait_written(&mut flash).await
    }
}

/// The peripheral is ready once it has sent its command; the chip is when its status says so. Before that the peripheral
/// must not be switched off, nor the chip be read.
async fn wait_written(flash: &mut Qspi<'_>) -> Result<(), FlashError> {
    /// Read status register 1; its bit 0 is "write in progress".
    const READ_STATUS: u8 = 0x05;
    /// A sector is erased in 30 ms at most; a chip that is still busy after ten times that is broken or gone. Said so, the
    /// strap does without its log; waited for, it would start for ever.
    const LOOKS: u32 = 600;
    for _ in 0..LOOKS {
        let mut status = [0];
        flash
            .custom_instruction(READ_STATUS, &[], &mut status)
            .await
            .map_err(failed)?;
        if status[0] & 1 == 0 {
            return Ok(());
        }
        embassy_time::Timer::after_micros(500).await;
    }
    Err(FlashError(NorFlashErrorKind::Other))
}
