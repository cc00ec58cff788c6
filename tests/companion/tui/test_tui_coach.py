"""The coach on the screen: from the choice to the result, and what stops the clock."""

from __future__ import annotations

import pytest

from unslouch.coach.techniques import TECHNIQUES
from unslouch.live.feed import Ask, ExpectRotations, LinkKind, LinkState
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON, HoldRow, Outcome, PainRow, RepetitionRow, SessionKind
from unslouch.store.store import Store
from unslouch.tui.actions import Where
from unslouch_signal.events import Side, Technique


@pytest.mark.parametrize(
    ("number", "technique", "sides"),
    [
        (1, Technique.EXTENSION, {None: 3}),
        (2, Technique.DOORWAY, {Side.LEFT: 1, Side.RIGHT: 1}),
        (3, Technique.SUPINE_ROTATION, {Side.LEFT: 5, Side.RIGHT: 5}),
        (4, Technique.SEATED_ROTATION, {Side.LEFT: 5, Side.RIGHT: 5}),
    ],
)
async def test_a_person_goes_through_a_technique(stage, feeds, tmp_path, number, technique, sides):
    on = stage(feeds["worn"](0.5), Where.COACH, keep=True)
    async with on.shown() as pilot:
        await on.begin(pilot, number)
        assert on.phase == "position"
        on.until(lambda: on.phase == "work", 90)
        await pilot.pause()
        assert on.app.conductor.now.coach.technique is technique
        on.until(lambda: on.app.conductor.now.coach.in_zone, 60)
        await pilot.pause()
        assert "HOLD" in on.text
        on.until(lambda: on.phase == "pain after", 600)
        await pilot.press("1", "enter")
        assert on.phase == "result"
        await pilot.press("enter")
        await pilot.pause()
        assert on.phase == "", "a result is left with one key"
        assert "Choose a technique" in on.text
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON, SessionKind.COACH)
        assert (session.technique, session.outcome) == (technique, Outcome.COMPLETED)
        assert [row.score for row in store.parts(PainRow, session.uid)] == [2, 1]
        repetitions = [row for row in store.parts(RepetitionRow, session.uid) if row.counted]
        holds = [row for row in store.parts(HoldRow, session.uid) if row.held >= row.needed]
        done = repetitions if technique.value.endswith("rotation") else holds
        assert {side: sum(row.side is side for row in done) for side in sides} == sides


async def test_a_result_is_left_with_the_key_that_ends(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4)
        on.until(lambda: on.phase == "work", 60)
        await pilot.press("e")
        on.until(lambda: on.phase == "pain after", 2)
        await pilot.press("1", "enter")
        assert on.phase == "result"
        await pilot.press("e")
        assert on.phase == ""


async def test_a_red_flag_refuses_and_says_to_see_somebody(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await pilot.press("4", "enter", "y")
        await pilot.pause()
        assert on.phase == "refused"
        assert "see a doctor or physiotherapist" in on.words


async def test_questions_that_do_not_fit_are_read_before_they_are_answered(stage):
    on = stage(start=Where.COACH)
    async with on.shown((40, 12)) as pilot:
        await pilot.press("4", "enter", "n")
        await pilot.pause()
        assert on.phase == "red flags"
        seen = on.text
        for _ in range(12):
            await pilot.press("down")
            await pilot.pause()
            seen += on.text
        assert "emergency number" in " ".join(seen.split())
        await pilot.press("n")
        assert on.phase != "red flags"


@pytest.mark.parametrize(("keys", "refused"), [("5", False), ("6", True), ("10", True)])
async def test_pain_of_six_or_more_does_not_start(stage, keys, refused):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4, keys)
        assert on.phase == ("refused" if refused else "position")


async def test_no_score_is_told_for_anyone(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4, "")
        assert on.phase == "pain before"


async def test_a_lost_link_stops_the_clock_and_is_shown(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 1)
        on.until(lambda: on.phase == "work" and on.app.conductor.now.coach.hold_s > 2, 60)
        held = on.app.conductor.now.coach.hold_s
        on.feed.silent, on.feed.link = True, LinkState(LinkKind.LOST, "No samples come.", "Is the strap near?")
        on.run(5)
        await pilot.pause()
        text = on.text
        assert "LINK LOST" in text
        assert "Is the strap near?" in text
        assert on.app.conductor.now.coach.hold_s == held


