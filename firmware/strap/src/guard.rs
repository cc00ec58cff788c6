//! Stands between the host and the controller, and does for the host what it cannot.
//!
//! TrouBLE 0.8 takes the fields of attribute and security packets without looking whether they are there, and anybody in
//! range can send them cut: those are held back. It cannot refuse a pairing: outside the window the request is made one
//! that it refuses, and its answer then tells the right reason. It leaves a central that comes with a forgotten key
//! without an answer: it is told that the key is missing.

use core::cell::Cell;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use bt_hci::cmd::le::{LeLongTermKeyRequestNegativeReply, LeLongTermKeyRequestReply};
use bt_hci::cmd::link_control::Disconnect;
use bt_hci::cmd::{self, AsyncCmd, Cmd, SyncCmd};
use bt_hci::controller::{Controller, ControllerCmdAsync, ControllerCmdSync};
use bt_hci::data::{AclBroadcastFlag, AclPacket, AclPacketBoundary, IsoPacket, SyncPacket};
use bt_hci::event::EventKind;
use bt_hci::param::{self, ConnHandle};
use bt_hci::{ControllerToHostPacket, data};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, with_timeout};
use embedded_io::ErrorType;

use crate::state::Shared;

/// A controller behind the guard.
pub struct Guarded<'a, C> {
    controller: C,
    shared: &'a Shared,
    /// A pairing is being refused.
    refusing: Cell<bool>,
    /// A link ended.
    ended: Signal<NoopRawMutex, ()>,
}

impl<'a, C> Guarded<'a, C> {
    /// Guard a controller.
    pub fn new(controller: C, shared: &'a Shared) -> Self {
        Self {
            controller,
            shared,
            refusing: Cell::new(false),
            ended: Signal::new(),
        }
    }
}

const ATT: u16 = 4;
const SMP: u16 = 6;
/// An attribute command that nobody knows: hosts ignore it (Core Specification, Vol 3, Part F, 3.3).
const NOTHING: [u8; 5] = [1, 0, 4, 0, 0x7F];
/// A pairing request without Secure Connections, which the host refuses.
const LEGACY: [u8; 11] = [7, 0, 6, 0, PAIRING_REQUEST, 3, 0, 0, 16, 0, 0];
/// Pairing failed: not supported, which is what a closed window means (Core Specification, Vol 3, Part H, 3.5.5).
const NOT_SUPPORTED: [u8; 6] = [2, 0, 6, 0, PAIRING_FAILED, 5];
const PAIRING_REQUEST: u8 = 1;
const PAIRING_FAILED: u8 = 5;
/// LE Long Term Key Request among the LE events.
const LE_KEY_REQUEST: u8 = 5;
/// Time for the news of a missing key to get through before the link ends.
const NEWS: Duration = Duration::from_millis(200);

/// Length of a security packet with its code (Core Specification, Vol 3, Part H, 3.3); 0 for none.
fn smp_length(code: u8) -> usize {
    match code {
        1 | 2 => 7,
        3 | 4 | 6 | 8 | 10 | 13 => 17,
        5 | 11 | 14 => 2,
        7 => 11,
        9 => 8,
        12 => 65,
        _ => 0,
    }
}

/// Whether an attribute packet of a client has a length that its code can have (Core Specification, Vol 3, Part F, 3.4).
/// Answers are none: the strap asks nothing.
fn att_length(code: u8, length: usize) -> bool {
    match code {
        0x02 | 0x0A => length == 3,
        0x04 | 0x0C => length == 5,
        0x06 => length >= 7,
        0x08 => length == 7 || length == 21,
        // services are named by 16 bits; TrouBLE 0.8 reads past the end of the 128-bit form
        0x10 => length == 7,
        0x0E | 0x20 => length >= 5 && length % 2 == 1,
        0x12 | 0x52 => length >= 3,
        0x16 => length >= 5,
        0x18 => length == 2,
        0x1E => length == 1,
        0xD2 => length >= 15,
        // unknown ones are refused by their code alone
        0x7F => length > 0,
        _ => false,
    }
}

/// Whether the host survives what a packet begins with.
fn survives(data: &[u8]) -> bool {
    let &[low, high, channel_low, channel_high, ref rest @ ..] = data else {
        return false;
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    match (
        u16::from_le_bytes([channel_low, channel_high]),
        rest.first(),
    ) {
        (ATT | SMP, None) => false,
        (ATT, Some(code)) => att_length(*code, length),
        (SMP, Some(code)) => {
            // the public key's packet is 65 bytes with its code
            let expected = smp_length(*code);
            expected > 0 && length == expected
        }
        _ => true,
    }
}

/// Code of the security packet that begins here.
fn smp_code(data: &[u8]) -> Option<u8> {
    match *data {
        [_, _, low, high, code, ..] if u16::from_le_bytes([low, high]) == SMP => Some(code),
        _ => None,
    }
}

/// A whole packet of a link.
fn whole(handle: ConnHandle, data: &[u8]) -> AclPacket<'_> {
    AclPacket::new(
        handle,
        AclPacketBoundary::FirstFlushable,
        AclBroadcastFlag::PointToPoint,
        data,
    )
}

impl<C: ErrorType> ErrorType for Guarded<'_, C> {
    type Error = C::Error;
}

