"""Plain mode of the coach: what to do as lines, answers and commands as lines on the standard input."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from contextlib import ExitStack

from unslouch.cli.interruption import Interruptions
from unslouch.cli.lines import Lines
from unslouch.cli.plain_desk import POLL_S, calibration_line, press_line
from unslouch.cli.typed import read_beside
from unslouch.coach.history import CoachHistory, coach_history
from unslouch.coach.keeping import keep
from unslouch.coach.session import CoachSession
from unslouch.coach.technique import Plan
from unslouch.coach.values import (
    TERMINAL,
    CoachCommand,
    CoachEffect,
    CoachView,
    Cue,
    CueKind,
    End,
    Link,
    Mark,
    Next,
    Pain,
    Pause,
    Phase,
    Prompt,
    RedFlags,
    Resume,
    SharpPain,
    Skip,
)
from unslouch.errors import Reason, UnslouchError
from unslouch.live.battery import LowBattery
from unslouch.live.feed import Ask, ExpectRotations, Feed, FeedKind, LinkKind, Press, Update
from unslouch.live.keeping import dates_of, journal_of, keep_press, person_at, session_start
from unslouch.report.plain import Line
from unslouch.store.log import SessionLog
from unslouch.store.rows import SessionKind
from unslouch.store.store import Store
from unslouch_signal.events import Side, Technique

SIDED = frozenset({Phase.POSITION, Phase.TRY_OUT, Phase.WORK, Phase.REST})
"""Phases of one side."""
LOUD = frozenset({CueKind.DO_NOT_FORCE, CueKind.WAITING})
"""Cues that ask for attention, even where the instruction says the same."""
STOPPED = frozenset({Phase.REFUSED, Phase.STOPPED})
"""Phases that ask for attention."""

HELP = (
    "Type and press enter: pain (sharp pain: stops everything), pause, go, skip, end, mark WORDS, 0 to 10 for a pain "
    "score, yes or no, or nothing to go on."
)

PLAIN_WORDS: dict[str, Callable[[], CoachCommand]] = {
    "pain": SharpPain,
    "x": SharpPain,
    "!": SharpPain,
    "pause": Pause,
    "go": Resume,
    "resume": Resume,
    "skip": Skip,
    "end": End,
    "quit": End,
    "next": Next,
}


def parse(text: str, prompt: Prompt) -> CoachCommand | None:
    """Read one line of a person; None when it makes no sense at this prompt.

    Sharp pain is understood in any form that names it, whatever is being asked.
    """
    words = text.strip().lower()
    if words in PLAIN_WORDS:
        return PLAIN_WORDS[words]()
    if "sharp" in words.split() or words in ("stop", "ouch", "ow"):
        return SharpPain()
    if words.startswith("mark"):
        return Mark(text.strip()[4:].strip() or "mark")
    if prompt is Prompt.YES_NO and words in ("y", "yes", "n", "no"):
        return RedFlags(words[0] == "y")
    if prompt is Prompt.SCORE and words.isdecimal() and 0 <= int(words) <= 10:
        return Pain(int(words))
    if not words and prompt not in (Prompt.YES_NO, Prompt.SCORE):
        return Next()
    return None


class Answers:
    """Lines of the standard input, read by a thread of their own, so that sharp pain is heard at once."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.ended = False
        read_beside(self._lines.put)

    def next(self, prompt: Prompt) -> str | None:
        """Return the next line, None when there is none yet."""
        del prompt
        try:
            line = self._lines.get_nowait()
        except queue.Empty:
            return None
        self.ended = line is None
        return line


class Obliging:
    """Answers of the simulated person of the demo: well, with little pain, ready to go on."""

    ended = False

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._scores = iter(("3", "2"))

    def next(self, prompt: Prompt) -> str | None:
        """Answer what is asked."""
        answer = {Prompt.YES_NO: "no", Prompt.CONTINUE: ""}.get(prompt)
        if prompt is Prompt.SCORE:
            answer = next(self._scores, "2")
        if answer:
            self._lines.say(f"{'':9}  {'>':<11} {answer}")
        return answer


