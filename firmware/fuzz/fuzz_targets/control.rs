//! Anything written to control is a request in range, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unslouch_strap_core::wire::bytes::Writer;
use unslouch_strap_core::wire::control::{Answer, LONGEST, Request, parse};

fuzz_target!(|data: &[u8]| {
    let (op, tag, request) = parse(data);
    match request {
        Err(status) => assert_eq!(Answer::new(op, tag, status).bytes().len(), 3),
        Ok(request) => {
            assert!(data.len() <= LONGEST && data[..2] == [op, tag]);
            match request {
                Request::SetGate(gate) => {
                    assert!(gate.is_valid());
                    let mut bytes = [0; 17];
                    let mut out = Writer::new(&mut bytes);
                    gate.write(&mut out);
                    assert_eq!(out.finish(), Some(&data[2..]));
                }
                Request::Start { samples, .. } => assert!((2..=18).contains(&samples)),
                Request::Resend { count, .. } => assert!((1..=6240).contains(&count)),
                Request::LogRead { first, last } => assert!(first <= last),
                Request::SetMount(mount) => {
                    for q in [mount.mount, mount.neutral] {
                        assert!((q.iter().map(|c| c * c).sum::<f32>() - 1.0).abs() < 1e-3);
                    }
                }
                _ => {}
            }
        }
    }
});
