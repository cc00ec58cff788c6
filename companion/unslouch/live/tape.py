"""The recording beside a feed: every packet kept first, confirmed to the strap when on the disk, given up at worst.

A recording that cannot go on (a full disk) ends with a sentence, and the feed goes on without it: coaching somebody in
the middle of a stretch matters more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from unslouch.errors import UnslouchError
from unslouch.live.controls import Confirming
from unslouch.wire.source import Packet


class Recorder(Protocol):
    """Where raw packets are kept; the writer of :mod:`unslouch.recording` is one."""

    def write(self, packet: Packet) -> None:
        """Keep a packet."""
        ...

    def mark(self, t: float, label: str) -> None:
        """Keep a marker at a sample time."""
        ...

    def calibration(self, t: float, text: str) -> None:
        """Keep a calibration (JSON) that came into use at a sample time."""
        ...

    def result(self, entry: str) -> None:
        """Keep a result."""
        ...

    def sync(self) -> None:
        """Return when everything written is on the disk."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class Tape:
    """A recorder that may be missing, and that is let go of when it fails. Used by one thread.

    Parameters
    ----------
    recorder
        Closed with the tape; None records nothing.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        path: object = getattr(recorder, "path", None)
        self.name = Path(path).name if isinstance(path, str | Path) else None
        """Of the file, also when it was given up; None where there is none."""
        self._notices: list[str] = []

    @property
    def running(self) -> bool:
        """Whether what comes is kept."""
        return self._recorder is not None

    def notices(self) -> tuple[str, ...]:
        """Return what there is to say to a person, once."""
        said = tuple(self._notices)
        self._notices.clear()
        return said

    def write(self, packet: Packet) -> None:
        """Keep a packet."""
        if self._recorder is not None:
            self._tried(self._recorder.write, packet)

    def mark(self, t: float, label: str) -> None:
        """Keep a marker at a sample time, s."""
        if self._recorder is not None:
            self._tried(self._recorder.mark, t, label)

    def calibration(self, t: float, text: str) -> None:
        """Keep a calibration (JSON) that came into use at a sample time, s."""
        if self._recorder is not None:
            self._tried(self._recorder.calibration, t, text)

    def result(self, entry: str) -> None:
        """Keep a result."""
        if self._recorder is not None:
            self._tried(self._recorder.result, entry)

    async def confirm(self, source: object) -> None:
        """Tell a strap what lies on the disk; without a recorder nothing does, and the strap keeps everything."""
        recorder = self._recorder
        if recorder is None or not isinstance(source, Confirming):
            return
        mark = source.mark()
        try:
            await asyncio.to_thread(recorder.sync)
        except (UnslouchError, OSError) as error:
            if self._recorder is recorder:  # else it was given up meanwhile, and that was said
                self._give_up(error)
        else:
            source.stored(mark)

    def close(self) -> None:
        """Finish the file; where that fails, it is said."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._finished(recorder)

    def _tried(self, keep: Callable[..., None], *what: object) -> None:
        try:
            keep(*what)
        except (UnslouchError, OSError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        recorder, self._recorder = self._recorder, None
        self._notices.append(f"The recording stopped: {error}")
        if recorder is not None:
            self._finished(recorder)

    def _finished(self, recorder: Recorder) -> None:
        try:
            recorder.close()
        except (UnslouchError, OSError) as error:
            self._notices.append(f"The recording's file could not be finished: {error}")
