//! Puts the tasks together.

use core::future::poll_fn;
use core::ops::Range;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use embassy_futures::select::{Either3, select, select3, select4};
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::String;
use static_cell::{ConstStaticCell, StaticCell};
use trouble_host::prelude::*;
use unslouch_strap_core::log::Log;
use unslouch_strap_core::wire::event::Event;

use crate::bonds::{Bonds, SharedBonds, SharedStore};
use crate::connection::{Central, Ended, LinkController};
use crate::gatt::Server;
use crate::guard::Guarded;
use crate::logger::{self, SharedLog};
use crate::platform::{Board, Button, Imu, Lamp, Motor, Power, ResetReason, WATCHDOG};
use crate::ring::Ring;
use crate::settings::{BONDS, Store};
use crate::state::{Settings, Shared};
use crate::{advertise, button, motor, pairing, power, sampler, status};

/// One central at a time.
pub const CONNECTIONS: usize = 1;
/// Signalling, attributes, security.
pub const CHANNELS: usize = 3;
/// What the host needs of RAM; a fifth bond is made before the oldest is dropped.
pub type Resources = HostResources<DefaultPacketPool, CONNECTIONS, CHANNELS, 1, { BONDS + 1 }>;

/// The last samples. One strap runs in a program.
static RING: ConstStaticCell<Ring> = ConstStaticCell::new(Ring::new());
/// What the tasks share.
static SHARED: StaticCell<Shared> = StaticCell::new();
/// The attribute table, and the name it tells.
static SERVER: StaticCell<Server<'static>> = StaticCell::new();
static NAME: StaticCell<String<16>> = StaticCell::new();

/// Everything a board gives.
pub struct Hardware<C, I, S, G, M, B, P, L, R> {
    /// Its Bluetooth controller.
    pub controller: C,
    /// Its address, static random, least significant byte first.
    pub address: [u8; 6],
    /// Its inertial sensor.
    pub imu: I,
    /// Flash of settings and bonds.
    pub settings: S,
    /// The part of it that may be used.
    pub settings_range: Range<u32>,
    /// Flash of the log.
    pub log: G,
    /// The part of it that may be used, whole sectors.
    pub log_range: Range<u32>,
    /// Its motor.
    pub motor: M,
    /// Its button.
    pub button: B,
    /// Its cell and charger.
    pub power: P,
    /// Its lamp.
    pub lamp: L,
    /// Reset and watchdog.
    pub board: R,
    /// Number of the board (docs/protocol.md, section 7).
    pub number: u8,
    /// Name of the board.
    pub name: &'static str,
}

/// Run the strap; returns only where a board cannot start again by itself.
pub async fn run<C, I, S, G, M, B, P, L, R>(
    hardware: Hardware<C, I, S, G, M, B, P, L, R>,
    resources: &mut Resources,
) where
    C: LinkController,
    I: Imu,
    S: NorFlash,
    G: NorFlash,
    M: Motor,
    B: Button,
    P: Power,
    L: Lamp,
    R: Board,
{
    let Hardware {
        controller,
        address,
        mut imu,
        settings,
        settings_range,
        log,
        log_range,
        mut motor,
        mut button,
        mut power,
        mut lamp,
        mut board,
        number,
        name,
    } = hardware;
    let mut store = Store::new(settings, settings_range);
    let boot = store.next_boot().await;
    let kept = store.settings().await;
    let bonds = store.bonds().await;
    if !board.last_words().is_empty() {
        // a store that fails is told by the boot counter's write, just before
        let _ = store.save_panic(board.last_words()).await;
    }
    let panic_text = store.panic().await;
    let shared = share(boot.unwrap_or(0), board.reset_reason(), kept, number);
    shared.with(|state| {
        state.flash_fault = boot.is_err();
        state.panic_waits = !panic_text.is_empty();
    });
    let file: SharedLog<G> = Mutex::new(None);
    {
        let mut opened = pin!(async {
            let opened = Log::open(log, log_range).await;
            shared.with(|state| state.flash_fault |= opened.is_err());
            *file.lock().await = opened.ok();
        });
        poll_fn(|cx| poll_apart(opened.as_mut(), cx)).await;
    }
    let log = &file;
    logger::note(shared, log.lock().await.as_ref());
    let store: SharedStore<S> = Mutex::new(store);

    let stack = host(Guarded::new(controller, shared), resources, address);
    let bonds = Bonds::load(bonds, &stack, shared);
    if bonds.is_empty() {
        pairing::open(shared, pairing::WINDOW);
    }
    let bonds: SharedBonds = Mutex::new(bonds);
    let radio_name: &'static str = NAME.init_with(|| radio_name(&address));
    let Some(server) = table(radio_name) else {
        return; // its size is fixed at compile time: cannot happen
    };
    describe(server, name, &address);
    shared.event(
        Event::Boot,
        u16::from(status::reset_number(board.reset_reason())),
    );

    let mut runner = stack.runner();
    let mut peripheral = stack.peripheral();
    let bootloader = {
        // each is pinned where it is made: a future that is handed on is copied over the stack, whole
        let mut all = pin!(async {
            let radio = pin!(async {
                loop {
                    // the runner ends only with its transport; a board's controller does not, a desktop's socket may
                    if runner.run().await.is_err() {
                        return;
                    }
                }
            });
            let centrals = pin!(async {
                loop {
                    let Ok(connection) =
                        advertise::until_connected(shared, radio_name, &mut peripheral).await
                    else {
                        Timer::after_millis(500).await;
                        continue;
                    };
                    let Ok(conn) = connection.with_attribute_server(server) else {
                        continue;
                    };
                    let central = Central {
                        shared,
                        stack: &stack,
                        server,
                        conn: &conn,
                        store: &store,
                        bonds: &bonds,
                        log,
                        panic_text: &panic_text,
                    };
                    if let Ended::Reboot { bootloader } = central.serve().await {
                        return bootloader;
                    }
                }
            });
            let sensing = pin!(sampler::run(shared, &mut imu));
            let playing = pin!(motor::play(shared, &mut motor));
            let pressing = pin!(button::serve(shared, &mut button));
            let window = pin!(pairing::watch(shared));
            let charge = pin!(power::watch(shared, &mut power));
            let keeping = pin!(keep_settings(shared, &store));
            let showing = pin!(show(shared, &mut lamp));
            let logging = pin!(logger::run(shared, log));
            let watchdog = pin!(async {
                board.feed_watchdog();
                loop {
                    // every task shares this executor: if one blocks it, this is not reached
                    Timer::after(WATCHDOG / 8).await;
                    if shared.all_goes_on() {
                        board.feed_watchdog();
                    }
                }
            });
            // none of them ends
            let housekeeping =
                select4(playing, pressing, window, select3(charge, keeping, showing));
            let work = select4(sensing, housekeeping, logging, watchdog);
            match select3(centrals, select(radio, work), shared.restart.wait()).await {
                Either3::First(bootloader) => Some(bootloader),
                Either3::Second(_) => None,
                Either3::Third(()) => Some(false),
            }
        });
        poll_fn(|cx| poll_apart(all.as_mut(), cx)).await
    };
    let Some(bootloader) = bootloader else {
        return;
    };
    // what is still in RAM goes to flash first
    let _ = with_timeout(Duration::from_secs(2), logger::write_out(shared, log)).await;
    board.reboot(bootloader);
}

