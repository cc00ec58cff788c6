# pyright: reportUnknownMemberType=false
# (Bumble is typed in part)
"""The air between controllers: pacing, loss of range, loss of power, and faults by the attribute packet.

Bumble's own controller and link leave out what makes a radio a radio. Added here: scan responses, cancelled connects, a
peripheral that learns the connection's parameters, data length and PHY, fragments of the size a controller would make,
supervision timeouts, pacing by connection interval with an airtime budget, and range.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, cast

import bumble.controller as bumble_controller
from bumble import core, hci, ll
from bumble.link import LocalLink

ATT_CHANNEL = b"\x04\x00"
"""L2CAP channel of the Attribute Protocol (Core Specification, Vol 3, Part A, 2.1)."""
ESTABLISHED_S = 0.2
"""By when both ends of a new connection are there."""
TIMED_OUT = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
WRONG_MIC = hci.HCI_ErrorCode.CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR

Fault = Callable[["Controller", "Controller", bytes], "list[tuple[float, bytes]] | None"]
"""What happens to an attribute packet from one controller to another: None leaves it alone, else the packets that
arrive instead, each after a delay in s (none: it is lost)."""


@dataclass(frozen=True, slots=True)
class Corrupted:
    """Noise on the air, as a radio's checks let it through: never to the host.

    Attributes
    ----------
    chance
        Decides.
    crc
        How likely a packet's checksum fails: nobody acknowledges it, and it is sent again at the next connection event
        (Core Specification, Vol 6, Part B, 4.5.9).
    mic
        How likely the checksum holds and the encrypted packet's message integrity check does not: whoever received
        that ends the link at once (Vol 6, Part B, 5.1.3.1), and the other end hears no more of it.
    """

    chance: random.Random
    crc: float = 0.0
    mic: float = 0.0


@dataclass
class AdvertisingWithResponse(ll.AdvInd):
    """An advertisement together with the scan response it would be followed by."""

    scan_response: bytes = b""


@dataclass
class Connection(bumble_controller.Connection):
    """A connection that sends at its connection events."""

    interval: int = 24
    """1.25 ms."""
    latency: int = 0
    timeout: int = 72
    """Supervision timeout, 10 ms."""
    octets: int = 27
    """Longest payload of a link-layer packet."""
    phy: int = 1
    waiting: deque[hci.HCI_AclDataPacket] = field(default_factory=deque)
    next_event: asyncio.TimerHandle | None = None
    death: asyncio.TimerHandle | None = None

    @property
    def medium(self) -> Medium:
        """The medium of its controller."""
        return cast(Medium, self.controller.link)

    def airtime_us(self, octets: int) -> float:
        """Time of a data packet, its empty acknowledgement and both inter-frame spaces (Vol 6, Part B, 2.1 and 4.1)."""
        per_octet, preamble = (4, 2) if self.phy == 2 else (8, 1)
        return (preamble + 4 + 2 + octets + 3) * per_octet + (preamble + 4 + 2 + 3) * per_octet + 300

    def on_hci_acl_data_packet(self, packet: hci.HCI_AclDataPacket) -> None:
        """Queue what the host sends for the next connection event."""
        self.waiting.append(packet)
        if not self.medium.paced:
            self.flush()
        elif self.next_event is None:
            loop, interval = asyncio.get_running_loop(), self.interval * 0.00125
            # a clock that stands at an event must not find that event before it again, by the last bit of a division
            passed = math.floor(loop.time() / interval + 1e-6)
            self.next_event = loop.call_at((passed + 1) * interval, self.send_event)

    def send_event(self) -> None:
        """Send as much as one connection event has airtime for."""
        self.next_event = None
        whole = self.interval * 1250.0
        left = whole
        if self.medium.reaches(self):
            while self.waiting:
                length = len(self.waiting[0].data)
                cost = -(-length // self.octets) * self.airtime_us(min(length, self.octets))
                if cost > left and left < whole:
                    break
                left -= cost
                if self.medium.spoils(self):
                    break
                self.send_now(self.waiting.popleft())
        if self.waiting:
            self.next_event = asyncio.get_running_loop().call_later(self.interval * 0.00125, self.send_event)

    def flush(self) -> None:
        """Send everything at once (a medium without pacing)."""
        while self.waiting and self.medium.reaches(self):
            self.send_now(self.waiting.popleft())

    def send_now(self, packet: hci.HCI_AclDataPacket) -> None:
        """Hand a packet to the link."""
        super().on_hci_acl_data_packet(packet)

    def close(self) -> None:
        """Forget timers and what waits."""
        for timer in (self.next_event, self.death):
            if timer is not None:
                timer.cancel()
        self.next_event = self.death = None
        self.waiting.clear()


@contextlib.contextmanager
def _our_connections() -> Generator[None]:
    """Bumble's controller instantiates its module's ``Connection``; put ours there only while it does."""
    before = bumble_controller.Connection
    bumble_controller.Connection = Connection
    try:
        yield
    finally:
        bumble_controller.Connection = before


class Controller(bumble_controller.Controller):
    """A controller that behaves like a chip of 2020: legacy advertising, long packets, 2M."""

    le_acl_data_packet_length = 251
    supported_max_tx_octets = supported_max_rx_octets = 251
    supported_max_tx_time = supported_max_rx_time = 2120
    rssi = -50
    le_features = (
        hci.LeFeatureMask.LE_ENCRYPTION
        | hci.LeFeatureMask.CONNECTION_PARAMETERS_REQUEST_PROCEDURE
        | hci.LeFeatureMask.EXTENDED_REJECT_INDICATION
        | hci.LeFeatureMask.PERIPHERAL_INITIATED_FEATURE_EXCHANGE
        | hci.LeFeatureMask.LE_DATA_PACKET_LENGTH_EXTENSION
        | hci.LeFeatureMask.LE_2M_PHY
        | hci.LeFeatureMask.CHANNEL_SELECTION_ALGORITHM_2
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connect_ind: ll.ConnectInd | None = None
        self.total_num_le_acl_data_packets = 8

    @property
    def medium(self) -> Medium:
        """The medium it is on."""
        return cast(Medium, self.link)

    @property
    def peers(self) -> dict[hci.Address, Connection]:
        """Its connections by the peer's address."""
        return cast(dict[hci.Address, Connection], self.le_connections)

    def on_packet(self, packet: bytes) -> None:
        """Take a packet of the host; a chip that was taken off the air takes none."""
        if cast(Medium | None, self.link) is not None:
            super().on_packet(packet)

    # Advertising and scanning

    def send_advertising_pdu(self, packet: Any) -> None:
        """Send an advertisement, with the scan response it would be followed by."""
        if type(packet) is ll.AdvInd:
            response = self.le_legacy_advertiser.scan_response_data
            packet = AdvertisingWithResponse(packet.advertiser_address, packet.data, response)
        super().send_advertising_pdu(packet)

    def on_advertising_pdu(self, pdu: Any) -> None:
        """Report an advertisement and its scan response; connect where that was waited for."""
        if self.le_scan_enable:
            response: bytes = getattr(pdu, "scan_response", b"")
            for data, kind in ((pdu.data, 0), *(((response, 4),) if response else ())):
                address: hci.Address = pdu.advertiser_address
                report = hci.HCI_LE_Advertising_Report_Event.Report(
                    event_type=kind, address_type=address.address_type, address=address, data=data, rssi=self.rssi
                )
                self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))
        pending = self.pending_le_connection
        if pending and pending.peer_address == pdu.advertiser_address:
            self.create_le_connection(pdu.advertiser_address)

    # Connections

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Connect to an advertiser that is there and in range."""
        pending = self.pending_le_connection
        assert pending is not None
        peer = self.medium.advertiser(pending.peer_address)
        if peer is None or self.medium.muted & {self, peer}:
            return  # it stays pending: the next advertisement tries again
        before = set(self.peers)
        with _our_connections():
            super().create_le_connection(peer_address)
        if isinstance(pending, hci.HCI_LE_Extended_Create_Connection_Command):
            parameters = (
                pending.connection_interval_mins[0],
                pending.max_latencies[0],
                pending.supervision_timeouts[0],
            )
        else:
            parameters = (pending.connection_interval_min, pending.max_latency, pending.supervision_timeout)
        self._set_parameters(before, *parameters)

    def on_le_connect_ind(self, packet: ll.ConnectInd) -> None:
        """Become the peripheral of a connection, with the central's parameters."""
        before = set(self.peers)
        self.connect_ind = packet
        try:
            with _our_connections():
                super().on_le_connect_ind(packet)
        finally:
            self.connect_ind = None
        self._set_parameters(before, packet.interval, packet.latency, packet.timeout)
        for address in set(self.peers) - before:
            asyncio.get_running_loop().call_later(ESTABLISHED_S, self._miss_absent, self.peers[address])

    def _miss_absent(self, connection: Connection) -> None:
        """Notice a central that was gone before the connection was whole."""
        if connection in self.peers.values() and self.medium.other_end(connection) is None:
            self.medium.starve(connection)

    def _set_parameters(self, before: set[hci.Address], interval: int, latency: int, timeout: int) -> None:
        for address in set(self.peers) - before:
            connection = self.peers[address]
            connection.interval, connection.latency, connection.timeout = interval, latency, timeout

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Send an event; a peripheral's connection event carries the central's parameters."""
        ind = self.connect_ind
        if ind is not None and isinstance(packet, hci.HCI_LE_Connection_Complete_Event):
            packet = hci.HCI_LE_Connection_Complete_Event(
                status=packet.status,
                connection_handle=packet.connection_handle,
                role=packet.role,
                peer_address_type=packet.peer_address_type,
                peer_address=packet.peer_address,
                connection_interval=ind.interval,
                peripheral_latency=ind.latency,
                supervision_timeout=ind.timeout,
                central_clock_accuracy=0,
            )
        super().send_hci_packet(packet)

    def on_hci_le_create_connection_cancel_command(self, _command: hci.HCI_Command) -> Any:
        """Cancel a connect that waits."""
        if not self.pending_le_connection:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.pending_le_connection = None
        cancelled = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=0,
            peer_address_type=0,
            peer_address=hci.Address.ANY,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        asyncio.get_running_loop().call_soon(self.send_hci_packet, cancelled)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_reset_command(self, command: Any) -> Any:
        """Reset: connections end as by a loss of power."""
        self.medium.power_loss(self)
        self.le_scan_enable = False
        self.pending_le_connection = None
        return super().on_hci_reset_command(command)

    def on_le_disconnected(self, connection: Any, reason: int) -> None:
        """End a connection."""
        connection.close()
        super().on_le_disconnected(connection, reason)

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: Any) -> None:
        """Take a control packet of the peer; an update of parameters is obeyed."""
        connection = self.peers.get(sender_address)
        if connection and isinstance(packet, ll.ConnectionUpdateInd):
            connection.interval, connection.latency, connection.timeout = (
                packet.interval,
                packet.latency,
                packet.timeout,
            )
        super().on_ll_control_pdu(sender_address, packet)

    def on_hci_le_connection_update_command(self, command: Any) -> Any:
        """Change the parameters of a connection."""
        if connection := cast(Connection | None, self.find_le_connection_by_handle(command.connection_handle)):
            connection.interval = command.connection_interval_max
            connection.latency, connection.timeout = command.max_latency, command.supervision_timeout
        return super().on_hci_le_connection_update_command(command)

    # Data length and PHY

    def on_hci_le_set_data_length_command(self, command: Any) -> Any:
        """Agree on longer packets."""
        connection = cast(Connection | None, self.find_le_connection_by_handle(command.connection_handle))
        if connection is None:
            return hci.HCI_StatusAndConnectionHandleReturnParameters(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=command.connection_handle,
            )
        octets = max(27, min(command.tx_octets, self.supported_max_tx_octets))
        for end in self.medium.ends(connection):
            end.octets = octets
            end.controller.send_hci_packet(
                hci.HCI_LE_Data_Length_Change_Event(
                    connection_handle=end.handle,
                    max_tx_octets=octets,
                    max_tx_time=2120,
                    max_rx_octets=octets,
                    max_rx_time=2120,
                )
            )
        return hci.HCI_StatusAndConnectionHandleReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS, connection_handle=command.connection_handle
        )

    def on_hci_le_set_phy_command(self, command: Any) -> None:
        """Agree on a PHY."""
        connection = cast(Connection | None, self.find_le_connection_by_handle(command.connection_handle))
        self._send_hci_command_status(0 if connection else 2, command.op_code)
        if connection is None:
            return
        phy = 2 if (command.all_phys & 1 or command.tx_phys & 2) else 1
        for end in self.medium.ends(connection):
            end.phy = phy
            end.controller.send_hci_packet(
                hci.HCI_LE_PHY_Update_Complete_Event(status=0, connection_handle=end.handle, tx_phy=phy, rx_phy=phy)
            )

    def on_hci_le_remove_device_from_resolving_list_command(self, command: Any) -> None:
        """Forget a peer's key; Bumble knows adding and clearing alone, and a host would wait for ever."""
        done = hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)
        self.send_hci_packet(
            hci.HCI_Command_Complete_Event(
                num_hci_command_packets=1, command_opcode=command.op_code, return_parameters=done
            )
        )

    def on_hci_read_rssi_command(self, command: Any) -> Any:
        """Tell the signal strength."""
        return hci.HCI_Read_RSSI_ReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS, handle=command.handle, rssi=self.rssi
        )

    def on_link_acl_data(self, sender_address: hci.Address, transport: Any, data: bytes) -> None:
        """Hand data to the host in fragments, as a controller would."""
        connection = self.peers.get(sender_address)
        if connection is None:
            return
        for start in range(0, len(data), connection.octets):
            part = data[start : start + connection.octets]
            self.send_hci_packet(hci.HCI_AclDataPacket(connection.handle, 2 if start == 0 else 1, 0, len(part), part))


