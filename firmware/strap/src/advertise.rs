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

/// Advertise until a central connects.
pub async fn until_connected<'d, C: Controller>(
    shared: &Shared,
    name: &str,
    peripheral: &mut Peripheral<'d, C, DefaultPacketPool>,
) -> Result<Connection<'d, DefaultPacketPool>, BleHostError<C::Error>> {
    shared.with(|state| state.fast_until = Some(Instant::now() + FAST_FOR));
    let mut scan_data = [0; 31];
    let scan_length = AdStructure::encode_slice(
        &[AdStructure::CompleteLocalName(name.as_bytes())],
        &mut scan_data,
    )?;
    loop {
        let mut data = [0; 31];
        let length = AdStructure::encode_slice(
            &[
                AdStructure::Flags(LE_GENERAL_DISCOVERABLE | BR_EDR_NOT_SUPPORTED),
                AdStructure::CompleteServiceUuids128(&[SERVICE]),
                AdStructure::ManufacturerSpecificData {
                    company_identifier: COMPANY,
                    payload: &manufacturer_data(shared),
                },
            ],
            &mut data,
        )?;
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
