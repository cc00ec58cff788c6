//! What the strap computes: orientation, calibration, posture, wire format and log.
//!
//! No heap, no Bluetooth, no `unsafe`: everything here runs unchanged on the board, on an emulated Cortex-M4F and in a
//! desktop process. Units are SI (s, m/s², rad, rad/s) unless a name says otherwise; quaternions are w x y z, Hamilton,
//! sensor to world, with the world's z up.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod calibration;
pub mod fusion;
pub mod gate;
pub mod log;
pub mod quaternion;
pub mod real;
pub mod sample;
pub mod vector;
pub mod wire;
