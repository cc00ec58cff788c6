//! The strap application on QEMU's mps2-an386, a Cortex-M4F.
//!
//! UART 0 is H4 to a Bluetooth controller, UART 1 brings samples, UART 2 is the person and tells what the strap does.

#![no_std]
#![no_main]

#[path = "../../xiao-nrf52840/src/calls.rs"]
mod calls;
mod clock;
mod executor;
mod flash;
mod hci;
mod imu;
mod interrupts;
mod machine;
mod uart;
mod world;

use core::pin::pin;

use bt_hci::controller::ExternalController;
use bt_hci_serial::SerialTransport;
use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::Duration;
use static_cell::StaticCell;
use unslouch_strap_app::app::{self, Hardware, Resources};

use crate::flash::{RamFlash, SECTOR};
use crate::imu::UartImu;
use crate::machine::tell;
use crate::uart::{UARTS, Uart};
use crate::world::{Machine, NoLamp, ToldMotor, TypedButton, TypedPower, World};

/// Bytes of flash for settings and bonds, before the log.
const SETTINGS: usize = 16 * SECTOR;
/// Bytes of flash for the log, as on the board.
const LOG: usize = 512 * SECTOR;
/// Static random (its two highest bits are set), least significant byte first.
const ADDRESS: [u8; 6] = [0x01, 0x86, 0x03, 0xA5, 0x2B, 0xC9];

static RESOURCES: StaticCell<Resources> = StaticCell::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::paint_stack();
    clock::start();
    for uart in &UARTS {
        uart.start();
    }
    // after a reset the other ends still send what was meant for the strap before
    executor::block_on(pin!(async {
        UARTS[1]
            .drain(Duration::from_millis(3), Duration::from_millis(300))
            .await;
        hci::meet(&UARTS[0]).await;
    }));
    // SAFETY: two regions side by side, each taken here alone
    let (mut settings, mut log) =
        unsafe { (RamFlash::take(0, SETTINGS), RamFlash::take(SETTINGS, LOG)) };
    if !machine::formatted() {
        settings.blank();
        log.blank();
    }
    let world = World::new();
    let transport = SerialTransport::<NoopRawMutex, &Uart, &Uart>::new(&UARTS[0], &UARTS[0]);
    let hardware = Hardware {
        controller: ExternalController::<_, 10>::new(transport),
        address: ADDRESS,
        imu: UartImu::new(&UARTS[1]),
        settings,
        settings_range: 0..SETTINGS as u32,
        log,
        log_range: 0..LOG as u32,
        motor: ToldMotor(0),
        button: TypedButton(&world),
        power: TypedPower(&world),
        lamp: NoLamp,
        board: Machine {
            reason: machine::reset_reason(),
            last_words: machine::last_words(),
        },
        number: 1,
        name: "qemu-mps2",
    };
    let [a, b, c, d, e, f] = ADDRESS;
    tell(format_args!(
        "ready {f:02X}:{e:02X}:{d:02X}:{c:02X}:{b:02X}:{a:02X}"
    ));
    let strap = pin!(async {
        select(
            app::run(hardware, RESOURCES.init_with(Resources::new)),
            world.listen(),
        )
        .await;
    });
    tell(format_args!("future {}", core::mem::size_of_val(&*strap)));
    executor::block_on(strap);
    // the application ends only when its controller does
    tell(format_args!("no controller"));
    machine::exit(1)
}
