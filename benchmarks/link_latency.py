"""How long until the first sample, and from a sample to what it means.

    python benchmarks/link_latency.py [--connects 60] [--seconds 30]

The strap (the firmware's process) and the air run in a process of their own; here are the shipped link, recorder and
chain. A connection is timed twice: from the moment the link is asked for a bonded strap in range (a scan comes first),
and from the call that connects, to the arrival of the first sample. A sample is timed from its hand-over to the strap
to the moment at which it leaves the live chain, decoded and judged, in low-latency mode; of the two samples of a packet
the first waits for the second, and both for a connection event.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from link_rig import CODES, AirProcess, load
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.ledger import Position
from unslouch.link.radio.tcp import TcpRadio
from unslouch.link.states import LinkStatus, Phase
from unslouch.link.strap import Strap, StrapOptions
from unslouch.live.chain import Chain, Digest
from unslouch.live.conveyor import Conveyor
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.layout import ACC_LSB, HEADER_SIZE
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.table import PacketTable

CONNECT_ASKED_S, SAMPLE_ASKED_S = 1.5, 0.060
BETWEEN_S = 0.3
"""Between two connections: the strap begins to advertise."""


async def connects(air: AirProcess, folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Connect again and again; seconds from the request, and from the connect, to the first sample."""
    radio = TcpRadio(folder / "laptop", f"127.0.0.1:{air.port}")
    backends = await radio.open()
    assert backends[0] is not None
    assert backends[1] is not None
    from_request: list[float] = []
    from_connect: list[float] = []
    start: Position | None = None
    for number in range(count + 1):  # the first one pairs
        connecting = 0.0

        def said(status: LinkStatus) -> None:
            nonlocal connecting
            if status.phase is Phase.CONNECTING:
                connecting = time.monotonic()

        begun = time.monotonic()
        strap = Strap(
            air.addresses[0],
            options=StrapOptions(pair=number == 0),
            start=start,
            backends=(backends[0], backends[1]),
            on_status=said,
        )
        async for packet in strap:
            if packet.channel is Channel.STREAM and len(packet.data) > HEADER_SIZE + 8:
                now = time.monotonic()
                break
        if number:
            from_request.append(now - begun)
            from_connect.append(now - connecting)
        start = strap.mark()
        await strap.aclose()
        await asyncio.sleep(BETWEEN_S)
    await radio.close()
    return from_request, from_connect


class TimedChain(Chain):
    """The shipped chain, which notes when each sample left it."""

    def __init__(self, rate_hz: float) -> None:
        super().__init__(rate_hz)
        self.left: list[tuple[float, np.ndarray]] = []
        """Monotonic time, and the numbers (modulo CODES) of the samples."""
        self.frames: list[tuple[float, float, float]] = []
        """Monotonic time, time of the newest sample, and of the newest judgement."""

    def feed(self, packets: Sequence[Packet] | PacketTable) -> Digest:
        """Take the next packets, and note when their samples are through."""
        digest = super().feed(packets)
        now = time.monotonic()
        if digest.samples is not None and digest.samples.acc is not None:
            counts = np.rint(digest.samples.acc[:, 1] / ACC_LSB).astype(np.int64)
            self.left.append((now, (counts + CODES // 2) % CODES))
            if digest.frame is not None:
                self.frames.append((now, float(digest.samples.t[-1]), digest.frame.t))
        return digest


def samples(air: AirProcess, folder: Path, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Stream for a while; seconds of each sample to the end of the chain, and how far judgement stood behind it."""
    known = KnownStrap(air.addresses[0], "bench")
    KnownStraps(folder / "straps.json").put(known)
    radio = TcpRadio(folder / "laptop", f"127.0.0.1:{air.port}")
    strap = Strap(known.address, options=StrapOptions(pair=True), radio=radio)
    chain = TimedChain(strap.info.rate_hz)
    recorder = RecordingWriter(folder / "latency.mcap", SourceInfo(SourceKind.STRAP, "bench"), time.time())
    feed = Conveyor(strap, lambda _: chain, recorder)
    end = time.monotonic() + 30
    while not chain.left and time.monotonic() < end:
        feed.poll()
        time.sleep(0.03)
    time.sleep(3)  # what was taken before the connection comes first
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        feed.poll()
        time.sleep(0.03)
    feed.close()
    times = air.ask("times")
    assert isinstance(times, list)
    return delays(times[0], chain, begun), np.array([t - judged for now, t, judged in chain.frames if now > begun])


def delays(handed: list[tuple[int, float]], chain: TimedChain, begun: float) -> np.ndarray:
    """Seconds from each sample's hand-over to the end of the chain."""
    after = np.array([number for number, _ in handed])
    when = np.array([at for _, at in handed])
    found: list[float] = []
    for now, codes in chain.left:
        if now < begun:
            continue
        # the newest samples that have this number modulo CODES and were handed over before now
        last = int(after[np.searchsorted(when, now) - 1]) - 1
        for code in codes.tolist():
            k = last - (last - code) % CODES
            found.append(now - float(when[np.searchsorted(after, k, side="right")]))
    return np.array(found)


def show(what: str, values: np.ndarray, asked: float | None, unit: float = 1.0, name: str = "s") -> bool:
    """Print one line; whether it is as asked."""
    p50, p95, most = (float(np.percentile(values, p)) / unit for p in (50, 95, 100))
    told = "" if asked is None else f"   asked p95 <= {asked / unit:g} {name}"
    print(f"{what:52s} p50 {p50:6.2f}  p95 {p95:6.2f}  max {most:6.2f} {name}  (n {len(values)}){told}")
    return asked is None or p95 * unit <= asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connects", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    logging.getLogger("bumble").setLevel(logging.CRITICAL + 1)
    with tempfile.TemporaryDirectory(prefix="unslouch-latency-") as name:
        folder = Path(name)
        with AirProcess(timed=True) as air:
            from_request, from_connect = asyncio.run(connects(air, folder / "connects", args.connects))
        with AirProcess(timed=True) as air:
            through, behind = samples(air, folder, args.seconds)
    good = show("connect to first sample, bonded, the scan included", np.array(from_request), CONNECT_ASKED_S)
    good &= show("the same from the connect on", np.array(from_connect), CONNECT_ASKED_S)
    good &= show("sample to decoded and judged", through, SAMPLE_ASKED_S, 1e-3, "ms")
    show("judgement behind the newest sample", behind, None, 1e-3, "ms")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"processor {used.ru_utime + used.ru_stime:.1f} s, {load()}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
