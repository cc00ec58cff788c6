"""Plain mode at the desk: a feed's updates through a desk session, a line for everything worth one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date

from unslouch.cli.interruption import Interruptions
from unslouch.cli.lines import Lines
from unslouch.coach.safety import SHARP_PAIN_ADVICE
from unslouch.desk.preferences import desk_settings
from unslouch.desk.session import DeskSession
from unslouch.desk.values import Cue, CueKind, DeskEffect, DeskSettings, End, Ended, Link, Notify, Pause
from unslouch.live.battery import LowBattery
from unslouch.live.feed import Buzz, Feed, FeedKind, LinkKind, Press, Update
from unslouch.live.keeping import dates_of, journal_of, keep_press, session_start
from unslouch.report.plain import Line, event_lines
from unslouch.report.words import counted, pressed, span
from unslouch.store.log import Save, SessionLog
from unslouch.store.rows import SessionKind
from unslouch.store.store import Store
from unslouch_signal.events import RotationRep, SlouchSpell
from unslouch_signal.progress import Verdict, summarise

POLL_S = 0.03
CUES_OFF = "Cues are off until the desk is started again."


def updates(feed: Feed, interruptions: Interruptions) -> Iterator[Update]:
    """Yield a feed's updates as they come, until no more samples will; signals are let through between two."""
    while True:
        for update in feed.poll():
            yield update
            if update.link.kind is LinkKind.ENDED:
                return
            interruptions.check()
        interruptions.check()
        time.sleep(POLL_S)


class PlainDesk:
    """A desk session without a screen.

    Parameters
    ----------
    feed
        Where updates come from.
    lines
        Where lines go.
    store
        Where the session is kept; None, or a replay, keeps nothing.
    """

    def __init__(
        self, feed: Feed, lines: Lines, store: Store | None = None, settings: DeskSettings | None = None
    ) -> None:
        self._feed, self._lines = feed, lines
        self._store = None if feed.kind is FeedKind.REPLAY else store
        self._session = DeskSession(settings)
        self._log: SessionLog | None = None
        self._link: LinkKind | None = None
        self._spells: list[SlouchSpell] = []
        self._reps: list[RotationRep] = []
        self._t = 0.0
        self._battery = LowBattery(feed.kind)
        self.stopped = False
        """Whether sharp pain was told: no cue comes any more."""

    @property
    def spells(self) -> int:
        """How many slouch spells have ended."""
        return len(self._spells)

    def take(self, update: Update) -> None:
        """Take one update: judge it, print it, keep it."""
        self._t = update.sample_time
        self._show_link(update)
        for notice in update.notices:
            self._lines.show(Line(self._t, "notice", notice))
        low = self._battery.take(update.battery)
        if low is not None:
            self._lines.show(Line(self._t, "BATTERY", low, loud=True))
        if update.dropped:
            self._lines.show(Line(self._t, "notice", f"{update.dropped} updates were left out: the reader is slow"))
        if update.frame is not None and self._log is None and self._store is not None:
            self._log = SessionLog(
                self._store,
                session_start(self._feed, SessionKind.DESK, self._t),
                dates_of(self._feed),
                journal_of(self._feed),
            )
        self._spells += [event for event in update.events if isinstance(event, SlouchSpell)]
        self._reps += [event for event in update.events if isinstance(event, RotationRep)]
        self._lines.show_all(event_lines(update.events))
        self._carry_out(self._session.feed(update.events, update.frame))
        for press in update.presses:
            self._pressed(press)
        if update.calibration is not None:
            self._lines.show(calibration_line(self._t, update.calibration.quality, update.calibration.reasons))
        if self._log is not None:
            self._log.alive(self._t)

    def end(self) -> None:
        """End the session; safe to call twice."""
        self._carry_out(self._session.command(End()))

    def summary(self, *, rotations: bool = True) -> None:
        """Print what it came to."""
        figures = self._session.figures
        lines = self._lines
        lines.say()
        lines.say("Summary")
        share = "" if figures.share is None else f" ({100 * figures.share:.0f} % of the time judged)"
        lines.say(f"  upright {span(figures.upright_s)}{share}, slouched {span(figures.slouched_s)}")
        lines.say(
            f"  {counted(len(self._spells), 'slouch', 'slouches')} of 5 s or more, {counted(figures.alerts, 'alert')}"
        )
        if self._reps and rotations:
            lines.say(rotation_sentence(self._reps))

    def _pressed(self, press: Press) -> None:
        """The strap's button; what a replay tells was kept, and stopped everything, when it was live."""
        kept = keep_press(press, self._log)
        if press.sharp and not press.late and self._feed.kind is not FeedKind.REPLAY:
            self.stopped = True
            self._carry_out(self._session.command(Pause()))
            self._lines.show(Line(press.t, "STOP", f"{SHARP_PAIN_ADVICE} {CUES_OFF}", loud=True))
        elif kept or not press.late:
            self._lines.show(press_line(press))

    def _show_link(self, update: Update) -> None:
        if update.link.kind is self._link:
            return
        self._link = update.link.kind
        self._carry_out(self._session.command(Link(self._link is LinkKind.UP)))
        if self._link is not LinkKind.ENDED or update.link.advice:
            text = f"{update.link.text} {update.link.advice}".strip()
            self._lines.show(Line(self._t, "link", text, loud=self._link is LinkKind.LOST))

    def _carry_out(self, effects: list[DeskEffect]) -> None:
        for effect in effects:
            match effect:
                case Cue(kind, t, text):
                    if Buzz in self._feed.accepts:
                        self._feed.send(Buzz())
                    if kind is not CueKind.SLOUCH:  # the alert has its line already
                        self._lines.show(Line(t, "break", text, loud=True))
                case Notify(t, text):
                    self._lines.show(Line(t, "notice", text))
                case Save(part):
                    if self._log is not None:
                        self._log.save(part)
                case Ended(t):
                    if self._log is not None:
                        self._log.end(t)
                        self._log = None


