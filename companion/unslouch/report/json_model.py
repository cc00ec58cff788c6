"""The JSON of ``unslouch analyze --json``: names, order and units of every key; docs/cli.md describes them.

Times are the recording's own: the values of its ``t`` column (CSV) or of the strap's clock (MCAP), in seconds. Angles
are degrees in keys that end in ``_deg``.
"""

from __future__ import annotations

import math
from typing import Any

from unslouch_signal.events import ActivitySpan, HoldSpan, RotationRep, SlouchSpell

Json = dict[str, Any]


def seconds(value: float | None) -> float | None:
    """Round to a millisecond; None stays None."""
    return None if value is None else round(float(value), 3)


def degrees(value: float | None) -> float | None:
    """Turn rad into degrees, to a hundredth; None and NaN become None."""
    return None if value is None or not math.isfinite(value) else round(math.degrees(value), 2)


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
