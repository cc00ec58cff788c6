"""The holds of a recording: those its events tell of, else what the detectors find in its track."""

from __future__ import annotations

from unslouch_signal.activity import ActivityDetector
from unslouch_signal.analyser import Analysis
from unslouch_signal.events import HoldSpan
from unslouch_signal.found_holds import FreeHoldDetector, rotation_hold


def holds_of(analysis: Analysis) -> list[HoldSpan]:
    """Return held extensions and doorway stretches, and the held peaks of valid rotations, in order of time."""
    told = [event for event in analysis.events if isinstance(event, HoldSpan)]
    if told:
        return told
    activity, _ = ActivityDetector().process(analysis.track)
    detector = FreeHoldDetector()
    leaning = [span for _, span in (*detector.process(analysis.track, activity), *detector.finish())]
    turned = [span for rep in analysis.rotations if (span := rotation_hold(rep)) is not None]
    return sorted((*leaning, *turned), key=lambda span: span.start)
