"""Presses of the strap's button, out of its events: when on the clock of the samples, and whether they are of the past.

A press is judged against the stream as it stood when its packet came, by arrival, not against what has been analysed:
how packets are cut into calls changes nothing.
"""

from __future__ import annotations

from collections import deque

from unslouch.live.feed import Press
from unslouch.wire.records import ClockPoints, Decoded, EventCode, StrapEvent

LATE_S = 10.0
"""A press this much older than the stream was fetched from the strap's log: it is kept, but stops nothing now."""
AHEAD_S = 10.0
"""A press may be ahead of the stream by how long nothing was streamed, and by this much; more cannot be."""
BELIEVED_S = 5.0
"""A packet this far ahead of every sample that was delivered is not believed: its time may be broken."""
MOST_WAITING = 64
REMEMBERED = 8
"""Boots whose clocks are remembered."""
IMPOSSIBLE = "A press of the strap's button has a time that cannot be; it is left out."


class Presses:
    """Finds presses in what was decoded; each comes once, for the decoder drops copies."""

    def __init__(self) -> None:
        self._offset: dict[int, float] = {}
        self._boot: int | None = None
        self._newest: tuple[int, int] = (0, 0)
        """seq and time (us) of the newest sample of the present boot."""
        self._point: tuple[float, int] | None = None
        """Arrival (s) and time (us) of the newest believed packet of the present boot."""
        self._waiting: deque[StrapEvent] = deque(maxlen=MOST_WAITING)
        self._told = False

    def take(self, decoded: Decoded) -> tuple[tuple[Press, ...], tuple[str, ...]]:
        """Return the presses in what was decoded, and what is to be said about some that are none.

        A press of a boot that is only to come waits for its first sample; one of a boot that was not streamed here has
        no time here, and is kept when the recording is.
        """
        for block in decoded.blocks:
            if len(block):
                if block.boot != self._boot:
                    self._boot, self._point = block.boot, None
                    self._offset[block.boot] = block.offset_s
                    for old in list(self._offset)[:-REMEMBERED]:
                        del self._offset[old]
                newest = float(block.samples.t[-1]) - block.offset_s
                self._newest = int(block.seq[-1]), round(newest * 1e6)
        points = self._believed(decoded.clock)
        waiting = [*self._waiting, *(e for e in decoded.events if e.code in (EventCode.MARKER, EventCode.SHARP_PAIN))]
        self._waiting.clear()
        presses: list[Press] = []
        notices: tuple[str, ...] = ()
        for event in waiting:
            if event.boot not in self._offset:
                if self._boot is None or 0 < (event.boot - self._boot) % (1 << 16) < 1 << 15:
                    self._waiting.append(event)
                continue
            late = self._late(event, points)
            if late is not None:
                t = event.t_us * 1e-6 + self._offset[event.boot]
                presses.append(Press(t, sharp=event.code == EventCode.SHARP_PAIN, late=late))
            elif not self._told:
                self._told, notices = True, (IMPOSSIBLE,)
        if points:
            self._point = max(points, key=lambda point: point[1])
        return tuple(presses), notices

    def _believed(self, clock: ClockPoints) -> list[tuple[float, int]]:
        """Return arrival and time of the present boot's packets, the newest one from before among them."""
        here = (clock.boot == self._boot) & (clock.t_us <= self._newest[1] + BELIEVED_S * 1e6)
        found = list(zip(clock.arrival_s[here].tolist(), clock.t_us[here].tolist(), strict=True))
        return found if self._point is None else [self._point, *found]

    def _late(self, event: StrapEvent, points: list[tuple[float, int]]) -> bool | None:
        """Whether a press is of the past; None when its time cannot be."""
        if event.boot != self._boot:
            return True  # the strap has started anew since
        seq, newest_us = self._newest
        if event.seq > seq and event.t_us < newest_us - AHEAD_S * 1e6:
            return None  # after the newest sample by its number, long before it by its time
        if not points:
            return event.t_us < newest_us - LATE_S * 1e6
        before = [point for point in points if point[0] <= event.arrival_s]
        arrival, stream_us = max(before, key=lambda point: point[1]) if before else points[0]
        since = (event.arrival_s - arrival) * 1e6
        if event.t_us > stream_us + since + AHEAD_S * 1e6:
            return None
        return event.t_us < stream_us + min(since, 0.0) - LATE_S * 1e6
