"""The guided calibration: what it takes for the neutral, and that it is as good as one found in a file."""

from __future__ import annotations

import numpy as np
import pytest

from unslouch.tui.guide import Guide, Phase
from unslouch_signal import quaternion as qt
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock, samples
from unslouch_signal.synth import WORST, scenarios, simulate


def guided(block: SampleBlock, points: int = 6) -> Guide:
    guide = Guide()
    guide.next()
    for a in range(0, len(block), points):
        guide.feed(block[a : a + points])
        if guide.view.phase is Phase.TURN:
            guide.next()
    return guide


@pytest.mark.parametrize("seed", [1, 7])
def test_just_after_power_on_it_is_as_good_as_one_found_in_a_file(seed: int) -> None:
    # a gyro that is 2.5 deg/s off on each axis: the filter's own vertical is 2 deg off for a while
    fused = simulate(scenarios.seated_set(1, seed), WORST, seed=seed).block_fused
    assert fused is not None
    fused = fused[: 40 * 52]
    of_file = find_protocol(fused)
    assert of_file is not None
    found = guided(fused).view.calibration
    assert found is not None
    assert found.forward_known
    z = np.array((0.0, 0.0, 1.0))
    ups = [qt.rotate(np.array(c.mount), z) for c in (found, of_file.calibration)]
    assert np.degrees(np.arccos(min(float(ups[0] @ ups[1]), 1.0))) < 0.6


@pytest.mark.parametrize(("hole", "phase"), [(0.3, Phase.BOWS), (4.0, Phase.NEUTRAL)])
def test_a_hole_in_the_neutral_begins_it_anew(hole: float, phase: Phase) -> None:
    t = np.concatenate((np.arange(0, 2, 0.02), np.arange(2 + hole, 8, 0.02)))
    block = samples(t, np.tile((1.0, 0.0, 0.0, 0.0), (len(t), 1)))
    assert guided(block).view.phase is phase
    assert guided(block, len(t)).view.phase is phase
