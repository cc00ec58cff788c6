"""The ledger: what is there, what is missing, what may be confirmed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch.link.ledger import Hole, Ledger, Position
from unslouch.link.records import RecordWatch
from unslouch.wire.encode import encode_stream
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