async def test_pause_stops_the_clock(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 1)
        on.until(lambda: on.phase == "work" and on.app.conductor.now.coach.hold_s > 2, 60)
        assert "space Pause" in on.text
        await pilot.press("space")
        held = on.app.conductor.now.coach.hold_s
        on.run(3)
        await pilot.pause()
        assert "PAUSED" in on.text
        assert "space Go on" in on.text
        assert on.app.conductor.now.coach.hold_s == held
        await pilot.press("space")
        on.run(1)
        assert on.app.conductor.now.coach.hold_s > held


async def test_going_too_far_says_do_not_force(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4)
        on.until(lambda: on.phase == "work", 60)
        from unslouch_signal.synth.movements import RotateTrunk

        on.feed.person.command(RotateTrunk(Side.LEFT, 75.0, hold_s=3.0))
        on.until(lambda: on.app.conductor.now.coach.value > on.app.conductor.now.coach.zone.hi + 0.05, 10)
        await pilot.pause()
        text = on.text
        assert "EASE OFF" in text
        assert "not force" in text


async def test_a_running_exercise_is_not_left_out_of_sight(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4)
        await pilot.press("d")
        assert on.app.live_screen.where is Where.COACH
        await pilot.press("e")
        await pilot.press("enter", "d")
        await pilot.pause()
        assert on.app.live_screen.where is Where.DESK
        assert on.app.conductor.now.desk.state.value != "paused"


async def test_the_technique_and_dose_asked_for_are_taken(stage):
    plan = TECHNIQUES[Technique.DOORWAY].plan(hold_s=15, sets=2)
    on = stage(start=Where.COACH, technique="doorway_stretch", plan=plan)
    async with on.shown() as pilot:
        await pilot.press("enter")
        view = on.app.conductor.now.coach
        assert (view.technique, view.hold_needed_s, view.sets) == (Technique.DOORWAY, 15, 2)


async def test_a_small_range_is_counted_in_a_coached_session_only(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4)
        assert ExpectRotations(0.0) in on.feed.sent
        assert ExpectRotations(None) not in on.feed.sent
        await pilot.press("e")
        on.app.conductor.end_coach()
        assert on.feed.sent[-2:] == [ExpectRotations(None), Ask("upright")]


async def test_enter_without_a_number_says_what_is_missing(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4, "")
        assert on.phase == "pain before"
        assert [note.message for note in on.app._notifications] == [
            "Choose a number first: 0 is no pain, 10 the worst."
        ]


async def test_a_session_refused_at_once_shows_no_step_as_done(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await pilot.press("4", "enter")
        on.run(0.2)
        await pilot.pause()
        assert "check" in on.text
        await pilot.press("y")
        on.run(0.2)
        await pilot.pause()
        assert on.phase == "refused"
        assert "✓" not in on.text


async def test_the_desk_says_where_the_coach_waits_and_goes_on_after_a_result(stage):
    on = stage(start=Where.COACH)
    async with on.shown() as pilot:
        await on.begin(pilot, 4, "")
        await pilot.press("d")
        on.run(0.2)
        await pilot.pause()
        assert "The coach waits where you left it: press c to go on there." in on.words
        await pilot.press("c", "2", "enter")
        on.until(lambda: on.phase == "work", 60)
        await pilot.press("e")
        on.until(lambda: on.phase == "pain after", 2)
        await pilot.press("1", "enter")
        assert on.phase == "result"
        await pilot.press("d")
        on.run(0.5)
        assert on.phase == ""
        assert on.app.conductor.now.desk.state.value == "upright"


async def test_the_far_view_is_offered_where_there_are_numbers_and_counts_on(stage):
    on = stage(start=Where.COACH)
    async with on.shown((120, 36)) as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "f Far view" not in on.text
        await pilot.press("f")
        await on.begin(pilot, 4)
        on.until(lambda: on.phase == "work", 60)
        await pilot.pause()
        assert "f Far view" in on.text
        assert on.app.screen.query_one("#left").display
        await pilot.press("f")
        await pilot.pause()
        assert not on.app.screen.query_one("#left").display
        assert "0 of 5" in on.text
