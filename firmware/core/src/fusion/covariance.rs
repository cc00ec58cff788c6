//! The filter's covariance: seventeen error states in three blocks, propagated and updated without a matrix inverse.
//!
//! `slow` are the gyroscope's bias (3) and matrix (9, row by row), which have no dynamics; `fast` are tilt x, tilt y,
//! heading, velocity x, velocity y. Only lower triangles are stored: the matrix cannot become asymmetric, which over
//! hours would let it diverge. Every method is short enough for one sample's share of the processor.

use crate::real::Real;

/// Number of slow states: bias, matrix.
pub const SLOW: usize = 12;
/// Number of slow states that are bias; they come first.
pub const BIAS: usize = 3;
/// Number of fast states: tilt x, tilt y, heading, velocity x, velocity y.
pub const FAST: usize = 5;
/// Fast state: tilt about world x.
pub const TILT_X: usize = 0;
/// Fast state: tilt about world y.
pub const TILT_Y: usize = 1;
/// Fast state: heading of a worn strap.
pub const HEADING: usize = 2;
/// Fast state: velocity along world x.
pub const VELOCITY_X: usize = 3;
/// Fast state: velocity along world y.
pub const VELOCITY_Y: usize = 4;

const SLOW_SIZE: usize = SLOW * (SLOW + 1) / 2;
const FAST_SIZE: usize = FAST * (FAST + 1) / 2;

/// Place of (i, j) in a packed lower triangle.
#[inline(always)]
const fn at(i: usize, j: usize) -> usize {
    if i >= j {
        i * (i + 1) / 2 + j
    } else {
        j * (j + 1) / 2 + i
    }
}

/// `take` for each row of a packed lower triangle.
macro_rules! triangle {
    ($p:expr, $gain:expr, $c:expr, $($i:literal)*) => {
        $(take::<R, { $i + 1 }>(&mut $p[at($i, 0)..], $gain[$i], &$c);)*
    };
}

/// `C_r += g P_slow` for each entry of the row.
macro_rules! add_columns {
    ($row:expr, $g:expr, $p:expr, $($i:literal)*) => {
        $($row[$i] = add_column::<R, $i, N>($row[$i], $g, &$p);)*
    };
}

/// A column of the covariance, or a gain: one entry per state.
#[derive(Clone, Copy, Debug)]
pub struct Column<R> {
    /// Bias and matrix.
    pub slow: [R; SLOW],
    /// Tilt, heading, velocity.
    pub fast: [R; FAST],
}

impl<R: Real> Column<R> {
    /// All zero.
    pub const ZERO: Self = Self {
        slow: [R::ZERO; SLOW],
        fast: [R::ZERO; FAST],
    };

    /// `k * self`.
    #[inline(always)]
    pub fn scaled(&self, k: R) -> Self {
        Self {
            slow: self.slow.map(|x| k * x),
            fast: self.fast.map(|x| k * x),
        }
    }

    /// `a * self + b * o`.
    #[inline(always)]
    pub fn combined(&self, a: R, o: &Self, b: R) -> Self {
        let mut sum = Self::ZERO;
        for i in 0..SLOW {
            sum.slow[i] = a * self.slow[i] + b * o.slow[i];
        }
        for i in 0..FAST {
            sum.fast[i] = a * self.fast[i] + b * o.fast[i];
        }
        sum
    }
}

/// What a filter step adds to the variances.
#[derive(Clone, Copy, Debug)]
pub struct ProcessNoise<R> {
    /// To each tilt, rad².
    pub tilt: R,
    /// To each bias, (rad/s)².
    pub bias: R,
    /// To the heading, rad².
    pub heading: R,
}

/// Covariance of the error states.
#[derive(Clone, Copy, Debug)]
pub struct Covariance<R> {
    slow: [R; SLOW_SIZE],
    cross: [[R; SLOW]; FAST],
    fast: [R; FAST_SIZE],
}

impl<R: Real> Covariance<R> {
    /// Independent states with the given variances.
    pub fn diagonal(slow: [R; SLOW], fast: [R; FAST]) -> Self {
        let mut p = Self {
            slow: [R::ZERO; SLOW_SIZE],
            cross: [[R::ZERO; SLOW]; FAST],
            fast: [R::ZERO; FAST_SIZE],
        };
        for (i, variance) in slow.into_iter().enumerate() {
            p.slow[at(i, i)] = variance;
        }
        for (i, variance) in fast.into_iter().enumerate() {
            p.fast[at(i, i)] = variance;
        }
        p
    }

    /// Gives two slow states a covariance.
    pub fn correlate_slow(&mut self, i: usize, j: usize, covariance: R) {
        self.slow[at(i, j)] = covariance;
    }

    /// Variance of a slow state.
    #[inline(always)]
    pub fn slow_variance(&self, i: usize) -> R {
        self.slow[at(i, i)]
    }

    /// Variance of a fast state.
    #[inline(always)]
    pub fn fast_variance(&self, i: usize) -> R {
        self.fast[at(i, i)]
    }

    /// Adds to the variance of a slow state.
    #[inline(always)]
    pub fn widen_slow(&mut self, i: usize, by: R) {
        self.slow[at(i, i)] += by;
    }

    /// Adds to the variance of a fast state.
    #[inline(always)]
    pub fn widen_fast(&mut self, i: usize, by: R) {
        self.fast[at(i, i)] += by;
    }

    /// Forgets what a fast state had to do with the others and gives it a new variance.
    pub fn reset_fast(&mut self, i: usize, variance: R) {
        self.cross[i] = [R::ZERO; SLOW];
        for j in 0..FAST {
            self.fast[at(i, j)] = R::ZERO;
        }
        self.fast[at(i, i)] = variance;
    }

