"""The coach: pick a technique, then be led through it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from unslouch.tui.actions import Action, Where, bindings
from unslouch.tui.figures import FigureModel, View
from unslouch.tui.screens.base import LiveScreen
from unslouch.tui.screens.coach_phases import (
    AT,
    LIVE,
    OVER,
    PHASES,
    STEPS,
    VIEWS,
    WAITS,
    dose_words,
    seconds_left,
    zone_deg,
)
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.bars import Say
from unslouch.tui.widgets.choice import Choice, Choices, Option, PainScale, Score
from unslouch.tui.widgets.facts import Fact, Facts
from unslouch.tui.widgets.gauge import Gauge, ZoneGauge
from unslouch.tui.widgets.paper import Card, Paper, Stepper, Steps
from unslouch.tui.widgets.picture import Big, BigAngle, Figure, Hold, HoldRing
from unslouch.tui.widgets.reps import Count, Counts
from unslouch.tui.widgets.trace import Chart, Trace

if TYPE_CHECKING:
    from unslouch.coach.values import CoachView
    from unslouch.tui.conductor import Now


class CoachScreen(LiveScreen):
    """Four techniques, each from the questions before to the result after."""

    where = Where.COACH
    title_word = "Coach"
    BINDINGS = bindings(Where.COACH)
    DEFAULT_CSS = """
    CoachScreen #main { height: 1fr; }
    CoachScreen #left { width: 1fr; background: $surface; margin: 0 1 0 0; }
    CoachScreen #stage { width: 1fr; display: none; }
    CoachScreen #card { width: 3fr; padding: 1 1 0 1; }
    CoachScreen.-live #stage { display: block; }
    CoachScreen.-live #card { display: none; }
    CoachScreen #trace { display: none; height: 5; background: $surface; }
    CoachScreen.-live #trace { display: block; }
    CoachScreen.-reading #left { display: none; }
    CoachScreen #left { width: 2fr; }
    CoachScreen #stage { width: 2fr; }
    CoachScreen #top { height: 5; margin: 1 1 0 1; }
    CoachScreen #angle { width: 1fr; }
    CoachScreen #caption { width: 15; }
    CoachScreen ZoneGauge { margin: 0 1; }
    CoachScreen #hold { height: 1fr; margin: 0 1; align: left middle; }
    CoachScreen HoldRing { width: 14; height: 1fr; max-height: 7; }
    CoachScreen #holding { width: 1fr; height: 5; margin: 0 0 0 2; }
    CoachScreen Counts { height: 2; }
    CoachScreen CueLine { height: 2; }
    CoachScreen.-wide CueLine { height: 1; }
    CoachScreen.-narrow CueLine, CoachScreen.-tiny CueLine { height: 3; }
    CoachScreen #rest { height: 2; margin: 1 0 0 0; }
    CoachScreen Stepper { height: 2; }
    CoachScreen Choices, CoachScreen PainScale { display: none; }
    CoachScreen.-choosing Choices { display: block; }
    CoachScreen.-scoring PainScale { display: block; }
    CoachScreen.-tall #trace { height: 8; }
    CoachScreen.-tall #top { height: 9; }
    CoachScreen.-tall HoldRing { width: 22; max-height: 11; }
    CoachScreen.-wide #caption { width: 20; }
    CoachScreen.-low #trace, CoachScreen.-short #trace { display: none; }
    CoachScreen.-low #top { height: 4; margin: 0 1; }
    CoachScreen.-narrow #caption { width: 11; }
    CoachScreen.-tiny #left, CoachScreen.-short #left { display: none; }
    CoachScreen.-short #card { padding: 0 1; }
    CoachScreen.-short Stepper { display: none; }
    CoachScreen.-short Choices { height: 4; }
    CoachScreen.-short #top { height: 1fr; margin: 0 1; }
    CoachScreen.-short #caption { width: 14; }
    CoachScreen.-short #hold { height: 1; }
    CoachScreen.-short HoldRing { display: none; }
    CoachScreen.-short #holding { height: 1; margin: 0; }
    CoachScreen.-short Counts { height: 1; }
    CoachScreen.-short #rest { display: none; }
    CoachScreen.-live.-far #left, CoachScreen.-far #trace { display: none; }
    CoachScreen.-far #top { height: 1fr; }
    CoachScreen.-far #hold { align: center middle; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._reached: dict[str, int] = {}
        self._shown: str | None = None
        self._rest = 0.0

    def body(self) -> ComposeResult:
        """Figure; beside it either the live numbers or a card to read; trace below."""
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield Figure()
            with Vertical(id="stage"):
                with Horizontal(id="top"):
                    yield BigAngle(id="angle")
                    yield Facts(id="caption")
                yield ZoneGauge()
                with Horizontal(id="hold"):
                    yield HoldRing()
                    with Vertical(id="holding"):
                        yield Counts()
                        yield Facts(id="rest")
            with Vertical(id="card"):
                yield Stepper()
                yield Card()
                yield Choices()
                yield PainScale()
        yield Trace(id="trace")

    def starting(self) -> None:
        """Show the techniques."""
        self._pick()

    def picture(self, now: Now) -> Say:
        """Show the coach's view, or the choice of technique."""
        view = now.coach
        if view is None:
            self._reached.clear()
            self._pick()
            return Say("CHOOSE", Tone.CALM, "Pick a technique and press enter.")
        phase = view.phase.value
        live = phase in LIVE
        self._arrange(live=live, reading=phase == "red flags", choosing=False, scoring=phase.startswith("pain"))
        say = self._say(view, now)
        self.query_one(Figure).show(self._figure(view, say.tone))
        if live:
            self._stage(view, now, say.tone)
        else:
            self._card(view)
        return say

    def detail(self, now: Now) -> str:
        """Return technique and set."""
        view = now.coach
        if view is None:
            return ""
        return f"{view.name}  set {view.set_number} of {view.sets}" if view.sets > 1 else view.name

    # before and after

    def _pick(self) -> None:
        from unslouch.coach.techniques import TECHNIQUES

        self._arrange(live=False, reading=False, choosing=True, scoring=False)
        choices = self.query_one(Choices)
        options = tuple(Option(spec.name, dose_words(spec)) for spec in TECHNIQUES.values())
        techniques = list(TECHNIQUES)
        wished = [k for k, technique in enumerate(techniques) if technique.value == self.unslouch.options.technique]
        first = wished[0] if wished and choices.model is None else choices.at
        choices.show(Choice(options, first))
        technique = techniques[choices.at]
        spec = TECHNIQUES[technique]
        self.query_one(Figure).show(FigureModel(VIEWS[technique.value], 0, Tone.CALM))
        self.query_one(Stepper).show(Steps((), 0))
        note = () if self.has_class("-short") else (f"What the strap verifies: {spec.verified}",)
        self.query_one(Card).show(Paper("Choose a technique", note))

    def _card(self, view: CoachView) -> None:
        phase = view.phase.value
        self.query_one(Stepper).show(Steps(STEPS, AT[phase]) if phase in AT else Steps((), 0))
        if view.result is not None:
            paragraphs = view.result.lines
        else:
            paragraphs = tuple(f"- {detail}" for detail in view.details)
            if phase != "position":
                paragraphs = (view.instruction, *paragraphs)
        card = self.query_one(Card)
        card.show(Paper(view.title, tuple(p for p in paragraphs if p), card.skip if self._shown == phase else 0))
        if self._shown != phase:
            self.query_one(PainScale).show(Score(None, phase == "pain before"))
        self._shown = phase

    def _arrange(self, *, live: bool, reading: bool, choosing: bool, scoring: bool) -> None:
        """Show the widgets of this part, and put the focus where the keys belong."""
        self.set_class(live, "-live")
        self.set_class(reading, "-reading")
        for name, on, kind in (("-choosing", choosing, Choices), ("-scoring", scoring, PainScale)):
            if on != self.has_class(name):
                self.set_class(on, name)
                if on:
                    self.query_one(kind).focus()
                elif isinstance(self.focused, kind):
                    self.set_focus(None)

    # during

    def _say(self, view: CoachView, now: Now) -> Say:
        phase = view.phase.value
        cue = view.cue
        if phase in LIVE and view.paused:
            return Say("PAUSED", Tone.OFF, "The clock stands. Press space to go on.")
        if phase in (*LIVE, "position") and view.waiting is not None:
            return Say("WAITING", Tone.WATCH, view.waiting)
        recent = cue is not None and now.sample_time - cue.t < 3.0
        if (
            phase == "work"
            and cue is not None
            and recent
            and cue.kind.value in ("do not force", "not counted", "counted")
        ):
            tone = {"do not force": Tone.STOP, "not counted": Tone.WATCH, "counted": Tone.GOOD}[cue.kind.value]
            return Say(
                {"do not force": "EASE OFF", "not counted": "AGAIN", "counted": "COUNTED"}[cue.kind.value],
                tone,
                cue.text,
            )
        if phase == "work":
            beyond = view.zone is not None and view.value is not None and view.value > view.zone.hi
            if beyond:
                return Say("EASE OFF", Tone.STOP, "Beyond your zone. Do not force; ease back a little.")
            if view.hold_s >= view.hold_needed_s > 0:
                return Say("BACK", Tone.CALM, view.instruction)
            return Say("HOLD", Tone.GOOD, view.instruction) if view.in_zone else Say("GO", Tone.WATCH, view.instruction)
        word, tone, short = PHASES[phase]
        return Say(word, tone, short or view.instruction)

    def _figure(self, view: CoachView, tone: Tone) -> FigureModel:
        value = 0 if view.value is None else round(math.degrees(view.value))
        zone = zone_deg(view)
        seen = VIEWS[view.technique.value]
        if seen not in (View.ABOVE, View.FEET):
            return FigureModel(seen, value, tone, zone)
        side = "" if view.side is None else view.side.value
        if view.best_today is not None:
            self._reached[side] = round(math.degrees(view.best_today))
        reached = (self._reached.get("right", 0), self._reached.get("left", 0))
        # the dial counts to the left, the value towards the side in turn
        if side == "right":
            value, zone = -value, None if zone is None else (-zone[1], -zone[0])
        return FigureModel(seen, value, tone, zone, reached)

    def _stage(self, view: CoachView, now: Now, tone: Tone) -> None:
        deg = None if view.value is None else round(math.degrees(view.value))
        zone, scale = zone_deg(view), max(round(math.degrees(view.scale)), 10)
        best = None if view.best is None else round(math.degrees(view.best))
        today = None if view.best_today is None else round(math.degrees(view.best_today))
        side = "" if view.side is None else f"{view.side.value} side"
        self.query_one(BigAngle).show(Big(deg, tone))
        caption = [Fact("", side, "foreground")] if side else []
        if today is not None:
            caption.append(Fact("", f"today {today}°", "secondary"))
        if best is not None:
            caption.append(Fact("", f"best {best}°", "secondary"))
        small = self.has_class("-short")
        if small and view.hold_needed_s > 0 and view.phase.value == "work":
            caption.insert(0, Fact("", f"hold {seconds_left(view)} s", tone))
        self.query_one("#caption", Facts).show(tuple(caption))
        self.query_one(ZoneGauge).show(Gauge(-10, scale, zone, deg, tone, best))
        ring = self.query_one(HoldRing)
        resting = view.phase.value == "rest"
        ring.visible = not small and (resting or view.hold_needed_s > 0)
        if resting:
            self._rest = max(self._rest, view.rest_left_s)
            whole = max(round(self._rest * 10), 1)
            ring.show(Hold(whole - round(view.rest_left_s * 10), whole, tone))
        else:
            self._rest = 0.0
            ring.show(Hold(round(min(view.hold_s, view.hold_needed_s) * 5) * 2, round(view.hold_needed_s * 10), tone))
        counts = tuple(
            Count("" if c.side is None else c.side.value, c.done, c.needed, c.side == view.side) for c in view.counts
        )
        self.query_one(Counts).show(counts)
        what = f"rest {math.ceil(view.rest_left_s)} s" if resting else f"hold {view.hold_needed_s:.0f} s in the zone"
        facts = [Fact("", what, "secondary")]
        if view.caution:
            facts.append(Fact("", "gently today", Tone.WATCH))
        self.query_one("#rest", Facts).show(tuple(facts))
        if self.conductor is not None:
            trace = self.query_one(Trace)
            trace.points = self.conductor.recent.coached
            trace.show(Chart(20.0, -10, scale, zone, int(now.sample_time * 5) * 2))

    # actions

    def offers(self, action: Action) -> bool:
        """What the present step waits for."""
        view = None if self.conductor is None else self.conductor.now.coach
        phase = None if view is None else view.phase.value
        match action.name:
            case "yes" | "none":
                return phase == "red flags"
            case "read_on" | "read_back":
                return phase is not None and phase not in LIVE and self.query_one(Card).long
            case "next":
                return phase is None or phase in (*WAITS, *OVER)
            case "skip":
                return phase in ("warm-up", "position", "try-out", "work", "rest", "pain after")
            case "hold_on":
                return phase in (*LIVE, "position")
            case "end":
                return phase is not None and phase not in OVER
            case "far":
                return phase in LIVE
            case "desk" | "progress" | "calibrate":
                # a running exercise is ended, not left running out of sight
                return phase not in (*LIVE, "position")
            case _:
                return True

    def label(self, action: Action) -> str:
        """The pause is called by what it does next."""
        view = None if self.conductor is None else self.conductor.now.coach
        return "Go on" if action.name == "hold_on" and view is not None and view.paused else action.label

    def do_next(self) -> None:
        """Take the choice, tell the pain, or go on."""
        conductor = self.conductor
        if conductor is None:
            return
        from unslouch.coach.techniques import TECHNIQUES
        from unslouch.coach.values import Next, Pain

        view = conductor.now.coach
        if view is None:
            self._shown = None
            technique = list(TECHNIQUES)[self.query_one(Choices).at]
            options = self.unslouch.options
            conductor.begin_coach(technique, options.plan if technique.value == options.technique else None)
        elif view.phase.value in OVER:
            conductor.end_coach()
        elif view.phase.value.startswith("pain"):
            score = self.query_one(PainScale).value
            if score is None:
                self.notify("Choose a number first: 0 is no pain, 10 the worst.", timeout=4)
            else:
                conductor.coach(Pain(score))
        elif view.phase.value == "result":
            conductor.end_coach()  # what follows is the same text: it was read
        else:
            conductor.coach(Next())

    def do_yes(self) -> None:
        """At least one red flag."""
        from unslouch.coach.values import RedFlags

        if self.conductor is not None:
            self.conductor.coach(RedFlags(any_yes=True))

    def do_none(self) -> None:
        """No red flag; only after all of them could be read."""
        from unslouch.coach.values import RedFlags

        if self.conductor is None:
            return
        card = self.query_one(Card)
        if card.more:
            self.do_read_on()
            self.notify("Please read all of it first: more is below.", timeout=3)
            return
        self.conductor.coach(RedFlags(any_yes=False))

    def do_skip(self) -> None:
        """Leave this step out."""
        from unslouch.coach.values import Skip

        if self.conductor is not None:
            self.conductor.coach(Skip())

    def do_end(self) -> None:
        """End the exercise; a result was read, and is left."""
        from unslouch.coach.values import End

        conductor = self.conductor
        if conductor is None:
            return
        view = conductor.now.coach
        if view is not None and view.phase.value == "result":
            conductor.end_coach()
        else:
            conductor.coach(End())

    def do_hold_on(self) -> None:
        """Stop the clocks, or let them run."""
        from unslouch.coach.values import Pause, Resume

        if self.conductor is not None and self.conductor.now.coach is not None:
            self.conductor.coach(Resume() if self.conductor.now.coach.paused else Pause())

    def do_far(self) -> None:
        """Switch between the numbers alone and all of it."""
        self.toggle_class("-far")
