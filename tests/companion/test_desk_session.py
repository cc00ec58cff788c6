"""The desk session: states, cues, snooze, nudges and the account of time."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees, radians
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from unslouch.desk.breaks import SeatedState
from unslouch.desk.keeping import keep
from unslouch.desk.session import DeskSession
from unslouch.desk.values import (
    Cue,
    CueKind,
    DeskCommand,
    DeskEffect,
    DeskSettings,
    End,
    Ended,
    Link,
    Mark,
    Notify,
    Pause,
    PostureState,
    Resume,
    Snooze,
    faded,
)
from unslouch.errors import UnslouchError
from unslouch.store import progress
from unslouch.store.log import Save, SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import ActivityRow, AlertRow, DoubtRow, MarkerRow, Outcome, SessionKind, SlouchRow, Source
from unslouch.store.store import Store
from unslouch_signal.analyser import Analyser
from unslouch_signal.events import (
    ActivityKind,
    ActivitySpan,
    CalibrationDoubt,
    Direction,
    DoubtReason,
    Event,
    RotationPosition,
    RotationRep,
    Side,
    SlouchAlert,
    SlouchSpell,
)
from unslouch_signal.protocol import find_protocol
from unslouch_signal.synth import Scenario, movements, simulate
from unslouch_signal.track import PostureFrame

DWELL = 15.0


class Desk:
    """A sitter whose frames and events are said outright, one frame a second."""

    def __init__(self, settings: DeskSettings | None = None) -> None:
        self.session = DeskSession(settings)
        self.t = 100.0
        self.activity = ActivityKind.STILL
        self.calibrated = True
        self.doubt: str | None = None
        self.slouch_since: float | None = None
        self.effects: list[DeskEffect] = []

    @property
    def state(self) -> PostureState:
        return self.session.state

    def frame(self) -> PostureFrame:
        since = self.slouch_since
        angle = 0.02 if since is None else 0.35
        return PostureFrame(
            self.t,
            angle,
            0.0,
            0.0,
            angle,
            (0.0, 0.0, 1.0),
            self.activity.value,
            self.calibrated,
            self.doubt,
            since is not None,
            0.0 if since is None else self.t - since,
        )

    def feed(self, *events: Event) -> list[DeskEffect]:
        out = self.session.feed(events, self.frame())
        self.effects += out
        return out

    def do(self, command: DeskCommand) -> list[DeskEffect]:
        out = self.session.command(command)
        self.effects += out
        return out

    def sit(self, seconds: float, step: float = 1.0) -> list[DeskEffect]:
        out: list[DeskEffect] = []
        for _ in range(round(seconds / step)):
            self.t += step
            out += self.feed()
        return out

    def slouch(self, seconds: float, direction: Direction | None = Direction.FLEXION) -> list[DeskEffect]:
        """Slouch from now on; the alert comes after the dwell as the detector gives it."""
        if self.slouch_since is None:
            self.slouch_since = self.t
        out: list[DeskEffect] = []
        for _ in range(round(seconds)):
            self.t += 1.0
            alert = SlouchAlert(self.t, self.slouch_since, direction, 0.35)
            out += self.feed(*([alert] if self.t - self.slouch_since == DWELL else []))
        return out

    def rise(self) -> list[DeskEffect]:
        since, self.slouch_since = self.slouch_since, None
        assert since is not None
        self.t += 1.0
        alert = since + DWELL if self.t - since > DWELL else None
        spell = SlouchSpell(since, self.t, alert, 0.4, 0.35, Direction.FLEXION)
        return self.feed(*([spell] if self.t - since >= 5.0 else []))


def cues(effects: list[DeskEffect], kind: CueKind = CueKind.SLOUCH) -> list[Cue]:
    return [effect for effect in effects if isinstance(effect, Cue) and effect.kind is kind]


def saved(effects: list[DeskEffect], kind: type) -> list:
    return [effect.part for effect in effects if isinstance(effect, Save) and isinstance(effect.part, kind)]


@pytest.fixture
def desk() -> Desk:
    it = Desk()
    it.feed()
    return it


# States


def test_before_the_first_frame_there_is_no_signal() -> None:
    session = DeskSession()
    assert session.state is PostureState.NO_SIGNAL
    assert session.view.t is None
    assert session.view.figures.share is None
    assert session.feed([], None) == []


def test_the_state_in_one_word(desk: Desk) -> None:
    assert desk.state is PostureState.UPRIGHT
    desk.slouch(10)
    assert desk.state is PostureState.SLOUCHING
    desk.slouch(6)
    assert desk.state is PostureState.CUED
    desk.rise()
    assert desk.state is PostureState.UPRIGHT
    for activity, state in (
        (ActivityKind.MOVING, PostureState.UPRIGHT),
        (ActivityKind.WALKING, PostureState.WALKING),
        (ActivityKind.LYING, PostureState.LYING),
        (ActivityKind.OFF_BODY, PostureState.OFF_BODY),
        (ActivityKind.UNKNOWN, PostureState.NO_SIGNAL),
    ):
        desk.activity = activity
        desk.sit(1)
        assert desk.state is state
        assert desk.session.view.advice
    desk.activity = ActivityKind.STILL
    desk.doubt = DoubtReason.SLIPPED.value
    desk.sit(1)
    assert desk.state is PostureState.DOUBTFUL
    assert "slipped" in desk.session.view.advice
    desk.calibrated = False
    desk.sit(1)
    assert desk.state is PostureState.UNCALIBRATED
    desk.do(Link(up=False))
    assert desk.state is PostureState.NO_SIGNAL
    desk.do(Pause())
    assert desk.state is PostureState.PAUSED
    desk.do(End())
    assert desk.state is PostureState.ENDED


def test_the_next_spell_is_slouching_again_not_cued(desk: Desk) -> None:
    desk.slouch(20)
    desk.rise()
    desk.slouch(3)
    assert desk.state is PostureState.SLOUCHING


def test_the_link_back_brings_the_state_back(desk: Desk) -> None:
    desk.do(Link(up=False))
    desk.do(Link(up=True))
    assert desk.state is PostureState.UPRIGHT


# Cues


@pytest.mark.parametrize("direction", [*Direction, None])
def test_an_alert_cues_saves_and_says_which_way(desk: Desk, direction: Direction | None) -> None:
    start = desk.t
    effects = desk.slouch(20, direction)
    (cue,) = cues(effects)
    assert cue.t == start + DWELL
    assert desk.session.view.advice == cue.text
    words = {
        Direction.FLEXION: "forward",
        Direction.EXTENSION: "back",
        Direction.LEAN_LEFT: "left",
        Direction.LEAN_RIGHT: "right",
        None: "upright",
    }
    assert words[direction] in cue.text
    (row,) = saved(effects, AlertRow)
    assert row == AlertRow(start + DWELL, start, direction, 0.35, cued=True)
    (spell,) = saved(desk.rise(), SlouchRow)
    assert (spell.start_t, spell.end_t, spell.alert_t) == (start, start + 21, start + DWELL)


@pytest.mark.parametrize(("every", "cued"), [(1, [1, 2, 3, 4, 5]), (2, [1, 3, 5]), (4, [1, 5])])
def test_fading_cues_every_so_many_alerts(every: int, cued: list[int]) -> None:
    desk = Desk(DeskSettings(cue_every=every))
    desk.feed()
    heard: list[int] = []
    for number in range(1, 6):
        if cues(desk.slouch(20)):
            heard.append(number)
        desk.rise()
        desk.sit(60)
    assert heard == cued
    rows = saved(desk.effects, AlertRow)
    assert [row.cued for row in rows] == [number in cued for number in range(1, 6)]
    assert {row.muted_by for row in rows if not row.cued} <= {"faded"}
    assert (desk.session.figures.alerts, desk.session.figures.cues) == (5, len(cued))


def test_the_fading_plan_goes_down_over_four_weeks() -> None:
    assert [faded(week) for week in range(6)] == [1, 1, 2, 4, 4, 4]


# Snooze and pause


def test_a_snooze_mutes_for_its_minutes_of_sample_time(desk: Desk) -> None:
    desk.do(Snooze(2))
    assert desk.state is PostureState.SNOOZED
    assert desk.session.view.snooze_left_s == 120
    effects = desk.slouch(20)
    assert cues(effects) == []
    (row,) = saved(effects, AlertRow)
    assert (row.cued, row.muted_by) == (False, "snoozed")
    desk.rise()
    desk.sit(98)
    assert desk.state is PostureState.SNOOZED
    assert "1 min" in desk.session.view.advice
    desk.sit(2)
    assert desk.state is PostureState.UPRIGHT
    assert len(cues(desk.slouch(20))) == 1


def test_a_snooze_takes_the_setting_by_default() -> None:
    desk = Desk(DeskSettings(snooze_min=5))
    desk.feed()
    desk.do(Snooze())
    assert desk.session.view.snooze_left_s == 300


def test_who_still_slouches_when_the_snooze_ends_is_cued_then(desk: Desk) -> None:
    desk.do(Snooze(1))
    effects = desk.slouch(59)
    assert cues(effects) == []
    later = desk.slouch(2)
    assert len(cues(later)) == 1
    (row,) = saved(later, AlertRow)
    assert (row.t, row.cued) == (saved(effects, AlertRow)[0].t, True), "the same alert, not another one"
    assert desk.session.figures.alerts == 1
    assert cues(desk.slouch(30)) == []


def test_who_sat_up_before_the_snooze_ended_is_left_alone(desk: Desk) -> None:
    desk.do(Snooze(1))
    desk.slouch(30)
    desk.rise()
    assert cues(desk.sit(60)) == []
    assert cues(desk.slouch(10)) == []


def test_resume_ends_a_snooze_and_cues_what_still_runs(desk: Desk) -> None:
    desk.do(Snooze(10))
    desk.slouch(20)
    assert len(cues(desk.do(Resume()))) == 1
    assert desk.state is PostureState.CUED


def test_a_pause_judges_and_counts_nothing(desk: Desk) -> None:
    desk.sit(100)
    desk.do(Pause())
    desk.do(Pause())
    effects = [*desk.slouch(30), *desk.rise(), *desk.sit(69)]
    assert cues(effects) == []
    assert saved(effects, AlertRow) == []
    (row,) = saved(desk.do(Resume()), ActivityRow)
    assert row == ActivityRow("paused", 200.0, 300.0)
    figures = desk.session.figures
    assert (figures.upright_s, figures.slouched_s, figures.unknown_s) == (100, 0, 100)
    assert figures.alerts == 0
    assert desk.do(Resume()) == []


def test_who_slouches_on_after_a_pause_is_cued(desk: Desk) -> None:
    desk.do(Pause())
    desk.slouch(20)
    effects = desk.do(Resume())
    assert len(cues(effects)) == 1
    assert desk.session.figures.alerts == 1


def test_ending_closes_what_is_open_and_takes_nothing_more(desk: Desk) -> None:
    desk.sit(10)
    desk.do(Pause())
    desk.sit(10)
    effects = desk.do(End())
    assert effects == [Save(ActivityRow("paused", 110.0, 120.0)), Ended(120.0)]
    assert desk.do(End()) == []
    assert desk.do(Mark("x")) == []
    assert desk.slouch(30) == []


def test_markers_are_kept(desk: Desk) -> None:
    assert desk.do(Mark("new chair")) == [Save(MarkerRow(100.0, "new chair"))]


# Figures


def test_the_account_of_a_session(desk: Desk) -> None:
    desk.sit(100)
    desk.slouch(39)
    desk.rise()
    desk.sit(60)
    desk.activity = ActivityKind.WALKING
    start = desk.t
    desk.sit(50)
    desk.activity = ActivityKind.STILL
    desk.t += 1
    desk.feed(ActivitySpan(ActivityKind.WALKING, start, desk.t))
    desk.sit(149)
    figures = desk.session.figures
    assert figures.slouched_s == pytest.approx(40)
    assert figures.unknown_s == pytest.approx(51)
    assert figures.upright_s == pytest.approx(100 + 60 + 149)
    assert figures.longest_upright_s == pytest.approx(149)
    assert figures.share == pytest.approx(309 / 349)
    total = figures.upright_s + figures.slouched_s + figures.unknown_s
    assert total == pytest.approx(desk.t - 100.0)


def test_a_running_spell_counts_from_five_seconds_on(desk: Desk) -> None:
    desk.sit(20)
    desk.slouch(4)
    assert desk.session.figures.slouched_s == 0
    desk.slouch(1)
    assert desk.session.figures.slouched_s == 5
    desk.slouch(5)
    assert desk.session.figures.slouched_s == 10
    assert desk.session.figures.upright_s == 20


def test_what_cannot_be_judged_is_unknown_and_saved(desk: Desk) -> None:
    desk.calibrated = False
    desk.sit(100)
    desk.calibrated = True
    desk.sit(50)
    assert desk.session.figures.unknown_s == pytest.approx(100)
    rows = saved(desk.effects, ActivityRow)
    assert {row.kind for row in rows} == {"uncalibrated"}
    assert (rows[-1].start_t, rows[-1].end_t) == (101.0, 201.0)
    assert len(rows) >= 3, "saved while it grows"


def test_an_uncalibrated_session_that_ends_is_saved_whole() -> None:
    desk = Desk()
    desk.calibrated = False
    desk.feed()
    desk.sit(70)
    rows = saved(desk.do(End()), ActivityRow)
    assert rows == [ActivityRow("uncalibrated", 100.0, 170.0)]


def test_doubts_are_told_saved_and_end_with_a_new_calibration(desk: Desk) -> None:
    desk.doubt = DoubtReason.SLIPPED.value
    effects = desk.feed(CalibrationDoubt(desk.t, DoubtReason.SLIPPED))
    assert [effect for effect in effects if isinstance(effect, Notify)]
    assert saved(effects, DoubtRow) == [DoubtRow(100.0, DoubtReason.SLIPPED, resolved=False)]
    desk.sit(20)
    desk.doubt = None
    assert saved(desk.sit(1), DoubtRow) == [DoubtRow(121.0, DoubtReason.SLIPPED, resolved=True)]
    assert saved(desk.sit(1), DoubtRow) == []
    desk.feed(CalibrationDoubt(desk.t, DoubtReason.GAP))
    assert saved(desk.feed(CalibrationDoubt(desk.t, DoubtReason.GAP, resolved=True)), DoubtRow) == [
        DoubtRow(desk.t, DoubtReason.GAP, resolved=True)
    ]


def test_looks_at_the_desk_count_for_nobody(desk: Desk) -> None:
    rep = RotationRep(Side.LEFT, RotationPosition.SEATED, 90.0, 92.0, 95.0, 0.6, 1.0)
    assert desk.feed(rep) == []


def test_only_what_is_not_judged_is_saved_of_activities(desk: Desk) -> None:
    assert desk.feed(ActivitySpan(ActivityKind.STILL, 1.0, 2.0), ActivitySpan(ActivityKind.MOVING, 2.0, 3.0)) == []


# Nudges


def test_a_nudge_after_half_an_hour_and_once_more_after_an_hour(desk: Desk) -> None:
    heard: list[float] = []
    for _ in range(100):
        heard += [cue.t - 100.0 for cue in cues(desk.sit(60, step=10), CueKind.BREAK)]
    assert heard == [1800.0, 3600.0]


def test_a_walk_starts_it_over_and_a_few_steps_do_not(desk: Desk) -> None:
    desk.sit(1700, step=10)
    desk.activity = ActivityKind.WALKING
    desk.sit(20)
    desk.activity = ActivityKind.STILL
    assert len(cues(desk.sit(110, step=10), CueKind.BREAK)) == 1
    desk.activity = ActivityKind.WALKING
    desk.sit(31)
    desk.activity = ActivityKind.MOVING
    assert cues(desk.sit(1790, step=10), CueKind.BREAK) == []
    assert len(cues(desk.sit(20, step=10), CueKind.BREAK)) == 1


@pytest.mark.parametrize(
    ("activity", "seconds", "over"),
    [
        ("walking", 29.0, False),
        ("walking", 30.0, True),
        ("lying", 59.0, False),
        ("lying", 60.0, True),
        ("off_body", 60.0, True),
        ("unknown", 299.0, False),
        ("unknown", 300.0, True),
        ("moving", 9999.0, False),
    ],
)
def test_what_ends_the_time_in_one_place(activity: str, seconds: float, over: bool) -> None:
    state = SeatedState(seated_s=1000.0, nudges=1).after(activity, seconds)
    assert (state.seated_s == 0.0) == over
    assert state.nudges == (0 if over else 1)


def test_nudges_wait_for_the_end_of_a_snooze_and_can_be_off(desk: Desk) -> None:
    desk.sit(1790, step=10)
    desk.do(Snooze(10))
    assert cues(desk.sit(590, step=10), CueKind.BREAK) == []
    assert len(cues(desk.sit(20, step=10), CueKind.BREAK)) == 1
    off = Desk(DeskSettings(nudge_s=None))
    off.feed()
    assert cues(off.sit(7200, step=10), CueKind.BREAK) == []


@pytest.mark.parametrize(
    "bad", [{"cue_every": 3}, {"nudge_s": 10.0}, {"nudge_s": 4000.0}, {"snooze_min": 0.0}, {"last_nudge_s": 90000.0}]
)
def test_settings_outside_their_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UnslouchError):
        DeskSettings(**bad)  # type: ignore[arg-type]


# Kept


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(data_paths(tmp_path)) as opened:
        yield opened


def test_a_simulated_day_at_the_desk_is_kept_as_it_was_shown(store: Store) -> None:
    calm = movements.Rest(30.0)
    day_of = (movements.CalibrationProtocol(), calm, movements.slouch(24.0, 6.0, 40.0), calm, movements.Walk(), calm)
    taken = simulate(Scenario("day", (*day_of, movements.slouch(20.0, 10.0, 30.0), calm, calm)), seed=4)
    block = taken.block_fused
    assert block is not None
    found = find_protocol(block)
    assert found is not None
    analyser, session = Analyser(found.calibration), DeskSession()
    start = SessionStart(SessionKind.DESK, Source.SIMULATED, float(block.t[0]), 1.78e9, 0.0)
    log = SessionLog(store, start)
    cut = np.arange(0, len(block), 26)
    for lo, hi in zip(cut, [*cut[1:], len(block)], strict=True):
        effects = session.feed(analyser.process(block[int(lo) : int(hi)]), analyser.latest)
        keep(effects, log)
        assert session.view.advice
    shown = session.figures
    keep(session.feed(analyser.finish(), analyser.latest), log)
    keep(session.command(End()), log)
    row = store.session(log.row.uid)
    assert (row.outcome, row.end_t) == (Outcome.ENDED, pytest.approx(float(block.t[-1]), abs=0.1))
    (day,) = progress.desk_days(store)
    times = analyser.posture_time
    assert day.alerts == shown.alerts == len(store.select(AlertRow)) == 2
    assert shown.cues == 2
    assert len(store.select(SlouchRow)) == 2
    for kept, displayed, counted in (
        (day.slouched_s, shown.slouched_s, times.slouched),
        (day.unknown_s, shown.unknown_s, times.unknown),
        (day.upright_s, shown.upright_s, times.upright),
    ):
        assert displayed == pytest.approx(kept, abs=6.0)
        assert kept == pytest.approx(counted, abs=20.0)
    assert all(degrees(spell.peak) > 12.0 for spell in store.select(SlouchRow))


# Random days


class AnyDay(RuleBasedStateMachine):
    """Any activities, spells and commands: the account stays whole and cues come only when they may."""

    @initialize(every=st.sampled_from([1, 2, 4]))
    def begin(self, every: int) -> None:
        self.desk = Desk(DeskSettings(cue_every=every))
        self.desk.feed()
        self.quiet_until: float | None = None

    @rule(command=st.sampled_from([Snooze(1), Snooze(), Pause(), Resume(), Link(up=False), Link(up=True), Mark("x")]))
    def command(self, command: DeskCommand) -> None:
        self.desk.do(command)

    @rule(seconds=st.integers(1, 90))
    def sit(self, seconds: int) -> None:
        if self.desk.slouch_since is not None:
            self.desk.rise()
        self.desk.sit(seconds)

    @rule(seconds=st.integers(1, 60))
    def slouch(self, seconds: int) -> None:
        session = self.desk.session
        muted = session.state in (PostureState.PAUSED, PostureState.SNOOZED)
        left = session.view.snooze_left_s
        effects = self.desk.slouch(seconds)
        if muted and (session.state is PostureState.PAUSED or left > seconds):
            assert cues(effects) == []

    @rule(activity=st.sampled_from(list(ActivityKind)), seconds=st.integers(1, 400))
    def something_else(self, activity: ActivityKind, seconds: int) -> None:
        if self.desk.slouch_since is not None:
            self.desk.rise()
        start, self.desk.activity = self.desk.t, activity
        self.desk.sit(seconds)
        self.desk.activity = ActivityKind.STILL
        self.desk.feed(ActivitySpan(activity, start, self.desk.t))

    @rule(calibrated=st.booleans(), doubt=st.sampled_from([None, "gap"]))
    def calibration(self, calibrated: bool, doubt: str | None) -> None:
        self.desk.calibrated, self.desk.doubt = calibrated, doubt
        self.desk.feed()

    @invariant()
    def account_is_whole(self) -> None:
        figures = self.desk.session.figures
        total = figures.upright_s + figures.slouched_s + figures.unknown_s
        assert total == pytest.approx(self.desk.t - 100.0, abs=1e-6)
        assert 0 <= figures.longest_upright_s <= figures.upright_s
        assert 0 <= figures.cues <= figures.alerts
        assert figures.cues == len(cues(self.desk.effects))
        assert self.desk.session.view.advice


TestAnyDay = AnyDay.TestCase
TestAnyDay.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_angles_of_the_view_are_the_frames(desk: Desk) -> None:
    desk.slouch(3)
    view = desk.session.view
    assert (view.flexion, view.tilt, view.slouch_s) == (0.35, 0.35, 3.0)
    assert degrees(view.flexion or 0) > degrees(radians(12.0))
