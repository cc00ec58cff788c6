//! The last half minute of samples in RAM, found by their number: what a short outage is filled from.

use unslouch_strap_core::wire::stream::Header;

/// How many samples the ring holds: 32 s at 52 Hz.
pub const LENGTH: usize = 1664;

/// One sample as every profile needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Orientation, packed.
    pub orientation: [u8; 6],
    /// Uncorrected acceleration, counts.
    pub raw_acc: [i16; 3],
    /// Uncorrected angular rate, counts.
    pub raw_gyr: [i16; 3],
    /// Low bits of its time, µs.
    t_low: u32,
    /// Its flags.
    pub flags: u8,
    /// False where the sensor lost it.
    present: bool,
}

impl Slot {
    /// A slot before anything was put there.
    const EMPTY: Self = Self {
        orientation: [0; 6],
        raw_acc: [0; 3],
        raw_gyr: [0; 3],
        t_low: 0,
        flags: 0,
        present: false,
    };

    /// A sample.
    pub fn new(orientation: [u8; 6], raw_acc: [i16; 3], raw_gyr: [i16; 3], flags: u8) -> Self {
        Self {
            orientation,
            raw_acc,
            raw_gyr,
            t_low: 0,
            flags,
            present: true,
        }
    }
}

/// The ring.
pub struct Ring {
    slots: [Slot; LENGTH],
    /// Number of the next sample.
    next: u32,
    /// Number of the oldest sample that may still be there.
    oldest: u32,
    newest_t: u64,
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring {
    /// An empty ring.
    pub const fn new() -> Self {
        Self {
            slots: [Slot::EMPTY; LENGTH],
            next: 0,
            oldest: 0,
            newest_t: 0,
        }
    }

    /// Number of the next sample.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Number of the oldest sample held.
    pub fn oldest(&self) -> u32 {
        self.oldest
    }

    /// Time of the newest sample, µs.
    pub fn newest_t(&self) -> u64 {
        self.newest_t
    }

    fn put(&mut self, slot: Slot) {
        if let Some(place) = self.slots.get_mut(self.next as usize % LENGTH) {
            *place = slot;
        }
        self.next = self.next.saturating_add(1);
        self.oldest = self.oldest.max(self.next.saturating_sub(LENGTH as u32));
    }

    /// Count `n` sample periods of which the samples are lost.
    pub fn skip(&mut self, n: u32) {
        for _ in 0..n.min(LENGTH as u32) {
            self.put(Slot::EMPTY);
        }
        self.next = self.next.saturating_add(n.saturating_sub(LENGTH as u32));
        self.oldest = self.oldest.max(self.next.saturating_sub(LENGTH as u32));
    }

    /// Append a sample taken at `t` µs.
    pub fn push(&mut self, slot: Slot, t: u64) {
        self.newest_t = t;
        self.put(Slot {
            t_low: t as u32,
            ..slot
        });
    }

    /// Sample number `seq` with its time, where it is held and was not lost.
    pub fn get(&self, seq: u32) -> Option<(Slot, u64)> {
        if seq < self.oldest || seq >= self.next {
            return None;
        }
        let slot = *self.slots.get(seq as usize % LENGTH)?;
        // half a minute is far below the 71 minutes after which the low bits come again
        let back = (self.newest_t as u32).wrapping_sub(slot.t_low);
        slot.present
            .then_some((slot, self.newest_t.wrapping_sub(u64::from(back))))
    }

    /// The first sample held from `seq` on.
    pub fn first_from(&self, seq: u32) -> Option<u32> {
        self.first_since(seq, 0)
    }

    /// The first sample held from `seq` on that is no older than `t` µs.
    pub fn first_since(&self, seq: u32, t: u64) -> Option<u32> {
        (seq.max(self.oldest)..self.next)
            .find(|seq| self.get(*seq).is_some_and(|(_, taken)| taken >= t))
    }

    /// The run of samples from `seq` that may share a packet: its header and length, at most `most`.
    ///
    /// A run ends at a hole, a pause or a change of flags. `closed` tells that it ends so, rather than at the newest sample.
    pub fn run(&self, boot: u16, seq: u32, most: usize, period_us: f32) -> Option<Run> {
        let (first, t) = self.get(seq)?;
        let mut n = 1;
        let mut last_t = t;
        let mut closed = false;
        while n < most {
            match self.get(seq.saturating_add(n as u32)) {
                Some((slot, at))
                    if unslouch_strap_core::wire::stream::same_packet(first.flags, slot.flags)
                        && fits(t, at, n, period_us) =>
                {
                    last_t = at;
                    n += 1;
                }
                Some(_) => {
                    closed = true;
                    break;
                }
                None => {
                    closed = seq.saturating_add(n as u32) < self.next;
                    break;
                }
            }
        }
        let steps = (n as u64 - 1).max(1);
        let dt = if n > 1 {
            (last_t - t + steps) / (2 * steps)
        } else {
            (period_us / 2.0) as u64
        };
        let dt = u16::try_from(dt).unwrap_or(u16::MAX).max(1);
        Some(Run {
            header: Header {
                flags: first.flags,
                boot,
                seq,
                t,
                dt,
            },
            n,
            closed: closed || n == most,
        })
    }
}

/// Whether sample `n` at `at` lies where an even pace from `t` puts it, within a fifth of a period.
fn fits(t: u64, at: u64, n: usize, period_us: f32) -> bool {
    let due = n as f32 * period_us;
    let off = at.wrapping_sub(t) as f32 - due;
    // the sensor's own clock is off by up to 5 %, alike for every sample
    off.abs() < 0.2 * period_us + 0.05 * due
}

/// Samples that may share a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Header of the packet.
    pub header: Header,
    /// How many.
    pub n: usize,
    /// No further sample can join.
    pub closed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use unslouch_strap_core::wire::flags;

