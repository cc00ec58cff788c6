//! Smallest-three quaternions (section 4.5): 15 bits a component in the stream, 14 in the log.

use core::f32::consts::SQRT_2;

/// Largest code of the stream's 15 bits.
pub const M15: u16 = 16_383;
/// Largest code of the log's 14 bits.
pub const M14: u16 = 8_191;
/// Largest sum of squared codes at which the left-out component can still be the largest.
const BOUND15: u32 = 402_640_000;
const BOUND14: u32 = 100_657_000;

fn smallest_three(q: [f32; 4], m: u16, bits: u32) -> u64 {
    let mut largest = 0;
    for (i, c) in q.iter().enumerate() {
        if libm::fabsf(*c) > libm::fabsf(q[largest]) {
            largest = i;
        }
    }
    let sign = if q[largest] < 0.0 { -1.0 } else { 1.0 };
    let limit = f32::from(m);
    let mut packed = 0;
    let mut shift = 0;
    for (i, c) in q.iter().enumerate() {
        if i != largest {
            let code = libm::roundf(sign * c * SQRT_2 * limit).clamp(-limit, limit);
            // NaN casts to 0, which is the code of zero: a packet is well-formed whatever the filter did
            packed |= ((code as i32 + i32::from(m) + 1) as u64) << shift;
            shift += bits;
        }
    }
    packed | (largest as u64) << shift
}

fn unpack(packed: u64, m: u16, bits: u32, bound: u32) -> Option<[f32; 4]> {
    let largest = (packed >> (3 * bits)) as usize & 3;
    let mut codes = [0i32; 3];
    let mut sum = 0u32;
    for (i, code) in codes.iter_mut().enumerate() {
        let stored = (packed >> (i as u32 * bits)) as i32 & ((1 << bits) - 1);
        if stored == 0 {
            return None;
        }
        *code = stored - i32::from(m) - 1;
        sum += (*code * *code) as u32;
    }
    if sum > bound {
        return None;
    }
    let scale = f32::from(m) * SQRT_2;
    // the greatest code would be the root of twice m squared: whole numbers lose nothing where the component is small
    let whole = 2 * u32::from(m) * u32::from(m);
    let mut q = [0.0; 4];
    let mut rest = codes.iter();
    for (i, c) in q.iter_mut().enumerate() {
        *c = if i == largest {
            libm::sqrtf(whole.saturating_sub(sum) as f32 / whole as f32)
        } else {
            *rest.next()? as f32 / scale
        };
    }
    Some(q)
}

/// Six bytes of the stream for a unit quaternion w x y z.
pub fn encode15(q: [f32; 4]) -> [u8; 6] {
    let [a, b, c, d, e, f, _, _] = smallest_three(q, M15, 15).to_le_bytes();
    [a, b, c, d, e, f]
}

/// The quaternion of six bytes; None when they hold none.
pub fn decode15(bytes: [u8; 6]) -> Option<[f32; 4]> {
    let [a, b, c, d, e, f] = bytes;
    unpack(
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
        M15,
        15,
        BOUND15,
    )
}

/// 44 bits of the log.
pub fn encode14(q: [f32; 4]) -> u64 {
    smallest_three(q, M14, 14)
}

/// The quaternion of 44 bits; None when they hold none.
pub fn decode14(packed: u64) -> Option<[f32; 4]> {
    unpack(packed & ((1 << 44) - 1), M14, 14, BOUND14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_components_is_left_out_and_made_positive() {
        let q = [-0.5; 4];
        let decoded = decode15(encode15(q)).expect("a quaternion");
        assert!(decoded.iter().all(|c| (c - 0.5).abs() < 1e-4));
        assert_eq!(encode15(q)[5] >> 5, 0);
    }

    #[test]
    fn garbage_is_no_quaternion() {
        assert_eq!(decode15([0; 6]), None);
        assert_eq!(decode15([0xFF; 6]), None);
        assert_eq!(decode14(0), None);
    }
}
