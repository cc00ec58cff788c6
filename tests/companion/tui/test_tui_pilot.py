"""People's ways through the app: the real chain, from a simulated back to the screen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from unslouch.coach.techniques import TECHNIQUES
from unslouch.coach.values import Phase
from unslouch.desk.preferences import Preferences, keep_preferences
from unslouch.errors import LinkError, Reason
from unslouch.live.feed import (
    Ask,
    ExpectRotations,
    Feed,
    FeedKind,
    LinkKind,
    LinkState,
    Press,
    Seek,
    SetCalibration,
    SetPaused,
    SetSpeed,
    Step,
)
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import (
    DEMO_PERSON,
    HoldRow,
    MarkerRow,
    Outcome,
    PainRow,
    RepetitionRow,
    SessionKind,
    SharpPainRow,
    Source,
)
from unslouch.store.store import Store
from unslouch.tui.actions import Where
from unslouch.tui.app import UnslouchApp
from unslouch.tui.options import Options
from unslouch.tui.screens.stop import StopScreen
from unslouch_signal.events import Side, Technique


def _spoil(path: Path) -> None:
    """Take a table out of the database behind the program's back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE holds")


async def begin(stage, pilot: Pilot[None], number: int, pain: str = "2") -> None:
    """From the choice to the exercise."""
    await pilot.press(str(number), "enter")
    assert stage.phase == "red flags"
    await pilot.press("n")
    stage.until(lambda: stage.phase == "warm-up", 2)
    await pilot.press("enter")
    assert stage.phase == "pain before"
    await pilot.press(*pain, "enter")


@pytest.mark.parametrize(
    ("number", "technique", "sides"),
    [
        (1, Technique.EXTENSION, {None: 3}),
        (2, Technique.DOORWAY, {Side.LEFT: 1, Side.RIGHT: 1}),
        (3, Technique.SUPINE_ROTATION, {Side.LEFT: 5, Side.RIGHT: 5}),
        (4, Technique.SEATED_ROTATION, {Side.LEFT: 5, Side.RIGHT: 5}),
    ],
)
async def test_a_person_goes_through_a_technique(stage, feeds, text_of, tmp_path, number, technique, sides):
    on = stage(feeds["worn"](0.5), Where.COACH, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, number)
        assert on.phase == "position"
        on.until(lambda: on.phase == "work", 90)
        await pilot.pause()
        assert on.app.conductor.now.coach.technique is technique
        on.until(lambda: on.app.conductor.now.coach.in_zone, 60)
        await pilot.pause()
        assert "HOLD" in text_of(on.app)
        on.until(lambda: on.phase == "pain after", 600)
        await pilot.press("1", "enter")
        assert on.phase == "result"
        await pilot.press("enter")
        assert on.phase == "ended"
        await pilot.press("enter")
        assert on.phase == ""
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON, SessionKind.COACH)
        assert (session.technique, session.outcome) == (technique, Outcome.COMPLETED)
        assert [row.score for row in store.parts(PainRow, session.uid)] == [2, 1]
        repetitions = [row for row in store.parts(RepetitionRow, session.uid) if row.counted]
        holds = [row for row in store.parts(HoldRow, session.uid) if row.held >= row.needed]
        done = repetitions if technique.value.endswith("rotation") else holds
        assert {side: sum(row.side is side for row in done) for side in sides} == sides


async def test_a_red_flag_refuses_and_says_to_see_somebody(stage, text_of):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "enter", "y")
        await pilot.pause()
        assert on.phase == "refused"
        assert "see a doctor or physiotherapist" in " ".join(text_of(on.app).split())


async def test_questions_that_do_not_fit_are_read_before_they_are_answered(stage, text_of):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(40, 12)) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "enter", "n")
        await pilot.pause()
        assert on.phase == "red flags"
        seen = text_of(on.app)
        for _ in range(12):
            await pilot.press("down")
            await pilot.pause()
            seen += text_of(on.app)
        assert "emergency number" in " ".join(seen.split())
        await pilot.press("n")
        assert on.phase != "red flags"


@pytest.mark.parametrize(("keys", "refused"), [("5", False), ("6", True), ("10", True)])
async def test_pain_of_six_or_more_does_not_start(stage, keys, refused):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4, keys)
        assert on.phase == ("refused" if refused else "position")


