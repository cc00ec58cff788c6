"""Sharp pain, told with the key or with the strap's button: everything stops, and it is kept."""

from __future__ import annotations

import pytest

from unslouch.coach.values import Phase
from unslouch.live.feed import Press
from unslouch.store.paths import data_paths
from unslouch.store.rows import DEMO_PERSON, MarkerRow, Outcome, SessionKind, SharpPainRow
from unslouch.store.store import Store
from unslouch.tui.actions import Where
from unslouch.tui.screens.stop import StopScreen


@pytest.mark.parametrize(
    ("where", "over"),
    [
        (Where.DESK, ""),
        (Where.COACH, ""),
        (Where.PROGRESS, ""),
        (Where.CALIBRATE, ""),
        (Where.DESK, "question_mark"),
        (Where.COACH, "ctrl+p"),
    ],
)
async def test_sharp_pain_stops_from_every_screen(stage, tmp_path, where, over):
    on = stage(start=where, keep=True)
    async with on.shown() as pilot:
        on.run(1)
        if over:
            await pilot.press(over)
            await pilot.pause()
        await pilot.press("ctrl+x" if over == "ctrl+p" else "x")
        await pilot.pause()
        assert isinstance(on.app.screen, StopScreen)
        assert "emergency number" in on.words
        await pilot.press("enter")
        await pilot.pause()
        assert on.app.screen is on.app.live_screen
        assert on.app.conductor.now.desk.state.value == "paused"
    with Store.open(data_paths(tmp_path)) as store:
        assert store.last_sharp_pain_utc(DEMO_PERSON) is not None


async def test_sharp_pain_ends_the_exercise_for_good(stage, tmp_path):
    on = stage(start=Where.COACH, keep=True)
    async with on.shown() as pilot:
        await on.begin(pilot, 4)
        on.until(lambda: on.phase == "work", 60)
        await pilot.press("x")
        assert on.phase == "stopped"
        await pilot.press("enter", "space", "s")
        on.run(2)
        assert on.phase == "stopped"
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON, SessionKind.COACH)
        assert session.outcome is Outcome.SHARP_PAIN
        assert [row.phase for row in store.parts(SharpPainRow, session.uid)] == [Phase.WORK.value]


@pytest.mark.parametrize("over", ["", "question_mark", "ctrl+p"])
async def test_the_straps_button_pressed_twice_stops_the_exercise_as_the_key_does(stage, tmp_path, over):
    on = stage(start=Where.COACH, keep=True)
    async with on.shown() as pilot:
        await on.begin(pilot, 4)
        on.until(lambda: on.phase == "work", 60)
        if over:
            await pilot.press(over)
            await pilot.pause()
        late = Press(on.feed.person.now - 5.0, sharp=True, late=True)
        before = Press(-500.0, sharp=True, late=True)
        on.feed.presses = (late, before, Press(on.feed.person.now, sharp=False))
        on.run(0.5)
        assert on.phase == "work"
        told = on.feed.person.now
        on.feed.presses = (Press(told, sharp=True),)
        on.run(0.2)
        await pilot.pause()
        assert on.phase == "stopped"
        assert isinstance(on.app.screen, StopScreen)
        assert "emergency number" in on.words
        on.feed.presses = (Press(told + 0.5, sharp=True),)  # again, on the notice: it stays one notice
        on.run(0.2)
        await pilot.press("enter")
        await pilot.pause()
        assert on.app.screen is on.app.live_screen
        assert on.app.conductor.now.desk.state.value == "paused"
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON, SessionKind.COACH)
        (desk,) = store.sessions(DEMO_PERSON, SessionKind.DESK)
        assert session.outcome is Outcome.SHARP_PAIN
        sharp = [(row, "coach") for row in store.parts(SharpPainRow, session.uid)]
        sharp += [(row, "desk") for row in store.parts(SharpPainRow, desk.uid)]
        assert sorted(sharp, key=lambda one: one[0].t) == [
            (SharpPainRow(late.t, "late"), "coach"),
            (SharpPainRow(told, Phase.WORK.value), "coach"),
            (SharpPainRow(told + 0.5, "desk"), "desk"),
        ]
        assert [row.label for row in store.parts(MarkerRow, session.uid)] == ["button"]
        assert store.parts(MarkerRow, desk.uid) == []


async def test_at_the_desk_the_straps_button_stops_the_cues_and_marks(stage, tmp_path):
    on = stage(keep=True)
    async with on.shown() as pilot:
        on.run(1)
        marked = on.feed.person.now
        on.feed.presses = (Press(marked, sharp=False),)
        on.run(1)
        assert not isinstance(on.app.screen, StopScreen)
        told = on.feed.person.now
        on.feed.presses = (Press(told, sharp=True),)
        on.run(1)
        await pilot.pause()
        assert isinstance(on.app.screen, StopScreen)
        on.feed.person.command("slouch")
        on.run(30)
        assert on.app.conductor.now.desk.state.value == "paused"
        assert on.app.conductor.now.desk.figures.cues == 0
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON)
        assert store.parts(MarkerRow, session.uid) == [MarkerRow(marked, "button")]
        assert store.parts(SharpPainRow, session.uid) == [SharpPainRow(told, "desk")]


async def test_a_replay_shows_the_straps_button_and_keeps_nothing(stage, feeds, tmp_path):
    on = stage(feeds["wound"](), keep=True)
    async with on.shown() as pilot:
        on.feed.presses = (Press(on.feed.person.now, sharp=True),)
        on.run(0.3)
        await pilot.pause()
        assert not isinstance(on.app.screen, StopScreen)
        assert [note.message for note in on.app._notifications] == ["Sharp pain, told with the strap's button."]
        assert on.app.conductor.now.desk.state.value == "upright"
    with Store.open(data_paths(tmp_path)) as store:
        assert store.dump()["sharp_pain"] == []
