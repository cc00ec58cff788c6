//! Stream packets and log records of `docs/protocol.md`, held to the vectors that the companion is held to: what they say
//! is what is encoded, byte for byte, and what must be refused is.

mod shared;

use std::collections::BTreeMap;

use shared::{Object, close, hex, vectors};
use unslouch_strap_core::wire::event::{EventRecord, TimeRecord, encode_log_end};
use unslouch_strap_core::wire::log::{self, Builder, Record, fragment};
use unslouch_strap_core::wire::orientation::decode15;
use unslouch_strap_core::wire::stream::{
    self, Profile, Sample, encode, encode_anchor, encode_compact, parse_header,
};
use unslouch_strap_core::wire::{Fault, flags};

const ACC: f64 = 0.244e-3 * 9.80665;

/// How often each fault was met, by its name in the vectors.
type Faults = BTreeMap<&'static str, u64>;

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Empty => "empty",
        Fault::UnknownVersion => "unknown_version",
        Fault::UnknownKind => "unknown_kind",
        Fault::WrongLength => "wrong_length",
        Fault::BadValue => "bad_value",
    }
}

fn counts(case: &Object) -> BTreeMap<String, u64> {
    case.get("errors").map_or_else(BTreeMap::new, |errors| {
        let errors = errors.as_object().expect("an object");
        let count = |v: &serde_json::Value| v.as_u64().expect("a count");
        errors.iter().map(|(k, v)| (k.clone(), count(v))).collect()
    })
}

fn same(met: &Faults, wanted: &BTreeMap<String, u64>, case: &str) {
    let met: BTreeMap<String, u64> = met.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
    assert_eq!(met, *wanted, "{case}");
}

/// What a packet of the stream says, taken apart.
enum Said {
    Samples(Profile, stream::Header, Vec<Sample>),
    Compact(stream::Header, Sample),
    Anchor(stream::Header),
    Event(EventRecord),
}

fn i16x3(bytes: &[u8]) -> [i16; 3] {
    std::array::from_fn(|i| i16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]))
}

fn fused(bytes: &[u8]) -> Sample {
    Sample {
        orientation: bytes[..6].try_into().expect("six"),
        acc: i16x3(&bytes[6..]),
        gyr: [0; 3],
        raw_acc: [0; 3],
        raw_gyr: [0; 3],
    }
}

fn sample(profile: Profile, bytes: &[u8]) -> Sample {
    match profile {
        Profile::Fused => fused(bytes),
        Profile::FusedGyro => Sample {
            gyr: i16x3(&bytes[12..]),
            ..fused(bytes)
        },
        Profile::Raw => Sample {
            orientation: [0; 6],
            acc: [0; 3],
            raw_acc: i16x3(bytes),
            raw_gyr: i16x3(&bytes[6..]),
            gyr: [0; 3],
        },
    }
}

/// The strap encodes all kinds but parses only what its tests need: lengths of the others are those of its encoders.
fn take_apart(packet: &[u8], anchor: Option<&stream::Header>) -> Result<Said, Fault> {
    match packet.first() {
        Some(0x14 | 0x15) => {
            let mut room = [0; 32];
            let zero = stream::Header {
                flags: 0,
                boot: 0,
                seq: 0,
                t: 0,
                dt: 0,
            };
            let compact = packet[0] == 0x14;
            let length = if compact {
                encode_compact(&mut room, &zero, &fused(&[0; 12]))
            } else {
                encode_anchor(&mut room, &zero)
            };
            if length.expect("fits").len() != packet.len() {
                return Err(Fault::WrongLength);
            }
            if compact {
                // unwrapped by the case's own samples: what is sent is what remains of them
                let header = anchor.copied().unwrap_or(zero);
                return Ok(Said::Compact(
                    stream::Header {
                        flags: packet[1],
                        ..header
                    },
                    fused(&packet[8..]),
                ));
            }
            let u32_at = |at: usize| u32::from_le_bytes(packet[at..at + 4].try_into().expect("4"));
            Ok(Said::Anchor(stream::Header {
                flags: packet[1],
                boot: u16::from_le_bytes([packet[2], packet[3]]),
                seq: u32_at(4),
                t: u64::from(u32_at(8)) | u64::from(packet[12]) << 32 | u64::from(packet[13]) << 40,
                dt: u16::from_le_bytes([packet[14], packet[15]]),
            }))
        }
        Some(0x16) => EventRecord::parse(packet).map(Said::Event),
        _ => {
            let (profile, header, n) = parse_header(packet)?;
            let bodies = packet[stream::HEADER..].chunks_exact(profile.sample());
            let samples: Vec<_> = bodies.map(|bytes| sample(profile, bytes)).collect();
            assert_eq!(samples.len(), n);
            let oriented = profile != Profile::Raw;
            if oriented && samples.iter().any(|s| decode15(s.orientation).is_none()) {
                return Err(Fault::BadValue);
            }
            Ok(Said::Samples(profile, header, samples))
        }
    }
}

