"""Make the captures of this folder: simulated people behind real firmware, recorded off the air, with the truth beside.

    python recordings/make.py [NAME...] [--into FOLDER]

A simulated sensor feeds the firmware's desktop process (UNSLOUCH_STRAP, else the checkout's build), which is on the
virtual radio; the companion's link finds, pairs and streams it, and the recorder writes down what comes. Time is
stepped, so the same script and firmware give the same captures: everything random follows from the seeds below.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import struct
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unslouch.link.radio.bench import Bench, FedImu, until
from unslouch.link.radio.medium import Controller
from unslouch.link.radio.stepped import SteppedLoop
from unslouch.link.radio.strap_process import StrapProcess
from unslouch.link.radio.virtual import find_program
from unslouch.link.strap import Strap, StrapOptions
from unslouch.recording.reader import read_recording
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.source import SourceInfo, SourceKind
from unslouch_signal.synth import Scenario, SensorModel, Simulated, scenarios, simulate, truth_to_json

STARTED_S = 1_781_510_400.0
"""UTC at which the radio is switched on in every capture: 2026-06-15, 08:00."""
HANDED_S = 0.06
"""Samples are handed to the strap so many seconds at once: what a sensor's FIFO holds."""
PUT_ON_S = 5.0
"""After its start: found, paired and streaming by then."""
NOTIFICATION = 0x1B
ECONOMY = 18
LOW_LATENCY = 2
LENGTHS = frozenset({"duration_s", "held_s"})
"""Keys of the truth that are lengths; all other seconds are times."""


@dataclass(frozen=True)
class Capture:
    """What is recorded and how.

    ``per_packet`` is the number of samples in a packet, ``raw`` records acceleration and rate instead of orientation,
    ``lost`` is the share of packets that the air swallows, ``away`` when the strap is out of range (s of the sensor).
    """

    scenario: Scenario
    seed: int
    per_packet: int = LOW_LATENCY
    raw: bool = False
    lost: float = 0.0
    away: tuple[float, float] | None = None
    sensor: SensorModel = field(default_factory=lambda: SensorModel(bias_dps=0.3))

    def simulated(self) -> Simulated:
        """Samples and truth."""
        return simulate(self.scenario, self.sensor, seed=self.seed, fused=False, buzzes=False)


CAPTURES: dict[str, Capture] = {
    "desk_half_hour": Capture(scenarios.desk_day(1800.0, seed=83), seed=83, per_packet=ECONOMY),
    "seated_rotations": Capture(scenarios.seated_set(6, seed=2), seed=2),
    # raw, so that the analysis fuses it: with a cold sensor's bias
    "supine_rotations": Capture(scenarios.supine_set(6, seed=3), seed=3, raw=True, sensor=SensorModel(bias_dps=2.0)),
    "extension_and_doorway": Capture(scenarios.extension_and_doorway(seed=4), seed=4, per_packet=ECONOMY),
    "bad_day": Capture(scenarios.bad_day(seed=5), seed=5, lost=0.08, away=(178.0, 190.0)),
}


