"""What the screen tells of the strap itself: battery and link."""

from __future__ import annotations

import re

from unslouch.live.feed import FeedKind, LinkKind, LinkState


async def test_the_battery_stays_to_be_read_between_two_tellings(stage):
    on = stage()
    async with on.shown() as pilot:
        on.run(2)
        await pilot.pause()
        assert "87%" in on.text.split("\n")[0]
        on.feed.battery = 0.66
        on.run(2)
        await pilot.pause()
        assert "66%" in on.text.split("\n")[0]


async def test_a_low_battery_is_told_once_and_stays_marked(stage, feeds):
    feed = feeds["worn"]()
    feed.kind = FeedKind.LIVE
    on = stage(feed)
    async with on.shown() as pilot:
        for level in (0.11, 0.1, 0.09):
            on.feed.battery = level
            on.run(0.5)
        await pilot.pause()
        told = [note.message for note in on.app._notifications if "battery" in note.message]
        assert told == ["The strap's battery is low (10%): charge it after this session."]
        assert "low 9%" in on.text.split("\n")[0]


async def test_a_lost_strap_shows_no_angle_and_the_whole_advice(stage):
    on = stage()
    async with on.shown() as pilot:
        on.feed.person.command("slouch")
        on.until(lambda: on.app.conductor.now.desk.slouch_s > 2, 30)
        on.run(1)
        await pilot.pause()
        assert "no samples" not in on.text
        assert re.search(r"  for \d s", on.text)
        advice = "Is the strap charged and near? Its lamp blinks every five seconds."
        on.feed.silent, on.feed.link = True, LinkState(LinkKind.LOST, "Unslouch-12AB was not heard.", advice)
        on.run(1)
        await pilot.pause()
        assert "no samples" in on.text
        assert not re.search(r"  for \d s", on.text)
        assert f"Unslouch-12AB was not heard. {advice}" in on.words
        on.feed.silent, on.feed.link = False, LinkState(LinkKind.UP, "Samples come.")
        on.run(1)
        await pilot.pause()
        assert "no samples" not in on.text
