"""Packets of a stream of blocks are those of the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch.wire.encode import encode_blocks, encode_stream
from unslouch_signal.samples import SampleBlock, SampleFlag


def taken(seed: int, n: int = 600) -> tuple[SampleBlock, np.ndarray]:
    rng = np.random.default_rng(seed)
    seq = np.cumsum(np.where(rng.random(n) < 0.02, rng.integers(2, 40, n), 1))
    jitter = np.where(rng.random(n) < 0.03, rng.uniform(-4e-3, 4e-3, n), rng.normal(0, 2e-4, n))
    t = 5.0 + seq / 52.0 + jitter
    quat = np.tile((1.0, 0.0, 0.0, 0.0), (n, 1))
    flags = np.where(rng.random(n) < 0.01, int(SampleFlag.MOTOR), 0).astype(np.uint8)
    flags[rng.random(n) < 0.01] |= np.uint8(SampleFlag.LOST_BEFORE)
    return SampleBlock(t, quat, rng.normal(0, 1, (n, 3)), None, flags), seq


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 7, 18]), st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_how_samples_are_cut_into_blocks_changes_no_packet(seed: int, per_packet: int, cuts: list[int]) -> None:
    block, seq = taken(seed)
    edges = [0, *(min(c, len(block)) for c in np.cumsum(cuts).tolist()), len(block)]
    parts = [(block[a:b], seq[a:b]) for a, b in pairwise(edges)]
    made = [packet for packets in encode_blocks(parts, 3, per_packet, 2_500) for packet in packets]
    assert made == encode_stream(block, seq, 3, per_packet, 2_500)


def test_no_block_no_packet() -> None:
    assert list(encode_blocks([])) == []
