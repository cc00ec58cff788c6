"""A stretch that the strap took alone, judged as a session at the desk would have judged it live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unslouch.desk.session import DeskSession
from unslouch.desk.values import DeskEffect, End
from unslouch.store.log import Save
from unslouch.store.rows import AlertRow, MarkerRow, SharpPainRow
from unslouch.wire.records import EventCode, StrapEvent
from unslouch_signal.analyser import Analyser, AnalyserParameters
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Direction
from unslouch_signal.samples import SampleBlock

STEP_S = 10.0
"""How much is judged at once: what is found does not depend on it, and a day takes seconds instead of half a minute."""
SAME_ALERT_S = 20.0
"""The strap judges 52 samples a second and the log holds 10: its cue and the alert found later are one if so near."""
DIRECTIONS = (None, Direction.FLEXION, Direction.EXTENSION, Direction.LEAN_LEFT, Direction.LEAN_RIGHT)
"""By the value of the strap's event (docs/protocol.md 4.6)."""


def judged(
    samples: SampleBlock,
    calibration: Calibration | None,
    parameters: AnalyserParameters,
    events: Sequence[tuple[StrapEvent, float]] = (),
) -> list[DeskEffect]:
    """Judge a stretch as a desk session would have; what is to be kept of it, the strap's own notes among it.

    Parameters
    ----------
    events
        What the strap noted meanwhile, each with its time among the samples, s.
    """
    first, last = float(samples.t[0]), float(samples.t[-1])
    analyser = Analyser(calibration, parameters, float(1 / np.median(np.diff(samples.t))))
    session = DeskSession()
    effects: list[DeskEffect] = []
    angles: list[tuple[float, float]] = []
    for edge in np.arange(first, last + STEP_S, STEP_S).tolist():
        a, b = np.searchsorted(samples.t, [edge, edge + STEP_S]).tolist()
        if b > a:
            found = analyser.process(samples[a:b])
            effects += session.feed(found, analyser.latest)
            track = analyser.track
            if track is not None:
                angles += zip(track.t[::50].tolist(), track.tilt[::50].tolist(), strict=True)
    effects += session.feed(analyser.finish(), analyser.latest)
    effects += session.command(End())
    return _with_notes(effects, events, angles)


def _with_notes(
    effects: list[DeskEffect], events: Sequence[tuple[StrapEvent, float]], angles: list[tuple[float, float]]
) -> list[DeskEffect]:
    """Say of each alert whether the strap cued, and add what else the strap noted."""
    cues = [(t, float(one.value)) for one, t in events if one.code == EventCode.CUE]
    out: list[DeskEffect] = []
    for effect in effects:
        if isinstance(effect, Save) and isinstance(effect.part, AlertRow):
            near = _nearest(cues, effect.part.t)
            heard = near is not None and abs(near[0] - effect.part.t) <= SAME_ALERT_S
            if near is not None and heard:
                cues.remove(near)
            out.append(Save(replace(effect.part, cued=heard, muted_by=None if heard else "strap")))
        else:
            out.append(effect)
    notes: list[DeskEffect] = []
    for t, value in cues:  # the strap found one where the log's fewer samples show none: it buzzed all the same
        at = _nearest(angles, t)
        direction = DIRECTIONS[int(value)] if value < len(DIRECTIONS) else None
        notes.append(Save(AlertRow(t, t, direction, 0.0 if at is None else at[1], cued=True)))
    for one, t in events:
        if one.code in (EventCode.MARKER, EventCode.COMPANION_MARKER):
            notes.append(Save(MarkerRow(t, "button" if one.code == EventCode.MARKER else "marker")))
        elif one.code == EventCode.SHARP_PAIN:
            notes.append(Save(SharpPainRow(t, "alone")))
    return [*notes, *out]


def _nearest(values: Sequence[tuple[float, float]], t: float) -> tuple[float, float] | None:
    """Return the value (with its time) that is nearest to a time."""
    return min(values, key=lambda one: abs(one[0] - t), default=None)
