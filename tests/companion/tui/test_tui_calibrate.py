"""The calibration guided on the screen."""

from __future__ import annotations

from unslouch.live.feed import SetCalibration
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON
from unslouch.store.store import Store
from unslouch.tui.actions import Where


async def test_calibration_is_guided_to_the_desk_and_kept(stage, feeds, tmp_path):
    on = stage(feeds["worn"](calibrated=False), Where.CALIBRATE, keep=True)
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