class Medium(LocalLink):
    """The air that controllers share."""

    def __init__(self, *, paced: bool = True) -> None:
        super().__init__()
        self.paced = paced
        self.muted: set[Controller] = set()
        self.fault: Fault | None = None
        self.corrupted: Corrupted | None = None
        self.packets = 0

    def other_end(self, connection: Connection) -> Connection | None:
        """The peer's side of a connection."""
        peer = self.find_le_controller(connection.peer_address)
        return cast(Connection | None, peer.le_connections.get(connection.self_address)) if peer else None

    def ends(self, connection: Connection) -> list[Connection]:
        """Both sides of a connection."""
        return [end for end in (connection, self.other_end(connection)) if end is not None]

    def advertiser(self, address: hci.Address) -> Controller | None:
        """Whoever advertises with an address."""
        for controller in self.controllers:
            legacy = controller.le_legacy_advertiser
            if legacy.enabled and legacy.address == address:
                return cast(Controller, controller)
        return None

    def send_advertising_pdu(self, sender_controller: Any, packet: Any) -> None:
        """Carry an advertisement to everybody in range."""
        if sender_controller in self.muted:
            return
        loop = asyncio.get_running_loop()
        for controller in list(self.controllers):
            if controller is not sender_controller and controller not in self.muted:
                loop.call_soon(controller.on_ll_advertising_pdu, packet)

    def send_acl_data(
        self, sender_controller: Any, destination_address: hci.Address, transport: Any, data: bytes
    ) -> None:
        """Carry data, through the fault if it is of the Attribute Protocol."""
        connection = sender_controller.le_connections.get(destination_address)
        receiver = cast(Controller | None, self.find_le_controller(destination_address))
        if connection is None or receiver is None:
            return
        self.packets += 1
        arriving = [(0.0, data)]
        if self.fault is not None and data[2:4] == ATT_CHANNEL:
            changed = self.fault(sender_controller, receiver, data[4:])
            if changed is not None:
                arriving = [(delay, len(pdu).to_bytes(2, "little") + ATT_CHANNEL + pdu) for delay, pdu in changed]
        loop = asyncio.get_running_loop()
        for delay, pdu in arriving:
            arrive = (receiver.on_link_acl_data, connection.self_address, transport, pdu)
            # timers that are due at the same time run in any order: what is not delayed must not become one
            if delay > 0:
                loop.call_later(delay, *arrive)
            else:
                loop.call_soon(*arrive)

    def send_ll_control_pdu(self, sender_address: Any, receiver_address: Any, packet: Any) -> None:
        """Carry a control packet; to a peer that is gone it goes nowhere."""
        with contextlib.suppress(core.InvalidArgumentError):
            super().send_ll_control_pdu(sender_address, receiver_address, packet)

    def spoils(self, connection: Connection) -> bool:
        """Whether noise spoils the packet that a connection sends now."""
        noise = self.corrupted
        if noise is None:
            return False
        dice = noise.chance.random()
        peer = self.other_end(connection)
        if dice < noise.mic and peer is not None:
            peer.controller.on_le_disconnected(peer, WRONG_MIC)
            self.starve(connection)
        return dice < noise.mic + noise.crc

    def starve(self, end: Connection) -> None:
        """Let an end hear nothing from now on."""
        if end.death is None:
            loop = asyncio.get_running_loop()
            end.death = loop.call_later(end.timeout * 0.01, end.controller.on_le_disconnected, end, TIMED_OUT)

    def reaches(self, connection: Connection) -> bool:
        """Whether both ends are there and in range."""
        peer = self.other_end(connection)
        return peer is not None and not self.muted & {connection.controller, peer.controller}

    def mute(self, controller: Controller) -> None:
        """Take a controller out of range: its connections end by supervision timeout."""
        self.muted.add(controller)
        for connection in list(controller.peers.values()):
            for end in self.ends(connection):
                self.starve(end)

    def unmute(self, controller: Controller) -> None:
        """Bring a controller back into range; connections that still live go on."""
        self.muted.discard(controller)
        for connection in list(controller.peers.values()):
            if not self.reaches(connection):
                continue  # the other end is away, or has given up
            for end in self.ends(connection):
                if end.death is not None:
                    end.death.cancel()
                    end.death = None
                if not self.paced:
                    end.flush()

    def power_loss(self, controller: Controller) -> None:
        """Forget everything at once on this side; peers notice by supervision timeout."""
        controller.le_legacy_advertiser.stop()
        for connection in list(controller.peers.values()):
            peer = self.other_end(connection)
            if peer is not None:
                self.starve(peer)
            connection.close()
        controller.le_connections.clear()

    def remove_controller(self, controller: Any) -> None:
        """Take a chip off the air for good."""
        self.power_loss(controller)
        self.muted.discard(controller)
        self.controllers.discard(controller)
        controller.host = controller.link = None
