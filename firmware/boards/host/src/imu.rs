//! The inertial sensor of the desktop process: a CSV file or a TCP stream, at its own time stamps.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::Ordering;

use embassy_time::{Instant, Timer, with_timeout};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use unslouch_strap_app::platform::{ACC_LSB, GYR_LSB, Imu, ImuFault, ImuFrame, SIGN_OF_LIFE};

use crate::{lockstep, watchdog};

/// Bytes of a frame over TCP: float64 t (s), then float32 ax ay az gx gy gz (m/s², rad/s), little-endian.
pub const TCP_FRAME: usize = 8 + 6 * 4;

/// Where frames come from.
pub enum HostImu {
    /// A file, played at its time stamps.
    Csv(CsvImu),
    /// A socket, whose sender keeps the pace.
    Tcp(TcpImu),
}

fn counts(value: f64, lsb: f32) -> i16 {
    // NaN becomes 0 here; the reader refuses it before
    (value / f64::from(lsb)).round().clamp(-32_768.0, 32_767.0) as i16
}

/// Turns times of the file into times of this boot, and notes gaps.
struct Stamps {
    period: f64,
    first: Option<f64>,
    start_us: u64,
    last: f64,
}

impl Stamps {
    fn new(rate_hz: f32) -> Self {
        Self {
            period: 1.0 / f64::from(rate_hz),
            first: None,
            start_us: 0,
            last: 0.0,
        }
    }

    fn frame(&mut self, t: f64, acc: [f64; 3], gyr: [f64; 3]) -> Option<ImuFrame> {
        let first = *self.first.get_or_insert_with(|| {
            self.start_us = Instant::now().as_micros();
            t
        });
        let lost_before = t != first && t - self.last > 1.5 * self.period;
        if t != first && t <= self.last {
            return None; // a sensor's clock never goes back; such a row is not from one
        }
        self.last = t;
        Some(ImuFrame {
            t_us: self.start_us + ((t - first + self.period) * 1e6).round() as u64,
            acc: acc.map(|a| counts(a, ACC_LSB)),
            gyr: gyr.map(|w| counts(w, GYR_LSB)),
            lost_before,
        })
    }
}

/// Frames of a CSV file with the columns t, acc_x .. gyr_z.
pub struct CsvImu {
    lines: std::io::Lines<BufReader<File>>,
    columns: [usize; 7],
    line: usize,
    stamps: Stamps,
    rate_hz: f32,
    next: Option<ImuFrame>,
}

const COLUMNS: [&str; 7] = ["t", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"];

impl CsvImu {
    /// Open `path` and read its header.
    pub fn open(path: &Path, rate_hz: f32) -> Result<Self, String> {
        let shown = path.display();
        let file =
            File::open(path).map_err(|error| format!("{shown} cannot be opened: {error}."))?;
        let mut lines = BufReader::new(file).lines();
        let header = match lines.next() {
            Some(Ok(line)) => line,
            _ => {
                return Err(format!(
                    "{shown} has no header line; expected {}.",
                    COLUMNS.join(",")
                ));
            }
        };
        let names: Vec<&str> = header.trim().split(',').map(str::trim).collect();
        let mut columns = [0; 7];
        for (at, wanted) in columns.iter_mut().zip(COLUMNS) {
            *at = names
                .iter()
                .position(|name| *name == wanted)
                .ok_or_else(|| {
                    format!(
                        "{shown}: line 1 has no column {wanted}; expected {}.",
                        COLUMNS.join(",")
                    )
                })?;
        }
        Ok(Self {
            lines,
            columns,
            line: 1,
            stamps: Stamps::new(rate_hz),
            rate_hz,
            next: None,
        })
    }

    fn frame(&mut self) -> Option<ImuFrame> {
        loop {
            if let Some(frame) = self.next.take() {
                return Some(frame);
            }
            let line = self.lines.next()?.ok()?;
            self.line += 1;
            let cells: Vec<&str> = line.split(',').collect();
            let mut values = [0.0; 7];
            let mut good = true;
            for (value, column) in values.iter_mut().zip(self.columns) {
                match cells
                    .get(column)
                    .and_then(|cell| cell.trim().parse::<f64>().ok())
                {
                    Some(number) if number.is_finite() => *value = number,
                    _ => good = false,
                }
            }
            if !good {
                eprintln!(
                    "line {} is not seven finite numbers; the frame is taken as lost",
                    self.line
                );
                continue;
            }
            let [t, ax, ay, az, gx, gy, gz] = values;
            self.next = self.stamps.frame(t, [ax, ay, az], [gx, gy, gz]);
        }
    }
}

/// Frames from a socket.
pub struct TcpImu {
    stream: TcpStream,
    stamps: Stamps,
    rate_hz: f32,
    buffer: VecDeque<u8>,
}

impl TcpImu {
    /// Connect to `address`.
    pub async fn connect(address: &str, rate_hz: f32) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            stamps: Stamps::new(rate_hz),
            rate_hz,
            buffer: VecDeque::new(),
        })
    }

    fn take(&mut self) -> Option<ImuFrame> {
        while self.buffer.len() >= TCP_FRAME {
            let bytes: Vec<u8> = self.buffer.drain(..TCP_FRAME).collect();
            let t = f64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
            let mut values = [0.0; 6];
            for (value, chunk) in values.iter_mut().zip(bytes[8..].chunks_exact(4)) {
                *value = f64::from(f32::from_le_bytes(chunk.try_into().expect("four bytes")));
            }
            if !t.is_finite() || values.iter().any(|value| !value.is_finite()) {
                continue; // shows as a gap, as a lost frame would
            }
            let [ax, ay, az, gx, gy, gz] = values;
            if let Some(frame) = self.stamps.frame(t, [ax, ay, az], [gx, gy, gz]) {
                return Some(frame);
            }
        }
        None
    }
}

