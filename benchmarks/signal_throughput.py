"""Eight hours at 52 Hz from a block of samples to events: time, memory, and whether time grows linearly.

    python benchmarks/signal_throughput.py [--hours 8]

Times are of the process (CPU seconds of one core), the best of three runs.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from unslouch_signal import quaternion
from unslouch_signal.analyser import Analyser
from unslouch_signal.analysis import analyse_recording
from unslouch_signal.calibration import Calibration
from unslouch_signal.fusion import fuse
from unslouch_signal.samples import FloatArray, SampleBlock, samples

RATE = 52.0
CALIBRATION = Calibration((1.0, 0.0, 0.0, 0.0), True, "bows", heading=0.0)


def worn(hours: float) -> tuple[SampleBlock, SampleBlock]:
    """Return a fused and a raw block: slow slouches, breathing, turns and a walk every hour."""
    rng = np.random.default_rng(1)
    n = int(hours * 3600 * RATE)
    t = np.arange(n) / RATE
    flexion = np.radians(9 + 9 * np.sin(t / 40) + 1.5 * np.sin(1.6 * t))
    lateral = np.radians(3 * np.sin(t / 17))
    axial = np.radians(25 * np.sin(t / 4) ** 9 * (np.sin(t / 300) > 0.5))
    tilt = quaternion.from_rotvec(np.stack((lateral, flexion, 0 * t), axis=1))
    quat = quaternion.multiply(quaternion.from_rotvec(np.stack((0 * t, 0 * t, axial), axis=1)), tilt)
    steps = np.where(t % 3600 < 300, 2.5 * np.sin(11.5 * t), 0.0)
    up = quaternion.up_in_sensor(quat)
    acc = up * (9.80665 + steps)[:, None] + 0.03 * rng.standard_normal((n, 3))
    turned = quaternion.multiply(quaternion.conjugate(quat[:-1]), quat[1:])
    rate = quaternion.to_rotvec(turned) * RATE
    gyr: FloatArray = np.concatenate((rate[:1], rate)) + 0.003 * rng.standard_normal((n, 3)) + 0.01
    return samples(t, quat, acc), samples(t, None, acc, gyr)


def best(run: object, times: int = 3) -> float:
    taken: list[float] = []
    for _ in range(times):
        start = time.process_time()
        run()  # type: ignore[operator]
        taken.append(time.process_time() - start)
    return min(taken)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=8.0)
    hours: float = parser.parse_args().hours
    fused, raw = worn(hours)
    quarter = fused[: len(fused) // 4]
    before = peak_mb()

    def detect(block: SampleBlock) -> None:
        analyser = Analyser(CALIBRATION, rate_hz=RATE)
        analyser.process(block)
        analyser.finish()

    whole, part = best(lambda: detect(fused)), best(lambda: detect(quarter))
    print(f"fused, {len(fused)} samples to events: {whole:.2f} s (budget 0.6)")
    print(f"  linearity: {whole / (4 * part):.2f} times four quarters")
    print(f"raw, acausal fusion alone: {best(lambda: fuse(raw)):.2f} s")
    print(f"raw to events, causal: {best(lambda: detect(raw), 1):.2f} s")
    print(f"raw to events, acausal: {best(lambda: analyse_recording(raw, calibration=CALIBRATION)):.2f} s (budget 1.6)")
    print(f"memory: {peak_mb():.0f} MB at most, {before:.0f} MB of it before the analysis (budget 500)")


if __name__ == "__main__":
    main()
