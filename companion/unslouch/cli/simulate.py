"""``unslouch simulate``: recordings of a simulated person, with the truth beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, UnslouchCommand, examples
from unslouch.cli.params import NEUTRAL, POSITION
from unslouch.cli.working import Working
from unslouch.errors import FileError, Reason, UnslouchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unslouch_signal.samples import FloatArray, SampleBlock
    from unslouch_signal.synth import Scenario, Simulation

SCENARIOS = ("demo", "desk", "quiet", "seated", "supine", "holds", "walking", "bad-day")
TIMED = ("desk", "quiet", "walking")
_LOOK = 0.25
"""What looking ahead at the truth takes of the time that taking and writing the samples takes."""


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch simulate day.mcap --scenario desk --duration 30:00",
        "unslouch simulate set.csv --scenario seated --seed 7 --mounting back,right,up",
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
    if not force:
        check_free(out, truth, force=False)
    story = story_of(scenario, duration, seed)
    making = synth.Simulation(
        story,
        synth.SensorModel(rate_hz=rate) if bias is None else synth.SensorModel(rate_hz=rate, bias_dps=bias),
        _mounting(mounting),
        seed,
        radio=synth.RadioModel(packet_samples=per_packet, loss=loss, outages=outage),
        fused=not raw,
    )
    with _drafts(out, truth) as (draft, draft_truth), Working("Simulating", 100) as working:
        share = _Share(working, _LOOK * len(making) + len(making))
        # as text: its angles are not needed any more, and would stand in memory till the end
        told = json.dumps(synth.truth_to_json(making.truth(lambda n: share.add(_LOOK * n), sensor=False)), indent=1)
        blocks = _arriving(making, share)
        if out.suffix.lower() == ".csv":
            from unslouch.recording.csv_format import write_csv_blocks

            write_csv_blocks(draft, (block for block, _ in blocks))
        else:
            from unslouch.live.recorded import record_blocks

            record_blocks(draft, blocks, per_packet, rate, written=lambda: working.turn_to("Indexing"))
        draft_truth.write_text(told + "\n", encoding="utf-8")
    click.echo(f"{out}: {story.name}, {int(making.arrived.sum()):,} samples; the truth: {truth}")


class _Share:
    """Counts parts of the work that make a hundredth together."""

    def __init__(self, working: Working, whole: float) -> None:
        self._working, self._whole = working, whole
        self._done, self._told = 0.0, 0

    def add(self, part: float) -> None:
        self._done += part
        steps = int(100 * self._done / self._whole) - self._told
        self._working.advance(steps)
        self._told += steps


def _arriving(making: Simulation, share: _Share) -> Iterator[tuple[SampleBlock, NDArray[np.int64]]]:
    """The samples that arrive, with their numbers."""
    import numpy as np

    from unslouch_signal.samples import kept

    first = 0
    for taken in making.blocks():
        block = taken.raw if taken.fused is None else taken.fused
        keep = making.arrived[first : first + len(block)]
        yield kept(block, keep), first + np.flatnonzero(keep)
        first += len(block)
        share.add(len(block))


@contextmanager
def _drafts(*outs: Path) -> Generator[tuple[Path, ...]]:
    """Names to write to; they become the files when all went well and leave nothing when it did not.

    Raises
    ------
    UnslouchError
        When there can be no such file: before the work, not after it.
    """
    drafts = tuple(out.with_name(f".{out.name}.{os.getpid()}.draft") for out in outs)
    for out, draft in zip(outs, drafts, strict=True):
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            draft.touch()
            draft.unlink()
        except OSError as error:
            raise FileError(Reason.BAD_FILE, f"{out} cannot be written: {error.strerror}.") from error
    try:
        yield drafts
        for out, draft in zip(outs, drafts, strict=True):
            draft.replace(out)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)


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
