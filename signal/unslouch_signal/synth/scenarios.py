"""Ready-made scenarios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unslouch_signal.events import Side, Technique
from unslouch_signal.synth.movements import (
    CalibrationProtocol,
    DoorwayHold,
    ExtensionHold,
    GetUp,
    LieDown,
    Movement,
    Rest,
    RollOver,
    RotateTrunk,
    SitDown,
    Stairs,
    StandUp,
    StrapSlip,
    Swivel,
    TakeOff,
    Walk,
    drink,
    lean,
    look,
    phone_call,
    reach,
    slouch,
)
from unslouch_signal.synth.script import Script
from unslouch_signal.synth.simulation import Scenario

SIDES = (Side.LEFT, Side.RIGHT)
LEARN = CalibrationProtocol()


def desk_day(duration_s: float = 1800.0, seed: int = 0, *, slouching: bool = True, lying: bool = True) -> Scenario:
    """A working day in the small: calibration, then sitting with everything people do at a desk.

    Without ``slouching`` nothing in it deserves an alert: short slouches, reaches, 10 deg leans, walks and rests only.
    """
    rng = np.random.default_rng([seed, 11])
    moves: list[Movement] = [LEARN]
    quiet: list[Callable[[], list[Movement]]] = _harmless(rng, lying=lying)
    weights = np.array([3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 1.5, 0.7, 0.4, 0.3 if lying else 0.0])
    weights /= weights.sum()
    loud = _slouches(rng)
    script = Script()
    LEARN.write(script)
    while True:
        episode: list[Movement] = [Rest(float(rng.uniform(10.0, 60.0)))]
        if slouching and rng.random() < 0.35:
            episode += loud()
        else:
            episode += quiet[int(rng.choice(len(quiet), p=weights))]()
        for movement in episode:
            movement.write(script)
        if script.now > duration_s - 3.0:
            return Scenario("desk day", tuple(moves), duration_s)
        moves += episode


def _harmless(rng: np.random.Generator, *, lying: bool) -> list[Callable[[], list[Movement]]]:
    def side() -> Side:
        return SIDES[int(rng.integers(2))]

    def swivel_for_a_while() -> list[Movement]:
        s, turn = side(), float(rng.uniform(40.0, 120.0))
        other = Side.RIGHT if s is Side.LEFT else Side.LEFT
        return [
            Swivel(s, turn),
            Rest(float(rng.uniform(28.0, 60.0))),
            Swivel(other, turn * float(rng.uniform(0.9, 1.1))),
        ]

    def walk() -> list[Movement]:
        turns = tuple(float(x) for x in rng.choice((-90.0, 90.0, 180.0, -60.0), int(rng.integers(1, 5))))
        return [
            Walk(turns, float(rng.uniform(5.0, 12.0)), 1.2, float(rng.uniform(1.6, 2.0)), float(rng.uniform(1.6, 2.5)))
        ]

    def stairs() -> list[Movement]:
        up = Stairs(float(rng.uniform(10.0, 20.0)))
        return [StandUp(), up, Rest(3.0), replace(up, rise=-0.25), SitDown()]

    def nap() -> list[Movement]:
        onto = side()
        return [
            LieDown(),
            Rest(float(rng.uniform(20.0, 60.0))),
            RollOver(onto),
            Rest(float(rng.uniform(25.0, 60.0))),
            RollOver(None),
            Rest(float(rng.uniform(25.0, 40.0))),
            GetUp(onto),
        ]

    def near_miss() -> list[Movement]:
        if rng.random() < 0.5:
            return [slouch(float(rng.uniform(8.5, 10.0)), 5.0, float(rng.uniform(20.0, 60.0)))]
        return [lean(side(), float(rng.uniform(8.5, 10.0)), float(rng.uniform(20.0, 60.0)))]

    kinds: list[Callable[[], list[Movement]]] = [
        lambda: [reach(side(), float(rng.uniform(25.0, 45.0)), float(rng.uniform(0.5, 4.0)))],
        lambda: [look(side(), float(rng.uniform(26.0, 45.0)))],
        near_miss,
        lambda: [slouch(float(rng.uniform(16.0, 24.0)), float(rng.uniform(2.0, 4.0)), float(rng.uniform(3.0, 7.0)))],
        lambda: [drink()],
        lambda: [phone_call(side(), float(rng.uniform(20.0, 50.0)))],
        lambda: [Swivel(side(), float(rng.uniform(30.0, 60.0)), back_after_s=float(rng.uniform(2.0, 8.0)))],
        swivel_for_a_while,
        walk,
        stairs,
        nap if lying else lambda: [StandUp(), Rest(float(rng.uniform(30.0, 90.0))), SitDown()],
    ]
    return kinds


def _slouches(rng: np.random.Generator) -> Callable[[], list[Movement]]:
    def one() -> list[Movement]:
        depth, ramp = float(rng.uniform(16.0, 28.0)), float(rng.uniform(2.0, 20.0))
        hold, rise = float(rng.uniform(18.0, 90.0)), float(rng.uniform(1.0, 2.5))
        if rng.random() < 0.2:
            return [lean(SIDES[int(rng.integers(2))], depth, hold)]
        return [slouch(depth, ramp, hold, rise)]

    return one


def quiet_day(duration_s: float = 3600.0, seed: int = 0, *, slips: bool = True) -> Scenario:
    """Nothing deserves an alert; with ``slips`` the strap slips in the last quarter and nobody calibrates again."""
    day = desk_day(duration_s * (0.75 if slips else 1.0), seed, slouching=False)
    if not slips:
        return replace(day, name="quiet day", duration_s=duration_s)
    rng = np.random.default_rng([seed, 12])
    axis = rng.standard_normal(3)
    slip = StrapSlip(float(rng.uniform(16.0, 40.0)), (float(axis[0]), float(axis[1]), float(axis[2])))
    rest = desk_day(duration_s * 0.25, seed + 1000, slouching=False).movements[1:]
    return Scenario("quiet day", (*day.movements, Rest(20.0), slip, *rest), duration_s)


def seated_set(reps: int = 5, seed: int = 0, *, across: bool = False) -> Scenario:
    """Calibration and seated rotations, ``reps`` to each side with a hold of a few seconds."""
    rng = np.random.default_rng([seed, 13])
    moves: list[Movement] = [LEARN, Rest(4.0)]
    mean = {s: float(rng.uniform(32.0, 62.0)) for s in SIDES}
    count = reps if across else 2 * reps
    moves += [_repetition(rng, SIDES[i % 2], mean[SIDES[i % 2]], across=across) for i in range(count)]
    return Scenario("seated rotations", (*moves, Rest(3.0)))


def supine_set(reps: int = 5, seed: int = 0) -> Scenario:
    """Calibration, lying down, supine rotations to both sides with holds, getting up."""
    rng = np.random.default_rng([seed, 14])
    moves: list[Movement] = [LEARN, Rest(3.0), LieDown(), Rest(6.0)]
    mean = {s: float(rng.uniform(32.0, 62.0)) for s in SIDES}
    moves += [_repetition(rng, SIDES[i % 2], mean[SIDES[i % 2]]) for i in range(2 * reps)]
    return Scenario("supine rotations", (*moves, Rest(3.0), GetUp(), Rest(4.0)))


def _repetition(rng: np.random.Generator, side: Side, mean_deg: float, *, across: bool = False) -> RotateTrunk:
    return RotateTrunk(
        side,
        mean_deg * float(rng.uniform(0.9, 1.1)),
        out_s=float(rng.uniform(1.2, 2.2)),
        hold_s=float(rng.uniform(2.0, 4.5)),
        back_s=float(rng.uniform(1.2, 2.0)),
        rest_s=float(rng.uniform(1.0, 2.0)),
        across=across,
    )


def extension_and_doorway(seed: int = 0) -> Scenario:
    """Calibration standing, three extension holds, a doorway stretch on each side twice."""
    rng = np.random.default_rng([seed, 15])
    moves: list[Movement] = [LEARN, Rest(5.0)]
    moves += [ExtensionHold(float(rng.uniform(18.0, 26.0)), float(rng.uniform(16.0, 25.0)), 8.0) for _ in range(3)]
    moves.append(Rest(6.0))
    moves += [
        DoorwayHold(SIDES[i % 2], float(rng.uniform(15.0, 21.0)), float(rng.uniform(16.0, 25.0)), 8.0) for i in range(4)
    ]
    return Scenario("extension and doorway", (*moves, Rest(3.0)), standing=True)


def bad_day(seed: int = 0) -> Scenario:
    """Slouches, a walk, the strap slips, is calibrated again, is taken off to charge; give it a bad radio too."""
    return Scenario(
        "bad day",
        (
            LEARN,
            Rest(20.0),
            slouch(20.0, 6.0, 30.0),
            Rest(15.0),
            look(Side.LEFT),
            Rest(10.0),
            Walk((90.0, -90.0, 180.0)),
            Rest(40.0),
            slouch(24.0, 12.0, 25.0),
            Rest(20.0),
            StrapSlip(28.0, (0.2, 1.0, 0.3)),
            Rest(60.0),
            LEARN,
            Rest(15.0),
            slouch(18.0, 4.0, 40.0),
            Rest(20.0),
            Stairs(14.0),
            SitDown(),
            Rest(25.0),
            TakeOff(45.0, charging=True),
            Rest(30.0),
        ),
    )


def demo(seed: int = 0) -> Scenario:
    """Calibration, a slouch that alerts, a seated rotation set, in about three minutes."""
    rng = np.random.default_rng([seed, 16])
    reps = [_repetition(rng, SIDES[i % 2], 44.0 + 3.0 * (i % 2)) for i in range(10)]
    return Scenario(
        "demo",
        (LEARN, Rest(8.0), look(Side.RIGHT), Rest(4.0), slouch(21.0, 6.0, 22.0), Rest(8.0), *reps, Rest(4.0)),
    )


def technique(which: Technique, seed: int = 0) -> Scenario:
    """Calibration and one dose of a technique."""
    match which:
        case Technique.SEATED_ROTATION:
            return seated_set(5, seed)
        case Technique.SUPINE_ROTATION:
            return supine_set(5, seed)
        case Technique.EXTENSION:
            holds = tuple(ExtensionHold(22.0, 20.0, 10.0) for _ in range(3))
            return Scenario("extension", (LEARN, Rest(6.0), *holds), standing=True)
        case Technique.DOORWAY:
            stretches = tuple(DoorwayHold(s, 17.0, 20.0, 10.0) for s in SIDES)
            return Scenario("doorway", (LEARN, Rest(6.0), *stretches), standing=True)


def walking(seed: int = 0, duration_s: float = 120.0) -> Scenario:
    """Calibration standing, then walks with turns, stairs and sitting down in between."""
    rng = np.random.default_rng([seed, 17])
    moves: list[Movement] = [LEARN]
    script = Script()
    while True:
        turns = tuple(float(x) for x in rng.choice((-90.0, 90.0, 180.0), 2))
        episode = (Walk(turns, float(rng.uniform(5.0, 10.0))), Stairs(8.0), SitDown(), Rest(6.0), StandUp())
        for movement in episode:
            movement.write(script)
        if script.now > duration_s - 25.0:
            return Scenario("walking", tuple(moves), duration_s, standing=True)
        moves += episode
