//! What the strap tells everybody, and how often (docs/protocol.md, section 2).

use embassy_futures::select::{Either3, select3};
use embassy_time::{Duration, Instant, Timer};
use trouble_host::prelude::*;
use unslouch_strap_core::wire::VERSION;

use crate::gatt::SERVICE;
use crate::state::Shared;

/// Company of the manufacturer data: none, for testing and makers.
const COMPANY: u16 = 0xFFFF;
const FAST: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(1000);
/// How long the fast interval lasts.
pub const FAST_FOR: Duration = Duration::from_secs(30);
/// Log records of a unit of backlog: 4 minutes of 40 samples at 10.4 Hz.
const BACKLOG_UNIT: u32 = 62;

mod bit {
    pub const PAIRING: u8 = 1;
    pub const CHARGER: u8 = 2;
    pub const OFF_BODY: u8 = 4;
    pub const LOG: u8 = 8;
    pub const BOND: u8 = 16;
}

fn manufacturer_data(shared: &Shared) -> [u8; 4] {
    shared.with(|state| {
        let waiting = state.next_id.wrapping_sub(state.unconfirmed_id);
        let mut bits = 0;
        for (on, bit) in [
            (state.pairing_open(), bit::PAIRING),
            (state.charging, bit::CHARGER),
            (state.off_body, bit::OFF_BODY),
            (waiting > 0, bit::LOG),
            (state.bonds > 0, bit::BOND),
        ] {
            bits |= if on { bit } else { 0 };
        }
        [
            VERSION,
            bits,
            state.battery_percent,
            (waiting / BACKLOG_UNIT).min(255) as u8,
        ]
    })
}

/// Types of advertised structures (Core Specification Supplement, Part A).
const FLAGS: u8 = 0x01;
const COMPLETE_UUIDS_128: u8 = 0x07;
const COMPLETE_NAME: u8 = 0x09;
const MANUFACTURER: u8 = 0xFF;

/// Write structures, each its type and the parts of its value, one behind the other; how many bytes. What does not fit is
/// left out.
fn structures(out: &mut [u8; 31], all: &[(u8, &[&[u8]])]) -> usize {
    let mut at = 0;
    for (kind, parts) in all {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let Some(room) = out.get_mut(at..at + 2 + length) else {
            break;
        };
        let bytes = [length as u8 + 1, *kind];
        let value = parts.iter().flat_map(|part| part.iter());
        for (to, from) in room.iter_mut().zip(bytes.iter().chain(value)) {
            *to = *from;
        }
        at += 2 + length;
    }
    at
}

/// Advertise until a central connects.
pub async fn until_connected<'d, C: Controller>(
    shared: &Shared,
    name: &str,
    peripheral: &mut Peripheral<'d, C, DefaultPacketPool>,
) -> Result<Connection<'d, DefaultPacketPool>, BleHostError<C::Error>> {
    shared.with(|state| state.fast_until = Some(Instant::now() + FAST_FOR));
    let mut scan_data = [0; 31];
    let scan_length = structures(&mut scan_data, &[(COMPLETE_NAME, &[name.as_bytes()])]);
    loop {
        let mut data = [0; 31];
        let length = structures(
            &mut data,
            &[
                (FLAGS, &[&[LE_GENERAL_DISCOVERABLE | BR_EDR_NOT_SUPPORTED]]),
                (COMPLETE_UUIDS_128, &[&SERVICE]),
                (
                    MANUFACTURER,
                    &[&COMPANY.to_le_bytes(), &manufacturer_data(shared)],
                ),
            ],
        );
        let fast_left = shared
            .with(|state| state.fast_until)
            .and_then(|until| until.checked_duration_since(Instant::now()))
            .filter(|left| *left > Duration::MIN);
        let interval = if fast_left.is_some() { FAST } else { SLOW };
        let parameters = AdvertisementParameters {
            interval_min: interval,
            interval_max: interval,
            ..Default::default()
        };
        shared.advertising_changed.reset();
        let advertiser = peripheral
            .advertise(
                &parameters,
                Advertisement::ConnectableScannableUndirected {
                    adv_data: data.get(..length).unwrap_or(&[]),
                    scan_data: scan_data.get(..scan_length).unwrap_or(&[]),
                },
            )
            .await?;
        let slower = Timer::after(fast_left.unwrap_or(Duration::from_secs(3600)));
        match select3(
            advertiser.accept(),
            slower,
            shared.advertising_changed.wait(),
        )
        .await
        {
            Either3::First(connection) => return Ok(connection?),
            Either3::Second(()) | Either3::Third(()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_as_the_host_writes_them() {
        let value = [7, 8, 9, 10];
        let (mut ours, mut theirs) = ([0; 31], [0; 31]);
        let ours_length = structures(
            &mut ours,
            &[
                (FLAGS, &[&[6]]),
                (COMPLETE_UUIDS_128, &[&SERVICE]),
                (MANUFACTURER, &[&COMPANY.to_le_bytes(), &value]),
            ],
        );
        let same = [
            AdStructure::Flags(LE_GENERAL_DISCOVERABLE | BR_EDR_NOT_SUPPORTED),
            AdStructure::CompleteServiceUuids128(&[SERVICE]),
            AdStructure::ManufacturerSpecificData {
                company_identifier: COMPANY,
                payload: &value,
            },
        ];
        let length = AdStructure::encode_slice(&same, &mut theirs).expect("it fits");
        assert_eq!((ours, ours_length), (theirs, length));
        let name = structures(&mut ours, &[(COMPLETE_NAME, &[b"Unslouch-0186"])]);
        let same = [AdStructure::CompleteLocalName(b"Unslouch-0186")];
        let length = AdStructure::encode_slice(&same, &mut theirs).expect("it fits");
        assert_eq!(ours[..name], theirs[..length]);
    }
}