impl<C: Controller> Controller for Guarded<'_, C> {
    type Buffer<'a> = C::Buffer<'a>;

    fn alloc_buf(&self) -> Result<Self::Buffer<'_>, Self::Error> {
        self.controller.alloc_buf()
    }

    async fn write_acl_data(&self, packet: &AclPacket<'_>) -> Result<(), Self::Error> {
        if smp_code(packet.data()) == Some(PAIRING_FAILED) && self.refusing.take() {
            let refusal = AclPacket::new(
                packet.handle(),
                packet.boundary_flag(),
                packet.broadcast_flag(),
                &NOT_SUPPORTED,
            );
            return self.controller.write_acl_data(&refusal).await;
        }
        self.controller.write_acl_data(packet).await
    }

    async fn write_sync_data(&self, packet: &SyncPacket<'_>) -> Result<(), Self::Error> {
        self.controller.write_sync_data(packet).await
    }

    async fn write_iso_data(&self, packet: &IsoPacket<'_>) -> Result<(), Self::Error> {
        self.controller.write_iso_data(packet).await
    }

    async fn read<'a>(
        &self,
        buf: &'a mut Self::Buffer<'_>,
    ) -> Result<ControllerToHostPacket<'a>, Self::Error> {
        let packet = self.controller.read(buf).await?;
        match &packet {
            ControllerToHostPacket::Acl(acl)
                if acl.boundary_flag() != data::AclPacketBoundary::Continuing =>
            {
                if !survives(acl.data()) {
                    return Ok(ControllerToHostPacket::Acl(whole(acl.handle(), &NOTHING)));
                }
                if smp_code(acl.data()) == Some(PAIRING_REQUEST)
                    && !self.shared.with(|state| state.pairing_open())
                {
                    self.refusing.set(true);
                    return Ok(ControllerToHostPacket::Acl(whole(acl.handle(), &LEGACY)));
                }
            }
            ControllerToHostPacket::Event(event) if event.kind == EventKind::Le => {
                if let [LE_KEY_REQUEST, low, high, ..] = *event.data {
                    let handle = u16::from_le_bytes([low, high]);
                    self.shared
                        .with(|state| state.key_asked = Some(ConnHandle::new(handle)));
                    self.shared.key_asked.signal(());
                }
            }
            ControllerToHostPacket::Event(event)
                if event.kind == EventKind::DisconnectionComplete =>
            {
                self.shared.with(|state| state.key_asked = None);
                self.ended.signal(());
            }
            _ => {}
        }
        Ok(packet)
    }
}

impl<C: ControllerCmdSync<LeLongTermKeyRequestNegativeReply>> Guarded<'_, C> {
    /// A link that is to end with a key still asked for: there is none. Whether the link ended over that.
    async fn tell_of_missing_key(&self) -> bool {
        let Some(handle) = self.shared.with(|state| state.key_asked.take()) else {
            return false;
        };
        self.ended.reset();
        let none = LeLongTermKeyRequestNegativeReply::new(handle);
        self.controller.exec(&none).await.is_ok()
            && with_timeout(NEWS, self.ended.wait()).await.is_ok()
    }
}

impl<C, Q> ControllerCmdSync<Q> for Guarded<'_, C>
where
    C: ControllerCmdSync<Q> + ControllerCmdSync<LeLongTermKeyRequestNegativeReply>,
    Q: SyncCmd + ?Sized,
{
    async fn exec(&self, command: &Q) -> Result<Q::Return, cmd::Error<Self::Error>> {
        if Q::OPCODE == LeLongTermKeyRequestReply::OPCODE {
            self.shared.with(|state| state.key_asked = None);
        }
        let ending = Q::OPCODE == Disconnect::OPCODE;
        // whatever a controller has against it, the host need not end for that
        let gone = || cmd::Error::Hci(param::Error::UNKNOWN_CONN_IDENTIFIER);
        // one await: a second one would be made for each command, though one alone ends a link
        let mut told = false;
        let mut telling = pin!(self.tell_of_missing_key());
        let mut carried = pin!(self.controller.exec(command));
        poll_fn(|cx| {
            if ending && !told {
                match telling.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    // the next link may have the same handle
                    Poll::Ready(true) => return Poll::Ready(Err(gone())),
                    Poll::Ready(false) => told = true,
                }
            }
            carried.as_mut().poll(cx).map_err(|error| match error {
                cmd::Error::Hci(_) if ending => gone(),
                error => error,
            })
        })
        .await
    }
}

impl<C: ControllerCmdAsync<Q>, Q: AsyncCmd + ?Sized> ControllerCmdAsync<Q> for Guarded<'_, C> {
    async fn exec(&self, command: &Q) -> Result<(), cmd::Error<Self::Error>> {
        self.controller.exec(command).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_cut_packets_are_held_back_and_honest_ones_pass() {
        for bad in [
            &[][..],
            &[0, 0, 4],
            &[0, 0, 4, 0],
            &[0, 0, 6, 0],
            &[2, 0, 4, 0, 0x0A, 1],
            &[4, 0, 4, 0, 0x0E, 1, 0, 2],
            &[1, 0, 4, 0, 0x13],
            &[1, 0, 6, 0, 5],
            &[2, 0, 6, 0, 99, 0],
        ] {
            assert!(!survives(bad), "{bad:?}");
        }
        for good in [
            &[3, 0, 4, 0, 0x0A, 1, 0][..],
            &[2, 0, 6, 0, 5, 8],
            &[65, 0, 6, 0, 12, 1],
            &[4, 0, 5, 0, 1, 1, 0, 0],
        ] {
            assert!(survives(good), "{good:?}");
        }
        assert!(survives(&NOTHING));
    }
}
