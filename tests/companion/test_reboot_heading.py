"""A strap that begins anew faces anywhere: what turned meanwhile is no turn of the back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unslouch.live.chain import Chain
from unslouch.recording.reader import read_recording
from unslouch.recording.writer import RecordingWriter
from unslouch.report.judge import Choices, judge
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal import quaternion as qt
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import RotationFault, RotationRep
from unslouch_signal.samples import SampleFlag, samples

LEVEL = Calibration((1.0, 0.0, 0.0, 0.0), True, "bows", heading=0.0)


def rebooted(away_s: float, off_deg: float) -> list[Packet]:
    """Turns of 45 deg to either side; after a minute the strap is away for a moment and faces elsewhere."""
    t = np.arange(0, 140, 1 / 52)
    turned = sum(
        d * np.interp(t, [at, at + 1.5, at + 4, at + 5.5], [0, 1, 1, 0])
        for at, d in ((70, -45), (80, 45), (90, -45), (100, 45), (120, 45))
    )
    axial = np.radians(turned + np.where(t >= 60, off_deg, 0.0))
    quat = qt.from_rotvec(np.stack((0 * t, 0 * t, axial), axis=1))
    acc = np.tile((0.0, 0.0, 9.80665), (len(t), 1))
    first, second = t < 60, t >= 60 + away_s
    parts: list[Packet] = []
    for boot, rows, begun in ((1, first, 0.0), (2, second, 60 + away_s)):
        block = samples(t[rows] - begun, quat[rows], acc[rows])
        parts += [
            Packet(1e9 + begun + packet.t_us * 1e-6 + 0.03, Channel.STREAM, packet.data)
            for packet in encode_stream(block, np.arange(len(block)), boot, 18, 2_500)
        ]
    return parts


@pytest.mark.parametrize(("away_s", "off_deg"), [(3.0, 45.0), (8.0, -45.0), (20.0, 45.0)])
def test_turns_after_a_reboot_are_not_compared_with_the_heading_before(
    away_s: float, off_deg: float, tmp_path: Path
) -> None:
    packets = rebooted(away_s, off_deg)
    live = Chain(52.0, LEVEL, watch=False)
    events = [e for at in range(0, len(packets), 5) for e in live.feed(packets[at : at + 5]).events]
    found = [e for e in (*events, *live.finish().events) if isinstance(e, RotationRep)]
    assert found, "they are found"
    for rep in found:
        assert rep.faults == (RotationFault.CUT_BY_GAP,) or np.degrees(rep.range) == pytest.approx(45.0, abs=1.0)

    path = tmp_path / "two.mcap"
    with RecordingWriter(path, SourceInfo(SourceKind.SIMULATED, "strap"), 1e9) as writer:
        for packet in packets:
            writer.write(packet)
    (tmp_path / "level.json").write_text(LEVEL.to_json())
    analysis = judge(path, Choices(calibration=tmp_path / "level.json").settled())[1]
    assert [(r.side, r.valid) for r in analysis.rotations] == [(r.side, r.valid) for r in found]


def test_the_flag_stands_in_what_is_judged_alone(tmp_path: Path) -> None:
    path = tmp_path / "two.mcap"
    with RecordingWriter(path, SourceInfo(SourceKind.SIMULATED, "strap"), 1e9) as writer:
        for packet in rebooted(3.0, 45.0):
            writer.write(packet)
    recording = read_recording(path)
    lost = np.flatnonzero(recording.judged.flags & SampleFlag.HEADING_LOST)
    assert lost.tolist() == [60 * 52]
    assert not (recording.samples.flags & SampleFlag.HEADING_LOST).any(), "no file has a place for it"
