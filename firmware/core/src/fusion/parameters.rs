//! What the filter assumes about the sensor and the wearer.

const D: f32 = core::f32::consts::PI / 180.0;

/// The filter's assumptions. The defaults are argued in `docs/fusion.md`; none is fitted to a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Acceleration of free fall, m/s².
    pub gravity: f32,
    /// Duration of a filter step, s. Rounded to whole samples.
    pub step: f32,
    /// How far the integrated velocity of a body that stays where it is strays from zero, as white noise, m/s·√s.
    pub velocity_noise: f32,
    /// Random walk of the tilt at rest, rad/√s.
    pub tilt_walk: f32,
    /// Random walk of the tilt per √ of the angle turned, rad/√rad: what is left of misalignment and timing.
    pub tilt_walk_turning: f32,
    /// Random walk of the bias at rest, rad/s/√s.
    pub bias_walk: f32,
    /// Random walk of the bias per rad/s of rate: rad/s/√s per rad/s.
    pub bias_walk_turning: f32,
    /// Random walk of the heading of a worn strap against zero, rad/√s.
    pub heading_walk: f32,
    /// Uncertainties at the start.
    pub start: Start,
    /// How still a table is, and how quiet a seated person.
    pub rest: RestParameters,
    /// Noise of the mean rate of a sensor lying still, rad/s for one second.
    pub still_rate_noise: f32,
    /// Rate that a still sensor may show beyond the bias's own uncertainty before it counts as a slow turn, rad/s.
    pub still_gate: f32,
    /// Turn of a "still" sensor beyond which a constant rate is bias after all, rad: nobody turns that far that evenly.
    pub still_patience: f32,
    /// How far a quiet seated person's heading wanders about its mean, rad.
    pub worn_heading: f32,
    /// When a velocity that does not return to zero means walking, and when a bias that has jumped.
    pub surprise: SurpriseParameters,
}

/// Standard deviations at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// Horizontal velocity, m/s.
    pub velocity: f32,
    /// Tilt after an alignment with an accelerometer that shows just gravity, rad.
    pub tilt: f32,
    /// Gyroscope bias, rad/s, one per axis; from the stored calibration if there is one.
    pub bias: [f32; 3],
    /// Gyroscope scale, relative.
    pub scale: f32,
    /// Share of the scale's variance that is common to the axes: they have one die, one drive and one temperature.
    pub common_scale: f32,
    /// Gyroscope misalignment, rad.
    pub misalignment: f32,
}

/// Limits of the rest detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestParameters {
    /// Time constant of the running means of rate and acceleration, s.
    pub mean_time: f32,
    /// Largest deviation of the rate from its running mean while quiet, rad/s.
    pub quiet_rate: f32,
    /// Largest deviation of the acceleration from its running mean while quiet, m/s².
    pub quiet_acceleration: f32,
    /// How long that must last, s.
    pub quiet_time: f32,
    /// Time constant of the running variances, s.
    pub variance_time: f32,
    /// Standard deviation of the rate below which the sensor lies on something firm, rad/s.
    pub still_rate: f32,
    /// The same for the acceleration, m/s².
    pub still_acceleration: f32,
}

/// Limits of the watch over the innovations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurpriseParameters {
    /// Time constant of the running mean of the normalised innovations, s.
    pub mean_time: f32,
    /// Length of that mean, in its own standard deviations, that is a surprise.
    pub threshold: f32,
    /// Time constant with which the directions of surprises are forgotten, s.
    pub direction_time: f32,
    /// Length of the sum of their unit vectors, in the sensor's frame, from which they speak of a bias.
    pub agreement: f32,
    /// Standard deviation of a bias's jump, rad/s.
    pub bias_jump: f32,
    /// Standard deviation of a velocity nothing is known of, m/s: somebody walking.
    pub velocity: f32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            gravity: 9.806_65,
            step: 0.155,
            velocity_noise: 0.31,
            tilt_walk: 0.1 * D,
            tilt_walk_turning: 0.12 * D,
            bias_walk: 0.002 * D,
            bias_walk_turning: 5e-5,
            heading_walk: 0.01 * D,
            start: Start {
                velocity: 0.3,
                tilt: 5.0 * D,
                bias: [3.0 * D; 3],
                scale: 0.0035,
                common_scale: 0.6,
                misalignment: 0.0017,
            },
            rest: RestParameters {
                mean_time: 0.5,
                quiet_rate: 2.0 * D,
                quiet_acceleration: 0.5,
                quiet_time: 1.5,
                variance_time: 1.0,
                still_rate: 0.2 * D,
                still_acceleration: 0.1,
            },
            still_rate_noise: 0.01 * D,
            still_gate: 0.1 * D,
            still_patience: 120.0 * D,
            worn_heading: 0.5 * D,
            surprise: SurpriseParameters {
                mean_time: 2.0,
                threshold: 2.6,
                direction_time: 6.0,
                agreement: 1.7,
                bias_jump: 0.5 * D,
                velocity: 1.0,
            },
        }
    }
}
