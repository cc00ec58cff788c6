"""Polls the feed, keeps the sessions running, passes commands down; knows no screen.

Whatever is at the other end of the feed, this is the one place where its updates meet the desk, the coach and the
store. The app calls :meth:`Conductor.poll` for every picture and shows what :attr:`Conductor.now` holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from unslouch.coach.history import CoachHistory, coach_history
from unslouch.coach.keeping import keep as keep_coach
from unslouch.coach.session import CoachSession
from unslouch.coach.technique import Plan
from unslouch.coach.values import TERMINAL, CoachCommand, CoachEffect, CoachView, CueKind, SharpPain
from unslouch.coach.values import Cue as CoachCue
from unslouch.coach.values import End as CoachEnd
from unslouch.coach.values import Link as CoachLink
from unslouch.coach.values import Phase as CoachPhase
from unslouch.desk.keeping import keep as keep_desk
from unslouch.desk.preferences import Preferences
from unslouch.desk.session import DeskSession
from unslouch.desk.values import (
    Cue,
    DeskCommand,
    DeskEffect,
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
from unslouch.live.battery import LowBattery
from unslouch.live.feed import (
    Ask,
    Buzz,
    Command,
    ExpectRotations,
    Feed,
    FeedKind,
    Keep,
    LinkKind,
    LinkState,
    Mark,
    Pace,
    Press,
    SetCalibration,
    Transport,
    Update,
)
from unslouch.live.keeping import dates_of, keep_press, person_at, session_start
from unslouch.report.words import pressed
from unslouch.store.journal import row_entry
from unslouch.store.log import SessionLog
from unslouch.store.progress import weeks_since_first_desk
from unslouch.store.rows import CalibrationRow, Outcome, SessionKind, SharpPainRow
from unslouch.store.store import Store
from unslouch.tui.guide import Guide, quality_word
from unslouch.tui.guide import Phase as GuidePhase
from unslouch.tui.recent import Recent
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Technique
from unslouch_signal.track import PostureFrame

LOOK_S = 0.1
"""How long a strap's packets may lie before they are looked at: smooth to the eye, and a third of the looks."""
_HEARD = frozenset({CueKind.DONE, CueKind.COUNTED, CueKind.DO_NOT_FORCE, CueKind.FINISHED, CueKind.STOP})
"""What the coach tells a person who may not be looking."""


@dataclass(frozen=True, slots=True)
class Now:
    """What there is to show at one picture."""

    link: LinkState
    desk: DeskView
    coach: CoachView | None = None
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
    """A sentence for the person; a ``cue`` is also heard. The coach's are on its own screen anyway."""

    text: str
    cue: bool
    of_coach: bool = False