def press_line(press: Press) -> Line:
    """Say that the strap's button was pressed."""
    text = pressed(sharp=press.sharp, late=press.late)
    return Line(press.t, "sharp pain" if press.sharp else "mark", text, loud=press.sharp)


def calibration_line(t: float, quality: float, reasons: tuple[str, ...]) -> Line:
    """Say that a calibration came into use, how good it is and why not better."""
    why = "" if not reasons else f" ({'; '.join(reasons)})"
    return Line(t, "calibrated", f"quality {100 * quality:.0f} %{why}")


def rotation_sentence(reps: list[RotationRep]) -> str:
    """Sum up repetitions: mean per side, arc, and whether the sides differ for real."""
    summary = summarise(reps)
    parts = [
        f"{side.side.value} {math.degrees(side.mean):.1f}° (mean of {min(side.count, 3)} of {side.count})"
        for side in (summary.left, summary.right)
        if side.mean is not None
    ]
    if not parts:
        return f"  {len(reps)} rotations, none that counts"
    text = f"  rotation {', '.join(parts)}"
    if summary.arc is not None:
        text += f", arc {math.degrees(summary.arc):.1f}°"
    if summary.asymmetry_verdict is not Verdict.UNKNOWN and summary.asymmetry is not None:
        text += f"; the sides differ by {abs(math.degrees(summary.asymmetry)):.1f}°, {summary.asymmetry_verdict.value}"
    return text


def run_desk(make_feed: Callable[[], Feed], open_store: Callable[[], Store] | None = None) -> None:
    """Print a feed's events until it ends or Ctrl-C, then what it came to; everything is closed either way."""
    with Interruptions() as interruptions, ExitStack() as closing:
        store = None if open_store is None else closing.enter_context(open_store())
        feed = make_feed()
        closing.callback(feed.close)
        chosen = DeskSettings()
        if store is not None and feed.kind is FeedKind.LIVE:
            chosen = desk_settings(store, date.today())
        desk = PlainDesk(feed, Lines(), store, chosen)
        try:
            for update in updates(feed, interruptions):
                desk.take(update)
        finally:
            desk.end()
            desk.summary()
