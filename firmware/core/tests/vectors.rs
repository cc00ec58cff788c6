//! Orientations, control, status and calibration of `docs/protocol.md`, held to the vectors that the companion is held to.

mod shared;

use shared::{Object, close, hex, vectors};
use unslouch_strap_core::wire::bytes::Writer;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::control::{
    self, Answer, Gate, Pattern, Request, Status as Answered,
};
use unslouch_strap_core::wire::orientation::{decode14, decode15, encode14, encode15};
use unslouch_strap_core::wire::status::Status;
use unslouch_strap_core::wire::stream::Profile;
use unslouch_strap_core::wire::{Fault, VERSION};

fn six(packed: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, _, _] = packed.to_le_bytes();
    [a, b, c, d, e, f]
}

fn decode(bits: u64, packed: u64) -> Option<[f32; 4]> {
    match bits {
        15 => decode15(six(packed)),
        14 => decode14(packed),
        other => panic!("{other} bits"),
    }
}

fn encode(bits: u64, q: [f32; 4]) -> u64 {
    match bits {
        15 => u64::from_le_bytes([&encode15(q)[..], &[0; 2]].concat().try_into().expect("8")),
        _ => encode14(q),
    }
}

#[test]
fn quaternions() {
    let all = vectors("quaternion.json");
    // the strap computes with 32 bits: within their rounding instead of this
    assert!(all.real("tolerance") < 2e-7);
    let tolerance = all.number("encode_tolerance_codes");
    for case in all.objects("cases") {
        let name = case.text("name").to_owned();
        // the strap encodes what its filter has: unit quaternions
        let given: [f64; 4] = case.reals("quat");
        let length = given.iter().map(|c| c * c).sum::<f64>().sqrt();
        let q = given.map(|c| (c / length) as f32);
        for bits in [15, 14] {
            let truth = Object::new(case.field(&format!("bits{bits}")));
            let (wanted, codes, largest) = (
                truth.number("packed"),
                truth.values("codes"),
                truth.number("largest"),
            );
            let top = (1 << (bits - 1)) - 1;
            assert_eq!(wanted >> (3 * bits), largest, "{name}");
            let got = encode(bits, q);
            assert_eq!(got >> (3 * bits), largest, "{name}");
            for (i, code) in codes.iter().enumerate() {
                let stored = |packed: u64| (packed >> (i as u64 * bits)) & ((1 << bits) - 1);
                let code = code.as_i64().expect("a code");
                assert_eq!(stored(wanted) as i64 - top - 1, code, "{name}");
                assert!(stored(got).abs_diff(stored(wanted)) <= tolerance, "{name}");
            }
            assert_eq!(codes.len(), 3);
            let decoded = decode(bits, wanted).expect(&name);
            assert!(close(decoded, truth.reals("decoded")), "{name}");
            truth.done();
        }
        case.done();
    }
    for case in all.objects("invalid") {
        let (bits, packed) = (case.number("bits"), case.number("packed"));
        let name = case.text("name");
        assert_eq!(decode(bits, packed), None, "{name}");
        case.done();
    }
    for case in all.objects("valid_edge") {
        let (bits, packed) = (case.number("bits"), case.number("packed"));
        let q = decode(bits, packed).expect("at the edge, and valid");
        assert!((q.iter().map(|c| c * c).sum::<f32>() - 1.0).abs() < 1e-6);
        // all but a tie: packed again, another component may be the largest, of the same orientation
        let again = decode(bits, encode(bits, q)).expect("valid again");
        assert!(again.iter().zip(q).all(|(a, b)| (a - b).abs() < 1e-4));
        case.done();
    }
    all.done();
}

fn gate(values: &Object) -> Gate {
    let n = |key| values.number(key) as u16;
    Gate {
        enable: values.number("enable") as u8,
        angles: [
            n("flexion_enter"),
            n("flexion_leave"),
            n("extension_enter"),
            n("extension_leave"),
            n("lean_enter"),
            n("lean_leave"),
        ],
        dwell: n("dwell"),
        quiet: n("quiet"),
    }
}

