//! The filter's covariance: eleven error states in three blocks, propagated and updated without a matrix inverse.
//!
//! `slow` are bias (3) and scale (3), which have no dynamics; `fast` are tilt x, tilt y, heading, velocity x, velocity y.
//! Only lower triangles are stored: the matrix cannot become asymmetric, which over hours would let it diverge.

use crate::real::Real;

/// Number of slow states: bias, scale.
pub const SLOW: usize = 6;
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
    if i >= j { i * (i + 1) / 2 + j } else { j * (j + 1) / 2 + i }
}

/// A column of the covariance, or a gain: one entry per state.
#[derive(Clone, Copy, Debug)]
pub struct Column<R> {
    /// Bias and scale.
    pub slow: [R; SLOW],
    /// Tilt, heading, velocity.
    pub fast: [R; FAST],
}

impl<R: Real> Column<R> {
    /// All zero.
    pub const ZERO: Self = Self { slow: [R::ZERO; SLOW], fast: [R::ZERO; FAST] };

    /// `self += k * o`.
    #[inline(always)]
    pub fn add_scaled(&mut self, o: &Self, k: R) {
        for i in 0..SLOW {
            self.slow[i] += k * o.slow[i];
        }
        for i in 0..FAST {
            self.fast[i] += k * o.fast[i];
        }
    }
}

/// How a filter step carries the error on: rows over the slow states for tilt x, tilt y and heading, and g T.
#[derive(Clone, Copy, Debug)]
pub struct Transition<R> {
    /// d(tilt x, tilt y, heading) / d(bias, scale).
    pub rows: [[R; SLOW]; 3],
    /// Gravity times the duration, m/s.
    pub fall: R,
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

/// Covariance of the eleven error states.
#[derive(Clone, Copy, Debug)]
pub struct Covariance<R> {
    slow: [R; SLOW_SIZE],
    cross: [[R; SLOW]; FAST],
    fast: [R; FAST_SIZE],
}

impl<R: Real> Covariance<R> {
    /// Independent states with the given variances.
    pub fn diagonal(slow: [R; SLOW], fast: [R; FAST]) -> Self {
        let mut p = Self { slow: [R::ZERO; SLOW_SIZE], cross: [[R::ZERO; SLOW]; FAST], fast: [R::ZERO; FAST_SIZE] };
        for i in 0..SLOW {
            p.slow[at(i, i)] = slow[i];
        }
        for i in 0..FAST {
            p.fast[at(i, i)] = fast[i];
        }
        p
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
        let mut c = Column { slow: self.cross[i], fast: [R::ZERO; FAST] };
        for j in 0..FAST {
            c.fast[j] = self.fast[at(i, j)];
        }
        c
    }

    /// The column of a slow state.
    #[inline(always)]
    pub fn slow_column(&self, i: usize) -> Column<R> {
        let mut c = Column::ZERO;
        for j in 0..SLOW {
            c.slow[j] = self.slow[at(i, j)];
        }
        for j in 0..FAST {
            c.fast[j] = self.cross[j][i];
        }
        c
    }

    /// P <- F P Fᵀ + Q.
    #[inline(always)]
    pub fn predict(&mut self, f: &Transition<R>, q: &ProcessNoise<R>) {
        self.predict_velocity(f.fall);
        self.predict_angles(&f.rows);
        let p = &mut self.fast;
        p[at(TILT_X, TILT_X)] += q.tilt;
        p[at(TILT_Y, TILT_Y)] += q.tilt;
        p[at(HEADING, HEADING)] += q.heading;
        for i in 0..3 {
            self.slow[at(i, i)] += q.bias;
        }
    }

    /// v_x += g T θ_y, v_y -= g T θ_x.
    #[inline(always)]
    fn predict_velocity(&mut self, a: R) {
        for j in 0..SLOW {
            self.cross[VELOCITY_X][j] += a * self.cross[TILT_Y][j];
            self.cross[VELOCITY_Y][j] -= a * self.cross[TILT_X][j];
        }
        let p = &mut self.fast;
        let (x_ty, y_tx, y_ty) = (p[at(VELOCITY_X, TILT_Y)], p[at(VELOCITY_Y, TILT_X)], p[at(VELOCITY_Y, TILT_Y)]);
        for j in [TILT_X, TILT_Y, HEADING] {
            p[at(VELOCITY_X, j)] += a * p[at(TILT_Y, j)];
            p[at(VELOCITY_Y, j)] -= a * p[at(TILT_X, j)];
        }
        p[at(VELOCITY_X, VELOCITY_X)] += a * (x_ty + p[at(VELOCITY_X, TILT_Y)]);
        p[at(VELOCITY_Y, VELOCITY_X)] += a * (y_ty - p[at(VELOCITY_X, TILT_X)]);
        p[at(VELOCITY_Y, VELOCITY_Y)] -= a * (y_tx + p[at(VELOCITY_Y, TILT_X)]);
    }

    /// (θ_x, θ_y, ψ) += rows · (b, s).
    #[inline(always)]
    fn predict_angles(&mut self, rows: &[[R; SLOW]; 3]) {
        for r in 0..3 {
            let g = &rows[r];
            for q in [VELOCITY_X, VELOCITY_Y] {
                self.fast[at(q, r)] += dot(g, &self.cross[q]);
            }
        }
        // With C the old cross covariance: P_rq += g_r·C_q + g_q·(C_r + g_r X). Each row of C is renewed when all that
        // need it old are through.
        for r in 0..3 {
            let g = &rows[r];
            let old = self.cross[r];
            for i in 0..SLOW {
                let mut sum = R::ZERO;
                for (j, gj) in g.iter().enumerate() {
                    sum += self.slow[at(i, j)] * *gj;
                }
                self.cross[r][i] += sum;
            }
            self.fast[at(r, r)] += dot(g, &old) + dot(g, &self.cross[r]);
            for q in r + 1..3 {
                self.fast[at(q, r)] += dot(g, &self.cross[q]) + dot(&rows[q], &self.cross[r]);
            }
        }
    }

    /// P <- P - c cᵀ / S: what a scalar measurement with column `c` and inverse innovation variance `1/S` leaves.
    #[inline(always)]
    pub fn downdate(&mut self, c: &Column<R>, inverse: R) {
        let mut k = 0;
        for i in 0..SLOW {
            let gain = c.slow[i] * inverse;
            for j in 0..=i {
                self.slow[k] -= gain * c.slow[j];
                k += 1;
            }
        }
        k = 0;
        for i in 0..FAST {
            let gain = c.fast[i] * inverse;
            for j in 0..SLOW {
                self.cross[i][j] -= gain * c.slow[j];
            }
            for j in 0..=i {
                self.fast[k] -= gain * c.fast[j];
                k += 1;
            }
        }
    }
}

#[inline(always)]
fn dot<R: Real>(a: &[R; SLOW], b: &[R; SLOW]) -> R {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + a[4] * b[4] + a[5] * b[5]
}
