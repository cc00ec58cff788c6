"""Time that passes only when nothing is left to do: radio tests that come out the same however busy the machine is.

An event loop whose clock stands while anybody works, and goes straight to the next timer when nobody does. Straps'
processes keep step: their clocks are set from here (``unslouch-strap --clock``), and they answer when they have taken
everything that was sent to them and nothing is left to do. An hour passes in as long as its work takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
import socket
import struct
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

STUCK_S = 120.0
"""Of real time without a sign of what is waited for: then something hangs."""
PATIENT_TURNS = 1000
"""Turns of the loop, all at one time, after which it looks at its sockets all the same: somebody waits in circles."""
UTC_S = 1_790_000_000.0
"""When a stepped loop begins, s since 1970: September 2026."""
_STEP = struct.Struct("<QQQQ")
_ANSWER = struct.Struct("<QQ")
_NEVER = (1 << 64) - 1


class Follower:
    """A process whose clock is set from here.

    Parameters
    ----------
    connection
        Its end of the clock.
    zero_s
        Time of the loop at which its clock is zero.
    sent
        How many bytes of HCI, bytes of samples and lines it was sent so far.
    received
        How many bytes of HCI came of it, taken or waiting to be.
    flushed
        Whether everything has gone out to it.
    ended
        Whether the end of the process was noticed, which takes real time after its connection has gone.
    """

    def __init__(
        self,
        connection: socket.socket,
        zero_s: float,
        sent: Callable[[], tuple[int, int, int]],
        received: Callable[[], int],
        flushed: Callable[[], bool],
        ended: Callable[[], bool],
    ) -> None:
        self._connection, self._zero_s = connection, zero_s
        self._sent, self._received, self.flushed, self.ended = sent, received, flushed, ended
        self._told: tuple[int, ...] = ()
        self._owed = 0
        self.next_s = math.inf
        self.gone = False

    def tell(self, now_s: float) -> bool:
        """Set its clock and say what was sent to it; False when it knows all that."""
        told = (max(0, math.ceil((now_s - self._zero_s) * 1e6 - 1e-3)), *self._sent())
        if told == self._told:
            return False
        self._told = told
        try:
            self._connection.sendall(_STEP.pack(*told))
        except OSError:
            self.leave()
            return False
        return True

    def hear(self) -> None:
        """Wait until it has done everything."""
        answer = b""
        while len(answer) < _ANSWER.size:
            try:
                part = self._connection.recv(_ANSWER.size - len(answer))
            except ConnectionError:
                part = b""
            if not part:
                self.leave()
                return
            answer += part
        due, self._owed = _ANSWER.unpack(answer)
        self.next_s = math.inf if due == _NEVER else self._zero_s + due * 1e-6

    @property
    def owes(self) -> bool:
        """Whether it has sent what did not arrive yet."""
        return not self.gone and self._received() < self._owed

    def leave(self) -> None:
        """It is gone."""
        self.gone, self.next_s = True, math.inf
        self._connection.close()


class _Steps(selectors.BaseSelector):
    """A selector that moves time on instead of waiting."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now = 1000.0
        self.held = 0
        self._turns = 0
        self.followers: list[Follower] = []
        self.leaving: list[Follower] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready; where nothing is, go to where something will be."""
        if timeout is not None and timeout <= 0:
            # what processes send is taken when they have done everything, or its order would be the machine's whim
            self._turns += 1
            return self._real.select(0) if self.held or self._turns % PATIENT_TURNS == 0 else []
        self._turns = 0
        end = math.inf if timeout is None else self.now + timeout
        while True:
            self.leaving = [one for one in self.leaving if not one.ended()]
            if self.held or self.leaving or not all(one.flushed() for one in self.followers):
                return self._wait()
            told = [one for one in self.followers if one.tell(self.now)]
            for one in told:
                one.hear()
            self.leaving += [one for one in self.followers if one.gone]
            self.followers = [one for one in self.followers if not one.gone]
            if self.leaving:
                continue
            begun = time.perf_counter()
            while any(one.owes for one in self.followers):
                time.sleep(0)
                if time.perf_counter() - begun > STUCK_S:
                    raise RuntimeError("what a process has sent does not arrive")
            if events := self._real.select(0):
                return sorted(events, key=lambda event: event[0].fd)
            if self.now >= end:
                return []
            due = min([end, *(one.next_s for one in self.followers)])
            if due == math.inf:
                return self._wait()
            self.now = max(self.now, due)

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(STUCK_S)
        if not events:
            raise RuntimeError(f"nothing has happened for {STUCK_S:.0f} s of real time")
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop in stepped time. ``utc_s`` is UTC at the loop's time zero, s; a test may change it."""

    def __init__(self) -> None:
        self._steps = _Steps()
        super().__init__(self._steps)
        self.utc_s = UTC_S - self._steps.now

    def time(self) -> float:
        """Return the time, s."""
        return self._steps.now

    def utc(self) -> float:
        """Return UTC, s since 1970."""
        return self.utc_s + self._steps.now

    def pass_over(self, seconds: float) -> None:
        """Let time pass in which nothing runs: a laptop that sleeps."""
        self._steps.now += seconds

    @contextlib.contextmanager
    def holding(self) -> Generator[None]:
        """Let time stand while something real is waited for: a process that starts or ends."""
        self._steps.held += 1
        try:
            yield
        finally:
            self._steps.held -= 1

    @contextlib.contextmanager
    def everywhere(self) -> Generator[None]:
        """Let ``time.monotonic`` and ``time.time`` tell this loop's time, too."""
        before = time.monotonic, time.time
        time.monotonic, time.time = self.time, self.utc
        try:
            yield
        finally:
            time.monotonic, time.time = before

    def follow(self, follower: Follower) -> None:
        """Keep step with a process from now on."""
        self._steps.followers.append(follower)

    def close(self) -> None:
        """Let go of everything."""
        for follower in self._steps.followers:
            follower.leave()
        super().close()


def current() -> SteppedLoop | None:
    """Return the running loop, if it is a stepped one."""
    loop = asyncio.get_running_loop()
    return loop if isinstance(loop, SteppedLoop) else None
