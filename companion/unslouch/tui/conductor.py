"""Polls the feed, keeps the sessions running, passes commands down; knows no screen.

Whatever is at the other end of the feed, this is the one place where its updates meet the desk, the coach and the
store. The app calls :meth:`Conductor.poll` for every picture and shows what :attr:`Conductor.now` holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unslouch.desk.session import DeskSession
from unslouch.desk.values import (
    Cue,
    DeskCommand,
    DeskEffect,
    DeskSettings,
    DeskView,
    End,
    Ended,
    Link,
    Notify,
    Pause,
    PostureState,
    Resume,
)
from unslouch.desk.values import Mark as DeskMark
from unslouch.live.feed import (
    Buzz,
    Command,
    Feed,
    FeedKind,
    LinkKind,
    LinkState,
    Mark,
    SetCalibration,
    Transport,
    Update,
)
from unslouch.store.log import Save, SessionLog, SessionStart
from unslouch.store.rows import CalibrationRow, SessionKind, Source
from unslouch.store.store import Store
from unslouch.tui.guide import Guide
from unslouch.tui.recent import Recent
from unslouch_signal.calibration import Calibration
from unslouch_signal.track import PostureFrame

_SOURCES = {FeedKind.LIVE: Source.LIVE, FeedKind.SIMULATED: Source.SIMULATED, FeedKind.REPLAY: Source.REPLAY}


@dataclass(frozen=True, slots=True)
class Now:
    """What there is to show at one picture."""

    link: LinkState
    desk: DeskView
    frame: PostureFrame | None = None
    sample_time: float = 0.0
    battery: float | None = None
    rate_hz: float | None = None
    transport: Transport | None = None
    restarted: bool = False
    started: float = 0.0
    """Sample time of the first sample."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for the person; a ``cue`` is also heard."""

    text: str
    cue: bool


class Conductor:
    """Feed in, sessions and store inside, views out.

    Parameters
    ----------
    feed
        Where updates come from.
    store
        Where sessions are kept; None keeps nothing. A replay is never kept: it was when it was live.
    person
        Whose sessions.
    clock
        UTC seconds, for the dates in the store alone.
    """

    def __init__(
        self,
        feed: Feed,
        store: Store | None = None,
        *,
        person: str = "me",
        settings: DeskSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.feed = feed
        self.store = store
        self.person = person
        self.guide = Guide()
        self.recent = Recent()
        self._settings = settings
        self._clock = clock
        self._desk = DeskSession(settings)
        self._desk_log: SessionLog | None = None
        self._said: list[Said] = []
        self._started: float | None = None
        self.now = Now(LinkState(LinkKind.CONNECTING, "Waiting for the first samples."), self._desk.view)

    # up

    def poll(self) -> Now:
        """Take everything that has come; return what to show."""
        updates = self.feed.poll()
        restarted = False
        for update in updates:
            if update.restarted:
                self._begin_afresh()
                restarted = True
            self._take(update)
        last = updates[-1] if updates else None
        frame = next((u.frame for u in reversed(updates) if u.frame is not None), None)
        before = self.now
        self.now = Now(
            link=last.link if last else before.link,
            desk=self._desk.view if updates else before.desk,
            frame=frame or (None if restarted else before.frame),
            sample_time=last.sample_time if last else before.sample_time,
            battery=last.battery if last else before.battery,
            rate_hz=last.rate_hz if last else before.rate_hz,
            transport=last.transport if last else before.transport,
            restarted=restarted,
            started=self._started or 0.0,
        )
        return self.now

    def said(self) -> list[Said]:
        """Return what the sessions want said since the last call."""
        said, self._said = self._said, []
        return said

    # down

    def desk(self, command: DeskCommand) -> None:
        """Pass a command to the desk session."""
        self._carry_out(self._desk.command(command))

    def toggle_pause(self) -> None:
        """Judge and count nothing, or go on."""
        paused = self._desk.state is PostureState.PAUSED
        self.desk(Resume() if paused else Pause())

    def mark(self, label: str) -> None:
        """Keep a note, in the session and in the recording."""
        self.desk(DeskMark(label))
        self.send(Mark(label))

    def send(self, command: Command) -> bool:
        """Pass a command to the feed; False when it does not accept it."""
        if type(command) not in self.feed.accepts:
            return False
        self.feed.send(command)
        return True

    def use(self, calibration: Calibration) -> None:
        """Judge by this calibration from now on, and keep it."""
        self.send(SetCalibration(calibration))
        if self.store is not None:
            uid = f"{self.feed.title}@{self._clock():.3f}"
            row = CalibrationRow(uid, self._clock(), calibration.quality, calibration.to_json(), strap=self.feed.title)
            self.store.put(row)
            if self._desk_log is not None:
                self._desk_log.calibrated(uid)

    def close(self) -> None:
        """End the sessions, then the feed."""
        self.desk(End())
        self.feed.close()
        if self.store is not None:
            self.store.close()

    # inside

    def _take(self, update: Update) -> None:
        up = update.link.kind is LinkKind.UP
        self._carry_out(self._desk.command(Link(up)))
        if update.frame is not None and self._desk_log is None and self._keeps:
            self._desk_log = self._log(SessionKind.DESK, update.sample_time)
        if update.samples is not None and self.guide.collecting:
            self.guide.feed(update.samples)
        self._carry_out(self._desk.feed(update.events, update.frame))
        if update.track is not None and len(update.track):
            self.recent.add((update.track,))
        if self._started is None and update.frame is not None:
            self._started = update.sample_time
        if self._desk_log is not None:
            self._desk_log.alive(update.sample_time)

    @property
    def _keeps(self) -> bool:
        return self.store is not None and self.feed.kind is not FeedKind.REPLAY

    def _log(self, kind: SessionKind, t: float) -> SessionLog:
        assert self.store is not None
        utc = self._clock()
        start = SessionStart(
            kind,
            _SOURCES[self.feed.kind],
            start_t=t,
            start_utc=utc,
            utc_offset_s=float(time.localtime(utc).tm_gmtoff),
            person=self.person,
            strap=self.feed.title,
        )
        return SessionLog(self.store, start)

    def _carry_out(self, effects: Sequence[DeskEffect]) -> None:
        for effect in effects:
            match effect:
                case Cue():
                    self._said.append(Said(effect.text, cue=True))
                    self.send(Buzz())
                case Notify():
                    self._said.append(Said(effect.text, cue=False))
                case Save(part):
                    if self._desk_log is not None:
                        self._desk_log.save(part)
                case Ended(t):
                    if self._desk_log is not None:
                        self._desk_log.end(t)
                        self._desk_log = None

    def _begin_afresh(self) -> None:
        """Time jumped: what was counted before the jump is not what is seen now."""
        self._desk = DeskSession(self._settings)
        self.recent.clear()
