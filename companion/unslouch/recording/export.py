"""A recording written for other programs: CSV, JSON lines, Parquet, and MCAP that Foxglove plots."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from unslouch.errors import FileError, Reason, UnslouchError
from unslouch.recording.csv_format import ACC, FLAGS, GYR, QUAT, write_csv
from unslouch.recording.model import Recording
from unslouch_signal.samples import FloatArray


class ExportFormat(StrEnum):
    """What can be written; the value is the file's ending."""

    CSV = "csv"
    JSON = "jsonl"
    PARQUET = "parquet"
    FOXGLOVE = "mcap"


def export(recording: Recording, path: Path, form: ExportFormat) -> None:
    """Write a recording to a new file.

    CSV, JSON lines and Parquet hold one sample a line or row in SI units under the names of CSV; JSON's first line and
    Parquet's metadata say what the recording is. Foxglove's MCAP holds the decoded channels, and the raw packets where
    there are any.

    Raises
    ------
    FileError
        When the file exists or cannot be written.
    UnslouchError
        When Parquet is asked for and pyarrow is not installed.
    """
    if path.exists():
        raise FileError(Reason.BAD_FILE, f"{path} exists already.", "Give another name.")
    write: dict[ExportFormat, Callable[[Recording, Path], None]] = {
        ExportFormat.CSV: lambda r, p: write_csv(p, r.samples),
        ExportFormat.JSON: _write_json,
        ExportFormat.PARQUET: _write_parquet,
        ExportFormat.FOXGLOVE: _write_foxglove,
    }
    draft = path.with_name(f".{path.name}.part")
    try:
        write[form](recording, draft)
        draft.replace(path)
    except OSError as error:
        raise FileError(Reason.BAD_FILE, f"{path} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def description(recording: Recording) -> dict[str, Any]:
    """What a recording is, as JSON: the first line of JSON lines, the metadata of Parquet."""
    return {
        "source": recording.path.name,
        "content": recording.content.value,
        "duration_s": round(recording.duration_s, 3),
        "rate_hz": round(recording.rate_hz, 3) if len(recording.samples) > 1 else None,
        "samples": len(recording.samples),
        "utc_offset_s": recording.utc_offset_s,
        "device": recording.device,
        "calibration": None if recording.calibration is None else json.loads(recording.calibration),
        "markers": [{"t": m.t, "label": m.label} for m in recording.markers],
    }


def _columns(recording: Recording) -> dict[str, FloatArray]:
    block = recording.samples
    out = {"t": block.t}
    for part, names in ((block.acc, ACC), (block.gyr, GYR), (block.quat, QUAT)):
        if part is not None:
            out |= {name: part[:, k] for k, name in enumerate(names)}
    return out


def _write_json(recording: Recording, path: Path) -> None:
    columns = _columns(recording)
    digits = {"t": 6, **dict.fromkeys(ACC, 5), **dict.fromkeys(GYR, 6), **dict.fromkeys(QUAT, 7)}
    rounded = np.stack([np.round(a, digits[name]) for name, a in columns.items()], axis=1)
    names = list(columns)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps({"recording": description(recording)}) + "\n")
        for row, flags in zip(rounded.tolist(), recording.samples.flags.tolist(), strict=True):
            sample = {n: (v if v == v else None) for n, v in zip(names, row, strict=True)}  # JSON has no NaN
            if flags:
                sample[FLAGS] = flags
            out.write(json.dumps(sample, separators=(",", ":")) + "\n")


def _write_parquet(recording: Recording, path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UnslouchError(
            Reason.MISSING_EXTRA, "Parquet needs pyarrow, which is not installed.", "Install unslouch[parquet]."
        ) from None
    arrow: Any = pa
    parquet: Any = pq
    columns: dict[str, Any] = {**_columns(recording), FLAGS: recording.samples.flags}
    table = arrow.table({name: arrow.array(a) for name, a in columns.items()})
    table = table.replace_schema_metadata({"unslouch": json.dumps(description(recording))})
    parquet.write_table(table, str(path))


def _write_foxglove(recording: Recording, path: Path) -> None:
    from unslouch.recording.compact import write_tidy
    from unslouch.recording.convert import write_mcap
    from unslouch.recording.mcap_file import read_mcap
    from unslouch.recording.model import Format

    if recording.format is Format.MCAP:
        write_tidy(read_mcap(recording.path), recording.path, path)
    else:
        write_mcap(recording, path)
