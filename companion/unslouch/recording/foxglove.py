"""Channels that Foxglove (and any other reader of MCAP) plots without our code: orientation and angles at 5 Hz."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unslouch_signal.samples import FloatArray, SampleBlock

DECODED_HZ = 5.0
"""Rate of the decoded channels: enough for a plot, and small beside the raw bytes (docs/protocol.md, section 10)."""
ORIENTATION_TOPIC = "/orientation"
ANGLES_TOPIC = "/angles"
DECODED_TOPICS = (ORIENTATION_TOPIC, ANGLES_TOPIC)


def _vector(names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "number"} for name in names}}


_STAMP = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer", "minimum": 0}, "nsec": {"type": "integer", "minimum": 0}},
}
POSE_IN_FRAME: dict[str, Any] = {
    "title": "foxglove.PoseInFrame",
    "description": "Orientation of the sensor in the world, z up, heading arbitrary",
    "type": "object",
    "properties": {
        "timestamp": _STAMP,
        "frame_id": {"type": "string"},
        "pose": {
            "title": "foxglove.Pose",
            "type": "object",
            "properties": {"position": _vector("xyz"), "orientation": _vector("xyzw")},
        },
    },
}
ANGLES: dict[str, Any] = {
    "title": "unslouch.Angles",
    "description": "Thorax angles from neutral: flexion forward, lateral bend right, axial rotation left positive",
    "type": "object",
    "properties": {
        "timestamp": _STAMP,
        "t": {"type": "number", "description": "s, the recording's time"},
        **{f"{name}_deg": {"type": "number"} for name in ("flexion", "lateral", "axial", "tilt")},
    },
}


@dataclass(frozen=True, slots=True)
class DecodedMessage:
    """One message of a decoded channel."""

    topic: str
    log_time_ns: int
    data: bytes


def schema_text(schema: dict[str, Any]) -> bytes:
    """A schema as it stands in the file."""
    return json.dumps(schema, separators=(",", ":")).encode()


def decoded_messages(block: SampleBlock, calibration: str | None, utc_offset_s: float) -> Iterator[DecodedMessage]:
    """Orientation and thorax angles of a recording, each in order of time.

    Raw samples are fused as they would be live. The angles are those of ``analyse_recording``: with the calibration
    given, else the one it finds; flexion and lateral bend are left out where no calibration tells forward.
    """
    from unslouch_signal.analysis import analyse_recording
    from unslouch_signal.calibration import Calibration
    from unslouch_signal.fusion import CausalFusion

    if len(block) < 2:
        return
    if block.quat is None:
        block = CausalFusion(float(1.0 / np.median(np.diff(block.t)))).process(block)
    if block.quat is None:
        return
    at = _thinned(block.t)
    for ns, (w, x, y, z) in zip(_stamps(block.t[at], utc_offset_s), block.quat[at].tolist(), strict=True):
        yield DecodedMessage(
            ORIENTATION_TOPIC,
            ns,
            b'{"timestamp":{"sec":%d,"nsec":%d},"frame_id":"world","pose":{"position":{"x":0,"y":0,"z":0},'
            b'"orientation":{"x":%.4f,"y":%.4f,"z":%.4f,"w":%.4f}}}' % (ns // 10**9, ns % 10**9, x, y, z, w),
        )
    try:
        track = analyse_recording(block, None if calibration is None else Calibration.from_json(calibration)).track
    except ValueError:
        return  # nothing to judge in it: the file then has orientation alone
    at = np.flatnonzero(track.measured)
    at = at[_thinned(track.t[at])]
    columns = {
        name: np.degrees(a[at])
        for name, a in (
            ("flexion", track.flexion),
            ("lateral", track.lateral),
            ("axial", track.axial),
            ("tilt", track.tilt),
        )
        if bool(np.isfinite(a[at]).all())
    }
    rows: list[list[float]] = np.stack(list(columns.values()), axis=1).tolist()
    names = list(columns)
    form = '{"timestamp":{"sec":%d,"nsec":%d},"t":%.3f' + "".join(f',"{name}_deg":%.2f' for name in names) + "}"
    times = track.t[at].tolist()
    for ns, t, row in zip(_stamps(track.t[at], utc_offset_s), times, rows, strict=True):
        yield DecodedMessage(ANGLES_TOPIC, ns, (form % (ns // 10**9, ns % 10**9, t, *row)).encode())


def _stamps(t: FloatArray, utc_offset_s: float) -> list[int]:
    return [max(0, ns) for ns in (np.rint((t + utc_offset_s) * 1e6).astype(np.int64) * 1000).tolist()]


def _thinned(t: FloatArray) -> NDArray[np.int64]:
    """The first sample in each period of ``DECODED_HZ``."""
    if not len(t):
        return np.empty(0, np.int64)
    slot = np.floor(t * DECODED_HZ + 1e-6)
    return np.flatnonzero(np.r_[True, np.diff(slot) > 0])
