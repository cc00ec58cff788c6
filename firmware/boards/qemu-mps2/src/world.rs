//! What a person does to the strap, typed on UART 2, and what the strap does, told there: the desktop process's language,
//! and `cut N` (the power goes in the middle of the N-th flash operation from now) and `panic` besides.

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embedded_io_async::Read;
use heapless::Vec;
use unslouch_strap_app::platform::{Board, Button, Lamp, Motor, Power, ResetReason};

use crate::machine::{self, tell};
use crate::{executor, flash, uart::UARTS};

const HELP: &str = "button down | button up | charger on | charger off | battery MILLIVOLTS | cut OPERATIONS | panic | hang | stack";

/// What the stimuli change.
pub struct World {
    button: Channel<NoopRawMutex, bool, 16>,
    charging: Cell<bool>,
    millivolts: Cell<u16>,
}

impl World {
    /// A worn strap with a good battery.
    pub const fn new() -> Self {
        Self {
            button: Channel::new(),
            charging: Cell::new(false),
            millivolts: Cell::new(3900),
        }
    }

    /// Do what is typed.
    pub async fn listen(&self) -> ! {
        let mut line = Vec::<u8, 64>::new();
        let mut uart = &UARTS[2];
        loop {
            let mut byte = [0];
            let Ok(_) = uart.read(&mut byte).await;
            match byte {
                [b'\n' | b'\r'] => {
                    self.obey(core::str::from_utf8(&line).unwrap_or("?")).await;
                    line.clear();
                }
                [byte] => {
                    // what is too long is cut off, and then not understood
                    let _ = line.push(byte);
                }
            }
        }
    }

    async fn obey(&self, line: &str) {
        let words: Vec<&str, 4> = line.split_ascii_whitespace().take(4).collect();
        match words.as_slice() {
            ["button", "down"] => self.button.send(true).await,
            ["button", "up"] => self.button.send(false).await,
            ["charger", "on"] => self.charging.set(true),
            ["charger", "off"] => self.charging.set(false),
            ["battery", mv] if let Ok(mv) = mv.parse() => self.millivolts.set(mv),
            ["cut", operations] if let Ok(operations) = operations.parse() => {
                flash::cut_after(operations);
            }
            ["hang"] => loop {
                core::hint::spin_loop();
            },
            ["panic"] => panic!("as it was told to"),
            ["stack"] => tell(format_args!("stack {}", executor::stack_used())),
            [] => {}
            _ => tell(format_args!("not understood; one of: {HELP}")),
        }
    }
}

/// Tells each change of the motor.
pub struct ToldMotor(pub u8);

impl Motor for ToldMotor {
    fn drive(&mut self, strength: u8) {
        if strength != self.0 {
            self.0 = strength;
            tell(format_args!("motor {strength}"));
        }
    }
}

/// The typed button.
pub struct TypedButton<'a>(pub &'a World);

impl Button for TypedButton<'_> {
    async fn changed(&mut self) -> bool {
        self.0.button.receive().await
    }
}

/// The typed cell.
pub struct TypedPower<'a>(pub &'a World);

impl Power for TypedPower<'_> {
    async fn millivolts(&mut self) -> u16 {
        self.0.millivolts.get()
    }

    fn charging(&self) -> bool {
        self.0.charging.get()
    }

    async fn off(&mut self) {
        tell(format_args!("off"));
        machine::exit(0);
    }
}

/// A lamp that nobody sees.
pub struct NoLamp;

impl Lamp for NoLamp {
    fn light(&mut self, _on: bool) {}
}

/// The machine.
pub struct Machine {
    /// Why it started.
    pub reason: ResetReason,
    /// What the last panic said.
    pub last_words: Vec<u8, 192>,
}

impl Board for Machine {
    fn reset_reason(&self) -> ResetReason {
        self.reason
    }

    fn last_words(&self) -> &[u8] {
        &self.last_words
    }

    fn reboot(&mut self, bootloader: bool) {
        tell(format_args!(
            "{}",
            if bootloader { "bootloader" } else { "reboot" }
        ));
        machine::reboot();
    }

    fn feed_watchdog(&mut self) {
        machine::feed_watchdog();
    }
}
