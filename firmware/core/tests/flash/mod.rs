//! A flash in RAM whose power can go at any operation, and records that cannot be mistaken.

#![allow(dead_code)] // each test takes what it needs

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use unslouch_strap_core::log::{RECORD_MAX, SECTOR};

pub fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a flash in RAM never waits"),
    }
}

#[derive(Debug)]
pub struct Cut;

impl NorFlashError for Cut {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// Flash in RAM; the operation number `cut_at` is done for `part` of 4 quarters, then the power is gone.
pub struct Flash {
    pub bytes: Vec<u8>,
    pub operations: u32,
    pub cut_at: Option<(u32, usize)>,
}

impl Flash {
    pub fn new(sectors: usize) -> Self {
        Self {
            bytes: vec![0xFF; sectors * SECTOR as usize],
            operations: 0,
            cut_at: None,
        }
    }

    /// How many of `n` bytes this operation reaches; None when all.
    fn reach(&mut self, n: usize) -> Result<Option<usize>, Cut> {
        self.operations += 1;
        match self.cut_at {
            Some((at, _)) if self.operations > at => Err(Cut),
            Some((at, part)) if self.operations == at => Ok(Some(n * part / 4)),
            _ => Ok(None),
        }
    }
}

impl ErrorType for Flash {
    type Error = Cut;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;
    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Cut> {
        if self.cut_at.is_some_and(|(at, _)| self.operations >= at) {
            return Err(Cut);
        }
        bytes.copy_from_slice(&self.bytes[offset as usize..offset as usize + bytes.len()]);
        Ok(())
    }
    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR as usize;
    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Cut> {
        assert!(
            from.is_multiple_of(SECTOR) && to.is_multiple_of(SECTOR),
            "whole sectors"
        );
        let (from, to) = (from as usize, to as usize);
        match self.reach(to - from)? {
            None => self.bytes[from..to].fill(0xFF),
            Some(n) => {
                // an erase that is cut leaves some cells blank: here from one end or the other
                let odd = self.operations % 2 == 1;
                let blank = if odd { from..from + n } else { to - n..to };
                self.bytes[blank].fill(0xFF);
                return Err(Cut);
            }
        }
        Ok(())
    }
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Cut> {
        assert!(
            offset.is_multiple_of(4) && bytes.len().is_multiple_of(4),
            "whole words"
        );
        let n = self.reach(bytes.len())?;
        for (cell, byte) in self.bytes[offset as usize..]
            .iter_mut()
            .zip(&bytes[..n.unwrap_or(bytes.len())])
        {
            assert!(
                *cell & byte == *byte,
                "a write to a cell that was not erased"
            );
            *cell &= byte;
        }
        if n.is_some() { Err(Cut) } else { Ok(()) }
    }
}

/// A record that tells its id and cannot be mistaken for another one.
pub fn record(id: u32, bytes: &mut [u8; RECORD_MAX]) -> usize {
    let length = 20 + (id as usize * 37) % 222;
    for (i, byte) in bytes[..length].iter_mut().enumerate() {
        *byte = (id as usize * 31 + i * 7) as u8;
    }
    bytes[..4].copy_from_slice(&id.to_le_bytes());
    length
}
