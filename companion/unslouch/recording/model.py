"""What a recording holds once it is read, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np

from unslouch.wire.layout import Content, WireFault
from unslouch.wire.records import ClockPoints, DecodedBlock, Gap, StrapEvent, TimeRecord
from unslouch.wire.status import StrapCalibration
from unslouch_signal.samples import FloatArray, SampleBlock, SampleFlag


class NoticeKind(StrEnum):
    """What was noticed in a file that could be read all the same."""

    CUT_OFF = "cut_off"
    """The file ends in the middle (the recorder was killed, or the disk was full)."""
    DAMAGED = "damaged"
    """A part failed its checksum, or makes no sense, and was skipped."""
    DROPPED = "dropped"
    """Packets broke the protocol and were skipped."""
    MIXED = "mixed"
    """Samples of another content than most were left out."""
    MISSING = "missing"
    """Time stamps are missing: samples lost or a pause."""
    JITTER = "jitter"
    """Time stamps are unevenly spaced."""
    UNIT = "unit"
    """A column was converted, as asked."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a file that its reader should know, as one sentence."""

    kind: NoticeKind
    message: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment somebody marked; ``t`` on the recording's time, s."""

    t: float
    label: str


class Format(StrEnum):
    """The formats that can be read."""

    MCAP = "mcap"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording.

    Attributes
    ----------
    samples : SampleBlock
        All samples, in order, on one time: the strap's clock (joined over reboots), or a CSV's column t. Where most
        carry acceleration, those that do not (from the strap's log) have NaN there. Raw
        samples are corrected by the strap's calibration if the recording holds it.
    blocks : tuple of DecodedBlock
        The same with identity (boot, seq), by content; empty for CSV.
    calibration : str or None
        The newest body calibration, as JSON of unslouch_signal's Calibration.
    utc_offset_s : float or None
        What to add to ``samples.t`` for UTC (s since 1970), None where unknown; one figure for the whole recording.
    clock, times
        What dates each boot exactly: arrivals of its packets, and TIME records; None and empty for CSV.
    calibrations
        Every body calibration with the UTC (s) at which it was kept.
    """

    path: Path
    format: Format
    content: Content
    samples: SampleBlock
    blocks: tuple[DecodedBlock, ...] = ()
    gaps: tuple[Gap, ...] = ()
    calibration: str | None = None
    strap_calibration: StrapCalibration | None = None
    markers: tuple[Marker, ...] = ()
    events: tuple[StrapEvent, ...] = ()
    device: dict[str, str] = field(default_factory=dict[str, str])
    notices: tuple[Notice, ...] = ()
    errors: dict[WireFault, int] = field(default_factory=dict[WireFault, int])
    utc_offset_s: float | None = None
    clock: ClockPoints | None = None
    times: tuple[TimeRecord, ...] = ()
    calibrations: tuple[tuple[float, str], ...] = ()

    @property
    def duration_s(self) -> float:
        """From the first sample to the last, s."""
        t = self.samples.t
        return float(t[-1] - t[0]) if len(t) > 1 else 0.0

    @property
    def rate_hz(self) -> float:
        """Samples a second, from the middle of their distances; NaN below two samples."""
        t = self.samples.t
        return float(1.0 / np.median(np.diff(t))) if len(t) > 1 else float("nan")

    @property
    def judged(self) -> SampleBlock:
        """The samples with a flag where a strap began anew: its heading does, and turns are not compared across."""
        begun = [after.samples.t[0] for before, after in pairwise(self.blocks) if after.boot != before.boot]
        if not begun or self.samples.quat is None:
            return self.samples
        flags = self.samples.flags.copy()
        at = np.searchsorted(self.samples.t, begun)
        flags[at[at < len(flags)]] |= np.uint8(SampleFlag.HEADING_LOST)
        return replace(self.samples, flags=flags)

    @property
    def gaps_s(self) -> float:
        """Seconds without samples: what consecutive samples are apart beyond three usual distances."""
        step = np.diff(self.samples.t)
        if not len(step):
            return 0.0
        usual = float(np.median(step))
        return float(np.sum(step[step > 3 * usual] - usual))


def concatenated(blocks: list[SampleBlock]) -> SampleBlock:
    """Blocks in one, NaN where some carry a value that others do not."""
    if len(blocks) == 1:
        return blocks[0]

    def joined(parts: list[FloatArray | None], width: int) -> FloatArray | None:
        if all(p is None for p in parts):
            return None
        return np.concatenate(
            [np.full((len(b), width), np.nan) if p is None else p for p, b in zip(parts, blocks, strict=True)]
        )

    return SampleBlock(
        np.concatenate([b.t for b in blocks]) if blocks else np.empty(0),
        joined([b.quat for b in blocks], 4),
        joined([b.acc for b in blocks], 3),
        joined([b.gyr for b in blocks], 3),
        np.concatenate([b.flags for b in blocks]) if blocks else np.empty(0, np.uint8),
    )
