"""What the strap streams: without a hole, flagged, at every size of packet; and what it sends again."""

from __future__ import annotations

import asyncio
import math
import struct
from pathlib import Path

import pytest
from bumble.hci import HCI_AclDataPacket

from unslouch.link.radio.bench import CONTROL, LOG, STATUS, STREAM, Bench, Central, Wearing, until
from unslouch.wire.decoder import decode_all
from unslouch.wire.source import Channel, Packet
from unslouch_signal.samples import SampleFlag

FUSED, RAW, FUSED_GYRO, COMPACT, ANCHOR, EVENT = range(1, 7)
RESENT = 128


def kinds(central: Central) -> list[int]:
    """Kinds of the stream's packets, in order."""
    return [packet[0] & 15 for packet in central.heard[STREAM]]


def seqs(packets: list[bytes]) -> list[int]:
    """Numbers of the samples in packets with a header."""
    found: list[int] = []
    for packet in packets:
        kind = packet[0] & 15
        if kind in (FUSED, RAW, FUSED_GYRO):
            first, size = int.from_bytes(packet[4:8], "little"), 18 if kind == FUSED_GYRO else 12
            found += range(first, first + (len(packet) - 16) // size)
    return found


def event_codes(central: Central) -> list[int]:
    """Events that the stream told."""
    return [packet[1] for packet in central.heard[STREAM] if packet[0] & 15 == EVENT]


def flags_of(central: Central) -> list[int]:
    """Flags of each packet of samples."""
    return [packet[1] for packet in central.heard[STREAM] if packet[0] & 15 in (FUSED, RAW, FUSED_GYRO, COMPACT)]


@pytest.mark.parametrize("mtu", [23, 42, 43, 100, 185, 247])
async def test_no_hole_at_either_mode_and_any_mtu(bench: Bench, mtu: int) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    central = await bench.paired(await bench.laptop(mtu=mtu), strap)
    for mode, samples in ((0, 2), (1, 18)):
        await central.ok(0x03, bytes([mode]))
        used = (await central.start(samples))[0]
        assert used == min({23: 1, 42: 1, 43: 2, 100: 6, 185: 13, 247: 18}[mtu], samples)
        await asyncio.sleep(1.6)
        await central.ok(0x02)
        heard = central.heard[STREAM]
        assert heard[0] == heard[0][:16]
        assert heard[0][0] == 0x15, "the anchor comes first"
        decoded = decode_all([Packet(0.0, Channel.STREAM, packet) for packet in heard])
        assert not decoded.errors
        assert not decoded.gaps
        times = [block.samples.t for block in decoded.blocks]
        n = sum(len(t) for t in times)
        assert n > 2 * 52 * 0.8, f"mode {mode}: {n} samples"
        rates = [(t[-1] - t[0]) / (len(t) - 1) for t in times if len(t) > 9]
        assert all(abs(rate * 52 - 1) < 0.01 for rate in rates)
        central.heard[STREAM].clear()
    if mtu == 23:
        for profile in (1, 2):
            [answer] = await central.request(0x01, bytes([1, profile, 2]))
            assert answer[0] == 6, "no room for this profile"


async def test_two_megabits_and_long_packets_are_what_the_stream_really_travels_by(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    laptop = await bench.laptop()
    central = await bench.connect(laptop, strap)
    [theirs] = laptop.controller.peers.values()
    [ours] = bench.server.controllers[0].peers.values()
    assert [(end.phy, end.octets) for end in (ours, theirs)] == [(1, 27)] * 2, "as every link begins"
    await central.client.pair()
    await central.subscribe(CONTROL, STREAM)
    await until(
        lambda: [(end.phy, end.octets) for end in (ours, theirs)] == [(2, 251)] * 2, what="the strap asks for both"
    )
    parts: list[int] = []
    take = laptop.device.host.on_hci_acl_data_packet

    def see(packet: HCI_AclDataPacket) -> None:
        parts.append(len(packet.data))
        take(packet)

    laptop.device.host.on_hci_acl_data_packet = see
    await central.start(18)
    await until(lambda: len(seqs(central.heard[STREAM])) > 2 * 52)
    # 18 samples of 12 bytes with their header are one packet of the link, behind 4 bytes of L2CAP and 3 of ATT
    assert 4 + 3 + 16 + 18 * 12 in parts
    # and its airtime is that of 2M (docs/strap.md, section 6)
    assert ours.airtime_us(239) - ours.airtime_us(0) == 239 * 4


async def test_profiles_carry_what_the_sensor_gave(bench: Bench) -> None:
    wearing = Wearing(bias=(0.02, 0.0, 0.0))
    strap = await bench.strap(bench.csv(wearing.worn(60)))
    central = await bench.paired(await bench.laptop(), strap)
    for profile, size, kind in ((1, 12, RAW), (2, 18, FUSED_GYRO)):
        central.heard[STREAM].clear()
        await central.start(6, profile)
        await until(lambda: len(kinds(central)) > 4)
        await central.ok(0x02)
        packets = [packet for packet in central.heard[STREAM] if packet[0] & 15 == kind]
        found = seqs(packets)
        assert found == list(range(found[0], found[0] + len(found)))
        for packet in packets:
            assert len(packet) == 16 + 6 * size
            last = packet[-size:]
            acc_at = 0 if profile == 1 else 6
            z = int.from_bytes(last[acc_at + 4 : acc_at + 6], "little", signed=True)
            rate_x = int.from_bytes(last[-6:-4], "little", signed=True)
            assert abs(z * 0.244e-3 * 9.80665 - 9.80665) < 0.1
            assert abs(math.radians(rate_x * 0.035) - 0.02) < 0.004


async def test_starting_again_loses_nothing(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(60)))
    central = await bench.paired(await bench.laptop(), strap)
    for samples in (2, 7, 18, 18, 3):
        await central.start(samples)
        await asyncio.sleep(0.5)
    await asyncio.sleep(0.3)
    found = seqs(central.heard[STREAM])
    assert found == list(range(found[0], found[0] + len(found)))
    assert kinds(central).count(ANCHOR) == 5


async def test_samples_while_the_motor_runs_are_flagged_and_the_charger_is_told(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(120)))
    central = await bench.paired(await bench.laptop(), strap)
    await central.start()
    await asyncio.sleep(0.5)
    await central.ok(0x0C, bytes([4, 100]))
    await until(
        lambda: [flag & 1 for flag in flags_of(central)[-3:]] == [0, 0, 0] and any(f & 1 for f in flags_of(central))
    )
    motor = [flag & SampleFlag.MOTOR for flag in flags_of(central)]
    # 0.9 s of a rising buzz and 0.1 s of settling, two samples a packet
    assert 20 <= sum(1 for flag in motor if flag) <= 34
    told: list[str] = []
    while not strap.lines.empty():
        told.append(strap.lines.get_nowait())
    assert told == ["motor 25", "motor 50", "motor 75", "motor 100", "motor 0"]
    await strap.type("charger on")
    await until(lambda: 7 in event_codes(central))
    await until(lambda: flags_of(central)[-1] & SampleFlag.CHARGER)
    assert (await central.read(STATUS))[1] & 4
    await strap.type("charger off")
    await until(lambda: 8 in event_codes(central))
    await until(lambda: not flags_of(central)[-1] & SampleFlag.CHARGER)


