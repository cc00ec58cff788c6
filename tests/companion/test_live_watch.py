"""The protocol found in a stream is the one found in a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unslouch.live.watch import ProtocolWatch
from unslouch_signal import quaternion as qt
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock
from unslouch_signal.synth import WORST, scenarios, simulate


@pytest.mark.parametrize("block_points", [18, 500])
@pytest.mark.parametrize("seed", [1, 7])
def test_the_calibration_of_a_stream_is_that_of_a_file(seed: int, block_points: int) -> None:
    # a gyro just turned on, 2.5 deg/s off on each axis: the filter's own vertical is 2 deg off for a while
    fused = simulate(scenarios.seated_set(1, seed), WORST, seed=seed).block_fused
    assert fused is not None
    fused = fused[: 40 * 52]
    of_file = find_protocol(fused)
    assert of_file is not None
    watch = ProtocolWatch()
    found = None
    for a in range(0, len(fused), block_points):
        watch.feed(fused[a : a + block_points])
        found = found or watch.look()
    assert found is not None
    z = np.array((0.0, 0.0, 1.0))
    ups = [qt.rotate(np.array(c.mount), z) for c in (found, of_file.calibration)]
    assert np.degrees(np.arccos(min(float(ups[0] @ ups[1]), 1.0))) < 0.3


def test_orientation_alone_will_do() -> None:
    fused = simulate(scenarios.seated_set(1, 2), replace(WORST, bias_dps=0.0), seed=2).block_fused
    assert fused is not None
    watch = ProtocolWatch()
    watch.feed(SampleBlock(fused.t, fused.quat, None, None, fused.flags)[: 40 * 52])
    found = watch.look()
    assert found is not None
    assert found.forward_known
