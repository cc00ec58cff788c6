"""The coached session as a state machine, on tracks made by hand: every rule by itself."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from math import radians

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from unslouch.coach import safety
from unslouch.coach.history import CoachHistory, SideHistory
from unslouch.coach.session import CoachSession
from unslouch.coach.technique import Kind, Plan
from unslouch.coach.techniques import TECHNIQUES
from unslouch.coach.tryout import zone_of
from unslouch.coach.values import (
    TERMINAL,
    CoachCommand,
    CoachEffect,
    CoachView,
    Cue,
    CueKind,
    End,
    Finished,
    Link,
    Mark,
    Next,
    Pain,
    Pause,
    Phase,
    Prompt,
    RedFlags,
    Resume,
    Screened,
    SharpPain,
    Skip,
)
from unslouch.errors import Reason, UnslouchError
from unslouch.store.log import Save
from unslouch.store.rows import (
    HoldRow,
    MarkerRow,
    Outcome,
    PainMoment,
    PainRow,
    RepetitionRow,
    SharpPainRow,
    TryoutRow,
)
from unslouch_signal.events import ActivityKind, Event, RotationFault, RotationPosition, RotationRep, Side, Technique
from unslouch_signal.samples import SampleFlag
from unslouch_signal.track import GRID_HZ, PostureFrame, Track

SCREENED = CoachHistory(screened=True)


class Mat:
    """Feeds a session with a body whose angle is said outright; deg and s."""

    def __init__(
        self,
        technique: Technique = Technique.EXTENSION,
        history: CoachHistory | None = SCREENED,
        plan: Plan | None = None,
        block_points: int = 5,
    ) -> None:
        self.technique = technique
        self.session = CoachSession(technique, history, plan)
        self.effects: list[CoachEffect] = []
        self.block_points = block_points
        self.k = 100_000
        self.angle = 0.0
        self.lying = False
        self.calibrated = True
        self.forward = True
        self.doubt: str | None = None
        self.activity = ActivityKind.STILL

    @property
    def view(self) -> CoachView:
        return self.session.view

    @property
    def t(self) -> float:
        return 7.0 + self.k / GRID_HZ

    def do(self, *commands: CoachCommand) -> list[CoachEffect]:
        out: list[CoachEffect] = []
        for command in commands:
            out += self.session.command(command)
        self.effects += out
        return out

    def block(self, angles_deg: np.ndarray, *, measured: bool = True) -> tuple[PostureFrame, Track]:
        n = len(angles_deg)
        k = np.arange(self.k, self.k + n, dtype=np.int64)
        angle = np.radians(angles_deg)
        zero = np.zeros(n)
        flexion, axial, up = zero, zero, np.tile((0.0, 0.0, 1.0), (n, 1))
        match self.technique:
            case Technique.EXTENSION:
                flexion = -angle
            case Technique.DOORWAY:
                flexion = angle
            case Technique.SEATED_ROTATION:
                axial = angle
            case Technique.SUPINE_ROTATION:
                if self.lying:
                    up = np.stack((np.cos(angle), -np.sin(angle), zero), axis=1)
        if self.lying and self.technique is not Technique.SUPINE_ROTATION:
            up = np.tile((1.0, 0.0, 0.0), (n, 1))
        tilt = np.full(n, radians(90.0)) if self.lying else np.abs(flexion)
        before = np.concatenate(((radians(self.angle),), angle[:-1]))
        rate = np.abs(angle - before) * GRID_HZ
        self.k += n
        self.angle = float(angles_deg[-1])
        track = Track(
            k,
            7.0 + k / GRID_HZ,
            flexion if self.forward else np.full(n, np.nan),
            zero,
            axial,
            tilt,
            up,
            rate,
            zero,
            np.full(n, measured),
            np.zeros(n, np.uint8),
        )
        frame = PostureFrame(
            float(track.t[-1]),
            float(track.flexion[-1]) if self.forward else None,
            0.0 if self.forward else None,
            float(axial[-1]),
            float(tilt[-1]),
            (float(up[-1, 0]), float(up[-1, 1]), float(up[-1, 2])),
            (ActivityKind.LYING if self.lying else self.activity).value,
            self.calibrated,
            self.doubt,
            False,
            0.0,
        )
        return frame, track

    def feed(
        self, angles_deg: np.ndarray, *, measured: bool = True, events: tuple[Event, ...] = ()
    ) -> list[CoachEffect]:
        out: list[CoachEffect] = []
        for lo in range(0, len(angles_deg), self.block_points):
            frame, track = self.block(angles_deg[lo : lo + self.block_points], measured=measured)
            out += self.session.feed(events if lo == 0 else (), frame, track)
        self.effects += out
        return out

    def stay(self, seconds: float, *, measured: bool = True) -> list[CoachEffect]:
        return self.feed(np.full(round(seconds * GRID_HZ), self.angle), measured=measured)

    def go(self, angle: float, seconds: float = 2.0) -> list[CoachEffect]:
        x = np.linspace(0.0, 1.0, round(seconds * GRID_HZ) + 1)[1:]
        return self.feed(self.angle + (angle - self.angle) * x * x * (3 - 2 * x))

    def rep(self, side: Side, range_deg: float, hold: float = 3.0, *faults: RotationFault) -> list[CoachEffect]:
        """An event of the rotation detector alone, as if it were found just now."""
        position = RotationPosition.SUPINE if self.technique is Technique.SUPINE_ROTATION else RotationPosition.SEATED
        event = RotationRep(
            side, position, self.t - 0.02, self.t, self.t + 0.01, radians(range_deg), hold, tuple(faults)
        )
        frame, track = self.block(np.full(5, self.angle))
        out = self.session.feed([event], frame, track)
        self.effects += out
        return out

    def to(self, phase: Phase, own: float = 20.0) -> Mat:
        """Bring the session into a phase the usual way."""
        session = self.session
        if session.phase is phase:
            return self
        if session.phase is Phase.RED_FLAGS:
            self.do(RedFlags(any_yes=False))
        if phase is Phase.CALIBRATE:
            return self
        self.stay(0.1)
        for wanted, command in ((Phase.WARM_UP, Next()), (Phase.PAIN_BEFORE, Pain(1))):
            if phase is wanted:
                return self
            self.do(command)
        if phase is Phase.POSITION:
            return self
        self.lying = self.technique is Technique.SUPINE_ROTATION
        self.stay(2.5)
        if phase is Phase.TRY_OUT:
            return self
        sign = -1.0 if session.side is Side.RIGHT else 1.0
        self.go(sign * own)
        self.go(0.0)
        if phase is Phase.WORK:
            return self
        if phase is Phase.REST:
            if session.spec.kind is Kind.HOLD:
                self.go(own)
                self.stay(session.plan.hold_s)
            else:
                for _ in range(session.plan.repetitions):
                    self.do(Skip())
            return self
        self.do(End())
        if phase is Phase.PAIN_AFTER:
            return self
        self.do(Pain(1))
        if phase is Phase.RESULT:
            return self
        self.do(Next())
        assert phase is Phase.ENDED
        return self


def saved(effects: list[CoachEffect], kind: type) -> list:
    return [effect.part for effect in effects if isinstance(effect, Save) and isinstance(effect.part, kind)]


def cues(effects: list[CoachEffect]) -> list[CueKind]:
    return [effect.kind for effect in effects if isinstance(effect, Cue)]


REACHABLE = [
    phase for phase in Phase if phase not in (Phase.REFUSED, Phase.STOPPED)
]  # the usual ways lead to all but these


@pytest.mark.parametrize("technique", list(Technique))
@pytest.mark.parametrize("phase", REACHABLE)
def test_every_phase_is_reached(technique: Technique, phase: Phase) -> None:
    history = None if phase in (Phase.RED_FLAGS, Phase.CALIBRATE) else SCREENED
    assert Mat(technique, history).to(phase).session.phase is phase


# Questions before


def test_red_flags_are_asked_first_and_kept_as_a_version() -> None:
    mat = Mat(history=None)
    assert mat.view.prompt is Prompt.YES_NO
    assert mat.view.details == safety.RED_FLAGS
    assert mat.do(Next(), Skip(), Pain(0)) == []
    assert mat.session.phase is Phase.RED_FLAGS, "there is no way round them"
    assert mat.do(RedFlags(any_yes=False)) == [Screened(safety.SCREENING_VERSION)]
    mat.stay(0.1)
    assert mat.session.phase is Phase.WARM_UP


def test_a_red_flag_refuses_with_advice() -> None:
    mat = Mat(history=None).to(Phase.RED_FLAGS)
    effects = mat.do(RedFlags(any_yes=True))
    assert mat.session.phase is Phase.REFUSED
    assert mat.view.instruction == safety.RED_FLAG_ADVICE
    assert effects[-1] == Finished(0.0, Outcome.REFUSED)
    assert not any(isinstance(effect, Screened) for effect in effects)
    mat.do(Next(), RedFlags(any_yes=False))
    mat.stay(1.0)
    assert mat.session.phase is Phase.REFUSED


def test_who_was_screened_is_not_asked_again_but_after_sharp_pain() -> None:
    assert Mat(history=SCREENED).session.phase is Phase.CALIBRATE
    asked = Mat(history=CoachHistory(screened=False, sharp_pain=True))
    assert asked.session.phase is Phase.RED_FLAGS
    assert "sharp pain" in asked.view.instruction


@pytest.mark.parametrize("score", range(11))
def test_pain_before(score: int) -> None:
    mat = Mat().to(Phase.PAIN_BEFORE)
    assert mat.view.prompt is Prompt.SCORE
    mat.do(Skip(), Next())
    assert mat.session.phase is Phase.PAIN_BEFORE, "the question is not skipped"
    effects = mat.do(Pain(score))
    assert saved(effects, PainRow) == [PainRow(PainMoment.BEFORE, mat.session.frame.t, score)]
    if score >= 6:
        assert mat.session.phase is Phase.REFUSED
        assert mat.session.outcome is Outcome.REFUSED
        assert isinstance(effects[-1], Finished)
        assert f"pain at {score}" in mat.view.instruction
    else:
        assert mat.session.phase is Phase.POSITION
        assert (mat.view.caution is not None) == (score >= 4)


@pytest.mark.parametrize("score", [-1, 11])
def test_a_score_beyond_the_scale_is_refused(score: int) -> None:
    mat = Mat().to(Phase.PAIN_BEFORE)
    with pytest.raises(UnslouchError) as told:
        mat.do(Pain(score))
    assert told.value.reason is Reason.BAD_OPTION
    assert mat.session.phase is Phase.PAIN_BEFORE


# Calibration


def test_without_samples_it_waits_for_the_strap() -> None:
    mat = Mat()
    assert mat.view.instruction.startswith("Waiting for the strap")
    assert mat.do(Next(), Skip()) == []
    assert mat.session.phase is Phase.CALIBRATE


@pytest.mark.parametrize("technique", list(Technique))
@pytest.mark.parametrize("fault", ["uncalibrated", "forward", "doubt"])
def test_a_calibration_that_does_not_serve_is_made_first(technique: Technique, fault: str) -> None:
    mat = Mat(technique)
    mat.calibrated, mat.forward, mat.doubt = fault != "uncalibrated", fault != "forward", None
    mat.doubt = "slipped" if fault == "doubt" else None
    mat.stay(1.0)
    needed = fault != "forward" or TECHNIQUES[technique].needs_forward
    assert mat.session.phase is (Phase.CALIBRATE if needed else Phase.WARM_UP)
    mat.calibrated, mat.forward, mat.doubt = True, True, None
    mat.stay(0.1)
    assert mat.session.phase is Phase.WARM_UP


@pytest.mark.parametrize("technique", [Technique.SUPINE_ROTATION, Technique.SEATED_ROTATION])
def test_lying_long_does_not_stop_the_lying_technique(technique: Technique) -> None:
    mat = Mat(technique).to(Phase.WORK)
    mat.doubt = "lying_long"
    mat.stay(1.0)
    assert (mat.view.waiting is None) == (technique is Technique.SUPINE_ROTATION)
    mat.doubt = "slipped"
    mat.stay(1.0)
    assert mat.view.waiting is not None


# Position


def test_position_is_verified_for_two_steady_seconds() -> None:
    mat = Mat().to(Phase.POSITION)
    mat.stay(1.5)
    mat.go(-20.0, 0.5)
    mat.stay(5.0)
    assert mat.session.phase is Phase.POSITION, "bent is not upright"
    mat.go(0.0, 0.5)
    mat.stay(1.4)
    assert mat.session.phase is Phase.POSITION
    mat.stay(0.8)
    assert mat.session.phase is Phase.TRY_OUT


@pytest.mark.parametrize(("angle", "there"), [(0.0, True), (30.0, True), (60.0, False), (-90.0, False), (179.0, False)])
def test_lying_means_on_the_back(angle: float, there: bool) -> None:
    mat = Mat(Technique.SUPINE_ROTATION).to(Phase.POSITION)
    mat.stay(4.0)
    assert mat.session.phase is Phase.POSITION, "upright is not lying"
    assert "Lie down" in mat.view.instruction
    mat.lying, mat.angle = True, angle
    mat.stay(4.0)
    assert (mat.session.phase is Phase.TRY_OUT) == there


@pytest.mark.parametrize(("speed", "there"), [(0.8, True), (1.3, False), (-1.3, False)])
@pytest.mark.parametrize("technique", [Technique.SEATED_ROTATION, Technique.EXTENSION])
def test_a_drifting_heading_is_no_position_for_a_seated_turn(technique: Technique, speed: float, there: bool) -> None:
    mat = Mat(technique).to(Phase.POSITION)
    mat.feed(np.linspace(0.0, 6.0 * speed, round(6 * GRID_HZ)))
    seated = technique is Technique.SEATED_ROTATION
    assert (mat.session.phase is Phase.TRY_OUT) == (there or not seated)
    if seated and not there:
        assert cues(mat.effects).count(CueKind.WAITING) == 1
        assert "drifts" in mat.view.instruction
        mat.stay(2.5)
        assert mat.session.phase is Phase.TRY_OUT


# Own range


def test_the_own_range_is_the_peak_of_the_try_out() -> None:
    mat = Mat().to(Phase.TRY_OUT)
    mat.go(5.0)
    mat.go(0.0)
    assert mat.session.phase is Phase.TRY_OUT, "a sway is no try-out"
    mat.go(18.0)
    mat.stay(1.0)
    mat.go(24.0)
    mat.go(10.0)
    assert mat.session.phase is Phase.TRY_OUT, "not back yet"
    effects = mat.go(8.0)
    assert mat.session.phase is Phase.WORK
    (row,) = saved(effects, TryoutRow)
    assert row.range == pytest.approx(radians(24.0), abs=radians(0.2))
    assert (row.technique, row.side) == (Technique.EXTENSION, None)
    zone = mat.view.zone
    assert zone is not None
    assert math.degrees(zone.lo) == pytest.approx(16.8, abs=0.2)
    assert math.degrees(zone.hi) == pytest.approx(26.4, abs=0.2)


def test_the_wrong_way_is_no_try_out() -> None:
    mat = Mat().to(Phase.TRY_OUT)
    mat.go(-25.0)
    mat.go(0.0)
    assert mat.session.phase is Phase.TRY_OUT


@pytest.mark.parametrize(
    ("technique", "angle", "taken"),
    [
        (Technique.SEATED_ROTATION, 170.0, False),
        (Technique.SEATED_ROTATION, 105.0, True),
        (Technique.SUPINE_ROTATION, 125.0, False),
        (Technique.DOORWAY, 50.0, False),
        (Technique.EXTENSION, 43.0, True),
    ],
)
def test_what_no_back_can_do_is_no_range(technique: Technique, angle: float, taken: bool) -> None:
    """The chair turned, or somebody picked something up: a zone from that would force everything after it."""
    mat = Mat(technique).to(Phase.TRY_OUT)
    effects = [*mat.go(angle, 6.0), *mat.go(0.0, 6.0)]
    assert (mat.session.phase is Phase.WORK) == taken
    assert bool(saved(effects, TryoutRow)) == taken
    assert (CueKind.NOT_COUNTED in cues(effects)) != taken
    if not taken:
        mat.go(30.0)
        mat.go(0.0)
        assert math.degrees(mat.session.own[mat.session.side] or 0.0) == pytest.approx(30.0, abs=1.0)


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
@pytest.mark.parametrize("technique", [Technique.SEATED_ROTATION, Technique.SUPINE_ROTATION])
def test_rotation_is_measured_toward_the_side_in_turn(technique: Technique, side: Side) -> None:
    mat = Mat(technique).to(Phase.TRY_OUT)
    if side is Side.RIGHT:
        mat.do(Skip(), *[Skip()] * mat.session.plan.repetitions, Skip())
    assert (mat.session.phase, mat.session.side) == (Phase.TRY_OUT, side)
    toward = 1.0 if side is Side.LEFT else -1.0
    mat.go(-30.0 * toward)
    assert math.degrees(mat.view.value or 0.0) == pytest.approx(-30.0, abs=0.5)
    mat.go(0.0)
    assert mat.session.phase is Phase.TRY_OUT
    mat.go(40.0 * toward)
    mat.go(0.0)
    assert mat.session.phase is Phase.WORK
    assert math.degrees(mat.session.own[side]) == pytest.approx(40.0, abs=0.5)


def test_a_skipped_try_out_takes_the_usual_range_or_a_modest_one() -> None:
    usual = replace(SCREENED, sides={None: SideHistory(usual=0.5, best=0.6)})
    for history, own in ((usual, 0.5), (SCREENED, None)):
        mat = Mat(history=history).to(Phase.TRY_OUT)
        assert saved(mat.do(Skip()), TryoutRow) == []
        assert mat.view.zone == zone_of(Technique.EXTENSION, own)


def test_the_middle_of_a_seated_turn_follows_slow_drift() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.TRY_OUT)
    mat.feed(np.linspace(0.0, 12.0, round(60 * GRID_HZ)))
    assert abs(math.degrees(mat.view.value or 0.0)) < 1.0
    mat.go(50.0)
    assert math.degrees(mat.view.value or 0.0) == pytest.approx(38.0, abs=1.5)


def test_the_middle_moves_when_the_body_faces_another_way_for_long() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK)
    mat.go(-60.0)
    mat.stay(25.0)
    assert math.degrees(mat.view.value or 0.0) == pytest.approx(-60.0, abs=1.0)
    mat.stay(6.0)
    assert abs(math.degrees(mat.view.value or 0.0)) < 1.0


def test_a_new_calibration_gives_a_new_middle_at_once() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK)
    mat.angle = 90.0
    mat.stay(1.0)
    assert abs(math.degrees(mat.view.value or 0.0)) < 1.0


def test_a_heading_that_was_lost_gives_a_new_middle_at_once() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK)
    mat.angle = 40.0
    frame, track = mat.block(np.full(5, 40.0))
    mat.session.feed((), frame, replace(track, flags=np.full(5, SampleFlag.HEADING_LOST, np.uint8)))
    mat.stay(1.0)
    assert abs(math.degrees(mat.view.value or 0.0)) < 1.0
    assert mat.view.hold_s == 0.0


# Holds


def test_the_hold_clock_runs_in_the_zone_only() -> None:
    mat = Mat().to(Phase.WORK, own=20.0)  # zone 14 to 22 deg
    mat.go(13.0)
    mat.stay(30.0)
    assert mat.view.hold_s == 0.0
    mat.go(18.0, 0.5)
    mat.stay(8.0)
    assert mat.view.in_zone
    held = mat.view.hold_s
    assert held == pytest.approx(8.0, abs=0.5)
    mat.go(5.0, 0.5)
    mat.stay(30.0)
    assert mat.view.hold_s == pytest.approx(held, abs=0.4)
    mat.go(30.0)
    mat.stay(30.0)
    assert mat.view.hold_s < held + 1.5, "beyond the zone it stands"
    mat.go(18.0)
    before = mat.view.hold_s
    mat.stay(5.0)
    assert mat.view.hold_s == pytest.approx(before + 5.0, abs=0.05)


def test_a_hold_is_done_after_its_seconds_and_saved() -> None:
    mat = Mat().to(Phase.WORK, own=20.0)
    mat.go(18.0)
    mat.stay(18.0)
    assert mat.session.phase is Phase.WORK
    effects = mat.stay(2.5)
    assert mat.session.phase is Phase.REST
    (row,) = saved(effects, HoldRow)
    assert row.held == pytest.approx(20.0, abs=0.1)
    assert (row.needed, row.technique, row.side) == (20.0, Technique.EXTENSION, None)
    assert math.degrees(row.zone_lo) == pytest.approx(14.0, abs=0.2)
    assert row.end_t - row.start_t == pytest.approx(20.0, abs=0.1)
    assert cues(effects) == [CueKind.DONE]
    assert [(count.done, count.needed) for count in mat.view.counts] == [(1, 3)]


@pytest.mark.parametrize("what", ["gap", "link", "pause", "off body", "walking", "doubt", "lying"])
def test_what_stops_the_clock(what: str) -> None:
    mat = Mat().to(Phase.WORK, own=20.0)
    mat.go(18.0)
    mat.stay(5.0)
    before = mat.view.hold_s
    measured = True
    match what:
        case "gap":
            measured = False
        case "link":
            mat.do(Link(up=False))
        case "pause":
            mat.do(Pause())
        case "off body":
            mat.activity = ActivityKind.OFF_BODY
        case "walking":
            mat.activity = ActivityKind.WALKING
        case "doubt":
            mat.doubt = "slipped"
        case _:
            mat.lying = True
    mat.stay(40.0, measured=measured)
    assert mat.view.hold_s == before
    assert not mat.view.in_zone
    assert mat.session.phase is Phase.WORK
    if what == "pause":
        assert mat.view.paused
    else:
        assert mat.view.waiting is not None
        assert mat.view.instruction == mat.view.waiting
    mat.do(Link(up=True), Resume())
    mat.activity, mat.doubt, mat.lying = ActivityKind.STILL, None, False
    mat.stay(3.0)
    assert mat.view.waiting is None
    assert mat.view.hold_s == pytest.approx(before + 3.0, abs=0.1)


def test_waiting_is_told_once() -> None:
    mat = Mat().to(Phase.WORK)
    effects = mat.stay(5.0, measured=False)
    assert cues(effects) == [CueKind.WAITING]


def test_overshoot_and_jerk_are_answered_with_do_not_force_and_without_nagging() -> None:
    mat = Mat().to(Phase.WORK, own=20.0)
    mat.go(18.0)
    mat.stay(4.0)
    effects = mat.go(30.0)
    assert cues(effects).count(CueKind.DO_NOT_FORCE) == 1
    assert mat.view.cue is not None
    assert mat.view.cue.text == safety.DO_NOT_FORCE
    assert not mat.view.in_zone
    for _ in range(4):
        effects += [*mat.go(18.0, 0.3), *mat.go(30.0, 0.3)]
    assert cues(effects).count(CueKind.DO_NOT_FORCE) <= 2


def test_a_jerk_is_answered_with_do_not_force() -> None:
    mat = Mat().to(Phase.WORK, own=20.0)
    mat.go(18.0)
    mat.stay(4.0)
    assert cues(mat.go(23.0, 0.5)) == []
    assert cues([*mat.go(17.0, 0.06), *mat.stay(0.2)]) == [CueKind.DO_NOT_FORCE]


def test_rest_counts_down_in_sample_time_and_can_be_skipped() -> None:
    mat = Mat().to(Phase.REST)
    mat.go(0.0)
    left = mat.view.rest_left_s
    mat.stay(10.0, measured=False)
    assert mat.view.rest_left_s == pytest.approx(left, abs=0.02)
    mat.stay(5.0)
    assert mat.view.rest_left_s == pytest.approx(left - 5.0, abs=0.02)
    mat.do(Pause())
    mat.stay(60.0)
    assert mat.session.phase is Phase.REST
    mat.do(Resume())
    mat.stay(left - 5.0 + 0.1)
    assert mat.session.phase is Phase.WORK
    again = Mat().to(Phase.REST)
    again.do(Skip())
    assert again.session.phase is Phase.WORK


def test_three_holds_end_the_extension_and_sides_alternate_at_the_door() -> None:
    mat = Mat(Technique.DOORWAY, plan=TECHNIQUES[Technique.DOORWAY].plan(sets=2)).to(Phase.TRY_OUT)
    while mat.session.phase in (Phase.TRY_OUT, Phase.WORK, Phase.REST):
        mat.go(18.0)
        mat.stay(21.0)
        mat.go(0.0)
        mat.stay(5.0)
    assert mat.session.phase is Phase.PAIN_AFTER
    left, right = Side.LEFT, Side.RIGHT
    assert [row.side for row in saved(mat.effects, TryoutRow)] == [left, right], "the second set knows the range"
    assert [(row.side, row.held >= row.needed) for row in saved(mat.effects, HoldRow)] == [
        (side, True) for side in (left, right, left, right)
    ]


def test_a_skipped_hold_is_kept_as_far_as_it_came_and_not_counted() -> None:
    mat = Mat().to(Phase.WORK, own=20.0)
    mat.go(18.0)
    mat.stay(6.0)
    (row,) = saved(mat.do(Skip()), HoldRow)
    assert 5.0 < row.held < 8.0
    assert mat.session.phase is Phase.REST
    assert mat.view.counts[0].done == 0


# Repetitions


def test_repetitions_that_count_and_those_that_do_not() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK, own=40.0)
    assert cues(mat.rep(Side.LEFT, 40.0)) == [CueKind.COUNTED]
    for side, angle, hold, faults, said in (
        (Side.RIGHT, 40.0, 3.0, (), "to the right"),
        (Side.LEFT, 40.0, 3.0, (RotationFault.STARTED_SLOUCHED,), "slouch"),
        (Side.LEFT, 15.9, 3.0, (), "far below"),
        (Side.LEFT, 40.0, 2.8, (), "Stay 3 s"),
    ):
        effects = mat.rep(side, angle, hold, *faults)
        assert cues(effects) == [CueKind.NOT_COUNTED]
        assert mat.view.cue is not None
        assert said in mat.view.cue.text
        (row,) = saved(effects, RepetitionRow)
        assert (row.side, row.counted, row.faults) == (side, False, faults)
    assert mat.view.counts[0].done == 1
    for _ in range(4):
        mat.rep(Side.LEFT, 16.1)
    assert mat.session.phase is Phase.REST
    assert [(count.side, count.done) for count in mat.view.counts] == [(Side.LEFT, 5), (Side.RIGHT, 0)]


def test_the_least_repetition_is_ten_degrees_for_anyone() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK, own=16.0)
    assert cues(mat.rep(Side.LEFT, 9.9)) == [CueKind.NOT_COUNTED]
    assert cues(mat.rep(Side.LEFT, 10.1)) == [CueKind.COUNTED]


def test_the_try_out_itself_is_no_repetition() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK, own=40.0)
    event = RotationRep(Side.LEFT, RotationPosition.SEATED, mat.t - 4.0, mat.t - 2.0, mat.t, 0.7, 3.0)
    frame, track = mat.block(np.zeros(5))
    assert mat.session.feed([event], frame, track) == []


def test_turns_while_paused_count_nothing() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK, own=40.0)
    mat.do(Pause())
    assert mat.rep(Side.LEFT, 40.0) == []


def test_the_right_side_is_held_to_the_right() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.TRY_OUT)
    mat.do(Skip(), *[Skip()] * 5, Skip())
    mat.go(-40.0)
    mat.go(0.0)
    assert (mat.session.phase, mat.session.side) == (Phase.WORK, Side.RIGHT)
    mat.go(38.0)
    mat.stay(2.0)
    assert mat.view.hold_s == 0.0
    mat.go(-38.0)
    mat.stay(2.0)
    assert mat.view.hold_s == pytest.approx(2.0, abs=1.0)
    assert mat.view.in_zone


@pytest.mark.parametrize("phase", [Phase.POSITION, Phase.TRY_OUT, Phase.REST, Phase.PAIN_AFTER])
def test_turns_outside_the_set_count_nothing(phase: Phase) -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(phase)
    assert saved(mat.rep(Side.LEFT, 40.0), RepetitionRow) == []


def test_a_turn_of_the_other_position_counts_nothing() -> None:
    mat = Mat(Technique.SUPINE_ROTATION).to(Phase.WORK, own=40.0)
    mat.technique = Technique.SEATED_ROTATION
    assert saved(mat.rep(Side.LEFT, 40.0), RepetitionRow) == []


def test_the_hold_of_a_repetition_may_be_shown_by_the_zone() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK, own=40.0)
    start = mat.t
    mat.go(38.0)
    mat.stay(3.2)
    effects = mat.go(0.0)
    (hold,) = saved(mat.effects, HoldRow)
    assert hold.held >= 3.0
    assert saved(effects, RepetitionRow) == []
    event = RotationRep(Side.LEFT, RotationPosition.SEATED, start, start + 3, mat.t, radians(38), 0.4)
    frame, track = mat.block(np.zeros(5))
    out = mat.session.feed([event], frame, track)
    (row,) = saved(out, RepetitionRow)
    assert row.counted
    assert row.hold == pytest.approx(hold.held)


# Sharp pain


@pytest.mark.parametrize("technique", [Technique.EXTENSION, Technique.SUPINE_ROTATION])
@pytest.mark.parametrize("phase", REACHABLE)
@pytest.mark.parametrize("paused", [False, True])
def test_sharp_pain_stops_everything_from_anywhere(technique: Technique, phase: Phase, paused: bool) -> None:
    history = None if phase in (Phase.RED_FLAGS, Phase.CALIBRATE) else SCREENED
    mat = Mat(technique, history).to(phase)
    if paused:
        mat.do(Pause())
    effects = mat.do(SharpPain())
    assert mat.session.phase is Phase.STOPPED
    assert mat.session.outcome is Outcome.SHARP_PAIN
    (row,) = saved(effects, SharpPainRow)
    assert row.phase == phase.value
    assert cues(effects) == [CueKind.STOP]
    assert isinstance(effects[-1], Finished)
    assert effects[-1].outcome is Outcome.SHARP_PAIN
    view = mat.view
    assert view.instruction == safety.SHARP_PAIN_ADVICE
    assert not view.paused
    assert (view.zone, view.in_zone, view.hold_s, view.prompt) == (None, False, 0.0, Prompt.NOTHING)
    later = mat.do(*(Resume(), Next(), Skip(), Pain(1), RedFlags(any_yes=False), SharpPain(), End()))
    mat.lying = False
    later += [*mat.go(18.0), *mat.stay(25.0), *mat.rep(Side.LEFT, 40.0)]
    assert later == []
    assert mat.session.phase is Phase.STOPPED


def test_sharp_pain_after_a_refusal_is_kept_too() -> None:
    mat = Mat().to(Phase.PAIN_BEFORE)
    mat.do(Pain(8))
    assert saved(mat.do(SharpPain()), SharpPainRow) != []


def test_a_hold_under_way_is_kept_when_sharp_pain_ends_it() -> None:
    mat = Mat().to(Phase.WORK, own=20.0)
    mat.go(18.0)
    mat.stay(5.0)
    effects = mat.do(SharpPain())
    (row,) = saved(effects, HoldRow)
    assert 5.0 <= row.held < 7.0


# Ending


@pytest.mark.parametrize("phase", [phase for phase in REACHABLE if phase is not Phase.ENDED])
def test_ending_from_anywhere(phase: Phase) -> None:
    history = None if phase in (Phase.RED_FLAGS, Phase.CALIBRATE) else SCREENED
    mat = Mat(history=history).to(phase)
    mat.do(End())
    if phase in (Phase.WORK, Phase.REST):
        assert mat.session.phase is Phase.PAIN_AFTER
        mat.do(Skip())
        assert mat.session.phase is Phase.RESULT
        mat.do(End())
    assert mat.session.phase is Phase.ENDED
    assert mat.session.outcome is Outcome.ENDED
    assert sum(isinstance(effect, Finished) for effect in mat.effects) == 1


def test_through_and_counted_is_completed_but_skipped_through_is_not() -> None:
    for skip in (False, True):
        mat = Mat().to(Phase.WORK, own=20.0)
        while mat.session.phase in (Phase.WORK, Phase.REST):
            if mat.session.phase is Phase.REST or skip:
                mat.do(Skip())
            else:
                mat.go(18.0)
                mat.stay(20.5)
        mat.do(Pain(0), Next())
        assert mat.session.outcome is (Outcome.ENDED if skip else Outcome.COMPLETED)


def test_who_ends_in_a_pause_is_asked_about_the_pain() -> None:
    mat = Mat().to(Phase.WORK)
    mat.do(Pause(), End())
    assert mat.session.phase is Phase.PAIN_AFTER
    assert "How much pain" in mat.view.instruction
    assert not mat.view.paused


def test_a_pause_hides_no_question() -> None:
    mat = Mat().to(Phase.PAIN_BEFORE)
    mat.do(Pause())
    assert "How much pain" in mat.view.instruction
    mat.do(Pain(1))
    assert "Paused" in mat.view.instruction


def test_marks_are_kept() -> None:
    mat = Mat().to(Phase.WORK)
    mat.block_points = 8
    mat.feed(np.zeros(8))
    assert mat.do(Mark("dog came in")) == [Save(MarkerRow(mat.t - 0.02, "dog came in"))]


# Results


def test_a_change_is_real_beyond_the_measurement_error_only() -> None:
    before = ((date(2026, 5, 1), radians(30.0)), (date(2026, 5, 3), radians(40.0)))
    sides = {side: SideHistory(usual=radians(40.0), best=radians(41.0), means=before) for side in Side}
    mat = Mat(Technique.SEATED_ROTATION, replace(SCREENED, sides=sides)).to(Phase.WORK, own=40.0)
    mat.rep(Side.LEFT, 80.0, 3.0, RotationFault.FLEXED)
    for angle in (47.0, 46.5, 46.0, 60.0, 60.0):
        mat.rep(Side.LEFT, angle)
    mat.do(Skip(), Skip())
    for angle in (45.9, 45.9, 45.9, 30.0, 30.0):
        mat.rep(Side.RIGHT, angle)
    mat.do(Pain(0))
    result = mat.session.result
    assert result is not None
    left, right = result.sides
    assert math.degrees(left.mean or 0) == pytest.approx(46.5), "of the first three"
    assert math.degrees(left.change or 0) == pytest.approx(6.5)
    assert math.degrees(left.best or 0) == pytest.approx(60.0)
    assert [row.verdict.value for row in result.sides] == ["real change", "within measurement noise"]
    assert "real change" in result.lines[0]
    assert "within measurement noise" in result.lines[1]
    assert math.degrees(result.asymmetry or 0) == pytest.approx(0.6)
    assert "within measurement noise" in result.lines[2]
    assert right.counted == 5


def test_two_repetitions_measure_nothing() -> None:
    mat = Mat(Technique.SEATED_ROTATION).to(Phase.WORK, own=40.0)
    for _ in range(2):
        mat.rep(Side.LEFT, 40.0)
    mat.do(End(), Skip())
    assert mat.session.result is not None
    assert mat.session.result.sides[0].mean is None
    assert "too few" in mat.session.result.lines[0]


@pytest.mark.parametrize(
    ("before", "after", "word"), [(3, 3, "no change"), (3, 2, "no change"), (3, 1, "less"), (1, 3, "more")]
)
def test_pain_changes_from_two_points_on(before: int, after: int, word: str) -> None:
    assert word in safety.pain_change_text(before, after)


def test_no_text_promises_or_pushes() -> None:
    texts = [safety.HONESTY, safety.RED_FLAG_ADVICE, safety.SHARP_PAIN_ADVICE, safety.DO_NOT_FORCE]
    for spec in TECHNIQUES.values():
        texts += [spec.movement, spec.back, spec.warm_up, *spec.setup, *spec.precautions]
    for text in texts:
        assert not any(
            word in text.lower() for word in ("push", "harder", "further!", "heal", "cure", "as far as you can")
        )
    assert all("comfortable" in spec.movement or "gently" in spec.movement for spec in TECHNIQUES.values())


# Doses


@pytest.mark.parametrize("technique", list(Technique))
def test_doses_are_the_designs(technique: Technique) -> None:
    spec = TECHNIQUES[technique]
    plan = spec.plan()
    if spec.kind is Kind.HOLD:
        assert (spec.dose.hold_s.lo, spec.dose.hold_s.hi) == (15, 30)
        assert 15 <= plan.hold_s <= 30
    else:
        assert (spec.dose.repetitions.lo, spec.dose.repetitions.hi) == (5, 10)
        assert 2 <= plan.hold_s <= 5
    with pytest.raises(UnslouchError):
        spec.plan(hold_s=spec.dose.hold_s.hi + 1)
    with pytest.raises(UnslouchError):
        spec.plan(repetitions=int(spec.dose.repetitions.lo) - 1)
    assert spec.plan(hold_s=spec.dose.hold_s.lo).hold_s == spec.dose.hold_s.lo
    assert spec.technique is technique
    assert "{" not in spec.instruction(Side.LEFT)


# How blocks are cut


@pytest.mark.parametrize("points", [1, 3, 7, 50, 400])
def test_blocks_cut_otherwise_change_nothing(points: int) -> None:
    def effects(block_points: int) -> list[CoachEffect]:
        mat = Mat().to(Phase.TRY_OUT)
        mat.block_points = block_points
        path = [np.linspace(0, 20, 100), np.linspace(20, 0, 100), np.linspace(0, 19, 100), np.full(600, 19.0)]
        path += [np.linspace(19, 30, 60), np.linspace(30, 18, 60), np.full(600, 18.0), np.linspace(18, 0, 100)]
        mat.effects = []
        mat.feed(np.concatenate(path))
        mat.block_points = 5
        mat.stay(0.2)
        return mat.effects

    assert effects(points) == effects(5)
    assert len(effects(5)) > 5


# Random people


COMMANDS = st.sampled_from(
    [Next(), Skip(), Pause(), Resume(), End(), Link(up=False), Link(up=True), Mark("x"), RedFlags(any_yes=False)]
    + [Pain(score) for score in (0, 4, 7)]
)


class AnyPerson(RuleBasedStateMachine):
    """Any commands and movements in any order: what must always hold, holds."""

    @initialize(technique=st.sampled_from(list(Technique)), screened=st.booleans())
    def begin(self, technique: Technique, screened: bool) -> None:
        self.mat = Mat(technique, SCREENED if screened else None)
        self.held = 0.0
        self.saved = 0
        self.sharp = False

    @rule(command=COMMANDS)
    def command(self, command: CoachCommand) -> None:
        self.check(self.mat.do(command), may_count=False)

    @rule()
    @precondition(lambda self: self.mat.session.phase not in TERMINAL)
    def straight_to_work(self) -> None:
        """Chance alone would seldom come so far."""
        session = self.mat.session
        self.mat.do(Link(up=True), Resume())
        self.mat.activity, self.mat.calibrated, self.mat.lying, self.mat.angle = ActivityKind.STILL, True, False, 0.0
        if session.phase in (Phase.RED_FLAGS, Phase.CALIBRATE, Phase.WARM_UP, Phase.PAIN_BEFORE, Phase.POSITION):
            if session.phase is Phase.RED_FLAGS:
                self.mat.do(RedFlags(any_yes=False))
            self.mat.stay(0.1)
            self.mat.do(Next(), Pain(1))
            self.mat.lying = self.mat.technique is Technique.SUPINE_ROTATION
            self.mat.stay(2.5)
            self.mat.do(Skip())

    @rule(angle=st.floats(-60, 60), seconds=st.floats(0.1, 6), measured=st.booleans())
    def move(self, angle: float, seconds: float, measured: bool) -> None:
        x = np.linspace(0.0, 1.0, max(2, round(seconds * GRID_HZ)))
        self.check(self.mat.feed(self.mat.angle + (angle - self.mat.angle) * x, measured=measured), may_count=measured)

    @rule(seconds=st.floats(0.1, 25), measured=st.booleans())
    def stay(self, seconds: float, measured: bool) -> None:
        zone, before = self.mat.session.zone, self.mat.view
        effects = self.mat.stay(seconds, measured=measured)
        self.check(effects, may_count=measured)
        after = self.mat.view
        value = after.value
        if before.phase is after.phase is Phase.WORK and zone is not None and value is not None:
            far = value < zone.lo - 0.03 or value > zone.hi + 0.001
            if far or before.paused or after.waiting is not None:
                assert after.hold_s <= before.hold_s, "the clock ran outside the zone"

    @rule(
        activity=st.sampled_from([ActivityKind.STILL, ActivityKind.WALKING, ActivityKind.OFF_BODY]),
        calibrated=st.booleans(),
        lying=st.booleans(),
        doubt=st.sampled_from([None, "slipped", "lying_long"]),
    )
    def change(self, activity: ActivityKind, calibrated: bool, lying: bool, doubt: str | None) -> None:
        self.mat.activity, self.mat.calibrated, self.mat.lying, self.mat.doubt = activity, calibrated, lying, doubt

    @rule(
        side=st.sampled_from(list(Side)),
        angle=st.floats(5, 90),
        hold=st.floats(0, 6),
        fault=st.sampled_from([(), (RotationFault.FLEXED,)]),
    )
    def repeat(self, side: Side, angle: float, hold: float, fault: tuple[RotationFault, ...]) -> None:
        self.check(self.mat.rep(side, angle, hold, *fault), may_count=True)

    @rule()
    def sharp_pain(self) -> None:
        fresh = self.mat.session.phase is not Phase.STOPPED
        effects = self.mat.do(SharpPain())
        assert bool(saved(effects, SharpPainRow)) == fresh
        self.sharp = True
        self.check([], may_count=False)

    def check(self, effects: list[CoachEffect], *, may_count: bool) -> None:
        if self.sharp:
            assert effects == [], "after sharp pain nothing counts"
        if not may_count:
            assert not [row for row in saved(effects, RepetitionRow) if row.counted]
        for row in saved(effects, HoldRow):
            assert 0 <= row.held <= row.end_t - row.start_t + 0.021
            assert row.held <= row.needed + 25.1
        for row in saved(effects, RepetitionRow):
            if row.counted:
                assert not row.faults
                assert row.range >= radians(10.0)
                assert row.hold >= self.mat.session.plan.hold_s - 0.11

    @invariant()
    def always(self) -> None:
        session, view = self.mat.session, self.mat.view
        assert view.instruction
        assert view.title
        assert (view.outcome is not None) == (view.phase in TERMINAL)
        assert view.hold_s >= 0
        assert 0 <= view.rest_left_s <= session.plan.rest_s
        for count in view.counts:
            assert 0 <= count.done <= count.needed
        if view.zone is not None:
            assert 0 < view.zone.lo < view.zone.hi <= view.scale
        if self.sharp:
            assert view.phase is Phase.STOPPED
        if session.phase in (Phase.TRY_OUT, Phase.WORK, Phase.REST, Phase.RESULT):
            told = saved(self.mat.effects, PainRow)
            assert told, "no exercise without the question about pain"
            assert told[0].score < 6


TestAnyPerson = AnyPerson.TestCase
TestAnyPerson.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("technique", list(Technique))
@given(own=st.floats(0.05, 1.5))
def test_zones_lie_around_the_own_range(technique: Technique, own: float) -> None:
    zone = zone_of(technique, own)
    assert zone.lo < own < zone.hi
