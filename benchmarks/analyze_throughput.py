"""From an MCAP file of 1, 2, 4 and 8 hours to its events, in a running process, on one core.

    python benchmarks/analyze_throughput.py [--hours 1 2 4 8] [--keep FOLDER]

Prints seconds from the file to events (best of three) by the clock and of the processor (what the clock would show on
an idle machine), the share of reading, the peak memory of a fresh process that does it, and how the time grows.
Targets: 8 h fused <= 1.0 s, raw <= 2.0 s, memory <= 600 MB, growth linear.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TARGET_S = {"fused": 1.0, "raw": 2.0}


def make(path: Path, hours: float, raw: bool) -> None:
    """Record a simulated working day: low latency is 2 samples a packet, recordings are made of full ones."""
    from unslouch.live.recorded import record_samples
    from unslouch_signal import synth

    made = synth.simulate(synth.scenarios.desk_day(hours * 3600, seed=8), seed=8, fused=not raw)
    block = made.block_raw if raw or made.block_fused is None else made.block_fused
    record_samples(path, block, np.flatnonzero(made.arrived))


def once(path: Path) -> tuple[float, float, float, int]:
    """Processor seconds, seconds to read, seconds to analyse, number of events."""
    from unslouch.recording.reader import read_recording
    from unslouch_signal.analysis import analyse_recording

    begun, cpu = time.perf_counter(), time.process_time()
    recording = read_recording(path)
    read = time.perf_counter()
    analysis = analyse_recording(recording.samples)
    done = time.perf_counter()
    return time.process_time() - cpu, read - begun, done - read, len(analysis.events)


def peak_mb() -> float:
    """Peak memory of this process, MB; VmHWM where there is one, for ru_maxrss is inherited from the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(row for row in status.read_text().splitlines() if row.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def memory(path: Path) -> float:
    """Peak memory (MB) of a fresh process that analyses the file."""
    code = f"from analyze_throughput import *; once(Path({str(path.resolve())!r})); print(peak_mb())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", nargs="*", type=float, default=[1, 2, 4, 8])
    parser.add_argument("--keep", type=Path, help="keep the recordings here for the next time")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("fused", "raw"):
            best: dict[float, float] = {}
            for hours in options.hours:
                path = folder / f"{kind}-{hours:g}h.mcap"
                if not path.exists():
                    make(path, hours, kind == "raw")
                cpu, read, analyse, events = min(once(path) for _ in range(3))
                best[hours] = cpu
                parts = f"read {read:5.2f} s  analyse {analyse:5.2f} s"
                times = f"{parts}  together {read + analyse:5.2f} s (processor {cpu:5.2f} s)"
                size = path.stat().st_size / 1e6
                print(
                    f"{kind:5} {hours:4g} h  {size:6.1f} MB  {times}  {events} events  peak {memory(path):4.0f} MB",
                    flush=True,
                )
            longest = max(best)
            line = (
                f"{kind:5} {longest:g} h: {best[longest]:.2f} s of the processor (target for 8 h: {TARGET_S[kind]:g} s)"
            )
            if len(best) > 1:
                shortest = min(best)
                growth = best[longest] / best[shortest] / (longest / shortest)
                line += f", time per hour at {longest:g} h is {growth:.2f} of that at {shortest:g} h"
            print(line)


if __name__ == "__main__":
    main()