class Recorded:
    """One capture in the making: a strap that is fed, and a link whose packets are written down."""

    def __init__(self, capture: Capture, made: Simulated, bench: Bench, writer: RecordingWriter) -> None:
        self._capture, self._made, self._bench, self._writer = capture, made, bench, writer

    async def run(self) -> None:
        """Connect, wear it, and let it go."""
        capture, begun = self._capture, time.monotonic()
        imu = await self._bench.imu()
        process = await self._bench.strap(imu, seed=capture.seed)
        laptop = await self._bench.laptop()
        backends: Any = self._bench._backends[laptop]
        options = StrapOptions(
            capture.per_packet, economy=capture.per_packet == ECONOMY, profile=int(capture.raw), pair=True
        )
        strap = Strap(process.address, "Simulated strap", options, backends=backends, seed=capture.seed)
        taking = asyncio.create_task(self._take(strap))
        await strap.until_streaming()
        # searching and pairing take a little longer or shorter each time: advertisements are spread at random
        await asyncio.sleep(max(begun + PUT_ON_S - time.monotonic(), 0.0))
        self._writer.device(dict(strap.info.device))
        if capture.lost:
            self._bench.medium.fault = self._swallow(random.Random(capture.seed))
        await self._wear(imu, process)
        for _ in range(600):
            if strap.complete:
                break
            await asyncio.sleep(0.1)
        await strap.aclose()
        await taking

    async def _take(self, strap: Strap) -> None:
        stored = time.monotonic()
        async for packet in strap:
            self._writer.write(packet)
            if time.monotonic() - stored > 5.0:
                stored = time.monotonic()
                self._writer.sync()
                strap.stored(strap.mark())

    def _swallow(self, chance: random.Random) -> Any:
        def fault(_from: Controller, _to: Controller, pdu: bytes) -> list[tuple[float, bytes]] | None:
            return [] if pdu[0] == NOTIFICATION and chance.random() < self._capture.lost else None

        return fault

    async def _wear(self, imu: FedImu, process: StrapProcess) -> None:
        """Hand over the samples at their own times; put it on its charger and out of range when it is time."""
        block = self._made.block_raw
        assert block.acc is not None
        assert block.gyr is not None
        events: list[tuple[float, str]] = []
        for one in self._made.truth.activities:
            if one.charging:
                events += [(one.start, "charger on"), (one.end, "charger off")]
        if self._capture.away is not None:
            events += [(self._capture.away[0], "away"), (self._capture.away[1], "back")]
        rows = [
            struct.pack("<d6f", t, *values)
            for t, values in zip(
                block.t.tolist(), zip(*block.acc.T.tolist(), *block.gyr.T.tolist(), strict=True), strict=True
            )
        ]
        begun, given = time.monotonic() - float(block.t[0]), 0
        medium, chip = self._bench.medium, self._bench.server.controllers[0]
        events.sort()
        times = block.t.tolist()
        await self._hand(imu, rows[:1])  # its clock and ours begin with this one
        given = 1
        while given < len(rows):
            upto = given
            while upto < len(rows) and times[upto] <= times[given] + HANDED_S:
                upto += 1
            await asyncio.sleep(max(begun + times[upto - 1] - time.monotonic(), 0.0))
            while events and events[0][0] <= times[upto - 1]:
                what = events.pop(0)[1]
                if what == "away":
                    medium.mute(chip)
                elif what == "back":
                    medium.unmute(chip)
                else:
                    await process.type(what)
            await self._hand(imu, rows[given:upto])
            given = upto

    @staticmethod
    async def _hand(imu: FedImu, rows: list[bytes]) -> None:
        await until(lambda: imu.writer, what="the strap did not ask for samples")
        assert imu.writer is not None
        data = b"".join(rows)
        imu.sent += len(data)
        imu.writer.write(data)
        await imu.writer.drain()


def make(name: str, folder: Path) -> tuple[Path, Path]:
    """Write one capture and its truth; give back both files."""
    capture = CAPTURES[name]
    made = capture.simulated()
    path = folder / f"{name}.mcap"
    path.unlink(missing_ok=True)
    info = SourceInfo(
        SourceKind.SIMULATED, f"Simulated strap ({capture.scenario.name})", rate_hz=capture.sensor.rate_hz
    )
    loop = SteppedLoop()
    loop.utc_s = STARTED_S - loop.time()

    async def run() -> None:
        with tempfile.TemporaryDirectory() as flash, RecordingWriter(path, info, STARTED_S) as writer:
            async with Bench(find_program(), Path(flash)) as bench:
                await Recorded(capture, made, bench, writer).run()

    with loop.everywhere(), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())
    return path, written_truth(path, capture, made)


def written_truth(path: Path, capture: Capture, made: Simulated) -> Path:
    """Write the truth beside a capture, on the capture's time."""
    recording = read_recording(path)
    value = truth_to_json(made.truth)
    value = moved(value, float(recording.samples.t[0]) - float(made.block_raw.t[0]))
    value["recording"] = {
        "duration_s": round(recording.duration_s, 3),
        "samples": len(recording.samples),
        "gaps_s": [[round(gap.start, 3), round(gap.end, 3)] for gap in recording.gaps],
    }
    made_of = {"scenario": capture.scenario.name, "seed": capture.seed, "raw": capture.raw}
    truth = path.with_suffix(".truth.json")
    truth.write_text(json.dumps({"made_of": made_of, **value}, indent=1) + "\n")
    return truth


def moved(value: Any, by: float, key: str = "") -> Any:
    """Return the truth with every time later by so many seconds."""
    if isinstance(value, dict):
        return {name: moved(one, by, name) for name, one in value.items()}
    if isinstance(value, list):
        return [moved(one, by, key) for one in value]
    if isinstance(value, float | int) and not isinstance(value, bool) and key.endswith("_s") and key not in LENGTHS:
        return round(value + by, 3)
    return value


def main() -> None:
    """Make the captures asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(CAPTURES))
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder (default: this one)")
    args = parser.parse_args()
    if unknown := set(args.names) - set(CAPTURES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(CAPTURES)}")
    for name in args.names or CAPTURES:
        path, _ = make(name, args.into)
        print(f"{path.name:28s} {path.stat().st_size / 1e6:5.2f} MB")


if __name__ == "__main__":
    main()
