//! What a person does to the strap, typed on standard input: button, charger, battery. What the strap does, on standard
//! output, a line each.

use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use tokio::io::{AsyncBufReadExt, BufReader};
use unslouch_strap_app::platform::{Board, Button, Lamp, Motor, Power, ResetReason};

use crate::last_words::LastWords;
use crate::lockstep;
use crate::watchdog;

/// What is typed.
pub const HELP: &str = "button down | button up | charger on | charger off | battery MILLIVOLTS |
panic TEXT | hang sensor | hang stamps | hang flash | hang everything";

/// What the stimuli change.
pub struct World {
    button: Channel<NoopRawMutex, bool, 16>,
    charging: Cell<bool>,
    millivolts: Cell<u16>,
}

impl World {
    /// A worn strap with a good battery.
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            button: Channel::new(),
            charging: Cell::new(false),
            millivolts: Cell::new(3900),
        })
    }

    /// Do what standard input says, until it ends.
    pub async fn listen(&self) {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["button", "down"] => self.button.send(true).await,
                ["button", "up"] => self.button.send(false).await,
                ["charger", "on"] => self.charging.set(true),
                ["charger", "off"] => self.charging.set(false),
                ["battery", mv] if mv.parse::<u16>().is_ok() => {
                    self.millivolts.set(mv.parse().unwrap_or(0))
                }
                ["hang", "sensor"] => watchdog::SENSOR_HANGS.store(true, Ordering::Relaxed),
                ["hang", "stamps"] => watchdog::STAMPS_HANG.store(true, Ordering::Relaxed),
                ["hang", "flash"] => watchdog::FLASH_HANGS.store(true, Ordering::Relaxed),
                ["hang", "everything"] => watchdog::hang(),
                ["panic", ..] => panic!("{}", line.trim_start_matches("panic ")),
                [] => {}
                _ => eprintln!("not understood: {line:?}; one of: {HELP}"),
            }
            lockstep::LINES.fetch_add(1, Ordering::Relaxed);
        }
        // no more input: the world stays as it is
        std::future::pending::<()>().await;
    }
}

/// Print a line about the strap at once, for whoever reads the other end of the pipe.
pub fn tell(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // a reader that went away is no reason to stop being a strap
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Tells each change of the motor.
pub struct HostMotor(pub u8);

impl Motor for HostMotor {
    fn drive(&mut self, strength: u8) {
        if strength != self.0 {
            self.0 = strength;
            tell(format_args!("motor {strength}"));
        }
    }
}

/// The typed button.
pub struct HostButton(pub Rc<World>);

impl Button for HostButton {
    async fn changed(&mut self) -> bool {
        self.0.button.receive().await
    }
}

/// The typed cell.
pub struct HostPower(pub Rc<World>, pub LastWords);

impl Power for HostPower {
    async fn millivolts(&mut self) -> u16 {
        self.0.millivolts.get()
    }

    fn charging(&self) -> bool {
        self.0.charging.get()
    }

    async fn off(&mut self) {
        leave(&self.1, ResetReason::LowBattery);
        tell(format_args!("off"));
        std::process::exit(0);
    }
}

/// A lamp that nobody sees.
pub struct HostLamp;

impl Lamp for HostLamp {
    fn light(&mut self, _on: bool) {}
}

/// The process.
pub struct HostBoard {
    /// Why the process before ended.
    pub reason: ResetReason,
    /// What it said.
    pub text: Vec<u8>,
    /// Where this one leaves its own.
    pub words: LastWords,
}

fn leave(words: &LastWords, reason: ResetReason) {
    if let Err(error) = words.leave(reason, "") {
        eprintln!("why it ends is lost: {error}");
    }
}

/// Exit code that asks whoever started the process to start it again.
pub const REBOOT: i32 = 75;

impl Board for HostBoard {
    fn reset_reason(&self) -> ResetReason {
        self.reason
    }

    fn last_words(&self) -> &[u8] {
        &self.text
    }

    fn reboot(&mut self, bootloader: bool) {
        leave(&self.words, ResetReason::Requested);
        tell(format_args!(
            "{}",
            if bootloader { "bootloader" } else { "reboot" }
        ));
        std::process::exit(REBOOT);
    }

    fn feed_watchdog(&mut self) {
        watchdog::feed();
    }
}
