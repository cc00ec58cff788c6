"""``unslouch info``: what a file holds, and what is odd about it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, ExitCode, UnslouchCommand, examples, json_option, show_error
from unslouch.cli.params import units_option
from unslouch.errors import UnslouchError

if TYPE_CHECKING:
    from unslouch.recording.model import Recording


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch info monday.mcap", "unslouch info --json *.csv", "unslouch info export.csv --units g,deg/s"
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILE)
@units_option
@json_option()
def info(files: tuple[Path, ...], units: tuple[str, ...], as_json: bool) -> None:
    """Tell what recordings hold: samples, time, device, calibration, markers, and everything odd about them."""
    from unslouch.recording.reader import read_recording

    failed = False
    for index, path in enumerate(files):
        try:
            recording = read_recording(path, units)
        except UnslouchError as error:
            failed = True
            show_error(error, as_json=as_json, file=path)
            continue
        if as_json:
            click.echo(json.dumps(info_object(recording), ensure_ascii=False, allow_nan=False))
        else:
            click.echo(("\n" if index else "") + info_text(recording))
    if failed:
        raise click.exceptions.Exit(ExitCode.FAILURE)


def info_object(recording: Recording) -> dict[str, object]:
    """Return what ``--json`` prints of a file."""
    from unslouch.report.json_model import recording_object

    return {
        "file": str(recording.path),
        "format": recording.format.value,
        "recording": recording_object(recording),
        "columns": columns(recording),
        "start_utc": None if recording.utc_offset_s is None else start_utc(recording),
        "device": recording.device,
        "calibration": None if recording.calibration is None else json.loads(recording.calibration),
        "strap_calibrated": recording.strap_calibration is not None,
        "markers": [{"t_s": round(marker.t, 3), "label": marker.label} for marker in recording.markers],
        "dropped_packets": {fault.value: count for fault, count in recording.errors.items()},
        "notices": [{"kind": notice.kind.value, "message": notice.message} for notice in recording.notices],
    }


def columns(recording: Recording) -> list[str]:
    """Name what the samples carry."""
    block = recording.samples
    named = (("orientation", block.quat), ("acceleration", block.acc), ("angular rate", block.gyr))
    return [name for name, values in named if values is not None]


def start_utc(recording: Recording) -> str:
    """Return when the first sample was taken, ISO 8601, to a second."""
    from datetime import UTC, datetime

    offset = recording.utc_offset_s or 0.0
    return datetime.fromtimestamp(round(offset + float(recording.samples.t[0])), UTC).isoformat(timespec="seconds")


def info_text(recording: Recording) -> str:
    """Write what a file holds for a person."""
    from unslouch.report.words import clock, counted, span

    block = recording.samples
    rate = recording.rate_hz
    rows: list[tuple[str, str]] = [
        ("format", f"{recording.format.value}, {recording.content.value.replace('_', ' ')}"),
        ("samples", f"{len(block):,} of {', '.join(columns(recording))}"),
        ("time", f"t from {block.t[0] + 0.0:.3f} to {block.t[-1]:.3f} s: {span(recording.duration_s)}"),
    ]
    if math.isfinite(rate):
        rows.append(("rate", f"{rate:.1f} Hz"))
    if recording.utc_offset_s is not None:
        rows.append(("began", start_utc(recording)))
    if recording.gaps_s:
        rows.append(("missing", span(recording.gaps_s)))
    if recording.device:
        rows.append(("device", ", ".join(value for value in recording.device.values() if value)))
    if recording.calibration is not None:
        calibration = json.loads(recording.calibration)
        rows.append(
            ("calibration", f"{calibration.get('method')}, quality {100 * calibration.get('quality', 0):.0f} %")
        )
    if recording.strap_calibration is not None:
        rows.append(("sensor", "calibrated by the strap"))
    if recording.markers:
        rows.append(("markers", counted(len(recording.markers), "marker")))
        rows += [("", f"{clock(marker.t, tenths=True)}  {marker.label}") for marker in recording.markers[:20]]
    if recording.events:
        rows.append(("events", f"{counted(len(recording.events), 'event')} of the strap"))
    rows += [("note", notice.message) for notice in recording.notices]
    return "\n".join([str(recording.path), *(f"  {name:<12}{text}" for name, text in rows)])