/// Polls apart from what awaits it: what a start needs of the stack is not kept for as long as the strap runs.
#[inline(never)]
fn poll_apart<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}

#[inline(never)]
fn share(boot: u16, why: ResetReason, kept: Settings, number: u8) -> &'static Shared {
    SHARED.init_with(|| Shared::new(boot, why, kept, number, RING.take()))
}

#[inline(never)]
fn host<C: LinkController>(
    controller: C,
    resources: &mut Resources,
    address: [u8; 6],
) -> Stack<'_, C, DefaultPacketPool> {
    trouble_host::new(controller, resources)
        .set_random_address(Address::random(address))
        .set_io_capabilities(IoCapabilities::NoInputNoOutput)
        .build()
}

#[inline(never)]
fn table(name: &'static str) -> Option<&'static Server<'static>> {
    let config = GapConfig::Peripheral(PeripheralConfig {
        name,
        appearance: &appearance::sensor::MULTI_SENSOR,
    });
    Server::new_with_config(config)
        .ok()
        .map(|server| &*SERVER.init(server))
}

/// `Unslouch-XXXX`, the last two bytes of the address.
fn radio_name(address: &[u8; 6]) -> String<16> {
    let mut name = String::new();
    // 13 characters fit 16
    let _ = name.push_str("Unslouch-");
    push_hexadecimal(&mut name, address[1]);
    push_hexadecimal(&mut name, address[0]);
    name
}

/// Two digits; the formatters would cost a kilobyte.
fn push_hexadecimal<const N: usize>(text: &mut String<N>, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        let digit = char::from_digit(u32::from(digit), 16).unwrap_or('?');
        // callers have room
        let _ = text.push(digit.to_ascii_uppercase());
    }
}

fn describe(server: &Server<'_>, board: &str, address: &[u8; 6]) {
    let mut serial = String::<12>::new();
    for byte in address.iter().rev() {
        push_hexadecimal(&mut serial, *byte);
    }
    let hardware = String::try_from(board).unwrap_or_default();
    // both fit their attributes
    let _ = server.device.serial.set(server, &serial);
    let _ = server.device.hardware.set(server, &hardware);
}

/// Store settings when they changed.
async fn keep_settings<S: NorFlash>(shared: &Shared, store: &SharedStore<S>) {
    let (mut kept, mut panic_kept) = shared.with(|state| (state.settings, state.panic_waits));
    loop {
        shared.save.wait().await;
        let (settings, panic_waits) = shared.with(|state| (state.settings, state.panic_waits));
        let mut store = store.lock().await;
        let mut saved = store.save(&settings, &kept).await;
        if panic_kept && !panic_waits {
            saved = saved.and(store.save_panic(&[]).await);
        }
        if saved.is_ok() {
            (kept, panic_kept) = (settings, panic_waits);
        }
        shared.with(|state| state.flash_fault |= saved.is_err());
    }
}

/// The lamp's language: fast while pairing is open, a blip every few seconds while worn, on while charging.
async fn show<L: Lamp>(shared: &Shared, lamp: &mut L) {
    loop {
        let (pairing, charging) = shared.with(|state| (state.pairing_open(), state.charging));
        let (on, off) = match (pairing, charging) {
            (true, _) => (100, 200),
            (_, true) => (1000, 0),
            _ => (10, 4990),
        };
        lamp.light(true);
        Timer::after_millis(on).await;
        if off > 0 {
            lamp.light(false);
            Timer::after(Duration::from_millis(off)).await;
        }
    }
}