/// Everything a vector says of a sample, against the bytes of one.
fn holds(wanted: &Object, header: &stream::Header, k: usize, s: &Sample, raw: bool, case: &str) {
    let first_only = if k == 0 { 0xFF } else { !flags::LOST_BEFORE };
    let own = header.flags & first_only & !flags::RESENT;
    assert_eq!(wanted.number("boot"), u64::from(header.boot), "{case}");
    assert_eq!(
        wanted.number("seq"),
        u64::from(header.seq) + k as u64,
        "{case}"
    );
    assert_eq!(
        wanted.number("t_us"),
        header.t + 2 * u64::from(header.dt) * k as u64,
        "{case}"
    );
    assert_eq!(wanted.number("flags"), u64::from(own), "{case}");
    let (acc, gyr) = if raw {
        (s.raw_acc, s.raw_gyr)
    } else {
        let quat = wanted.reals("quat");
        let q = decode15(s.orientation).expect(case);
        assert!(close(q, quat), "{case}");
        // packed again from the value, it is the same within the rounding of 32 bits
        let again = decode15(Sample::pack(quat.map(|c| c as f32))).expect(case);
        assert!(
            again
                .iter()
                .zip(quat)
                .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4)
        );
        (s.acc, s.gyr)
    };
    if wanted.get("acc").is_some() {
        let acc = acc.map(|c| f64::from(c) * ACC);
        assert!(
            acc.iter()
                .zip(wanted.reals::<3>("acc"))
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{case}"
        );
    } else {
        assert_eq!(acc, [i16::MIN; 3], "{case}");
    }
    if wanted.get("gyr").is_some() {
        let gyr = gyr.map(|c| (f64::from(c) * 0.035).to_radians());
        assert!(
            gyr.iter()
                .zip(wanted.reals::<3>("gyr"))
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{case}"
        );
    }
    wanted.done();
}

