"""What the screens look like, from fixed views: no strap, no chain, no clock."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot

from unslouch.coach.safety import RED_FLAGS
from unslouch.coach.technique import SeenFrom
from unslouch.coach.values import CoachView, Cue, CueKind, Phase, Prompt, SideCount, Zone
from unslouch.desk.values import ADVICE, DeskFigures, DeskView, PostureState
from unslouch.live.feed import LinkKind, LinkState, Transport
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import MarkerRow, PressRow, RepetitionRow, SessionKind, SharpPainRow, Source
from unslouch.store.store import Store
from unslouch.tui.actions import Where
from unslouch.tui.conductor import Now
from unslouch_signal.events import RotationPosition, Side, Technique

SIZES = [(40, 12), (80, 24), (120, 36)]
UP = LinkState(LinkKind.UP, "Samples come.")
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC).timestamp()
T = 754.0

Script = Callable[[Pilot[None]], Awaitable[None]]


def rad(deg: float) -> float:
    return math.radians(deg)


def desk_view(state: PostureState, flexion_deg: float, lateral_deg: float = 1.0, **changes: object) -> DeskView:
    figures = DeskFigures(2350.0, 190.0, 60.0, 1120.0, 3, 2)
    view = DeskView(
        T,
        state,
        ADVICE[state],
        figures,
        rad(flexion_deg),
        rad(lateral_deg),
        0.0,
        rad(flexion_deg),
        0.0,
        0.0,
        1260.0,
        None,
    )
    return replace(view, **changes)


UPRIGHT = desk_view(PostureState.UPRIGHT, 3.0)
SLOUCHED = desk_view(PostureState.CUED, 21.0, slouch_s=19.0)
LEANING = desk_view(PostureState.SLOUCHING, 4.0, -17.0, slouch_s=7.0)


def coach_view(phase: Phase, **changes: object) -> CoachView:
    view = CoachView(
        technique=Technique.SEATED_ROTATION,
        name="Seated thoracic rotation",
        phase=phase,
        title="",
        instruction="In your zone. Breathe, stay 2 s more.",
        details=(),
        prompt=Prompt.NOTHING,
        seen_from=SeenFrom.ABOVE,
        side=Side.RIGHT,
        value=rad(43.0),
        zone=Zone(rad(34.0), rad(49.0)),
        in_zone=True,
        scale=rad(60.0),
        hold_s=1.2,
        hold_needed_s=3.0,
        counts=(SideCount(Side.LEFT, 5, 5), SideCount(Side.RIGHT, 2, 5)),
        set_number=1,
        sets=1,
        rest_left_s=0.0,
        best=rad(47.0),
        best_today=rad(44.0),
        paused=False,
        waiting=None,
        caution=None,
        cue=None,
        result=None,
        outcome=None,
    )
    return replace(view, **changes)


WORK = coach_view(Phase.WORK)
FORCED = coach_view(
    Phase.WORK,
    value=rad(58.0),
    in_zone=False,
    cue=Cue(CueKind.DO_NOT_FORCE, T, "Do not force. Ease back a little and breathe."),
)
WAITING = coach_view(
    Phase.WORK, value=None, in_zone=False, waiting="No samples arrive from the strap. The clock waits."
)
QUESTIONS = coach_view(
    Phase.RED_FLAGS, title="Before you begin", instruction="Does any of this hold for you?", details=RED_FLAGS
)
PAIN = coach_view(Phase.PAIN_BEFORE, title="How is your back?", instruction="How much pain is there in your back now?")
EXTENSION = coach_view(
    Phase.WORK,
    technique=Technique.EXTENSION,
    name="Upper-back extension",
    side=None,
    value=rad(22.0),
    zone=Zone(rad(16.0), rad(27.0)),
    scale=rad(30.0),
    hold_s=11.4,
    hold_needed_s=20.0,
    counts=(SideCount(None, 1, 3),),
    best=rad(28.0),
    best_today=rad(25.0),
    instruction="In your zone. Breathe, stay 9 s more.",
)
DOORWAY = replace(
    EXTENSION,
    technique=Technique.DOORWAY,
    name="Doorway stretch",
    side=Side.LEFT,
    counts=(SideCount(Side.LEFT, 0, 1), SideCount(Side.RIGHT, 0, 1)),
)
SUPINE = coach_view(Phase.WORK, technique=Technique.SUPINE_ROTATION, name="Supine thoracic rotation")
REST = coach_view(Phase.REST, instruction="Rest. Then the right side.", value=rad(2.0), rest_left_s=9.0, in_zone=False)


@pytest.fixture
def picture(stage, feeds, snap_compare) -> Callable[..., bool]:
    """Compare the picture of a screen that shows this."""

    def compare(
        now: Now | None, size: tuple[int, int], where: Where = Where.DESK, then: Script | None = None, **options: object
    ) -> bool:
        on = stage(feeds["quiet"](), where, clock=lambda: NOON, **options)

        async def before(pilot: Pilot[None]) -> None:
            await on.ready(pilot)
            conductor = on.app.conductor
            times = [T - 60 + k / 10 for k in range(601)]
            conductor.recent.flexion.extend((t, 3 + 18 / (1 + math.exp(735 - t))) for t in times)
            conductor.recent.lateral.extend((t, -17.0 if t > 745 else -2.0) for t in times)
            conductor.recent.coached.extend((t, 43 * math.sin(t / 4) ** 2) for t in times)
            conductor.now = conductor.now if now is None else now
            on.app.screen.present(conductor.now)
            await pilot.pause()
            if then is not None:
                await then(pilot)
                await pilot.pause()

        return snap_compare(on.app, terminal_size=size, run_before=before)

    return compare


def desk(view: DeskView, **changes: object) -> Now:
    now = Now(UP, view, None, None, T, 0.87, 52.0, started=0.0)
    return replace(now, **changes)


def coach(view: CoachView, **changes: object) -> Now:
    return desk(desk_view(PostureState.PAUSED, 3.0), coach=view, **changes)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", [UPRIGHT, SLOUCHED], ids=["upright", "slouched"])
def test_desk(picture, view, size):
    assert picture(desk(view), size)


def test_desk_leaning_is_seen_from_behind(picture):
    assert picture(desk(LEANING), (80, 24))


def test_desk_narrow(picture):
    assert picture(desk(UPRIGHT), (60, 20))


def test_desk_with_the_link_lost(picture):
    lost = LinkState(LinkKind.LOST, "No samples come.", "Is the strap near and charged?")
    assert picture(desk(desk_view(PostureState.NO_SIGNAL, 3.0), link=lost), (80, 24))


def test_desk_of_a_replay(picture):
    assert picture(desk(UPRIGHT, transport=Transport(754.0, 1800.0, 4.0, paused=True)), (80, 24))


@pytest.mark.parametrize("theme", ["light", "contrast"])
def test_desk_in_other_themes(picture, theme):
    assert picture(desk(SLOUCHED), (80, 24), theme=theme)


def test_desk_in_ascii(picture):
    assert picture(desk(SLOUCHED), (80, 24), plain=True)


def test_desk_without_colour(picture, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert picture(desk(SLOUCHED), (80, 24))


def test_desk_from_afar(picture):
    async def far(pilot: Pilot[None]) -> None:
        await pilot.press("f")

    assert picture(desk(SLOUCHED), (80, 24), then=far)


def test_before_the_first_sample(picture):
    assert picture(None, (80, 24))


@pytest.mark.parametrize("size", SIZES)
def test_coach_choice(picture, size):
    assert picture(desk(UPRIGHT), size, Where.COACH)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", [WORK, QUESTIONS, PAIN], ids=["work", "questions", "pain"])
def test_coach(picture, view, size):
    assert picture(coach(view), size, Where.COACH)


@pytest.mark.parametrize(
    "view",
    [FORCED, WAITING, EXTENSION, DOORWAY, SUPINE, REST],
    ids=["forced", "waiting", "extension", "doorway", "supine", "rest"],
)
def test_coach_states(picture, view):
    assert picture(coach(view), (80, 24), Where.COACH)


@pytest.mark.parametrize("size", SIZES)
def test_progress_empty(picture, size):
    assert picture(desk(UPRIGHT), size, Where.PROGRESS, keep=True)


@pytest.fixture
def measured(tmp_path):
    """Five days of seated rotation."""
    with Store.open(data_paths(tmp_path)) as store:
        for days_ago, left, right in ((20, 38, 36), (13, 41, 37), (6, 43, 39), (2, 44, 38), (0, 46, 41)):
            utc = NOON - 3600 - 86400 * days_ago
            start = SessionStart(
                SessionKind.COACH,
                Source.LIVE,
                0.0,
                utc,
                0.0,
                technique=Technique.SEATED_ROTATION,
                recording=f"r{days_ago}",
            )
            log = SessionLog(store, start)
            for side, deg in ((Side.LEFT, left), (Side.RIGHT, right)):
                for k in range(3):
                    t = 10.0 * k + (200 if side is Side.RIGHT else 100)
                    log.save(
                        RepetitionRow(
                            Technique.SEATED_ROTATION,
                            side,
                            RotationPosition.SEATED,
                            t,
                            t + 3,
                            t + 6,
                            rad(deg),
                            3.0,
                            (),
                            True,
                        )
                    )
            log.end(420.0)


@pytest.mark.parametrize("size", SIZES)
def test_progress(picture, size, measured):
    assert picture(desk(UPRIGHT), size, Where.PROGRESS, keep=True, person="me")


@pytest.mark.parametrize("size", SIZES)
def test_progress_with_what_was_told(picture, size, measured, tmp_path):
    with Store.open(data_paths(tmp_path)) as store:
        start = SessionStart(SessionKind.DESK, Source.LIVE, 0.0, NOON - 6 * 86400, 0.0, recording="desk")
        log = SessionLog(store, start)
        log.save(MarkerRow(1800.0, "the new chair"))
        log.save(SharpPainRow(2400.0, "desk"))
        log.end(3000.0)
        for days_ago, sharp, uncertain_s in ((9.2, True, None), (4.1, False, None), (1.3, True, 600.0)):
            utc = NOON - 86400 * days_ago
            store.put(PressRow("S1", 4, round(utc), sharp, "desk", utc, 0.0, uncertain_s))

    async def to_what_was_told(pilot: Pilot[None]) -> None:
        if size == SIZES[0]:
            await pilot.press("n", "n")

    assert picture(desk(UPRIGHT), size, Where.PROGRESS, to_what_was_told, keep=True, person="me")


@pytest.mark.parametrize("size", SIZES)
def test_calibrate(picture, size):
    async def start(pilot: Pilot[None]) -> None:
        await pilot.press("enter")

    assert picture(desk(UPRIGHT), size, Where.CALIBRATE, start)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["question_mark", "x"], ids=["help", "stop"])
def test_notices(picture, size, key):
    async def open_it(pilot: Pilot[None]) -> None:
        await pilot.press(key)

    assert picture(desk(UPRIGHT), size, then=open_it)
