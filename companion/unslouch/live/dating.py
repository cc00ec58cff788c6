"""When a sample was taken, in UTC: live from the stream as it comes, later from everything that is known of a strap.

A strap's clock starts at zero with each boot; a clock is therefore mapped boot by boot (:mod:`unslouch.link.clock`). A
boot that was never heard live and was told no time lies somewhere between its neighbours: it is put in the middle of
the room they leave, and says how far off that may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unslouch.link.clock import ClockFit, ClockMap, Knot, knots_of, utc_of
from unslouch.wire.records import ClockPoints, DecodedBlock, TimeRecord

RESTART_S = 1.0
"""A strap that restarts takes about so long until its next sample."""


class Dating:
    """Follows the clock of a strap that streams; written by one thread, asked by any."""

    def __init__(self) -> None:
        self._maps: dict[int, ClockMap] = {}
        self._since: list[tuple[float, int, float]] = []
        """From when on (time of the feed, s) which boot with which offset."""
        self._shown: tuple[tuple[float, float, tuple[tuple[float, ClockFit], ...]], ...] = ()

    def take(self, clock: ClockPoints, blocks: Iterable[DecodedBlock]) -> None:
        """Take what some packets told."""
        for boot, t_us, arrival in zip(clock.boot.tolist(), clock.t_us.tolist(), clock.arrival_s.tolist(), strict=True):
            self._maps.setdefault(boot, ClockMap()).add(t_us * 1e-6, arrival)
        for block in blocks:
            if len(block) and (not self._since or self._since[-1][1:] != (block.boot, block.offset_s)):
                self._since.append((float(block.samples.t[0]), block.boot, block.offset_s))
        self._shown = tuple(
            (since, offset, self._maps[boot].lines()) for since, boot, offset in self._since if boot in self._maps
        )

    def utc(self, t: float) -> float | None:
        """Return UTC of a time of the feed, s; None before the first sample."""
        shown = self._shown
        if not shown:
            return None
        _, offset, lines = next((one for one in reversed(shown) if one[0] <= t), shown[0])
        own = t - offset
        return next((fit.utc(own) for end, fit in lines if own < end), None)


@dataclass(frozen=True, slots=True)
class BootTime:
    """What is known of one boot's clock.

    ``knots`` are empty where nothing dates it; ``first_t`` and ``last_t`` are of its samples, s of its own clock.
    """

    boot: int
    first_t: float
    last_t: float
    knots: tuple[Knot, ...] = ()


@dataclass(frozen=True, slots=True)
class BootDate:
    """A boot on UTC: its knots, and how far off they may be (s); None where a clock was read."""

    knots: tuple[Knot, ...]
    uncertain_s: float | None = None

    def utc(self, t_s: float) -> float:
        """Return UTC of a time of the boot's own clock, s."""
        return utc_of(self.knots, t_s)


def boots_of(
    clock: ClockPoints, times: Sequence[TimeRecord], blocks: Sequence[DecodedBlock]
) -> list[tuple[BootTime, str]]:
    """Return what one recording tells of each boot in it, in their order, and how that is known (``ClockRow.kind``)."""
    out: list[tuple[BootTime, str]] = []
    extent: dict[int, tuple[float, float]] = {}
    for block in blocks:
        first, last = float(block.samples.t[0]) - block.offset_s, float(block.samples.t[-1]) - block.offset_s
        before = extent.get(block.boot, (math.inf, -math.inf))
        extent[block.boot] = (min(before[0], first), max(before[1], last))
    for boot, (first, last) in extent.items():
        mine = clock.boot == boot
        told = sorted({(one.t_us * 1e-6, one.utc_us * 1e-6) for one in times if one.boot == boot})
        if bool(mine.any()):
            out.append(
                (
                    BootTime(
                        boot, first, last, knots_of(clock.t_us[mine].astype(np.float64) * 1e-6, clock.arrival_s[mine])
                    ),
                    "live",
                )
            )
        elif told:
            out.append((BootTime(boot, first, last, tuple(told)), "told"))
        else:
            out.append((BootTime(boot, first, last), "none"))
    return out


def dated(boots: Sequence[BootTime]) -> dict[int, BootDate]:
    """Put boots on UTC.

    Parameters
    ----------
    boots
        In their order, each once.

    Returns
    -------
    dict
        By boot; empty where nothing dates any of them.
    """
    found = {one.boot: BootDate(one.knots) for one in boots if one.knots}
    if not found:
        return {}
    at = 0
    while at < len(boots):
        if boots[at].boot in found:
            at += 1
            continue
        end = at
        while end < len(boots) and boots[end].boot not in found:
            end += 1
        before = None if at == 0 else found[boots[at - 1].boot].utc(boots[at - 1].last_t)
        after = None if end == len(boots) else found[boots[end].boot].utc(0.0)
        found |= _between(boots[at:end], before, after)
        at = end
    return found


def _between(boots: Sequence[BootTime], before: float | None, after: float | None) -> dict[int, BootDate]:
    """Spread boots that nothing dates evenly over the room between their neighbours."""
    needed = sum(one.last_t + RESTART_S for one in boots)
    if before is not None and after is not None:
        room = max(after - before - needed, 0.0)
        uncertain = room / 2 + RESTART_S
        start, pause = before, room / (len(boots) + 1)
    elif after is not None:  # it ended before the next one began: nobody knows how long before
        uncertain, start, pause = math.inf, after - needed, 0.0
    else:
        uncertain, start, pause = math.inf, (before or 0.0), 0.0
    out: dict[int, BootDate] = {}
    for one in boots:
        begun = start + pause + RESTART_S
        out[one.boot] = BootDate(((0.0, begun), (max(one.last_t, 1.0), begun + max(one.last_t, 1.0))), uncertain)
        start = begun + one.last_t
    return out


def merged_boots(known: Iterable[BootTime]) -> BootTime:
    """Return one boot from what several recordings tell of it."""
    parts = list(known)
    knots = sorted({knot for one in parts for knot in one.knots})
    # knots of two recordings of one moment contradict each other by the radio's delay: one of them is enough
    kept = [knot for i, knot in enumerate(knots) if i == 0 or knot[0] - knots[i - 1][0] > 1e-3]
    return BootTime(parts[0].boot, min(one.first_t for one in parts), max(one.last_t for one in parts), tuple(kept))


def boot_order(boots: Iterable[int]) -> list[int]:
    """Put boots (u16, counted on and wrapping) into their order: none is further than half a round from the first."""
    numbers = list(dict.fromkeys(boots))
    if not numbers:
        return []
    reference = numbers[0]
    ahead = np.array([(one - reference + 0x8000) % 0x10000 - 0x8000 for one in numbers])
    return [numbers[i] for i in np.argsort(ahead, kind="stable").tolist()]
