//! What the process leaves to the next one on the same flash: why it ended, and the text of a panic.
//!
//! On a board this is a piece of RAM that a reset leaves alone. It lies in the flash file's last sector of settings.
//! A process that was killed leaves nothing: its battery was pulled.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use unslouch_strap_app::platform::ResetReason;

use crate::flash::SECTOR;

/// Longest text that is kept; the application keeps no more.
const LONGEST: usize = 192;
/// Exit code after a panic, as Rust's own.
const PANICKED: i32 = 101;

/// Where the words lie.
#[derive(Clone, Debug)]
pub struct LastWords {
    path: PathBuf,
    at: u64,
}

fn number(reason: ResetReason) -> u8 {
    match reason {
        ResetReason::Panic => 1,
        ResetReason::Requested => 2,
        ResetReason::LowBattery => 3,
        ResetReason::Watchdog => 4,
        _ => 0xFF,
    }
}

impl LastWords {
    /// In the sector at `at` of the flash file at `path`.
    pub fn new(path: &Path, at: u64) -> Self {
        Self {
            path: path.into(),
            at,
        }
    }

    /// Why the process before ended and what it said; asked again, the next process hears nothing.
    pub fn take(&self) -> io::Result<(ResetReason, Vec<u8>)> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let mut bytes = [0; 2 + LONGEST];
        file.read_exact_at(&mut bytes, self.at)?;
        file.write_all_at(&[0xFF; SECTOR], self.at)?;
        let [reason, length, text @ ..] = bytes;
        let reason = match reason {
            1 => ResetReason::Panic,
            2 => ResetReason::Requested,
            3 => ResetReason::LowBattery,
            4 => ResetReason::Watchdog,
            _ => return Ok((ResetReason::PowerOn, Vec::new())),
        };
        Ok((reason, text[..usize::from(length).min(LONGEST)].to_vec()))
    }

    /// Leave words.
    pub fn leave(&self, reason: ResetReason, text: &str) -> io::Result<()> {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = vec![number(reason), end as u8];
        bytes.extend(&text.as_bytes()[..end]);
        OpenOptions::new()
            .write(true)
            .open(&self.path)?
            .write_all_at(&bytes, self.at)
    }

    /// Let a panic anywhere end the process, as it resets a board, its text left behind.
    pub fn catch_panics(&self) {
        let words = self.clone();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            usual(info);
            if let Err(error) = words.leave(ResetReason::Panic, &info.to_string()) {
                eprintln!("the panic's text is lost: {error}");
            }
            std::process::exit(PANICKED);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_once_and_cut_between_characters() {
        let path = std::env::temp_dir().join(format!("unslouch-words-{}", std::process::id()));
        std::fs::write(&path, [0xFF; 2 * SECTOR]).expect("a file");
        let words = LastWords::new(&path, SECTOR as u64);
        assert_eq!(
            words.take().expect("reads"),
            (ResetReason::PowerOn, Vec::new())
        );
        words
            .leave(ResetReason::Panic, &"ü".repeat(200))
            .expect("writes");
        let (reason, text) = words.take().expect("reads");
        assert_eq!(
            (reason, String::from_utf8(text)),
            (ResetReason::Panic, Ok("ü".repeat(96)))
        );
        assert_eq!(
            words.take().expect("reads"),
            (ResetReason::PowerOn, Vec::new())
        );
        std::fs::remove_file(&path).expect("removes");
    }
}
