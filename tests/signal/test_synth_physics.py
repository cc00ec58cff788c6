from __future__ import annotations

from dataclasses import replace
from math import radians

import numpy as np
import pytest

from unslouch_signal import quaternion
from unslouch_signal.events import Side
from unslouch_signal.samples import SampleFlag
from unslouch_signal.synth import GRAVITY, IDEAL, Person, Scenario, SensorModel, movements, scenarios, simulate
from unslouch_signal.synth.body import Body
from unslouch_signal.synth.motion import Channel, Gait, Score, Step, Travel, smooth_noise
from unslouch_signal.synth.strap import WornStrap

STATUE = Person(breath_deg=0.0, breath_m=0.0, sway_deg=0.0)
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


def ideal(*parts, rate_hz=52.0, mounting=None, seed=3, person=None, standing=False):
    scenario = Scenario("test", tuple(parts), standing=standing)
    return simulate(scenario, replace(IDEAL, rate_hz=rate_hz), mounting, seed, person=person, fused=False, buzzes=False)


@pytest.mark.parametrize("rate_hz", [20.0, 52.0, 400.0])
def test_the_gyro_integrates_exactly_to_the_orientation(rate_hz):
    s = ideal(movements.Walk((90.0,), 4.0), movements.LieDown(), movements.GetUp(), rate_hz=rate_hz)
    q = s.truth.sensor[0]
    steps = quaternion.from_rotvec(s.block_raw.gyr[1:] / rate_hz)
    for step in steps:
        q = quaternion.multiply(q, step)
    off = quaternion.to_rotvec(quaternion.multiply(quaternion.conjugate(q), s.truth.sensor[-1]))
    assert np.linalg.norm(off) < 1e-9


