//! The strap application on the desktop: H4 over TCP, samples from a file or socket, flash in a file.

use std::path::PathBuf;

use bt_hci::controller::ExternalController;
use bt_hci_serial::SerialTransport;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_io_adapters::tokio_1::FromTokio;
use lexopt::prelude::*;
use tokio::net::TcpStream;
use unslouch_strap_app::app::{self, Hardware, Resources};

use crate::clock;
use crate::flash::{FileFlash, SECTOR};
use crate::imu::{CsvImu, HostImu, TcpImu};
use crate::last_words::LastWords;
use crate::lockstep::{self, Counted};
use crate::stimuli::{
    HELP as STIMULI, HostBoard, HostButton, HostLamp, HostMotor, HostPower, World, tell,
};
use crate::watchdog;

const HELP: &str = "\
The unslouch strap as a desktop process: the firmware's application on a Bluetooth controller behind TCP.

Usage: unslouch-strap --hci tcp:HOST:PORT --imu FILE.csv|tcp:HOST:PORT --flash FILE [OPTIONS]

Options:
  --hci tcp:HOST:PORT    H4 transport of a Bluetooth controller
  --imu FILE.csv         samples with the columns t,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z (s, m/s2, rad/s)
  --imu tcp:HOST:PORT    samples as little-endian frames: float64 t, float32 ax ay az gx gy gz
  --flash FILE           flash of the strap, made when new; a kill at any moment is a power cut
  --address AA:BB:..     static random address (default: made from --seed)
  --rate HZ              rate of the samples (default 52)
  --speed N              run the clock N times faster (default 1)
  --clock tcp:HOST:PORT  let the clock stand until it is set from there, step by step (for tests)
  --seed N               for the default address (default 1)
  -h, --help             this text

Standard input takes, a line each: ";

const EXAMPLE: &str = "
Standard output tells, a line each: ready ADDRESS | motor STRENGTH | watchdog | reboot | off.

Example:
  unslouch-strap --hci tcp:127.0.0.1:9000 --imu walk.csv --flash strap.bin --speed 10
";

/// Bytes of flash for settings and bonds, before the last words and the log.
const SETTINGS: usize = 15 * SECTOR;
/// Bytes of flash for the log, as on the board.
const LOG: usize = 512 * SECTOR;

struct Options {
    hci: String,
    imu: String,
    flash: PathBuf,
    address: Option<[u8; 6]>,
    rate: f32,
    speed: f64,
    clock: Option<String>,
    seed: u64,
}

fn parse_address(text: &str) -> Option<[u8; 6]> {
    let parts: Vec<u8> = text
        .split(':')
        .filter_map(|part| u8::from_str_radix(part, 16).ok())
        .collect();
    let mut bytes: [u8; 6] = parts.try_into().ok()?;
    bytes.reverse(); // written most significant byte first
    Some(bytes)
}

