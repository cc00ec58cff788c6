"""Updates between the conveyor, which puts them, and the consumer, who polls when it likes."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from unslouch.live.feed import Update


class Outbox:
    """Updates that nobody has polled yet, oldest first; two threads may use it."""

    def __init__(self) -> None:
        self._waiting: deque[Update] = deque()
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._ended = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting)

    @property
    def ended(self) -> bool:
        """Whether no update will come any more and all have been taken."""
        with self._lock:
            return self._ended and not self._waiting

    def put(self, update: Update) -> None:
        """Add the newest."""
        with self._lock:
            self._waiting.append(update)

    def take(self) -> list[Update]:
        """Return everything since the last time.

        Raises
        ------
        BaseException
            What :meth:`fail` was told, once.
        """
        with self._lock:
            updates = list(self._waiting)
            self._waiting.clear()
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return updates

    def clear(self) -> None:
        """Drop what waits: it has no meaning any more."""
        with self._lock:
            self._waiting.clear()

    def thin(self, most: int) -> None:
        """Merge the oldest until at most ``most`` are left, see :func:`thin`."""
        with self._lock:
            thin(self._waiting, most)

    def fail(self, error: BaseException) -> None:
        """Let the next taker know what nobody foresaw."""
        with self._lock:
            self._failure = error

    def end(self) -> None:
        """Nothing is put any more."""
        with self._lock:
            self._ended = True


def thin(waiting: deque[Update], most: int) -> None:
    """Merge the oldest updates until at most ``most`` are left: their tracks and samples go, their events stay."""
    while len(waiting) > most:
        first, second = waiting.popleft(), waiting.popleft()
        waiting.appendleft(
            replace(
                second,
                events=first.events + second.events,
                frame=second.frame or first.frame,
                track=None,
                activity=None,
                samples=None,
                battery=first.battery if second.battery is None else second.battery,
                restarted=first.restarted or second.restarted,
                calibration=second.calibration or first.calibration,
                notices=first.notices + second.notices,
                dropped=first.dropped + second.dropped + 1,
                presses=first.presses + second.presses,
            )
        )
