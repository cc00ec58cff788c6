"""The page of ``unslouch analyze`` without ``--json``: what a person likes to read, at the width of the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unslouch.report.draw import Pen
from unslouch.report.json_model import Json
from unslouch.report.words import ACTIVITY, DIRECTION, FAULT, TECHNIQUE, clock, span
from unslouch_signal.events import ActivityKind, Direction, RotationFault, Technique
from unslouch_signal.progress import Verdict
from unslouch_signal.samples import FloatArray

LEAST_WIDTH, MOST_WIDTH = 38, 100
MOST_ROWS = 24
"""Longer lists end with a count; ``--json`` has them all."""
CHART_ROWS = 5
ROTATION_SCALE_DEG = 90.0
"""A full bar: seated thoracic rotation rarely passes 90 deg, so bars of different days compare."""

STRIP = {
    ActivityKind.STILL: "·",
    ActivityKind.MOVING: "~",
    ActivityKind.WALKING: "w",
    ActivityKind.LYING: "_",
    ActivityKind.OFF_BODY: "o",
    ActivityKind.UNKNOWN: " ",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """The angle over time that the page draws, thinned or not: seconds, degrees (NaN where unknown), and its name."""

    t: FloatArray
    angle_deg: FloatArray
    name: str


@dataclass(frozen=True, slots=True)
class Style:
    """How to write: width in columns, drawing characters, ANSI colours."""

    width: int = 80
    pen: Pen = field(default_factory=Pen)
    colour: bool = False

    @property
    def inner(self) -> int:
        """Columns that may be used."""
        return min(max(self.width, LEAST_WIDTH), MOST_WIDTH)

    def paint(self, text: str, code: str) -> str:
        """Colour a text when colours are on."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bold(self, text: str) -> str:
        """Write bold when colours are on."""
        return self.paint(text, "1")

    def dim(self, text: str) -> str:
        """Write faint when colours are on."""
        return self.paint(text, "2")


def page(report: Json, curve: Curve | None, style: Style) -> str:
    """Write the page of one recording.

    Parameters
    ----------
    report
        The object that ``--json`` prints.
    curve
        What to draw; None when there are no angles.
    style
        Width, characters and colours.
    """
    parts = [
        _head(report, style),
        _posture(report, curve, style),
        _slouches(report, style),
        _rotations(report, style),
        _holds(report, style),
        _activity(report, style),
    ]
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n"


def _head(report: Json, style: Style) -> Iterator[str]:
    recording, calibration = report["recording"], report["calibration"]
    yield style.bold(str(report["file"]))
    facts = [span(recording["duration_s"]), f"{recording['rate_hz']:.1f} Hz", f"{recording['samples']:,} samples"]
    if recording["gaps_s"] > 0:
        facts.append(f"{span(recording['gaps_s'])} of it missing")
    yield from _wrap(" · ".join(facts), style.inner, "  ")
    if calibration["source"] == "none":
        text = "not calibrated"
    else:
        text = f"calibrated: {_CALIBRATED.get(calibration['source'], calibration['source'])}"
        text += f", quality {100 * calibration['quality']:.0f} %"
    if calibration["reasons"]:
        text += " (" + "; ".join(str(reason).replace("_", " ") for reason in calibration["reasons"]) + ")"
    yield from _wrap(text, style.inner, "  ")
    for notice in report.get("notices", ()):
        yield from _wrap(f"note: {notice}", style.inner, "  ")


_CALIBRATED = {
    "protocol": "by the bows at the start",
    "mount": "by --mount",
    "neutral": "by --neutral",
    "file": "by --calibration",
    "recording": "by the calibration in the recording",
    "still start": "by the first quiet stretch",
}


def _posture(report: Json, curve: Curve | None, style: Style) -> Iterator[str]:
    posture = report["posture"]
    total = sum(posture.values())
    yield style.bold("Posture")
    width = max(style.inner - 34, 8)
    for key, name, code in (
        ("upright_s", "upright", "32"),
        ("slouched_s", "slouched", "33"),
        ("unknown_s", "other", "2"),
    ):
        seconds = posture[key]
        share = seconds / total if total else 0.0
        bar = style.paint(style.pen.bar(share, width), code)
        yield f"  {name:<9} {bar} {span(seconds):>13} {100 * share:4.0f} %"
    if curve is not None and bool(np.isfinite(curve.angle_deg).any()):
        yield ""
        yield from _chart(curve, report, style)


