"""A person in the simulator who does what the coach says: shared by the tests of coached sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from unslouch.coach.history import CoachHistory
from unslouch.coach.session import CoachSession
from unslouch.coach.technique import Plan
from unslouch.coach.values import CoachCommand, CoachEffect, CoachView, Next, Pain, Phase, RedFlags
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
    block_s: float = 0.1
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