/// The request that a vector's values describe.
fn request(op: &str, v: &Object) -> Request {
    let n = |key| v.number(key);
    let pattern = || Pattern::parse(n("pattern") as u8).expect("a pattern");
    match op {
        "START" => {
            assert_eq!(n("version"), u64::from(VERSION));
            Request::Start {
                profile: Profile::parse(n("profile") as u8).expect("a profile"),
                samples: n("samples") as u8,
            }
        }
        "STOP" => Request::Stop,
        "MODE" => Request::Mode {
            economy: n("mode") == 1,
        },
        "RESEND" => Request::Resend {
            boot: n("boot") as u16,
            seq: n("seq") as u32,
            count: n("count") as u16,
        },
        "LOG_READ" => Request::LogRead {
            first: n("first") as u32,
            last: n("last") as u32,
        },
        "LOG_STOP" => Request::LogStop,
        "LOG_CONFIRM" => Request::LogConfirm { id: n("id") as u32 },
        "STORED" => Request::Stored {
            boot: n("boot") as u16,
            seq: n("seq") as u32,
        },
        "SET_GATE" => Request::SetGate(gate(v)),
        "GET_GATE" => Request::GetGate,
        "SET_MOTOR" => Request::SetMotor {
            pattern: pattern(),
            strength: n("strength") as u8,
        },
        "BUZZ" => Request::Buzz {
            pattern: pattern(),
            strength: n("strength") as u8,
        },
        "SET_TIME" => Request::SetTime { utc: n("utc_us") },
        "MARK" => Request::Mark {
            value: n("value") as u16,
        },
        "FORGET" => Request::Forget {
            all: n("whom") == 1,
        },
        "CAL_BIAS" => Request::CalBias,
        "CAL_SCALE" => Request::CalScale {
            axis: n("axis") as u8,
            phase: n("phase") as u8,
            angle: v.field("angle").as_i64().expect("an angle") as i32,
        },
        "CAL_ACC" => Request::CalAcc {
            face: n("face") as u8,
        },
        "SET_MOUNT" => {
            let flags = n("flags");
            Request::SetMount(control::Mount {
                forward: flags & 1 != 0,
                valid: flags & 2 != 0,
                mount: decode(15, n("mount")).expect("a mount"),
                neutral: decode(15, n("neutral")).expect("a neutral"),
            })
        }
        "PANIC" => Request::Panic {
            offset: n("offset") as u16,
        },
        "PANIC_CLEAR" => Request::PanicClear,
        "SNOOZE" => Request::Snooze {
            seconds: n("seconds") as u16,
        },
        "REBOOT" => Request::Reboot {
            bootloader: n("how") == 1,
        },
        "PAIRING" => Request::Pairing {
            seconds: n("seconds") as u8,
        },
        other => panic!("{other} is no request"),
    }
}

/// An answer's results, written from a vector's values.
fn results(op: &str, v: &Object, out: &mut Writer<'_>) {
    let n = |key| v.number(key);
    match op {
        "START" => drop(out.u8(n("samples") as u8).u16(n("dt") as u16)),
        "RESEND" => drop(out.u32(n("seq") as u32).u16(n("count") as u16)),
        "LOG_READ" => drop(out.u32(n("first") as u32).u32(n("last") as u32)),
        "LOG_CONFIRM" | "STORED" => drop(out.u32(n("oldest") as u32)),
        "GET_GATE" => gate(v).write(out),
        "SET_TIME" => drop(out.u48(n("t"))),
        "MARK" => drop(out.u32(n("id") as u32)),
        "PANIC" => drop(out.u16(n("total") as u16)),
        other => panic!("{other} has no results"),
    }
}

fn answered(name: &str) -> Answered {
    match name {
        "OK" => Answered::Ok,
        "WORKING" => Answered::Working,
        "GONE" => Answered::Gone,
        "FAILED" => Answered::Failed,
        other => panic!("{other}"),
    }
}

#[test]
fn control_requests_and_answers() {
    let all = vectors("control.json");
    for case in all.objects("requests") {
        let bytes = case.bytes("hex");
        let values = Object::new(case.field("values"));
        let (op, tag, parsed) = control::parse(&bytes);
        assert_eq!([op, tag], bytes[..2]);
        assert_eq!(parsed, Ok(request(case.text("op"), &values)));
        values.done();
        case.done();
    }
    for case in all.objects("refused") {
        let bytes = case.bytes("hex");
        let (op, tag, request) = control::parse(&bytes);
        let status = request.expect_err(case.text("hex"));
        assert_eq!(Answer::new(op, tag, status).bytes(), case.bytes("answer"));
        case.done();
    }
    let mut written = Vec::new();
    for case in all.objects("responses") {
        let (op, bytes) = (case.text("op").to_owned(), case.bytes("hex"));
        let values = Object::new(case.field("values"));
        let status = answered(case.text("status"));
        let answer = Answer::with(bytes[0] & 0x7F, bytes[1], status, |out| {
            if values.get("total").is_some() {
                results(&op, &values, out);
                // the text itself
                out.put(&bytes[5..]);
            } else if bytes.len() > 3 {
                results(&op, &values, out);
            }
        });
        assert_eq!(answer.bytes(), bytes, "{op}");
        written.push(bytes);
        values.done();
        case.done();
    }
    // what no strap says: too short for an answer, or not as long as its results
    for broken in all.values("broken_responses") {
        let broken = hex(&broken);
        let length = |op: u8| {
            written
                .iter()
                .find(|w| w[0] == op && w[2] == 0)
                .map(Vec::len)
        };
        assert!(broken.len() < 3 || broken[0] < 0x80 || length(broken[0]) != Some(broken.len()));
        assert!(!written.contains(&broken));
    }
    all.done();
}

