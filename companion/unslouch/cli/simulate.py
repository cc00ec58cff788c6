"""``unslouch simulate``: recordings of a simulated person, with the truth beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, UnslouchCommand, examples
from unslouch.cli.params import NEUTRAL, POSITION
from unslouch.cli.working import Working
from unslouch.errors import Reason, UnslouchError

if TYPE_CHECKING:
    from unslouch_signal.samples import FloatArray
    from unslouch_signal.synth import Scenario

SCENARIOS = ("demo", "desk", "quiet", "seated", "supine", "holds", "walking", "bad-day")
TIMED = ("desk", "quiet", "walking")


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch simulate day.mcap --scenario desk --duration 30:00",
        "unslouch simulate set.csv --scenario seated --seed 7 --mounting back,left,up",
        "unslouch simulate bad.mcap --scenario bad-day --loss 0.05 --outage 60:75",
    ),
)
@click.argument("out", metavar="OUT", type=FILE)
@click.option(
    "--scenario", type=click.Choice(SCENARIOS), default="demo", show_default=True, help="What the wearer does."
)
@click.option("--duration", type=POSITION, help=f"Length: seconds, m:ss or h:mm:ss ({', '.join(TIMED)} only).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Decides everything random.")
@click.option("--rate", type=click.FloatRange(20, 400), default=52.0, show_default=True, help="Samples a second.")
@click.option(
    "--mounting",
    metavar="X,Y,Z",
    default="any",
    show_default=True,
    help="Where the sensor's axes point on the body, for example down,right,back; or any: drawn from the seed.",
)
@click.option("--raw", is_flag=True, help="Acceleration and angular rate instead of orientation and acceleration.")
@click.option("--bias", type=click.FloatRange(0, 10), metavar="DPS", help="Turn-on bias of the gyro, deg/s an axis.")
@click.option("--loss", type=click.FloatRange(0, 0.95), default=0.0, help="Share of packets lost, in bursts.")
@click.option("--outage", type=NEUTRAL, multiple=True, help="A stretch without a link, s; may be repeated.")
@click.option("--per-packet", type=click.IntRange(2, 18), default=18, show_default=True, help="Samples a packet.")
@click.option("--truth", type=FILE, metavar="FILE", help="Where the truth goes (default: OUT with .truth.json).")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def simulate(
    out: Path,
    scenario: str,
    duration: float | None,
    seed: int,
    rate: float,
    mounting: str,
    raw: bool,
    bias: float | None,
    loss: float,
    outage: tuple[tuple[float, float], ...],
    per_packet: int,
    truth: Path | None,
    force: bool,
) -> None:
    """Make a recording (.mcap or .csv) of a simulated person and sensor, and the truth as JSON.

    The truth has the keys of `unslouch analyze --json`, so the two compare. The same options make the same file.
    """
    from unslouch_signal import synth

    truth = truth or out.with_suffix(".truth.json")
    if out.suffix.lower() not in (".mcap", ".csv"):
        raise UnslouchError(Reason.BAD_OPTION, f"{out} is neither .mcap nor .csv.", "The suffix decides the format.")
    check_free(out, truth, force=force)
    story = story_of(scenario, duration, seed)
    with Working("Simulating"):
        made = synth.simulate(
            story,
            synth.SensorModel(rate_hz=rate) if bias is None else synth.SensorModel(rate_hz=rate, bias_dps=bias),
            _mounting(mounting),
            seed,
            radio=synth.RadioModel(packet_samples=per_packet, loss=loss, outages=outage),
            fused=not raw,
        )
        block = made.block_raw if raw or made.block_fused is None else made.block_fused
        if out.suffix.lower() == ".csv":
            from unslouch.recording.csv_format import write_csv

            write_csv(out, block)
        else:
            import numpy as np

            from unslouch.live.recorded import record_samples

            record_samples(out, block, np.flatnonzero(made.arrived), per_packet, rate)
        truth.write_text(json.dumps(synth.truth_to_json(made.truth), indent=1) + "\n", encoding="utf-8")
    click.echo(f"{out}: {story.name}, {len(block):,} samples; the truth: {truth}")


def check_free(*outs: Path, force: bool) -> None:
    """Refuse to overwrite what somebody may need; with ``force`` make room.

    Raises
    ------
    UnslouchError
        NOT_ALLOWED when a file exists.
    """
    for out in outs:
        if out.exists():
            if not force:
                raise UnslouchError(Reason.NOT_ALLOWED, f"{out} exists already.", "Add --force to overwrite it.")
            out.unlink()


def story_of(name: str, duration: float | None, seed: int) -> Scenario:
    """Return a scenario by its name on the command line.

    Raises
    ------
    UnslouchError
        BAD_OPTION for a duration where the movements decide it, or one too short.
    """
    from unslouch_signal.synth import scenarios

    if duration is not None:
        if name not in TIMED:
            raise UnslouchError(
                Reason.BAD_OPTION, f"--duration is not for '{name}', whose movements decide it.", "Leave it out."
            )
        if duration < 60:
            raise UnslouchError(Reason.BAD_OPTION, "--duration must be at least one minute.", "For example 30:00.")
    match name:
        case "desk":
            return scenarios.desk_day(duration or 1800.0, seed)
        case "quiet":
            return scenarios.quiet_day(duration or 3600.0, seed)
        case "walking":
            return scenarios.walking(seed, duration or 120.0)
        case "seated":
            return scenarios.seated_set(5, seed)
        case "supine":
            return scenarios.supine_set(5, seed)
        case "holds":
            return scenarios.extension_and_doorway(seed)
        case "bad-day":
            return scenarios.bad_day(seed)
        case _:
            return scenarios.demo(seed)


def _mounting(words: str) -> FloatArray | None:
    """Turn words into the quaternion from sensor to thorax; None for any."""
    if words == "any":
        return None
    from unslouch_signal import quaternion
    from unslouch_signal.frames import parse_mount

    try:
        mount = parse_mount(words)
    except ValueError as error:
        raise UnslouchError(Reason.BAD_OPTION, f"--mounting: {error}.", "For example down,right,back.") from None
    x, y, z = mount.matrix.T
    return quaternion.from_axes(x, y, z)
