"""The desk: how you sit, for how long, and whether it is time to mind it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from unslouch.live.feed import LinkKind
from unslouch.tui.actions import Action, Where, bindings
from unslouch.tui.figures import FigureModel, View
from unslouch.tui.screens.base import LiveScreen
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.bars import Say
from unslouch.tui.widgets.facts import Fact, Facts
from unslouch.tui.widgets.gauge import Gauge, ZoneGauge
from unslouch.tui.widgets.picture import Big, BigAngle, Figure
from unslouch.tui.widgets.trace import Chart, Trace
from unslouch.tui.words import POSTURE, minutes

if TYPE_CHECKING:
    from unslouch.desk.values import DeskView
    from unslouch.tui.conductor import Now

CALM_HZ = 2
"""How often counters, trace and the last degree move while nothing else does: one picture for all of them, for each
picture costs the terminal and this program alike (1 % of a core for one a second)."""
MOVED_DEG = 2.5
"""Breathing and sway stay below; beyond it every picture counts."""
_LEAN_SEEN = 9.0
_LEAN_GONE = 6.0


class Turn:
    """How far the trunk is turned from where it mostly faces, which follows swivelling chairs and drifting headings."""

    SEEN_DEG = 18.0
    GONE_DEG = 9.0
    FOLLOW_S = 20.0

    def __init__(self) -> None:
        self._t: float | None = None
        self._front = 0.0
        self._on = False

    def follow(self, t: float, axial_deg: float) -> int:
        """Return the turn (deg, + left), 0 while there is none to speak of."""
        if self._t is None or not 0 <= t - self._t < 5.0:
            self._front, self._on = axial_deg, False
        else:
            self._front += (axial_deg - self._front) * (t - self._t) / self.FOLLOW_S
        self._t = t
        turn = axial_deg - self._front
        self._on = abs(turn) > (self.GONE_DEG if self._on else self.SEEN_DEG)
        return round(turn) if self._on else 0


class DeskScreen(LiveScreen):
    """Posture at the desk."""

    where = Where.DESK
    title_word = "Desk"
    BINDINGS = bindings(Where.DESK)
    DEFAULT_CSS = """
    DeskScreen #main { height: 1fr; }
    DeskScreen #left { width: 1fr; background: $surface; margin: 0 1 0 0; }
    DeskScreen.-alert #left { border: outer $warning; }
    DeskScreen #right { width: 1fr; }
    DeskScreen #top { height: 5; margin: 1 1 1 1; }
    DeskScreen #angle { width: 1fr; }
    DeskScreen #caption { width: 16; }
    DeskScreen ZoneGauge { margin: 0 1; }
    DeskScreen #facts { margin: 1 1 0 1; }
    DeskScreen #trace { height: 6; background: $surface; }
    DeskScreen.-wide #left { width: 4fr; }
    DeskScreen.-wide #right { width: 5fr; }
    DeskScreen.-tall #trace { height: 9; }
    DeskScreen.-tall #top { height: 9; }
    DeskScreen.-low #trace, DeskScreen.-short #trace { display: none; }
    DeskScreen.-low #top { margin: 1 1 0 1; }
    DeskScreen.-narrow #caption { width: 12; }
    DeskScreen.-tiny #left { display: none; }
    DeskScreen.-short #left { display: none; }
    DeskScreen.-short #top { margin: 0 1; height: 1fr; }
    DeskScreen.-short #facts { display: none; }
    DeskScreen.-far #left, DeskScreen.-far #facts, DeskScreen.-far #trace { display: none; }
    DeskScreen.-far #top { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sideways = False
        self._turn = Turn()
        self.limits = (12, 12, 12)
        """Where a slouch begins forward, backward and to the side, deg; judged elsewhere, shown here."""
        self._followed: tuple[object, ...] = ()
        self._angles: tuple[float, ...] = ()

    def body(self) -> ComposeResult:
        """Figure beside numbers, trace below."""
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield Figure(id="figure")
            with Vertical(id="right"):
                with Horizontal(id="top"):
                    yield BigAngle(id="angle")
                    yield Facts(id="caption")
                yield ZoneGauge()
                yield Facts(id="facts")
        yield Trace(id="trace")

    def starting(self) -> None:
        """Show an upright figure."""
        self.query_one(Figure).show(FigureModel(View.SEATED, 0, Tone.OFF))
        self.query_one(BigAngle).show(Big(None, Tone.OFF))

    def follow(self, now: Now) -> None:
        """Show movement at once, and what only counts a few times a second."""
        view = now.desk
        seen = (view.state, now.link, now.restarted, now.transport, int(now.sample_time * CALM_HZ))
        angles = tuple(
            0.0 if a is None else math.degrees(a) for a in (view.flexion, view.lateral, view.axial, view.tilt)
        )
        if seen == self._followed and all(abs(a - b) < MOVED_DEG for a, b in zip(angles, self._angles, strict=True)):
            return
        self._followed, self._angles = seen, angles
        self.present(now)

    def picture(self, now: Now) -> Say:
        """Show the desk's view."""
        view = now.desk
        if self.conductor is not None:
            chosen = self.conductor.preferences
            self.limits = (round(chosen.flexion_deg), round(chosen.extension_deg), round(chosen.lean_deg))
        word, tone = POSTURE[view.state.value]
        heard = now.link.kind not in (LinkKind.CONNECTING, LinkKind.LOST)
        if not heard:
            # the last angle before is not how one sits now
            tone = Tone.OFF
            view = replace(view, tilt=None, axial=None, slouch_s=0.0)
        angle, way, figure = self._angle(view, tone)
        self.set_class(view.state.value == "cued", "-alert")
        turned = 0 if view.axial is None or view.t is None else self._turn.follow(view.t, math.degrees(view.axial))
        if turned:
            figure = FigureModel(View.ABOVE, turned, tone)
        self.query_one(Figure).show(figure)
        self.query_one(BigAngle).show(Big(None if angle is None else abs(angle), tone))
        zone = self._zone(view)
        limit = zone[1] if (angle or 0) >= 0 else -zone[0]
        self.query_one("#caption", Facts).show(
            (
                Fact("", way, "secondary"),
                Fact("", f"limit {limit}°", "secondary"),
                *((Fact("", f"for {minutes(view.slouch_s)}", tone),) if view.slouch_s >= 1 else ()),
                *((Fact("", f"turned {'left' if turned > 0 else 'right'} {abs(turned)}°"),) if turned else ()),
            )
        )
        self.query_one(ZoneGauge).show(Gauge(-30, 45, zone, angle, tone))
        self.query_one("#facts", Facts).show(self._facts(view))
        if self.conductor is not None:
            trace, recent = self.query_one(Trace), self.conductor.recent
            trace.points = recent.tilt if view.flexion is None else recent.lateral if self._sideways else recent.flexion
            trace.show(Chart(60.0, -25, 45, zone, int(now.sample_time * CALM_HZ) * 10 // CALM_HZ, Tone.WATCH))
        if view.state.value == "paused" and now.coach is not None:
            return Say(word, tone, "The coach waits where you left it: press c to go on there.")
        return Say(word, tone, view.advice)

    def _angle(self, view: DeskView, tone: Tone) -> tuple[int | None, str, FigureModel]:
        """Return the angle that matters (deg), its direction in words and the figure that shows it."""
        if view.tilt is None:
            return None, "no samples", FigureModel(View.SEATED, 0, tone)
        if view.flexion is None or view.lateral is None:
            tilt = round(math.degrees(view.tilt))
            return tilt, "off upright", FigureModel(View.SEATED, tilt, tone, self._zone(view))
        flexion, lateral = math.degrees(view.flexion), math.degrees(view.lateral)
        limit = _LEAN_GONE if self._sideways else _LEAN_SEEN
        self._sideways = abs(lateral) > limit and abs(lateral) > abs(flexion)
        if self._sideways:
            way = "to the right" if lateral > 0 else "to the left"
            return round(lateral), way, FigureModel(View.BEHIND, round(lateral), tone, self._zone(view))
        way = "forward" if round(flexion) > 0 else "backward" if round(flexion) < 0 else "upright"
        return round(flexion), way, FigureModel(View.SEATED, round(flexion), tone, self._zone(view))

    def _zone(self, view: DeskView) -> tuple[int, int]:
        """Return where no slouch is judged, in the plane that is shown, deg."""
        forward, backward, aside = self.limits
        if view.flexion is not None and self._sideways:
            return -aside, aside
        # without forward, the total tilt is held against the threshold forward
        return (-forward if view.flexion is None else -backward), forward

    def _facts(self, view: DeskView) -> tuple[Fact, ...]:
        figures = view.figures
        share = "-" if figures.share is None else f"{figures.share:.0%}"
        facts = [
            Fact("upright", f"{share} of {minutes(figures.upright_s + figures.slouched_s)}"),
            Fact("slouched", minutes(figures.slouched_s)),
            Fact("longest upright", minutes(figures.longest_upright_s)),
            Fact(
                "alerts",
                f"{figures.alerts}" if figures.alerts == figures.cues else f"{figures.alerts}, {figures.cues} cued",
            ),
            Fact("in one place", minutes(view.seated_s)),
        ]
        if view.snooze_left_s > 0:
            facts.append(Fact("snoozed for", minutes(view.snooze_left_s)))
        return tuple(facts)

    # actions

    def label(self, action: Action) -> str:
        """Pause and snooze are called by what they do next."""
        state = "" if self.conductor is None else self.conductor.now.desk.state.value
        if action.name == "hold_on" and self.conductor is not None:
            transport = self.conductor.now.transport
            held = state == "paused" if transport is None else transport.paused
            return ("Go on" if transport is None else "Play") if held else action.label
        if action.name == "snooze" and state == "snoozed":
            return "Alerts on"
        return action.label

    def rank(self, action: Action) -> int:
        """Without a calibration the way to it is left out last."""
        state = "" if self.conductor is None else self.conductor.now.desk.state.value
        return 1 if action.name == "calibrate" and state in ("uncalibrated", "doubtful") else action.rank

    def do_snooze(self) -> None:
        """Alerts off for a while, or back."""
        from unslouch.desk.values import PostureState, Resume, Snooze

        if self.conductor is not None:
            snoozed = self.conductor.now.desk.state is PostureState.SNOOZED
            self.conductor.desk(Resume() if snoozed else Snooze())

    def do_mark(self) -> None:
        """Keep a note."""
        if self.conductor is not None:
            self.conductor.mark("mark")
            self.notify("Marked.", timeout=2)

    def do_far(self) -> None:
        """Switch between the numbers alone and all of it."""
        self.toggle_class("-far")
