//! One central, from its connection to its end: who may read, what is sent when.

use core::cell::Cell;

use bt_hci::cmd::le::{
    LeLongTermKeyRequestNegativeReply, LeReadLocalSupportedFeatures, LeSetDataLength, LeSetPhy,
};
use bt_hci::cmd::link_control::Disconnect;
use bt_hci::controller::{ControllerCmdAsync, ControllerCmdSync};
use bt_hci::param::DisconnectReason;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use trouble_host::att::{AttClient, AttReq};
use trouble_host::gatt::Reply;
use trouble_host::prelude::*;
use unslouch_strap_core::log::Log;
use unslouch_strap_core::wire::Kind;
use unslouch_strap_core::wire::control::{Answer, Request, Status as ControlStatus};
use unslouch_strap_core::wire::event::Event;
use unslouch_strap_core::wire::log::Builder;

use crate::bonds::{SharedBonds, SharedStore};
use crate::control::{After, execute};
use crate::gatt::Server;
use crate::logger::{self, SharedLog};
use crate::state::{Shared, State};
use crate::stream::{notify, payload};
use crate::transfer::{self, Transfer};
use crate::{status, stream};

/// Time for the last notification to leave before the link ends.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// A central that has shown no key after this long is sent away: it keeps others out.
const STRANGER: Duration = Duration::from_secs(30);
/// No controller answers later; some never do.
const HCI_TIMEOUT: Duration = Duration::from_secs(2);
/// How long after a transfer or a resend the link goes back to economy.
const SETTLED: Duration = Duration::from_secs(1);
/// STATUS is notified at least this often.
const STATUS_EVERY: Duration = Duration::from_secs(30);

/// What is to be done once the central is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Advertise again.
    Normally,
    /// Start again.
    Reboot {
        /// Into the bootloader.
        bootloader: bool,
    },
}

/// A connection and what belongs to it.
pub struct Central<'a, 'stack, 'server, 'values, C, F: NorFlash, G: NorFlash> {
    /// What the tasks share.
    pub shared: &'a Shared,
    /// The host.
    pub stack: &'a Stack<'stack, C, DefaultPacketPool>,
    /// The attribute table.
    pub server: &'a Server<'values>,
    /// The link.
    pub conn: &'a GattConnection<'a, 'server, DefaultPacketPool>,
    /// Settings and bonds in flash.
    pub store: &'a SharedStore<F>,
    /// Bonds.
    pub bonds: &'a SharedBonds,
    /// The log.
    pub log: &'a SharedLog<G>,
    /// Text of the last panic.
    pub panic_text: &'a [u8],
}

/// Whether this central may use the strap, and the news of it.
struct Trust {
    given: Cell<bool>,
    news: Signal<NoopRawMutex, ()>,
}

impl Trust {
    fn give(&self) {
        self.given.set(true);
        self.news.signal(());
    }
}

/// What the commands of a link need of its controller.
pub trait LinkController:
    Controller
    + ControllerCmdAsync<LeSetPhy>
    + ControllerCmdSync<LeSetDataLength>
    + ControllerCmdSync<LeReadLocalSupportedFeatures>
    + ControllerCmdSync<LeLongTermKeyRequestNegativeReply>
    + ControllerCmdSync<Disconnect>
{
}

impl<C> LinkController for C where
    C: Controller
        + ControllerCmdAsync<LeSetPhy>
        + ControllerCmdSync<LeSetDataLength>
        + ControllerCmdSync<LeReadLocalSupportedFeatures>
        + ControllerCmdSync<LeLongTermKeyRequestNegativeReply>
        + ControllerCmdSync<Disconnect>
{
}