/// Says that the socket is being read, until it is dropped.
struct Wanted;

impl Wanted {
    fn now() -> Self {
        lockstep::IMU_WANTED.store(true, Ordering::Relaxed);
        Wanted
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        lockstep::IMU_WANTED.store(false, Ordering::Relaxed);
    }
}

impl Imu for HostImu {
    fn rate_hz(&self) -> f32 {
        match self {
            HostImu::Csv(imu) => imu.rate_hz,
            HostImu::Tcp(imu) => imu.rate_hz,
        }
    }

    async fn read(&mut self, out: &mut [ImuFrame]) -> Result<usize, ImuFault> {
        if watchdog::SENSOR_HANGS.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let n = self.frames(out).await?;
        if watchdog::STAMPS_HANG.load(Ordering::Relaxed) {
            for frame in &mut out[..n] {
                frame.t_us = 0;
            }
        }
        Ok(n)
    }

    fn temperature(&self) -> f32 {
        25.0
    }

    async fn sleep_until_motion(&mut self) {
        let mut resting: Option<ImuFrame> = None;
        loop {
            let mut frames = [ImuFrame::default()];
            match self.read(&mut frames).await {
                Ok(0) => continue,
                Ok(_) => {}
                Err(_) => return, // the next read tells why
            }
            let [frame] = frames;
            let still = *resting.get_or_insert(frame);
            if moved(&still, &frame) {
                return;
            }
        }
    }
}

impl HostImu {
    async fn frames(&mut self, out: &mut [ImuFrame]) -> Result<usize, ImuFault> {
        match self {
            HostImu::Csv(imu) => {
                let frame = imu.frame().ok_or(ImuFault::End)?;
                let (at, patience) = (
                    Instant::from_micros(frame.t_us),
                    Instant::now() + SIGN_OF_LIFE,
                );
                imu.next = Some(frame);
                Timer::at(at.min(patience)).await;
                if at > patience {
                    return Ok(0);
                }
                imu.next = None;
                out[0] = frame;
                let mut n = 1;
                let now = Instant::now().as_micros();
                while n < out.len() {
                    match imu.frame() {
                        Some(frame) if frame.t_us <= now => {
                            out[n] = frame;
                            n += 1;
                        }
                        later => {
                            imu.next = later;
                            break;
                        }
                    }
                }
                Ok(n)
            }
            HostImu::Tcp(imu) => {
                let mut n = 0;
                loop {
                    while n < out.len() {
                        let Some(frame) = imu.take() else { break };
                        out[n] = frame;
                        n += 1;
                    }
                    if n > 0 {
                        return Ok(n);
                    }
                    let mut bytes = [0; 4096];
                    let wanted = Wanted::now();
                    let count = with_timeout(SIGN_OF_LIFE, imu.stream.read(&mut bytes)).await;
                    drop(wanted);
                    match count {
                        Err(_) => return Ok(0),
                        Ok(Ok(0)) => return Err(ImuFault::End),
                        Ok(Ok(count)) => {
                            lockstep::IMU_IN.fetch_add(count as u64, Ordering::Relaxed);
                            imu.buffer.extend(&bytes[..count]);
                        }
                        Ok(Err(_)) => return Err(ImuFault::Bus),
                    }
                }
            }
        }
    }
}

/// What the sensor's own wake-up takes for motion: 62 mg (LSM6DS3TR-C, WAKE_UP_THS of 1 at 4 g), or 4 deg/s.
fn moved(still: &ImuFrame, now: &ImuFrame) -> bool {
    let beyond = |a: [i16; 3], b: [i16; 3], counts: u16| {
        a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > counts)
    };
    beyond(still.acc, now.acc, 256) || beyond(still.gyr, now.gyr, 115)
}
