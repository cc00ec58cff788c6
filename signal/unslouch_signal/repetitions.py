"""Repetitions of one angle: out to a side and back, between rests.

A small state machine over events (leaving the neutral, coming back, resting), never over samples: between events the
next one is found by array comparisons on a buffer that reaches back to the last rest.

``NEAR``  around the neutral; the last rest before leaving is where a repetition starts.
``OUT``   away from it. Coming back leads to ``BACK``; staying away for longer than a repetition may last is a turn of
          chair or body: the neutral moves to the first rest out there and everything since is looked at again from it.
``BACK``  the end is being sought: the slowest moment of the rest that follows, or the border to the next repetition.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from unslouch_signal.neutral import NeutralParameters, RunningNeutral
from unslouch_signal.rests import REACH, Motion, RestedMotion, RestFinder, RestParameters
from unslouch_signal.samples import BoolArray, FloatArray
from unslouch_signal.track import GRID_HZ

_CHUNK = 512
"""Grid points looked at in one comparison; events are seldom further apart."""
_SLOWEST_BACK = 100
"""Grid points (2 s) of a rest among which the slowest is taken: what lies further back has drifted."""
_SLOWEST_ON = 15
"""Grid points (0.3 s) of the rest after a repetition that are awaited before its slowest moment is taken."""
_DIRECT = 75
"""Grid points (1.5 s) between a rest and leaving the neutral band within which the rest is the start."""
_REMEMBER = 1500
"""Grid points (30 s) of a gap after which one is believed to face the same way still."""
_NOT_HELD = 400
"""Grid points (8 s) of rest after which it is the neutral that one rests in: holds are 2 to 5 s."""
_STALE = 6000
"""Grid points (2 min) without a rest after which the neutral is not believed any more."""


@dataclass(frozen=True, slots=True)
class RepetitionParameters:
    """What counts as out and back.

    Attributes
    ----------
    least : float
        rad, smallest range. Overshoots and settling after a fast turn reach 15 to 19 deg.
    most : float
        rad. No thorax turns further over its pelvis: the body turned.
    near : float
        rad, how close to the neutral counts as back (the repositioning error, with a margin).
    near_share : float
        ... or this share of the excursion, whichever is larger.
    longest : float
        s, from start to end, the hold included.
    settle : float
        s, how long after coming back a rest is awaited.
    stay : float
        s of rest off the neutral, short of a repetition, that move the neutral: the sitter sits differently now.
    follow_share : float
        A movement that follows a repetition without a rest is another one from this share of its range on; a fast
        return overshoots by less (the same share that a coached session asks of the usual range).
    hold_share : float
        Share of the range within which the peak counts as held.
    """

    least: float = math.radians(20.0)
    most: float = math.radians(110.0)
    near: float = math.radians(6.0)
    near_share: float = 0.25
    longest: float = 20.0
    settle: float = 3.0
    stay: float = 3.0
    follow_share: float = 0.4
    hold_share: float = 0.1


@dataclass(frozen=True, slots=True)
class Repetition:
    """A repetition on the grid (absolute grid points); ``side`` is +1 where the angle grew."""

    start: int
    peak: int
    end: int
    side: int
    range: float
    hold: float
    hold_start: int
    hold_end: int
    known: int
    """Grid point with which it became known."""
    from_rest: bool
    """Whether it began in a rest, not at the border to another movement."""
    too_long: bool
    """Whether it came back in time but rested too late."""
    sure: bool
    """Whether the neutral it is measured from was known; not so soon after :meth:`RepetitionFinder.lose_neutral`."""
    motion: Motion
    """The rows from start to end, both included."""


class _Mode(Enum):
    LOST = auto()
    NEAR = auto()
    OUT = auto()
    BACK = auto()


@dataclass(slots=True)
class _Excursion:
    start: int
    level: float
    rate: float
    side: int
    from_rest: bool
    least: float
    """rad that make it a repetition."""
    top: float = 0.0
    """Largest deviation so far."""

    def line(self, k: int) -> float:
        return self.level + self.rate * ((k - self.start) / GRID_HZ)


class RepetitionFinder:
    """Finds the repetitions of one angle in a stream; see the module."""

    def __init__(
        self,
        parameters: RepetitionParameters,
        rests: RestParameters,
        neutral: NeutralParameters,
        *,
        begins_neutral: bool = True,
    ) -> None:
        """Begin with nothing known; ``begins_neutral`` takes the first point for neutral until somebody rests."""
        self._p = parameters
        self._rest_parameters = rests
        self._neutral = RunningNeutral(neutral)
        self._rests: RestFinder | None = None
        self._buffer: RestedMotion | None = None
        self._mode = _Mode.LOST
        self._begins_neutral = begins_neutral
        self._provisional = begins_neutral
        self._pos = 0
        self._used = -1
        self._floor = 0
        self._known = 0
        self._before = 0.0
        self._stopped = 0
        self._ended = False
        self._sure = True
        self._out = _Excursion(0, 0.0, 0.0, 1, False, parameters.least)
        self._back = 0
        self._longest = round(parameters.longest * GRID_HZ)
        self._settle = round(parameters.settle * GRID_HZ)
        self._stay = round(parameters.stay * GRID_HZ)

    def process(self, base: int, motion: Motion) -> list[Repetition]:
        """Take the next grid points, the first of them ``base``, without a hole to those before."""
        if len(motion) == 0:
            return []
        if self._rests is None:
            self._rests = RestFinder(base, self._rest_parameters)
            self._mode, self._pos, self._used, self._floor = _Mode.LOST, base, -1, base
            self._provisional, self._ended, self._buffer = self._begins_neutral and self._sure, False, None
            if self._neutral.known and base - self._stopped <= _REMEMBER:
                self._provisional = False
                self._go_on(base)
            else:
                self._neutral.forget()
        return self._take(self._rests.process(motion))

    def finish(self, *, cut: bool = False) -> list[Repetition]:
        """Decide what is open: the stretch of grid points ends here; another may begin.

        With ``cut`` (a gap follows) a movement that was out is returned as far as it came, and the neutral remembered.
        """
        if self._rests is None:
            return []
        rested = self._rests.finish()
        self._ended = True
        found = self._take(rested) if rested is not None else []
        if cut and self._mode is _Mode.OUT and self._buffer is not None and self._out.top >= self._out.least:
            last = self._buffer.end - 1
            self._close(self._buffer, last, self._out.line(last), found, last)
        self._stopped = 0 if self._buffer is None else self._buffer.end
        self._rests, self._buffer = None, None
        if not cut:
            self._neutral.forget()
        return found

    def lose_neutral(self) -> list[Repetition]:
        """Forget where the neutral is: what comes faces anywhere, at the top of a turn perhaps.

        A movement that was out is returned as far as it came. Repetitions are not sure until somebody rests for longer
        than anybody holds a turn.
        """
        found = self.finish(cut=True)
        self._neutral.forget()
        self._sure = False
        return found

    def _take(self, rested: RestedMotion) -> list[Repetition]:
        self._buffer = rested if self._buffer is None else self._buffer.then(rested)
        steps: dict[_Mode, Callable[[RestedMotion, list[Repetition]], bool]] = {
            _Mode.LOST: self._lost,
            _Mode.NEAR: self._near,
            _Mode.OUT: self._outside,
            _Mode.BACK: self._returned,
        }
        found: list[Repetition] = []
        while steps[self._mode](self._buffer, found):
            pass
        self._buffer = self._buffer.cut(self._needed_from())
        return found

    def _needed_from(self) -> int:
        if self._buffer is None or self._mode is _Mode.LOST:
            return self._pos - _SLOWEST_BACK
        if self._mode is _Mode.NEAR:
            i = min(self._pos, self._buffer.end - 1) - self._buffer.base
            last = int(self._buffer.last_rest[i]) if i >= 0 else -1
            return max(last, self._pos - _STALE) - _SLOWEST_BACK
        return self._out.start - _SLOWEST_BACK

    # --- looking for events -------------------------------------------------------------------------------------

    def _first(self, b: RestedMotion, test: Callable[[int, int], BoolArray], until: int | None = None) -> int | None:
        """First absolute grid point from the position on where ``test(lo, hi)`` holds; moves the position."""
        end = b.end if until is None else min(until, b.end)
        while self._pos < end:
            lo, hi = self._pos, min(self._pos + _CHUNK, end)
            hit = test(lo - b.base, hi - b.base)
            i = int(np.argmax(hit))
            if hit[i]:
                self._pos = lo + i
                return lo + i
            self._pos = hi
        return None

    def _slowest(self, b: RestedMotion, lo: int, hi: int) -> int:
        """Absolute grid point of the least rate in ``lo .. hi`` (both included)."""
        return lo + int(np.argmin(b.motion.rate[lo - b.base : hi + 1 - b.base]))

    def _slowest_of_rest(self, b: RestedMotion, last: int) -> int:
        """Slowest moment of the rest whose latest grid point is ``last``, not before the last repetition's end."""
        length = int(b.rest[last - b.base])
        lo = max(last - min(length - 1, _SLOWEST_BACK), min(self._floor, last))
        # The last of equals: what follows is the movement.
        return last - int(np.argmin(b.motion.rate[lo - b.base : last + 1 - b.base][::-1]))

    @staticmethod
    def _angle(b: RestedMotion, k: int) -> float:
        return float(b.motion.angle[k - b.base])

    # --- the four modes; each returns whether there is more to do with what is here ---------------------------------

    def _lost(self, b: RestedMotion, found: list[Repetition]) -> bool:
        m = b.motion
        if self._provisional and len(b.rest):
            # The very start of a recording: what faces ahead now is the best guess until somebody rests.
            self._provisional = bool(m.allowed[0]) and b.base == self._pos
        guess = self._provisional and len(b.rest) > 0
        k = self._pos if guess else self._first(b, lambda lo, hi: b.rest[lo:hi] > 0)
        if k is None:
            return False
        self._neutral.restart(self._angle(b, k), k)
        return self._go_on(k)

    def _least(self) -> float:
        """Rad that make a repetition of a movement that did not begin in a rest."""
        return max(self._p.least, self._p.follow_share * self._before)

    def _go_on(self, at: int) -> bool:
        """Around the neutral again from ``at`` on: rests before it, such as a held peak, are none of the neutral."""
        self._mode, self._pos, self._floor = _Mode.NEAR, at, at
        self._used = max(self._used, at - 1)
        return True

    def _lose(self, at: int) -> bool:
        self._neutral.forget()
        self._provisional = False
        self._mode, self._pos = _Mode.LOST, at
        return True

    def _near(self, b: RestedMotion, found: list[Repetition]) -> bool:
        m, n, p = b.motion, self._neutral, self._p
        level, per, k0 = n.at(0), n.rate / GRID_HZ, b.base

        def left(lo: int, hi: int) -> BoolArray:
            line = level + per * np.arange(k0 + lo, k0 + hi, dtype=np.float64)
            return (np.abs(m.angle[lo:hi] - line) > p.near) | ~m.allowed[lo:hi]

        k = self._first(b, left)
        if k is None:
            return False
        if not m.allowed[k - b.base]:
            return self._lose(k + 1)
        last = int(b.last_rest[k - b.base])
        if k - max(last, n.k) > _STALE:
            return self._lose(k)
        if last > self._used and k - last <= _STALE:
            at = self._slowest_of_rest(b, last)
            if self._provisional:
                n.restart(self._angle(b, at), at)
            else:
                n.update(self._angle(b, at), at)
            self._used, self._provisional, self._before = last, False, 0.0
            self._sure = self._sure or int(b.rest[last - b.base]) >= _NOT_HELD
            return True
        side = 1 if self._angle(b, k) > n.at(k) else -1
        if last >= self._floor and k - last <= _DIRECT:
            start = self._slowest_of_rest(b, last)
            self._out = _Excursion(start, self._angle(b, start), n.rate, side, True, p.least)
        else:
            start = self._crossing(b, max(last, k - self._longest // 4, self._floor), k, side, n.at)
            self._out = _Excursion(start, n.at(start), n.rate, side, False, self._least())
        if (self._angle(b, k) - self._out.line(k)) * side <= p.near:
            self._pos = k + 1
            return True
        self._mode = _Mode.OUT
        return True

    def _crossing(self, b: RestedMotion, lo: int, hi: int, side: int, line: Callable[[int], float]) -> int:
        """Last grid point in ``lo .. hi`` on the other side of a straight line, or the slowest moment there."""
        m = b.motion.angle[lo - b.base : hi + 1 - b.base]
        first, last = line(lo), line(hi)
        dev = (m - np.linspace(first, last, len(m))) * side
        below = np.flatnonzero(dev <= 0.0)
        return lo + int(below[-1]) if len(below) else self._slowest(b, lo, hi)

    def _deviation(self, b: RestedMotion, lo: int, hi: int) -> FloatArray:
        e = self._out
        k = np.arange(lo + b.base - e.start, hi + b.base - e.start, dtype=np.float64)
        return (b.motion.angle[lo:hi] - (e.level + (e.rate / GRID_HZ) * k)) * e.side

    def _outside(self, b: RestedMotion, found: list[Repetition]) -> bool:
        e, m, p = self._out, b.motion, self._p
        late = e.start + self._longest + 1
        while self._pos < b.end:
            # One chunk at a time, as the largest deviation so far has to be carried along.
            lo = self._pos - b.base
            hi = min(lo + _CHUNK, len(m), max(late - b.base, lo + 1))
            dev = self._deviation(b, lo, hi)
            top = np.maximum.accumulate(np.maximum(dev, e.top))
            short = top < e.least
            event = dev < np.maximum(p.near, p.near_share * top)
            event |= ~m.allowed[lo:hi]
            event |= dev > p.most
            stay = b.rest[lo:hi]
            event |= short & (stay >= self._stay)
            if self._provisional:
                event |= stay >= (self._stay + 1) // 2
            i = int(np.argmax(event))
            if not event[i]:
                e.top = float(top[-1])
                self._pos = hi + b.base
                if self._pos >= late:
                    return self._turned(b)
                continue
            k = lo + i + b.base
            e.top = float(top[i])
            self._pos = k
            if not m.allowed[lo + i]:
                return self._lose(k + 1)
            if dev[i] > p.most:
                return self._turned(b)
            if dev[i] < max(p.near, p.near_share * e.top):
                if e.top < e.least:
                    return self._go_on(k)
                self._mode, self._back = _Mode.BACK, k
                return True
            self._neutral.restart(self._angle(b, k), k)
            self._provisional = False
            return self._go_on(k)
        return False

    def _turned(self, b: RestedMotion) -> bool:
        """The turn stayed: look again from the first rest out there."""
        e, p = self._out, self._p
        lo, hi = e.start - b.base + 1, self._pos - b.base
        dev = self._deviation(b, lo, hi)
        away = np.flatnonzero((b.rest[lo:hi] > 0) & (dev > p.near))
        if len(away) == 0:
            return self._lose(self._pos)
        k = lo + int(away[0]) + b.base
        self._neutral.restart(self._angle(b, k), k)
        self._provisional = False
        self._known = hi + b.base
        return self._go_on(k)

    def _returned(self, b: RestedMotion, found: list[Repetition]) -> bool:
        e, m, p = self._out, b.motion, self._p
        back, tolerance = self._back, max(p.near, p.near_share * e.top)
        give_up = back + self._settle
        lo, hi = back - b.base, min(give_up + 1, b.end) - b.base
        dev = self._deviation(b, lo, hi)
        rested = (b.rest[lo:hi] > 0) & (np.abs(dev) <= tolerance)
        least = max(p.least, p.follow_share * e.top)
        across = dev < -least
        again = dev - np.minimum.accumulate(dev) > least
        event = rested | across | again | ~m.allowed[lo:hi]
        i = int(np.argmax(event)) if len(event) else 0
        if not (len(event) and event[i]):
            if b.end <= give_up and not self._ended:
                return False
            calm = np.where(np.abs(dev) <= tolerance, m.rate[lo:hi], np.inf)
            end = back + int(np.argmin(calm))
            return self._close(b, end, self._angle(b, end), found, hi - 1 + b.base)
        k = back + i
        if rested[i]:
            wait = b.rest[k - b.base : k + _SLOWEST_ON + 1 - b.base] > 0
            on = int(np.argmin(wait)) if not wait.all() else len(wait)
            if on == len(wait) and len(wait) <= _SLOWEST_ON and not self._ended:
                return False
            end = self._slowest(b, max(k - int(b.rest[k - b.base]) + 1, back), k + on - 1)
            return self._close(b, end, self._angle(b, end), found, k + min(on, _SLOWEST_ON), rested=True)
        if not m.allowed[k - b.base]:
            end = back + int(np.argmin(m.rate[lo : lo + max(i, 1)]))
            self._close(b, end, self._angle(b, end), found, k)
            return self._lose(k + 1)
        if across[i]:
            border = back + int(np.flatnonzero(dev[:i] >= 0.0)[-1]) if dev[0] >= 0.0 else back
            side = -e.side
        else:
            border = back + int(np.argmin(dev[: i + 1]))
            side = e.side
        level = e.line(border)
        self._close(b, border, level, found, k)
        self._out = _Excursion(border, level, e.rate, side, False, self._least())
        self._mode, self._pos = _Mode.OUT, k
        return True

    def _close(
        self, b: RestedMotion, end: int, level: float, found: list[Repetition], seen: int, *, rested: bool = False
    ) -> bool:
        """Measure the repetition against the line from its start to ``level`` at its end, and go on from there."""
        e, p = self._out, self._p
        lo, hi = e.start - b.base, end - b.base + 1
        dev = (b.motion.angle[lo:hi] - np.linspace(e.level, level, hi - lo)) * e.side
        top = int(np.argmax(dev))
        reach = float(dev[top])
        smooth = not bool(b.jumped[lo:hi].any())
        begun = e.from_rest or abs(float(b.motion.angle[lo]) - e.level) <= p.near
        if e.least <= reach <= p.most and smooth and begun:
            near_top = np.flatnonzero(dev >= (1.0 - p.hold_share) * reach)
            first, last = e.start + int(near_top[0]), e.start + int(near_top[-1])
            known = max(seen, self._known) + REACH
            known = min(known, b.end) if self._ended else known
            rows = b.motion.cut(lo, hi)
            found.append(
                Repetition(
                    e.start,
                    e.start + top,
                    end,
                    e.side,
                    reach,
                    len(near_top) / GRID_HZ,
                    first,
                    last,
                    known,
                    e.from_rest,
                    end - e.start > self._longest,
                    self._sure,
                    rows,
                )
            )
        self._before = 0.0 if rested else reach
        if rested:
            self._neutral.update(level, end)
            self._provisional = False
        return self._go_on(end)
