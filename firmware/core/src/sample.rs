//! What the inertial sensor delivers and what may be wrong with it.

/// One reading: the mean over the interval that ends with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImuSample {
    /// Specific force in the sensor's frame, m/s².
    pub acc: [f32; 3],
    /// Rate of turn in the sensor's frame, rad/s.
    pub gyr: [f32; 3],
}
