"""The ledger: what is there, what is missing, what may be confirmed."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch.link.ledger import Hole, Ledger, Position
from unslouch.link.records import RecordWatch
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
    ledger = Ledger(Position(3, 0))
    for at in [0, *order, *copies]:
        ledger.take(made[at])
    assert ledger.holes == ()
    assert ledger.position() == Position(3, 24, 0)


def test_a_hole_holds_up_what_is_confirmed_until_it_is_filled():
    made = packets(40)
    ledger = Ledger(Position(3, 0))
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
    ledger = Ledger(Position(3, 0))
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
    ledger = Ledger(Position(3, 0))
    for one in packets(10) + packets(4, boot=9):
        ledger.take(one)
    assert ledger.position() == Position(3, 10)


def test_records_are_counted_without_holes():
    ledger = Ledger()
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
    ledger = Ledger(Position(3, 0))
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


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**9), st.sampled_from([2, 18]), st.integers(0, 10))
def test_a_recording_holds_what_the_ledger_counts_and_nothing_else(seed: int, per: int, lost_of_ten: int):
    # what the ledger does not count comes again, into the next recording where this one is closed: it would be doubled;
    # what it counts and the recording lacks would never come
    chance = random.Random(seed)
    made = packets(120, per, first=1000)
    ledger = Ledger(Position(3, 1000))
    disk: list[Packet] = []
    for k, packet in enumerate(made):
        if k and chance.randrange(40) < lost_of_ten:
            continue
        if k and chance.random() < 0.15:
            packet = Packet(0.0, Channel.STREAM, broken(packet.data, chance.choice(BREAKS), chance))
        disk.append(packet if ledger.take(packet) else replace(packet, channel=Channel.REFUSED))
    counted = set(range(1000, ledger.next_seq))
    for hole in ledger.holes:
        counted -= set(range(hole.first, hole.end))
    decoded = decode_all(disk)
    assert {int(seq) for block in decoded.blocks if block.boot == 3 for seq in block.seq} == counted
    assert sum(packet.channel is Channel.REFUSED for packet in disk) <= decoded.errors.get(WireFault.BAD_VALUE, 0)


@pytest.mark.parametrize("at", [4, 8, 14], ids=["seq", "t", "dt"])
def test_what_is_read_but_not_believed_is_said(at: int):
    made = packets(40)
    ledger = Ledger(Position(3, 0))
    assert all(ledger.take(one) for one in made[:10])
    value = bytearray(made[10].data)
    value[at + 1] ^= 0x80  # 32,768 samples, 33 ms, 66 ms
    assert not ledger.take(Packet(0.0, Channel.STREAM, bytes(value)))
    assert ledger.take(made[10])
    assert ledger.position() == Position(3, 22)


def test_a_first_packet_from_another_time_is_not_believed():
    made = packets(40)
    ledger = Ledger()
    ledger.expect(3, 0, 1_000_000)
    value = bytearray(made[0].data)
    value[12] ^= 0x04  # t, half a year ahead
    assert not ledger.take(Packet(0.0, Channel.STREAM, bytes(value)))
    for one in made:
        assert ledger.take(one)
    assert ledger.position() == Position(3, 40)


@pytest.mark.parametrize("flip", [0x80, 0x40, 0x30])
def test_a_first_packet_with_a_wrong_period_spoils_nothing_for_long(flip: int):
    made = packets(60)
    ledger = Ledger(Position(3, 0))
    value = bytearray(made[0].data)
    value[15] ^= flip
    ledger.take(Packet(0.0, Channel.STREAM, bytes(value)))
    believed = [ledger.take(one) for one in made[1:]]
    assert believed == [False, False] + [True] * (len(made) - 3)
