"""The parts of pictures: paint, digits, words that fit, the table of actions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unslouch.tui.actions import ACTIONS, BY_NAME, Where, bindings
from unslouch.tui.app import UnslouchApp
from unslouch.tui.canvas import Canvas, mix
from unslouch.tui.digits import draw_text, height_to_fit, plain_rows, text_width
from unslouch.tui.figures import FigureModel, Ink, View, draw_figure
from unslouch.tui.screens.calibrate import CalibrateScreen
from unslouch.tui.screens.coach import CoachScreen
from unslouch.tui.screens.coach_phases import VIEWS
from unslouch.tui.screens.desk import DeskScreen, Turn
from unslouch.tui.screens.progress import ProgressScreen
from unslouch.tui.theme import Tone
from unslouch.tui.widgets.picture import Hold
from unslouch.tui.widgets.text import Part, chosen, lines_of, shortened
from unslouch.tui.widgets.trace import Chart, dot_row, ticks
from unslouch_signal.events import Technique
from unslouch_signal.slouch import SlouchParameters

BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)
INK = Ink(body=(100, 100, 100), trunk=RED, zone=(0, 255, 0), line=(50, 50, 50), sensor=WHITE, text=(90, 90, 90))


def painted(canvas: Canvas, rgb) -> list[tuple[float, float]]:
    """Centres (dots) of the pixels of a colour."""
    return [
        (2.0 * (k % canvas.width) + 1, 2.0 * (k // canvas.width) + 1) for k, p in enumerate(canvas._paint) if p == rgb
    ]


def middle(points: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def test_a_disc_is_round_and_where_it_should_be():
    canvas = Canvas(40, 20, BLACK)
    canvas.disc((30.0, 50.0), 12.0, RED)
    inside = painted(canvas, RED)
    assert middle(inside) == pytest.approx((30.0, 50.0), abs=0.6)
    area = 4 * sum(canvas._cover) / max(canvas._cover)
    assert area == pytest.approx(math.pi * 12**2, rel=0.05)


def test_edges_are_blended():
    canvas = Canvas(20, 10, BLACK)
    canvas.disc((20.0, 20.0), 9.3, RED)
    shades = {p for p in canvas._paint if p not in (None, RED)}
    assert len(shades) >= 2
    assert all(0 < p[0] < 255 and p[1] == 0 for p in shades if p)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 300), st.integers(1, 30), st.integers(1, 12))
def test_nothing_is_painted_outside(x, y, radius, width, height):
    canvas = Canvas(width, height, BLACK)
    canvas.cone((x, y), (y, x), min(radius, 30.0), 1.0, RED)
    canvas.line((x, y), (-x, y / 2), WHITE)
    strips = canvas.strips()
    assert len(strips) == height
    assert all(strip.cell_length == width and sum(len(s.text) for s in strip) == width for strip in strips)


def test_a_label_that_does_not_fit_is_not_torn():
    canvas = Canvas(10, 1, BLACK)
    canvas.label(6, 0, "right", WHITE)
    assert "".join(s.text for s in canvas.strips()[0]).strip() == ""


def test_plain_pictures_are_ascii():
    for view in View:
        canvas = Canvas(40, 16, BLACK, plain=True)
        draw_figure(canvas, FigureModel(view, 20, Tone.GOOD, (10, 30), (15, 25)), INK)
        text = "".join(s.text for strip in canvas.strips() for s in strip)
        assert text.isascii()
        assert text.strip()


@pytest.mark.parametrize(
    ("view", "to_the_right"),
    [(View.SEATED, True), (View.STANDING, False), (View.DOORWAY, True), (View.BEHIND, True)],
)
def test_figures_lean_to_the_side_their_angle_says(view, to_the_right):
    def sensor_x(angle: int) -> float:
        canvas = Canvas(60, 30, BLACK)
        draw_figure(canvas, FigureModel(view, angle, Tone.GOOD), INK)
        return middle(painted(canvas, WHITE))[0]

    moved = sensor_x(30) - sensor_x(0)
    assert (moved > 2.0) is to_the_right
    assert abs(moved) > 2.0


@pytest.mark.parametrize(("view", "sensor_goes_right"), [(View.ABOVE, True), (View.FEET, False)])
def test_turning_to_the_left_is_drawn_to_the_left(view, sensor_goes_right):
    # the chest turns left, so the sensor on the back goes the other way: right from above; seen from the feet mirrored
    def sensor_x(angle: int) -> float:
        canvas = Canvas(60, 30, BLACK)
        draw_figure(canvas, FigureModel(view, angle, Tone.GOOD), INK)
        return middle(painted(canvas, WHITE))[0]

    moved = sensor_x(40) - sensor_x(0)
    assert abs(moved) > 2.0
    assert (moved > 0) is sensor_goes_right


@given(st.text("0123456789-°", min_size=1, max_size=5), st.floats(6, 80), st.floats(20, 200))
def test_digits_fit_what_they_are_given(text, height, width):
    tall = height_to_fit(text, width, height)
    assert tall <= height
    assert tall <= 5.0 or text_width(text, tall) <= width


@pytest.mark.parametrize("digit", "0123456789")
def test_every_digit_is_a_different_picture(digit):
    def picture(letter: str) -> tuple[str, ...]:
        canvas = Canvas(10, 6, BLACK)
        draw_text(canvas, letter, 0.5, 0.5, 22.0, WHITE)
        return tuple("".join("#" if p == WHITE else "." for p in canvas._paint))

    others = [sum(a != b for a, b in zip(picture(digit), picture(o), strict=True)) for o in "0123456789" if o != digit]
    assert min(others) >= 5


def test_plain_digits_line_up():
    rows = plain_rows("1234567890-")
    assert len(rows) == 5
    assert len({len(row) for row in rows}) == 1


@given(st.lists(st.tuples(st.text("abc ", min_size=1, max_size=12), st.integers(0, 5)), max_size=6), st.integers(1, 60))
def test_parts_fit_and_the_weakest_go_first(raw, width):
    parts = [Part(text, rank=rank) for text, rank in raw]
    kept = chosen(parts, width, 2)
    assert sum(len(p.text) for p in kept) + 2 * max(len(kept) - 1, 0) <= width or not kept
    left_out = [p.rank for p in parts if p not in kept]
    if left_out and kept and max(p.rank for p in kept) > 0:
        assert min(left_out) >= max(p.rank for p in kept if p.rank)


@given(st.text("abcde .", max_size=120), st.integers(6, 50), st.integers(1, 4), st.integers(0, 5))
def test_lines_keep_whole_words(text, width, height, indent):
    lines = lines_of(text, width, height, indent)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    longest = max((len(word) for word in text.split()), default=0)
    if longest <= width - indent:
        words = {word.rstrip(".") for word in text.split()}
        torn = [word for word in " ".join(lines).split() if word.rstrip(".") not in words | {""}]
        assert not torn


def test_a_sentence_is_left_out_before_it_is_torn():
    assert lines_of("Out of your zone. The clock waits for you.", 20, 1) == ["Out of your zone."]
    assert shortened("Upper-back extension", 12) == "Upper-back"


def test_the_hold_counts_down_whole_seconds():
    assert [Hold(held, 30, Tone.GOOD).left_s for held in (0, 1, 10, 11, 29, 30, 35)] == [3, 3, 2, 2, 1, 0, 0]


def test_the_chart_puts_more_degrees_higher_up():
    chart = Chart(20.0, -10, 60, (30, 45), 0)
    assert dot_row(60, chart, 24) == 0
    assert dot_row(-10, chart, 24) == 23
    assert dot_row(45, chart, 24) < dot_row(30, chart, 24)
    assert dot_row(999, chart, 24) == 0
    assert ticks(chart, 24) == [-10, 0, 10, 20, 30, 40, 50, 60]
    assert ticks(chart, 6) == [0, 30, 60]


def test_colours_mix():
    assert mix(BLACK, WHITE, 0.5) == (127, 127, 127)
    assert mix(BLACK, RED, 0.0) == BLACK


# the table of actions


def test_no_key_means_two_things_on_a_screen():
    for where in Where:
        keys = [key for action in ACTIONS if where in action.where for key in action.keys]
        assert len(keys) == len(set(keys)), where


def test_every_action_can_be_carried_out():
    screens = {
        Where.DESK: DeskScreen,
        Where.COACH: CoachScreen,
        Where.PROGRESS: ProgressScreen,
        Where.CALIBRATE: CalibrateScreen,
        Where.HELP: UnslouchApp,
        Where.STOP: UnslouchApp,
    }
    for action in ACTIONS:
        for where in action.where:
            name = f"do_{action.name}"
            assert hasattr(screens[where], name) or hasattr(UnslouchApp, name), (action.name, where)


def test_nothing_a_screen_can_do_is_missing_from_the_table():
    for screen in (DeskScreen, CoachScreen, ProgressScreen, CalibrateScreen):
        for name in vars(screen):
            if name.startswith("do_"):
                assert screen.where in BY_NAME[name.removeprefix("do_")].where, (screen, name)


def test_every_action_says_what_it_does_and_has_bindings():
    for action in ACTIONS:
        assert action.help.endswith(".")
        assert BY_NAME[action.name] is action
        for where in action.where:
            assert {b.key for b in bindings(where)} >= set(action.keys)


def test_sharp_pain_has_its_key_everywhere_but_on_its_own_notice():
    assert BY_NAME["sharp_pain"].where == frozenset(Where) - {Where.STOP}


# agreement with the parts below


def test_the_limit_shown_is_the_limit_judged():
    parameters = SlouchParameters()
    judged = [math.degrees(zone.enter) for zone in (parameters.flexion, parameters.extension, parameters.lean)]
    assert DeskScreen().limits == pytest.approx(judged)


def test_every_technique_is_seen_from_somewhere():
    assert {Technique(value) for value in VIEWS} == set(Technique)


def test_the_front_follows_a_swivelled_chair_but_not_a_turn():
    turn = Turn()
    shown = [turn.follow(k / 10, 40.0 if 50 <= k < 80 else 0.0) for k in range(120)]
    assert shown[49] == 0
    assert shown[50] == pytest.approx(40, abs=1)
    assert 30 <= shown[79] <= 40
    assert shown[90] == 0
    swivel = [turn.follow(20 + k / 10, -50.0) for k in range(600)]
    assert swivel[-1] == 0
    assert Turn().follow(0.0, 90.0) == 0
