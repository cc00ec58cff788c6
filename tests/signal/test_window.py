from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unslouch_signal.window import Debounce, Delay, RunningMean, Schmitt, lasting

CUTS = st.lists(st.integers(0, 30), min_size=1, max_size=20)


def pieces(x: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    ends = np.minimum(np.cumsum(cuts), len(x))
    return np.split(x, ends)


@given(st.integers(1, 40), CUTS, st.integers(0, 2**32))
def test_running_mean_is_the_mean_and_cuts_change_nothing(n: int, cuts: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=200)
    want = [x[max(i - n + 1, 0) : i + 1].mean() for i in range(200)]
    whole = RunningMean(n).process(x)
    assert np.allclose(whole, want, atol=1e-12)
    from_zeros = RunningMean(n, zeros=True).process(x)
    assert np.allclose(from_zeros, [x[max(i - n + 1, 0) : i + 1].sum() / n for i in range(200)], atol=1e-12)
    m = RunningMean(n)
    assert np.array_equal(np.concatenate([m.process(p) for p in pieces(x, cuts)]), whole)


@given(CUTS, st.integers(0, 2**32))
def test_delay_schmitt_debounce_whatever_the_cuts(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=200)
    d = Delay(7)
    assert np.array_equal(
        np.concatenate([d.process(p) for p in pieces(x, cuts)]), np.concatenate((np.full(7, x[0]), x[:-7]))
    )
    on, want = False, []
    for v in x:
        on = (on or v > 1) and not v < -0.5
        want.append(on)
    s = Schmitt()
    assert [bool(v) for p in pieces(x, cuts) for v in s.process(p > 1, p < -0.5)] == want
    codes = np.repeat(rng.integers(0, 3, 60), rng.integers(1, 9, 60)).astype(np.uint8)
    lasts, out, run, before, taken = [1, 4, 6], [], 0, 0, 0
    for c in codes:
        run = run + 1 if c == before else 1
        before = c
        taken = int(c) if run >= lasts[int(c)] else taken
        out.append(taken)
    b = Debounce(0, np.array(lasts))
    assert [int(v) for p in pieces(codes, cuts) for v in b.process(p)] == out


def test_lasting_counts_on_from_before() -> None:
    on = np.array([True, True, False, True, True])
    assert lasting(on, 3).tolist() == [4, 5, 0, 1, 2]
