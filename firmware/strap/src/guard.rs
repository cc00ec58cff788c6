//! Keeps from the host what it does not survive: TrouBLE 0.8 takes the fields of attribute and security packets without
//! looking whether they are there, and anybody in range can send them cut.

use bt_hci::cmd::{self, AsyncCmd, SyncCmd};
use bt_hci::controller::{Controller, ControllerCmdAsync, ControllerCmdSync};
use bt_hci::data::{AclBroadcastFlag, AclPacket, AclPacketBoundary, IsoPacket, SyncPacket};
use bt_hci::{ControllerToHostPacket, data};
use embedded_io::ErrorType;

/// A controller behind the guard.
pub struct Guarded<C>(pub C);

const ATT: u16 = 4;
const SMP: u16 = 6;
/// An attribute command that nobody knows: hosts ignore it (Core Specification, Vol 3, Part F, 3.3).
const NOTHING: [u8; 5] = [1, 0, 4, 0, 0x7F];

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

impl<C: ErrorType> ErrorType for Guarded<C> {
    type Error = C::Error;
}

impl<C: Controller> Controller for Guarded<C> {
    type Buffer<'a> = C::Buffer<'a>;

    fn alloc_buf(&self) -> Result<Self::Buffer<'_>, Self::Error> {
        self.0.alloc_buf()
    }

    async fn write_acl_data(&self, packet: &AclPacket<'_>) -> Result<(), Self::Error> {
        self.0.write_acl_data(packet).await
    }

    async fn write_sync_data(&self, packet: &SyncPacket<'_>) -> Result<(), Self::Error> {
        self.0.write_sync_data(packet).await
    }

    async fn write_iso_data(&self, packet: &IsoPacket<'_>) -> Result<(), Self::Error> {
        self.0.write_iso_data(packet).await
    }

    async fn read<'a>(
        &self,
        buf: &'a mut Self::Buffer<'_>,
    ) -> Result<ControllerToHostPacket<'a>, Self::Error> {
        let packet = self.0.read(buf).await?;
        if let ControllerToHostPacket::Acl(acl) = &packet
            && acl.boundary_flag() != data::AclPacketBoundary::Continuing
            && !survives(acl.data())
        {
            return Ok(ControllerToHostPacket::Acl(AclPacket::new(
                acl.handle(),
                AclPacketBoundary::FirstFlushable,
                AclBroadcastFlag::PointToPoint,
                &NOTHING,
            )));
        }
        Ok(packet)
    }
}

impl<C: ControllerCmdSync<Q>, Q: SyncCmd + ?Sized> ControllerCmdSync<Q> for Guarded<C> {
    async fn exec(&self, command: &Q) -> Result<Q::Return, cmd::Error<Self::Error>> {
        self.0.exec(command).await
    }
}

impl<C: ControllerCmdAsync<Q>, Q: AsyncCmd + ?Sized> ControllerCmdAsync<Q> for Guarded<C> {
    async fn exec(&self, command: &Q) -> Result<(), cmd::Error<Self::Error>> {
        self.0.exec(command).await
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
