"""A line on the standard error that shows long work going on; nothing for short work or where nobody looks."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

DELAY_S = 0.8
"""Work shorter than this shows nothing: a bar that flashes up tells nobody anything."""
PERIOD_S = 0.15
WIDTH = 24


class Working:
    """Draws ``label``, a bar when the whole is known, and the seconds, until the ``with`` block ends.

    Parameters
    ----------
    label
        What is being done.
    total
        Steps in the whole; None where that is not known.
    """

    def __init__(self, label: str, total: int | None = None) -> None:
        self._label, self._total, self._done = label, total, 0
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._drawn = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Working:
        """Start looking at the clock, if somebody is there to read."""
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._run, name="working", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self.hide()

    def advance(self, steps: int = 1) -> None:
        """Count steps that are done."""
        self._done += steps

    def turn_to(self, label: str) -> None:
        """Go on with something else, of which nobody knows how long it takes."""
        self._label, self._total = label, None

    def hide(self) -> None:
        """Clear the line, so that something else can be printed; it comes back by itself."""
        with self._lock:
            if self._drawn:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._drawn = False

    def line(self, now: float) -> str:
        """Return what the line says at a time of :func:`time.monotonic`."""
        elapsed = f"{now - self._begun:.0f} s"
        if not self._total:
            return f"{self._label} … {elapsed}"
        full = round(WIDTH * min(self._done / self._total, 1.0))
        return f"{self._label} [{'#' * full}{'.' * (WIDTH - full)}] {self._done}/{self._total}  {elapsed}"

    def _run(self) -> None:
        if self._end.wait(DELAY_S):
            return
        while not self._end.wait(PERIOD_S):
            with self._lock:
                sys.stderr.write("\r\x1b[K" + self.line(time.monotonic()))
                sys.stderr.flush()
                self._drawn = True
