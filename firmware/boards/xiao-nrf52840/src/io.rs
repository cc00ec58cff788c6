//! Motor, button, cell, lamp, reset and watchdog.

use cortex_m::peripheral::SCB;
use embassy_nrf::gpio::{Input, Output};
use embassy_nrf::pac;
use embassy_nrf::pac::gpio::vals::Sense;
use embassy_nrf::pac::power::regs::Gpregret;
use embassy_nrf::pwm::{DutyCycle, SimplePwm};
use embassy_nrf::saadc::Saadc;
use embassy_nrf::wdt::WatchdogHandle;
use embassy_time::Timer;
use heapless::Vec;
use unslouch_strap_app::platform::{Board, Button, Lamp, Motor, Power, ResetReason};

use crate::notes::{self, Asked, LAST_WORDS};

/// The motor's transistor on a PWM channel of 1 kHz.
pub struct PwmMotor(pub SimplePwm<'static>);

impl Motor for PwmMotor {
    fn drive(&mut self, strength: u8) {
        let duty = u32::from(self.0.max_duty()) * u32::from(strength.min(100)) / 100;
        // inverted: high while the counter is below the value
        self.0.set_duty(0, DutyCycle::inverted(duty as u16));
        if strength == 0 {
            self.0.disable(); // the line idles low, and the clock may stop
        } else {
            self.0.enable();
        }
    }
}

/// A button from the pin to ground.
pub struct PinButton {
    /// Its pin, pulled up.
    pub pin: Input<'static>,
    /// What was told last.
    pub pressed: bool,
}

impl Button for PinButton {
    async fn changed(&mut self) -> bool {
        loop {
            if self.pressed {
                self.pin.wait_for_high().await;
            } else {
                self.pin.wait_for_low().await;
            }
            // contacts bounce for a few milliseconds
            Timer::after_millis(5).await;
            if self.pin.is_low() != self.pressed {
                self.pressed = !self.pressed;
                return self.pressed;
            }
        }
    }
}

/// Cell and charger.
pub struct Cellular {
    /// The converter, on the middle of the divider, whose foot is always connected (`main`).
    pub adc: Saadc<'static, 1>,
    /// Low while the charger charges.
    pub charge: Input<'static>,
}

/// Full scale of the converter at gain 1/6 and its reference of 0.6 V, mV.
const FULL_SCALE_MV: u32 = 3600;
/// Divider of 1 MOhm over 510 kOhm.
const DIVIDER: (u32, u32) = (1510, 510);
/// Counts of 12 bits.
const COUNTS: u32 = 4096;
/// The button's pin on port 0; its low level also wakes from System OFF.
pub const BUTTON_PIN: usize = 2;
/// The sensor's supply pin on port 1.
const SENSOR_SUPPLY: u32 = 1 << 8;

impl Power for Cellular {
    async fn millivolts(&mut self) -> u16 {
        let mut counts = [0];
        self.adc.sample(&mut counts).await;
        let [counts] = counts.map(|count| count.max(0) as u32);
        let mv = counts * FULL_SCALE_MV / COUNTS * DIVIDER.0 / DIVIDER.1;
        mv as u16
    }

    fn charging(&self) -> bool {
        // full cells are charged no more, but the strap still hangs on its cable
        self.charge.is_low() || pac::POWER.usbregstatus().read().vbusdetect()
    }

    async fn off(&mut self) {
        notes::note(Asked::LowBattery);
        pac::P1.outclr().write(|w| w.0 = SENSOR_SUPPLY);
        pac::P0
            .pin_cnf(BUTTON_PIN)
            .modify(|w| w.set_sense(Sense::Low));
        // the button or the charger's voltage starts it again
        embassy_nrf::power::set_system_off();
        loop {
            cortex_m::asm::wfe();
        }
    }
}

/// The green lamp, on while its pin is low.
pub struct GreenLamp(pub Output<'static>);

impl Lamp for GreenLamp {
    fn light(&mut self, on: bool) {
        self.0.set_level((!on).into());
    }
}

/// Reset and watchdog.
pub struct Xiao {
    /// Why it started.
    pub reason: ResetReason,
    /// What the last panic said.
    pub last_words: Vec<u8, LAST_WORDS>,
    /// The watchdog, which runs from the start.
    pub watchdog: WatchdogHandle,
}

/// What the bootloader reads as "stay, and show the drive".
const STAY_IN_BOOTLOADER: u32 = 0x57;

impl Board for Xiao {
    fn reset_reason(&self) -> ResetReason {
        self.reason
    }

    fn last_words(&self) -> &[u8] {
        &self.last_words
    }

    fn reboot(&mut self, bootloader: bool) {
        notes::note(Asked::Requested);
        if bootloader {
            pac::POWER
                .gpregret()
                .write_value(Gpregret(STAY_IN_BOOTLOADER));
        }
        SCB::sys_reset();
    }

    fn feed_watchdog(&mut self) {
        self.watchdog.pet();
    }
}
