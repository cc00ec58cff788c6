//! `unslouch-strap fuse`: the strap's fusion on raw frames.

use std::io::{self, Read, Write};

use lexopt::prelude::*;
use unslouch_strap_core::fusion::{Filter, Parameters};
use unslouch_strap_core::vector::Vec3;

const HELP: &str = "\
Orientation from raw frames, by the fusion that runs in the strap.

Usage: unslouch-strap fuse --rate HZ [OPTIONS] < FRAMES > ORIENTATIONS

Reads little-endian float32 frames ax ay az gx gy gz (m/s2, rad/s; means over the sample's interval) and writes one
little-endian float32 frame w x y z for each (sensor to world, z up, heading arbitrary), as they come.

Options:
      --rate HZ             sample rate, 10 to 1000
      --bias X,Y,Z          gyroscope bias to start from, deg/s [default: 0,0,0]
  -h, --help                this text

Examples:
  unslouch-strap fuse --rate 52 < walk.f32 > walk.quat
  unslouch-strap fuse --rate 104 --bias 0.4,-0.2,0.1 < reps.f32 > reps.quat
";

struct Options {
    rate_hz: f32,
    bias: [f32; 3],
}

fn parse(mut parser: lexopt::Parser) -> Result<Option<Options>, String> {
    let text = |e: lexopt::Error| e.to_string();
    let (mut rate_hz, mut bias) = (None, [0.0; 3]);
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
                bias = three(&value).ok_or_else(|| {
                    format!("--bias {value}: three numbers X,Y,Z in deg/s are needed")
                })?;
            }
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let rate_hz = rate_hz.ok_or("--rate HZ is needed")?;
    Ok(Some(Options { rate_hz, bias }))
}

fn three(text: &str) -> Option<[f32; 3]> {
    let mut out = [0.0; 3];
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
    match stream(&options, &mut io::stdin().lock(), &mut io::stdout().lock()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| e.to_string()),
    }
}

const FRAME: usize = 24;

fn stream(options: &Options, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let dt = 1.0 / options.rate_hz;
    let mut filter: Option<Filter<f32>> = None;
    let mut buffer = vec![0u8; 2048 * FRAME];
    let mut held = 0;
    let mut out = Vec::with_capacity(2048 * 16);
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
            let x: Vec<f32> = frame
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            let acc = Vec3::new(x[0], x[1], x[2]);
            let gyr = Vec3::new(x[3], x[4], x[5]);
            let d = core::f32::consts::PI / 180.0;
            let gyr = gyr - Vec3::from_f32(options.bias).scale(d);
            let f = filter.get_or_insert_with(|| {
                Filter::new(&Parameters::default(), options.rate_hz, acc, gyr)
            });
            f.push(acc, gyr, dt);
            for c in f.attitude().to_array() {
                out.extend_from_slice(&c.to_le_bytes());
            }
        }
        output.write_all(&out)?;
        output.flush()?;
        buffer.copy_within(whole..held, 0);
        held -= whole;
    }
    if held > 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the input ends {held} bytes into a frame of 24"),
        ));
    }
    Ok(())
}
