"""CSV in and out: header ``t``, then ``acc_*`` and ``gyr_*`` and/or ``quat_*``, SI units, one sample a line.

Strict: a file that is not that gets one sentence with the line, the column and what was expected. Units are never
guessed: numbers that look like g, deg/s or milliseconds are refused with the option that converts them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from unslouch.errors import FileError, Reason
from unslouch.recording.csv_checks import (
    CsvChecks,
    check_axes,
    check_finite,
    check_range,
    check_rate,
    check_time,
    check_units,
    checked_quat,
)
from unslouch.recording.model import Format, Notice, NoticeKind, Recording
from unslouch.wire.layout import Content
from unslouch_signal.samples import FlagArray, FloatArray, SampleBlock

ACC = ("acc_x", "acc_y", "acc_z")
GYR = ("gyr_x", "gyr_y", "gyr_z")
QUAT = ("quat_w", "quat_x", "quat_y", "quat_z")
FLAGS = "flags"
GRAVITY = 9.80665
UNITS: dict[str, tuple[str, float]] = {
    "g": ("acc", GRAVITY),
    "mg": ("acc", GRAVITY / 1000),
    "deg/s": ("gyr", float(np.pi / 180)),
    "mdeg/s": ("gyr", float(np.pi / 180e3)),
    "ms": ("t", 1e-3),
    "us": ("t", 1e-6),
    "ns": ("t", 1e-9),
}
"""Units that can be named to be converted: which columns they concern and the factor to SI."""
_EXPECTED = "t, then acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z and/or quat_w,quat_x,quat_y,quat_z"


def read_csv(path: Path, units: Sequence[str] = (), checks: CsvChecks | None = None) -> Recording:
    """Read a CSV recording.

    Parameters
    ----------
    units
        Units other than SI that the file is in: any of :data:`UNITS`.

    Raises
    ------
    FileError
        When the file breaks the format, with line, column and what was expected; when time stamps are not finite,
        repeat or run backward; when values look like another unit and none was named, or columns contradict each
        other (a mirrored axis, a quaternion in another order).
    """
    checks = checks or CsvChecks()
    factors = _factors(units)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise FileError(Reason.NOT_FOUND, f"There is no file {path}.") from None
    except OSError as error:
        raise FileError(Reason.BAD_FILE, f"{path} cannot be read: {error.strerror}.") from error
    names, body, first_line = _header(path, raw)
    table = _numbers(path, body, names, first_line)
    if not len(table):
        raise FileError(Reason.BAD_FILE, f"{path}, line {first_line}: a sample was expected, but the file ends here.")
    check_finite(path, table, names, first_line)
    columns = {name: table[:, k] for k, name in enumerate(names)}
    notices = [
        Notice(NoticeKind.UNIT, f"{path.name}: {what} was converted from {unit}.") for unit, what in _said(units, names)
    ]
    t = columns["t"] * factors["t"]
    check_time(path, t, first_line)
    notices += check_rate(path, t, first_line, checks)
    acc = _stacked(columns, ACC, factors["acc"])
    gyr = _stacked(columns, GYR, factors["gyr"])
    quat = _stacked(columns, QUAT, 1.0)
    notices += check_units(path, t, acc, gyr, checks)
    check_range(path, acc, gyr, first_line, checks)
    if quat is not None:
        quat = checked_quat(path, quat, acc, first_line, checks)
    check_axes(path, t, acc, gyr, checks)
    flags = _flags(path, columns.get(FLAGS), len(t), first_line)
    content = Content.RAW
    if quat is not None:
        content = Content.ORIENTATION if acc is None else Content.FUSED if gyr is None else Content.FUSED_GYRO
    return Recording(
        path, Format.CSV, content, SampleBlock(np.ascontiguousarray(t), quat, acc, gyr, flags), notices=tuple(notices)
    )


def write_csv(path: Path, block: SampleBlock) -> None:
    """Write samples, to the precision of the strap: microseconds, and every digit that its counts hold.

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    write_csv_blocks(path, [block], flags=bool(block.flags.any()))


def write_csv_blocks(path: Path, blocks: Iterable[SampleBlock], *, flags: bool | None = None) -> None:
    """Write consecutive blocks of the same columns (at least one), of which there may be more than fit into memory.

    Parameters
    ----------
    flags
        Whether there is a column of flags; None for one where any sample has a flag.

    Raises
    ------
    FileError
        When the file cannot be written.
    """
    names: list[str] = []
    line, flagged, wanted = "", False, flags is not False
    try:
        with path.open("w", encoding="ascii", newline="") as out:
            for block in blocks:
                parts = ((block.acc, ACC, "%.5f"), (block.gyr, GYR, "%.6f"), (block.quat, QUAT, "%.7f"))
                there = [(part, group, form) for part, group, form in parts if part is not None]
                columns = [block.t[:, None], *(part for part, _, _ in there)]
                flagged = flagged or bool(block.flags.any())
                if wanted:
                    columns.append(block.flags[:, None].astype(np.float64))
                if not names:
                    names = ["t", *(name for _, group, _ in there for name in group), *([FLAGS] if wanted else [])]
                    forms = ["%.6f", *(form for _, group, form in there for _ in group), *(["%d"] if wanted else [])]
                    line = ",".join(forms) + "\n"
                    out.write(",".join(names) + "\n")
                for start in range(0, len(block), 8192):
                    rows = np.hstack([column[start : start + 8192] for column in columns])
                    out.write((line * len(rows)) % tuple(rows.reshape(-1).tolist()))
        if flags is None and not flagged:
            _drop_last_column(path)
    except OSError as error:
        raise FileError(Reason.BAD_FILE, f"{path} cannot be written: {error.strerror}.") from error


