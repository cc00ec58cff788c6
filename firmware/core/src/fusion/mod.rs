//! Orientation from gyroscope and accelerometer: an error-state Kalman filter that observes that the wearer stays where
//! they are. `docs/fusion.md` derives it and says what it reaches.

mod block;
mod covariance;
mod filter;
mod guarded;
mod parameters;
mod rest;
mod surprise;

pub use filter::Filter;
pub use guarded::{Faults, Fused, Fusion, Limits};
pub use parameters::{Parameters, RestParameters, Start, SurpriseParameters};
pub use rest::Rest;