def test_at_rest_the_accelerometer_shows_gravity_along_up():
    s = ideal(movements.Rest(5.0), person=STATUE)
    up = quaternion.rotate(quaternion.conjugate(s.truth.sensor), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(s.block_raw.acc, GRAVITY * up, atol=1e-7)
    np.testing.assert_allclose(s.block_raw.gyr, 0.0, atol=1e-12)


def test_acceleration_is_the_second_derivative_of_the_sensor_position():
    script = Scenario("walk", (movements.Walk((120.0,), 5.0),)).script()
    body = Body(Person(), UPRIGHT, 1)
    for p in script.primitives:
        body.score.add(p)
    fine = np.arange(0, 12, 1 / 2000.0)
    k = body.at(fine)
    true_acc = np.gradient(np.gradient(k.position, fine, axis=1), fine, axis=1)
    s = simulate(Scenario("walk", (movements.Walk((120.0,), 5.0),)), IDEAL, UPRIGHT, 1, fused=False)
    n = 400
    world = quaternion.rotate(s.truth.sensor[:n], s.block_raw.acc[:n]) - np.array([0.0, 0.0, GRAVITY])
    # taken at the middle of the interval before the stamp, and turned by the sensor within it
    middle = np.array([np.interp(s.truth.t[:n] - 0.5 / 52.0, fine, a) for a in true_acc]).T
    assert np.abs(world - middle)[5:].max() < 0.25
    assert np.sqrt(np.mean((world - middle)[5:] ** 2)) < 0.05
    assert np.sqrt(np.mean(middle[200:, 2] ** 2)) > 1.0


def test_a_bow_swings_the_sensor_about_the_hip():
    """Centripetal and tangential acceleration at the lever arm, from the closed form of a minimum-jerk bow."""
    s = ideal(movements.Bend(flexion_deg=60.0, out_s=1.0, hold_s=1.0), mounting=UPRIGHT, person=STATUE)
    lever = np.hypot(0.11, 0.42)
    x = s.truth.t[:52] - 0.5 / 52.0
    x = np.clip(x, 0, 1)
    angle = radians(60.0) * (10 * x**3 - 15 * x**4 + 6 * x**5)
    rate = radians(60.0) * (30 * x**2 - 60 * x**3 + 30 * x**4)
    acc = radians(60.0) * (60 * x - 180 * x**2 + 120 * x**3)
    up = np.stack((-np.sin(angle), 0 * angle, np.cos(angle)), axis=1)
    kinematic = s.block_raw.acc[:52] - GRAVITY * up
    expected = lever * np.hypot(rate**2, acc)
    np.testing.assert_allclose(np.linalg.norm(kinematic, axis=1), expected, atol=0.06)
    # turning about +y, the sensor high above the hip accelerates forward first
    assert kinematic[8, 0] == pytest.approx(0.42 * acc[8], abs=0.15)
    assert expected.max() > 2.0


@pytest.mark.parametrize(
    ("movement", "expected"),
    [
        (movements.Bend(flexion_deg=30.0, back_s=0.0), (30.0, 0.0, 0.0)),
        (movements.Bend(flexion_deg=-20.0, back_s=0.0), (-20.0, 0.0, 0.0)),
        (movements.lean(Side.RIGHT, 18.0), (0.0, 18.0, 0.0)),
        (movements.lean(Side.LEFT, 18.0), (0.0, -18.0, 0.0)),
        (movements.Twist(40.0), (0.0, 0.0, 40.0)),
        (movements.RotateTrunk(Side.RIGHT, 50.0), (0.0, 0.0, -50.0)),
        (movements.Swivel(Side.LEFT, 70.0), (0.0, 0.0, 70.0)),
    ],
)
def test_signs(movement, expected):
    """Flexion + forward, lateral + right, axial + left."""
    s = ideal(movement, person=STATUE)
    t = s.truth
    for x, want in zip((t.flexion, t.lateral, t.axial), expected, strict=True):
        furthest = x[np.argmax(np.abs(x))]
        assert np.degrees(furthest) == pytest.approx(want, abs=0.05)


def test_signs_as_the_sensor_sees_them():
    """With the sensor's axes along the thorax's: x forward, y left, z up."""
    forward = ideal(movements.Bend(flexion_deg=30.0, back_s=0.0), mounting=UPRIGHT, person=STATUE).block_raw
    assert forward.acc[-1, 0] == pytest.approx(-GRAVITY * np.sin(radians(30.0)), abs=1e-3)
    assert forward.gyr[:, 1].max() > 0.5
    right = ideal(movements.lean(Side.RIGHT, 20.0), mounting=UPRIGHT, person=STATUE).block_raw
    assert right.acc[400, 1] == pytest.approx(GRAVITY * np.sin(radians(20.0)), abs=1e-3)
    left = ideal(movements.Twist(40.0), mounting=UPRIGHT, person=STATUE).block_raw
    assert left.gyr[:, 2].max() > 0.5
    supine = ideal(movements.LieDown(), movements.Rest(3.0), mounting=UPRIGHT, person=STATUE).block_raw
    np.testing.assert_allclose(supine.acc[-1], (GRAVITY, 0.0, 0.0), atol=1e-3)


def test_lying_down_after_a_swivel_is_lying_on_the_back():
    t = ideal(movements.Swivel(Side.LEFT, 70.0), movements.LieDown(), movements.Rest(2.0), person=STATUE).truth
    assert np.degrees((t.flexion[-1], t.lateral[-1])) == pytest.approx((-90.0, 0.0), abs=0.01)


def test_fore_and_side_turn_with_the_heading():
    body = Body(STATUE, UPRIGHT, 0)
    body.score.add(Step(Channel.HEADING, 0.0, 1.0, radians(90.0)))
    body.score.add(Step(Channel.FORE, 2.0, 3.0, 1.0))
    body.score.add(Step(Channel.SIDE, 4.0, 5.0, 1.0))
    p = body.at(np.array([1.5, 3.5, 5.5])).position
    np.testing.assert_allclose(np.diff(p, axis=1).T, [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]], atol=1e-12)


def test_lying_rotation_is_seen_by_gravity():
    s = ideal(movements.LieDown(), movements.RotateTrunk(Side.LEFT, 50.0, hold_s=2.0), person=STATUE)
    r = s.truth.rotations
    assert len(r) == 1
    assert (r[0].side, r[0].position) == (Side.LEFT, "supine")
    assert np.degrees(r[0].range) == pytest.approx(50.0, abs=0.1)


