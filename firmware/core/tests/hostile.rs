//! Properties for any input whatever: parsers, the fusion and the gate take what comes and stay sane.

use proptest::prelude::*;
use unslouch_strap_core::fusion::{Faults, Fusion, Limits, Parameters};
use unslouch_strap_core::gate::{GateEvent, GateSample, PostureGate};
use unslouch_strap_core::quaternion::Quaternion;
use unslouch_strap_core::sample::ImuSample;
use unslouch_strap_core::vector::Vec3;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::control::{self, Gate, Mount};
use unslouch_strap_core::wire::event::{EventRecord, TimeRecord};
use unslouch_strap_core::wire::log::{Builder, Header, Record, SAMPLES_MAX};
use unslouch_strap_core::wire::orientation::{decode14, decode15, encode14, encode15};
use unslouch_strap_core::wire::stream::parse_header;

fn unit() -> impl Strategy<Value = [f32; 4]> {
    prop::array::uniform4(-1.0f32..1.0)
        .prop_filter("not zero", |q| q.iter().map(|c| c * c).sum::<f32>() > 1e-3)
        .prop_map(|q| {
            let n = q.iter().map(|c| c * c).sum::<f32>().sqrt();
            q.map(|c| c / n)
        })
}

/// Angle between two orientations, deg, well conditioned near zero.
fn apart(a: [f32; 4], b: [f32; 4]) -> f64 {
    let (a, b) = (a.map(f64::from), b.map(f64::from));
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let sign = dot.signum();
    let chord: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - sign * b).powi(2))
        .sum::<f64>()
        .sqrt();
    (4.0 * (0.5 * chord).min(1.0).asin()).to_degrees()
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![8 => -20.0f32..20.0, 1 => any::<f32>(), 1 => Just(f32::NAN)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn smallest_three_is_as_exact_as_promised(q in unit()) {
        prop_assert!(apart(decode15(encode15(q)).expect("a quaternion"), q) < 0.0087);
        prop_assert!(apart(decode14(encode14(q)).expect("a quaternion"), q) < 0.0173);
    }

    #[test]
    fn any_six_bytes_are_a_unit_quaternion_or_none(bytes in any::<[u8; 6]>()) {
        if let Some(q) = decode15(bytes) {
            prop_assert!((q.iter().map(|c| c * c).sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(apart(decode15(encode15(q)).expect("again"), q) < 0.0087);
        }
    }

    #[test]
    fn any_numbers_are_encoded_into_something_that_decodes(q in prop::array::uniform4(number())) {
        let _ = decode15(encode15(q));
        let _ = decode14(encode14(q));
    }

    #[test]
    fn parsers_take_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..260)) {
        let _ = control::parse(&bytes);
        let _ = parse_header(&bytes);
        let _ = EventRecord::parse(&bytes);
        let _ = TimeRecord::parse(&bytes);
        let _ = SensorCalibration::parse(&bytes);
        if let Ok(record) = Record::parse(&bytes) {
            prop_assert!((1..=SAMPLES_MAX).contains(&record.n));
            for j in 0..=record.n {
                prop_assert!(j < record.n || record.orientation(j).is_none());
            }
            prop_assert!(record.last_seq() >= record.header.seq);
        }
    }

    #[test]
    fn log_records_come_back(qs in prop::collection::vec(unit(), 1..=SAMPLES_MAX), id: u32, boot: u16, seq in 0u32..1 << 31, t in 0u64..1 << 47, step in 1u8..=255) {
        let header = Header { flags: 8, step, id: 0, boot, seq, t, dt: 9615 };
        let mut builder = Builder::new(header);
        for q in &qs {
            prop_assert!(builder.push(*q));
        }
        let record = Record::parse(builder.finish(id)).expect("a record");
        prop_assert_eq!(record.header, Header { id, ..header });
        prop_assert_eq!(record.n, qs.len());
        for (j, q) in qs.iter().enumerate() {
            prop_assert!(apart(record.orientation(j).expect("a quaternion"), *q) < 0.0173);
        }
    }
}

proptest! {
    // hundreds of samples a case
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_fusion_stays_a_rotation_whatever_comes(
        samples in prop::collection::vec((prop::array::uniform3(number()), prop::array::uniform3(number()), prop_oneof![9 => 0.005f32..0.05, 1 => number()]), 1..400),
        rate in prop_oneof![Just(26.0f32), Just(52.0), Just(208.0), any::<f32>()],
    ) {
        let mut fusion = Fusion::<f32>::new(Parameters::default(), Limits::default(), rate);
        for (acc, gyr, dt) in samples {
            let out = fusion.push(&ImuSample { acc, gyr }, dt);
            let finite = acc.iter().chain(&gyr).all(|x| x.is_finite());
            prop_assert!(finite || out.faults.has(Faults::NOT_FINITE) || out.faults.has(Faults::TIME));
            prop_assert!((out.attitude.norm2() - 1.0).abs() < 1e-3, "{:?}", out.attitude);
        }
    }

    #[test]
    fn the_gate_takes_anything_and_cues_no_more_often_than_it_may(
        samples in prop::collection::vec((prop_oneof![9 => 10_000u64..60_000, 1 => 0u64..20_000_000], prop::array::uniform4(number()), prop::array::uniform3(number()), any::<u8>()), 1..600),
        enable in 0u8..16, dwell in 10u16..60, quiet in 0u16..10, forward: bool, mount in unit(),
    ) {
        let gate = Gate { enable, angles: [1200, 700, 1000, 700, 800, 300], dwell, quiet };
        let mut posture = PostureGate::new(&gate, &Mount { forward, valid: true, mount, neutral: [1.0, 0.0, 0.0, 0.0] });
        let (mut t_us, mut last) = (0u64, None::<u64>);
        for (step, [w, x, y, z], acc, flags) in samples {
            t_us += step;
            let sample = GateSample { t_us, attitude: Quaternion { w, x, y, z }, acc: Vec3::from_f32(acc), flags };
            if let Some(GateEvent::Cue { .. }) = posture.push(&sample).event {
                prop_assert!(enable & 7 != 0);
                let least = u64::from(dwell.max(quiet * 10)) * 100_000;
                if let Some(last) = last {
                    prop_assert!(t_us - last + 40_000 >= u64::from(quiet) * 1_000_000);
                }
                prop_assert!(t_us >= least.min(u64::from(dwell) * 100_000));
                last = Some(t_us);
            }
        }
    }
}
