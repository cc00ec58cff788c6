"""Ctrl-C, TERM and a hang-up, taken between steps of the work and never within one.

An exception out of a signal handler can come up between any two instructions: with a row half written, or a session
begun that nobody holds yet. Whoever keeps sessions takes signals at a place of its own choice instead.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
FORCED = 3
"""So many signals end the process wherever it is: closing hangs, or somebody cannot wait for it."""


class Interruptions:
    """Holds signals back inside a ``with`` block; :meth:`check` lets the first one through.

    What comes later, while things are being closed, is held for good: one Ctrl-C is enough, two break nothing. In a
    thread other than the main one, which gets no signals, it does nothing.
    """

    def __init__(self) -> None:
        self._seen: list[int] = []
        self._raised = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruptions:
        """Begin to hold signals back; one that is ignored (``nohup``) stays so."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back; one that was never let through ends the process now."""
        for number, before in self._before.items():
            signal.signal(number, before)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Let through what has come.

        Raises
        ------
        KeyboardInterrupt
            At Ctrl-C.
        SystemExit
            At another signal, with 128 + its number.
        """
        if self._seen and not self._raised:
            self._raised = True
            raise _exception(self._seen[0])

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._seen.append(number)
        if len(self._seen) >= FORCED:
            self._raised = True
            raise _exception(number)


def end_at_signals() -> None:
    """Make TERM and a hang-up end the process by an exception, so that ``with`` blocks close what they hold."""
    for number in SIGNALS:
        if number is not signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def deaf() -> None:
    """Take no more signals: the process is ending, and its exit code stands."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