class PlainCoach:
    """A coached session without a screen.

    Parameters
    ----------
    feed
        Where updates come from; a simulated wearer there is asked to do what a person would read.
    technique, plan
        What to do and how much.
    answers
        Where the person's lines come from.
    store
        Where the session is kept; None, or a replay, keeps nothing.
    """

    def __init__(
        self,
        feed: Feed,
        technique: Technique,
        lines: Lines,
        answers: Answers | Obliging,
        *,
        plan: Plan | None = None,
        store: Store | None = None,
    ) -> None:
        self._feed, self._lines, self._answers = feed, lines, answers
        self._store = None if feed.kind is FeedKind.REPLAY else store
        history = CoachHistory() if store is None else coach_history(store, technique, person_at(feed))
        self._session = CoachSession(technique, history, plan)
        self._usual = history.least_usual
        self._log: SessionLog | None = None
        self._link = LinkKind.CONNECTING
        self._shown: tuple[object, ...] | None = None
        self._said: set[str] = set()
        self._asked: Ask | None = None
        self._t = 0.0
        self._battery = LowBattery(feed.kind)

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return self._session.phase in TERMINAL

    @property
    def view(self) -> CoachView:
        """What there is to show."""
        return self._session.view

    def begin(self) -> None:
        """From now on the person does what the coach says."""
        self._feed.send(ExpectRotations(self._usual))

    def take(self, update: Update) -> None:
        """Take one update."""
        self._t = update.sample_time
        if update.link.kind is not self._link:
            lost = LinkKind.LOST in (update.link.kind, self._link)
            self._link = update.link.kind
            self._carry_out(self._session.command(Link(self._link is LinkKind.UP)))
            if lost:
                text = f"{update.link.text} {update.link.advice}".strip()
                self._lines.show(Line(self._t, "link", text, loud=self._link is LinkKind.LOST))
        for notice in update.notices:
            self._lines.show(Line(self._t, "notice", notice))
        low = self._battery.take(update.battery)
        if low is not None:
            self._lines.show(Line(self._t, "BATTERY", low, loud=True))
        if update.frame is not None and self._log is None and self._store is not None:
            start = session_start(self._feed, SessionKind.COACH, self._t, self._session.spec.technique)
            self._log = SessionLog(self._store, start, dates_of(self._feed), journal_of(self._feed))
        if update.calibration is not None:
            self._lines.show(calibration_line(self._t, update.calibration.quality, update.calibration.reasons))
        self._carry_out(self._session.feed(update.events, update.frame, update.track))
        for press in update.presses:
            self._pressed(press)
        if self._log is not None and not self.over:
            self._log.alive(self._t)

    def _pressed(self, press: Press) -> None:
        """The strap's button: pressed twice it is sharp pain, as typed."""
        if press.sharp and not press.late:
            self._carry_out(self._session.command(SharpPain(press.t)))
            self._tell()  # at once: what comes next may be the end of the feed
        elif keep_press(press, self._log) or not press.late:
            self._lines.show(press_line(press))

    def attend(self) -> None:
        """Say what is new to be said, hear what was typed, tell a simulated wearer what to do.

        Raises
        ------
        UnslouchError
            NOT_ALLOWED when an answer is needed and the standard input has ended.
        """
        self._tell()
        view = self._session.view
        while not self.over and (text := self._answers.next(view.prompt)) is not None:
            command = parse(text, view.prompt)
            if command is None:
                self._lines.say(f"'{text.strip()}' does not answer that. {HELP}")
            else:
                self._carry_out(self._session.command(command))
            self._tell()
            view = self._session.view
        if self._answers.ended and view.prompt is not Prompt.NOTHING and not self.over:
            raise UnslouchError(
                Reason.NOT_ALLOWED,
                f"The coach asked for an answer ({view.prompt.value}) and the standard input has ended.",
                "Answer by typing, or pipe the answers in.",
            )
        self._ask(view)

    def end(self) -> None:
        """End the session, if it still runs."""
        for _ in range(2):  # the first End shows the result, the second leaves it
            if not self.over:
                self._carry_out(self._session.command(End()))
        self._feed.send(ExpectRotations(None))

    def _tell(self) -> None:
        """Print title, instruction and details of a step that has just begun."""
        view = self._session.view
        shown = (view.phase, view.side, view.set_number, view.paused)
        if shown == self._shown:
            return
        self._shown = shown
        side = "" if view.side is None or view.phase not in SIDED else f" ({view.side.value})"
        text = view.instruction
        if not text.startswith(f"{view.title}."):
            text = f"{view.title}{side}: {text}"
        self._lines.show(Line(self._t, view.phase.value.upper()[:11], text, loud=view.phase in STOPPED))
        for detail in view.details:
            if detail not in view.instruction and detail not in self._said:
                self._said.add(detail)
                self._lines.say(f"{'':9}  {'':<11} - {detail}")

    def _ask(self, view: CoachView) -> None:
        """Ask a simulated wearer for what a person would read."""
        if Ask not in self._feed.accepts:
            return
        zone = None if view.zone is None else (view.zone.lo, view.zone.hi)
        ask = Ask(view.phase.value, view.technique, view.side, zone)
        if ask != self._asked:
            self._asked = ask
            self._feed.send(ask)

    def _carry_out(self, effects: list[CoachEffect]) -> None:
        if self._store is not None and self._log is not None:
            keep(effects, self._store, self._log, time.time())  # before the lines: their reader may be gone
        said = self._session.view.instruction
        for effect in effects:
            if isinstance(effect, Cue) and (effect.text not in said or effect.kind in LOUD):
                self._lines.show(Line(effect.t, effect.kind.value, effect.text, loud=effect.kind in LOUD))


def counts_sentence(view: CoachView) -> str:
    """Say how much of each side is done."""
    names: dict[Side | None, str] = {Side.LEFT: "left", Side.RIGHT: "right", None: "done"}
    return ", ".join(f"{names[count.side]} {count.done} of {count.needed}" for count in view.counts)


def run_coach(
    make_feed: Callable[[], Feed], technique: Technique, plan: Plan, open_store: Callable[[], Store] | None
) -> None:
    """Coach one session in lines; Ctrl-C ends it as the person's own end would."""
    lines = Lines()
    with Interruptions() as interruptions, ExitStack() as closing:
        store = None if open_store is None else closing.enter_context(open_store())
        feed = make_feed()
        closing.callback(feed.close)
        coach = PlainCoach(feed, technique, lines, Answers(), plan=plan, store=store)
        closing.callback(coach.end)
        coach.begin()
        lines.say(HELP)
        lines.say()
        while not coach.over:
            for update in feed.poll():
                coach.take(update)
                if update.link.kind is LinkKind.ENDED:
                    return
                interruptions.check()
            coach.attend()
            interruptions.check()
            time.sleep(POLL_S)
