//! `unslouch-strap gate`: the strap's posture gate on fused samples.

use std::io::{self, Read, Write};

use lexopt::prelude::*;
use unslouch_strap_core::gate::{Activity, Direction, GateEvent, GateSample, PostureGate};
use unslouch_strap_core::quaternion::Quaternion;
use unslouch_strap_core::vector::Vec3;
use unslouch_strap_core::wire::control::{Gate, Mount};

const HELP: &str = "\
What the strap would have buzzed for, by the posture gate that runs in it.

Usage: unslouch-strap gate [OPTIONS] < SAMPLES

Reads little-endian float64 frames t w x y z ax ay az flags (s; orientation sensor to world; m/s2; flags as in
docs/protocol.md, section 4.1) and writes a line for each cue, its end, and each change of activity, as they come:
    12.340 cue flexion
    20.100 ended 7
    31.000 activity walking

Options:
      --mount W,X,Y,Z     rotation from sensor to thorax at neutral [default: 1,0,0,0]
      --tilt-only         forward is not known: judge the tilt by the thresholds of flexion
      --angles A,B,C,D,E,F  enter and leave of flexion, extension, lean, deg [default: 12,7,12,7,12,7]
      --dwell S           how long a slouch must last, s [default: 15]
      --quiet S           least time between cues, s [default: 60]
      --enable BITS       directions judged: 1 flexion, 2 extension, 4 lean [default: 7]
  -h, --help              this text

Example:
  unslouch-strap gate --mount 0.707,0,0.707,0 --dwell 30 < day.f64
";

struct Options {
    gate: Gate,
    mount: Mount,
}

fn numbers<const N: usize>(value: &str, what: &str) -> Result<[f32; N], String> {
    let parts: Result<Vec<f32>, _> = value.split(',').map(|x| x.trim().parse()).collect();
    parts
        .ok()
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| format!("{what} {value}: {N} numbers are needed"))
}

fn parse(mut parser: lexopt::Parser) -> Result<Option<Options>, String> {
    let text = |e: lexopt::Error| e.to_string();
    let identity = [1.0, 0.0, 0.0, 0.0];
    let mut options = Options {
        gate: Gate {
            enable: 7,
            angles: [1200, 700, 1200, 700, 1200, 700],
            dwell: 150,
            quiet: 60,
        },
        mount: Mount {
            forward: true,
            valid: true,
            mount: identity,
            neutral: identity,
        },
    };
    while let Some(arg) = parser.next().map_err(text)? {
        match arg {
            Long("tilt-only") => options.mount.forward = false,
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            Long(name) => {
                let name = name.to_owned();
                let value = parser.value().and_then(|v| v.string()).map_err(text)?;
                let one = || numbers::<1>(&value, &name).map(|[x]| x);
                match name.as_str() {
                    "mount" => options.mount.mount = numbers(&value, &name)?,
                    "angles" => {
                        options.gate.angles =
                            numbers::<6>(&value, &name)?.map(|x| (x * 100.0).round() as u16)
                    }
                    "dwell" => options.gate.dwell = (one()? * 10.0).round() as u16,
                    "quiet" => options.gate.quiet = one()?.round() as u16,
                    "enable" => options.gate.enable = one()? as u8,
                    _ => return Err(format!("invalid option '--{name}'")),
                }
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    if !options.gate.is_valid() {
        return Err(
            "thresholds: 2 <= leave < enter <= 90 deg, dwell 1 to 600 s, quiet 0 to 7200 s, enable 0 to 15".into(),
        );
    }
    Ok(Some(options))
}

/// Runs the command.
pub fn run(parser: lexopt::Parser) -> Result<(), String> {
    let Some(options) = parse(parser)? else {
        return Ok(());
    };
    match stream(&options, &mut io::stdin().lock(), &mut io::stdout().lock()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| e.to_string()),
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Unknown => "unknown",
        Direction::Flexion => "flexion",
        Direction::Extension => "extension",
        Direction::LeanLeft => "lean_left",
        Direction::LeanRight => "lean_right",
    }
}

fn doing(activity: Activity) -> &'static str {
    match activity {
        Activity::Upright => "upright",
        Activity::Walking => "walking",
        Activity::Lying => "lying",
        Activity::OffBody => "off_body",
        Activity::Unknown => "unknown",
    }
}

const FRAME: usize = 72;

fn stream(options: &Options, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut gate = PostureGate::new(&options.gate, &options.mount);
    let mut activity = Activity::Upright;
    let mut buffer = vec![0u8; 1024 * FRAME];
    let mut held = 0;
    loop {
        let n = match input.read(&mut buffer[held..]) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        held += n;
        let whole = held - held % FRAME;
        for frame in buffer[..whole].chunks_exact(FRAME) {
            let mut values = [0.0f64; 9];
            for (x, bytes) in values.iter_mut().zip(frame.chunks_exact(8)) {
                let mut eight = [0; 8];
                eight.copy_from_slice(bytes);
                *x = f64::from_le_bytes(eight);
            }
            let [t, w, x, y, z, ax, ay, az, flags] = values;
            let verdict = gate.push(&GateSample {
                t_us: (t * 1e6).round() as u64,
                attitude: Quaternion {
                    w: w as f32,
                    x: x as f32,
                    y: y as f32,
                    z: z as f32,
                },
                acc: Vec3::new(ax as f32, ay as f32, az as f32),
                flags: flags as u8,
            });
            if verdict.activity != activity {
                activity = verdict.activity;
                writeln!(output, "{t:.3} activity {}", doing(activity))?;
            }
            match verdict.event {
                None => {}
                Some(GateEvent::Cue { direction }) => {
                    writeln!(output, "{t:.3} cue {}", way(direction))?
                }
                Some(GateEvent::CueEnded { seconds }) => {
                    writeln!(output, "{t:.3} ended {seconds}")?
                }
            }
        }
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
