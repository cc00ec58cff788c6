//! The strap as an application, generic over its hardware.
//!
//! A board gives its hardware to [`app::run`] and polls one future; everything else is here, and runs unchanged on the
//! board, on an emulated Cortex-M4F and in a desktop process. `docs/protocol.md` says what goes over the radio.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod advertise;
pub mod app;
pub mod bonds;
pub mod button;
pub mod calibrated;
pub mod connection;
pub mod control;
pub mod estimator;
pub mod gatt;
pub mod guard;
pub mod logger;
pub mod measuring;
pub mod motor;
pub mod pairing;
pub mod platform;
pub mod posture;
pub mod power;
pub mod ring;
pub mod sampler;
pub mod settings;
pub mod state;
pub mod status;
pub mod stream;
pub mod transfer;
pub mod worn;
