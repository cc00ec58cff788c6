"""Beginning and leaving: what is closed, kept, remembered, and said when it cannot go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from unslouch.errors import LinkError, Reason
from unslouch.live.feed import Feed
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON, Outcome, SessionKind, Source
from unslouch.store.store import Store
from unslouch.tui.actions import Where
from unslouch.tui.app import UnslouchApp
from unslouch.tui.options import Options


def _spoil(path: Path) -> None:
    """Take a table out of the database behind the program's back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE holds")


async def test_leaving_closes_the_feed_and_the_session(stage, tmp_path):
    on = stage(keep=True)
    async with on.shown() as pilot:
        on.run(2)
        await pilot.press("q")
        await pilot.pause()
    assert on.feed.closed
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON)
        assert session.outcome is Outcome.ENDED


async def test_ctrl_c_leaves_with_its_code_and_everything_closed(stage, tmp_path):
    on = stage(keep=True)
    async with on.shown() as pilot:
        on.run(2)
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert on.app.return_code == 130
    assert on.feed.closed
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON)
    assert session.outcome is Outcome.ENDED


async def test_a_feed_that_cannot_be_made_ends_with_its_sentence():
    def broken() -> Feed:
        raise LinkError(Reason.NOT_FOUND, "There is no strap near.", "Switch it on.")

    app = UnslouchApp(broken, Where.DESK, Options(fps=None, keep=False))
    async with app.run_test() as pilot:
        for _ in range(200):
            await pilot.pause(0.01)
            if app.return_code is not None:
                break
    assert app.return_code == 1


async def test_an_unforeseen_failure_of_the_feed_does_not_wait_for_ever():
    def broken() -> Feed:
        raise RuntimeError("a bug")

    app = UnslouchApp(broken, Where.DESK, Options(fps=None, keep=False))

    async def watch() -> None:
        async with app.run_test() as pilot:
            for _ in range(200):
                await pilot.pause(0.01)

    with pytest.raises(RuntimeError, match="a bug"):
        await watch()
    assert app.return_code == 1


async def test_a_store_that_fails_ends_no_exercise(stage):
    on = stage(start=Where.COACH, keep=True)
    async with on.shown() as pilot:
        await on.begin(pilot, 1)
        on.until(lambda: on.phase == "work" and on.app.conductor.now.coach.hold_s > 1, 60)
        _spoil(on.app.conductor.store.path)
        await pilot.press("e")
        await pilot.pause()
        assert any("nothing is kept" in notice.message for notice in on.app._notifications)
        on.run(1)
        assert on.phase == "pain after"
        assert on.app.return_code is None


async def test_theme_and_bell_are_remembered(stage):
    for theme, bell in (("unslouch-dark", True), ("unslouch-light", False)):
        on = stage(keep=True)
        async with on.shown() as pilot:
            assert (on.app.theme, on.app.bell_on) == (theme, bell)
            if bell:
                await pilot.press("t", "b")
    on = stage(keep=True, theme="contrast", bell=True)
    async with on.shown() as pilot:
        assert (on.app.theme, on.app.bell_on) == ("unslouch-contrast", True)


async def test_a_session_left_open_by_a_dead_program_is_closed_at_the_start(stage, tmp_path):
    start = SessionStart(SessionKind.DESK, Source.LIVE, 5.0, 1_800_000_000.0, 0.0)
    with Store.open(data_paths(tmp_path)) as store:
        SessionLog(store, start).alive(65.0)
    on = stage(keep=True)
    async with on.shown():
        assert on.app.conductor.store is not None
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions()
    assert (session.outcome, session.end_t) == (Outcome.INTERRUPTED, 65.0)
