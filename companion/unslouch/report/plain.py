"""Plain mode: one line per event, for pipes, logs, screen readers and terminals that show no screen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from unslouch.report.words import ACTIVITY, DIRECTION, DOUBT, FAULT, MEND, TECHNIQUE, clock, span
from unslouch_signal.events import (
    ActivityKind,
    ActivitySpan,
    CalibrationDoubt,
    Event,
    HoldEvent,
    HoldNotice,
    HoldSpan,
    RotationRep,
    SlouchAlert,
    SlouchSpell,
)

LEAST_ACTIVITY_S = 5.0
"""Shorter stretches of an activity are no news to a reader."""
NEWS = frozenset({ActivityKind.WALKING, ActivityKind.LYING, ActivityKind.OFF_BODY, ActivityKind.UNKNOWN})
"""Sitting still and moving about is what everybody does all day."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when (seconds of the strap's clock), what in a word, and the sentence; ``loud`` asks for attention."""

    t: float
    word: str
    text: str
    loud: bool = False

    def render(self, origin: float = 0.0) -> str:
        """Write the line, with the time counted from ``origin``."""
        return f"{clock(self.t - origin, tenths=True):>9}  {self.word:<11} {self.text}".rstrip()


def event_line(event: Event) -> Line | None:
    """Put an event in words; None for events that are no news on a line."""
    match event:
        case SlouchAlert():
            angle = math.degrees(event.angle)
            since = span(event.t - event.start)
            text = f"{angle:.0f}° {DIRECTION[event.direction]} for {since}: {MEND[event.direction]}"
            return Line(event.t, "SLOUCH", text, loud=True)
        case SlouchSpell():
            cue = "" if event.alert is None else ", after the cue"
            peak, mean = math.degrees(event.peak), math.degrees(event.mean)
            where = DIRECTION[event.direction]
            return Line(
                event.end,
                "upright",
                f"{span(event.end - event.start)} {where}{cue} (peak {peak:.0f}°, mean {mean:.0f}°)",
            )
        case RotationRep():
            what = f"{event.side.value} {math.degrees(event.range):.1f}°, {event.position.value}"
            held = f", held {event.hold:.1f} s" if event.hold >= 0.5 else ""
            why = "" if event.valid else f"  not counted: {', '.join(FAULT[fault] for fault in event.faults)}"
            return Line(event.end, "rotation", what + held + why)
        case HoldEvent():
            return _hold_line(event)
        case HoldSpan():
            side = "" if event.side is None else f" {event.side.value}"
            return Line(event.end, "hold", f"{TECHNIQUE[event.technique]}{side}: {event.held:.1f} s held")
        case CalibrationDoubt():
            if event.resolved:
                return Line(event.t, "calibration", "can be trusted again")
            return Line(event.t, "calibration", f"in doubt: {DOUBT[event.reason]}", loud=True)
        case ActivitySpan():
            if event.kind not in NEWS or event.end - event.start < LEAST_ACTIVITY_S:
                return None
            side = "" if event.lying_side is None else f" ({event.lying_side.value})"
            return Line(event.end, "activity", f"{ACTIVITY[event.kind]}{side} for {span(event.end - event.start)}")


def _hold_line(event: HoldEvent) -> Line:
    text = {
        HoldNotice.ENTERED: "in the zone: the clock runs",
        HoldNotice.LEFT: f"out of the zone at {event.held:.1f} s: the clock waits",
        HoldNotice.OVERSHOOT: "beyond the zone: do not force",
        HoldNotice.JERK: "too abrupt: do not force",
        HoldNotice.GAP: f"no samples: the clock waits at {event.held:.1f} s",
        HoldNotice.DONE: f"done: {event.held:.1f} s",
    }[event.notice]
    return Line(event.t, "hold", text, loud=event.notice in (HoldNotice.OVERSHOOT, HoldNotice.JERK))


def event_lines(events: Iterable[Event]) -> list[Line]:
    """Put events in words, in their order, leaving out those that are no news."""
    return [line for event in events if (line := event_line(event)) is not None]
