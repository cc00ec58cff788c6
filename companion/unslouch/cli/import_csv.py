"""``unslouch import``: a CSV file made into a recording, with checks that name what is odd."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from unslouch.cli.command import FILE, UnslouchCommand, examples
from unslouch.cli.params import units_option
from unslouch.cli.simulate import check_free
from unslouch.cli.working import Working
from unslouch.errors import Reason, UnslouchError


@click.command(
    cls=UnslouchCommand,
    name="import",
    epilog=examples(
        "unslouch import trial.csv                            # makes trial.mcap",
        "unslouch import phone.csv phone.mcap --units g,deg/s,ms",
        "unslouch import trial.csv --started 2026-01-05T09:00:00Z",
    ),
)
@click.argument("source", metavar="FILE.csv", type=FILE)
@click.argument("out", metavar="[OUT.mcap]", required=False, type=FILE)
@units_option
@click.option("--started", metavar="TIME", help="UTC of the column's time 0, ISO 8601 (default: the file's own date).")
@click.option("--force", is_flag=True, help="Overwrite OUT if it exists.")
def import_csv(source: Path, out: Path | None, units: tuple[str, ...], started: str | None, force: bool) -> None:
    """Make a recording (.mcap) of a CSV file.

    The header names the columns: t, then acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z and/or quat_w,quat_x,quat_y,quat_z, in SI
    units. What is wrong is told with its line and column; what is odd (gaps, jitter) is told and kept. Values are kept
    to the precision of the strap's packets: 0.0024 m/s2, 0.035 deg/s, 0.006 deg.
    """
    from unslouch.recording.convert import write_mcap
    from unslouch.recording.csv_format import read_csv

    out = out or source.with_suffix(".mcap")
    if out.suffix.lower() != ".mcap":
        raise UnslouchError(Reason.BAD_OPTION, f"{out} is no .mcap.", "import makes MCAP; export makes other formats.")
    with Working(f"Importing {source.name}"):
        recording = read_csv(source, units)
        check_free(out, force=force)
        utc = source.stat().st_mtime if started is None else _utc(started)
        write_mcap(replace(recording, utc_offset_s=utc), out)
    first = float(recording.samples.t[0])
    for notice in recording.notices:
        click.echo(f"Note: {notice.message}", err=True)
    if first < 0:
        click.echo(f"Note: t began at {first:g} s; a strap's clock begins at 0, so all times moved by that.", err=True)
    kind = recording.content.value.replace("_", " ")
    click.echo(f"{out}: {len(recording.samples):,} samples, {recording.rate_hz:.1f} Hz, {kind}")


def _utc(text: str) -> float:
    """Read an ISO time; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnslouchError(
            Reason.BAD_OPTION, f"--started: '{text}' is no ISO 8601 time.", "For example 2026-01-05T09:00:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