impl<C: LinkController, F: NorFlash, G: NorFlash> Central<'_, '_, '_, '_, C, F, G> {
    /// Serve the central until it goes or is sent away.
    pub async fn serve(&self) -> Ended {
        let trust = Trust {
            given: Cell::new(false),
            news: Signal::new(),
        };
        self.shared.requests.clear();
        self.shared.measured.reset();
        // the strap has a window instead: see `guard`; fails only when the link is gone, which `events` tells
        let _ = self.conn.raw().set_bondable(true);
        // what happened before is in the log: the stream tells what happens from now on
        self.shared.live_events.clear();
        self.shared.with(State::forget_central);
        let work = async {
            trust.news.wait().await;
            self.shared.with(|state| state.connected = true);
            self.shared.wake.signal(());
            self.prepare_link().await;
            let streaming = stream::serve(self.shared, self.server, self.conn);
            let asked_for = transfer::serve(self.shared, self.log, self.server, self.conn);
            let tells = select(self.tell_status(), self.tell_calibration());
            let others = select3(tells, self.keep_parameters(), asked_for);
            // who is polled first sends first: answers, then what is live, and what was asked for with what is left
            match select3(self.requests(), streaming, others).await {
                Either3::First(ended) => ended,
                _ => Ended::Normally,
            }
        };
        let strangers = select(self.wait_for_trust(&trust), self.wait_for_lost_key());
        let ended = match select3(self.events(&trust), work, strangers).await {
            Either3::Second(ended) => ended,
            Either3::First(()) | Either3::Third(_) => Ended::Normally,
        };
        if !trust.given.get() && self.conn.raw().is_connected() {
            self.send_away().await;
        }
        self.conn.raw().disconnect();
        self.shared.with(State::forget_central);
        self.shared.note_change();
        ended
    }

    /// End the link for want of a key, which the central is told.
    async fn send_away(&self) {
        let handle = self.conn.raw().handle();
        let end = Disconnect::new(handle, DisconnectReason::AuthenticationFailure);
        if self.stack.command(end).await.is_ok() {
            let gone = async {
                while !matches!(
                    self.conn.next().await,
                    GattConnectionEvent::Disconnected { .. }
                ) {}
            };
            // longer than any supervision timeout that is asked for
            let _ = with_timeout(STRANGER, gone).await;
        }
    }

    /// Ends when a stranger has had its time and the pairing window is closed.
    async fn wait_for_trust(&self, trust: &Trust) {
        Timer::after(STRANGER).await;
        while trust.given.get() || self.shared.with(|state| state.pairing_open()) {
            Timer::after_secs(1).await;
        }
    }

    /// Ends when the central comes with a key that the strap has no more. The host ends the link for it, but not one as
    /// young as it may be; what the central is told is `guard`'s affair.
    async fn wait_for_lost_key(&self) {
        loop {
            self.shared.key_asked.wait().await;
            Timer::after(2 * LAST_WORDS).await;
            let peer = self.conn.raw().peer_identity();
            let known = self.stack.with_bond_information(|bonds| {
                bonds.iter().any(|bond| bond.identity.match_identity(&peer))
            });
            if !known && self.shared.with(|state| state.key_asked.is_some()) {
                return;
            }
        }
    }

    /// Faster radio and longer packets; a controller that never answers is left alone.
    async fn prepare_link(&self) {
        let conn = self.conn.raw();
        let _ = with_timeout(HCI_TIMEOUT, conn.set_phy(self.stack, PhyKind::Le2M)).await;
        let _ = with_timeout(HCI_TIMEOUT, conn.update_data_length(self.stack, 251, 2120)).await;
    }

    /// Keep the link as fast as what runs on it wants; the strap lives with what it gets.
    async fn keep_parameters(&self) {
        loop {
            let wanted = || {
                self.shared.with(|state| {
                    let busy = state.resend.is_some() || state.transfer.is_some();
                    let economy = match (busy, state.mode_set) {
                        (true, _) => Some(false),
                        (false, true) => Some(state.economy),
                        (false, false) => None,
                    };
                    economy.filter(|economy| state.parameters != Some(*economy))
                })
            };
            if wanted() == Some(true) {
                // between two requests of a gap's many it is not worth it
                Timer::after(SETTLED).await;
            }
            match wanted() {
                Some(economy) => {
                    self.shared.with(|state| state.parameters = Some(economy));
                    self.ask_parameters(economy).await;
                }
                None => self.shared.link_wanted.wait().await,
            }
        }
    }

