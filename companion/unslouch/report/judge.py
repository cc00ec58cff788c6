"""From a file to its analysis as values, JSON, page and picture: what ``unslouch analyze`` does for each file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unslouch.errors import FileError, Reason, UnslouchError
from unslouch.recording.model import Recording
from unslouch.recording.reader import read_recording
from unslouch.report.json_model import Json, analysis_object
from unslouch.report.page import Curve, Style, page
from unslouch_signal.analysis import Analysis, analyse_recording, neutral_calibration
from unslouch_signal.calibration import Calibration
from unslouch_signal.frames import Mount, parse_mount
from unslouch_signal.fusion import fuse
from unslouch_signal.protocol import find_neutral, find_protocol

if TYPE_CHECKING:
    from unslouch_signal.track import Track


@dataclass(frozen=True, slots=True)
class Choices:
    """What was asked for on the command line, for every file alike.

    Attributes
    ----------
    neutral
        (start, end) in the recording's own time, s.
    mount
        Words such as ``down,right,back``.
    calibration
        A recording or a JSON file to take the calibration from. A recording without bows gives its upright part as
        the neutral; ``mount`` then tells forward.
    plot, save_calibration
        Files to write.
    units
        Units of CSV columns that are not SI.
    """

    neutral: tuple[float, float] | None = None
    mount: str | None = None
    calibration: Path | None = None
    plot: Path | None = None
    save_calibration: Path | None = None
    units: tuple[str, ...] = ()

    def settled(self) -> Settled:
        """Read and check what all files share, once.

        Raises
        ------
        UnslouchError
            BAD_OPTION for a mount that cannot be, or choices that contradict each other; what the calibration's file
            raises.
        """
        if self.calibration is not None and self.neutral is not None:
            raise UnslouchError(
                Reason.BAD_OPTION,
                "--calibration replaces --neutral; they cannot be given together.",
                "Leave out one or the other.",
            )
        mount = None
        if self.mount is not None:
            try:
                mount = parse_mount(self.mount)
            except ValueError as error:
                raise UnslouchError(
                    Reason.BAD_OPTION, f"--mount: {error}.", "For example --mount down,right,back."
                ) from None
        given = None if self.calibration is None else calibration_from(self.calibration, mount, self.units)
        return Settled(self.neutral, mount, given, self.plot, self.save_calibration, self.units)


@dataclass(frozen=True, slots=True)
class Settled:
    """The choices, read and checked."""

    neutral: tuple[float, float] | None = None
    mount: Mount | None = None
    calibration: Calibration | None = None
    plot: Path | None = None
    save_calibration: Path | None = None
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An :class:`UnslouchError` as a value that passes between processes."""

    reason: Reason
    message: str
    advice: str

    def raised(self) -> UnslouchError:
        """Make the error again."""
        return UnslouchError(self.reason, self.message, self.advice)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file: its report and page, or the failure."""

    report: Json = field(default_factory=dict[str, object])
    page: str = ""
    failure: Failure | None = None


def outcome(path: Path, settled: Settled, style: Style) -> Outcome:
    """Analyse one file; what is wrong with it becomes a value."""
    try:
        report, analysis = judge(path, settled)
        if settled.plot is not None:
            from unslouch.report.plot import plot

            plot(report, analysis.track, settled.plot)
        if settled.save_calibration is not None:
            _save(analysis.calibration, settled.save_calibration, path)
        return Outcome(report, page(report, curve_of(analysis.track), style))
    except UnslouchError as error:
        return Outcome(failure=Failure(error.reason, error.message, error.advice))
    except OSError as error:
        where = error.filename or path
        failure = Failure(Reason.FILE_ACCESS, f"{where}: {error.strerror or error}.", "Check the path and permissions.")
        return Outcome(failure=failure)


def judge(path: Path, settled: Settled) -> tuple[Json, Analysis]:
    """Read and analyse one file.

    Raises
    ------
    UnslouchError
        When the file cannot be used, or the neutral is not within it.
    """
    recording = read_recording(path, settled.units)
    neutral = None if settled.neutral is None else _from_start(recording, settled.neutral)
    calibration, stored = settled.calibration, False
    block = recording.judged
    try:
        if calibration is None and neutral is None and settled.mount is None and recording.calibration is not None:
            block = block if block.quat is not None else fuse(block)
            # As in a replay: what was done in the recording itself is nearer to its start than what was known later.
            stored = find_protocol(block) is None
            calibration = Calibration.from_json(recording.calibration) if stored else None
        analysis = analyse_recording(block, calibration, settled.mount, neutral)
    except ValueError as error:
        raise FileError(Reason.BAD_FILE, f"{path}: {error}.", "`unslouch info` tells what the file holds.") from error
    source = "recording" if stored else analysis.calibration_source
    return analysis_object(recording, analysis, source), analysis


def calibration_from(path: Path, mount: Mount | None = None, units: tuple[str, ...] = ()) -> Calibration:
    """Read a calibration: a JSON file of ``--save-calibration``, or a recording.

    A recording gives the one found in its own bows, else the one kept in it, else its longest still stretch as the
    neutral, for which ``mount`` tells forward; without a mount total tilt is judged.

    Raises
    ------
    UnslouchError
        When there is no such file, no calibration in it, or a mount is given for one that knows forward already.
    """
    if path.suffix.lower() == ".json":
        try:
            found = Calibration.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileError(Reason.NOT_FOUND, f"There is no file {path}.") from None
        except (ValueError, UnicodeDecodeError) as error:
            raise FileError(Reason.BAD_FILE, f"{path}: {error}.", "Make one with --save-calibration.") from None
        if mount is not None:
            raise UnslouchError(
                Reason.BAD_OPTION,
                "--mount is for recordings; a calibration in JSON already tells how the strap sits.",
                "Leave out --mount.",
            )
        return found
    recording = read_recording(path, units)
    try:
        block = recording.samples if recording.samples.quat is not None else fuse(recording.samples)
        protocol = find_protocol(block)
        if protocol is not None:
            return protocol.calibration.without_heading()
        if recording.calibration is not None:
            return Calibration.from_json(recording.calibration).without_heading()
        neutral = find_neutral(block)
        if neutral is not None:
            return neutral_calibration(block, neutral, mount).without_heading()
    except ValueError as error:
        raise FileError(Reason.BAD_FILE, f"{path}: {error}.", "`unslouch info` tells what the file holds.") from error
    raise UnslouchError(
        Reason.NOT_CALIBRATED,
        f"{path} holds no calibration: there are no bows, and nobody sits still and upright in it.",
        "It must begin with the protocol (upright and still for 4 s, two or three bows), be upright and still for some "
        "seconds, or be a JSON file.",
    )


def _from_start(recording: Recording, neutral: tuple[float, float]) -> tuple[float, float]:
    """Turn the recording's own times into seconds since its first sample.

    The first or last samples may be missing: a neutral of which more than half lies within is cut.
    """
    start, end = neutral
    first, last = float(recording.samples.t[0]), float(recording.samples.t[-1])
    a, b = max(start, first), min(end, last)
    if b - a <= 0.5 * (end - start):
        raise UnslouchError(
            Reason.BAD_OPTION,
            f"{recording.path}: --neutral {start:g}:{end:g} is not within its t, from {first:.10g} to {last:.10g}.",
            "Times are the recording's own, in seconds.",
        )
    return a - first, b - first


def curve_of(track: Track) -> Curve:
    """Choose the angle that a page draws: flexion where forward is known, else the tilt."""
    known = bool(np.isfinite(track.flexion).any())
    angle = np.where(track.measured, np.degrees(track.flexion if known else track.tilt), np.nan)
    return Curve(track.t, angle, "flexion (forward +)" if known else "tilt from neutral")


def _save(calibration: Calibration | None, out: Path, path: Path) -> None:
    if calibration is None:
        raise UnslouchError(
            Reason.NOT_CALIBRATED,
            f"{path}: no calibration was found that could be saved.",
            "Record the protocol (upright and still for 4 s, two or three bows), or give --neutral and --mount.",
        )
    out.write_text(calibration.to_json() + "\n", encoding="utf-8")
