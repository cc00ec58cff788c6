"""``unslouch export``: a recording for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from unslouch.cli.command import FILE, UnslouchCommand, examples
from unslouch.cli.params import units_option
from unslouch.cli.simulate import check_free
from unslouch.cli.working import Working

FORMATS = {"csv": ".csv", "json": ".jsonl", "parquet": ".parquet", "foxglove": ".foxglove.mcap"}

SUFFIXES = {".csv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet", ".mcap": "foxglove"}


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch export monday.mcap --to csv               # monday.csv",
        "unslouch export monday.mcap monday.parquet         # the name says the format",
        "unslouch export trial.csv --to foxglove            # orientation and angles that Foxglove plots",
    ),
)
@click.argument("file", type=FILE)
@click.argument("out", metavar="[OUT]", required=False, type=FILE)
@click.option("--to", "form", type=click.Choice(list(FORMATS)), help="Format (default: what OUT's name says).")
@units_option
@click.option("--force", is_flag=True, help="Overwrite OUT if it exists.")
def export(file: Path, out: Path | None, form: str | None, units: tuple[str, ...], force: bool) -> None:
    """Write a recording as CSV, JSON lines, Parquet (extra `parquet`), or MCAP that Foxglove plots.

    SI units, a sample a row: t, acc_x..z, gyr_x..z, quat_w..z, as far as the recording holds them.
    """
    from unslouch.recording.export import ExportFormat
    from unslouch.recording.export import export as write
    from unslouch.recording.reader import read_recording

    if form is None:
        if out is None:
            raise click.UsageError("Say --to FORMAT or the name of the file to write.")
        form = SUFFIXES.get(out.suffix.lower())
        if form is None:
            raise click.UsageError(f"'{out.name}' does not tell a format; say --to {', '.join(FORMATS)}.")
    out = out or file.with_suffix(FORMATS[form])
    kinds = {
        "csv": ExportFormat.CSV,
        "json": ExportFormat.JSON,
        "parquet": ExportFormat.PARQUET,
        "foxglove": ExportFormat.FOXGLOVE,
    }
    with Working(f"Exporting {file.name}"):
        recording = read_recording(file, units)
        check_free(out, force=force)
        write(recording, out, kinds[form])
    click.echo(f"{out}: {len(recording.samples):,} samples")
