"""Real recordings beside the checkout; skipped where they are absent."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch_signal.analysis import Analysis, analyse_recording
from unslouch_signal.calibration import calibrate
from unslouch_signal.events import ActivityKind
from unslouch_signal.frames import Mount, parse_mount
from unslouch_signal.fusion import fuse
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock, samples


@cache
def load(path: Path) -> tuple[SampleBlock, dict[str, Any]]:
    z = np.load(path)

    def column(name: str) -> np.ndarray | None:
        return z[name].astype(np.float64) if name in z.files else None

    quat = column("quat")
    if quat is not None:
        quat = quat / np.linalg.norm(quat, axis=1, keepdims=True)
    return samples(column("t"), quat, column("acc"), column("gyr")), json.loads(str(z["meta"]))  # type: ignore[arg-type]


def part(block: SampleBlock, start: float, end: float) -> SampleBlock:
    a, b = np.searchsorted(block.t, (start, end))
    return block[int(a) : int(b)]


@pytest.fixture
def real(shared: Path) -> Path:
    folder = shared / "data" / "real"
    if not folder.is_dir():
        pytest.skip("shared data is absent")
    return folder


def intervals(real: Path) -> list[dict[str, str]]:
    with (real / "truth_posture_intervals.csv").open() as f:
        return list(csv.DictReader(f))


def judged(real: Path, row: dict[str, str]) -> Analysis:
    folder = real / row["dataset"]
    block, _ = load(folder / f"{row['file']}.npz")
    reference, _ = load(folder / f"{row['neutral_ref']}.npz")
    settled = reference
    if row["dataset"].startswith("smartposture"):
        settled = part(reference, 2.6, float(reference.t[-1]) - 2)
    return analyse_recording(block, calibration=calibrate(settled))


def test_slouched_is_flagged_and_upright_gives_no_alert(real: Path) -> None:
    flagged = beyond = 0
    for row in intervals(real):
        found = judged(real, row)
        track = found.track
        if row["label"] == "upright":
            assert found.alerts == (), row["file"]
            continue
        inside = (track.t >= float(row["t0"])) & (track.t <= float(row["t1"])) & (track.tilt > np.radians(12))
        spells = np.zeros(len(track), np.bool_)
        for spell in found.slouches:
            spells |= (track.t >= spell.start) & (track.t <= spell.end)
        beyond += int(inside.sum())
        flagged += int((inside & spells).sum())
    assert flagged >= 0.99 * beyond > 0


MOUNTS: tuple[Mount | None, ...] = (None, parse_mount("left,up,front"))


@pytest.mark.parametrize("mount", MOUNTS, ids=["unknown", "words"])
def test_daily_life_gives_no_alert_and_no_rotation(real: Path, mount: Mount | None) -> None:
    block, meta = load(real / "forth_trace_torso" / "part11.npz")
    walked = 0.0
    for start, end, label in meta["labels"]:
        found = analyse_recording(part(block, start, end + 0.001), mount=mount)
        assert found.alerts == (), label
        assert found.rotations == (), label
        seconds = sum(a.end - a.start for a in found.activity if a.kind is ActivityKind.WALKING)
        if label in ("sit", "stand", "sit_talk"):
            assert seconds < 1.0, label
        if label in ("walk", "stairs", "walk_talk", "stairs_talk"):
            walked += seconds / (end - start)
    assert walked > 0.8 * 6


@pytest.mark.parametrize("name", ["bench_5sts/subject_01", "qmt_fullbody/fullbody"])
def test_standing_up_walking_and_turning_about(real: Path, name: str) -> None:
    block, _ = load(real / f"{name}.npz")
    found = analyse_recording(block)
    assert found.alerts == ()
    assert found.rotations == ()
    # one gets up, bent forward once or five times: no calibration bows
    assert find_protocol(fuse(block)) is None


def test_a_bias_of_four_degrees_a_second_is_taken_off(real: Path) -> None:
    block, _ = load(real / "bench_5sts" / "subject_01.npz")
    assert block.gyr is not None
    assert np.degrees(np.linalg.norm(block.gyr[:200].mean(axis=0))) > 3
    fused = fuse(block)
    assert fused.gyr is not None
    assert np.degrees(np.linalg.norm(fused.gyr[:30].mean(axis=0))) < 1
    found = analyse_recording(block)
    quiet = found.track.t < 3
    assert np.degrees(np.ptp(found.track.axial[quiet])) < 3
