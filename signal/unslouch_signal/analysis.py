"""A whole recording at once: where its calibration comes from, and everything the chain finds with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unslouch_signal.analyser import Analyser, AnalyserParameters, PostureTime, join
from unslouch_signal.calibration import Calibration, calibrate
from unslouch_signal.events import (
    ActivitySpan,
    CalibrationDoubt,
    DoubtReason,
    Event,
    HoldSpan,
    RotationRep,
    SlouchAlert,
    SlouchSpell,
)
from unslouch_signal.frames import Mount
from unslouch_signal.fusion import fuse
from unslouch_signal.protocol import Protocol, ProtocolParameters, find_protocol, find_still_start
from unslouch_signal.samples import SampleBlock
from unslouch_signal.track import Track


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a whole recording holds."""

    calibration: Calibration | None
    calibration_source: str
    """``"protocol"``, ``"file"``, ``"neutral"``, ``"mount"``, ``"still start"`` or ``"none"``."""
    tracks: tuple[Track, ...]
    """Consecutive parts of the track."""
    posture: PostureTime
    events: tuple[Event, ...]
    slouches: tuple[SlouchSpell, ...]
    alerts: tuple[SlouchAlert, ...]
    rotations: tuple[RotationRep, ...]
    holds: tuple[HoldSpan, ...]
    activity: tuple[ActivitySpan, ...]
    doubts: tuple[CalibrationDoubt, ...]

    @property
    def track(self) -> Track:
        """Track of the whole recording, put together at each call."""
        return join(self.tracks)


def analyse_recording(
    block: SampleBlock,
    calibration: Calibration | None = None,
    mount: Mount | None = None,
    neutral: tuple[float, float] | None = None,
    parameters: AnalyserParameters | None = None,
) -> Analysis:
    """Analyse a whole recording; raw samples are fused acausally first.

    The calibration is the one given, else from ``neutral``, else found by the protocol, else from the first still
    second; ``mount`` tells forward where no bow does.

    Where the strap slipped or was taken off and the protocol is found again, the new calibration counts from there.

    Parameters
    ----------
    neutral : (start, end) or None
        Seconds from the first sample.

    Raises
    ------
    ValueError
        When the block is empty, has neither orientation nor raw samples, or the neutral holds no samples.
    """
    if len(block) == 0:
        raise ValueError("the recording holds no samples")
    if block.quat is None:
        block = fuse(block)
    found, source = _calibration_of(block, calibration, mount, neutral)
    analyser, events, tracks = _run(block, found, parameters, ())
    again = _protocols_after(block, events)
    if again:
        analyser, events, tracks = _run(block, found, parameters, again)
    return Analysis(
        found,
        source,
        tracks,
        analyser.posture_time,
        tuple(events),
        tuple(e for e in events if isinstance(e, SlouchSpell)),
        tuple(e for e in events if isinstance(e, SlouchAlert)),
        tuple(e for e in events if isinstance(e, RotationRep)),
        tuple(e for e in events if isinstance(e, HoldSpan)),
        tuple(e for e in events if isinstance(e, ActivitySpan)),
        tuple(e for e in events if isinstance(e, CalibrationDoubt)),
    )


def _run(
    block: SampleBlock,
    calibration: Calibration | None,
    parameters: AnalyserParameters | None,
    again: tuple[Protocol, ...],
) -> tuple[Analyser, list[Event], tuple[Track, ...]]:
    """Analyse ``block``, changing to the calibration of each protocol in ``again`` where it ends."""
    analyser = Analyser(calibration, parameters, 50.0)
    events: list[Event] = []
    tracks: list[Track] = []
    a = 0
    for protocol in (*again, None):
        b = len(block) if protocol is None else int(np.count_nonzero(block.t <= protocol.bows[-1][1]))
        if b > a:
            events += analyser.process(block[a:b])
            tracks += analyser.tracks
        if protocol is not None:
            analyser.set_calibration(protocol.calibration)
        a = max(a, b)
    return analyser, events + analyser.finish(), tuple(tracks)


def _protocols_after(block: SampleBlock, events: list[Event]) -> tuple[Protocol, ...]:
    """The protocols done again after the strap slipped or was off, within ten minutes each."""
    found: list[Protocol] = []
    done = -np.inf
    for event in events:
        if not isinstance(event, CalibrationDoubt) or event.resolved or event.t < done:
            continue
        if event.reason not in (DoubtReason.SLIPPED, DoubtReason.OFF_BODY, DoubtReason.CHARGER):
            continue
        first, last = (int(np.count_nonzero(block.t <= event.t + s)) for s in (0.0, 600.0))
        protocol = find_protocol(block[first:last], ProtocolParameters(begin_s=600.0, look_s=600.0))
        if protocol is not None:
            found.append(protocol)
            done = protocol.bows[-1][1]
    return tuple(found)


def _calibration_of(
    block: SampleBlock, given: Calibration | None, mount: Mount | None, neutral: tuple[float, float] | None
) -> tuple[Calibration | None, str]:
    if given is not None:
        return given, "file"
    t0 = float(block.t[0])
    if neutral is not None:
        a, b = np.searchsorted(block.t, (t0 + neutral[0], t0 + neutral[1]))
        if b <= a:
            raise ValueError(f"there are no samples in the neutral {neutral[0]:g}:{neutral[1]:g}")
        return calibrate(block[int(a) : int(b)], mount=mount), "neutral"
    protocol = find_protocol(block)
    if protocol is not None:
        return protocol.calibration, "protocol"
    still = find_still_start(block)
    if still is None:
        return None, "none"
    return neutral_calibration(block, still, mount), "still start" if mount is None else "mount"


def neutral_calibration(block: SampleBlock, neutral: tuple[float, float], mount: Mount | None) -> Calibration:
    """Calibrate from a still stretch that was found, in the block's own time; says so where forward stays unknown."""
    a, b = np.searchsorted(block.t, neutral)
    found = calibrate(block[int(a) : max(int(b), int(a) + 1)], mount=mount)
    if mount is not None:
        return found
    reason = "no bows were found: forward is unknown, total tilt is judged"
    return replace(found, quality=0.5 * found.quality, reasons=(*found.reasons, reason))