def _drop_last_column(path: Path) -> None:
    draft = path.with_name(f"{path.name}.draft")
    with path.open(encoding="ascii", newline="") as lines, draft.open("w", encoding="ascii", newline="") as out:
        out.writelines(line.rpartition(",")[0] + "\n" for line in lines)
    draft.replace(path)


def _factors(units: Sequence[str]) -> dict[str, float]:
    factors = {"t": 1.0, "acc": 1.0, "gyr": 1.0}
    seen: set[str] = set()
    for unit in units:
        if unit not in UNITS:
            raise FileError(Reason.BAD_OPTION, f"The unit {unit!r} is not known.", f"Known are {', '.join(UNITS)}.")
        what, factor = UNITS[unit]
        if what in seen:
            raise FileError(Reason.BAD_OPTION, f"Two units were given for {what}.")
        seen.add(what)
        factors[what] = factor
    return factors


def _said(units: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    words = {"acc": "acceleration", "gyr": "angular rate", "t": "time"}
    return [(u, words[UNITS[u][0]]) for u in units if any(n.split("_")[0] == UNITS[u][0] for n in names)]


def _header(path: Path, raw: bytes) -> tuple[list[str], bytes, int]:
    """Column names, the rest, and the number of the first line of samples."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4096]:
        raise FileError(Reason.BAD_FILE, f"{path} is no CSV file in plain text (UTF-8).")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    head, _, body = raw.partition(b"\n")
    names = [name.strip().strip('"') for name in head.decode("utf-8", "replace").rstrip("\r").split(",")]
    advice = f"The header is {_EXPECTED}."
    if names == [""]:
        raise FileError(Reason.BAD_FILE, f"{path}, line 1: column names were expected, but the line is empty.", advice)
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise FileError(Reason.BAD_FILE, f"{path}, line 1: columns are separated by commas, not {names[0]!r}.", advice)
    known = {"t", *ACC, *GYR, *QUAT, FLAGS}
    for k, name in enumerate(names, 1):
        if name not in known:
            problem = f"{path}, line 1, column {k}: {name!r} is no known column."
            if name.replace(".", "", 1).replace("-", "").replace("e", "").isdigit():
                problem = f"{path}, line 1: column names were expected, but there are numbers."
            raise FileError(Reason.BAD_FILE, problem, advice)
        if name in names[: k - 1]:
            raise FileError(Reason.BAD_FILE, f"{path}, line 1, column {k}: {name!r} is there twice.", advice)
    if "t" not in names:
        raise FileError(Reason.BAD_FILE, f"{path}, line 1: the column t is missing.", advice)
    for group in (ACC, GYR, QUAT):
        missing = [name for name in group if name not in names]
        if missing and len(missing) < len(group):
            raise FileError(Reason.BAD_FILE, f"{path}, line 1: the column {missing[0]} is missing.", advice)
    if "quat_w" not in names and not ("acc_x" in names and "gyr_x" in names):
        what = "neither orientation nor acceleration and angular rate are there"
        raise FileError(Reason.BAD_FILE, f"{path}, line 1: {what}.", advice)
    return names, body, 2


def _numbers(path: Path, body: bytes, names: list[str], first_line: int) -> FloatArray:
    if not body.strip():
        return np.empty((0, len(names)))
    try:
        table = np.loadtxt(io.BytesIO(body), delimiter=",", ndmin=2, comments=None)
        lines = body.count(b"\n") + (not body.endswith(b"\n"))
        if table.shape[1] == len(names) and len(table) == lines:
            return table
    except ValueError:
        pass  # the slow way finds the place
    return _numbers_slowly(path, body, names, first_line)


def _numbers_slowly(path: Path, body: bytes, names: list[str], first_line: int) -> FloatArray:
    """Line by line, to say where it is wrong."""
    rows: list[list[float]] = []
    lines = body.decode("utf-8", "replace").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, first_line):
        cells = line.rstrip("\r").split(",")
        if not line.strip():
            raise FileError(Reason.BAD_FILE, f"{path}, line {number}: a sample was expected, but the line is empty.")
        if len(cells) != len(names):
            what = f"{len(names)} values were expected, but there are {len(cells)}"
            advice = ""
            if number == first_line + len(lines) - 1 and not body.endswith(b"\n"):
                what += ", and the file ends within the line"
                advice = "It was cut off: delete this last line, and what is before it can be read."
            raise FileError(Reason.BAD_FILE, f"{path}, line {number}: {what}.", advice)
        row: list[float] = []
        for name, cell in zip(names, cells, strict=True):
            try:
                if "_" in cell:
                    raise ValueError
                row.append(float(cell))
            except ValueError:
                found = f"but there is {cell.strip()!r}" if cell.strip() else "but there is nothing"
                message = f"{path}, line {number}, column {name}: a number was expected, {found}."
                raise FileError(Reason.BAD_FILE, message) from None
        rows.append(row)
    return np.array(rows, np.float64).reshape(-1, len(names))


def _flags(path: Path, values: FloatArray | None, n: int, first_line: int) -> FlagArray:
    if values is None:
        return np.zeros(n, np.uint8)
    wrong = np.flatnonzero((values < 0) | (values > 127) | (values != np.rint(values)))
    if len(wrong):
        i = int(wrong[0])
        expected = f"a whole number 0..127 was expected, but there is {values[i]:g}"
        message = f"{path}, line {i + first_line}, column flags: {expected}."
        raise FileError(Reason.BAD_FILE, message)
    return values.astype(np.uint8)


def _stacked(columns: dict[str, FloatArray], names: Sequence[str], factor: float) -> FloatArray | None:
    if names[0] not in columns:
        return None
    out = np.stack([columns[name] for name in names], axis=1)
    return out if factor == 1.0 else out * factor
