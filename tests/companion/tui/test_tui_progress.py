"""Progress on the screen: its keys do what its footer says."""

from __future__ import annotations

import pytest

from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON, SessionKind, Source
from unslouch.store.store import Store
from unslouch.tui.actions import Where
from unslouch_signal.events import Technique


@pytest.fixture
def kept(tmp_path):
    """Sessions of so many days, one a day."""

    def keep(days: int) -> None:
        with Store.open(data_paths(tmp_path)) as store:
            for day in range(days):
                start = SessionStart(
                    SessionKind.COACH,
                    Source.SIMULATED,
                    0.0,
                    1_800_000_000.0 + 86400 * day,
                    0.0,
                    person=DEMO_PERSON,
                    technique=Technique.SEATED_ROTATION,
                    recording=f"r{day}",
                )
                SessionLog(store, start).end(420.0)

    return keep


async def test_the_next_technique_and_older_sessions(stage, kept):
    kept(30)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "Seated thoracic rotation" in on.text
        assert "n Next one" in on.text
        assert "down Older" in on.text
        assert "sessions  1-" in on.text
        await pilot.press("n")
        await pilot.pause()
        assert "Supine thoracic rotation" in on.text
        await pilot.press("down", "down", "up")
        await pilot.pause()
        assert "sessions  2-" in on.text
        assert "n for the next technique" in on.words
        await pilot.press("n")
        await pilot.pause()
        assert "Seated thoracic rotation" in on.text


async def test_sessions_that_all_fit_need_no_scrolling(stage, kept):
    kept(2)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "sessions  1-2 of 2" in on.text
        assert "down" not in on.text


@pytest.mark.parametrize("where", [Where.PROGRESS, Where.CALIBRATE])
async def test_a_card_that_does_not_fit_is_read_to_its_end(stage, where):
    on = stage(start=where, keep=True)
    async with on.shown((40, 12)) as pilot:
        on.run(0.2)
        await pilot.pause()
        last = {Where.PROGRESS: "whether it is real", Where.CALIBRATE: "sits well."}[where]
        seen = on.text
        for _ in range(6):
            on.run(0.2)
            await pilot.press("down")
            await pilot.pause()
            seen += on.text
        assert last in " ".join(seen.split())
        assert "more" not in on.text
