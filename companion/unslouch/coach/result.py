"""What a session reached, against the sessions before, with the measurement error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unslouch.coach.history import CoachHistory
from unslouch.coach.safety import pain_change_text
from unslouch.store.rows import HoldRow, RepetitionRow
from unslouch_signal.events import Side
from unslouch_signal.progress import MDC95, REPS_PER_SIDE, Verdict, side_range, verdict


@dataclass(frozen=True, slots=True)
class SideResult:
    """One side of a rotation.

    ``mean`` (rad) of the first three valid repetitions, None below three; ``change`` against the last day measured.
    """

    side: Side
    mean: float | None
    best: float | None
    counted: int
    change: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SessionResult:
    """The result of a session; ``lines`` say all of it in sentences."""

    sides: tuple[SideResult, ...]
    asymmetry: float | None
    asymmetry_verdict: Verdict
    holds_done: int
    holds_begun: int
    held_s: float
    longest_hold_s: float
    pain_before: int | None
    pain_after: int | None
    lines: tuple[str, ...]


def _degrees(angle: float) -> str:
    return f"{math.degrees(angle):.0f}°"


def session_result(
    history: CoachHistory,
    repetitions: Sequence[RepetitionRow],
    holds: Sequence[HoldRow],
    pain_before: int | None,
    pain_after: int | None,
) -> SessionResult:
    """Sum up a session.

    A change or a difference between sides is called real only beyond the least change that the measurement can detect
    (6 deg, mean of three, between days: Johnson 2012).
    """
    sides = tuple(
        _side(history, side, repetitions)
        for side in (Side.LEFT, Side.RIGHT)
        if any(row.side is side and not row.faults for row in repetitions)
    )
    means = [row.mean for row in sides if row.mean is not None]
    asymmetry = means[0] - means[1] if len(means) == 2 else None
    asymmetry_verdict = verdict(asymmetry)
    done = [row for row in holds if row.held >= row.needed]
    lines = [_side_line(row, history) for row in sides]
    if asymmetry is not None:
        lines.append(_asymmetry_line(asymmetry, asymmetry_verdict))
    held = math.fsum(row.held for row in holds)
    if holds and not sides:
        lines.append(f"{len(done)} holds done, {held:.0f} s in your zone altogether.")
    if not sides and not holds:
        lines.append("Nothing was counted this time.")
    if pain_before is not None and pain_after is not None:
        lines.append(pain_change_text(pain_before, pain_after))
    return SessionResult(
        sides,
        asymmetry,
        asymmetry_verdict,
        len(done),
        len(holds),
        held,
        max((row.held for row in holds), default=0.0),
        pain_before,
        pain_after,
        tuple(lines),
    )


def _side(history: CoachHistory, side: Side, repetitions: Sequence[RepetitionRow]) -> SideResult:
    rows = [row for row in repetitions if row.side is side]
    reached = side_range(side, [row.range for row in rows if not row.faults])
    mean = reached.mean if reached.complete else None
    before = history.side(side).means
    change = mean - before[-1][1] if mean is not None and before else None
    return SideResult(side, mean, reached.best, sum(row.counted for row in rows), change, verdict(change))


def _side_line(row: SideResult, history: CoachHistory) -> str:
    name = row.side.value.capitalize()
    if row.mean is None:
        best = "" if row.best is None else f", best {_degrees(row.best)}"
        return f"{name}: fewer than {REPS_PER_SIDE} repetitions, too few to measure{best}."
    told = f"{name} {_degrees(row.mean)} (mean of {REPS_PER_SIDE})"
    if row.change is None:
        return f"{told}: your first measurement."
    day, last = history.side(row.side).means[-1]
    than = f"{_degrees(last)} on {day:%d %b}"
    if row.verdict is Verdict.REAL:
        return f"{told}, {'more' if row.change > 0 else 'less'} than {than}: a real change."
    return f"{told}, {than} before: within measurement noise (±{_degrees(MDC95)})."


def _asymmetry_line(asymmetry: float, judged: Verdict) -> str:
    if judged is Verdict.REAL:
        wider = Side.LEFT if asymmetry > 0 else Side.RIGHT
        return f"You turn {_degrees(abs(asymmetry))} further to the {wider.value}: a real difference."
    return f"Sides differ by {_degrees(abs(asymmetry))}: within measurement noise."
