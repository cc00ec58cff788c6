from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unslouch.report.draw import Pen, column_extremes

PEN, ASCII = Pen(), Pen(ascii=True)


@pytest.mark.parametrize(
    ("fraction", "drawn"), [(0, "····"), (1, "████"), (0.5, "██··"), (1 / 32, "▏···"), (-3, "····"), (9, "████")]
)
def test_a_bar_is_drawn_to_an_eighth_of_a_cell(fraction: float, drawn: str):
    assert PEN.bar(fraction, 4) == drawn


def test_a_bar_of_an_unknown_value_is_empty():
    assert PEN.bar(float("nan"), 3) == "···"
    assert ASCII.bar(0.5, 4) == "##.."


def test_a_sparkline_rises_with_its_values():
    assert PEN.spark(np.arange(8.0), 8, 0, 8) == "▁▂▃▄▅▆▇█"
    assert ASCII.spark(np.arange(8.0), 8, 0, 8) == "_.-:=+*#"


def test_a_sparkline_is_blank_where_nothing_is_known_and_keeps_the_peak_of_a_stretch():
    values = np.array([np.nan, np.nan, 0.0, 8.0, 0.0, 0.0])
    assert PEN.spark(values, 3, 0, 8) == " █▁"


def test_a_chart_puts_large_values_on_top_and_time_to_the_right():
    rows = ASCII.chart(np.array([0.0, 1.0, 2.0]), 3, 3, 0, 2)
    assert rows == ["  *", " * ", "*  "]


def test_a_braille_chart_draws_each_dot_where_it_belongs():
    assert PEN.chart(np.array([3.0, 0.0]), 1, 1, 0, 3) == [chr(0x2800 + 0x01 + 0x80)]
    assert PEN.chart(np.array([0.0, 3.0]), 1, 1, 0, 3) == [chr(0x2800 + 0x40 + 0x08)]


def test_a_chart_is_blank_in_a_gap_and_stays_within_its_borders():
    rows = PEN.chart(np.array([99.0, np.nan, np.nan, -99.0]), 2, 2, -1, 1)
    assert rows == [chr(0x2801) + " ", " " + chr(0x2880)]


@given(
    arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.just(float("nan"))), st.integers(1, 40)
)
def test_no_extreme_is_lost_in_columns(values: np.ndarray, columns: int):
    least, most = column_extremes(values, columns)
    assert len(least) == len(most) == columns
    known = values[np.isfinite(values)]
    if len(known):
        assert np.nanmin(least) == known.min()
        assert np.nanmax(most) == known.max()
    else:
        assert np.isnan(most).all()


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(-90, 90)), st.integers(1, 30), st.integers(1, 6))
def test_drawings_have_the_size_asked_for(values: np.ndarray, width: int, height: int):
    for pen in (PEN, ASCII):
        rows = pen.chart(values, width, height, -15, 30)
        assert [len(row) for row in rows] == [width] * height
        assert len(pen.spark(values, width, 0, 1)) == width
