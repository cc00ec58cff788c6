//! Times of the samples in the FIFO, which carry none: the sensor's clock is off by up to some per cent, the moment at
//! which the FIFO is read is late by what else the processor did. A loop follows the earliest moments.

//!
//! Whole nanoseconds: the processor has no float64, and float32 does not hold a day.

/// Loop gain on the time of the newest sample, one part in.
const GAIN: i64 = 20;
/// Loop gain on the period, one part in.
const PERIOD_GAIN: i64 = 500;
/// The sensor's clock is within this part of nominal, % (data sheet: some per cent over temperature).
const TOLERANCE: i64 = 8;

/// The loop.
#[derive(Clone, Copy, Debug)]
pub struct Stamps {
    nominal_ns: i64,
    period_ns: i64,
    last_ns: Option<i64>,
}

impl Stamps {
    /// At a nominal rate, Hz.
    pub fn new(rate_hz: f32) -> Self {
        // some ten million: exact to one
        let nominal_ns = i64::from((1e9 / rate_hz) as i32);
        Self {
            nominal_ns,
            period_ns: nominal_ns,
            last_ns: None,
        }
    }

    /// Forget the time of the sample before (a start, an overrun); the period is kept.
    pub fn restart(&mut self) {
        self.last_ns = None;
    }

    /// Time of the first of `frames` samples, ns, when `frames + left` were found in the FIFO at `now_us`; the others
    /// follow evenly up to [`Self::newest_ns`]. Call for every batch, in order.
    pub fn first_ns(&mut self, now_us: u64, frames: usize, left: usize) -> i64 {
        let (n, left) = (frames as i64, left as i64);
        // the newest sample in the FIFO was taken at `now` or up to a period before; the interrupt makes it nearly now
        let seen = now_us as i64 * 1000 - left * self.period_ns;
        let newest = match self.last_ns {
            None => seen,
            Some(last) => {
                let due = last + n * self.period_ns;
                let late = seen - due;
                // a sample cannot come after it was read: that is certain and obeyed at once. One that was read late tells
                // little: at most a period is believed, and slowly
                let pull = if late < 0 {
                    late
                } else {
                    late.min(self.period_ns) / GAIN
                };
                let bent = late.clamp(-self.period_ns, self.period_ns) / PERIOD_GAIN;
                let off = self.nominal_ns * TOLERANCE / 100;
                self.period_ns =
                    (self.period_ns + bent).clamp(self.nominal_ns - off, self.nominal_ns + off);
                // never before the sample before
                (due + pull).max(last + n * self.period_ns / 10)
            }
        };
        let first = match self.last_ns {
            None => newest - (n - 1) * self.period_ns,
            Some(last) => last + (newest - last) / n.max(1),
        };
        self.last_ns = Some(newest);
        first.max(0)
    }

    /// Time of the newest sample that was stamped, ns.
    pub fn newest_ns(&self) -> i64 {
        self.last_ns.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sensor of a true period, read two frames at a time, late by what `late` says; times given and true.
    fn run(period: f64, seconds: f64, late: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        let mut stamps = Stamps::new(52.0);
        let mut out = Vec::new();
        let mut taken = 0usize;
        let mut batch = 0;
        loop {
            let ready = (taken + 2) as f64 * period + late(batch);
            if ready > seconds * 1e6 {
                return out;
            }
            let there = (ready / period) as usize;
            let n = there - taken;
            let first = stamps.first_ns(ready as u64, n, 0) as f64 / 1000.0;
            let step = if n > 1 {
                (stamps.newest_ns() as f64 / 1000.0 - first) / (n - 1) as f64
            } else {
                0.0
            };
            out.extend((0..n).map(|k| (first + k as f64 * step, (taken + k + 1) as f64 * period)));
            taken = there;
            batch += 1;
        }
    }

    #[test]
    fn follows_a_clock_that_is_three_per_cent_off() {
        for period in [1e6 / 50.5, 1e6 / 53.5] {
            let times = run(period, 60.0, |batch| {
                300.0 + 500.0 * ((batch * 7919) % 13) as f64 / 13.0
            });
            for (given, truth) in &times[times.len() / 2..] {
                assert!((given - truth).abs() < 1500.0, "{given} {truth}");
            }
        }
    }

    #[test]
    fn a_key_pair_that_blocks_for_a_quarter_of_a_second_hardly_shows() {
        let period = 1e6 / 52.6;
        let times = run(
            period,
            60.0,
            |batch| if batch == 1000 { 240_000.0 } else { 300.0 },
        );
        for (given, truth) in &times[times.len() / 2..] {
            assert!((given - truth).abs() < 3000.0, "{given} {truth}");
        }
    }

    #[test]
    fn time_increases_strictly() {
        let times = run(1e6 / 52.0, 30.0, |batch| {
            ((batch * 7919) % 31) as f64 * 2000.0
        });
        assert!(times.windows(2).all(|pair| pair[1].0 > pair[0].0));
    }
}