    const PERIOD: f32 = 1e6 / 52.0;

    fn filled(n: u32) -> Ring {
        let mut ring = Ring::new();
        for i in 0..n {
            ring.push(
                Slot::new([i as u8; 6], [0; 3], [0; 3], 0),
                1000 + (f64::from(i) * f64::from(PERIOD)) as u64,
            );
        }
        ring
    }

    #[test]
    fn finds_by_number_and_forgets_the_oldest() {
        let ring = filled(2000);
        assert_eq!((ring.next(), ring.oldest()), (2000, 2000 - LENGTH as u32));
        assert_eq!(ring.get(335), None);
        let (slot, t) = ring.get(336).expect("held");
        assert_eq!(
            (slot.orientation[0], t),
            (336u32 as u8, 1000 + (336.0 * PERIOD) as u64)
        );
        assert_eq!(ring.get(2000), None);
    }

    #[test]
    fn a_run_ends_at_a_loss_a_pause_and_a_change_of_flags() {
        let mut ring = filled(5);
        ring.skip(3);
        let t = 1000 + (8.0 * PERIOD) as u64;
        ring.push(Slot::new([0; 6], [0; 3], [0; 3], flags::LOST_BEFORE), t);
        ring.push(Slot::new([0; 6], [0; 3], [0; 3], 0), t + PERIOD as u64);
        ring.push(
            Slot::new([0; 6], [0; 3], [0; 3], flags::MOTOR),
            t + 2 * PERIOD as u64,
        );
        ring.push(
            Slot::new([0; 6], [0; 3], [0; 3], flags::MOTOR),
            t + 20 * PERIOD as u64,
        );
        let run = |seq| ring.run(1, seq, 18, PERIOD).map(|run| (run.n, run.closed));
        assert_eq!(run(0), Some((5, true)));
        assert_eq!(run(5), None);
        assert_eq!(ring.first_from(5), Some(8));
        assert_eq!(
            run(8),
            Some((2, true)),
            "the loss is before the first alone"
        );
        assert_eq!(run(10), Some((1, true)), "a pause");
        assert_eq!(run(11), Some((1, false)), "more may come");
        assert_eq!(
            ring.run(1, 0, 2, PERIOD).map(|run| (run.n, run.header.dt)),
            Some((2, 9615))
        );
    }
}