async def test_no_score_is_told_for_anyone(stage):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4, "")
        assert on.phase == "pain before"


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
async def test_sharp_pain_stops_from_every_screen(stage, text_of, tmp_path, where, over):
    on = stage(start=where, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.run(1)
        if over:
            await pilot.press(over)
            await pilot.pause()
        await pilot.press("ctrl+x" if over == "ctrl+p" else "x")
        await pilot.pause()
        assert isinstance(on.app.screen, StopScreen)
        assert "emergency number" in " ".join(text_of(on.app).split())
        await pilot.press("enter")
        await pilot.pause()
        assert on.app.screen is on.app.live_screen
        assert on.app.conductor.now.desk.state.value == "paused"
    with Store.open(data_paths(tmp_path)) as store:
        assert store.last_sharp_pain_utc(DEMO_PERSON) is not None


async def test_sharp_pain_ends_the_exercise_for_good(stage, tmp_path):
    on = stage(start=Where.COACH, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4)
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
async def test_the_straps_button_pressed_twice_stops_the_exercise_as_the_key_does(stage, text_of, tmp_path, over):
    on = stage(start=Where.COACH, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4)
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
        assert "emergency number" in " ".join(text_of(on.app).split())
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
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
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
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.feed.presses = (Press(on.feed.person.now, sharp=True),)
        on.run(0.3)
        await pilot.pause()
        assert not isinstance(on.app.screen, StopScreen)
        assert [note.message for note in on.app._notifications] == ["Sharp pain, told with the strap's button."]
        assert on.app.conductor.now.desk.state.value == "upright"
    with Store.open(data_paths(tmp_path)) as store:
        assert store.dump()["sharp_pain"] == []


async def test_a_lost_link_stops_the_clock_and_is_shown(stage, text_of):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 1)
        on.until(lambda: on.phase == "work" and on.app.conductor.now.coach.hold_s > 2, 60)
        held = on.app.conductor.now.coach.hold_s
        on.feed.silent, on.feed.link = True, LinkState(LinkKind.LOST, "No samples come.", "Is the strap near?")
        on.run(5)
        await pilot.pause()
        text = text_of(on.app)
        assert "LINK LOST" in text
        assert "Is the strap near?" in text
        assert on.app.conductor.now.coach.hold_s == held


async def test_pause_stops_the_clock(stage, text_of):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 1)
        on.until(lambda: on.phase == "work" and on.app.conductor.now.coach.hold_s > 2, 60)
        await pilot.press("space")
        held = on.app.conductor.now.coach.hold_s
        on.run(3)
        await pilot.pause()
        assert "PAUSED" in text_of(on.app)
        assert on.app.conductor.now.coach.hold_s == held
        await pilot.press("space")
        on.run(1)
        assert on.app.conductor.now.coach.hold_s > held


async def test_going_too_far_says_do_not_force(stage, text_of):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4)
        on.until(lambda: on.phase == "work", 60)
        from unslouch_signal.synth.movements import RotateTrunk

        on.feed.person.command(RotateTrunk(Side.LEFT, 75.0, hold_s=3.0))
        on.until(lambda: on.app.conductor.now.coach.value > on.app.conductor.now.coach.zone.hi + 0.05, 10)
        await pilot.pause()
        text = text_of(on.app)
        assert "EASE OFF" in text
        assert "not force" in text


async def test_a_running_exercise_is_not_left_out_of_sight(stage):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4)
        await pilot.press("d")
        assert on.app.live_screen.where is Where.COACH
        await pilot.press("e")
        await pilot.press("enter", "d")
        await pilot.pause()
        assert on.app.live_screen.where is Where.DESK
        assert on.app.conductor.now.desk.state.value != "paused"


async def test_a_slouch_is_seen_told_and_snoozed(stage, text_of):
    on = stage()
    rung: list[bool] = []
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.app.bell = lambda: rung.append(True)
        on.run(1)
        await pilot.pause()
        assert "UPRIGHT" in text_of(on.app)
        on.feed.person.command("slouch")
        on.until(lambda: on.app.conductor.now.desk.state.value == "cued", 60)
        await pilot.pause()
        assert "SLOUCHED" in text_of(on.app)
        assert on.app.screen.has_class("-alert")
        assert rung == [True]
        await pilot.press("s")
        on.run(0.5)
        await pilot.pause()
        assert "SNOOZED" in text_of(on.app)
        assert not on.app.screen.has_class("-alert")
        await pilot.press("s")
        on.run(0.5)
        assert on.app.conductor.now.desk.state.value == "cued"


async def test_calibration_is_guided_to_the_desk_and_kept(stage, feeds, text_of, tmp_path):
    on = stage(feeds["worn"](calibrated=False), Where.CALIBRATE, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
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
        assert "Quality: good" in text_of(on.app)
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


async def test_a_store_that_fails_ends_no_exercise(stage):
    on = stage(start=Where.COACH, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 1)
        on.until(lambda: on.phase == "work" and on.app.conductor.now.coach.hold_s > 1, 60)
        _spoil(on.app.conductor.store.path)
        await pilot.press("e")
        await pilot.pause()
        assert any("nothing is kept" in notice.message for notice in on.app._notifications)
        on.run(1)
        assert on.phase == "pain after"
        assert on.app.return_code is None


async def test_replay_keys_wind_the_recording(stage, feeds, text_of):
    on = stage(feeds["wound"]())
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.run(0.2)
        await pilot.pause()
        assert "10:00" in text_of(on.app)
        await pilot.press("right", "plus", "full_stop", "comma")
        on.run(0.1)
        await pilot.press("left", "space", "home")
        assert on.feed.sent == [
            Seek(52.0), SetSpeed(2.0), Step(0.1), Step(-0.1), Seek(42.0), SetPaused(True), Seek(0.0),
        ]  # fmt: skip


async def test_a_strap_has_no_replay_keys(stage, text_of):
    on = stage()
    async with on.app.run_test(size=(120, 36)) as pilot:
        await on.ready(pilot)
        on.run(0.2)
        await pilot.press("right", "home", "plus")
        assert not on.feed.sent
        assert "+10 s" not in text_of(on.app)


async def test_the_wearer_is_asked_from_the_palette(stage):
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
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


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (80, 24), (120, 36), (24, 6), (200, 60)])
async def test_a_resize_redraws_and_fits(stage, text_of, size):
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.run(1)
        await pilot.resize_terminal(*size)
        on.run(0.2)
        await pilot.pause()
        rows = text_of(on.app).split("\n")
        assert len(rows) == size[1]
        assert all(len(row) == size[0] for row in rows)
        assert "UPRIGHT" in "\n".join(rows)