/// A static random address of a seed: the two highest bits are set (Core Specification, Vol 6, Part B, 1.3.2.1).
fn seeded_address(seed: u64) -> [u8; 6] {
    let mixed = (seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let [a, b, c, d, e, f, _, _] = (mixed ^ (mixed >> 29)).to_le_bytes();
    [a, b, c, d, e, f | 0xC0]
}

fn options(mut parser: lexopt::Parser) -> Result<Option<Options>, String> {
    let words = |error: lexopt::Error| error.to_string();
    let (mut hci, mut imu, mut flash, mut address) = (None, None, None, None);
    let (mut rate, mut speed, mut seed, mut clock) = (52.0, 1.0, 1, None);
    while let Some(argument) = parser.next().map_err(words)? {
        match argument {
            Long("hci") => hci = Some(parser.value().and_then(|v| v.string()).map_err(words)?),
            Long("imu") => imu = Some(parser.value().and_then(|v| v.string()).map_err(words)?),
            Long("flash") => flash = Some(PathBuf::from(parser.value().map_err(words)?)),
            Long("address") => {
                let text = parser.value().and_then(|v| v.string()).map_err(words)?;
                address = Some(
                    parse_address(&text)
                        .ok_or(format!("--address {text} is not six hexadecimal bytes"))?,
                );
            }
            Long("rate") => rate = parser.value().and_then(|v| v.parse()).map_err(words)?,
            Long("speed") => speed = parser.value().and_then(|v| v.parse()).map_err(words)?,
            Long("clock") => clock = Some(parser.value().and_then(|v| v.string()).map_err(words)?),
            Long("seed") => seed = parser.value().and_then(|v| v.parse()).map_err(words)?,
            Short('h') | Long("help") => {
                print!("{HELP}{STIMULI}.\n{EXAMPLE}");
                return Ok(None);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    if !(20.0..=400.0).contains(&rate) {
        return Err(format!("--rate {rate} is outside 20 to 400"));
    }
    if !(0.01..=1000.0).contains(&speed) {
        return Err(format!("--speed {speed} is outside 0.01 to 1000"));
    }
    let missing = |name: &str| format!("--{name} is missing; `unslouch-strap --help` says more");
    Ok(Some(Options {
        hci: hci.ok_or_else(|| missing("hci"))?,
        imu: imu.ok_or_else(|| missing("imu"))?,
        flash: flash.ok_or_else(|| missing("flash"))?,
        address,
        rate,
        speed,
        clock,
        seed,
    }))
}

/// Run until the controller goes, the samples' sender goes, or the strap restarts.
pub fn run(parser: lexopt::Parser) -> Result<(), String> {
    let Some(options) = options(parser)? else {
        return Ok(());
    };
    match options.clock {
        Some(_) => clock::start_stepped(),
        None => clock::start(options.speed),
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| format!("no event loop: {error}"))?
        .block_on(lockstep::watched(serve(options)))
}

async fn serve(options: Options) -> Result<(), String> {
    if let Some(clock) = &options.clock {
        let other = TcpStream::connect(clock.strip_prefix("tcp:").unwrap_or(clock))
            .await
            .and_then(|other| other.set_nodelay(true).map(|()| other))
            .map_err(|error| format!("no clock at {clock}: {error}"))?;
        tokio::spawn(lockstep::obey(other));
    }
    let hci = options
        .hci
        .strip_prefix("tcp:")
        .ok_or("--hci must begin with tcp:")?;
    let stream = TcpStream::connect(hci)
        .await
        .map_err(|error| format!("no controller at {hci}: {error}"))?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    let (reader, writer) = stream.into_split();
    let transport = SerialTransport::<NoopRawMutex, _, _>::new(
        Counted(FromTokio::new(reader)),
        Counted(FromTokio::new(writer)),
    );
    let controller = ExternalController::<_, 10>::new(transport);
    let imu = match options.imu.strip_prefix("tcp:") {
        Some(address) => HostImu::Tcp(
            TcpImu::connect(address, options.rate)
                .await
                .map_err(|error| format!("no samples at {address}: {error}"))?,
        ),
        None => HostImu::Csv(CsvImu::open(options.imu.as_ref(), options.rate)?),
    };
    let open = |start, length| {
        FileFlash::open(&options.flash, start, length).map_err(|error| {
            format!(
                "{} cannot be used as flash: {error}",
                options.flash.display()
            )
        })
    };
    let settings = open(0, SETTINGS)?;
    let log = open((SETTINGS + SECTOR) as u64, LOG)?;
    let words = LastWords::new(&options.flash, SETTINGS as u64);
    let (reason, text) = words
        .take()
        .map_err(|error| format!("{}: {error}", options.flash.display()))?;
    words.catch_panics();
    let runs = options.clock.is_none().then_some(options.speed);
    watchdog::start(words.clone(), runs);
    let address = options
        .address
        .unwrap_or_else(|| seeded_address(options.seed));
    let world = World::new();
    let hardware = Hardware {
        controller,
        address,
        imu,
        settings,
        settings_range: 0..SETTINGS as u32,
        log,
        log_range: 0..LOG as u32,
        motor: HostMotor(0),
        button: HostButton(world.clone()),
        power: HostPower(world.clone(), words.clone()),
        lamp: HostLamp,
        board: HostBoard {
            reason,
            text,
            words,
        },
        number: 0,
        name: "host",
    };
    let shown: Vec<String> = address
        .iter()
        .rev()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    tell(format_args!("ready {}", shown.join(":")));
    let mut resources = Box::new(Resources::new());
    tokio::select! {
        () = app::run(hardware, &mut resources) => Err(format!("the controller at {hci} went away")),
        () = world.listen() => Ok(()),
    }
}
