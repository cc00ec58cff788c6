"""Terminals as people have them: of any size, without colour, without Unicode."""

from __future__ import annotations

import pytest

from unslouch.tui.actions import Where


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (80, 24), (120, 36), (24, 6), (200, 60)])
async def test_a_resize_redraws_and_fits(stage, size):
    on = stage()
    async with on.shown() as pilot:
        on.run(1)
        await pilot.resize_terminal(*size)
        on.run(0.2)
        await pilot.pause()
        rows = on.text.split("\n")
        assert len(rows) == size[1]
        assert all(len(row) == size[0] for row in rows)
        assert "UPRIGHT" in "\n".join(rows)


async def test_plain_screens_are_ascii(stage, feeds):
    for where in (Where.DESK, Where.COACH, Where.PROGRESS, Where.CALIBRATE):
        on = stage(feeds["worn"](0.5), where, plain=True)
        async with on.shown() as pilot:
            if where is Where.COACH:
                await on.begin(pilot, 4)
                on.until(lambda on=on: on.phase == "work", 60)
            if where is Where.DESK:
                on.feed.person.command("slouch")
            on.run(25)
            await pilot.pause()
            assert on.text.isascii()
            await pilot.press("question_mark")
            await pilot.pause()
            assert on.text.isascii()
            await pilot.press("escape", "x")
            await pilot.pause()
            assert on.text.isascii()


async def test_without_colour_words_and_marks_say_it(stage, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    on = stage()
    async with on.shown() as pilot:
        on.feed.person.command("slouch")
        on.run(30)
        await pilot.pause()
        assert "■ SLOUCHED" in on.text
        colours = {
            segment.style.color.triplet
            for strip in on.app.screen._compositor.render_strips(on.app.size)
            for segment in strip.apply_filter(on.app._filters[0], on.app.screen.styles.background)
            if segment.style is not None and segment.style.color is not None and segment.style.color.triplet is not None
        }
        assert colours
        assert all(max(colour) - min(colour) <= 1 for colour in colours)
