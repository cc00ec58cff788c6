//! Sample numbers, boots and microseconds at the ends of their ranges.

use proptest::prelude::*;
use unslouch_strap_core::gate::{GateSample, PostureGate};
use unslouch_strap_core::quaternion::Quaternion;
use unslouch_strap_core::vector::Vec3;
use unslouch_strap_core::wire::Fault;
use unslouch_strap_core::wire::control::{Gate, Mount};
use unslouch_strap_core::wire::event::{EventRecord, TimeRecord};
use unslouch_strap_core::wire::log::{Builder, Header as LogHeader, Record, SAMPLES_MAX};
use unslouch_strap_core::wire::stream::{
    Header, Profile, Sample, encode, encode_compact, parse_header,
};

const T_END: u64 = 1 << 48;
const IDENTITY: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

fn sample() -> Sample {
    Sample {
        orientation: Sample::pack(IDENTITY),
        acc: [0, 0, 4098],
        gyr: [0; 3],
        raw_acc: [0; 3],
        raw_gyr: [0; 3],
    }
}

#[test]
fn the_last_sample_of_a_boot_is_streamed_and_none_after_it() {
    let dt = 9615;
    let last = T_END - 1 - 2 * u64::from(dt);
    let at = |seq, t| Header {
        flags: 0,
        boot: u16::MAX,
        seq,
        t,
        dt,
    };
    let parsed = |header: &Header, n: usize| {
        let mut room = [0; 244];
        let packet = encode(
            &mut room,
            Profile::Fused,
            header,
            vec![sample(); n].into_iter(),
        );
        parse_header(packet.expect("fits")).map(|(_, header, n)| (header, n))
    };
    let end = at(u32::MAX - 1, last);
    assert_eq!(parsed(&end, 2), Ok((end, 2)));
    assert_eq!(parsed(&at(u32::MAX, last), 1), Ok((at(u32::MAX, last), 1)));
    assert_eq!(parsed(&at(u32::MAX, last), 2), Err(Fault::BadValue));
    assert_eq!(parsed(&at(u32::MAX - 1, last + 1), 2), Err(Fault::BadValue));
    assert_eq!(parsed(&at(0, T_END - 1), 1), Ok((at(0, T_END - 1), 1)));
}

#[test]
fn compact_numbers_and_times_wrap_where_they_say() {
    let mut room = [0; 20];
    for (seq, t) in [
        (0xFF_FFFF, (1u64 << 28) - 16),
        (0x100_0000, 1 << 28),
        (0x1234_5678, (1 << 32) + 0x9ABC_DEF0),
        (u32::MAX, T_END - 1),
    ] {
        let header = Header {
            flags: 0,
            boot: 1,
            seq,
            t,
            dt: 9615,
        };
        let packet = encode_compact(&mut room, &header, &sample()).expect("fits");
        let u24 = |at: usize| u32::from_le_bytes([packet[at], packet[at + 1], packet[at + 2], 0]);
        assert_eq!(u64::from(u24(2)), u64::from(seq) % (1 << 24));
        assert_eq!(u64::from(u24(5)), t / 16 % (1 << 24));
    }
}

#[test]
fn a_log_record_reaches_the_last_number_and_the_last_moment() {
    let steps = 5 * (SAMPLES_MAX as u32 - 1);
    let span = 2 * 9615 * u64::from(steps);
    for (seq, t, whole) in [
        (u32::MAX - steps, T_END - 1 - span, true),
        (u32::MAX - steps + 1, 0, false),
        (0, T_END - span, false),
    ] {
        let mut builder = Builder::new(LogHeader {
            flags: 0,
            step: 5,
            id: 0,
            boot: u16::MAX,
            seq,
            t,
            dt: 9615,
        });
        while builder.push(IDENTITY) {}
        if whole {
            assert_eq!(builder.last_seq(), u32::MAX);
        }
        let record = Record::parse(builder.finish(u32::MAX)).map(|r| (r.last_seq(), r.header.t));
        let wanted = if whole {
            Ok((u32::MAX, t))
        } else {
            Err(Fault::BadValue)
        };
        assert_eq!(record, wanted);
    }
}

#[test]
fn events_and_times_carry_the_largest_of_everything() {
    let mut room = [0; 32];
    let event = EventRecord {
        event: u8::MAX,
        value: u16::MAX,
        id: u32::MAX,
        boot: u16::MAX,
        seq: u32::MAX,
        t: T_END - 1,
    };
    assert_eq!(
        EventRecord::parse(event.encode(&mut room).expect("fits")),
        Ok(event)
    );
    let time = TimeRecord {
        id: u32::MAX,
        boot: u16::MAX,
        seq: u32::MAX,
        t: T_END - 1,
        utc: u64::MAX,
    };
    assert_eq!(
        TimeRecord::parse(time.encode(&mut room).expect("fits")),
        Ok(time)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// What the gate feels does not depend on how long the strap has been on: over the wrap of 32 bits of microseconds
    /// (71 minutes) and of milliseconds (50 days), up to the end of its clock (9 years).
    #[test]
    fn the_gate_judges_alike_at_any_time_of_its_life(
        spells in prop::collection::vec((1u32..900, -20.0f32..20.0, any::<bool>()), 2..6),
        start in prop_oneof![
            (1u64 << 32) - 30_000_000..1 << 32,
            (1000u64 << 32) - 30_000_000..1000 << 32,
            T_END - 300_000_000..T_END - 150_000_000,
        ],
    ) {
        let felt = |from: u64| {
            let gate = Gate { enable: 15, angles: [1200, 700, 1000, 700, 800, 300], dwell: 50, quiet: 5 };
            let neutral = IDENTITY;
            let mount = Mount { forward: true, valid: true, mount: IDENTITY, neutral };
            let mut posture = PostureGate::new(&gate, &mount);
            let (mut t_us, mut events) = (from, Vec::new());
            for (n, degrees, sideways) in &spells {
                let half = (0.5 * degrees).to_radians();
                let (x, y) = if *sideways { (half.sin(), 0.0) } else { (0.0, half.sin()) };
                let attitude = Quaternion { w: half.cos(), x, y, z: 0.0 };
                for _ in 0..*n {
                    t_us += 19_231;
                    let acc = Vec3::from_f32([0.0, 0.0, 9.81]);
                    let out = posture.push(&GateSample { t_us, attitude, acc, flags: 0 });
                    if out.event.is_some() {
                        events.push((t_us - from, out.event, out.activity));
                    }
                }
            }
            events
        };
        let early = felt(1000);
        prop_assert_eq!(early, felt(start));
    }
}
