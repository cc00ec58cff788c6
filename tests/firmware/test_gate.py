"""The strap's posture gate against the companion's analysis: the same cues within a second."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from unslouch.recording.reader import read_recording
from unslouch_signal import quaternion
from unslouch_signal.activity import ActivityDetector
from unslouch_signal.analyser import analyse_recording
from unslouch_signal.angles import ThoraxAngles
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import SlouchAlert
from unslouch_signal.fusion import CausalFusion
from unslouch_signal.grid import Grid
from unslouch_signal.samples import SampleBlock, SampleFlag
from unslouch_signal.slouch import SlouchDetector, SlouchParameters
from unslouch_signal.synth import SensorModel, scenarios, simulate

Cue = tuple[float, str]
DAYS = 100


def strap(binary: Path, block: SampleBlock, calibration: Calibration, *options: str) -> tuple[list[Cue], list[Cue]]:
    """What the strap says: cues and changes of activity, each with its time."""
    assert block.quat is not None
    assert block.acc is not None
    frames = np.column_stack((block.t - block.t[0], block.quat, block.acc, block.flags))
    mount = ",".join(str(c) for c in quaternion.conjugate(np.array(calibration.mount)))
    done = subprocess.run(
        [binary, "gate", f"--mount={mount}", *([] if calibration.forward_known else ["--tilt-only"]), *options],
        input=frames.astype("<f8").tobytes(),
        capture_output=True,
        check=True,
    )
    said = [line.split() for line in done.stdout.decode().splitlines()]
    cues = [(float(t) + float(block.t[0]), rest[0]) for t, what, *rest in said if what == "cue"]
    return cues, [(float(t) + float(block.t[0]), rest[0]) for t, what, *rest in said if what == "activity"]


def companion(
    block: SampleBlock, calibration: Calibration, parameters: SlouchParameters | None = None
) -> tuple[list[Cue], list[Cue]]:
    """What the analysis says; whether the strap has slipped is the companion's knowledge alone, so it is left out."""
    track = ThoraxAngles(calibration).process(Grid().process(block))
    activity, _ = ActivityDetector().process(track)
    slouch = SlouchDetector(parameters, forward_known=calibration.forward_known)
    _, found = slouch.process(track, activity, np.zeros(len(track), np.bool_))
    alerts = [event for _, event in found if isinstance(event, SlouchAlert)]
    # sitting still and moving are one to the strap
    names = np.array(["upright", "upright", "walking", "lying", "off_body", "unknown"])[activity.codes]
    changes = np.flatnonzero(np.concatenate((["upright"], names[:-1])) != names)
    return [(a.t, a.direction or "unknown") for a in alerts], [(float(track.t[i]), str(names[i])) for i in changes]


def agree(ours: tuple[list[Cue], list[Cue]], theirs: tuple[list[Cue], list[Cue]]) -> None:
    # cues within a second is what is promised; activity, on the same grid by the same rules, within a few points
    for mine, yours, within in zip(ours, theirs, (1.0, 0.1), strict=True):
        assert [what for _, what in mine] == [what for _, what in yours]
        assert np.allclose([t for t, _ in mine], [t for t, _ in yours], atol=within, rtol=0)


def simulated_day(seed: int) -> SampleBlock:
    day = scenarios.desk_day(600.0 + 60 * (seed % 5), seed=seed)
    simulated = simulate(day, SensorModel(bias_dps=0.3), seed=seed)
    block = simulated.block_fused
    flags = block.flags.copy()
    if seed % 7 == 0:
        # once in a while it is charged in the middle of the day
        flags[len(flags) // 3 : len(flags) // 2] |= np.uint8(SampleFlag.CHARGER)
    return SampleBlock(block.t, block.quat, block.acc, block.gyr, flags)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, DAYS, 25))
def test_a_hundred_simulated_days_are_cued_alike(strap_binary: Path, first: int) -> None:
    cues = 0
    for seed in range(first, first + 25):
        block = simulated_day(seed)
        calibration = analyse_recording(block).calibration
        assert calibration is not None
        theirs = companion(block, calibration)
        agree(strap(strap_binary, block, calibration), theirs)
        cues += len(theirs[0])
    assert cues > 25


@pytest.mark.parametrize("seed", [3, 5])
def test_other_thresholds_and_an_unknown_forward(strap_binary: Path, seed: int) -> None:
    block = simulated_day(seed)
    calibration = analyse_recording(block).calibration
    assert calibration is not None
    blind = Calibration(calibration.mount, False, "neutral", 0.5)
    agree(strap(strap_binary, block, blind), companion(block, blind))
    short = SlouchParameters(dwell_s=5.0, quiet_s=10.0)
    theirs = companion(block, calibration, short)
    assert theirs[0] != companion(block, calibration)[0]
    agree(strap(strap_binary, block, calibration, "--dwell", "5", "--quiet", "10"), theirs)


def test_every_capture_is_cued_alike(strap_binary: Path, repository: Path) -> None:
    captures = sorted((repository / "recordings").glob("*.mcap"))
    assert captures
    for capture in captures:
        block = read_recording(capture).samples
        calibration = analyse_recording(block).calibration
        if block.quat is None:
            block = CausalFusion(52.0).process(block)
        if calibration is not None:
            agree(strap(strap_binary, block, calibration), companion(block, calibration))


def test_what_it_is_told_wrong_it_says(strap_binary: Path) -> None:
    for options, says in [
        (["--angles", "7,12,12,7,12,7"], "leave < enter"),
        (["--dwell", "0"], "dwell 1 to 600"),
        (["--mount", "1,0,0"], "4 numbers"),
        (["--wobble", "1"], "--wobble"),
    ]:
        done = subprocess.run([strap_binary, "gate", *options], input="", capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert says in done.stderr