#[test]
fn stream_packets() {
    let all = vectors("stream.json");
    assert_eq!(all.text("channel"), "stream");
    assert!(all.real("tolerance") <= 1e-9);
    for case in all.objects("cases") {
        let title = case.text("name").to_owned();
        let (mut samples, mut events) = (case.objects("samples"), case.objects("events"));
        let mut anchors = case.objects("anchors");
        let mut wanted = counts(&case);
        let mut met = Faults::new();
        let mut anchor = None;
        let mut room = [0; 244];
        let mut before: Vec<(u16, u32, u64)> = Vec::new();
        for packet in case.values("packets") {
            let packet = hex(&packet);
            let said = match take_apart(&packet, anchor.as_ref()) {
                Ok(said) => said,
                Err(fault) => {
                    *met.entry(name(fault)).or_default() += 1;
                    continue;
                }
            };
            match said {
                Said::Samples(profile, header, got) => {
                    let again = encode(&mut room, profile, &header, got.iter().copied());
                    assert_eq!(again, Some(&packet[..]), "{title}");
                    // what the receiver makes of order and repetition is its own affair
                    let known = before.iter().any(|b| b.1 == header.seq);
                    let backward = before.last().is_some_and(|b| header.t <= b.2 && !known);
                    if backward {
                        *met.entry("time_backward").or_default() += 1;
                    }
                    if known || backward {
                        continue;
                    }
                    before.push((header.boot, header.seq, header.t));
                    for (k, (s, wanted)) in got.iter().zip(samples.drain(..got.len())).enumerate() {
                        holds(&wanted, &header, k, s, profile == Profile::Raw, &title);
                    }
                }
                Said::Compact(header, s) => {
                    if anchor.is_none() {
                        *met.entry("no_anchor").or_default() += 1;
                        continue;
                    }
                    let wanted = samples.remove(0);
                    let header = stream::Header {
                        seq: wanted.number("seq") as u32,
                        t: wanted.number("t_us"),
                        ..header
                    };
                    let again = encode_compact(&mut room, &header, &s);
                    assert_eq!(again, Some(&packet[..]), "{title}");
                    holds(&wanted, &header, 0, &s, false, &title);
                }
                Said::Anchor(header) => {
                    let again = encode_anchor(&mut room, &header);
                    assert_eq!(again, Some(&packet[..]), "{title}");
                    let a = anchors.remove(0);
                    assert_eq!(a.number("flags"), u64::from(header.flags));
                    assert_eq!(a.number("boot"), u64::from(header.boot));
                    assert_eq!(a.number("seq"), u64::from(header.seq));
                    assert_eq!(a.number("t_us"), header.t);
                    assert_eq!(a.number("dt_us"), 2 * u64::from(header.dt));
                    a.done();
                    anchor = Some(header);
                }
                Said::Event(event) => {
                    event_is(&events.remove(0), &event);
                    assert_eq!(event.encode(&mut room), Some(&packet[..]), "{title}");
                }
            }
        }
        assert!(
            samples.is_empty() && events.is_empty() && anchors.is_empty(),
            "{title}"
        );
        same(&met, &std::mem::take(&mut wanted), &title);
        case.done();
    }
    all.done();
}

fn event_is(wanted: &Object, event: &EventRecord) {
    assert_eq!(wanted.number("code"), u64::from(event.event));
    assert_eq!(wanted.number("value"), u64::from(event.value));
    assert_eq!(wanted.number("id"), u64::from(event.id));
    assert_eq!(wanted.number("boot"), u64::from(event.boot));
    assert_eq!(wanted.number("seq"), u64::from(event.seq));
    assert_eq!(wanted.number("t_us"), event.t);
    wanted.done();
}

/// Records from fragments, as section 5 says: what does not follow begins anew.
fn joined(packets: &[Vec<u8>], met: &mut Faults) -> Vec<(u16, Vec<u8>, usize)> {
    let mut whole = Vec::new();
    let mut open: Option<(u16, u8, Vec<u8>)> = None;
    let mut largest = 0;
    for packet in packets {
        let [first, low, high, rest @ ..] = &packet[..] else {
            *met.entry("wrong_length").or_default() += 1;
            continue;
        };
        let (index, id) = (first & 0x7F, u16::from_le_bytes([*low, *high]));
        largest = largest.max(packet.len());
        let mut part = match open.take() {
            Some((known, next, part)) if known == id && next == index => part,
            broken => {
                if broken.is_some() {
                    *met.entry("fragment").or_default() += 1;
                }
                if index > 0 {
                    continue;
                }
                Vec::new()
            }
        };
        part.extend_from_slice(rest);
        if first & 0x80 != 0 {
            whole.push((id, part, largest));
        } else {
            open = Some((id, index + 1, part));
        }
    }
    whole
}

