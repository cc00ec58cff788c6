"""The strap's limits for "lies on a table" against people who sat still, recorded by others."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
STRETCH_S = 10.0


@pytest.fixture
def limits(repository: Path) -> FloatArray:
    """Spread of each axis below which ten seconds are as quiet as a table, m/s^2 and rad/s, as the firmware has it."""
    text = (repository / "firmware/strap/src/worn.rs").read_text()

    def number(name: str) -> float:
        found = re.search(rf"const {name}: f32 = ([\d.]+)( \* D)?;", text)
        assert found, name
        return float(found[1]) * (np.pi / 180 if found[2] else 1.0)

    assert number("STRETCH") == STRETCH_S
    return np.repeat([number("QUIET_FORCE"), number("QUIET_RATE")], 3)


def spreads(t: FloatArray, x: FloatArray) -> FloatArray:
    """Standard deviation of every axis over each stretch of ten seconds without a gap, (stretches, axes)."""
    n = round(STRETCH_S / float(np.median(np.diff(t))))
    if len(t) < n:
        return np.empty((0, x.shape[1]))
    x = x - x.mean(axis=0)
    sums = np.concatenate((np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)))
    squares = np.concatenate((np.zeros((1, x.shape[1])), np.cumsum(x * x, axis=0)))
    mean = (sums[n:] - sums[:-n]) / n
    variance = (squares[n:] - squares[:-n]) / n - mean * mean
    whole = t[n - 1 :] - t[: len(t) - n + 1] < 1.05 * STRETCH_S
    return np.sqrt(np.maximum(variance, 0.0))[whole]


def test_the_stillest_wearer_is_never_as_quiet_as_a_table(shared: Path, limits: FloatArray) -> None:
    folder = shared / "data" / "real"
    if not folder.is_dir():
        pytest.skip("shared data is absent")
    stillest: list[float] = []
    for path in sorted(folder.glob("*/*.npz")):
        with np.load(path) as z:
            if not {"t", "acc", "gyr"} <= set(z.files):
                continue
            x = np.concatenate((z["acc"], z["gyr"]), axis=1).astype(float)
            found = spreads(z["t"].astype(float), x)
        if len(found):
            # it is on the table only if all six axes are quiet: the least quiet one decides
            stillest.append(float((found / limits).max(axis=1).min()))
    assert len(stillest) > 30
    # six stretches in a row would be needed; nobody has one, and not by half
    assert min(stillest) > 2.0
