from __future__ import annotations

import math

import pytest

from unslouch.report import words
from unslouch.report.plain import event_line, event_lines
from unslouch.report.words import clock, span
from unslouch_signal.events import (
    ActivityKind,
    ActivitySpan,
    CalibrationDoubt,
    Direction,
    DoubtReason,
    HoldEvent,
    HoldNotice,
    HoldSpan,
    LyingSide,
    RotationFault,
    RotationPosition,
    RotationRep,
    Side,
    SlouchAlert,
    SlouchSpell,
    Technique,
)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3725, "1:02:05"), (-3, "-0:03"), (-0.2, "0:00")],
)
def test_times_are_written_as_minutes_and_hours(seconds: float, written: str):
    assert clock(seconds) == written


def test_tenths_carry_over_into_the_next_minute():
    assert clock(59.96, tenths=True) == "1:00.0"
    assert clock(-0.06, tenths=True) == "-0:00.1"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (4.25, "4.2 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (75, "1 min 15 s"),
        (3599.6, "1 h"),
        (5400, "1 h 30 min"),
    ],
)
def test_durations_are_said_as_a_person_says_them(seconds: float, said: str):
    assert span(seconds) == said


def test_an_alert_says_how_far_where_to_how_long_and_the_mend():
    line = event_line(SlouchAlert(75.0, 59.9, Direction.FLEXION, math.radians(18.3)))
    assert line is not None
    assert line.loud
    assert line.render() == "   1:15.0  SLOUCH      18° forward for 15 s: grow tall, lift the breastbone"
    assert line.render(origin=60.0).startswith("   0:15.0")


def test_directions_are_told_apart():
    said = {event_line(SlouchAlert(1, 0, direction, 0.3)).text for direction in (*Direction, None)}  # type: ignore[union-attr]
    assert len(said) == 5
    right = event_line(SlouchAlert(1, 0, Direction.LEAN_RIGHT, 0.3))
    assert right is not None
    assert "to the right" in right.text


def test_the_end_of_a_spell_tells_whether_it_was_cued():
    cued = event_line(SlouchSpell(10, 40, 25, 0.4, 0.3, Direction.FLEXION))
    silent = event_line(SlouchSpell(10, 18, None, 0.4, 0.3, Direction.FLEXION))
    assert cued is not None
    assert silent is not None
    assert cued.text == "30 s forward, after the cue (peak 23°, mean 17°)"
    assert silent.text == "8.0 s forward (peak 23°, mean 17°)"
    assert (cued.t, silent.t) == (40, 18)


def test_a_rotation_tells_side_range_position_and_why_it_is_not_counted():
    rep = RotationRep(Side.LEFT, RotationPosition.SEATED, 1, 2, 4, math.radians(41.26), 1.2)
    line = event_line(rep)
    assert line is not None
    assert line.text == "left 41.3°, seated, held 1.2 s"
    bad = RotationRep(Side.RIGHT, RotationPosition.SUPINE, 1, 2, 4, 0.7, 0.2, (RotationFault.SWIVELLED,))
    line = event_line(bad)
    assert line is not None
    assert line.text == "right 40.1°, supine  not counted: the whole body turned"


def test_overshoot_and_jerk_are_loud_and_say_not_to_force():
    for notice in HoldNotice:
        line = event_line(HoldEvent(notice, 3.0, 2.0))
        assert line is not None
        forced = notice in (HoldNotice.OVERSHOOT, HoldNotice.JERK)
        assert line.loud == forced
        assert ("do not force" in line.text) == forced


def test_a_finished_hold_names_technique_side_and_time():
    line = event_line(HoldSpan(Technique.DOORWAY, Side.RIGHT, 1, 30, 22.34))
    assert line is not None
    assert line.text == "doorway stretch right: 22.3 s held"


def test_doubt_is_loud_and_its_end_is_not():
    doubt = event_line(CalibrationDoubt(9, DoubtReason.SLIPPED))
    again = event_line(CalibrationDoubt(19, DoubtReason.SLIPPED, resolved=True))
    assert doubt is not None
    assert again is not None
    assert (doubt.loud, again.loud) == (True, False)
    assert "slipped" in doubt.text


def test_short_activities_are_no_news():
    short = ActivitySpan(ActivityKind.WALKING, 0, 4.9)
    long = ActivitySpan(ActivityKind.LYING, 5, 65, LyingSide.SUPINE)
    lines = event_lines([short, long])
    still = ActivitySpan(ActivityKind.STILL, 65, 165)
    assert event_line(still) is None
    assert [line.text for line in lines] == ["lying (supine) for 1 min"]


def test_every_word_that_an_event_can_hold_is_known():
    assert set(words.FAULT) == set(RotationFault)
    assert set(words.DOUBT) == set(DoubtReason)
    assert set(words.ACTIVITY) == set(ActivityKind)
    assert set(words.TECHNIQUE) == set(Technique)
    assert set(words.DIRECTION) == set(words.MEND) == {*Direction, None}