def test_walking_shakes_by_the_amplitude_asked_for():
    s = ideal(movements.Walk((), 12.0, bounce=2.0), mounting=UPRIGHT, person=STATUE, standing=True)
    walk = (s.truth.t > 3.0) & (s.truth.t < 9.0)
    vertical = quaternion.rotate(s.truth.sensor, s.block_raw.acc)[walk, 2] - GRAVITY
    assert 1.2 < np.sqrt(np.mean(vertical**2)) < 2.0
    spectrum = np.abs(np.fft.rfft(vertical))
    hz = np.fft.rfftfreq(len(vertical), 1 / 52.0)[np.argmax(spectrum)]
    assert hz == pytest.approx(1.8, abs=0.2)


def test_walking_travels_at_the_speed_asked_for():
    body = Body(STATUE, UPRIGHT, 0)
    for p in Scenario("walk", (movements.Walk((180.0,), 6.0),), standing=True).script().primitives:
        body.score.add(p)
    x = body.at(np.linspace(0, 16, 3201)).position
    speed = np.gradient(x[0], 0.005)
    assert np.median(speed[400:900]) == pytest.approx(1.2, abs=0.1)
    assert np.median(speed[1500:2200]) == pytest.approx(-1.2, abs=0.1)
    assert np.abs(np.gradient(x[:2, -100:], axis=1)).max() < 1e-6


def test_breathing_and_sway_are_of_a_living_size():
    s = ideal(movements.Rest(300.0))
    flexion = np.degrees(s.truth.flexion)
    assert 0.25 < flexion.std() < 0.8
    assert np.abs(flexion).max() < 1.8
    spectrum = np.abs(np.fft.rfft(flexion - flexion.mean()))
    hz = np.fft.rfftfreq(len(flexion), 1 / 52.0)
    breathing = spectrum[(hz > 0.2) & (hz < 0.3)].max()
    assert breathing > 5 * spectrum[(hz > 0.5) & (hz < 5.0)].max()


def test_the_sensor_errs_as_it_is_told():
    model = SensorModel(bias_dps=2.5, bias_drift_dps=0.0, scale_error=0.0, misalignment_deg=0.0, acc_offset_mg=0.0)
    s = simulate(Scenario("rest", (movements.Rest(200.0),)), model, seed=8, person=STATUE, fused=False)
    gyr = np.degrees(s.block_raw.gyr)
    np.testing.assert_allclose(np.abs(gyr.mean(axis=0)), 2.5, atol=0.01)
    # density times the root of the Nyquist bandwidth, and one step of rounding
    assert gyr.std(axis=0) == pytest.approx(np.full(3, np.hypot(5e-3 * np.sqrt(26.0), 0.035 / np.sqrt(12))), rel=0.1)
    steps = gyr / 0.035
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    acc = s.block_raw.acc / (0.244e-3 * GRAVITY)
    np.testing.assert_allclose(acc, np.rint(acc), atol=1e-6)


def test_scale_error_and_misalignment():
    turn = Scenario("turn", (movements.Twist(90.0, 3.0),))
    model = replace(IDEAL, scale_error=0.01)
    true, off = (simulate(turn, m, UPRIGHT, 5, person=STATUE, fused=False).block_raw.gyr for m in (IDEAL, model))
    assert abs(off[:, 2].sum() / true[:, 2].sum() - 1.0) == pytest.approx(0.01, abs=1e-9)
    crossed = simulate(turn, replace(IDEAL, misalignment_deg=1.0), UPRIGHT, 5, person=STATUE, fused=False).block_raw.gyr
    share = np.abs(crossed[:, :2].sum(axis=0) / true[:, 2].sum())
    assert 0 < share.max() <= np.tan(radians(1.0))


def test_the_bias_drifts_with_the_warming_board():
    model = replace(IDEAL, bias_drift_dps=1.0)
    s = simulate(Scenario("rest", (movements.Rest(3600.0),)), model, seed=2, person=STATUE, fused=False)
    gyr = np.degrees(s.block_raw.gyr)
    start, end = gyr[:520].mean(axis=0), gyr[-5200:].mean(axis=0)
    assert 0.2 < np.abs(end - start).max() < 1.1


