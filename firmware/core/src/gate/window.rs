//! Building blocks of the gate: running means in whole numbers, which cannot drift over weeks; hysteresis; debouncing.

/// Mean of the last `N` values.
#[derive(Clone, Copy, Debug)]
pub struct RunningMean<const N: usize> {
    values: [i32; N],
    at: usize,
    filled: usize,
    sum: i64,
}

impl<const N: usize> RunningMean<N> {
    /// No values yet: the mean is of as many as there are.
    pub const EMPTY: Self = Self {
        values: [0; N],
        at: 0,
        filled: 0,
        sum: 0,
    };
    /// As if zeros had gone before.
    pub const ZEROS: Self = Self {
        values: [0; N],
        at: 0,
        filled: N,
        sum: 0,
    };

    /// Takes a value, returns the mean in the same unit.
    pub fn push(&mut self, value: i32) -> f32 {
        if let Some(oldest) = self.values.get_mut(self.at) {
            self.sum += i64::from(value) - i64::from(*oldest);
            *oldest = value;
        }
        self.at = (self.at + 1) % N.max(1);
        self.filled = (self.filled + 1).min(N);
        self.sum as f32 / self.filled.max(1) as f32
    }
}

/// The value of `N` ago; before there is one, the first.
#[derive(Clone, Copy, Debug)]
pub struct Delay<const N: usize> {
    values: Option<[f32; N]>,
    at: usize,
}

impl<const N: usize> Delay<N> {
    /// Nothing seen yet.
    pub const EMPTY: Self = Self {
        values: None,
        at: 0,
    };

    /// Takes a value, returns the one of `N` ago.
    pub fn push(&mut self, value: f32) -> f32 {
        let values = self.values.get_or_insert([value; N]);
        let Some(place) = values.get_mut(self.at) else {
            return value;
        };
        self.at = (self.at + 1) % N.max(1);
        core::mem::replace(place, value)
    }
}

/// Hysteresis: on at `enter`, off at `leave` (which wins), otherwise as before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schmitt(pub(super) bool);

impl Schmitt {
    /// The state after this point.
    pub fn push(&mut self, enter: bool, leave: bool) -> bool {
        self.0 = !leave && (enter || self.0);
        self.0
    }
}

/// A code is taken over once it has lasted for its own number of points.
#[derive(Clone, Copy, Debug)]
pub struct Debounce<const N: usize> {
    lasts: [u32; N],
    code: usize,
    run: u32,
    out: usize,
}

impl<const N: usize> Debounce<N> {
    /// Begins with code 0; code `i` has to last `lasts[i]` points.
    pub const fn new(lasts: [u32; N]) -> Self {
        Self {
            lasts,
            code: 0,
            run: 0,
            out: 0,
        }
    }

    /// The code in force after this point.
    pub fn push(&mut self, code: usize) -> usize {
        self.run = if code == self.code {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.code = code;
        if self.lasts.get(code).is_some_and(|lasts| self.run >= *lasts) {
            self.out = code;
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_means_forget_exactly() {
        let mut zeros = RunningMean::<4>::ZEROS;
        let mut empty = RunningMean::<4>::EMPTY;
        assert_eq!((zeros.push(8), empty.push(8)), (2.0, 8.0));
        for k in 0..100_000 {
            zeros.push(k * 7919 % 10_007);
        }
        for _ in 0..4 {
            zeros.push(3);
        }
        assert_eq!(zeros.push(3), 3.0);
    }

    #[test]
    fn delays_repeat_the_first_value() {
        let mut delay = Delay::<2>::EMPTY;
        assert_eq!(
            [1.0, 2.0, 3.0, 4.0].map(|x| delay.push(x)),
            [1.0, 1.0, 1.0, 2.0]
        );
    }

    #[test]
    fn a_code_has_to_last() {
        let mut debounce = Debounce::new([1, 3]);
        let codes = [0, 1, 1, 0, 1, 1, 1, 0];
        assert_eq!(codes.map(|c| debounce.push(c)), [0, 0, 0, 0, 0, 0, 1, 0]);
        let mut schmitt = Schmitt::default();
        let said = [(true, false), (false, false), (true, true), (false, false)];
        assert_eq!(
            said.map(|(e, l)| schmitt.push(e, l)),
            [true, true, false, false]
        );
    }
}
