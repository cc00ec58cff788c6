"""The picture of ``unslouch analyze --plot``: angles over time and what was found in them (extra ``plot``)."""

# pyright: reportUnknownMemberType=false
# matplotlib types only half of its keyword arguments.

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unslouch.errors import FileError, Reason, UnslouchError
from unslouch.report.json_model import Json
from unslouch.report.words import ACTIVITY
from unslouch_signal.events import ActivityKind
from unslouch_signal.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 20_000
"""Of a curve; more are drawn as the span between least and most of each stretch, so no peak is lost."""

COLOUR = {
    ActivityKind.STILL: "#ffffff",
    ActivityKind.MOVING: "#eef3f8",
    ActivityKind.WALKING: "#dcebd6",
    ActivityKind.LYING: "#e7e0f2",
    ActivityKind.OFF_BODY: "#e3e3e3",
    ActivityKind.UNKNOWN: "#f6d9d5",
}
SIDE = {"left": "#1b6ca8", "right": "#c2571a"}


def plot(report: Json, track: Track, out: Path) -> None:
    """Draw one recording into an image file; the format is the suffix's (png, svg, pdf).

    Raises
    ------
    UnslouchError
        MISSING_EXTRA when matplotlib is not installed; BAD_OPTION for a suffix it cannot write.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UnslouchError(
            Reason.MISSING_EXTRA,
            "--plot needs matplotlib, which is not installed.",
            "Install it with: pip install 'unslouch[plot]'",
        ) from None
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    if out.suffix[1:].lower() not in figure.canvas.get_supported_filetypes():
        raise UnslouchError(
            Reason.BAD_OPTION, f"No picture can be written as '{out.suffix}'.", "Name a .png, .svg or .pdf file."
        )
    upper, lower = figure.subplots(2, 1, sharex=True)
    figure.suptitle(Path(str(report["file"])).name)
    _shade_activity(report, upper, lower)
    flexion = bool(np.isfinite(track.flexion).any())
    for values, label, colour in (
        ((track.flexion, "flexion (forward +)", "#333333"), (track.lateral, "lateral bend (right +)", "#9a9a9a"))
        if flexion
        else ((track.tilt, "tilt", "#333333"),)
    ):
        _curve(upper, track, values, label, colour)
    for spell in report["slouches"]:
        upper.axvspan(spell["start_s"], spell["end_s"], color="#f2b33d", alpha=0.35, linewidth=0)
        if spell["alert_s"] is not None:
            upper.axvline(spell["alert_s"], color="#c0392b", linewidth=1)
    if report["slouches"]:
        upper.axvspan(math.nan, math.nan, color="#f2b33d", alpha=0.35, linewidth=0, label="slouched")
        upper.axvline(math.nan, color="#c0392b", linewidth=1, label="cue")
    _curve(lower, track, track.axial, "axial rotation (left +)", "#333333")
    for rep in report["rotations"]:
        lower.axvspan(
            rep["start_s"], rep["end_s"], color=SIDE[rep["side"]], alpha=0.25 if rep["valid"] else 0.08, linewidth=0
        )
        lower.annotate(
            f"{rep['range_deg']:.0f}°" + ("" if rep["valid"] else " ×"),
            (rep["peak_s"], 0.98),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=8,
            color=SIDE[rep["side"]],
        )
    for axes in (upper, lower):
        axes.axhline(0, color="#888888", linewidth=0.6)
        axes.set_ylabel("deg")
        # above the axes, where it covers nothing
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=6, fontsize=8, frameon=False, borderpad=0.1)
        axes.margins(x=0, y=0.12)
    lower.set_xlabel("t of the recording, s")
    try:
        figure.savefig(out, dpi=120)
    except OSError as error:
        raise FileError(
            Reason.FILE_ACCESS, f"{out}: {error.strerror or error}.", "Choose another place for --plot."
        ) from error


def _shade_activity(report: Json, *both: Axes) -> None:
    named: set[str] = set()
    for entry in report["activity"]:
        kind = ActivityKind(entry["kind"])
        if kind is ActivityKind.STILL:
            continue
        for axes in both:
            label: dict[str, Any] = {} if kind in named or axes is not both[0] else {"label": ACTIVITY[kind]}
            axes.axvspan(entry["start_s"], entry["end_s"], color=COLOUR[kind], linewidth=0, zorder=0, **label)
        named.add(kind)


def _curve(axes: Axes, track: Track, values: Any, label: str, colour: str) -> None:
    angle = np.where(track.measured, np.degrees(values), np.nan)
    if len(angle) <= MOST_POINTS:
        axes.plot(track.t, angle, color=colour, linewidth=0.9, label=label)
        return
    from unslouch.report.draw import column_extremes

    columns = MOST_POINTS // 2
    least, most = column_extremes(angle, columns)
    t = track.t[(np.arange(columns) * len(angle)) // columns]
    axes.fill_between(t, least, most, color=colour, linewidth=0.5, label=label)
