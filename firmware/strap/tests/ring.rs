//! The ring of samples against a plain map of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use unslouch_strap_app::ring::{LENGTH, Ring, Slot};
use unslouch_strap_core::wire::flags;
use unslouch_strap_core::wire::stream::same_packet;

const PERIOD: f32 = 1e6 / 52.0;

#[derive(Clone, Debug)]
enum Step {
    Samples(u16, u8),
    Lost(u32),
    Pause(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let flag = prop_oneof![4 => Just(0), 1 => Just(flags::MOTOR), 1 => Just(flags::LOST_BEFORE)];
    prop_oneof![
        6 => (1u16..600, flag).prop_map(|(n, flags)| Step::Samples(n, flags)),
        2 => (1u32..40).prop_map(Step::Lost),
        1 => (1u32..4000).prop_map(Step::Lost),
        1 => (0u32..300_000_000).prop_map(Step::Pause),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_the_last_samples_by_number_and_time(
        steps in prop::collection::vec(step(), 1..16),
        // near the wrap of the low bits of the time, after any number of samples
        start in prop_oneof![Just(0u64), (1u64 << 32) - 9_000_000..(1 << 32) + 1000, 0u64..1 << 46],
        before in prop_oneof![Just(0u32), 0..u32::MAX - 40_000],
        most in 1usize..=18,
    ) {
        let mut ring = Ring::new();
        let mut model = BTreeMap::new();
        ring.skip(before);
        let (mut seq, mut t) = (before, start);
        for step in steps {
            match step {
                Step::Samples(n, flags) => {
                    for _ in 0..n {
                        let slot = Slot::new([seq as u8; 6], [seq as i16; 3], [-(seq as i16 >> 1); 3], flags);
                        ring.push(slot, t);
                        model.insert(seq, (slot.flags, slot.orientation, t));
                        seq += 1;
                        t += PERIOD as u64;
                    }
                }
                Step::Lost(n) => {
                    ring.skip(n);
                    seq += n;
                    t += u64::from(n) * PERIOD as u64;
                }
                // asleep: a gap in time alone
                Step::Pause(us) => t += u64::from(us),
            }
        }
        prop_assert_eq!(ring.next(), seq);
        prop_assert_eq!(ring.oldest(), seq.saturating_sub(LENGTH as u32));
        // times are told apart for 71 minutes back; pauses here add up to less
        for at in ring.oldest().saturating_sub(3)..seq.saturating_add(3) {
            let held = ring.get(at).map(|(slot, t)| (slot.flags, slot.orientation, t));
            let kept = model.get(&at).filter(|_| at >= ring.oldest());
            prop_assert_eq!(held.as_ref(), kept, "{}", at);
        }
        for from in [0, ring.oldest(), ring.oldest() + 7, seq.saturating_sub(1), seq] {
            let first = model.range(from.max(ring.oldest())..).next().map(|(at, _)| *at);
            prop_assert_eq!(ring.first_from(from), first);
        }
        // packed run after run, everything held is sent once, and no run joins what may not share a packet
        let mut at = ring.first_from(0);
        let mut sent = 0;
        while let Some(from) = at {
            let run = ring.run(7, from, most, PERIOD).expect("held");
            prop_assert!((1..=most).contains(&run.n));
            prop_assert_eq!((run.header.boot, run.header.seq), (7, from));
            for k in 0..run.n as u32 {
                let (flags, _, t) = model[&(from + k)];
                prop_assert!(k == 0 || same_packet(run.header.flags, flags));
                let told = run.header.t + 2 * u64::from(run.header.dt) * u64::from(k);
                prop_assert!(told.abs_diff(t) < 6000, "{} for {}", told, t);
            }
            sent += run.n;
            prop_assert!(run.closed || from + run.n as u32 == seq);
            at = ring.first_from(from + run.n as u32);
        }
        prop_assert_eq!(sent, model.range(ring.oldest()..).count());
    }
}
