"""Each technique once through, by a person in the simulator who does what the coach says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import degrees
from pathlib import Path

import numpy as np
import pytest

from unslouch.coach.history import CoachHistory, coach_history
from unslouch.coach.keeping import keep
from unslouch.coach.session import CoachSession
from unslouch.coach.technique import Plan
from unslouch.coach.techniques import TECHNIQUES
from unslouch.coach.values import (
    CoachCommand,
    CoachEffect,
    CoachView,
    Cue,
    CueKind,
    Next,
    Pain,
    Phase,
    RedFlags,
    SharpPain,
)
from unslouch.store import progress
from unslouch.store.log import Save, SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import HoldRow, Outcome, RepetitionRow, SessionKind, Source, TryoutRow
from unslouch.store.store import Store
from unslouch_signal.analyser import Analyser
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Event, Side, Technique
from unslouch_signal.protocol import find_protocol
from unslouch_signal.samples import SampleBlock
from unslouch_signal.synth import LivePerson, SensorModel, movements
from unslouch_signal.synth.simulation import Scenario

GENTLE: dict[Technique, float] = {
    Technique.EXTENSION: 22.0,
    Technique.DOORWAY: 17.0,
    Technique.SUPINE_ROTATION: 42.0,
    Technique.SEATED_ROTATION: 45.0,
}
"""How far this person goes, deg."""


def joined(blocks: list[SampleBlock]) -> SampleBlock:
    def column(name: str) -> np.ndarray | None:
        parts = [getattr(block, name) for block in blocks]
        return None if parts[0] is None else np.concatenate(parts)

    return SampleBlock(*(column(name) for name in ("t", "quat", "acc", "gyr", "flags")))  # type: ignore[arg-type]


@dataclass
class Pilot:
    """Strap, chain and session in one; ``seen`` keeps every view, ``effects`` everything that came out."""

    technique: Technique
    history: CoachHistory | None = None
    plan: Plan | None = None
    seed: int = 3
    block_s: float = 0.25
    person: LivePerson = field(init=False)
    session: CoachSession = field(init=False)
    analyser: Analyser = field(init=False)
    calibration: Calibration = field(init=False)
    effects: list[CoachEffect] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    views: list[CoachView] = field(default_factory=list)

    def __post_init__(self) -> None:
        standing = self.technique in (Technique.EXTENSION, Technique.DOORWAY)
        start = Scenario("start", (movements.CalibrationProtocol(),), standing=standing)
        self.person = LivePerson(start, sensor=SensorModel(), seed=self.seed)
        taken = [self.person.advance(1.0) for _ in range(int(self.person.busy_until) + 2)]
        found = find_protocol(joined(taken))
        assert found is not None
        self.calibration = found.calibration
        self.analyser = Analyser(self.calibration, rate_hz=self.person.model.rate_hz)
        self.session = CoachSession(self.technique, self.history, self.plan)

    def command(self, command: CoachCommand) -> list[CoachEffect]:
        out = self.session.command(command)
        self.effects += out
        return out

    def feed(self, block: SampleBlock) -> list[CoachEffect]:
        events = self.analyser.process(block)
        self.events += events
        out = self.session.feed(events, self.analyser.latest, self.analyser.track)
        self.effects += out
        self.views.append(self.session.view)
        return out

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = self.person.now + seconds
        while self.person.now < end and not until():
            self.feed(self.person.advance(self.block_s))

    def to_exercise(self, pain: int = 2) -> None:
        """Through the questions and into position."""
        if self.session.phase is Phase.RED_FLAGS:
            self.command(RedFlags(any_yes=False))
        self.run(5.0, lambda: self.session.phase is Phase.WARM_UP)
        self.command(Next())
        self.command(Pain(pain))
        if self.technique is Technique.SUPINE_ROTATION:
            self.person.command("lie down")
        self.run(20.0, lambda: self.session.phase is Phase.TRY_OUT)
        assert self.session.phase is Phase.TRY_OUT

    def movement(self, side: Side | None, hold_s: float, depth: float | None = None) -> movements.Movement:
        deg = GENTLE[self.technique] if depth is None else depth
        if side is None:
            return movements.ExtensionHold(deg, hold_s, 1.0)
        if self.technique is Technique.DOORWAY:
            return movements.DoorwayHold(side, deg, hold_s, 1.0)
        return movements.RotateTrunk(side, deg, hold_s=hold_s, rest_s=1.5)

    def move(self, side: Side | None, hold_s: float, depth: float | None = None) -> float:
        return self.person.command(self.movement(side, hold_s, depth))

    def exercise(self) -> None:
        """Follow the coach from the try-out to the question about pain."""
        session = self.session
        while session.phase in (Phase.TRY_OUT, Phase.WORK, Phase.REST):
            phase, side, slot, done = session.phase, session.side, session.slot, session.done
            if phase is Phase.REST:
                self.run(120.0, lambda: session.phase is not Phase.REST)
                assert session.phase is not Phase.REST
                continue
            hold = 2.0 if phase is Phase.TRY_OUT else session.plan.hold_s + 1.5
            end = self.move(side, hold)
            here = (phase, slot, done)
            self.run(
                end + 4.0 - self.person.now,
                lambda here=here: (session.phase, session.slot, session.done) != here,
            )
            assert (session.phase, session.slot, session.done) != here, f"nothing came of {here}"
            self.run(max(0.0, self.person.busy_until - self.person.now))


def saved(effects: list[CoachEffect], kind: type) -> list:
    return [effect.part for effect in effects if isinstance(effect, Save) and isinstance(effect.part, kind)]


def kept(pilot: Pilot, path: Path, utc: float = 1.78e9) -> Store:
    """A store with the session of a pilot, as a screen would keep it."""
    store = Store.open(data_paths(path))
    start = SessionStart(
        SessionKind.COACH, Source.SIMULATED, 0.0, utc, 0.0, technique=pilot.technique, recording=f"r{utc:.0f}"
    )
    log = SessionLog(store, start)
    for effect in pilot.effects:
        keep([effect], store, log, utc)
    return store


@pytest.mark.parametrize("technique", [Technique.EXTENSION, Technique.DOORWAY])
def test_holds_from_the_first_question_to_the_result(technique: Technique, tmp_path: Path) -> None:
    pilot = Pilot(technique)
    pilot.to_exercise()
    pilot.exercise()
    assert pilot.session.phase is Phase.PAIN_AFTER
    pilot.command(Pain(0))
    pilot.command(Next())
    assert pilot.session.outcome is Outcome.COMPLETED
    holds = saved(pilot.effects, HoldRow)
    sides = [None] * 3 if technique is Technique.EXTENSION else [Side.LEFT, Side.RIGHT]
    assert [row.side for row in holds] == sides
    for row in holds:
        assert row.held == pytest.approx(20.0, abs=0.15)
        assert (row.overshoots, row.jerks) == (0, 0)
    for row in saved(pilot.effects, TryoutRow):
        assert degrees(row.range) == pytest.approx(GENTLE[technique], abs=2.0)
    assert not [effect for effect in pilot.effects if isinstance(effect, Cue) and effect.kind is CueKind.DO_NOT_FORCE]
    with kept(pilot, tmp_path) as store:
        assert [row.day for row in progress.pain_changes(store)] == progress.practised_days(store)
        assert len(store.select(HoldRow)) == len(sides)
        assert progress.best_range(store, technique, sides[0]) is not None


@pytest.mark.parametrize("technique", [Technique.SUPINE_ROTATION, Technique.SEATED_ROTATION])
def test_rotations_from_the_first_question_to_the_result(technique: Technique, tmp_path: Path) -> None:
    pilot = Pilot(technique)
    pilot.to_exercise()
    pilot.exercise()
    pilot.command(Pain(0))
    pilot.command(Next())
    assert pilot.session.outcome is Outcome.COMPLETED
    rows = saved(pilot.effects, RepetitionRow)
    assert [(row.side, row.counted, row.faults) for row in rows] == [(Side.LEFT, True, ())] * 5 + [
        (Side.RIGHT, True, ())
    ] * 5
    for row in rows:
        assert degrees(row.range) == pytest.approx(GENTLE[technique], abs=1.5)
        assert row.hold >= pilot.session.plan.hold_s - 0.1
    assert not [effect for effect in pilot.effects if isinstance(effect, Cue) and effect.kind is CueKind.DO_NOT_FORCE]
    with kept(pilot, tmp_path) as store:
        history = coach_history(store, technique)
        assert history.screened
        for side in Side:
            found = history.side(side)
            assert degrees(found.usual or 0) == pytest.approx(GENTLE[technique], abs=1.5)
            assert len(found.means) == 1
        second = CoachSession(technique, history)
        assert second.phase is Phase.CALIBRATE, "the red flags are asked once"


def test_sharp_pain_asks_again_at_the_next_start(tmp_path: Path) -> None:
    pilot = Pilot(Technique.EXTENSION)
    pilot.to_exercise()
    pilot.move(None, 30.0)
    pilot.run(2.0)
    pilot.command(SharpPain())
    assert pilot.session.outcome is Outcome.SHARP_PAIN
    with kept(pilot, tmp_path) as store:
        assert store.sessions()[0].outcome is Outcome.SHARP_PAIN
        history = coach_history(store, Technique.DOORWAY)
        assert (history.screened, history.sharp_pain) == (False, True)
        again = CoachSession(Technique.DOORWAY, history)
        assert again.phase is Phase.RED_FLAGS
        (screened,) = again.command(RedFlags(any_yes=False))
        log = SessionLog(store, SessionStart(SessionKind.COACH, Source.LIVE, 0.0, 1.78e9 + 5000, 0.0))
        keep([screened], store, log, 1.78e9 + 5000)
        assert coach_history(store, Technique.DOORWAY).screened
        assert not coach_history(store, Technique.DOORWAY, "someone else").screened


def test_lost_packets_pause_the_hold_and_the_clock_goes_on_after(tmp_path: Path) -> None:
    pilot = Pilot(Technique.EXTENSION)
    pilot.to_exercise()
    pilot.run(pilot.move(None, 2.0) + 2.0 - pilot.person.now, lambda: pilot.session.phase is Phase.WORK)
    pilot.run(1.0)
    pilot.move(None, 40.0)
    pilot.run(8.0, lambda: pilot.session.view.hold_s > 4.0)
    held = pilot.session.view.hold_s
    assert held > 4.0
    pilot.person.advance(10.0)  # taken, never arrived
    pilot.run(1.0)
    assert pilot.session.view.hold_s <= held + 1.15
    pilot.run(30.0, lambda: pilot.session.phase is Phase.REST)
    (row,) = saved(pilot.effects, HoldRow)
    assert row.held == pytest.approx(20.0, abs=0.15)
    assert row.end_t - row.start_t == pytest.approx(30.0, abs=0.5), "ten seconds more than it held"


def test_leaning_past_the_own_range_is_answered() -> None:
    pilot = Pilot(Technique.DOORWAY)
    pilot.to_exercise()
    pilot.run(pilot.move(Side.LEFT, 2.0) + 2.0 - pilot.person.now, lambda: pilot.session.phase is Phase.WORK)
    pilot.run(1.0)
    pilot.move(Side.LEFT, 6.0, depth=28.0)
    pilot.run(5.0)
    said = [effect.kind for effect in pilot.effects if isinstance(effect, Cue)]
    assert CueKind.DO_NOT_FORCE in said
    assert pilot.session.view.hold_s < 1.0


def test_the_same_samples_and_commands_give_the_same_session() -> None:
    def effects(block_s: float) -> list[CoachEffect]:
        pilot = Pilot(Technique.EXTENSION, block_s=block_s, plan=TECHNIQUES[Technique.EXTENSION].plan(hold_s=15))
        pilot.to_exercise()
        for depth in (22.0, 18.0):
            pilot.move(None, 16.5, depth)
            pilot.run(22.0)
        return pilot.effects

    assert effects(0.25) == effects(0.25)