async def test_plain_screens_are_ascii(stage, feeds, text_of):
    for where in (Where.DESK, Where.COACH, Where.PROGRESS, Where.CALIBRATE):
        on = stage(feeds["worn"](0.5), where, plain=True)
        async with on.app.run_test(size=(80, 24)) as pilot:
            await on.ready(pilot)
            if where is Where.COACH:
                await begin(on, pilot, 4)
                on.until(lambda on=on: on.phase == "work", 60)
            if where is Where.DESK:
                on.feed.person.command("slouch")
            on.run(25)
            await pilot.pause()
            assert text_of(on.app).isascii()
            await pilot.press("question_mark")
            await pilot.pause()
            assert text_of(on.app).isascii()
            await pilot.press("escape", "x")
            await pilot.pause()
            assert text_of(on.app).isascii()


async def test_without_colour_words_and_marks_say_it(stage, text_of, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.feed.person.command("slouch")
        on.run(30)
        await pilot.pause()
        assert "■ SLOUCHED" in text_of(on.app)
        colours = {
            segment.style.color.triplet
            for strip in on.app.screen._compositor.render_strips(on.app.size)
            for segment in strip.apply_filter(on.app._filters[0], on.app.screen.styles.background)
            if segment.style is not None and segment.style.color is not None and segment.style.color.triplet is not None
        }
        assert colours
        assert all(max(colour) - min(colour) <= 1 for colour in colours)


async def test_leaving_closes_the_feed_and_the_session(stage, tmp_path):
    on = stage(keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.run(2)
        await pilot.press("q")
        await pilot.pause()
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


async def test_ctrl_c_leaves_with_its_code_and_everything_closed(stage, tmp_path):
    on = stage(keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.run(2)
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert on.app.return_code == 130
    assert on.feed.closed
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions(DEMO_PERSON)
    assert session.outcome is Outcome.ENDED


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


async def test_theme_and_bell_are_remembered(stage):
    for theme, bell in (("unslouch-dark", True), ("unslouch-light", False)):
        on = stage(keep=True)
        async with on.app.run_test(size=(80, 24)) as pilot:
            await on.ready(pilot)
            assert (on.app.theme, on.app.bell_on) == (theme, bell)
            if bell:
                await pilot.press("t", "b")
    on = stage(keep=True, theme="contrast", bell=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        assert (on.app.theme, on.app.bell_on) == ("unslouch-contrast", True)


async def test_the_technique_and_dose_asked_for_are_taken(stage):
    plan = TECHNIQUES[Technique.DOORWAY].plan(hold_s=15, sets=2)
    on = stage(start=Where.COACH, technique="doorway_stretch", plan=plan)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("enter")
        view = on.app.conductor.now.coach
        assert (view.technique, view.hold_needed_s, view.sets) == (Technique.DOORWAY, 15, 2)


async def test_a_small_range_is_counted_in_a_coached_session_only(stage):
    on = stage(start=Where.COACH)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await begin(on, pilot, 4)
        assert ExpectRotations(0.0) in on.feed.sent
        assert ExpectRotations(None) not in on.feed.sent
        await pilot.press("e")
        on.app.conductor.end_coach()
        assert on.feed.sent[-2:] == [ExpectRotations(None), Ask("upright")]


async def test_the_persons_own_limits_are_shown(stage, feeds, text_of, tmp_path):
    with Store.open(data_paths(tmp_path)) as store:
        keep_preferences(store, Preferences(flexion_deg=17.0, extension_deg=9.0))
    feed = feeds["worn"]()
    feed.kind = FeedKind.LIVE
    on = stage(feed, keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.feed.person.command("slouch")
        on.until(lambda: (on.app.conductor.now.desk.flexion or 0) > 0.1, 30)
        await pilot.pause()
        assert "limit 17°" in text_of(on.app)
        on.feed.person.command("upright")


async def test_a_session_left_open_by_a_dead_program_is_closed_at_the_start(stage, tmp_path):
    start = SessionStart(SessionKind.DESK, Source.LIVE, 5.0, 1_800_000_000.0, 0.0)
    with Store.open(data_paths(tmp_path)) as store:
        SessionLog(store, start).alive(65.0)
    on = stage(keep=True)
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
    with Store.open(data_paths(tmp_path)) as store:
        (session,) = store.sessions()
    assert (session.outcome, session.end_t) == (Outcome.INTERRUPTED, 65.0)
