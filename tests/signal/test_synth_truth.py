from __future__ import annotations

import json
from math import radians

import numpy as np
import pytest

from unslouch_signal.events import ActivityKind, Direction, LyingSide, RotationFault, RotationPosition, Side, Technique
from unslouch_signal.synth import (
    IDEAL,
    Person,
    RadioModel,
    Scenario,
    TruthParameters,
    movements,
    scenarios,
    simulate,
    truth_to_json,
)
from unslouch_signal.synth.definitions import spells

STATUE = Person(breath_deg=0.0, breath_m=0.0, sway_deg=0.0)


def truth(*parts, person=STATUE, standing=False, duration_s=None, **more):
    scenario = Scenario("test", tuple(parts), duration_s, standing)
    return simulate(scenario, IDEAL, seed=1, person=person, fused=False, **more).truth


def crossing(depth_deg: float, ramp_s: float, at_deg: float) -> float:
    """When a minimum-jerk ramp crosses an angle, s."""
    x = np.linspace(0, 1, 100_001)
    y = depth_deg * (10 * x**3 - 15 * x**4 + 6 * x**5)
    return float(ramp_s * x[np.searchsorted(y, at_deg)])


def test_hysteresis_on_a_hand_made_signal():
    x = np.array([0, 8, 13, 11, 8, 7.5, 6, 8, 11, 13, 14, 13.0])
    valid = np.ones(12, bool)
    np.testing.assert_array_equal(spells(x, valid, 12.0, 7.0), [[2, 6], [9, 12]])
    valid[3] = False
    np.testing.assert_array_equal(spells(x, valid, 12.0, 7.0), [[2, 3], [9, 12]])
    assert spells(x, np.zeros(12, bool), 12.0, 7.0).shape == (0, 2)


def test_a_slouch_runs_from_12_to_7_degrees_and_alerts_after_15_s():
    t = truth(movements.Rest(3.0), movements.slouch(24.0, 10.0, 30.0, 2.0), movements.Rest(3.0))
    (s,) = t.slouches
    assert s.direction is Direction.FLEXION
    assert s.start == pytest.approx(3.0 + crossing(24.0, 10.0, 12.0), abs=0.03)
    assert s.end == pytest.approx(43.0 + crossing(24.0, 2.0, 24.0 - 7.0), abs=0.03)
    assert s.alert == pytest.approx(s.start + 15.0, abs=1e-9)
    assert np.degrees(s.peak) == pytest.approx(24.0, abs=0.01)
    assert 22.0 < np.degrees(s.mean) < 24.0


@pytest.mark.parametrize(
    ("movement", "direction"),
    [
        (movements.Bend(flexion_deg=-18.0, hold_s=20.0), Direction.EXTENSION),
        (movements.lean(Side.LEFT, 18.0), Direction.LEAN_LEFT),
        (movements.lean(Side.RIGHT, 18.0), Direction.LEAN_RIGHT),
    ],
)
def test_directions(movement, direction):
    assert [s.direction for s in truth(movement).slouches] == [direction]


def test_short_spells_do_not_alert_and_shorter_ones_are_not_listed():
    t = truth(movements.slouch(20.0, 2.0, 8.0), movements.Rest(5.0), movements.reach(Side.LEFT, 40.0, 2.0))
    assert [s.alert for s in t.slouches] == [None]
    assert t.ambiguous == ()


def test_ten_degrees_are_no_slouch():
    t = truth(movements.slouch(10.0, 4.0, 60.0), movements.lean(Side.LEFT, 10.0, 40.0))
    assert t.slouches == ()
    assert t.ambiguous == ()


def test_what_only_just_crosses_is_ambiguous():
    assert len(truth(movements.slouch(12.3, 4.0, 30.0)).ambiguous) == 1
    assert len(truth(movements.slouch(11.7, 4.0, 30.0)).ambiguous) == 1
    assert truth(movements.slouch(12.3, 4.0, 30.0), parameters=TruthParameters(ambiguity_deg=0.1)).ambiguous == ()


