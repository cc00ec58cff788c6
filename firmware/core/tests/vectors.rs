//! The bytes of `docs/protocol.md`, held to the vectors that the companion is held to (`tests/vectors`).

use std::fs;
use std::path::Path;

use serde_json::Value;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::control::{self, Answer};
use unslouch_strap_core::wire::log::Record;
use unslouch_strap_core::wire::orientation::{decode14, decode15, encode14, encode15};
use unslouch_strap_core::wire::stream::{Profile, parse_header};
use unslouch_strap_core::wire::{Fault, flags};

fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} is a list"))
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex");
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex"))
        .collect()
}

fn quat(value: &Value) -> [f32; 4] {
    std::array::from_fn(|i| value[i].as_f64().expect("a number") as f32)
}

fn close(a: [f32; 4], b: [f32; 4]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-6)
}

fn six(packed: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, _, _] = packed.to_le_bytes();
    [a, b, c, d, e, f]
}

#[test]
fn quaternions() {
    let all = vectors("quaternion.json");
    let tolerance = all["encode_tolerance_codes"].as_u64().expect("a number");
    for case in list(&all, "cases") {
        // the strap encodes what its filter has: unit quaternions
        let given = quat(&case["quat"]);
        let length = given.iter().map(|c| c * c).sum::<f32>().sqrt();
        let q = given.map(|c| c / length);
        for (bits, packed) in [
            (
                15u32,
                u64::from_le_bytes([&encode15(q)[..], &[0, 0]].concat().try_into().expect("8")),
            ),
            (14, encode14(q)),
        ] {
            let truth = &case[format!("bits{bits}")];
            let wanted = truth["packed"].as_u64().expect("a number");
            let code = |packed: u64, i: u32| (packed >> (i * bits)) & ((1 << bits) - 1);
            assert_eq!(packed >> (3 * bits), wanted >> (3 * bits), "{case}");
            assert!(
                (0..3).all(|i| code(packed, i).abs_diff(code(wanted, i)) <= tolerance),
                "{case}"
            );
            let decoded = if bits == 15 {
                decode15(six(wanted))
            } else {
                decode14(wanted)
            };
            assert!(
                close(decoded.expect("a quaternion"), quat(&truth["decoded"])),
                "{case}"
            );
        }
    }
    for (key, valid) in [("invalid", false), ("valid_edge", true)] {
        for case in list(&all, key) {
            let packed = case["packed"].as_u64().expect("a number");
            let decoded = if case["bits"] == 15 {
                decode15(six(packed))
            } else {
                decode14(packed)
            };
            assert_eq!(decoded.is_some(), valid, "{case}");
        }
    }
}

#[test]
fn stream_headers() {
    let all = vectors("stream.json");
    let mut read = 0;
    for case in list(&all, "cases") {
        let samples = case["samples"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let [packet] = &list(case, "packets")[..] else {
            continue;
        };
        let packet = hex(packet);
        let Ok((profile, header, n)) = parse_header(&packet) else {
            continue;
        };
        let [first, ..] = samples else { continue };
        assert_eq!(n, samples.len(), "{case}");
        assert_eq!(u64::from(header.boot), first["boot"], "{case}");
        assert_eq!(u64::from(header.seq), first["seq"], "{case}");
        assert_eq!(
            header.t,
            first["t_us"].as_u64().expect("a number"),
            "{case}"
        );
        assert_eq!(
            u64::from(header.flags & !flags::RESENT),
            first["flags"],
            "{case}"
        );
        if let Some(second) = samples.get(1) {
            assert_eq!(
                header.t + 2 * u64::from(header.dt),
                second["t_us"].as_u64().expect("a number"),
                "{case}"
            );
        }
        if matches!(profile, Profile::Fused | Profile::FusedGyro) {
            let bytes = packet[16..22].try_into().expect("six");
            assert!(
                close(decode15(bytes).expect("a quaternion"), quat(&first["quat"])),
                "{case}"
            );
        }
        read += 1;
    }
    assert!(read >= 5, "{read}");
}

#[test]
fn log_records() {
    let all = vectors("log.json");
    let mut read = 0;
    for case in list(&all, "cases") {
        let samples = case["samples"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let [fragment] = &list(case, "packets")[..] else {
            continue;
        };
        let fragment = hex(fragment);
        // a record in one fragment: last, index 0
        let Some((&[0x80, _, _], record)) = fragment.split_first_chunk::<3>() else {
            continue;
        };
        let Ok(record) = Record::parse(record) else {
            continue;
        };
        assert_eq!(record.n, samples.len(), "{case}");
        for (j, sample) in samples.iter().enumerate() {
            let seq = u64::from(record.header.seq) + j as u64 * u64::from(record.header.step);
            assert_eq!(seq, sample["seq"].as_u64().expect("a number"), "{case}");
            assert!(
                close(
                    record.orientation(j).expect("a quaternion"),
                    quat(&sample["quat"])
                ),
                "{case}"
            );
        }
        read += 1;
    }
    assert!(read >= 3, "{read}");
}

#[test]
fn control_requests() {
    let all = vectors("control.json");
    for case in list(&all, "requests") {
        let bytes = hex(&case["hex"]);
        let (op, tag, request) = control::parse(&bytes);
        assert!(request.is_ok(), "{case}");
        assert_eq!([op, tag], bytes[..2], "{case}");
    }
    for case in list(&all, "refused") {
        let (op, tag, request) = control::parse(&hex(&case["hex"]));
        let status = request.expect_err(&case.to_string());
        assert_eq!(
            Answer::new(op, tag, status).bytes(),
            hex(&case["answer"]),
            "{case}"
        );
    }
}

#[test]
fn calibrations() {
    let all = vectors("status.json");
    for case in list(&all, "calibration") {
        let bytes = hex(&case["hex"]);
        let calibration = SensorCalibration::parse(&bytes).expect("a calibration");
        assert_eq!(calibration.encode()[..], bytes);
        let bias = case["values"]["gyro_bias"].as_array().expect("three");
        assert!(
            calibration
                .bias
                .iter()
                .zip(bias)
                .all(|(b, v)| (f64::from(*b) - v.as_f64().expect("a number")).abs() < 1e-7)
        );
    }
    for case in list(&all, "calibration_errors") {
        let fault = SensorCalibration::parse(&hex(&case["hex"])).expect_err(&case.to_string());
        let name = match fault {
            Fault::WrongLength => "wrong_length",
            Fault::BadValue => "bad_value",
            _ => continue,
        };
        assert_eq!(case["error"], name, "{case}");
    }
}
