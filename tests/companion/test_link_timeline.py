"""A sensor's stamps jitter: what is true must be believed, or it is asked for again and again."""

from __future__ import annotations

import numpy as np
import pytest

from unslouch.link.ledger import Ledger
from unslouch.link.timeline import Timeline
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet
from unslouch_signal.samples import samples


def stamps(n: int, jitter_s: float, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return 1.0 + np.arange(n) / 52 + np.clip(jitter_s * chance.standard_normal(n), -4 * jitter_s, 4 * jitter_s)


@pytest.mark.parametrize("per_packet", [2, 18])
def test_jittering_stamps_open_no_hole(per_packet: int):
    n = 104 * 60
    t = stamps(n, 0.0005, per_packet)
    block = samples(t, np.tile([1.0, 0, 0, 0], (n, 1)), np.tile([0, 0, 9.81], (n, 1)))
    ledger = Ledger(judged=True)
    for one in encode_stream(block, np.arange(n, dtype=np.int64), 1, per_packet, 2_500):
        ledger.take(Packet(0.0, Channel.STREAM, one.data))
        assert ledger.holes == ()
    assert ledger.position().seq == n


def test_a_period_that_is_none_is_not_believed():
    line = Timeline(judged=True)
    period = 19_230
    for k in range(0, 400, 2):
        assert line.believe(k, 2, k * period, period) == []
    assert line.believe(400, 2, 400 * period, period + 13_500) is None
    assert line.believe(400, 18, 400 * period, period + 9_500) is None
    assert line.believe(400, 2, 400 * period + 15_000, period) is None
    assert line.believe(400, 2, 400 * period, period) == []


def test_what_the_ring_holds_is_believed_by_the_first_packets_alone():
    # the period that a few packets of two jittering samples tell is off by a percent, and the ring goes back 30 s
    for seed in range(150):
        t = stamps(1560, 0.0005, seed)
        block = samples(t, np.tile([1.0, 0, 0, 0], (1560, 1)), np.tile([0, 0, 9.81], (1560, 1)))
        made = encode_stream(block, np.arange(1560, dtype=np.int64), 1, 2, 2_500)
        ledger = Ledger()
        first, *live = made[-2 - seed % 15 :]
        for one in (first, *live, first):  # as the strap does it: what came first is judged by what follows
            ledger.take(Packet(0.0, Channel.STREAM, one.data))
        for one in made[:20]:
            assert ledger.take(Packet(0.0, Channel.STREAM, one.data)), seed
