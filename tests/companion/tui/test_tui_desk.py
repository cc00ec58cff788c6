"""The desk on the screen: a slouch, one's own limits, a replay's keys, a simulated wearer's moves."""

from __future__ import annotations

from unslouch.desk.preferences import Preferences, keep_preferences
from unslouch.live.feed import Ask, FeedKind, Seek, SetPaused, SetSpeed, Step
from unslouch.store.paths import data_paths
from unslouch.store.store import Store


async def test_a_slouch_is_seen_told_and_snoozed(stage):
    on = stage()
    rung: list[bool] = []
    async with on.shown() as pilot:
        on.app.bell = lambda: rung.append(True)
        on.run(1)
        await pilot.pause()
        assert "UPRIGHT" in on.text
        on.feed.person.command("slouch")
        on.until(lambda: on.app.conductor.now.desk.state.value == "cued", 60)
        await pilot.pause()
        assert "SLOUCHED" in on.text
        assert on.app.screen.has_class("-alert")
        assert rung == [True]
        await pilot.press("s")
        on.run(0.5)
        await pilot.pause()
        assert "SNOOZED" in on.text
        assert "s Alerts on" in on.text
        assert not on.app.screen.has_class("-alert")
        await pilot.press("s")
        on.run(0.5)
        assert on.app.conductor.now.desk.state.value == "cued"


async def test_the_persons_own_limits_are_shown(stage, feeds, tmp_path):
    with Store.open(data_paths(tmp_path)) as store:
        keep_preferences(store, Preferences(flexion_deg=17.0, extension_deg=9.0))
    feed = feeds["worn"]()
    feed.kind = FeedKind.LIVE
    on = stage(feed, keep=True)
    async with on.shown() as pilot:
        on.feed.person.command("slouch")
        on.until(lambda: (on.app.conductor.now.desk.flexion or 0) > 0.1, 30)
        await pilot.pause()
        assert "limit 17°" in on.text
        on.feed.person.command("upright")


async def test_replay_keys_wind_the_recording(stage, feeds):
    on = stage(feeds["wound"]())
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "10:00" in on.text
        await pilot.press("right", "plus", "full_stop", "comma")
        on.run(0.1)
        await pilot.press("left", "space", "home")
        assert on.feed.sent == [
            Seek(52.0), SetSpeed(2.0), Step(0.1), Step(-0.1), Seek(42.0), SetPaused(True), Seek(0.0),
        ]  # fmt: skip


async def test_a_strap_has_no_replay_keys(stage):
    on = stage()
    async with on.shown((120, 36)) as pilot:
        on.run(0.2)
        await pilot.press("right", "home", "plus")
        assert not on.feed.sent
        assert "+10 s" not in on.text


async def test_the_wearer_is_asked_from_the_palette(stage):
    on = stage()
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"slouch")
        for _ in range(100):
            await pilot.pause(0.02)
            if on.app.screen.query("CommandList"):
                break
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.2)
        if not on.feed.sent:
            await pilot.press("enter")
            await pilot.pause(0.2)
        assert Ask("slouch") in on.feed.sent


async def test_a_click_on_the_footer_is_the_key(stage):
    on = stage()
    async with on.shown() as pilot:
        on.run(1)
        await pilot.pause()
        keys = on.text.split("\n")[-1]
        await pilot.click("KeyBar", offset=(keys.index("Pause"), 0))
        on.run(0.2)
        await pilot.pause()
        assert on.app.conductor.now.desk.state.value == "paused"
        keys = on.text.split("\n")[-1]
        assert "space Go on" in keys
        await pilot.click("KeyBar", offset=(keys.index("s Snooze") - 1, 0))  # between two: nothing
        await pilot.click("KeyBar", offset=(keys.index("space"), 0))
        on.run(0.2)
        assert on.app.conductor.now.desk.state.value == "upright"


async def test_what_a_simulated_wearer_can_be_asked_is_told_at_the_start(stage, feeds):
    for kind, told in ((FeedKind.SIMULATED, 1), (FeedKind.LIVE, 0)):
        feed = feeds["worn"]()
        feed.kind = kind
        on = stage(feed)
        async with on.shown():
            assert sum("simulated" in note.message for note in on.app._notifications) == told
