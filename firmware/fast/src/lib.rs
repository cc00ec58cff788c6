//! The fusion's update, made here.
//!
//! Code of generic types is made where they are first used, as that crate's profile wants it. The boards' images are made for
//! size, which would more than double what a sample costs; this crate alone is made for speed.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use unslouch_strap_core::fusion::{Fused, Fusion};
use unslouch_strap_core::sample::ImuSample;

/// [`Fusion::push`].
#[inline(never)]
pub fn fuse(fusion: &mut Fusion<f32>, sample: &ImuSample, dt: f32) -> Fused<f32> {
    fusion.push(sample, dt)
}