    /// The column of a fast state.
    #[inline(always)]
    pub fn fast_column(&self, i: usize) -> Column<R> {
        let mut c = Column {
            slow: self.cross[i],
            fast: [R::ZERO; FAST],
        };
        for j in 0..FAST {
            c.fast[j] = self.fast[at(i, j)];
        }
        c
    }

    /// The column of a bias, `i` below `BIAS`.
    #[inline(always)]
    pub fn bias_column(&self, i: usize) -> Column<R> {
        let i = i % BIAS;
        let mut c = Column::ZERO;
        for j in 0..BIAS {
            c.slow[j] = self.slow[at(i, j)];
        }
        // in these rows the place is an offset
        for j in BIAS..SLOW {
            c.slow[j] = self.slow[at(j, 0) + i];
        }
        for j in 0..FAST {
            c.fast[j] = self.cross[j][i];
        }
        c
    }

    /// P <- P + Q.
    #[inline(always)]
    pub fn add(&mut self, q: &ProcessNoise<R>) {
        self.widen_fast(TILT_X, q.tilt);
        self.widen_fast(TILT_Y, q.tilt);
        self.widen_fast(HEADING, q.heading);
        for i in 0..BIAS {
            self.widen_slow(i, q.bias);
        }
    }

    /// v_x += a θ_y, v_y -= a θ_x: a tilted gravity makes velocity. `a` is the vertical velocity a free body would gain.
    #[inline(always)]
    pub fn predict_velocity(&mut self, a: R) {
        for j in 0..SLOW {
            self.cross[VELOCITY_X][j] += a * self.cross[TILT_Y][j];
            self.cross[VELOCITY_Y][j] -= a * self.cross[TILT_X][j];
        }
        let p = &mut self.fast;
        let (x_ty, y_tx, y_ty) = (
            p[at(VELOCITY_X, TILT_Y)],
            p[at(VELOCITY_Y, TILT_X)],
            p[at(VELOCITY_Y, TILT_Y)],
        );
        for j in [TILT_X, TILT_Y, HEADING] {
            p[at(VELOCITY_X, j)] += a * p[at(TILT_Y, j)];
            p[at(VELOCITY_Y, j)] -= a * p[at(TILT_X, j)];
        }
        p[at(VELOCITY_X, VELOCITY_X)] += a * (x_ty + p[at(VELOCITY_X, TILT_Y)]);
        p[at(VELOCITY_Y, VELOCITY_X)] += a * (y_ty - p[at(VELOCITY_X, TILT_X)]);
        p[at(VELOCITY_Y, VELOCITY_Y)] -= a * (y_tx + p[at(VELOCITY_Y, TILT_X)]);
    }

    /// The part of `predict_angle` that the velocities' columns need: P_rv += g · C_v. Once for each angle, before it.
    #[inline(always)]
    pub fn couple_velocity<const N: usize>(&mut self, r: usize, g: &[R; N]) {
        for v in [VELOCITY_X, VELOCITY_Y] {
            self.fast[at(v, r)] += dot(g, &self.cross[v]);
        }
    }

    /// Angle `r` (tilt x, tilt y or heading) += g · slow states, of which only the first `N` count.
    ///
    /// With C_r the row of cross covariances: C_r += g P_slow, P_rq += g · C_q, P_rr += g · (C_r old + C_r new).
    #[inline(never)]
    pub fn predict_angle<const N: usize>(&mut self, r: usize, g: &[R; N]) {
        for q in [TILT_X, TILT_Y, HEADING] {
            if q != r {
                self.fast[at(r, q)] += dot(g, &self.cross[q]);
            }
        }
        let before = dot(g, &self.cross[r]);
        let row = &mut self.cross[r];
        add_columns!(row, g, self.slow, 0 1 2 3 4 5 6 7 8 9 10 11);
        self.fast[at(r, r)] += before + dot(g, &self.cross[r]);
    }

    /// P <- P - c cᵀ / S: what a scalar measurement with column `c` and inverse innovation variance `1/S` leaves.
    #[inline(never)]
    pub fn downdate(&mut self, c: &Column<R>, inverse: R) {
        let slow_gain = c.slow.map(|x| x * inverse);
        let fast_gain = c.fast.map(|x| x * inverse);
        for (row, gain) in self.cross.iter_mut().zip(fast_gain) {
            take::<R, SLOW>(row, gain, &c.slow);
        }
        triangle!(self.slow, slow_gain, c.slow, 0 1 2 3 4 5 6 7 8 9 10 11);
        triangle!(self.fast, fast_gain, c.fast, 0 1 2 3 4);
    }
}

/// The first `N` of `row` -= gain * c. A length known to the compiler is a loop it unrolls: a third of the instructions.
#[inline(always)]
fn take<R: Real, const N: usize>(row: &mut [R], gain: R, c: &[R]) {
    for (cell, x) in row[..N].iter_mut().zip(&c[..N]) {
        *cell -= gain * *x;
    }
}

#[inline(always)]
fn dot<R: Real, const N: usize>(g: &[R; N], row: &[R; SLOW]) -> R {
    let mut sum = R::ZERO;
    for (a, b) in g.iter().zip(row) {
        sum += *a * *b;
    }
    sum
}

/// `sum` + the first `N` entries of column `I` of a packed lower triangle times `g`.
#[inline(always)]
fn add_column<R: Real, const I: usize, const N: usize>(
    mut sum: R,
    g: &[R; N],
    p: &[R; SLOW_SIZE],
) -> R {
    for (j, gj) in g.iter().enumerate() {
        sum += p[at(I, j)] * *gj;
    }
    sum
}
