"""The captures of recordings/ analyse to their truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unslouch.recording.reader import read_recording
from unslouch_signal.analysis import analyse_recording
from unslouch_signal.events import ActivityKind, Side, Technique
from unslouch_signal.hold import HoldDetector, HoldParameters, zone_for
from unslouch_signal.track import Track

FOLDER = Path(__file__).parents[2] / "recordings"
NAMES = ("desk_half_hour", "seated_rotations", "supine_rotations", "extension_and_doorway", "bad_day")


@pytest.fixture(scope="module", params=NAMES)
def capture(request):
    truth = json.loads((FOLDER / f"{request.param}.truth.json").read_text())
    recording = read_recording(FOLDER / f"{request.param}.mcap")
    return request.param, truth, recording, analyse_recording(recording.samples)


def test_there_are_exactly_these_captures():
    assert {p.stem for p in FOLDER.glob("*.mcap")} == set(NAMES)
    assert all(p.stat().st_size < 2_000_000 for p in FOLDER.glob("*.mcap"))


def test_every_sample_that_arrived_is_there(capture):
    _, truth, recording, _ = capture
    said = truth["recording"]
    lost = sum(b - a for a, b in said["gaps_s"])
    assert recording.duration_s == pytest.approx(said["duration_s"], abs=0.1)
    assert recording.errors == {}
    # through 8 % loss and twelve seconds out of range, too: what was missed was asked for again
    assert lost == 0
    assert len(recording.samples) == said["samples"]
    assert len(recording.samples) == pytest.approx(52 * said["duration_s"], rel=0.002)
    assert {block.content for block in recording.blocks} == {recording.content}


def test_the_protocol_is_found(capture):
    _, _, _, analysis = capture
    assert analysis.calibration_source == "protocol"
    assert analysis.calibration.forward_known
    assert analysis.calibration.quality > 0.8


def test_alerts(capture):
    _, truth, _, analysis = capture
    expected = [s["alert_s"] for s in truth["slouches"] if s["alert_s"] is not None]
    assert [a.t for a in analysis.alerts] == pytest.approx(expected, abs=1.0)
    directions = [s["direction"] for s in truth["slouches"] if s["alert_s"] is not None]
    assert [a.direction for a in analysis.alerts] == directions


def test_slouch_spells(capture):
    _, truth, _, analysis = capture
    for s in (s for s in truth["slouches"] if s["alert_s"] is not None):
        near = min(analysis.slouches, key=lambda x: abs(x.start - s["start_s"]))
        assert near.start == pytest.approx(s["start_s"], abs=1.0)
        assert near.end == pytest.approx(s["end_s"], abs=1.0)
        assert np.degrees(near.peak) == pytest.approx(s["peak_deg"], abs=2.0)


def test_rotations(capture):
    _, truth, _, analysis = capture
    found = analysis.rotations
    assert [(r.side, r.position, r.valid) for r in found] == [
        (r["side"], r["position"], r["valid"]) for r in truth["rotations"]
    ]
    for r, s in zip(found, truth["rotations"], strict=True):
        assert np.degrees(r.range) == pytest.approx(s["range_deg"], abs=1.5)
        assert r.start == pytest.approx(s["start_s"], abs=2.5)
        assert s["start_s"] < r.peak < s["end_s"]


def test_holds(capture):
    _, truth, _, analysis = capture
    track = analysis.track
    coached = (Technique.EXTENSION, Technique.DOORWAY)
    for h in (h for h in truth["holds"] if h["technique"] in coached):
        technique = Technique(h["technique"])
        side = None if h["side"] is None else Side(h["side"])
        clock = HoldDetector(HoldParameters(technique, side, *zone_for(technique, None), needed=60.0))
        lo, hi = np.searchsorted(track.t, (h["start_s"] - 3.0, h["end_s"] + 3.0))
        clock.process(Track(**{name: getattr(track, name)[lo:hi] for name in Track.__slots__}))
        span = clock.finish()
        assert span is not None
        assert span.held == pytest.approx(h["held_s"], abs=0.5)


@pytest.mark.parametrize("kind", [ActivityKind.WALKING, ActivityKind.LYING, ActivityKind.OFF_BODY])
def test_activity(capture, kind):
    _, truth, _, analysis = capture
    track = analysis.track

    def during(spans):
        on = np.zeros(len(track), bool)
        for a, b in spans:
            on |= (track.t >= a) & (track.t < b)
        return on

    real = during((a["start_s"], a["end_s"]) for a in truth["activity"] if a["kind"] == kind)
    found = during((a.start, a.end) for a in analysis.activity if a.kind is kind)
    changes = sum(a["kind"] == kind for a in truth["activity"])
    # a few seconds at either end: walking shows late and lasts on, and off the body is known only after a while
    assert np.count_nonzero(real != found) / 50.0 <= 12.0 * changes + 2.0