def test_alerts_keep_a_minute_apart():
    one = movements.slouch(22.0, 4.0, 25.0)
    t = truth(one, movements.Rest(8.0), one, movements.Rest(40.0), one)
    assert len(t.slouches) == 3
    first, second, third = t.slouches
    assert second.end - first.alert < 60.0
    assert second.alert is None
    assert third.alert == pytest.approx(third.start + 15.0)
    long = truth(one, movements.Rest(8.0), movements.slouch(22.0, 4.0, 60.0)).slouches
    assert long[1].alert == pytest.approx(long[0].alert + 60.0)


def test_the_definitions_figures_can_be_set():
    figures = TruthParameters(enter_deg=20.0, leave_deg=15.0, dwell_s=5.0)
    t = truth(movements.slouch(24.0, 10.0, 30.0), movements.slouch(18.0, 4.0, 30.0), parameters=figures)
    (s,) = t.slouches
    assert s.start == pytest.approx(crossing(24.0, 10.0, 20.0), abs=0.03)
    assert s.alert == pytest.approx(s.start + 5.0)


def test_angles_count_from_the_mean_of_the_still_part():
    s = simulate(scenarios.desk_day(120.0, 3), IDEAL, seed=3, fused=False).truth
    protocol = s.protocols[0]
    still = (s.t >= protocol.start) & (s.t < protocol.still_end)
    assert protocol.still_end - protocol.start >= 4.0
    assert abs(np.degrees(s.flexion[still].mean())) < 0.01
    assert abs(np.degrees(s.lateral[still].mean())) < 0.01
    bows = np.degrees(s.flexion[(s.t > protocol.still_end) & (s.t < protocol.end)])
    assert int(np.sum(np.diff((bows > 20.0).astype(int)) == 1)) == 3


def test_walking_ends_a_spell():
    leaning_walk = movements.Together(
        ((0.0, movements.slouch(20.0, 2.0, 40.0)), (10.0, movements.Walk((), 6.0))),
    )
    t = truth(leaning_walk, standing=True)
    assert t.slouches[0].end == pytest.approx(10.0, abs=0.05)
    assert t.slouches[0].alert is None


def test_a_lost_link_ends_a_spell():
    radio = RadioModel(outages=((12.0, 20.0),))
    t = truth(movements.slouch(20.0, 2.0, 60.0), radio=radio)
    assert t.gaps == (pytest.approx((12.0, 20.0), abs=0.05),)
    assert t.slouches[0].end == pytest.approx(12.0, abs=0.05)
    assert t.slouches[1].start == pytest.approx(20.0, abs=0.05)


def test_after_a_slip_nothing_is_expected_until_the_next_protocol():
    slouch = movements.slouch(22.0, 4.0, 25.0)
    t = truth(
        scenarios.LEARN,
        movements.StrapSlip(25.0),
        slouch,
        movements.Rest(45.0),
        scenarios.LEARN,
        movements.Rest(30.0),
        slouch,
    )
    assert [s.calibrated for s in t.slouches] == [False, True]
    assert [s.alert is not None for s in t.slouches] == [False, True]
    (span,) = t.uncalibrated
    assert span[0] == pytest.approx(t.slips[0])
    assert span[1] == pytest.approx(t.protocols[1].end)


@pytest.mark.parametrize("side", list(Side))
def test_a_repetition(side):
    t = truth(movements.Rest(2.0), movements.RotateTrunk(side, 47.0, 1.5, 3.0, 1.5, 1.0))
    (r,) = t.rotations
    assert (r.side, r.position, r.valid) == (side, RotationPosition.SEATED, True)
    assert (r.start, r.end) == pytest.approx((2.0, 8.0), abs=0.01)
    assert 3.4 < r.peak < 6.6
    assert np.degrees(r.range) == pytest.approx(47.0, abs=0.05)
    # within a tenth of the range of the peak: the hold and the ends of the ways
    way = 1.5 - crossing(47.0, 1.5, 0.9 * 47.0)
    assert r.hold == pytest.approx((3.5 - way, 6.5 + way), abs=0.03)
    (h,) = t.holds
    assert (h.technique, h.side) == (Technique.SEATED_ROTATION, side)
    assert h.held == pytest.approx(3.0 + 2 * way, abs=0.05)