def _chart(curve: Curve, report: Json, style: Style) -> Iterator[str]:
    """Draw the angle with its scale, the cues below it and the time axis."""
    low = min(-15.0, -5.0 * np.ceil(-float(np.nanpercentile(curve.angle_deg, 0.5)) / 5))
    high = max(30.0, 5.0 * np.ceil(float(np.nanpercentile(curve.angle_deg, 99.5)) / 5))
    width = style.inner - 9
    rows = style.pen.chart(curve.angle_deg, width, CHART_ROWS, low, high)
    yield style.dim(f"  {curve.name}")
    for index, row in enumerate(rows):
        label = {0: f"{high:+.0f}°", len(rows) - 1: f"{low:+.0f}°"}.get(index, "")
        yield f"  {label:>5} {row}"
    start, end = float(curve.t[0]), float(curve.t[-1])
    alerts = [spell["alert_s"] for spell in report["slouches"] if spell["alert_s"] is not None]
    if alerts:
        marks = [" "] * width
        for alert in alerts:
            place = int((alert - start) / max(end - start, 1e-9) * width)
            marks[min(max(place, 0), width - 1)] = "^" if style.pen.ascii else "▲"
        yield f"  {'cues':>5} " + style.paint("".join(marks).rstrip(), "33")
    left, right = clock(start), clock(end)
    middle = clock((start + end) / 2)
    space = width - len(left) - len(middle) - len(right)
    yield "  " + " " * 6 + style.dim(left + " " * (space // 2) + middle + " " * (space - space // 2) + right)


def _slouches(report: Json, style: Style) -> Iterator[str]:
    slouches = report["slouches"]
    cued = sum(spell["alert_s"] is not None for spell in slouches)
    yield style.bold("Slouches") + (f"  {len(slouches)}, {cued} with a cue" if slouches else "  none of 5 s or more")
    for spell in _first(slouches):
        direction = DIRECTION[None if spell["direction"] is None else Direction(spell["direction"])]
        cue = style.dim("no cue") if spell["alert_s"] is None else f"cue at {clock(spell['alert_s'], tenths=True)}"
        length = span(spell["end_s"] - spell["start_s"])
        when = clock(spell["start_s"], tenths=True)
        yield f"  {when:>9}  {length:>12}  to {spell['peak_deg']:.0f}° {direction}, {cue}"
    yield from _rest(slouches, style)


def _rotations(report: Json, style: Style) -> Iterator[str]:
    rotations = report["rotations"]
    if not rotations:
        yield style.bold("Rotations") + "  none"
        return
    valid = [rep for rep in rotations if rep["valid"]]
    counts = [sum(rep["side"] == side for rep in valid) for side in ("left", "right")]
    yield style.bold("Rotations") + f"  {counts[0]} left, {counts[1]} right"
    summary = report["rotation_summary"]
    width = max(style.inner - 26, 8)
    for side, count in zip(("left", "right"), counts, strict=True):
        value = summary[f"{side}_deg"]
        if value is None:
            continue
        bar = style.paint(style.pen.bar(value / ROTATION_SCALE_DEG, width), "36")
        yield f"  {side:<6} {bar} {value:5.1f}°  of {min(count, 3)}"
    if summary["arc_deg"] is not None:
        yield from _wrap(_arc(summary), style.inner, "  ")
    for rep in _first(rotations):
        faults = ", ".join(FAULT[RotationFault(reason)] for reason in rep["reasons"])
        note = style.dim(f"  not counted: {faults}") if faults else ""
        when = clock(rep["start_s"], tenths=True)
        took = f"{rep['end_s'] - rep['start_s']:.1f} s"
        yield f"  {when:>9}  {rep['side']:<5} {rep['range_deg']:5.1f}°  {rep['position']}, {took}{note}"
    yield from _rest(rotations, style)


def _arc(summary: Json) -> str:
    """Say how far it is from one end to the other and whether the sides differ for real."""
    difference = summary["asymmetry_deg"]
    text = f"arc {summary['arc_deg']:.1f}°, {abs(difference):.1f}° more to the {'left' if difference > 0 else 'right'}"
    return text if summary["asymmetry"] == Verdict.UNKNOWN else f"{text} ({summary['asymmetry']})"


def _holds(report: Json, style: Style) -> Iterator[str]:
    holds = report["holds"]
    if not holds:
        return
    yield style.bold("Holds") + f"  {len(holds)}"
    for hold in _first(holds):
        side = "" if hold["side"] is None else f", {hold['side']}"
        when = clock(hold["start_s"], tenths=True)
        yield f"  {when:>9}  {hold['held_s']:5.1f} s  {TECHNIQUE[Technique(hold['technique'])]}{side}"
    yield from _rest(holds, style)


def _activity(report: Json, style: Style) -> Iterator[str]:
    spans = report["activity"]
    if not spans:
        return
    total: dict[str, float] = {}
    for entry in spans:
        total[entry["kind"]] = total.get(entry["kind"], 0.0) + entry["end_s"] - entry["start_s"]
    yield style.bold("Activity")
    yield "  " + _strip(spans, style)
    text = ", ".join(
        f"{STRIP[ActivityKind(kind)].strip() or 'blank'} {ACTIVITY[ActivityKind(kind)]} {span(seconds)}"
        for kind, seconds in sorted(total.items(), key=lambda item: -item[1])
    )
    yield from _wrap(text, style.inner, "  ")


def _strip(spans: list[Json], style: Style) -> str:
    """Draw one character per stretch of time: what took most of it."""
    width = style.inner - 2
    start, end = spans[0]["start_s"], spans[-1]["end_s"]
    cell = (end - start) / width if end > start else 1.0
    edges = start + cell * np.arange(width + 1)
    kinds = list(STRIP)
    share = np.zeros((len(kinds), width))
    for entry in spans:
        overlap = np.minimum(edges[1:], entry["end_s"]) - np.maximum(edges[:-1], entry["start_s"])
        share[kinds.index(ActivityKind(entry["kind"]))] += np.clip(overlap, 0.0, None)
    signs = [STRIP[kind] for kind in kinds]
    if style.pen.ascii:
        signs = [sign if sign.isascii() else "." for sign in signs]
    winners: list[int] = share.argmax(axis=0).tolist()
    return "".join(signs[index] for index in winners)


def _first(entries: list[Any]) -> list[Any]:
    return entries[:MOST_ROWS]


def _rest(entries: list[Any], style: Style) -> Iterator[str]:
    if len(entries) > MOST_ROWS:
        yield style.dim(f"  and {len(entries) - MOST_ROWS} more (--json lists them all)")


def _wrap(text: str, width: int, indent: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False)
