"""The coach: pick a technique, then be led through it."""

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
from unslouch.tui.widgets.choice import Choice, Choices, Option, PainScale
from unslouch.tui.widgets.facts import Fact, Facts
from unslouch.tui.widgets.gauge import Gauge, ZoneGauge
from unslouch.tui.widgets.paper import Card, Paper, Stepper, Steps
from unslouch.tui.widgets.picture import Big, BigAngle, Figure, Hold, HoldRing
from unslouch.tui.widgets.reps import Count, Counts
from unslouch.tui.widgets.trace import Chart, Trace

if TYPE_CHECKING:
    from unslouch.coach.values import CoachView
    from unslouch.tui.conductor import Now

VIEWS = {
    "upper_back_extension": View.STANDING,
    "doorway_stretch": View.DOORWAY,
    "supine_rotation": View.FEET,
    "seated_rotation": View.ABOVE,
}
_LIVE = ("try-out", "work", "rest")
_STEPS = ("check", "warm-up", "pain", "position", "try-out", "work", "result")
_AT = {
    "red flags": 0,
    "calibrate": 0,
    "warm-up": 1,
    "pain before": 2,
    "position": 3,
    "try-out": 4,
    "work": 5,
    "rest": 5,
    "pain after": 6,
    "result": 6,
    "ended": 6,
}


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
    CoachScreen #trace { display: none; height: 6; background: $surface; }
    CoachScreen.-live #trace { display: block; }
    CoachScreen.-reading #left { display: none; }
    CoachScreen #left { width: 2fr; }
    CoachScreen #stage { width: 2fr; }
    CoachScreen #top { height: 5; margin: 1 1 0 1; }
    CoachScreen #angle { width: 1fr; }
    CoachScreen #caption { width: 15; }
    CoachScreen ZoneGauge { margin: 0 1; }
    CoachScreen #hold { height: 1fr; margin: 0 1; align: left middle; }
    CoachScreen HoldRing { width: 14; height: 7; }
    CoachScreen #holding { width: 1fr; height: 5; margin: 0 0 0 2; }
    CoachScreen Counts { height: 3; }
    CoachScreen #rest { height: 2; }
    CoachScreen Stepper { height: 2; }
    CoachScreen Choices, CoachScreen PainScale { display: none; }
    CoachScreen.-choosing Choices { display: block; }
    CoachScreen.-scoring PainScale { display: block; }
    CoachScreen.-tall #trace { height: 8; }
    CoachScreen.-tall #top { height: 9; }
    CoachScreen.-tall HoldRing { width: 22; height: 11; }
    CoachScreen.-wide #caption { width: 20; }
    CoachScreen.-low #trace, CoachScreen.-short #trace { display: none; }
    CoachScreen.-low #top { height: 4; margin: 0 1; }
    CoachScreen.-narrow #caption { width: 11; }
    CoachScreen.-tiny #left, CoachScreen.-short #left { display: none; }
    CoachScreen.-short #card { padding: 0 1; }
    CoachScreen.-short Stepper { display: none; }
    CoachScreen.-short #top { height: 1fr; margin: 0 1; }
    CoachScreen.-short #caption { width: 14; }
    CoachScreen.-short #hold { height: 1; }
    CoachScreen.-short HoldRing { width: 6; height: 1; }
    CoachScreen.-short #holding { height: 1; margin: 0; }
    CoachScreen.-short Counts { height: 1; }
    CoachScreen.-short #rest { display: none; }
    CoachScreen.-far #left, CoachScreen.-far #trace, CoachScreen.-far #holding { display: none; }
    CoachScreen.-far #top { height: 1fr; }
    CoachScreen.-far #hold { align: center middle; }
    """
