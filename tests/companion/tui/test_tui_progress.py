"""Progress on the screen: its keys do what its footer says."""

from __future__ import annotations

import pytest

from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON, MarkerRow, PressRow, SessionKind, Source
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


@pytest.fixture
def told(tmp_path):
    """Presses of the strap's button, one an hour: sharp pain, mark, sharp pain ..."""

    def tell(hours: int) -> None:
        with Store.open(data_paths(tmp_path)) as store:
            for hour in range(hours):
                utc = 1_800_000_000.0 + 3600 * hour
                store.put(PressRow("S1", 4, hour, hour % 2 == 0, "r0", utc, 0.0, None, DEMO_PERSON))

    return tell


async def test_what_was_told_stands_beside_the_sessions_and_is_read_on_with_them(stage, kept, told):
    kept(2)
    told(20)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.pause()
        newest, older = "16 Jan 03:00  mark", "16 Jan 02:00  sharp pain"
        assert "sessions  1-2 of 2" in on.text
        assert "told  1-" in on.text
        assert on.text.index(newest) < on.text.index(older)
        assert "down Older" in on.text
        assert "n for the next technique" in on.words
        await pilot.press("down")
        await pilot.pause()
        assert newest not in on.text
        assert older in on.text
        assert "sessions  1-2 of 2" in on.text
        await pilot.press("n", "n")
        on.run(0.2)
        await pilot.pause()
        assert "Seated thoracic rotation" in on.text, "a page of its own only where there is no room"


@pytest.mark.parametrize("size", [(40, 12), (60, 24), (100, 18)])
async def test_what_was_told_is_a_page_where_it_has_no_room_beside(stage, kept, told, size):
    kept(2)
    told(3)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown(size) as pilot:
        for page in ("Seated thoracic", "Supine thoracic", "told  1-3 of 3", "Seated thoracic", "Supine thoracic"):
            on.run(0.2)
            await pilot.pause()
            assert page in on.text
            assert ("n for what you told" in on.words) == (page == "Supine thoracic")
            assert ("15 Jan 10:00  sharp pain" in on.text) == page.startswith("told")
            await pilot.press("n")
        on.run(0.2)
        await pilot.pause()
        assert "told  1-3 of 3" in on.text
        await pilot.resize_terminal(80, 24)
        on.run(0.2)
        await pilot.pause()
        assert "sessions  1-2 of 2" in on.text
        assert "told  1-3 of 3" in on.text
        assert "Supine thoracic" in on.text


@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
async def test_who_told_nothing_sees_nothing_of_it(stage, kept, size):
    kept(2)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown(size) as pilot:
        for page in ("Seated thoracic", "Supine thoracic", "Seated thoracic"):
            on.run(0.2)
            await pilot.pause()
            assert page in on.text
            assert "told" not in on.text
            await pilot.press("n")


async def test_what_was_told_before_the_first_session_is_there(stage, told):
    told(1)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown() as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "Nothing measured yet" in on.text
        assert "15 Jan 08:00 sharp pain" in on.text


async def test_what_somebody_typed_does_not_drive_the_terminal(stage, kept, tmp_path):
    kept(1)
    with Store.open(data_paths(tmp_path)) as store:
        start = SessionStart(
            SessionKind.DESK, Source.SIMULATED, 0.0, 1_800_000_000.0, 0.0, person=DEMO_PERSON, recording="d"
        )
        log = SessionLog(store, start)
        log.save(MarkerRow(60.0, "up\x1b[2J\nand down"))
        log.end(120.0)
    on = stage(start=Where.PROGRESS, keep=True)
    async with on.shown((120, 36)) as pilot:
        on.run(0.2)
        await pilot.pause()
        assert "15 Jan 08:01  mark  up [2J and down" in on.text
