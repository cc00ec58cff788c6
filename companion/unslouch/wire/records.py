"""Values that come out of packets beside samples, frozen; and what a decoder returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.layout import Content, WireFault
from unslouch.wire.status import Status, StrapCalibration
from unslouch_signal.samples import FloatArray, SampleBlock


class EventCode(IntEnum):
    """What a strap's event says (docs/protocol.md 4.6)."""

    MARKER = 1
    SHARP_PAIN = 2
    COMPANION_MARKER = 3
    BOOT = 4
    CUE = 5
    CUE_END = 6
    CHARGER_ON = 7
    CHARGER_OFF = 8
    OFF_BODY = 9
    ON_BODY = 10
    SLEEP = 11
    WAKE = 12
    LOW_BATTERY = 13
    SAMPLES_LOST = 14
    LOG_OVERWRITTEN = 15
    CALIBRATION_STORED = 16
    PAIRING_WINDOW = 17
    SENSOR_FAULT = 18


@dataclass(frozen=True, slots=True)
class StrapEvent:
    """Something the strap noticed; ``code`` may be one that :class:`EventCode` does not know."""

    code: int
    value: int
    id: int
    boot: int
    seq: int
    t_us: int
    arrival_s: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a stream starts or goes on: the identity and time of the next sample."""

    flags: int
    boot: int
    seq: int
    t_us: int
    dt_us: int
    arrival_s: float


@dataclass(frozen=True, slots=True)
class TimeRecord:
    """The strap's time and UTC at one moment; dates its whole boot."""

    id: int
    boot: int
    seq: int
    t_us: int
    utc_us: int


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a log transfer."""

    status: int
    first: int
    next: int
    count: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that are not there.

    ``seq`` is the first missing, ``missing`` how many stream samples; ``start`` and ``end`` are the seconds of the
    samples around it.
    ``lost``: the strap itself says that they were never taken. A pause of the strap is no gap (``missing`` would be 0).
    """

    boot: int
    seq: int
    missing: int
    start: float
    end: float
    lost: bool


@dataclass(frozen=True, slots=True)
class DecodedBlock:
    """Consecutive samples of one boot and one content.

    Attributes
    ----------
    samples : SampleBlock
        ``t`` is the strap's clock in s plus ``offset_s``.
    boot : int
    seq : (n,) int64
        With ``boot`` the identity of each sample.
    offset_s : float
        What was added to the strap's clock so that time goes on over reboots; 0 for the first boot.
    content : Content
    """

    samples: SampleBlock
    boot: int
    seq: NDArray[np.int64]
    offset_s: float
    content: Content

    def __len__(self) -> int:
        return len(self.seq)


@dataclass(frozen=True, slots=True)
class ClockPoints:
    """When packets that were sent at once arrived, for the fit of the strap's clock to UTC.

    ``t_us`` is the time of the newest sample of each packet.
    """

    arrival_s: FloatArray
    boot: NDArray[np.int64]
    t_us: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What some packets held.

    Attributes
    ----------
    blocks : tuple of DecodedBlock
        In order of time, no sample twice, strictly increasing over consecutive blocks and calls.
    late : tuple of DecodedBlock
        Samples of the past (resent after the decoder had gone on, or from the log); in order among themselves, never
        twice. Always empty from :func:`~unslouch.wire.decoder.decode_all`, which puts everything in order.
    gaps : tuple of Gap
    events, anchors, times, log_ends, statuses, calibrations, responses
        In order of arrival; events and times without copies.
    log_ids : (n,) int64
        Ids of the log records received whole (for the confirmation).
    errors : dict
        How many packets were dropped, by reason.
    held : int
        Samples held back, waiting for resent ones.
    """

    blocks: tuple[DecodedBlock, ...]
    late: tuple[DecodedBlock, ...]
    gaps: tuple[Gap, ...]
    events: tuple[StrapEvent, ...]
    anchors: tuple[Anchor, ...]
    times: tuple[TimeRecord, ...]
    log_ends: tuple[LogEnd, ...]
    statuses: tuple[tuple[float, Status], ...]
    calibrations: tuple[tuple[float, StrapCalibration], ...]
    responses: tuple[tuple[float, bytes], ...]
    log_ids: NDArray[np.int64]
    clock: ClockPoints
    errors: dict[WireFault, int] = field(default_factory=dict[WireFault, int])
    held: int = 0
