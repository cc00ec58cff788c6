"""The JSON of ``unslouch analyze --json``: names, order and units of every key; docs/cli.md describes them.

Times are the recording's own: the values of its ``t`` column (CSV) or of the strap's clock (MCAP), in seconds. Angles
are degrees in keys that end in ``_deg``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unslouch_signal.events import ActivitySpan, HoldSpan, RotationPosition, RotationRep, SlouchSpell
from unslouch_signal.progress import RotationSummary, summarise

if TYPE_CHECKING:
    from unslouch.recording.model import Recording
    from unslouch_signal.analysis import Analysis

Json = dict[str, Any]

NEVER_STILL = "nobody holds still in the first minutes: say when somebody is upright with --neutral START:END"
"""Why there is no calibration."""

MOST_GAPS = 1000
"""Listed under ``recording.gaps``; ``gaps_s`` counts them all."""


def seconds(value: float | None) -> float | None:
    """Round to a millisecond; None stays None."""
    return None if value is None else round(float(value), 3) + 0.0  # no -0.0


def degrees(value: float | None) -> float | None:
    """Turn rad into degrees, to a hundredth; None and NaN become None."""
    return None if value is None or not math.isfinite(value) else round(math.degrees(value), 2) + 0.0


def slouch_object(spell: SlouchSpell) -> Json:
    """Return one entry of ``slouches``; ``alert_s`` is null when the spell ended before the dwell."""
    return {
        "start_s": seconds(spell.start),
        "end_s": seconds(spell.end),
        "peak_deg": degrees(spell.peak),
        "alert_s": seconds(spell.alert),
        "mean_deg": degrees(spell.mean),
        "direction": None if spell.direction is None else spell.direction.value,
    }


def rotation_object(rep: RotationRep) -> Json:
    """Return one entry of ``rotations``."""
    return {
        "side": rep.side.value,
        "position": rep.position.value,
        "start_s": seconds(rep.start),
        "peak_s": seconds(rep.peak),
        "end_s": seconds(rep.end),
        "range_deg": degrees(rep.range),
        "valid": rep.valid,
        "reasons": [fault.value for fault in rep.faults],
        "hold_s": seconds(rep.hold),
    }


def hold_object(hold: HoldSpan) -> Json:
    """Return one entry of ``holds``."""
    return {
        "technique": hold.technique.value,
        "side": None if hold.side is None else hold.side.value,
        "start_s": seconds(hold.start),
        "end_s": seconds(hold.end),
        "held_s": seconds(hold.held),
        "overshoots": hold.overshoots,
        "jerks": hold.jerks,
    }


def activity_object(span: ActivitySpan) -> Json:
    """Return one entry of ``activity``; ``lying_side`` only where somebody lies."""
    entry: Json = {"kind": span.kind.value, "start_s": seconds(span.start), "end_s": seconds(span.end)}
    if span.lying_side is not None:
        entry["lying_side"] = span.lying_side.value
    return entry


def rotation_summary_object(rotations: Sequence[RotationRep]) -> Json:
    """Return ``rotation_summary``: of the position with most valid repetitions, for seated and supine are two tests."""
    valid = {
        position: sum(rep.valid and rep.position is position for rep in rotations) for position in RotationPosition
    }
    position = max(RotationPosition, key=lambda one: valid[one])
    summary: RotationSummary = summarise(rotations, position)
    return {
        "left_deg": degrees(summary.left.mean),
        "right_deg": degrees(summary.right.mean),
        "arc_deg": degrees(summary.arc),
        "asymmetry_deg": degrees(summary.asymmetry),
        "position": position.value if valid[position] else None,
        "left_count": summary.left.count,
        "right_count": summary.right.count,
        "asymmetry": summary.asymmetry_verdict.value,
    }


def recording_object(recording: Recording) -> Json:
    """Return ``recording``; ``gaps_s`` is the time without samples, in steps of more than three usual intervals."""
    t = recording.samples.t
    step = np.diff(t)
    at = np.flatnonzero(step > 3 * float(np.median(step))) if len(step) else np.empty(0, np.intp)
    rate = recording.rate_hz
    return {
        "duration_s": seconds(recording.duration_s),
        "rate_hz": round(rate, 3) if math.isfinite(rate) else 0.0,
        "samples": len(t),
        "gaps_s": seconds(recording.gaps_s),
        "start_s": seconds(float(t[0])),
        "content": recording.content.value,
        "gaps": [{"start_s": seconds(float(t[i])), "end_s": seconds(float(t[i + 1]))} for i in at[:MOST_GAPS].tolist()],
    }


def analysis_object(recording: Recording, analysis: Analysis, source: str) -> Json:
    """Return everything ``--json`` prints about one file.

    Parameters
    ----------
    source
        Where the calibration came from.
    """
    calibration = analysis.calibration
    return {
        "file": str(recording.path),
        "recording": recording_object(recording),
        "calibration": {
            "source": source,
            "quality": 0.0 if calibration is None else round(calibration.quality, 3),
            "reasons": [NEVER_STILL] if calibration is None else list(calibration.reasons),
            "forward_known": calibration is not None and calibration.forward_known,
        },
        "posture": {
            "upright_s": seconds(analysis.posture.upright),
            "slouched_s": seconds(analysis.posture.slouched),
            "unknown_s": seconds(analysis.posture.unknown),
        },
        "slouches": [slouch_object(spell) for spell in analysis.slouches],
        "rotations": [rotation_object(rep) for rep in analysis.rotations],
        "rotation_summary": rotation_summary_object(analysis.rotations),
        "holds": [hold_object(hold) for hold in sorted(analysis.holds, key=lambda hold: hold.start)],
        "activity": [activity_object(span) for span in analysis.activity],
        "doubts": [
            {"t_s": seconds(doubt.t), "reason": doubt.reason.value, "resolved": doubt.resolved}
            for doubt in analysis.doubts
        ],
        "notices": [notice.message for notice in recording.notices],
    }
