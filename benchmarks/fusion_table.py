#!/usr/bin/env python3
"""Print the fusion's table of docs/fusion.md again, measured through `unslouch-strap fuse` and an emulated Cortex-M4F.

    python benchmarks/fusion_table.py [--binary PATH] [--quick]

Needs cargo, and beside the checkout (or in UNSLOUCH_SHARED) the folder `shared/fusion` with BROAD's trials, eval.py and
scenarios.py. The instruction count needs qemu-system-arm and the target thumbv7em-none-eabihf; without, it is left out.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", FIRMWARE / "target"))
FloatArray = NDArray[np.float64]
Row = tuple[str, str, str]
JUMP_DPS = [1.0, -0.8, 0.6]


def estimator(
    acc: FloatArray,
    gyr: FloatArray,
    ts: float,
    mag: None = None,
    *,
    wide: bool = False,
) -> dict[str, FloatArray]:
    """The strap's fusion on a whole trial: what eval.py and scenarios.py call."""
    frames = np.concatenate((acc, gyr), axis=1).astype("<f4").tobytes()
    command = [os.environ["UNSLOUCH_STRAP_BINARY"], "fuse", "--rate", repr(1 / ts), *(["--float64"] if wide else [])]
    done = subprocess.run(command, input=frames, capture_output=True, check=True)
    return {"quat": np.frombuffer(done.stdout, "<f4").reshape(-1, 4).astype(float)}


def broad(ev: ModuleType) -> Iterator[Row]:
    def mean(rate: str, **options: object) -> dict[str, float]:
        done = ev.evaluate("fusion_table:estimator", {}, rate, quant="round", jobs=2, **options)
        return {name: value["mean"] for name, value in done["aggregate"]["all"].items() if isinstance(value, dict)}

    for name, rate, options in (
        ("52 Hz", "52", {}),
        ("104 Hz", "104", {}),
        ("native rate", "native", {}),
        ("52 Hz, unseen frame and bias, seed 7", "52", {"augment": 7}),
        ("52 Hz, unseen frame and bias, seed 8", "52", {"augment": 8}),
        ("52 Hz, started 1 s before the movement", "52", {"scenario": "cold"}),
    ):
        m = mean(rate, **options)
        asked = "scenario" not in options
        tilt, turn = f"{m['incl_rmse']:.3f}, {m['incl_p95']:.3f} deg", f"{m['rel10_p95']:.3f} deg"
        yield f"inclination RMSE, p95, {name}", tilt, "0.53, 0.96" if asked else ""
        yield f"heading over 10 s, p95, {name}", turn, "1.45" if asked else ""
    m = mean("52", bias_test=JUMP_DPS)
    yield "drift 30 s after a bias step while moving", f"{m['bt_move_res30']:.3f} deg/s", "0.3"


def breathing_turns(ev: ModuleType, sc: ModuleType) -> str:
    """Range error of a slow turn of 40 deg while breathing, the worst of three people, by speed."""
    out = []
    for speed in (0.5, 1.0, 1.5, 2.5, 5.0):
        lasts = 40 / speed
        errors = []
        for seed in (1, 2, 3):
            t, pitch, roll, sway, force = sc.body(60 + 2 * lasts + 10, seed=seed)
            yaw = sway + np.radians(speed) * (np.clip(t - 60, 0, lasts) - np.clip(t - 65 - lasts, 0, lasts))
            d = sc.make(yaw, pitch, roll, np.radians([0.5, -0.4, 0.3]), 52.0, seed=seed, lin=force)
            e = ev.qmul(ev.qnorm(estimator(d["acc"], d["gyr"], d["Ts"])["quat"]), ev.qinv(d["ref"]))
            turn = np.degrees(np.unwrap(ev.heading_signed(ev.qnorm(e))))
            errors.append(abs(turn[int((62 + lasts) * 52)] - turn[59 * 52]))
        out.append(f"{max(errors):.2f}")
    return " ".join(out)


