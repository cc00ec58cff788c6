"""Several straps at once: whether anything is lost, and what of a core the companion takes.

    python benchmarks/link_straps.py [--straps 8] [--seconds 60]

The straps (the firmware's processes) and the air are other processes and not counted. Counted is everything of this
one: Bumble's host (which stands where the system's Bluetooth and bleak's backend for it would be), the link, the
decoder, the analysis and the recorder of each strap, and the reader of the updates. What the way costs without the
companion behind it (Bumble's host alone, with bare subscriptions to the same straps) is measured beside and told apart.
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
from pathlib import Path

import numpy as np
from bleak import BleakClient, BleakScanner

from link_rig import RATE_HZ, AirProcess, load, read_back
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.radio.tcp import TcpRadio
from unslouch.link.strap import Strap
from unslouch.live.conveyor import Conveyor
from unslouch.live.strap_feed import Wanted, strap_feed
from unslouch.wire.control import Op, Request, encode_request
from unslouch.wire.layout import CHANNEL_UUIDS
from unslouch.wire.source import Channel

CORE_ASKED = 0.25
POLL_S = 0.1
"""As often as plain mode and the screen read, about."""


def processor() -> float:
    """Processor time of this process so far, s."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def companion(air: AirProcess, folder: Path, seconds: float) -> tuple[float, float, int, int]:
    """Record every strap; processor share, seconds measured, samples lost, samples taken."""
    feeds: list[Conveyor] = []
    for number, address in enumerate(air.addresses):
        home = folder / f"strap{number}"
        straps = KnownStraps(home / "straps.json")
        radio = TcpRadio(home, f"127.0.0.1:{air.port}")
        feeds.append(
            strap_feed(straps, KnownStrap(address, f"strap {number}"), home / "recordings", radio, Wanted(pair=True))
        )

    def read(until: float) -> None:
        while time.monotonic() < until:
            for feed in feeds:
                feed.poll()
            time.sleep(POLL_S)

    end = time.monotonic() + 60
    while not all(feed.complete for feed in feeds) and time.monotonic() < end:
        read(time.monotonic() + 0.5)
    read(time.monotonic() + 3)
    begun, used = time.monotonic(), processor()
    read(begun + seconds)
    used, wall = processor() - used, time.monotonic() - begun
    air.ask("even")
    fed = air.ask("fed")
    assert isinstance(fed, list)
    sources = [feed._source for feed in feeds]
    end = time.monotonic() + 60
    while time.monotonic() < end and not all(
        source.ledger.position().seq >= count
        for source, [[_, count]] in zip(sources, fed, strict=True)
        if isinstance(source, Strap)
    ):
        read(time.monotonic() + 0.5)
    for feed in feeds:
        feed.close()
    lost = taken = 0
    for number, [[_, count]] in enumerate(fed):
        disk = read_back(sorted((folder / f"strap{number}" / "recordings").glob("*.mcap")))
        have = np.unique(disk.whole.get(1, np.empty(0, np.int64)))
        lost += count - int((have < count).sum())
        taken += count
    return used / wall, wall, lost, taken


async def host_alone(air: AirProcess, folder: Path, seconds: float) -> float:
    """Processor share of Bumble's host with bare subscriptions."""
    radio = TcpRadio(folder / "bare", f"127.0.0.1:{air.port}")
    scanner, client = await radio.open()
    clients: list[BleakClient] = []
    for address in air.addresses:
        found = await BleakScanner.find_device_by_address(address, timeout=20, backend=scanner)
        assert found is not None
        one = BleakClient(found, backend=client)
        await one.connect()
        await one.pair()
        for channel in (Channel.CONTROL, Channel.STREAM):
            await one.start_notify(CHANNEL_UUIDS[channel], lambda _c, _d: None)
        start = encode_request(Request(Op.START, 1, {"version": 1, "profile": 0, "samples": 2}))
        await one.write_gatt_char(CHANNEL_UUIDS[Channel.CONTROL], start, response=True)
        clients.append(one)
    await asyncio.sleep(3)
    begun, used = time.monotonic(), processor()
    await asyncio.sleep(seconds)
    share = (processor() - used) / (time.monotonic() - begun)
    for one in clients:
        await one.disconnect()
    await radio.close()
    return share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--straps", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    logging.getLogger("bumble").setLevel(logging.CRITICAL + 1)
    with tempfile.TemporaryDirectory(prefix="unslouch-straps-") as name:
        folder = Path(name)
        with AirProcess(args.straps) as air:
            bare = asyncio.run(host_alone(air, folder, args.seconds / 3))
        with AirProcess(args.straps) as air:
            share, wall, lost, taken = companion(air, folder, args.seconds)
    print(f"{args.straps} straps at {RATE_HZ:.0f} Hz, two samples a packet, {wall:.0f} s, {taken} samples taken")
    print(f"  lost                                    {lost:8d}   asked: 0")
    print(f"  of one core, everything of this process {share:8.1%}   asked: below {CORE_ASKED:.0%}")
    print(f"  of that Bumble's host alone, about      {bare:8.1%}")
    print(f"  link, decoder, analysis, recorder       {share - bare:8.1%}")
    print(load())
    sys.exit(0 if lost == 0 and share < CORE_ASKED else 1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