    /// Ask for link parameters.
    async fn ask_parameters(&self, economy: bool) {
        let (from, to, latency, timeout) = if economy {
            (120, 150, 4, 6)
        } else {
            (15, 30, 0, 4)
        };
        let wanted = RequestedConnParams {
            min_connection_interval: Duration::from_millis(from),
            max_connection_interval: Duration::from_millis(to),
            max_latency: latency,
            min_event_length: Duration::from_secs(0),
            max_event_length: Duration::from_secs(0),
            supervision_timeout: Duration::from_secs(timeout),
        };
        let _ = with_timeout(
            HCI_TIMEOUT,
            self.conn
                .raw()
                .update_connection_params(self.stack, &wanted),
        )
        .await;
    }

    /// Carry out requests in order.
    async fn requests(&self) -> Ended {
        let control = &self.server.strap.control;
        loop {
            let next = select(self.shared.measured.wait(), self.shared.requests.receive());
            let (answer, after) = match next.await {
                Either::First((op, tag, status)) => {
                    (Some(Answer::new(op, tag, status)), After::Nothing)
                }
                Either::Second(bytes) => {
                    execute(self.shared, self.conn.raw(), self.panic_text, &bytes)
                }
            };
            let answer = match (answer, after) {
                (Some(answer), _) => answer,
                (None, After::AskLog { op, tag, request }) => self.ask_log(op, tag, request).await,
                (None, _) => continue,
            };
            if notify(self.shared, control, self.conn, answer.bytes())
                .await
                .is_err()
            {
                return Ended::Normally;
            }
            match after {
                After::AskLog { .. } => self.shared.asked.signal(()),
                After::Nothing => {}
                After::Forget { all } => {
                    let peer = self.conn.raw().peer_identity();
                    let whom = if all { None } else { Some(&peer) };
                    self.bonds
                        .lock()
                        .await
                        .forget(whom, self.stack, self.store, self.shared)
                        .await;
                    Timer::after(LAST_WORDS).await;
                    return Ended::Normally;
                }
                After::Reboot { bootloader } => {
                    Timer::after(LAST_WORDS).await;
                    return Ended::Reboot { bootloader };
                }
            }
        }
    }