def test_saturation_is_clipped_and_flagged():
    model = replace(IDEAL, gyro_range_dps=125.0)
    fast = Scenario("fast", (movements.Twist(90.0, 0.8),))
    s = simulate(fast, model, UPRIGHT, 0, person=STATUE, fused=False)
    assert np.abs(s.block_raw.gyr).max() == pytest.approx(radians(125.0))
    flagged = (s.block_raw.flags & SampleFlag.SATURATED) != 0
    np.testing.assert_array_equal(flagged, np.abs(s.block_raw.gyr).max(axis=1) >= radians(125.0) - 1e-12)
    assert flagged.any()


def test_the_motor_shakes_and_is_flagged_after_an_alert():
    s = simulate(Scenario("slouch", (movements.slouch(22.0, 4.0, 25.0),)), seed=4, fused=False)
    alert = s.truth.slouches[0].alert
    motor = (s.block_raw.flags & SampleFlag.MOTOR) != 0
    t = s.block_raw.t[motor]
    assert t[0] == pytest.approx(alert, abs=0.05)
    assert t[-1] - t[0] == pytest.approx(0.6, abs=0.05)
    shaking = np.abs(np.diff(s.block_raw.acc, axis=0)).max(axis=1)
    assert shaking[motor[1:]].mean() > 0.5
    assert shaking[~motor[1:]][:-2].mean() < 0.1


def test_off_body_is_still_and_flagged():
    s = simulate(scenarios.bad_day(), seed=1, fused=False)
    off = (s.block_raw.flags & SampleFlag.OFF_BODY) != 0
    charging = (s.block_raw.flags & SampleFlag.CHARGER) != 0
    np.testing.assert_array_equal(off, charging)
    assert 40.0 < off.sum() / 52.0 < 50.0
    rate = np.degrees(np.linalg.norm(s.block_raw.gyr, axis=1))
    assert rate[off][:-26].std() < 0.1
    assert rate[off][-26:].max() > 1.0


def test_a_slip_turns_the_sensor_on_a_body_at_rest():
    s = ideal(movements.Rest(5.0), movements.StrapSlip(30.0), movements.Rest(5.0), person=STATUE)
    np.testing.assert_allclose(s.truth.tilt, 0.0, atol=1e-9)
    turned = quaternion.to_rotvec(quaternion.multiply(quaternion.conjugate(s.truth.sensor[0]), s.truth.sensor[-1]))
    assert np.degrees(np.linalg.norm(turned)) == pytest.approx(30.0, abs=1e-6)
    assert s.truth.slips == (5.0,)


def test_steps_travels_and_gaits_end_where_they_should():
    score = Score()
    score.add(Step(Channel.FLEXION, 1.0, 2.0, 0.5))
    score.add(Travel(Channel.X, 1.0, 6.0, 2.0, ramp=1.0))
    score.add(Gait(1.0, 6.0))
    end = score.values(np.array([0.0, 3.5, 7.0]))
    np.testing.assert_allclose(end[:, 2], [0.5, 0, 0, 0, 0, 8.0, 0, 0, 0, 0])
    assert end[Channel.X, 1] == pytest.approx(4.0)
    with pytest.raises(ValueError, match="must start after"):
        score.add(Step(Channel.FLEXION, 3.0, 4.0, 0.1))


def test_smooth_noise_is_smooth_bounded_and_the_same_wherever_it_starts():
    t = np.arange(0, 200, 0.01)
    x = smooth_noise(t, 2.0, 7)
    assert np.abs(x).max() <= 1.0
    assert 0.25 < x.std() < 0.6
    assert np.abs(np.diff(x, 3)).max() < 2e-5
    np.testing.assert_array_equal(x[5000:], smooth_noise(t[5000:], 2.0, 7))
    assert abs(np.corrcoef(x, smooth_noise(t, 2.0, 8))[0, 1]) < 0.4


@pytest.mark.parametrize("rate_hz", [10.0, 500.0])
def test_rates_beyond_the_sensor_are_refused(rate_hz):
    with pytest.raises(ValueError, match="20 to 400"):
        SensorModel(rate_hz=rate_hz)


def test_a_mounting_must_be_a_unit_quaternion():
    with pytest.raises(ValueError, match="unit quaternion"):
        WornStrap(IDEAL, Person(), np.array([1.0, 1.0, 0.0, 0.0]), 0, None)
