//! Sends what was asked for, samples again and log records, beside the live stream (docs/protocol.md, sections 4 and 5).
//!
//! Where both were asked for they take turns by the notification, so that neither waits for the other's end.

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
use crate::stream::{notify, payload, resent_packet};

/// A transfer that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    first: u32,
    last: u32,
    next: u32,
    sent: u32,
    /// Asked to stop: LOG_END comes next.
    pub stopped: bool,
}

impl Transfer {
    /// Of the records `first` to `last`.
    pub fn new(first: u32, last: u32) -> Self {
        Self {
            first,
            last,
            next: first,
            sent: 0,
            stopped: false,
        }
    }
}

/// The record that is on its way.
struct Sending {
    record: [u8; RECORD_MAX],
    length: usize,
    id: u32,
    /// Of the next fragment.
    index: usize,
    /// LOG_END: the transfer ends with it.
    last: bool,
}

/// Send what is asked for as long as the connection lasts.
pub async fn serve<F: NorFlash>(
    shared: &Shared,
    log: &SharedLog<F>,
    server: &Server<'_>,
    conn: &GattConnection<'_, '_, DefaultPacketPool>,
) -> Result<(), Error> {
    let mut buffer = [0; PAYLOAD_MAX];
    let mut sending: Option<Sending> = None;
    loop {
        let resent = resent_packet(shared, conn.raw(), &mut buffer);
        if let Some(length) = resent {
            let packet = buffer.get(..length).unwrap_or(&[]);
            notify(shared, &server.strap.stream, conn, packet).await?;
        }
        if sending.is_none() {
            sending = next_record(shared, log).await;
        }
        if let Some(on_its_way) = &mut sending {
            let Sending {
                record, length, id, ..
            } = on_its_way;
            let record = record.get(..*length).unwrap_or(&[]);
            let room = payload(conn.raw());
            match fragment(record, *id, on_its_way.index, room, &mut buffer) {
                Some(bytes) => {
                    notify(shared, &server.strap.log, conn, bytes).await?;
                    on_its_way.index += 1;
                }
                None => {
                    if on_its_way.last {
                        shared.with(|state| state.transfer = None);
                        shared.link_wanted.signal(());
                        shared.note_change();
                    }
                    sending = None;
                    continue;
                }
            }
        } else if resent.is_none() {
            shared.asked.wait().await;
        }
        // whoever else has something to send comes first
        embassy_futures::yield_now().await;
    }
}

/// The next record of the transfer that runs, or its LOG_END.
async fn next_record<F: NorFlash>(shared: &Shared, log: &SharedLog<F>) -> Option<Sending> {
    let mut sending = Sending {
        record: [0; RECORD_MAX],
        length: 0,
        id: 0,
        index: 0,
        last: true,
    };
    let mut status = Status::Ok;
    loop {
        let transfer = shared.with(|state| state.transfer)?;
        if transfer.stopped || transfer.next > transfer.last || status != Status::Ok {
            let Transfer {
                first, next, sent, ..
            } = transfer;
            let mut end = [0; LOG_END];
            let bytes = encode_log_end(&mut end, status as u8, first, next, sent)?;
            sending.record.get_mut(..LOG_END)?.copy_from_slice(bytes);
            sending.length = LOG_END;
            return Some(sending);
        }
        let id = transfer.next;
        let read = match log.lock().await.as_mut() {
            Some(log) => log.read(id, &mut sending.record).await,
            None => Ok(None),
        };
        let found = matches!(read, Ok(Some(_)));
        shared.with(|state| {
            if let Some(transfer) = &mut state.transfer {
                transfer.next = id.saturating_add(1);
                transfer.sent += u32::from(found);
            }
        });
        match read {
            Ok(Some(length)) => {
                (sending.length, sending.id, sending.last) = (length, id, false);
                return Some(sending);
            }
            // torn, or overwritten meanwhile
            Ok(None) => embassy_futures::yield_now().await,
            Err(_) => status = Status::StorageFault,
        }
    }
}
