"""The ledger: what is there, what is missing, what may be confirmed."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch.link.ledger import Hole, Ledger, Position
from unslouch.link.records import RecordWatch
from unslouch.link.strap import Strap
from unslouch.wire.decoder import decode_all
from unslouch.wire.encode import encode_stream
from unslouch.wire.layout import WireFault
from unslouch.wire.source import Channel, Packet
from unslouch_signal.samples import samples


def packets(n: int, per: int = 2, boot: int = 3, first: int = 0) -> list[Packet]:
    t = (first + np.arange(n)) / 52 + 1.0
    block = samples(t, np.tile([1.0, 0, 0, 0], (n, 1)), np.zeros((n, 3)))
    made = encode_stream(block, first + np.arange(n, dtype=np.int64), boot, per, 2_500)
    return [Packet(0.0, Channel.STREAM, one.data) for one in made]


@settings(deadline=None)
@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=6))
def test_whatever_the_order_and_the_copies_the_end_is_the_same(order: list[int], copies: list[int]):
    made = packets(24)
    ledger = Ledger(Position(3, 0), judged=True)
    for at in [0, *order, *copies]:
        ledger.take(made[at])
    assert ledger.holes == ()
    assert ledger.position() == Position(3, 24, 0)


def test_a_hole_holds_up_what_is_confirmed_until_it_is_filled():
    made = packets(40)
    ledger = Ledger(Position(3, 0), judged=True)
    for one in made[:5] + made[8:]:
        ledger.take(one)
    assert ledger.holes == (Hole(3, 10, 16),)
    assert ledger.position().seq == 10
    ledger.take(made[6])
    assert ledger.holes == (Hole(3, 10, 12), Hole(3, 14, 16))
    ledger.take(made[5])
    ledger.take(made[7])
    assert ledger.position() == Position(3, 40)
    assert ledger.resent == 6


def test_a_sequence_that_runs_ahead_of_its_clock_is_not_believed():
    made = packets(40)
    ledger = Ledger(Position(3, 0), judged=True)
    for one in made[:10]:
        ledger.take(one)
    flipped = bytearray(made[10].data)
    flipped[6] ^= 0x10  # seq, a million ahead
    ledger.take(Packet(0.0, Channel.STREAM, bytes(flipped)))
    assert ledger.holes == ()
    for one in made[10:]:
        ledger.take(one)
    assert ledger.position() == Position(3, 40)


def test_samples_of_another_boot_are_not_believed():
    ledger = Ledger(Position(3, 0), judged=True)
    for one in packets(10) + packets(4, boot=9):
        ledger.take(one)
    assert ledger.position() == Position(3, 10)


def test_records_are_counted_without_holes():
    ledger = Ledger(judged=True)
    for one in (1, 2, 5, 4, 2):
        ledger.log_record(one)
    assert ledger.position().log_id == 2
    assert ledger.missing_records(1, 7) == [(3, 3), (6, 7)]
    ledger.log_starts_at(4)
    assert ledger.position().log_id == 5


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=30))
def test_any_bytes_of_a_log_are_survived(pieces: list[bytes]):
    watch = RecordWatch()
    for piece in pieces:
        watch.take(piece)


def test_what_was_left_to_the_log_is_not_confirmed_before_it_is_fetched():
    made = packets(40)
    ledger = Ledger(Position(3, 0), judged=True)
    for one in made[:5] + made[8:]:
        ledger.take(one)
    ledger.give_up(ledger.holes[0])
    assert ledger.holes == ()
    assert ledger.position().seq == 10
    ledger.log_done()
    assert ledger.position().seq == 40


BREAKS = ("flip in the header", "flip", "cut", "random", "append")


def broken(data: bytes, how: str, chance: random.Random) -> bytes:
    value = bytearray(data)
    match how:
        case "flip in the header":
            value[chance.randrange(2, 16)] ^= 1 << chance.randrange(8)
        case "flip":
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        case "cut":
            del value[chance.randrange(len(value)) :]
        case "random":
            value = bytearray(chance.randbytes(len(value)))
        case _:
            value += chance.randbytes(chance.randrange(1, 8))
    return bytes(value)


class Heard(Strap):
    """A strap that is told what comes over the air."""

    def __init__(self, start: Position) -> None:
        super().__init__("address", start=start)
        self.disk: list[Packet] = []
        self.positions: list[Position] = []

    def hear(self, packet: Packet) -> None:
        self._take(packet)
        while not self._queue.empty():
            item = self._queue.get_nowait()
            assert item is not None
            self.disk.append(item[0])
            self.positions.append(item[1])


def counted(ledger: Ledger, first: int) -> set[int]:
    there = set(range(first, ledger.next_seq))
    for hole in ledger.holes:
        there -= set(range(hole.first, hole.end))
    return there


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**9), st.sampled_from([2, 18]), st.integers(0, 10), st.integers(2, 60))
def test_a_recording_holds_what_the_ledger_counts_and_nothing_else(seed: int, per: int, lost_of_ten: int, n: int):
    # what the ledger does not count comes again, into the next recording where this one is closed: it would be doubled;
    # what it counts and the recording lacks would never come
    chance = random.Random(seed)
    strap = Heard(Position(3, 1000))
    strap.ledger.expect(3, 1000, 20_300_000)
    for packet in packets(n * per, per, first=1000):
        if chance.randrange(40) < lost_of_ten:
            continue
        if chance.random() < 0.2:
            packet = Packet(0.0, Channel.STREAM, broken(packet.data, chance.choice(BREAKS), chance))
        strap.hear(packet)
    decoded = decode_all(strap.disk)
    there = {int(seq) for block in decoded.blocks if block.boot == 3 for seq in block.seq}
    assert there == counted(strap.ledger, 1000)
    refused = sum(packet.channel is Channel.REFUSED for packet in strap.disk)
    assert refused <= decoded.errors.get(WireFault.BAD_VALUE, 0)


@pytest.mark.parametrize("how", ["seq", "t", "dt", "boot", "nothing"])
def test_what_comes_first_is_believed_when_the_second_agrees(how: str):
    made = packets(40, first=1000)
    strap = Heard(Position(3, 1000))
    strap.ledger.expect(3, 1000, 20_300_000)
    value = bytearray(made[0].data)
    if how != "nothing":
        # 8 samples before, 8 s later, a period of 2 ms, boot 2
        at, bit = {"seq": (4, 0x08), "t": (10, 0x80), "dt": (15, 0x20), "boot": (2, 0x01)}[how]
        value[at] ^= bit
    strap.hear(Packet(0.0, Channel.STREAM, bytes(value)))
    assert strap.disk == []
    strap.hear(Packet(0.0, Channel.CONTROL, b"an answer waits for nobody"))
    assert len(strap.disk) == 1
    strap.hear(made[1])
    if how == "nothing":
        # in order, and the first alone is not yet as much as both
        assert strap.disk[1:] == made[:2]
        assert strap.ledger.position() == Position(3, 1004)
    else:
        strap.hear(made[2])
        assert [one.channel for one in strap.disk[1:]] == [Channel.REFUSED, Channel.STREAM, Channel.STREAM]
        assert strap.ledger.holes[-1] == Hole(3, 1000, 1002)
        strap.hear(made[0])  # sent again
        assert strap.ledger.position() == Position(3, 1006)


def test_what_came_first_is_not_told_to_be_stored_before_it_is():
    made = packets(40, first=1000)
    strap = Heard(Position(3, 1000))
    strap.ledger.expect(3, 1000, 20_300_000)
    strap.hear(made[0])
    strap.hear(made[1])
    assert strap.disk == made[:2]
    assert [position.seq for position in strap.positions] == [1000, 1004]


@pytest.mark.parametrize("at", [4, 8, 14], ids=["seq", "t", "dt"])
def test_what_is_read_but_not_believed_is_said(at: int):
    made = packets(40)
    ledger = Ledger(Position(3, 0), judged=True)
    assert all(ledger.take(one) for one in made[:10])
    value = bytearray(made[10].data)
    value[at + 1] ^= 0x80  # 32,768 samples, 33 ms, 66 ms
    assert not ledger.take(Packet(0.0, Channel.STREAM, bytes(value)))
    assert ledger.take(made[10])
    assert ledger.position() == Position(3, 22)


def test_a_first_packet_from_another_time_is_not_believed():
    made = packets(40)
    ledger = Ledger(judged=True)
    ledger.expect(3, 0, 1_000_000)
    value = bytearray(made[0].data)
    value[12] ^= 0x04  # t, half a year ahead
    assert not ledger.take(Packet(0.0, Channel.STREAM, bytes(value)))
    for one in made:
        assert ledger.take(one)
    assert ledger.position() == Position(3, 40)


def test_what_a_recording_begins_with_was_judged_before():
    made = packets(40)
    ledger = Ledger(Position(3, 0), judged=True)
    assert ledger.take(made[0])
    assert ledger.position() == Position(3, 2)
    assert not Ledger(Position(3, 0)).take(made[0])


def test_what_is_sent_again_between_the_first_packets_harms_nothing():
    made = packets(400, first=1000)
    strap = Heard(Position(3, 1000))
    strap.ledger.expect(3, 1300, 26_000_000)
    live, again = made[150:153], made[:3]
    for one in (live[0], again[0], live[1], again[1], live[2], again[2]):
        strap.hear(one)
    assert {one.channel for one in strap.disk} == {Channel.STREAM}
    assert len(strap.disk) == 6
    assert strap.ledger.holes == (Hole(3, 1006, 1300),)


def test_packets_that_never_agree_are_kept_beside():
    strap = Heard(Position(3, 1000))
    strap.ledger.expect(3, 1000, 20_300_000)
    apart = packets(4000, first=0)[500:1900:110]
    for one in apart:
        strap.hear(one)
    assert {one.channel for one in strap.disk} <= {Channel.REFUSED}
    assert len(strap.disk) >= len(apart) - 8


def test_what_only_a_status_claims_is_not_taken_for_there():
    ledger = Ledger(Position(3, 0))
    ledger.expect(3, 0xFFFFFFFF, 1_000_000)
    ledger.give_up(ledger.holes[0])
    ledger.log_done()
    assert ledger.position() == Position(3, 0)
    for one in packets(40):
        ledger.take(one)
    assert ledger.position() == Position(3, 40)
