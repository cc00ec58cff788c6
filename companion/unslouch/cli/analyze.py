"""``unslouch analyze``: what recordings hold, as pages or as JSON, many at once."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import (
    FILE,
    ExitCode,
    UnslouchCommand,
    colour,
    examples,
    json_option,
    show_error,
)
from unslouch.cli.params import NEUTRAL, units_option
from unslouch.cli.working import Working

if TYPE_CHECKING:
    from unslouch.report.judge import Outcome, Settled
    from unslouch.report.page import Style


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch analyze monday.mcap",
        "unslouch analyze --json recordings/*.mcap > results.jsonl",
        "unslouch analyze trial.csv --neutral 2:6 --mount down,right,back",
        "unslouch analyze evening.mcap --calibration morning.mcap --plot evening.png",
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILE)
@json_option("One JSON object a line for each file (docs/cli.md describes the keys).")
@click.option("--neutral", type=NEUTRAL, help="When the wearer sat or stood upright, in the recording's own time, s.")
@click.option(
    "--mount",
    metavar="X,Y,Z",
    help="Where the sensor's x, y and z axes point on the body (up, down, left, right, front, back), for recordings "
    "without bows, for example down,right,back.",
)
@click.option(
    "--calibration",
    type=FILE,
    metavar="FILE",
    help="Take the calibration of another recording or JSON file. Of a recording without bows the upright part is the "
    "neutral, and --mount tells forward.",
)
@click.option("--save-calibration", type=FILE, metavar="OUT.json", help="Keep the calibration for --calibration.")
@units_option
@click.option("--plot", type=FILE, metavar="OUT.png", help="Draw the angles with what was found (needs matplotlib).")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes for many files (default: one a core).")
def analyze(
    files: tuple[Path, ...],
    as_json: bool,
    neutral: tuple[float, float] | None,
    mount: str | None,
    calibration: Path | None,
    units: tuple[str, ...],
    save_calibration: Path | None,
    plot: Path | None,
    jobs: int | None,
) -> None:
    """Find slouches, rotations, holds and activity in recordings (.mcap, .csv).

    The calibration is found by itself when a recording begins with the protocol (upright and still for 4 s, two or
    three bows, upright again). Times are the recording's own: the values of its column t, or of the strap's clock. A
    file that cannot be read gets its error in its place, the others go on, and the exit code is 1.
    """
    from unslouch.report.judge import Choices

    if len(files) > 1 and (plot or save_calibration):
        raise click.UsageError("--plot and --save-calibration take one recording at a time.")
    settled = Choices(neutral, mount, calibration, plot, save_calibration, units).settled()
    failed = False
    with Working("Analysing", len(files) if len(files) > 1 else None) as working:
        for index, result in enumerate(_outcomes(files, settled, page_style(), jobs)):
            working.advance()
            working.hide()
            if result.failure is not None:
                failed = True
                show_error(result.failure.raised(), as_json=as_json, file=files[index])
            elif as_json:
                click.echo(json.dumps(result.report, ensure_ascii=False, allow_nan=False))
            else:
                click.echo(("\n" if index else "") + result.page, nl=False, color=colour(sys.stdout))
    if failed:
        raise click.exceptions.Exit(ExitCode.FAILURE)


def page_style() -> Style:
    """Return how to write pages on the standard output: its width, its characters, its colours."""
    from unslouch.report.draw import Pen
    from unslouch.report.page import Style

    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    width = shutil.get_terminal_size((80, 24)).columns
    return Style(width, Pen(ascii=not encoding.startswith("utf")), bool(colour(sys.stdout)))


def _outcomes(files: tuple[Path, ...], settled: Settled, style: Style, jobs: int | None) -> Iterator[Outcome]:
    """Judge the files in their order; several at once on several cores, one alone in this process."""
    from functools import partial

    from unslouch.report.judge import outcome

    work = partial(outcome, settled=settled, style=style)
    workers = min(jobs or os.cpu_count() or 1, len(files))
    if workers == 1:
        yield from map(work, files)
        return
    from unslouch.cli.pool import map_on_cores

    yield from map_on_cores(work, files, workers)
