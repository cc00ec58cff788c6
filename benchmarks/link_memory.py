"""A day of stream, and what the companion's memory grows by.

    python benchmarks/link_memory.py [--hours 24] [--speed 40]

The sensor of the strap (the firmware's process, outside of this one with the air) runs many times faster; the stream
comes as fast as the radio carries it. The companion is a process that does what ``unslouch record`` does (link, chain,
recorder), with somebody who reads the updates. Its resident memory is noted over the day; the growth is
the last hour's median less the second hour's.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from link_rig import RATE_HZ, AirProcess, load, processor_s, resident_bytes

GROWTH_ASKED = 2 << 20
MIB = 1 << 20


def companion(folder: Path, address: str, port: int, samples: int, trace: int) -> None:
    """Record until so many samples have come; a line on standard output for each hour of the strap's time."""
    import tracemalloc

    from unslouch.link.radio.tcp import TcpRadio
    from unslouch.link.strap import Strap, StrapOptions
    from unslouch.live.chain import Chain
    from unslouch.live.conveyor import Conveyor
    from unslouch.recording.writer import RecordingWriter

    logging.getLogger("bumble").setLevel(logging.CRITICAL + 1)
    radio = TcpRadio(folder / "laptop", f"127.0.0.1:{port}")
    # full packets at the short interval: the most that the radio carries
    strap = Strap(address, options=StrapOptions(samples=18, pair=True), radio=radio)
    recorder = RecordingWriter(folder / "day.mcap", strap.info, time.time())
    feed = Conveyor(strap, lambda _: Chain(strap.info.rate_hz), recorder)
    came = told = dropped = 0
    before = None
    while came < samples:
        for update in feed.poll():
            came += 0 if update.samples is None else len(update.samples)
            dropped += update.dropped
        time.sleep(0.02)
        if came - told >= RATE_HZ * 600:
            told = came
            # not gc.get_objects(): it refers to tuples that another thread is about to make, and breaks them
            print(came, dropped, sys.getallocatedblocks(), flush=True)
            if trace and before is None and came > RATE_HZ * 3600:
                tracemalloc.start(trace)
                before = tracemalloc.take_snapshot()
    if before is not None:
        for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:15]:
            print("#", line, flush=True)
    feed.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--speed", type=float, default=40.0, help="of the sensor, times real time")
    parser.add_argument("--trace", type=int, default=0, help="frames of tracemalloc: tells where memory grew")
    parser.add_argument("--companion", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.hours < 3:
        parser.error("growth shows from the second hour to the last one: --hours must be 3 or more")
    samples = int(args.hours * 3600 * RATE_HZ)
    if args.companion is not None:
        folder, address, port = args.companion
        companion(Path(folder), address, int(port), samples, args.trace)
        return
    begun = time.monotonic()
    resident: list[tuple[float, int, int]] = []
    with tempfile.TemporaryDirectory(prefix="unslouch-memory-") as name, AirProcess(pace=args.speed) as air:
        command = [sys.executable, __file__, "--hours", str(args.hours), "--trace", str(args.trace)]
        command += ["--companion", name, air.addresses[0], str(air.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("#"):
                    print(line.rstrip())
                    continue
                came, dropped, blocks = (int(word) for word in line.split())
                resident.append((came / RATE_HZ / 3600, resident_bytes(process.pid), blocks))
                used = processor_s(process.pid)
                hours, rss, _ = resident[-1]
                if len(resident) % 6 == 0:
                    print(
                        f"  {hours:5.1f} h  {rss / MIB:7.2f} MiB  {blocks} blocks  {dropped} updates thinned,"
                        f" {time.monotonic() - begun:.0f} s",
                        flush=True,
                    )
    after = [rss for hours, rss, _ in resident if 1 <= hours < 2]
    last = [rss for hours, rss, _ in resident if hours >= args.hours - 1]
    growth = statistics.median(last) - statistics.median(after)
    wall = time.monotonic() - begun
    print(f"{args.hours:g} h of stream in {wall:.0f} s ({args.hours * 3600 / wall:.0f} times real time)")
    print(f"  resident after an hour {statistics.median(after) / MIB:8.2f} MiB")
    print(f"  at the end             {statistics.median(last) / MIB:8.2f} MiB")
    print(f"  growth                 {growth / MIB:8.2f} MiB   asked: below {GROWTH_ASKED / MIB:.0f}")
    print(f"processor of the companion {used:.0f} s, {load()}")
    sys.exit(0 if growth < GROWTH_ASKED else 1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
