"""Raw samples that were lost while somebody turned: what is measured is right or says that a gap cut it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unslouch_signal.analyser import Analyser
from unslouch_signal.analysis import analyse_recording
from unslouch_signal.events import RotationFault, RotationPosition, RotationRep, Side
from unslouch_signal.fusion import CausalFusion, FusionParameters, fuse
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock, SampleFlag
from unslouch_signal.synth import WORST, RadioModel, Simulated, scenarios, simulate


def without(block: SampleBlock, *holes: tuple[float, float]) -> SampleBlock:
    """Cut out the samples within the holes."""
    keep = np.ones(len(block), np.bool_)
    for start, end in holes:
        keep &= (block.t <= start) | (block.t >= end)
    return SampleBlock(
        block.t[keep],
        None,
        block.acc[keep],  # type: ignore[index]
        block.gyr[keep],  # type: ignore[index]
        block.flags[keep],
    )


def turned(seconds: float, way_s: float = 1.5, angle_deg: float = 60.0, rate: float = 52.0) -> SampleBlock:
    """Still, upright, a minimum-jerk turn to the left in the middle, still again."""
    t = np.arange(0.0, seconds, 1.0 / rate)
    u = np.clip((t - 0.5 * seconds) / way_s + 0.5, 0.0, 1.0)
    speed = 30.0 * u**2 * (1.0 - u) ** 2 * math.radians(angle_deg) / way_s
    gyr = np.stack([0 * t, 0 * t, speed], axis=1)
    return SampleBlock(t, None, np.tile([0.0, 0.0, 9.81], (len(t), 1)), gyr, np.zeros(len(t), np.uint8))


def heading_deg(quat: np.ndarray) -> float:
    first, last = (2 * math.atan2(q[3], q[0]) for q in (quat[0], quat[-1]))
    return math.degrees(math.remainder(last - first, 2 * math.pi))


@pytest.fixture(scope="module")
def recorded() -> Simulated:
    return simulate(scenarios.seated_set(3, 1), WORST, seed=1, fused=False)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_with_bursts_of_loss_what_counts_is_right(seed: int, loss: float) -> None:
    taken = simulate(scenarios.seated_set(4, seed), WORST, seed=seed, radio=RadioModel(loss=loss), fused=False)
    found = analyse_recording(taken.block_raw).rotations
    valid = [r for r in found if r.valid]
    assert len(valid) >= 2
    for rep in valid:
        near = [t for t in taken.truth.rotations if t.start - 0.5 <= rep.peak <= t.end + 0.5]
        assert [t.side for t in near] == [rep.side]
        assert abs(rep.range - near[0].range) < math.radians(3.0)


@pytest.mark.parametrize("causal", [False, True])
def test_a_return_that_nobody_saw_spoils_what_follows_and_says_so(recorded: Simulated, causal: bool) -> None:
    first, *others = recorded.truth.rotations
    # from the hold to almost back
    block = without(recorded.block_raw, (first.end - 1.6, first.end - 0.4))
    found = judged(block, causal=causal)
    assert not any(rep.valid for rep in found)
    assert len(found) >= len(others) - 1  # the first of them may start where nobody rested
    assert all(RotationFault.CUT_BY_GAP in r.faults for r in found)


def judged(block: SampleBlock, *, causal: bool) -> tuple[RotationRep, ...]:
    if not causal:
        return analyse_recording(block).rotations
    protocol = find_protocol(fuse(block))
    assert protocol is not None
    analyser = Analyser(protocol.calibration)
    events = [event for a in range(0, len(block), 7) for event in analyser.process(block[a : a + 7])]
    return tuple(e for e in [*events, *analyser.finish()] if isinstance(e, RotationRep))


@pytest.mark.parametrize("causal", [False, True])
def test_a_long_rest_is_the_neutral_again(causal: bool) -> None:
    taken = simulate(scenarios.seated_set(2, 2), WORST, seed=2, fused=False)
    block = taken.block_raw
    last = taken.truth.rotations[-1]
    # the set again after ten seconds of rest
    seam = float(block.t[-1])
    rest = block[-104:]
    again = block[int(np.searchsorted(block.t, taken.truth.rotations[0].start - 1.0)) :]
    parts, t = [without(block, (last.end - 1.6, last.end - 0.4))], seam
    for part in (rest, rest, rest, rest, rest, again):
        moved = part.t - part.t[0] + t + 1 / 52
        parts.append(SampleBlock(moved, None, part.acc, part.gyr, part.flags))
        t = float(moved[-1])
    whole = SampleBlock(
        np.concatenate([p.t for p in parts]),
        None,
        np.concatenate([p.acc for p in parts if p.acc is not None]),
        np.concatenate([p.gyr for p in parts if p.gyr is not None]),
        np.concatenate([p.flags for p in parts]),
    )
    found = judged(whole, causal=causal)
    assert [r.valid for r in found] == [True, True, True, False, True, True, True, True]
    assert all(r.position is RotationPosition.SEATED for r in found)


@pytest.mark.parametrize(
    ("gap", "before", "after", "known"),
    [
        (0.58, 60, 60, True),
        (0.62, 60, 60, False),
        (0.95, 4, 4, True),
        (0.95, 6, 4, False),
        (0.95, 4, -6, False),
        (1.05, 0, 0, False),
    ],
)
def test_when_a_heading_is_known(gap: float, before: float, after: float, known: bool) -> None:
    assert FusionParameters().heading_known(gap, math.radians(before), math.radians(after)) is known


@pytest.mark.parametrize(("side", "sign"), [(Side.LEFT, 1.0), (Side.RIGHT, -1.0)])
@pytest.mark.parametrize("hole", [(5.0, 5.5), (4.6, 5.1), (4.9, 5.4)])
def test_half_a_second_of_a_turn_is_guessed(side: Side, sign: float, hole: tuple[float, float]) -> None:
    block = without(turned(10.0, angle_deg=60.0 * sign), hole)
    fused = fuse(block)
    assert fused.quat is not None
    assert heading_deg(fused.quat) == pytest.approx(60.0 * sign, abs=3.0)
    causal = CausalFusion(52.0).process(block)
    assert causal.quat is not None
    assert heading_deg(causal.quat) == pytest.approx(60.0 * sign, abs=6.0)
    for out in (fused, causal):
        assert not bool((out.flags & SampleFlag.HEADING_LOST).any())


@pytest.mark.parametrize("hole", [(4.6, 5.4), (4.8, 5.6), (3.0, 4.2)])
def test_more_is_lost_and_told_at_the_first_sample_after(hole: tuple[float, float]) -> None:
    block = without(turned(10.0), hole)
    for out in (fuse(block), CausalFusion(52.0).process(block)):
        (at,) = np.flatnonzero(out.flags & SampleFlag.HEADING_LOST)
        assert out.t[at - 1] < hole[1] <= out.t[at] < hole[1] + 0.1
