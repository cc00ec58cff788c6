"""The calibration guided on the screen."""

from __future__ import annotations

from unslouch.live.feed import Ask, SetCalibration
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON
from unslouch.store.store import Store
from unslouch.tui.actions import Where


async def test_calibration_is_guided_to_the_desk_and_kept(stage, feeds, tmp_path):
    feed = feeds["worn"](calibrated=False)
    feed.accepts -= {Ask}  # the person bows and turns unasked
    on = stage(feed, Where.CALIBRATE, keep=True)
    async with on.shown() as pilot:
        guide = on.app.conductor.guide
        await pilot.press("enter")
        on.until(lambda: guide.view.phase.value == "bows", 8)
        on.feed.person.command("calibrate")
        on.until(lambda: guide.view.phase.value == "turn", 40)
        on.until(lambda: on.feed.person.now > on.feed.person.busy_until, 40)
        on.feed.person.command("turn left")
        on.until(lambda: abs(guide.view.tilt) > 0.6, 5)
        on.feed.person.command("upright")
        on.until(lambda: guide.view.phase.value == "result", 20)
        on.run(0.1)
        await pilot.pause()
        assert "Quality: good" in on.text
        guide_calibration = guide.view.calibration
        assert guide_calibration.method == "bows_turn"
        await pilot.press("enter")
        await pilot.pause()
        assert any(isinstance(command, SetCalibration) for command in on.feed.sent)
        assert on.app.live_screen.where is Where.DESK
        on.run(0.5)
        assert on.app.conductor.now.desk.flexion is not None
        made = guide_calibration.to_json()
    with Store.open(data_paths(tmp_path)) as store:
        kept = store.latest_calibration()
        assert kept is not None
        assert kept.json == made
        (session,) = store.sessions(DEMO_PERSON)
        assert session.calibration == kept.uid


async def test_a_simulated_wearer_follows_the_guide_and_the_coach_that_asked_for_it_goes_on(stage, feeds):
    on = stage(feeds["worn"](calibrated=False), Where.COACH)
    async with on.shown() as pilot:
        await pilot.press("4", "enter", "n")
        assert on.phase == "calibrate"
        for _ in range(2):  # "again" leads the wearer again
            await pilot.press("k")
            await pilot.press("enter")
            guide = on.app.conductor.guide
            on.until(lambda guide=guide: guide.view.phase.value == "result", 60)
            assert guide.view.calibration.method == "bows_turn"
            guide.restart()
        await pilot.press("enter")
        on.until(lambda: guide.view.phase.value == "result", 60)
        on.run(0.1)
        await pilot.press("enter")
        await pilot.pause()
        assert on.app.live_screen.where is Where.COACH
        on.until(lambda: on.phase == "warm-up", 5)


async def test_the_footer_leads_to_the_calibration_that_is_missing(stage, feeds):
    for calibrated in (False, True):
        on = stage(feeds["worn"](calibrated=calibrated))
        async with on.shown() as pilot:
            on.run(1)
            await pilot.pause()
            assert ("k Calibrate" in on.text) is not calibrated


async def test_again_is_not_offered_before_there_was_a_first_time(stage):
    on = stage(start=Where.CALIBRATE)
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "r Again" not in on.text
        await pilot.press("enter")
        on.run(0.2)
        await pilot.pause()
        assert "r Again" in on.text
