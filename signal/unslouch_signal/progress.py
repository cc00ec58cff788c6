"""Range per side, what differs for real, and how a range goes over the days.

The clinical seated rotation test takes the mean of three repetitions per side (Johnson et al. 2012, J Athl Train
47(1):52-60). Its largest minimal detectable changes, between days or testers, are 5.6 to 6.3 deg at 95 % confidence
(``MDC95 = 1.96 * sqrt(2) * SEM``); below that a difference is measurement noise, and is called that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from unslouch_signal.events import RotationPosition, RotationRep, Side

MDC95 = math.radians(6.0)
"""rad. The smallest difference between two means of three that is more than measurement noise."""

REPS_PER_SIDE = 3
"""Repetitions the mean of a side is taken over."""


class Verdict(StrEnum):
    """What a difference of two ranges means."""

    REAL = "real change"
    NOISE = "within measurement noise"
    UNKNOWN = "not enough measured"


def verdict(difference: float | None, mdc: float = MDC95) -> Verdict:
    """Judge a difference of two ranges (rad): real only when beyond the minimal detectable change.

    Parameters
    ----------
    difference : float or None
        rad; the sign does not matter. None where one of the two was not measured.
    mdc : float
        rad, minimal detectable change.
    """
    if difference is None or not math.isfinite(difference):
        return Verdict.UNKNOWN
    return Verdict.REAL if abs(difference) > mdc else Verdict.NOISE


@dataclass(frozen=True, slots=True)
class SideRange:
    """What one side reached in a session.

    ``mean`` is over the first three valid repetitions (rad, None without any): the three of the clinical test, so that
    going on to ten does not change what is compared. ``best`` is the largest of all valid ones.
    """

    side: Side
    count: int
    mean: float | None
    best: float | None

    @property
    def complete(self) -> bool:
        """Whether the mean has its three repetitions; the measurement error holds only then."""
        return self.count >= REPS_PER_SIDE


@dataclass(frozen=True, slots=True)
class RotationSummary:
    """Both sides of one session, one position."""

    left: SideRange
    right: SideRange

    @property
    def arc(self) -> float | None:
        """rad, from the end of the right to the end of the left: independent of where neutral was."""
        if self.left.mean is None or self.right.mean is None:
            return None
        return self.left.mean + self.right.mean

    @property
    def asymmetry(self) -> float | None:
        """rad, left minus right."""
        if self.left.mean is None or self.right.mean is None:
            return None
        return self.left.mean - self.right.mean

    @property
    def asymmetry_verdict(self) -> Verdict:
        """Whether the sides differ for real; unknown until both have their three repetitions."""
        if not (self.left.complete and self.right.complete):
            return Verdict.UNKNOWN
        return verdict(self.asymmetry)


def side_range(side: Side, ranges: Sequence[float]) -> SideRange:
    """Summarise the valid ranges (rad, in the order they were done) of one side."""
    first = ranges[:REPS_PER_SIDE]
    return SideRange(side, len(ranges), math.fsum(first) / len(first) if first else None, max(ranges, default=None))


def summarise(reps: Iterable[RotationRep], position: RotationPosition | None = None) -> RotationSummary:
    """Summarise the valid repetitions, of one position when given.

    Parameters
    ----------
    reps : iterable of RotationRep
        In the order they were done; invalid ones are left out.
    position : RotationPosition or None
        Seated and supine ranges are different tests and never averaged together by a session; None takes all.
    """
    valid = [r for r in reps if r.valid and position in (None, r.position)]
    return RotationSummary(*(side_range(s, [r.range for r in valid if r.side is s]) for s in (Side.LEFT, Side.RIGHT)))


@dataclass(frozen=True, slots=True)
class DayRange:
    """The mean range of one side on one day (rad)."""

    day: date
    range: float
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """A side over the days, oldest first.

    ``baseline`` is the first complete day, ``latest`` the last complete one; ``change`` (rad) their difference.
    """

    days: tuple[DayRange, ...]
    baseline: DayRange | None
    latest: DayRange | None
    best: DayRange | None
    change: float | None
    verdict: Verdict


def progress(days: Iterable[DayRange], mdc: float = MDC95) -> Progress:
    """Order the days and judge the change from the first to the last complete one.

    Several measurements of one day are averaged (the complete ones when there are any), so that a day counts once.
    """
    by_day: dict[date, list[DayRange]] = {}
    for d in days:
        by_day.setdefault(d.day, []).append(d)
    merged: list[DayRange] = []
    for day in sorted(by_day):
        taken = [d for d in by_day[day] if d.complete] or by_day[day]
        merged.append(DayRange(day, math.fsum(d.range for d in taken) / len(taken), taken[0].complete))
    full = [d for d in merged if d.complete]
    change = full[-1].range - full[0].range if len(full) > 1 else None
    return Progress(
        tuple(merged),
        full[0] if full else None,
        full[-1] if full else None,
        max(full, key=lambda d: d.range, default=None),
        change,
        verdict(change, mdc),
    )


def streak(days: Iterable[date], today: date) -> int:
    """Count the consecutive days with a session up to today.

    A streak is not broken before the day is over: without a session today it counts up to yesterday.
    """
    done = set(days)
    day = today if today in done else today - timedelta(days=1)
    n = 0
    while day in done:
        n += 1
        day -= timedelta(days=1)
    return n