def worn(ev: ModuleType, sc: ModuleType) -> Iterator[Row]:
    r = sc.run(estimator, {}, 52.0)
    speeds = (0.5, 1.0, 1.5, 2.5, 5.0)
    yield "40 deg at 0.5, 1, 1.5, 2.5, 5 deg/s", " ".join(f"{r[f'slow_{v}']:.2f}" for v in speeds), "0.5"
    yield "the same while breathing", breathing_turns(ev, sc), "3"
    reps = [value for name, value in r.items() if name.startswith("reps") and "incl" not in name]
    yield "repetitions, bias 0-2.5 deg/s, warm and cold, p95", f"{max(reps):.3f} deg", "0.1"
    yield "warm-up inclination p99", f"{r['warm_incl99']:.3f} deg", "0.20"
    yield "8 h inclination p99, drift", f"{r['8h_incl99']:.3f} deg, {r['8h_drift_dph']:.2f} deg/h", "0.06, 0.4"


def widths(ev: ModuleType, sc: ModuleType) -> Row:
    """Largest difference of inclination between float32 and float64 over eight hours."""
    _, pitch, roll, sway, force = sc.body(1800)
    d = sc.make(sway, pitch, roll, np.radians([0.5, -0.4, 0.3]), 52.0, lin=force)
    acc, gyr = np.tile(d["acc"], (16, 1)), np.tile(d["gyr"], (16, 1))
    narrow, wide = (estimator(acc, gyr, d["Ts"], wide=w)["quat"] for w in (False, True))
    e = ev.qmul(narrow, ev.qinv(wide))
    apart = np.degrees(2 * np.arctan2(np.hypot(e[:, 1], e[:, 2]), np.hypot(e[:, 0], e[:, 3])))
    return "float32 against float64 over 8 h, inclination", f"{apart.max():.4f} deg", "0.05"


def instructions() -> Iterator[Row]:
    qemu, target = shutil.which("qemu-system-arm"), "thumbv7em-none-eabihf"
    build = ["cargo", "build", "--release", "-p", "unslouch-strap-bench", "--target", target]
    if qemu is None or subprocess.run(build, cwd=FIRMWARE, check=False).returncode:
        return
    image = TARGET / target / "release" / "unslouch-strap-bench"
    command = [qemu, "-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none", "-semihosting"]
    command += ["-icount", "shift=8", "-kernel", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, stdin=subprocess.DEVNULL)
    for name, mean, peak in re.findall(r"fusion (.+) mean ([\d.]+) peak ([\d.]+)", done.stdout):
        yield (
            f"instructions on a Cortex-M4F, {name}: mean, peak",
            f"{float(mean):.0f}, {float(peak):.0f}",
            "1000, 2500" if "without" not in name else "",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, help="a built unslouch-strap; otherwise it is built")
    parser.add_argument("--quick", action="store_true", help="BROAD and the instructions only")
    options = parser.parse_args()
    folder = Path(os.environ.get("UNSLOUCH_SHARED", ROOT.parent / "shared")) / "fusion"
    if not folder.is_dir():
        parser.error(f"{folder} is absent")
    if options.binary is None:
        subprocess.run(["cargo", "build", "--release", "-p", "unslouch-strap-host"], cwd=FIRMWARE, check=True)
    binary = options.binary or TARGET / "release" / "unslouch-strap"
    os.environ["UNSLOUCH_STRAP_BINARY"] = str(binary.resolve())
    sys.path[:0] = [str(folder), str(Path(__file__).resolve().parent)]
    import eval as ev
    import scenarios as sc

    def rows() -> Iterator[Row]:
        yield from broad(ev)
        if not options.quick:
            yield from worn(ev, sc)
            yield widths(ev, sc)
        yield from instructions()

    print("| what | measured | reach |\n|---|---|---|")
    for what, measured, reach in rows():
        print(f"| {what} | {measured} | {reach} |", flush=True)


if __name__ == "__main__":
    main()