def test_two_repetitions_straight_across_share_their_border():
    t = truth(movements.Rest(2.0), movements.RotateTrunk(Side.LEFT, 40.0, across=True), movements.Rest(1.0))
    left, right = t.rotations
    assert (left.side, right.side) == (Side.LEFT, Side.RIGHT)
    assert left.end == right.start
    assert np.degrees((left.range, right.range)) == pytest.approx((40.0, 40.0), abs=0.05)
    border = np.interp(left.end, t.t, t.axial)
    assert abs(np.degrees(border)) < 1.0


def test_what_is_too_small_or_stays_is_no_repetition():
    t = truth(
        movements.RotateTrunk(Side.LEFT, 15.0),
        movements.Swivel(Side.RIGHT, 80.0),
        movements.Rest(30.0),
        movements.Swivel(Side.LEFT, 80.0),
        movements.Walk((180.0,), 4.0),
    )
    assert t.rotations == ()


def test_a_swivel_and_back_is_reported_as_a_rotation():
    (r,) = truth(movements.Swivel(Side.RIGHT, 50.0, back_after_s=4.0)).rotations
    assert r.side is Side.RIGHT
    assert np.degrees(r.range) == pytest.approx(50.0, abs=0.05)


def test_faults():
    slouched = truth(movements.sink(20.0), movements.RotateTrunk(Side.LEFT, 40.0), movements.Settle())
    assert slouched.rotations[0].faults == (RotationFault.STARTED_SLOUCHED,)
    bent = truth(movements.Rest(1.0), movements.RotateTrunk(Side.LEFT, 40.0, lateral_deg=30.0))
    assert bent.rotations[0].faults == (RotationFault.BENT_SIDEWAYS, RotationFault.FLEXED)
    cut = truth(movements.Rest(1.0), movements.RotateTrunk(Side.LEFT, 40.0), radio=RadioModel(outages=((2.0, 3.0),)))
    assert cut.rotations[0].faults == (RotationFault.CUT_BY_GAP,)
    assert not cut.rotations[0].valid


def test_supine_rotations_are_measured_about_gravity():
    t = simulate(scenarios.supine_set(3, 5), IDEAL, seed=5, fused=False).truth
    assert [r.side for r in t.rotations] == [Side.LEFT, Side.RIGHT] * 3
    assert all(r.position is RotationPosition.SUPINE for r in t.rotations)
    lying = [a for a in t.activities if a.kind is ActivityKind.LYING]
    assert [a.lying_side for a in lying] == [LyingSide.SUPINE]
    assert lying[0].start < t.rotations[0].start
    assert t.rotations[-1].end < lying[0].end
    inside = (t.t > lying[0].start) & (t.t < lying[0].end)
    assert np.degrees(t.tilt[inside]).min() > 80.0


@pytest.mark.parametrize(
    ("movement", "technique", "side"),
    [
        (movements.ExtensionHold(22.0, 20.0), Technique.EXTENSION, None),
        (movements.DoorwayHold(Side.LEFT, 17.0, 20.0), Technique.DOORWAY, Side.LEFT),
        (movements.DoorwayHold(Side.RIGHT, 17.0, 20.0), Technique.DOORWAY, Side.RIGHT),
    ],
)
def test_holds_count_the_time_in_the_zone(movement, technique, side):
    (h,) = truth(movements.Rest(2.0), movement, standing=True).holds
    assert (h.technique, h.side) == (technique, side)
    way = 2.0 - crossing(movement.depth_deg, 2.0, 10.0)
    assert h.held == pytest.approx(20.0 + 2 * way, abs=0.15)
    assert h.end - h.start == pytest.approx(h.held, abs=0.05)