    /// Carry out a request about the log.
    async fn ask_log(&self, op: u8, tag: u8, request: Request) -> Answer {
        if let Request::Mark { value } = request {
            let event = self.shared.event_now(Event::CompanionMarker, value);
            return match logger::store_event(self.shared, self.log, event).await {
                Some(id) => Answer::with(op, tag, ControlStatus::Ok, |out| {
                    out.u32(id);
                }),
                None => Answer::new(op, tag, ControlStatus::StorageFault),
            };
        }
        let refused = |status| {
            self.shared
                .with(|state| state.refused = state.refused.saturating_add(1));
            Answer::new(op, tag, status)
        };
        let mut released = Ok(None);
        if let Request::Stored { boot, seq } = request {
            let (now, newest, carried, time_told) = self.shared.with(|state| {
                (
                    state.boot,
                    state.ring.next(),
                    state.carried,
                    state.time_told,
                )
            });
            // serial arithmetic: a boot from the future cannot have been stored
            let later = (1..0x8000).contains(&boot.wrapping_sub(now));
            if later || (boot == now && seq >= newest) {
                return refused(ControlStatus::OutOfRange);
            }
            released = logger::stored_up_to(self.log, (boot, seq), carried, time_told).await;
        }
        let mut guard = self.log.lock().await;
        let Some(log) = guard.as_mut() else {
            return refused(ControlStatus::StorageFault);
        };
        match request {
            Request::LogRead { first, last } => {
                let (first, last) = (
                    first.max(log.oldest_id()),
                    last.min(log.next_id().wrapping_sub(1)),
                );
                if self.shared.with(|state| state.transfer.is_some()) {
                    return refused(ControlStatus::Busy);
                }
                if first > last {
                    return refused(ControlStatus::Gone);
                }
                self.shared.with(|state| {
                    state.transfer = Some(Transfer::new(first, last));
                });
                self.shared.link_wanted.signal(());
                Answer::with(op, tag, ControlStatus::Ok, |out| {
                    out.u32(first).u32(last);
                })
            }
            Request::LogConfirm { id } => match log.confirm(id).await {
                Ok(true) => self.held(op, tag, log),
                Ok(false) => refused(ControlStatus::OutOfRange),
                Err(_) => refused(ControlStatus::StorageFault),
            },
            Request::Stored { boot, seq } => {
                let confirmed = match released {
                    Ok(Some(id)) => log.confirm(id).await.map(|_| ()),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                // a record that is covered while still in RAM is not written at all
                self.shared.with(|state| {
                    let this = boot == state.boot;
                    let covered = |record: &mut Builder| this && record.last_seq() <= seq;
                    state.record.take_if(covered);
                });
                match confirmed {
                    Ok(()) => self.held(op, tag, log),
                    Err(_) => refused(ControlStatus::StorageFault),
                }
            }
            _ => refused(ControlStatus::UnknownOp),
        }
    }

    fn held(&self, op: u8, tag: u8, log: &Log<G>) -> Answer {
        logger::note(self.shared, Some(log));
        Answer::with(op, tag, ControlStatus::Ok, |out| {
            out.u32(log.oldest_id());
        })
    }

    /// Notify that the calibration is to be read again.
    async fn tell_calibration(&self) -> Result<(), Error> {
        loop {
            self.shared.calibration_changed.wait().await;
            let first = [Kind::Calibration.byte()];
            notify(
                self.shared,
                &self.server.strap.calibration,
                self.conn,
                &first,
            )
            .await?;
        }
    }

    /// Notify STATUS and the battery as they change.
    async fn tell_status(&self) -> Result<(), Error> {
        let characteristic = &self.server.strap.status;
        loop {
            let change = select(
                self.shared.status_changed.wait(),
                self.shared.battery_changed.wait(),
            );
            if let Ok(Either::Second(percent)) = with_timeout(STATUS_EVERY, change).await {
                let level = &self.server.battery.level;
                level.set(self.server, &percent)?;
                notify(self.shared, level, self.conn, &[percent]).await?;
            }
            let mut bytes = [0; unslouch_strap_core::wire::status::LENGTH];
            let whole = status::collect(self.shared)
                .encode(&mut bytes)
                .unwrap_or(&[]);
            let room = whole.len().min(payload(self.conn.raw()));
            notify(
                self.shared,
                characteristic,
                self.conn,
                whole.get(..room).unwrap_or(&[]),
            )
            .await?;
        }
    }

    /// Keys and attributes; ends when the link does, or when a stranger paired outside the window.
    async fn events(&self, trust: &Trust) {
        loop {
            match self.conn.next().await {
                GattConnectionEvent::Disconnected { reason } => {
                    self.shared
                        .with(|state| state.disconnect_reason = reason.into_inner());
                    return;
                }
                GattConnectionEvent::Encrypted {
                    bond: Some(bond), ..
                } => {
                    let mut bonds = self.bonds.lock().await;
                    let known = bonds.touch(&bond.identity, self.store, self.shared).await;
                    if known {
                        trust.give();
                    } else {
                        return;
                    }
                }
                GattConnectionEvent::PairingComplete {
                    security_level,
                    bond,
                } => {
                    let open = self.shared.with(|state| state.pairing_open());
                    match bond {
                        Some(bond) if open && security_level.encrypted() => {
                            self.bonds
                                .lock()
                                .await
                                .add(bond, self.stack, self.store, self.shared)
                                .await;
                            trust.give();
                        }
                        // nothing of the strap was told yet (`serve_attribute` refuses without trust)
                        Some(bond) => {
                            // the host kept the key already: the window closed while they paired
                            let _ = self.stack.remove_bond_information(bond.identity);
                            return;
                        }
                        None => return,
                    }
                }
                // refused: told so, it has nothing to stay for
                GattConnectionEvent::PairingFailed(_)
                    if !trust.given.get() && !self.shared.with(|state| state.pairing_open()) =>
                {
                    Timer::after(LAST_WORDS).await;
                    return;
                }
                GattConnectionEvent::Gatt { event } => self.serve_attribute(event, trust).await,
                _ => {}
            }
        }
    }

    fn is_strap_attribute(&self, handle: u16) -> bool {
        let strap = &self.server.strap;
        (strap.stream.handle.saturating_sub(1)..=strap.calibration.end_handle).contains(&handle)
    }

    async fn serve_attribute(&self, event: GattEvent<'_, '_, DefaultPacketPool>, trust: &Trust) {
        let strap = &self.server.strap;
        let handle = match &event {
            GattEvent::Read(read) => read.handle(),
            GattEvent::Write(write) => write.handle(),
            // discovery tells handles and UUIDs alone; what reads values is refused by the table's permissions while
            // the link is not encrypted, and here while it is encrypted without trust
            GattEvent::Other(other) => match other.payload().incoming() {
                AttClient::Request(AttReq::ReadByType { .. } | AttReq::ReadMultiple { .. })
                    if !self.may_discover(trust) =>
                {
                    return reply(event.reject(AttErrorCode::INSUFFICIENT_AUTHENTICATION)).await;
                }
                _ => return reply(event.accept()).await,
            },
            GattEvent::NotAllowed(_) => return reply(event.accept()).await,
        };
        if self.is_strap_attribute(handle) && !trust.given.get() {
            return reply(event.reject(AttErrorCode::INSUFFICIENT_AUTHENTICATION)).await;
        }
        match &event {
            GattEvent::Read(read) if handle == strap.status.handle && is_first(read) => {
                let mut bytes = [0; unslouch_strap_core::wire::status::LENGTH];
                let whole = status::collect(self.shared)
                    .encode(&mut bytes)
                    .unwrap_or(&[]);
                let value = Vec::from_slice(whole).unwrap_or_default();
                let _ = strap.status.set(self.server, &value);
            }
            GattEvent::Read(_) if handle == self.server.battery.level.handle => {
                let percent = self.shared.with(|state| state.battery_percent.min(100));
                let _ = self.server.battery.level.set(self.server, &percent);
            }
            GattEvent::Read(read) if handle == strap.calibration.handle && is_first(read) => {
                let bytes = self
                    .shared
                    .with(|state| state.settings.calibration.encode());
                let _ = strap
                    .calibration
                    .set(self.server, &Vec::from_slice(&bytes).unwrap_or_default());
            }
            GattEvent::Write(write) if handle == strap.control.handle => {
                if !strap.control.should_notify(self.conn) {
                    return reply(event.reject(AttErrorCode::CCCD_IMPROPERLY_CONFIGURED)).await;
                }
                let taken = write.with_data(|_, data| match Vec::from_slice(data) {
                    Ok(bytes) => self
                        .shared
                        .requests
                        .try_send(bytes)
                        .map_err(|_| ControlStatus::Busy),
                    Err(_) => Err(ControlStatus::BadLength),
                });
                let head = write.with_data(|_, data| (data.first().copied(), data.get(1).copied()));
                reply(event.accept()).await;
                if let Err(status) = taken {
                    self.shared
                        .with(|state| state.refused = state.refused.saturating_add(1));
                    let answer = Answer::new(head.0.unwrap_or(0x7F), head.1.unwrap_or(0), status);
                    // fails only when the link is gone
                    let _ = notify(self.shared, &strap.control, self.conn, answer.bytes()).await;
                }
                return;
            }
            _ => {}
        }
        reply(event.accept()).await;
    }

    /// An unencrypted central may discover; one that encrypted without leave may not even that.
    fn may_discover(&self, trust: &Trust) -> bool {
        trust.given.get()
            || !self
                .conn
                .raw()
                .security_level()
                .is_ok_and(|level| level.encrypted())
    }
}

/// A long read goes on in what its first part was taken from.
fn is_first(read: &ReadEvent<'_, '_, DefaultPacketPool>) -> bool {
    matches!(
        read.payload().incoming(),
        AttClient::Request(AttReq::Read { .. })
    )
}

async fn reply(reply: Result<Reply<'_, DefaultPacketPool>, Error>) {
    if let Ok(reply) = reply {
        reply.send().await;
    }
}
