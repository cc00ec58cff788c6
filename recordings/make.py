"""Make the captures of this folder: simulated straps, recorded as a strap's packets, with the truth beside them.

    python recordings/make.py [NAME...] [--into FOLDER]

The same script gives the same captures: everything random follows from the seeds below.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.synth import RadioModel, Scenario, SensorModel, Simulated, scenarios, simulate, truth_to_json

STARTED_S = 1_781_510_400.0
"""UTC of the strap's boot in every capture: 2026-06-15, 08:00."""
WAY_S = 0.04
"""From the newest sample of a packet to its arrival."""
ECONOMY = 18
LOW_LATENCY = 2


@dataclass(frozen=True)
class Capture:
    """What is recorded and how.

    ``per_packet`` is the number of samples in a packet, ``raw`` records acceleration and rate instead of orientation.
    """

    scenario: Scenario
    seed: int
    per_packet: int = LOW_LATENCY
    raw: bool = False
    radio: RadioModel = field(default_factory=RadioModel)
    sensor: SensorModel = field(default_factory=lambda: SensorModel(bias_dps=0.3))

    def simulated(self) -> Simulated:
        """Samples and truth."""
        return simulate(
            self.scenario, self.sensor, seed=self.seed, radio=replace(self.radio, packet_samples=self.per_packet)
        )


CAPTURES: dict[str, Capture] = {
    "desk_half_hour": Capture(scenarios.desk_day(1800.0, seed=83), seed=83, per_packet=ECONOMY),
    "seated_rotations": Capture(scenarios.seated_set(6, seed=2), seed=2),
    # raw, so that the analysis fuses it: with a cold sensor's bias
    "supine_rotations": Capture(scenarios.supine_set(6, seed=3), seed=3, raw=True, sensor=SensorModel(bias_dps=2.0)),
    "extension_and_doorway": Capture(scenarios.extension_and_doorway(seed=4), seed=4, per_packet=ECONOMY),
    "bad_day": Capture(
        scenarios.bad_day(seed=5), seed=5, radio=RadioModel(loss=0.08, burst=2.0, outages=((178.0, 190.0),))
    ),
}


def make(name: str, folder: Path) -> tuple[Path, Path]:
    """Write one capture and its truth; give back both files."""
    capture = CAPTURES[name]
    made = capture.simulated()
    block = made.block_raw if capture.raw else made.block_fused
    if block is None:
        raise ValueError(f"{name} was simulated without fusion")
    # the very first stamp may jitter below zero, which the strap's clock never shows
    block = replace(block, t=np.maximum(block.t, 0.0))
    packets = encode_stream(block, np.flatnonzero(made.arrived), per_packet=capture.per_packet, tolerance_us=2_500)
    info = SourceInfo(
        SourceKind.SIMULATED,
        f"Simulated strap ({capture.scenario.name})",
        device=(("manufacturer", "unslouch"), ("model", "simulator")),
        rate_hz=capture.sensor.rate_hz,
    )
    path = folder / f"{name}.mcap"
    path.unlink(missing_ok=True)
    with RecordingWriter(path, info, STARTED_S) as writer:
        for p in packets:
            writer.write(Packet(STARTED_S + p.t_us * 1e-6 + WAY_S, Channel.STREAM, p.data))
    truth = folder / f"{name}.truth.json"
    made_of = {"scenario": capture.scenario.name, "seed": capture.seed, "raw": capture.raw}
    truth.write_text(json.dumps({"made_of": made_of, **truth_to_json(made.truth)}, indent=1) + "\n")
    return path, truth


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
