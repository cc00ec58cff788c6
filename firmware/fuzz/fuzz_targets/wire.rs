//! Every parser takes any bytes; what it takes for whole is encoded to the same bytes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::event::{EventRecord, TimeRecord};
use unslouch_strap_core::wire::log::{Record, fragment};
use unslouch_strap_core::wire::orientation::{decode14, decode15, encode14, encode15};
use unslouch_strap_core::wire::stream::parse_header;

fuzz_target!(|data: &[u8]| {
    let mut buffer = [0; 256];
    if let Ok((_, header, n)) = parse_header(data) {
        assert!(n <= 18 && header.seq.checked_add(n as u32 - 1).is_some());
    }
    if let Ok(record) = Record::parse(data) {
        assert!(record.last_seq() >= record.header.seq);
        for j in 0..=record.n {
            if let Some(q) = record.orientation(j) {
                assert!(j < record.n && (q.iter().map(|c| c * c).sum::<f32>() - 1.0).abs() < 1e-3);
            }
        }
    }
    if let Ok(event) = EventRecord::parse(data) {
        assert_eq!(event.encode(&mut buffer), Some(data));
    }
    if let Ok(time) = TimeRecord::parse(data) {
        let again = time
            .encode(&mut buffer)
            .and_then(|bytes| TimeRecord::parse(bytes).ok());
        assert_eq!(again, Some(time));
    }
    if let Ok(calibration) = SensorCalibration::parse(data) {
        assert_eq!(
            SensorCalibration::parse(&calibration.encode()),
            Ok(calibration)
        );
    }
    if let Some((six, rest)) = data.split_first_chunk::<6>() {
        if let Some(q) = decode15(*six) {
            assert!(decode15(encode15(q)).is_some());
        }
        if let Some((eight, rest)) = rest.split_first_chunk::<8>() {
            let packed = u64::from_le_bytes(*eight);
            if let Some(q) = decode14(packed) {
                assert!(decode14(encode14(q)).is_some());
            }
            let (index, payload) = (packed as usize, (packed >> 32) as u8 as usize);
            let mut room = [0; 256];
            if let Some(bytes) = fragment(rest, packed as u32, index, payload, &mut room) {
                assert!(bytes.len() > 3 && bytes.len() <= payload);
            }
        }
    }
});