def test_activities_are_those_of_the_script():
    t = truth(
        movements.Walk((90.0,), 5.0),
        movements.LieDown(),
        movements.Rest(5.0),
        movements.RollOver(Side.LEFT),
        movements.Rest(5.0),
        movements.RollOver(None),
        movements.GetUp(),
        movements.TakeOff(20.0, charging=True),
    )
    assert [(a.kind, a.lying_side) for a in t.activities] == [
        (ActivityKind.WALKING, None),
        (ActivityKind.LYING, LyingSide.SUPINE),
        (ActivityKind.LYING, LyingSide.LEFT),
        (ActivityKind.LYING, LyingSide.SUPINE),
        (ActivityKind.OFF_BODY, None),
    ]
    assert t.activities[0].end - t.activities[0].start == pytest.approx(10.0, abs=0.01)
    assert t.activities[-1].charging


def test_json_has_the_keys_of_the_analysis():
    out = truth_to_json(simulate(scenarios.demo(1), seed=1, fused=False).truth)
    assert json.loads(json.dumps(out)) == out
    assert set(out["slouches"][0]) >= {"start_s", "end_s", "peak_deg", "alert_s"}
    assert set(out["rotations"][0]) == {
        "side", "position", "start_s", "peak_s", "end_s", "range_deg", "valid", "reasons",
    }  # fmt: skip
    ranges = {s: [r["range_deg"] for r in out["rotations"] if r["side"] == s] for s in ("left", "right")}
    summary = out["rotation_summary"]
    assert summary["left_deg"] == pytest.approx(np.mean(ranges["left"]), abs=2e-3)
    assert summary["arc_deg"] == pytest.approx(summary["left_deg"] + summary["right_deg"], abs=2e-3)
    assert summary["asymmetry_deg"] == pytest.approx(summary["left_deg"] - summary["right_deg"], abs=2e-3)
    one_sided = truth_to_json(truth(movements.Rest(1.0), movements.RotateTrunk(Side.LEFT)))
    assert one_sided["rotation_summary"]["right_deg"] is None
    assert one_sided["rotation_summary"]["arc_deg"] is None


@pytest.mark.parametrize("seed", range(6))
def test_a_quiet_day_deserves_no_alert(seed):
    t = simulate(scenarios.quiet_day(3600.0, seed), seed=seed, fused=False).truth
    assert all(s.alert is None for s in t.slouches)
    assert t.ambiguous == ()
    assert len(t.slips) == 1
    kinds = {a.kind for a in t.activities}
    assert ActivityKind.WALKING in kinds
    assert len(t.rotations) > 3


@pytest.mark.parametrize("seed", range(4))
def test_a_desk_day_has_plain_slouches(seed):
    t = simulate(scenarios.desk_day(3600.0, seed), seed=seed, fused=False).truth
    assert sum(s.alert is not None for s in t.slouches) >= 8
    assert t.t[-1] == pytest.approx(3600.0, abs=0.2)


@pytest.mark.parametrize("which", list(Technique))
def test_every_technique_has_its_scenario(which):
    t = simulate(scenarios.technique(which, 1), seed=1, fused=False).truth
    assert len(t.protocols) == 1
    if which in (Technique.SEATED_ROTATION, Technique.SUPINE_ROTATION):
        assert [r.side for r in t.rotations] == [Side.LEFT, Side.RIGHT] * 5
        assert all(radians(25.0) < r.range < radians(72.0) for r in t.rotations)
    else:
        assert {h.technique for h in t.holds} == {which}


def test_the_demo_is_short_and_shows_the_mission():
    t = simulate(scenarios.demo(0), seed=0, fused=False).truth
    assert t.t[-1] < 4 * 60
    assert sum(s.alert is not None for s in t.slouches) == 1
    assert len(t.rotations) == 11


def test_an_empty_scenario_is_refused():
    with pytest.raises(ValueError, match="empty"):
        simulate(Scenario("nothing", (), 0.01))
