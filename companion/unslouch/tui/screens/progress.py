"""What was reached over the days, with the measurement error; the streak; the sessions; what was told."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from unslouch.live.feed import FeedKind
from unslouch.report.words import counted
from unslouch.tui.actions import Action, Where, bindings
from unslouch.tui.screens.base import LiveScreen
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.bars import Say
from unslouch.tui.widgets.facts import Fact, Facts
from unslouch.tui.widgets.paper import Card, Paper
from unslouch.tui.widgets.ranges import Ranges
from unslouch.tui.widgets.table import Sheet, Table

if TYPE_CHECKING:
    from unslouch.tui.conductor import Now
    from unslouch.tui.history import History

TOLD_CELLS = 28
"""Room for day, time and what was told; the words beside it have what is left."""


class ProgressScreen(LiveScreen):
    """Range per side over the days, streak, sessions and what was told.

    What was told stands beside the sessions; where there is no room it is a page of its own after the techniques.
    """

    where = Where.PROGRESS
    title_word = "Progress"
    BINDINGS = bindings(Where.PROGRESS)
    DEFAULT_CSS = """
    ProgressScreen #empty { display: none; padding: 1 2; height: 1fr; }
    ProgressScreen.-empty #empty { display: block; }
    ProgressScreen.-empty #all { display: none; }
    ProgressScreen #all { height: 1fr; }
    ProgressScreen #upper { height: 3fr; }
    ProgressScreen Ranges { width: 3fr; background: $surface; margin: 0 1 0 0; }
    ProgressScreen #figures { width: 2fr; padding: 1 1 0 1; }
    ProgressScreen #lower { height: 2fr; background: $surface; }
    ProgressScreen #told { display: none; }
    ProgressScreen.-told #told { display: block; }
    ProgressScreen.-tiny Ranges, ProgressScreen.-short Ranges { display: none; }
    ProgressScreen.-short #lower, ProgressScreen.-low #lower { display: none; }
    ProgressScreen.-alone #lower { display: block; height: 1fr; }
    ProgressScreen.-alone #upper, ProgressScreen.-alone #sessions { display: none; }
    ProgressScreen.-short #figures { padding: 0 1; }
    ProgressScreen.-narrow #figures { width: 3fr; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._technique = 0
        self._history: History | None = None
        self._alone = False
        """Whether the page of what was told is on."""
        self._layout: tuple[History, int, bool] | None = None
        """What the sessions' width was made for."""

    def body(self) -> ComposeResult:
        """Chart and figures above, sessions and what was told below; or what to do next when there is nothing."""
        with Vertical(id="empty"):
            yield Card()
        with Vertical(id="all"):
            with Horizontal(id="upper"):
                yield Ranges()
                with Vertical(id="figures"):
                    yield Facts()
            with Horizontal(id="lower"):
                yield Table(id="sessions")
                yield Table(id="told")

    def on_screen_resume(self) -> None:
        """Look again: a session may have ended since."""
        self._history = None
        super().on_screen_resume()

    def picture(self, now: Now) -> Say:
        """Show what the store holds."""
        history = self._read()
        self.set_class(history is None or not history.sessions, "-empty")
        if history is None:
            simulated = self.conductor is not None and self.conductor.feed.kind is FeedKind.SIMULATED
            text = (
                "What a simulated person does is kept only where --data-dir says so."
                if simulated
                else "This session is not kept. `unslouch progress` shows what was."
            )
            self.query_one(Card).turn_to(Paper("No progress is kept", (text,)))
            return Say("NOT KEPT", Tone.OFF, text)
        if not history.sessions:
            steps = (
                "- Calibrate: press k. It takes half a minute.",
                "- Do a seated rotation: press c, then 4. It takes five minutes.",
                "- Come back here: from the second day on you see what has changed, and whether it is real.",
            )
            told = tuple(f"- {' '.join(filter(None, row))}" for row in history.told)
            heard = ("What you told:", *told) if told else ()
            self.query_one(Card).turn_to(Paper("Nothing measured yet", ("What to do next:", *steps, *heard)))
            return Say("EMPTY", Tone.CALM, "Press c for the first session.")
        self.query_one(Ranges).show(history.ranges)
        self.query_one(Facts).show(self._facts(history))
        self._alone = self._alone and self._paged and bool(history.told)
        self._tables(history)
        if self._alone:
            return Say("TOLD", Tone.CALM, "What you told; n for the techniques.")
        streak = history.streak
        days = counted(streak.practised, "day") if streak.practised else "no day"
        what = "what you told" if self._told_next else "the next technique"
        return Say("STREAK", Tone.GOOD if streak.practised else Tone.CALM, f"{days}; n for {what}.")

    def _tables(self, history: History) -> None:
        sessions, told = self.query_one("#sessions", Table), self.query_one("#told", Table)
        kept = Sheet("sessions", history.sessions, sessions.first)
        beside = bool(history.told) and not self._paged
        self.set_class(beside or self._alone, "-told")
        self.set_class(self._alone, "-alone")
        layout = (history, self.size.width, beside)
        if layout != self._layout:
            self._layout = layout
            # what was told has what the sessions leave
            sessions.styles.width = min(kept.width, self.size.width - TOLD_CELLS) if beside else "1fr"
        sessions.show(kept)
        told.show(Sheet("told", history.told, told.first, cut=True))

    @property
    def _paged(self) -> bool:
        """Whether what was told has no room beside the sessions."""
        return any(map(self.has_class, ("-tiny", "-narrow", "-short", "-low")))

    @property
    def _told_next(self) -> bool:
        """Whether the page of what was told follows."""
        history = self._history
        return history is not None and history.last and bool(history.told) and self._paged and not self._alone

    def _facts(self, history: History) -> tuple[Fact, ...]:
        streak = history.streak
        facts = [Fact("", history.name)]
        facts += [Fact(name, text, ink) for name, text, ink in history.lines]
        facts.append(Fact("streak", counted(streak.practised, "day")))
        facts.append(Fact("of 28 days", f"{streak.of_28} practised"))
        return tuple(facts)

    def _read(self) -> History | None:
        conductor = self.conductor
        if conductor is None or conductor.store is None:
            return None
        if self._history is None:
            from unslouch.tui.history import read

            offset = float(time.localtime(conductor.clock()).tm_gmtoff)
            today = datetime.fromtimestamp(conductor.clock() + offset, UTC).date()
            self._history = read(conductor.store, self._technique, today, conductor.person)
        return self._history

    # actions

    def offers(self, action: Action) -> bool:
        """Another technique only where there is something to see."""
        if action.name == "other":
            return not self.has_class("-empty")
        if action.name in ("rows_down", "rows_up"):
            return self.query_one(Card).long if self.has_class("-empty") else any(t.long for t in self.query(Table))
        return True

    def label(self, action: Action) -> str:
        """What lies further down: older sessions, or the rest of what to do first."""
        return "More" if action.name == "rows_down" and self.has_class("-empty") else action.label

    def do_other(self) -> None:
        """The next technique; after the last one what was told, where that is a page."""
        self._alone = self._told_next
        if not self._alone:
            self._technique += 1
            self._history = None

    def do_rows_down(self) -> None:
        """Older sessions."""
        self._further(1)

    def do_rows_up(self) -> None:
        """Newer sessions."""
        self._further(-1)

    def _further(self, by: int) -> None:
        if self.has_class("-empty"):
            self.query_one(Card).read(by)
        else:
            for table in self.query(Table):
                if table.long:
                    table.scroll_by(by)
