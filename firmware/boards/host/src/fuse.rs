//! `unslouch-strap fuse`: the strap's fusion on raw frames.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use lexopt::prelude::*;
use unslouch_strap_core::calibration::Corrector;
use unslouch_strap_core::fusion::{Faults, Fusion, Limits, Parameters};
use unslouch_strap_core::real::Real;
use unslouch_strap_core::sample::ImuSample;
use unslouch_strap_core::wire::calibration::SensorCalibration;

const HELP: &str = "\
Orientation from raw frames, by the fusion that runs in the strap.

Usage: unslouch-strap fuse --rate HZ [OPTIONS] < FRAMES > ORIENTATIONS

Reads little-endian float32 frames ax ay az gx gy gz (m/s2, rad/s; means over the sample's interval) and writes one
little-endian float32 frame w x y z for each (sensor to world, z up, heading arbitrary), as they come. A frame that is
not finite or at the end of the sensor's range is not integrated: the orientation holds, and a line on standard error
says at the end how many there were. Ctrl-C ends it.

Options:
      --rate HZ             sample rate, 10 to 1000
      --bias X,Y,Z          gyroscope bias known beforehand, rad/s
      --calibration FILE    calibration of the sensor as the strap stores and sends it (100 bytes; docs/protocol.md,
                            section 8): bias with its uncertainty, gyroscope matrix, accelerometer offset and scale
      --range DPS,G         range of the sensor, deg/s and g: readings at its end are not used [default: 2000,16]
      --float64             compute with 64 bits: what the strap's 32 cost
  -h, --help                this text

Examples:
  unslouch-strap fuse --rate 52 < walk.f32 > walk.quat
  unslouch-strap fuse --rate 104 --bias 0.007,-0.004,0.002 --range 1000,8 < reps.f32 > reps.quat
";

struct Options {
    rate_hz: f32,
    calibration: SensorCalibration,
    limits: Limits,
    wide: bool,
}

/// A given bias may be from another day and another temperature, rad/s.
const GIVEN_BIAS_SD: f32 = 0.005;

fn parse(mut parser: lexopt::Parser) -> Result<Option<Options>, String> {
    let text = |e: lexopt::Error| e.to_string();
    let (mut rate_hz, mut bias, mut path) = (None, None, None);
    let (mut limits, mut wide) = (Limits::default(), false);
    while let Some(arg) = parser.next().map_err(text)? {
        match arg {
            Long("rate") => {
                let value = parser
                    .value()
                    .and_then(|v| v.parse::<f32>())
                    .map_err(text)?;
                if !(10.0..=1000.0).contains(&value) {
                    return Err(format!(
                        "--rate {value}: a rate between 10 and 1000 Hz is needed"
                    ));
                }
                rate_hz = Some(value);
            }
            Long("bias") => {
                let value = parser.value().and_then(|v| v.string()).map_err(text)?;
                let given = numbers::<3>(&value).filter(|b| b.iter().all(|x| x.abs() <= 0.35));
                bias = Some(given.ok_or_else(|| {
                    format!("--bias {value}: three numbers X,Y,Z in rad/s, at most 0.35 each, are needed")
                })?);
            }
            Long("range") => {
                let value = parser.value().and_then(|v| v.string()).map_err(text)?;
                let given = numbers::<2>(&value).filter(|r| r.iter().all(|x| *x > 0.0));
                let [dps, g] = given.ok_or_else(|| {
                    format!("--range {value}: two positive numbers DPS,G are needed, as 1000,8")
                })?;
                // sensors reach a little beyond their nominal range, none stops short of it
                limits = Limits {
                    rate: dps.to_radians() * 0.9995,
                    force: g * 9.806_65 * 0.9995,
                };
            }
            Long("calibration") => path = Some(PathBuf::from(parser.value().map_err(text)?)),
            Long("float64") => wide = true,
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let rate_hz = rate_hz.ok_or("--rate HZ is needed")?;
    let mut calibration = match path {
        None => SensorCalibration::default(),
        Some(path) => {
            let bytes =
                fs::read(&path).map_err(|e| format!("--calibration {}: {e}", path.display()))?;
            SensorCalibration::parse(&bytes).map_err(|fault| {
                format!(
                    "--calibration {}: no calibration of a strap ({fault:?})",
                    path.display()
                )
            })?
        }
    };
    if let Some(bias) = bias {
        calibration.bias = bias;
        calibration.bias_sd = [GIVEN_BIAS_SD; 3];
    }
    Ok(Some(Options {
        rate_hz,
        calibration,
        limits,
        wide,
    }))
}

fn numbers<const N: usize>(text: &str) -> Option<[f32; N]> {
    let mut out = [0.0; N];
    let mut parts = text.split(',');
    for x in &mut out {
        *x = parts
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|v: &f32| v.is_finite())?;
    }
    parts.next().is_none().then_some(out)
}

/// Runs the command.
pub fn run(parser: lexopt::Parser) -> Result<(), String> {
    let Some(options) = parse(parser)? else {
        return Ok(());
    };
    let mut counts = Counts::default();
    let run = if options.wide {
        stream::<f64>
    } else {
        stream::<f32>
    };
    let result = run(
        &options,
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
        &mut counts,
    );
    counts.tell();
    match result {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| e.to_string()),
    }
}

/// How many frames had what fault.
#[derive(Default)]
struct Counts([u64; 5]);

const TOLD: [(Faults, &str); 5] = [
    (Faults::NOT_FINITE, "not finite"),
    (Faults::RATE_SATURATED, "gyroscope at the end of its range"),
    (
        Faults::FORCE_SATURATED,
        "accelerometer at the end of its range",
    ),
    (Faults::STUCK, "sensor stuck"),
    (Faults::NOT_ALIGNED, "no gravity seen yet"),
];

impl Counts {
    fn add(&mut self, faults: Faults) {
        for (count, (fault, _)) in self.0.iter_mut().zip(TOLD) {
            *count += u64::from(faults.has(fault));
        }
    }

    fn tell(&self) {
        for (count, (_, why)) in self.0.iter().zip(TOLD) {
            if *count > 0 {
                eprintln!("unslouch-strap fuse: {count} frames not integrated: {why}");
            }
        }
    }
}

const FRAME: usize = 24;
const BATCH: usize = 2048;

fn stream<R: Real>(
    options: &Options,
    input: &mut dyn Read,
    output: &mut dyn Write,
    counts: &mut Counts,
) -> io::Result<()> {
    let dt = 1.0 / options.rate_hz;
    let corrector = Corrector::new(&options.calibration);
    let parameters = corrector.parameters(Parameters::default());
    let mut fusion = Fusion::<R>::new(parameters, options.limits, options.rate_hz);
    let mut buffer = vec![0u8; BATCH * FRAME];
    let mut held = 0;
    let mut out = Vec::with_capacity(BATCH * 16);
    loop {
        let n = match input.read(&mut buffer[held..]) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        held += n;
        let whole = held - held % FRAME;
        out.clear();
        for frame in buffer[..whole].chunks_exact(FRAME) {
            let mut raw = [0.0; 6];
            for (x, bytes) in raw.iter_mut().zip(frame.chunks_exact(4)) {
                *x = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            let [ax, ay, az, gx, gy, gz] = raw;
            let sample = corrector.correct(&ImuSample {
                acc: [ax, ay, az],
                gyr: [gx, gy, gz],
            });
            let fused = fusion.push(&sample, dt);
            counts.add(fused.faults);
            for c in fused.attitude.to_array() {
                out.extend_from_slice(&(c.to_f64() as f32).to_le_bytes());
            }
        }
        output.write_all(&out)?;
        output.flush()?;
        buffer.copy_within(whole..held, 0);
        held -= whole;
    }
    if held > 0 {
        let message = format!("the input ends {held} bytes into a frame of {FRAME}");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(())
}
