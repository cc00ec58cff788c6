"""Truth as JSON."""

from __future__ import annotations

import numpy as np

from unslouch_signal.events import Side
from unslouch_signal.synth.truth import Truth


def truth_to_json(truth: Truth) -> dict[str, object]:
    """Truth as plain values with the keys of ``unslouch analyze --json``, times in s and angles in deg.

    - ``recording`` {duration_s, samples, gaps_s}
    - ``slouches`` [{direction, start_s, end_s, alert_s, peak_deg, mean_deg, calibrated}]
    - ``rotations`` [{side, position, start_s, peak_s, end_s, range_deg, valid, reasons}]
    - ``rotation_summary`` {left_deg, right_deg, arc_deg, asymmetry_deg}: means over the valid repetitions
    - ``holds`` [{technique, side, start_s, end_s, held_s}]
    - ``activity`` [{kind, start_s, end_s, lying_side, charging}]
    - beyond those ``calibration_protocols`` [{start_s, still_end_s, end_s}], ``slips_s``, ``uncalibrated_s``,
      ``ambiguous_s`` and ``mounting`` (w x y z, sensor to thorax)

    Seconds count from the clock's zero, which is the first sample of a simulation.
    """

    def s(value: float) -> float:
        return round(value, 3)

    def deg(value: float) -> float:
        return round(float(np.degrees(value)), 3)

    def spans(pairs: tuple[tuple[float, float], ...]) -> list[list[float]]:
        return [[s(a), s(b)] for a, b in pairs]

    summary = _summary(truth)
    return {
        "recording": {
            "duration_s": s(float(truth.t[-1] - truth.t[0])),
            "samples": len(truth.t),
            "gaps_s": spans(truth.gaps),
        },
        "slouches": [
            {
                "direction": x.direction.value,
                "start_s": s(x.start),
                "end_s": s(x.end),
                "alert_s": None if x.alert is None else s(x.alert),
                "peak_deg": deg(x.peak),
                "mean_deg": deg(x.mean),
                "calibrated": x.calibrated,
            }
            for x in truth.slouches
        ],
        "rotations": [
            {
                "side": x.side.value,
                "position": x.position.value,
                "start_s": s(x.start),
                "peak_s": s(x.peak),
                "end_s": s(x.end),
                "range_deg": deg(x.range),
                "valid": x.valid,
                "reasons": [f.value for f in x.faults],
            }
            for x in truth.rotations
        ],
        "rotation_summary": summary,
        "holds": [
            {
                "technique": x.technique.value,
                "side": None if x.side is None else x.side.value,
                "start_s": s(x.start),
                "end_s": s(x.end),
                "held_s": s(x.held),
            }
            for x in truth.holds
        ],
        "activity": [
            {
                "kind": x.kind.value,
                "start_s": s(x.start),
                "end_s": s(x.end),
                "lying_side": None if x.lying_side is None else x.lying_side.value,
                "charging": x.charging,
            }
            for x in truth.activities
        ],
        "calibration_protocols": [
            {"start_s": s(x.start), "still_end_s": s(x.still_end), "end_s": s(x.end)} for x in truth.protocols
        ],
        "slips_s": [s(x) for x in truth.slips],
        "uncalibrated_s": spans(truth.uncalibrated),
        "ambiguous_s": spans(truth.ambiguous),
        "mounting": [round(float(x), 6) for x in truth.mounting],
    }


def _summary(truth: Truth) -> dict[str, float | None]:
    left, right = ([float(np.degrees(r.range)) for r in truth.rotations if r.side is side and r.valid] for side in Side)
    if not left or not right:
        means = [round(sum(x) / len(x), 3) if x else None for x in (left, right)]
        return {"left_deg": means[0], "right_deg": means[1], "arc_deg": None, "asymmetry_deg": None}
    to_left, to_right = sum(left) / len(left), sum(right) / len(right)
    return {
        "left_deg": round(to_left, 3),
        "right_deg": round(to_right, 3),
        "arc_deg": round(to_left + to_right, 3),
        "asymmetry_deg": round(to_left - to_right, 3),
    }
