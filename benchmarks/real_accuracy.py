"""Rotation on the real recordings: counts, sides, range and arc, fused offline and causally.

Run as ``python benchmarks/real_accuracy.py [folder]``; the folder is ``$UNSLOUCH_SHARED/data/real`` by default. The
recordings are not part of the repository.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
from pathlib import Path

import numpy as np

from unslouch_signal.analysis import analyse_recording
from unslouch_signal.events import RotationRep, Side
from unslouch_signal.frames import parse_mount
from unslouch_signal.fusion import CausalFusion
from unslouch_signal.samples import SampleBlock, samples

MOUNT = parse_mount("down,right,back")
LETTER = {"L": Side.LEFT, "R": Side.RIGHT}


def block_of(path: Path) -> SampleBlock:
    z = np.load(path)
    if "gyr" in z:
        return samples(z["t"].astype(float), None, z["acc"].astype(float), z["gyr"].astype(float))
    return samples(z["t"].astype(float), z["quat"].astype(float))


def table(path: Path, file: str) -> list[dict[str, str]]:
    with path.open() as lines:
        return [r for r in csv.DictReader(lines) if r["file"] == file and r["move"] == "rotation"]


def trunk_trials(root: Path, causal: bool) -> None:
    exact, files = 0, 0
    ranges: list[float] = []
    arcs: list[float] = []
    for path in sorted((root / "trunkyxl").glob("*.npz")):
        session = path.stem.endswith("session")
        wanted = table(root / ("truth_sessions.csv" if session else "truth_reps.csv"), path.stem)
        block = block_of(path)
        if causal:
            block = CausalFusion(50.0).process(block)
        found: tuple[RotationRep, ...] = analyse_recording(block, mount=MOUNT, neutral=(0.0, 1.0)).rotations
        good = [LETTER[w["side"]] for w in wanted] == [r.side for r in found] and all(
            abs(float(w["t_peak"]) - r.peak) < 1.0 for w, r in zip(wanted, found, strict=True)
        )
        exact, files = exact + good, files + 1
        if session or not good:
            print(f"  {path.stem:32} wanted {len(wanted)} found {len(found)} {'exact' if good else 'WRONG'}")
            continue
        off = [math.degrees(r.range) - abs(float(w["peak_deg_9d"])) for w, r in zip(wanted, found, strict=True)]
        ranges += off
        arcs.append(sum(float(np.mean([o for o, r in zip(off, found, strict=True) if r.side is s])) for s in Side))
        print(
            f"  {path.stem:32} exact, range off by {min(off):+.1f} to {max(off):+.1f} deg, arc by {arcs[-1]:+.2f} deg"
        )
    off, arc = np.abs(ranges), np.abs(arcs)
    print(
        f"{'causal' if causal else 'offline':8} exact {exact}/{files}; range p50 {np.median(off):.2f} "
        f"p95 {np.percentile(off, 95):.2f} max {off.max():.2f} deg; arc p95 {np.percentile(arc, 95):.2f} "
        f"max {arc.max():.2f} deg  (asked: range p95 4, arc p95 2; trial analyser: 3.8, 1.8)"
    )


def nothing_turned(root: Path) -> None:
    for name in ("qmt_fullbody/fullbody", "bench_5sts/subject_01"):
        found = analyse_recording(block_of(root / f"{name}.npz")).rotations
        print(f"  {name:32} {len(found)} rotations (asked: 0)")
    path = root / "forth_trace_torso" / "part11.npz"
    whole, count = block_of(path), 0
    for start, end, _ in json.loads(str(np.load(path)["meta"]))["labels"]:
        lo, hi = np.searchsorted(whole.t, (start, end))
        count += len(analyse_recording(whole[int(lo) : int(hi)]).rotations)
    print(f"  {'forth_trace_torso, by segment':32} {count} rotations (asked: 0)")
    for path in sorted((root / "iomt_valedo_fhp").glob("*.npz")):
        found = analyse_recording(block_of(path), neutral=(0.0, 2.0)).rotations
        if found:
            seen = ", ".join(f"{r.start:.0f} s {math.degrees(r.range):.0f} deg {r.side}" for r in found)
            print(f"  iomt {path.stem:27} {len(found)} looks: {seen}")


def main() -> int:
    shared = Path(os.environ.get("UNSLOUCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=shared / "data" / "real", help="of the recordings")
    root: Path = parser.parse_args().folder
    if not (root / "truth_reps.csv").exists():
        print(f"There are no real recordings at {root}.")
        return 1
    for causal in (False, True):
        trunk_trials(root, causal)
    nothing_turned(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
