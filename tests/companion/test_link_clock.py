"""The strap's clock on UTC: delay only ever adds, and late packets pull nothing."""

from __future__ import annotations

import numpy as np
import pytest

from unslouch.link.clock import ClockMap


def run(hours: float, ppm: float, jitter: float, seed: int, packet_s: float = 2 / 52) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of the mapped time (s) at each packet, and its strap time."""
    chance = np.random.default_rng(seed)
    t = np.arange(0, hours * 3600, packet_s)
    truth = 1.7e9 + t * (1 + ppm * 1e-6)
    arrival = truth + 0.02 + jitter * chance.random(len(t))
    clock, error = ClockMap(), np.empty(len(t))
    for k in range(len(t)):
        clock.add(float(t[k]), float(arrival[k]))
        assert clock.fit is not None
        error[k] = clock.fit.utc(float(t[k])) - truth[k] - 0.02
    return error, t


@pytest.mark.parametrize("ppm", [-40.0, 0.0, 40.0])
def test_jitter_and_drift_under_radio_jitter_of_100_ms(ppm: float):
    error, t = run(1.0, ppm, 0.1, seed=1)
    settled = error[t > 60]
    assert np.std(settled) <= 2e-3
    assert np.std(np.diff(settled)) <= 1e-3
    assert abs(np.mean(error[t > 3540])) <= 5e-3


def test_late_packets_pull_nothing():
    clock = ClockMap()
    chance = np.random.default_rng(2)
    for k in range(20_000):
        t = k * 2 / 52
        late = 0.6 * chance.random() if 300 < t < 340 else 0.004 * chance.random()
        clock.add(t, 1000 + t + 0.01 + late)
    assert clock.fit is not None
    assert clock.fit.utc(320.0) == pytest.approx(1320.01, abs=2e-3)