async def test_the_button_marks_warns_of_pain_and_opens_the_window(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(200)))
    central = await bench.paired(await bench.laptop(), strap)
    await central.start()
    await strap.press(0.2)
    await until(lambda: event_codes(central) == [1], what="a short press is a marker")
    await central.ok(0x0C, bytes([4, 100]))
    for _ in range(2):
        await strap.press(0.15)
        await asyncio.sleep(0.15)
    await until(lambda: event_codes(central) == [1, 2], what="a double press is sharp pain")
    told = [await asyncio.wait_for(strap.lines.get(), 1) for _ in range(3)]
    assert told == ["motor 25", "motor 50", "motor 0"], "pain stops the motor in the middle of its pattern"
    await central.ok(0x18, b"\x00")
    await strap.press(3.3)
    await until(lambda: event_codes(central) == [1, 2, 17])
    assert (await central.read(STATUS))[1] & 32


async def test_what_was_missed_is_sent_again_and_a_true_loss_is_said(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    wearing = Wearing()
    central = await bench.paired(await bench.laptop(), strap)
    await imu.feed(wearing.worn(4))
    imu.skip(7)
    await imu.feed(wearing.worn(4))
    await central.start(18)
    status = await central.read(STATUS)
    boot, next_seq = status[2:4], int.from_bytes(status[4:8], "little")
    assert (next_seq, int.from_bytes(status[52:56], "little")) == (423, 7)
    central.heard[STREAM].clear()
    answer = await central.ok(0x04, boot + (100).to_bytes(4, "little") + (300).to_bytes(2, "little"))
    assert answer == (100).to_bytes(4, "little") + (300).to_bytes(2, "little")
    wanted = [seq for seq in range(100, 400) if not 208 <= seq < 215]
    await until(lambda: len(seqs(central.heard[STREAM])) >= len(wanted))
    packets = [packet for packet in central.heard[STREAM] if packet[0] & 15 == FUSED]
    assert seqs(packets) == wanted
    assert all(packet[1] & RESENT for packet in packets)
    lost = [int.from_bytes(packet[4:8], "little") for packet in packets if packet[1] & SampleFlag.LOST_BEFORE]
    assert lost == [215]
    # a request that begins in the hole names the first that follows
    answer = await central.ok(0x04, boot + (210).to_bytes(4, "little") + (10).to_bytes(2, "little"))
    assert answer == (215).to_bytes(4, "little") + (5).to_bytes(2, "little")
    for request in (
        boot + (208).to_bytes(4, "little") + (7).to_bytes(2, "little"),
        boot + (423).to_bytes(4, "little") + (5).to_bytes(2, "little"),
        boot + (0xFFFFFFFF).to_bytes(4, "little") + (6240).to_bytes(2, "little"),
        b"\x00\x00" + (100).to_bytes(4, "little") + (5).to_bytes(2, "little"),
    ):
        assert (await central.request(0x04, request))[0][0] == 7, "gone"


async def test_a_stream_that_is_started_anew_gives_up_the_resend_and_its_fast_link(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    await imu.feed(Wearing().worn(30))
    central = await bench.paired(await bench.laptop(mtu=23), strap)
    await central.start(2)
    await central.ok(0x03, b"\x01")
    [link] = central.laptop.device.connections.values()
    await until(lambda: link.parameters.connection_interval >= 120)
    status = await central.status()
    newest, oldest = (int.from_bytes(status[at : at + 4], "little") for at in (4, 44))
    await central.ok(0x04, status[2:4] + struct.pack("<IH", oldest, newest - oldest))
    await until(lambda: link.parameters.connection_interval <= 30)
    await central.start(2)
    resent = sum(1 for packet in central.heard[STREAM] if packet[1] & RESENT)
    assert resent < newest - oldest, "it was not over"
    await until(lambda: link.parameters.connection_interval >= 120, what="back to economy")


@pytest.mark.parametrize("mtu", [23, 247])
async def test_live_samples_resent_ones_and_the_log_share_the_air(bench: Bench, mtu: int) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    wearing = Wearing()
    await imu.feed(wearing.worn(120))
    central = await bench.paired(await bench.laptop(mtu=mtu), strap)
    await central.start(2)
    status = await central.status()
    newest, oldest = (int.from_bytes(status[at : at + 4], "little") for at in (4, 44))
    whole = newest - oldest
    await central.ok(0x04, status[2:4] + struct.pack("<IH", oldest, whole))
    await central.ok(0x05, struct.pack("<II", 1, 0xFFFFFFFF))

    def resent() -> int:
        # a compact packet does not say it by its length
        packets = [p for p in central.heard[STREAM] if p[0] & 15 in (FUSED, COMPACT) and p[1] & RESENT]
        return sum((len(p) - 16) // 12 if p[0] & 15 == FUSED else 1 for p in packets)

    # counted in packets, not in seconds: a busy machine is slow, not unfair
    await until(lambda: len(central.heard[LOG]) > 6)
    assert resent() < whole / 2, "the log did not wait for the end of what is sent again"
    asked = resent()
    await imu.feed(wearing.worn(0.1))
    await until(lambda: any(p[0] & 15 in (FUSED, COMPACT) and not p[1] & RESENT for p in central.heard[STREAM]))
    assert resent() < whole, "live samples go first"
    await until(lambda: central.heard[LOG][-1][3:4] == b"\x1a", 30)
    await until(lambda: resent() == whole, 30, f"{resent()} of {whole} came again")
    assert asked > 0


async def test_half_a_minute_is_held_in_ram(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await imu.feed(Wearing().worn(50))
    await asyncio.sleep(0.3)
    status = await central.read(STATUS)
    newest, oldest = int.from_bytes(status[4:8], "little"), int.from_bytes(status[44:48], "little")
    assert newest == 2600
    assert newest - oldest >= 30 * 52


async def test_off_body_is_told_nothing_is_logged_and_motion_ends_it(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(18)
    wearing = Wearing()
    await imu.feed(wearing.table(61))
    await until(lambda: 9 in event_codes(central), what="still as a table for a minute")
    assert (await central.read(STATUS))[1] & 2
    before = int.from_bytes((await central.read(STATUS))[16:20], "little")
    await imu.feed(wearing.table(60))
    await until(lambda: flags_of(central)[-1] & SampleFlag.OFF_BODY)
    assert int.from_bytes((await central.read(STATUS))[16:20], "little") == before, "nothing is logged"
    await imu.feed(wearing.bend(0.6))
    await until(lambda: 10 in event_codes(central))
    # nobody is connected, nobody wears it: it sleeps, and wakes for a central
    await imu.feed(wearing.table(75))
    await until(lambda: event_codes(central).count(9) == 2)
    await central.close()
    await imu.feed(wearing.table(30))
    await asyncio.sleep(0.3)
    again = await bench.connect(central.laptop, strap)
    slept = int.from_bytes((await again.read(STATUS))[4:8], "little")
    await imu.feed(wearing.table(5))
    await asyncio.sleep(0.3)
    after = int.from_bytes((await again.read(STATUS))[4:8], "little")
    assert 200 < after - slept <= 262, "awake while somebody listens"
    assert slept < ((61 + 60 + 1 + 75 + 30) * 52) - 500, "the sensor's periods asleep are not counted"


async def test_a_slouch_is_cued_by_the_strap_alone_unless_it_must_be_quiet(bench: Bench) -> None:
    imu = await bench.imu()
    strap = await bench.strap(imu)
    central = await bench.paired(await bench.laptop(), strap)
    await central.start(18)
    identity = bytes.fromhex("004000200010")
    await central.ok(0x13, b"\x03" + identity + identity)
    wearing = Wearing()

    def words() -> list[str]:
        told: list[str] = []
        while not strap.lines.empty():
            told.append(strap.lines.get_nowait())
        return told

    await imu.feed(wearing.worn(20))
    await imu.feed(wearing.bend(math.radians(20)))
    await imu.feed(wearing.worn(20))
    await until(lambda: 5 in event_codes(central), what="the slouch is cued")
    cue = next(packet for packet in central.heard[STREAM] if packet[:2] == b"\x16\x05")
    assert cue[2:4] == b"\x01\x00", "flexion"
    await asyncio.sleep(0.8)
    assert words() == ["motor 80", "motor 0", "motor 80", "motor 0"]
    await imu.feed(wearing.bend(math.radians(-20)))
    await imu.feed(wearing.worn(70))
    await until(lambda: 6 in event_codes(central))
    # snoozed it is silent, and says nothing either
    await central.ok(0x16, (600).to_bytes(2, "little"))
    await imu.feed(wearing.worn(1))
    await imu.feed(wearing.bend(math.radians(20)))
    await imu.feed(wearing.worn(30))
    await asyncio.sleep(0.5)
    assert event_codes(central).count(5) == 1
    assert words() == []
    # the snooze over, who still slouches is told, once the quiet time is over
    await central.ok(0x16, (0).to_bytes(2, "little"))
    await imu.feed(wearing.worn(1))
    await asyncio.sleep(0.2)
    await imu.feed(wearing.worn(65))
    await until(lambda: event_codes(central).count(5) == 2)


def test_kinds_are_those_of_the_protocol(repository: Path) -> None:
    text = (repository / "docs" / "protocol.md").read_text()
    for number, name in ((FUSED, "FUSED"), (RAW, "RAW"), (COMPACT, "COMPACT"), (ANCHOR, "ANCHOR"), (EVENT, "EVENT")):
        assert f"| {number} | {16 + number:02X} | {name} |".lower() in text.lower()
