"""The guided calibration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from unslouch.tui.actions import Action, Where, bindings
from unslouch.tui.figures import FigureModel, View
from unslouch.tui.screens.base import LiveScreen
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.bars import Say
from unslouch.tui.widgets.paper import Card, Paper, Stepper, Steps
from unslouch.tui.widgets.picture import Figure, Hold, HoldRing

if TYPE_CHECKING:
    from unslouch.tui.conductor import Now
    from unslouch.tui.guide import GuideView

_PARTS = ("still", "bows", "turn", "done")
_AT = {"ready": 0, "neutral": 0, "bows": 1, "turn": 2, "result": 3}


class CalibrateScreen(LiveScreen):
    """Neutral, bows, optional turn, and what the calibration is worth."""

    where = Where.CALIBRATE
    title_word = "Calibrate"
    BINDINGS = bindings(Where.CALIBRATE)
    DEFAULT_CSS = """
    CalibrateScreen #main { height: 1fr; }
    CalibrateScreen #left { width: 2fr; background: $surface; margin: 0 1 0 0; }
    CalibrateScreen #right { width: 3fr; padding: 1 1 0 1; }
    CalibrateScreen Stepper { height: 2; }
    CalibrateScreen Card { height: 1fr; }
    CalibrateScreen HoldRing { width: 14; height: 7; }
    CalibrateScreen.-tiny #left { display: none; }
    CalibrateScreen.-short #right { padding: 0 1; }
    CalibrateScreen.-short HoldRing { display: none; }
    CalibrateScreen.-tall HoldRing { width: 22; height: 11; }
    """

    def body(self) -> ComposeResult:
        """Figure beside the part in words and its ring."""
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield Figure()
            with Vertical(id="right"):
                yield Stepper()
                yield Card()
                yield HoldRing()

    def starting(self) -> None:
        """Show the parts."""
        self.query_one(Stepper).show(Steps(_PARTS, 0))

    def picture(self, now: Now) -> Say:
        """Show the guide's view."""
        assert self.conductor is not None
        view = self.conductor.guide.view
        phase = view.phase.value
        tilt = round(math.degrees(view.tilt or 0.0))
        tone = Tone.GOOD if phase in ("neutral", "result") else Tone.CALM
        if phase == "turn":
            self.query_one(Figure).show(FigureModel(View.ABOVE, tilt, tone, (20, 60)))
        else:
            zone = (20, 45) if phase == "bows" else (-3, 3)
            self.query_one(Figure).show(FigureModel(View.SEATED, tilt, tone, zone))
        self.query_one(Stepper).show(Steps(_PARTS, _AT[phase]))
        self.query_one(Card).turn_to(self._card(view))
        ring = self.query_one(HoldRing)
        ring.visible = phase == "neutral"
        ring.show(Hold(round(view.done * 50), 50, tone))
        return self._say(view)

    def _card(self, view: GuideView) -> Paper:
        if view.phase.value == "bows":
            count = f"{view.bows} of 2 bows"
        elif view.phase.value == "ready":
            count = "Press enter when the strap sits well."
        elif view.phase.value == "turn":
            count = "Press enter to leave the turn out."
        else:
            count = ""
        lines = [view.sentence, count]
        calibration = view.calibration
        if calibration is not None:
            from unslouch.tui.guide import quality_word

            lines = [f"Quality: {quality_word(calibration)} ({calibration.quality:.0%})", view.sentence]
            lines += [f"- {reason[0].upper()}{reason[1:]}." for reason in calibration.reasons]
            lines.append("Press enter to use it, r to do it again.")
        return Paper(view.title, tuple(line for line in lines if line))

    def _say(self, view: GuideView) -> Say:
        if view.phase.value == "ready":
            return Say("READY", Tone.CALM, "Press enter when the strap sits well.")
        words = {"ready": "READY", "neutral": "STILL", "bows": "BOW", "turn": "TURN", "result": "RESULT"}
        if view.calibration is not None:
            poor = view.calibration.quality < 0.5
            return Say(words["result"], Tone.WATCH if poor else Tone.GOOD, view.sentence)
        tone = Tone.GOOD if view.phase.value == "neutral" else Tone.CALM
        return Say(words[view.phase.value], tone, f"{view.title}.")

    # actions

    def offers(self, action: Action) -> bool:
        """Enter only where it leads on."""
        if action.name == "next" and self.conductor is not None:
            return self.conductor.guide.view.phase.value in ("ready", "turn", "result")
        if action.name == "restart" and self.conductor is not None:
            return self.conductor.guide.view.phase.value != "ready"
        if action.name in ("read_on", "read_back"):
            return self.query_one(Card).long
        return True

    def do_next(self) -> None:
        """Begin, leave the turn out, or use the result."""
        if self.conductor is None:
            return
        guide = self.conductor.guide
        calibration = guide.view.calibration
        if calibration is None:
            guide.next()
            return
        self.conductor.use(calibration)
        guide.restart()
        # a coach that asked for it waits for it
        self.unslouch.go(Where.DESK if self.conductor.now.coach is None else Where.COACH)

    def do_restart(self) -> None:
        """Begin again."""
        if self.conductor is not None:
            self.conductor.guide.restart()
            self.conductor.guide.next()
