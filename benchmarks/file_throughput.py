"""How fast files become samples: 8 h at 52 Hz, fused and raw, full and small packets, CSV; beside the mcap library.

Run: python benchmarks/file_throughput.py [--hours 8]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mcap.reader
import numpy as np

from unslouch.recording.csv_format import read_csv, write_csv
from unslouch.recording.reader import read_recording
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.decoder import decode_all
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.table import PacketTable
from unslouch_signal.samples import SampleBlock, samples

RATE = 52.0
UTC = 1.8e9


def day(hours: float) -> SampleBlock:
    """Somebody who sways, with sensor noise."""
    rng = np.random.default_rng(0)
    n = int(hours * 3600 * RATE)
    t = np.arange(n) / RATE
    bend = 0.2 * np.sin(0.05 * t) + 0.05 * np.sin(1.7 * t)
    turn = 0.3 * np.sin(0.11 * t)
    c, s, ct, st = np.cos(bend / 2), np.sin(bend / 2), np.cos(turn / 2), np.sin(turn / 2)
    quat = np.stack([ct * c, -st * s, ct * s, st * c], axis=1)
    gravity = np.stack([-9.81 * np.sin(bend), 0 * t, 9.81 * np.cos(bend)], axis=1)
    gyr = np.stack([0 * t, np.gradient(bend, t), np.gradient(turn, t)], axis=1)
    return samples(t, quat, gravity + rng.normal(0, 0.02, (n, 3)), gyr + rng.normal(0, 0.002, (n, 3)))


def best(work: Callable[[], object], runs: int = 3) -> tuple[float, float]:
    """Wall and processor seconds of the fastest of some runs."""
    out: list[tuple[float, float]] = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        out.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(out, key=lambda pair: pair[1])


def show(name: str, seconds: tuple[float, float], note: str = "") -> None:
    print(f"{name:<46} {seconds[0]:7.3f} s   cpu {seconds[1]:7.3f} s   {note}", flush=True)


def by_library(path: Path) -> int:
    """What the mcap library needs for the same messages, undecoded."""
    with path.open("rb") as file:
        return sum(len(m.data) for _, _, m in mcap.reader.make_reader(file).iter_messages(["/strap/stream"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0)
    hours = parser.parse_args().hours
    full = day(hours)
    fused = SampleBlock(full.t, full.quat, full.acc, None, full.flags)
    raw = SampleBlock(full.t, None, full.acc, full.gyr, full.flags)
    print(f"{hours:g} h at {RATE:g} Hz: {len(full)} samples")
    with tempfile.TemporaryDirectory() as folder:
        for name, block, per_packet in (("fused x 18", fused, 18), ("raw x 18", raw, 18), ("fused x 2", fused, 2)):
            encoded = encode_stream(block, np.arange(len(block)), per_packet=per_packet)
            packets = [Packet(UTC + e.t_us * 1e-6, Channel.STREAM, e.data) for e in encoded]
            path = Path(folder) / f"{name}.mcap"
            writer = RecordingWriter(path, SourceInfo(SourceKind.SIMULATED, "bench"), UTC)

            def write(writer: RecordingWriter = writer, packets: list[Packet] = packets) -> None:
                for packet in packets:
                    writer.write(packet)

            show(f"{name}: write live, {len(packets)} packets", best(write, 1))
            size = path.stat().st_size
            show(f"{name}: read the live file", best(lambda p=path: read_recording(p)), f"{size / 1e6:.1f} MB")
            show(f"{name}: close and tidy", best(writer.close, 1), f"{path.stat().st_size / 1e6:.1f} MB")
            show(f"{name}: file to samples", best(lambda p=path: read_recording(p)))
            show(f"{name}: mcap library, messages alone", best(lambda p=path: by_library(p), 1))
            table = PacketTable.of(packets)
            show(f"{name}: list of packets to samples", best(lambda p=packets: decode_all(p)))
            show(f"{name}: columns of packets to samples", best(lambda t=table: decode_all(t)))
            del packets, encoded, table
        path = Path(folder) / "raw.csv"
        show("raw: write CSV", best(lambda: write_csv(path, raw), 1), f"{path.stat().st_size / 1e6:.0f} MB")
        show("raw: read CSV", best(lambda: read_csv(path), 1))
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB (the input beside it)")


if __name__ == "__main__":
    main()