#[test]
fn log_records() {
    let all = vectors("log.json");
    assert_eq!(all.text("channel"), "log");
    assert!(all.real("tolerance") <= 1e-9);
    for case in all.objects("cases") {
        let title = case.text("name").to_owned();
        let (mut samples, mut times) = (case.objects("samples"), case.objects("times"));
        let (mut events, mut ends) = (case.objects("events"), case.objects("ends"));
        let packets: Vec<_> = case.values("packets").iter().map(hex).collect();
        let mut met = Faults::new();
        let mut ids = Vec::new();
        let mut sent: Vec<Vec<u8>> = Vec::new();
        for (id, record, largest) in joined(&packets, &mut met) {
            let mut room = [0; 64];
            let mut number = None;
            match record.first() {
                Some(0x19) => {
                    let time = TimeRecord::parse(&record).expect(&title);
                    let wanted = times.remove(0);
                    assert_eq!(wanted.number("id"), u64::from(time.id));
                    assert_eq!(wanted.number("boot"), u64::from(time.boot));
                    assert_eq!(wanted.number("seq"), u64::from(time.seq));
                    assert_eq!(wanted.number("t_us"), time.t);
                    assert_eq!(wanted.number("utc_us"), time.utc);
                    wanted.done();
                    assert_eq!(time.encode(&mut room), Some(&record[..]));
                    number = Some(time.id);
                }
                Some(0x16) => {
                    let event = EventRecord::parse(&record).expect(&title);
                    event_is(&events.remove(0), &event);
                    assert_eq!(event.encode(&mut room), Some(&record[..]));
                    number = Some(event.id);
                }
                Some(0x1A) => {
                    let end = ends.remove(0);
                    let n = |key| end.number(key) as u32;
                    let again = encode_log_end(
                        &mut room,
                        n("status") as u8,
                        n("first"),
                        n("next"),
                        n("count"),
                    );
                    assert_eq!(again, Some(&record[..]));
                    end.done();
                }
                _ => match Record::parse(&record) {
                    Err(fault) => *met.entry(name(fault)).or_default() += 1,
                    Ok(parsed) => {
                        let mut builder = Builder::new(parsed.header);
                        for (j, wanted) in samples.drain(..parsed.n).enumerate() {
                            let h = parsed.header;
                            let steps = j as u64 * u64::from(h.step);
                            let quat = wanted.reals("quat");
                            assert_eq!(wanted.number("boot"), u64::from(h.boot));
                            assert_eq!(wanted.number("seq"), u64::from(h.seq) + steps);
                            assert_eq!(wanted.number("t_us"), h.t + 2 * u64::from(h.dt) * steps);
                            assert_eq!(wanted.number("flags"), u64::from(h.flags));
                            assert!(close(parsed.orientation(j).expect(&title), quat), "{title}");
                            wanted.done();
                            assert!(builder.push(quat.map(|c| c as f32)));
                        }
                        assert_eq!(parsed.orientation(parsed.n), None);
                        assert_eq!(builder.finish(parsed.header.id), record, "{title}");
                        number = Some(parsed.header.id);
                    }
                },
            }
            let Some(number) = number else { continue };
            assert_eq!(number as u16, id, "{title}");
            ids.push(u64::from(number));
            let payload = if largest > 20 { 244 } else { 20 };
            let mut room = [0; 244];
            for index in 0..log::FRAGMENTS_MAX {
                let Some(bytes) = fragment(&record, number, index, payload, &mut room) else {
                    break;
                };
                sent.push(bytes.to_vec());
            }
        }
        assert!(samples.is_empty() && times.is_empty(), "{title}");
        assert!(events.is_empty() && ends.is_empty(), "{title}");
        let wanted: Vec<_> = case
            .values("ids")
            .iter()
            .map(|id| id.as_u64().expect("an id"))
            .collect();
        assert_eq!(ids, wanted, "{title}");
        // every fragment of a whole record is what the strap sends of it
        assert!(sent.iter().all(|bytes| packets.contains(bytes)), "{title}");
        same(&met, &counts(&case), &title);
        case.done();
    }
    all.done();
}
