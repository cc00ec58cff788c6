//! The attribute table (docs/protocol.md, section 2).
#![allow(missing_docs)] // what the macros generate has none

use heapless::Vec;
use trouble_host::prelude::*;
use unslouch_strap_core::wire::{PAYLOAD_MAX, calibration, control, status};

/// UUID of the strap service, as advertised.
pub const SERVICE: [u8; 16] = 0xfbc30001_4b40_4233_bf8e_11264f902b4a_u128.to_le_bytes();

/// Firmware revision, as Device Information tells it.
pub const FIRMWARE: &str = env!("CARGO_PKG_VERSION");

/// All services.
#[gatt_server(connections_max = 1, mutex_type = embassy_sync::blocking_mutex::raw::NoopRawMutex)]
pub struct Server {
    /// The strap's own.
    pub strap: StrapService,
    /// Charge of the cell.
    pub battery: BatteryService,
    /// What it is.
    pub device: DeviceInformation,
}

/// The strap's own service: everything behind an encrypted link, the subscriptions included.
#[gatt_service(uuid = "fbc30001-4b40-4233-bf8e-11264f902b4a")]
pub struct StrapService {
    /// Section 4.
    #[characteristic(
        uuid = "fbc30002-4b40-4233-bf8e-11264f902b4a",
        notify,
        permissions(encrypted)
    )]
    pub stream: Vec<u8, PAYLOAD_MAX>,
    /// Section 5.
    #[characteristic(
        uuid = "fbc30003-4b40-4233-bf8e-11264f902b4a",
        notify,
        permissions(encrypted)
    )]
    pub log: Vec<u8, PAYLOAD_MAX>,
    /// Section 6.
    #[characteristic(
        uuid = "fbc30004-4b40-4233-bf8e-11264f902b4a",
        write,
        notify,
        permissions(encrypted)
    )]
    pub control: Vec<u8, { control::LONGEST }>,
    /// Section 7.
    #[characteristic(
        uuid = "fbc30005-4b40-4233-bf8e-11264f902b4a",
        read,
        notify,
        permissions(encrypted)
    )]
    pub status: Vec<u8, { status::LENGTH }>,
    /// Section 8.
    #[characteristic(
        uuid = "fbc30006-4b40-4233-bf8e-11264f902b4a",
        read,
        notify,
        permissions(encrypted)
    )]
    pub calibration: Vec<u8, { calibration::LENGTH }>,
}

/// The standard Battery service.
#[gatt_service(uuid = service::BATTERY)]
pub struct BatteryService {
    /// Percent.
    #[characteristic(uuid = characteristic::BATTERY_LEVEL, read, notify, value = 100)]
    pub level: u8,
}

/// The standard Device Information service.
#[gatt_service(uuid = service::DEVICE_INFORMATION)]
pub struct DeviceInformation {
    /// Who made it.
    #[characteristic(uuid = characteristic::MANUFACTURER_NAME_STRING, read, value = "unslouch")]
    pub manufacturer: &'static str,
    /// What it is.
    #[characteristic(uuid = characteristic::MODEL_NUMBER_STRING, read, value = "Unslouch strap")]
    pub model: &'static str,
    /// Which board it runs on.
    #[characteristic(uuid = characteristic::HARDWARE_REVISION_STRING, read)]
    pub hardware: heapless::String<24>,
    /// Version of this crate.
    #[characteristic(uuid = characteristic::FIRMWARE_REVISION_STRING, read, value = FIRMWARE)]
    pub firmware: &'static str,
    /// The address, in hexadecimal.
    #[characteristic(uuid = characteristic::SERIAL_NUMBER_STRING, read)]
    pub serial: heapless::String<12>,
}
