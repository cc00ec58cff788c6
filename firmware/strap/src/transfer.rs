//! Sends log records over the radio, in order, beside the live stream (docs/protocol.md, section 5).

use embedded_storage_async::nor_flash::NorFlash;
use trouble_host::prelude::*;
use unslouch_strap_core::log::RECORD_MAX;
use unslouch_strap_core::wire::PAYLOAD_MAX;
use unslouch_strap_core::wire::control::Status;
use unslouch_strap_core::wire::event::{LOG_END, encode_log_end};
use unslouch_strap_core::wire::log::fragment;

use crate::gatt::Server;
use crate::logger::SharedLog;
use crate::state::Shared;
use crate::stream::{notify, payload};

/// A transfer that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// First id.
    pub first: u32,
    /// Last id.
    pub last: u32,
    /// Asked to stop: LOG_END comes next.
    pub stopped: bool,
}

/// Send what is asked for as long as the connection lasts.
pub async fn serve<F: NorFlash>(
    shared: &Shared,
    log: &SharedLog<F>,
    server: &Server<'_>,
    conn: &GattConnection<'_, '_, DefaultPacketPool>,
) -> Result<(), Error> {
    loop {
        let Some(transfer) = shared.with(|state| state.transfer) else {
            shared.transfer_asked.wait().await;
            continue;
        };
        let mut status = Status::Ok;
        let (mut sent, mut after) = (0, transfer.first);
        for id in transfer.first..=transfer.last {
            if shared.with(|state| state.transfer.is_none_or(|transfer| transfer.stopped)) {
                break; // stopped
            }
            let mut record = [0; RECORD_MAX];
            let read = match log.lock().await.as_mut() {
                Some(log) => log.read(id, &mut record).await,
                None => Ok(None),
            };
            after = id.saturating_add(1);
            match read {
                Ok(Some(length)) => {
                    send(server, conn, record.get(..length).unwrap_or(&[]), id).await?;
                    sent += 1;
                }
                // torn, or overwritten meanwhile
                Ok(None) => {}
                Err(_) => {
                    status = Status::StorageFault;
                    break;
                }
            }
            embassy_futures::yield_now().await;
        }
        let mut end = [0; LOG_END];
        if let Some(bytes) = encode_log_end(&mut end, status as u8, transfer.first, after, sent) {
            send(server, conn, bytes, 0).await?;
        }
        shared.with(|state| state.transfer = None);
        shared.link_wanted.signal(());
        shared.note_change();
    }
}

async fn send(
    server: &Server<'_>,
    conn: &GattConnection<'_, '_, DefaultPacketPool>,
    record: &[u8],
    id: u32,
) -> Result<(), Error> {
    let mut buffer = [0; PAYLOAD_MAX];
    let mut index = 0;
    while let Some(bytes) = fragment(record, id, index, payload(conn.raw()), &mut buffer) {
        notify(&server.strap.log, conn, bytes).await?;
        index += 1;
    }
    Ok(())
}
