"""Rotation on real people; skipped where the recordings are not (they are not part of the repository)."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from unslouch_signal.analysis import analyse_recording
from unslouch_signal.events import RotationRep, Side
from unslouch_signal.frames import parse_mount
from unslouch_signal.fusion import CausalFusion
from unslouch_signal.samples import SampleBlock, samples

SHARED = Path(os.environ.get("UNSLOUCH_SHARED", Path(__file__).resolve().parents[3] / "shared"))
REAL = SHARED / "data" / "real"

pytestmark = pytest.mark.skipif(not (REAL / "truth_reps.csv").exists(), reason="no real recordings here")

MOUNT = parse_mount("down,right,back")


def truth(table: str, file: str) -> list[tuple[Side, float, float]]:
    """(side, time of the peak, range in deg) of the rotations of a recording."""
    with (REAL / table).open() as lines:
        taken = [r for r in csv.DictReader(lines) if r["file"] == file and r["move"] == "rotation"]
    side = {"L": Side.LEFT, "R": Side.RIGHT}
    return [(side[r["side"]], float(r["t_peak"]), abs(float(r.get("peak_deg_9d") or r["peak_deg"]))) for r in taken]


def raw(path: str) -> SampleBlock:
    z = np.load(REAL / path)
    return samples(z["t"].astype(float), None, z["acc"].astype(float), z["gyr"].astype(float))


def trials() -> list[str]:
    return sorted(p.stem for p in (REAL / "trunkyxl").glob("*.npz"))


@cache
def rotations(file: str, causal: bool) -> tuple[RotationRep, ...]:
    block = raw(f"trunkyxl/{file}.npz")
    if causal:
        block = CausalFusion(50.0).process(block)
    return analyse_recording(block, mount=MOUNT, neutral=(0.0, 1.0)).rotations


@pytest.mark.parametrize("causal", [False, True], ids=["offline", "causal"])
@pytest.mark.parametrize("file", trials() if REAL.exists() else [])
def test_every_rotation_is_found_and_nothing_else(file: str, causal: bool) -> None:
    table = "truth_sessions.csv" if file.endswith("session") else "truth_reps.csv"
    wanted, found = truth(table, file), rotations(file, causal)
    assert [r.side for r in found] == [side for side, _, _ in wanted]
    for r, (_, peak, _) in zip(found, wanted, strict=True):
        assert abs(r.peak - peak) < 1.0
        assert r.start < peak < r.end
        assert r.valid


def errors(causal: bool) -> Iterator[tuple[list[float], float]]:
    for file in trials():
        if file.endswith("session"):
            continue
        wanted, found = truth("truth_reps.csv", file), rotations(file, causal)
        got = [math.degrees(r.range) for r in found]
        mean = {s: float(np.mean([g - w[2] for g, w in zip(got, wanted, strict=True) if w[0] is s])) for s in Side}
        yield [g - w[2] for g, w in zip(got, wanted, strict=True)], mean[Side.LEFT] + mean[Side.RIGHT]


@pytest.mark.parametrize("causal", [False, True], ids=["offline", "causal"])
def test_ranges_and_arcs(causal: bool) -> None:
    each, arcs = zip(*errors(causal), strict=True)
    assert np.percentile(np.abs(np.concatenate(each)), 95) <= 4.0
    assert np.percentile(np.abs(arcs), 95) <= 1.0


@pytest.mark.parametrize("file", ["qmt_fullbody/fullbody", "bench_5sts/subject_01"])
def test_walking_turning_about_and_standing_up_are_no_rotations(file: str) -> None:
    assert analyse_recording(raw(f"{file}.npz")).rotations == ()


def test_a_day_of_standing_sitting_walking_and_stairs_has_no_rotation() -> None:
    whole = raw("forth_trace_torso/part11.npz")
    labels = json.loads(str(np.load(REAL / "forth_trace_torso" / "part11.npz")["meta"]))["labels"]
    for start, end, _ in labels:
        lo, hi = np.searchsorted(whole.t, (start, end))
        assert analyse_recording(whole[int(lo) : int(hi)]).rotations == ()