class Conductor:
    """Feed in, sessions and store inside, views out.

    Parameters
    ----------
    feed
        Where updates come from.
    store
        Where sessions are kept; None keeps nothing. A replay is never kept: it was when it was live.
    person
        Whose sessions; None is the person's own or, for a simulated wearer, the demo's.
    preferences
        Thresholds and manners at the desk; None takes the defaults.
    clock
        UTC seconds, for the dates in the store alone.
    """

    def __init__(
        self,
        feed: Feed,
        store: Store | None = None,
        *,
        person: str | None = None,
        preferences: Preferences | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.feed = feed
        self.accepts = feed.accepts
        """Asked once: a feed may look at its source for it, and footers ask for every key of every picture."""
        self.store = store
        self.person = person_at(feed) if person is None else person
        self.preferences = Preferences() if preferences is None else preferences
        self.guide = Guide()
        self.recent = Recent()
        self.clock = clock
        self._settings = self.preferences.desk_settings(self._weeks())
        self._desk = DeskSession(self._settings)
        self._desk_log: SessionLog | None = None
        self._said: list[Said] = []
        self._coach: CoachSession | None = None
        self._coach_log: SessionLog | None = None
        self._desk_rested = False
        self._asked: Ask | None = None
        self._started: float | None = None
        self._calibration = ""
        self._stopped = False
        self._battery = LowBattery(feed.kind)
        self.now = Now(LinkState(LinkKind.CONNECTING, "Waiting for the first samples."), self._desk.view)
        self.send(Pace(LOOK_S))

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
        # a strap tells its battery now and then, not with every packet
        battery = next((u.battery for u in reversed(updates) if u.battery is not None), None)
        before = self.now
        self.now = Now(
            link=last.link if last else before.link,
            desk=self._desk.view if updates else before.desk,
            coach=None if self._coach is None else self._coach.view,
            frame=frame or (None if restarted else before.frame),
            sample_time=last.sample_time if last else before.sample_time,
            battery=before.battery if battery is None and not restarted else battery,
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

    def stopped(self) -> bool:
        """Whether sharp pain was told with the strap's button since the last call: everything has stopped."""
        stopped, self._stopped = self._stopped, False
        return stopped

    # down

    def desk(self, command: DeskCommand) -> None:
        """Pass a command to the desk session."""
        self._carry_out(self._desk.command(command))
        self.now = replace(self.now, desk=self._desk.view)

    def begin_coach(self, technique: Technique, plan: Plan | None = None) -> None:
        """Begin a coached session; the desk rests meanwhile."""
        history = CoachHistory() if self.store is None else coach_history(self.store, technique, self.person)
        self._coach = CoachSession(technique, history, plan)
        self.send(ExpectRotations(history.least_usual))
        self._coach_log = self._log(SessionKind.COACH, self.now.sample_time, technique) if self._keeps else None
        self._desk_rested = self._desk.state is not PostureState.PAUSED
        if self._desk_rested:
            self.desk(Pause())
        self.recent.coached.clear()
        self._coached(
            [*self._coach.command(CoachLink(self.now.link.kind is LinkKind.UP)), *self._coach.feed((), self.now.frame)]
        )

    def coach(self, command: CoachCommand) -> None:
        """Pass a command to the coached session."""
        if self._coach is not None:
            self._coached(self._coach.command(command))

    def end_coach(self) -> None:
        """Leave a coached session that is over; the desk goes on."""
        session = self._coach
        while session is not None and session.phase not in TERMINAL:
            self.coach(CoachEnd())
        self._coach, self._asked = None, None
        self.send(ExpectRotations(None))
        self.send(Ask("upright"))
        if self._desk_rested:
            self.desk(Resume())
        self.now = replace(self.now, coach=None)

    def leave_coach(self) -> None:
        """Another screen is gone to: a coached session that is over is left, one that is not waits."""
        if self._coach is not None and self._coach.phase in (*TERMINAL, CoachPhase.RESULT):
            self.end_coach()

    def sharp_pain(self, t: float | None = None) -> None:
        """Stop everything; keep that it happened, at a sample time or now."""
        if self._coaching:
            self.coach(SharpPain(t))
        elif self._desk_log is not None:
            self._desk_log.save(SharpPainRow(self.now.sample_time if t is None else t, "desk"))
        if self._desk.state is not PostureState.PAUSED:
            self.desk(Pause())
        self._desk_rested = False
        self.send(Ask("upright"))

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
        if type(command) not in self.accepts:
            return False
        self.feed.send(command)
        return True

    def use(self, calibration: Calibration) -> None:
        """Judge by this calibration from now on; it is kept when the feed says that it has come into use."""
        self.send(SetCalibration(calibration))

    def setting(self, key: str) -> object:
        """A choice of this person, None where there is none."""
        return None if self.store is None else self.store.setting(f"screen.{key}", self.person)

    def keep_setting(self, key: str, value: object) -> None:
        """Remember a choice of this person."""
        if self.store is not None:
            self.store.set_setting(f"screen.{key}", value, self.person)

    def forgo_store(self) -> None:
        """Go on without keeping anything: the store cannot be written any more."""
        store, self.store, self._desk_log, self._coach_log = self.store, None, None, None
        if store is not None:
            store.close()

    def close(self) -> None:
        """End the sessions, then the feed."""
        if self._coach is not None:
            self.end_coach()
        self.desk(End())
        self.feed.close()
        if self.store is not None:
            self.store.close()

    # inside

    def _take(self, update: Update) -> None:
        up = update.link.kind is LinkKind.UP
        self._carry_out(self._desk.command(Link(up)))
        self._said += [Said(notice, cue=False) for notice in update.notices]
        low = self._battery.take(update.battery)
        if low is not None:
            self._said.append(Said(low, cue=False))
        if update.frame is not None and self._desk_log is None and self._keeps:
            self._desk_log = self._log(SessionKind.DESK, update.sample_time)
        if update.calibration is not None:
            self._calibrated(update.calibration)
        if update.samples is not None and self.guide.collecting:
            self.guide.feed(update.samples)
            self._lead_wearer()
        self._carry_out(self._desk.feed(update.events, update.frame))
        if self._coach is not None:
            effects = [
                *self._coach.command(CoachLink(up)),
                *self._coach.feed(update.events, update.frame, update.track),
            ]
            self._coached(effects)
            value = self._coach.value
            self.recent.coached.append((update.sample_time, None if value is None else math.degrees(value)))
        for press in update.presses:
            self._pressed(press)
        if update.track is not None and len(update.track):
            self.recent.add((update.track,))
        if self._started is None and update.frame is not None:
            self._started = update.sample_time
        for log in (self._desk_log, self._coach_log):
            if log is not None and log.row.outcome is Outcome.RUNNING:
                log.alive(update.sample_time)

    @property
    def _coaching(self) -> bool:
        return self._coach is not None and self._coach.phase not in TERMINAL

    def _pressed(self, press: Press) -> None:
        """The strap's button; what a replay tells was kept, and stopped everything, when it was live."""
        if press.sharp and not press.late and self.feed.kind is not FeedKind.REPLAY:
            self.sharp_pain(press.t)
            self._stopped = True
            return
        if press.sharp and not press.late and self._coaching:
            self.coach(SharpPain(press.t))
        kept = keep_press(press, self._coach_log) or keep_press(press, self._desk_log)
        if kept or not press.late:
            self._said.append(Said(pressed(sharp=press.sharp, late=press.late), cue=False))

    def _calibrated(self, calibration: Calibration) -> None:
        text = calibration.to_json()
        if text == self._calibration:
            return  # a replay was wound, or a strap came back: nothing new
        self._calibration = text
        self._said.append(Said(f"Calibrated: {quality_word(calibration)}.", cue=False))
        if self.store is None or not self._keeps:
            return
        utc = self.clock()
        uid = f"{self.feed.title}@{utc:.3f}"
        recording = getattr(self.feed, "recording", None)
        row = CalibrationRow(uid, utc, calibration.quality, text, self.feed.title, recording)
        self.store.put(row)
        self._journal(row_entry(row))
        for log in (self._desk_log, self._coach_log):
            if log is not None:
                log.calibrated(uid)

    def _weeks(self) -> int:
        """Weeks since the first desk session, for the fading of cues."""
        if self.store is None or not self.preferences.fade:
            return 0
        return weeks_since_first_desk(self.store, date.fromtimestamp(self.clock()), self.person)

    @property
    def _keeps(self) -> bool:
        return self.store is not None and self.feed.kind is not FeedKind.REPLAY

    def _log(self, kind: SessionKind, t: float, technique: Technique | None = None) -> SessionLog:
        assert self.store is not None
        start = session_start(self.feed, kind, t, technique, utc=self.clock(), person=self.person)
        return SessionLog(self.store, start, dates_of(self.feed), self._journal)

    def _journal(self, entry: str) -> None:
        self.send(Keep(entry))

    def _carry_out(self, effects: Sequence[DeskEffect]) -> None:
        for effect in effects:
            match effect:
                case Cue():
                    self._said.append(Said(effect.text, cue=True))
                    self.send(Buzz())
                case Notify():
                    self._said.append(Said(effect.text, cue=False))
                case _:
                    pass  # rows and the end: kept below
        if self._desk_log is not None:
            keep_desk(effects, self._desk_log)
            if any(isinstance(effect, Ended) for effect in effects):
                self._desk_log = None

    def _coached(self, effects: Sequence[CoachEffect]) -> None:
        """Carry out what the coached session wants, and ask the (simulated) wearer for what it asks now."""
        assert self._coach is not None
        for effect in effects:
            if isinstance(effect, CoachCue):
                self._said.append(Said(effect.text, cue=effect.kind in _HEARD, of_coach=True))
        if self.store is not None and self._coach_log is not None:
            keep_coach(effects, self.store, self._coach_log, self.clock())
        view = self._coach.view
        zone = None if view.zone is None else (view.zone.lo, view.zone.hi)
        asked = Ask(view.phase.value, view.technique, view.side, zone)
        if asked != self._asked and view.phase not in TERMINAL and not self.guide.collecting:
            self._asked = asked
            self.send(asked)
        self.now = replace(self.now, coach=view)

    def _lead_wearer(self) -> None:
        """A simulated wearer does what the guided calibration asks for."""
        view = self.guide.view
        match view.phase:
            case GuidePhase.BOWS:
                move = "calibrate"
            case GuidePhase.TURN if view.done < 1:
                move = "turn left"
            case _:
                move = "upright"
        asked = Ask(move)
        if asked != self._asked:
            self._asked = asked
            self.send(asked)

    def _begin_afresh(self) -> None:
        """Time jumped: what was counted before the jump is not what is seen now."""
        self._desk = DeskSession(self._settings)
        self._coach, self._coach_log, self._asked = None, None, None
        self._started = None
        self.recent.clear()
