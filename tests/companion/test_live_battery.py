"""The low battery is told once, not at every level that comes."""

from __future__ import annotations

import pytest

from unslouch.live.battery import LowBattery
from unslouch.live.feed import FeedKind


def test_low_is_told_once_until_it_was_charged() -> None:
    watch = LowBattery(FeedKind.LIVE)
    told = [watch.take(level) for level in (0.66, None, 0.11, 0.10, 0.09, None, 0.12, 0.08, 0.5, 0.10)]
    assert [k for k, text in enumerate(told) if text] == [3, 9]
    assert told[3] == "The strap's battery is low (10%): charge it after this session."


@pytest.mark.parametrize("level", [None, 0.101, 1.0])
def test_nothing_is_said_of_a_battery_that_is_not_low(level: float | None) -> None:
    assert LowBattery(FeedKind.LIVE).take(level) is None


def test_the_battery_of_a_recording_is_past_charging() -> None:
    assert LowBattery(FeedKind.REPLAY).take(0.02) is None