fn status(v: &Object) -> Status {
    let n = |key| v.number(key);
    let unknown_temperature = i16::MIN;
    let temperature = v.field("temperature_c").as_f64();
    let firmware: [f64; 3] = v.reals("firmware");
    Status {
        state: n("state") as u8,
        boot: n("boot") as u16,
        seq: n("seq") as u32,
        t: n("t_us"),
        battery_percent: v.known("battery_percent", 255) as u8,
        profile: v.known("profile", 255) as u8,
        next_id: n("log_next") as u32,
        oldest_id: n("log_oldest") as u32,
        unconfirmed_id: n("log_unconfirmed") as u32,
        battery_mv: v.known("battery_mv", 0) as u16,
        dt: (n("dt_us") / 2) as u16,
        samples: n("samples_per_packet") as u8,
        mode: n("mode") as u8,
        reset_reason: n("reset_reason") as u8,
        set: n("setup") as u8,
        temperature: temperature.map_or(unknown_temperature, |c| (100.0 * c).round() as i16),
        bonds: n("bonds") as u8,
        disconnect_reason: n("disconnect_reason") as u8,
        firmware: firmware.map(|x| x as u8),
        board: n("board") as u8,
        ring_seq: n("ring_oldest_seq") as u32,
        bias_age: v.known("calibration_boots", 65535) as u16,
        quality: n("calibration_quality") as u8,
        lost: n("samples_lost") as u32,
        snooze: n("snooze_s") as u16,
        refused: n("requests_refused") as u16,
    }
}

#[test]
fn statuses_and_calibrations() {
    let all = vectors("status.json");
    assert!(all.real("tolerance") > 0.0);
    let mut whole = Vec::new();
    for case in all.objects("status") {
        let bytes = case.bytes("hex");
        let values = Object::new(case.field("values"));
        match case.text("name") {
            // what the strap sends is cut to the payload by its end
            "cut to 20 bytes" => {
                assert_eq!(bytes, whole[..20]);
                continue;
            }
            // what a later strap would send begins alike
            "longer, of a later program" => {
                assert_eq!(bytes[..60], whole[..]);
                continue;
            }
            "whole" => whole.clone_from(&bytes),
            "unknown values" => {}
            other => panic!("{other}"),
        }
        let mut room = [0; 60];
        assert_eq!(status(&values).encode(&mut room), Some(&bytes[..]));
        values.done();
        case.done();
    }
    for case in all.objects("status_errors") {
        // the strap only ever sends its status: none of these
        let bytes = case.bytes("hex");
        let mistaken = match case.text("error") {
            "empty" => bytes.is_empty(),
            "wrong_length" => bytes.len() < 20,
            "unknown_version" => bytes[0] >> 4 != whole[0] >> 4,
            "unknown_kind" => bytes[0] & 15 != whole[0] & 15,
            other => panic!("{other}"),
        };
        assert!(mistaken);
        case.done();
    }
    for case in all.objects("calibration") {
        let bytes = case.bytes("hex");
        let c = SensorCalibration::parse(&bytes).expect("a calibration");
        assert_eq!(c.encode()[..], bytes);
        let v = Object::new(case.field("values"));
        assert_eq!(u64::from(c.measured), v.number("measured"));
        assert_eq!(u64::from(c.boot), v.number("boot"));
        assert_eq!(u64::from(c.utc), v.number("utc_s"));
        assert_eq!(u64::from(c.quality), v.number("quality"));
        assert!((f64::from(c.temperature) - 100.0 * v.real("temperature_c")).abs() < 1e-6);
        assert!(close(c.bias, v.reals("gyro_bias")));
        assert!(close(c.bias_sd, v.reals("gyro_bias_sd")));
        assert!(close(c.matrix, v.reals("gyro_matrix")));
        assert!(close(c.acc_offset, v.reals("acc_offset")));
        assert!(close(c.acc_scale, v.reals("acc_scale")));
        v.done();
        case.done();
    }
    let mut faults = Vec::new();
    for case in all.objects("calibration_errors") {
        let bytes = case.bytes("hex");
        let fault = SensorCalibration::parse(&bytes).expect_err(case.text("hex"));
        let wanted = match case.text("error") {
            "wrong_length" => Fault::WrongLength,
            // one byte more is a length to the strap, a broken checksum to the companion, which takes longer ones
            "bad_value" if bytes.len() > 100 => Fault::WrongLength,
            "bad_value" => Fault::BadValue,
            other => panic!("{other}"),
        };
        assert_eq!(fault, wanted);
        faults.push(fault);
        case.done();
    }
    assert_eq!(faults.len(), 9);
    all.done();
}
