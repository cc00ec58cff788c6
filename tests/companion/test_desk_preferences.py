"""Choices at the desk: kept, limited, and what they mean."""

from __future__ import annotations

from datetime import date
from math import degrees
from pathlib import Path

import pytest

from unslouch.desk.preferences import Preferences, desk_settings, keep_preferences, preferences
from unslouch.desk.values import DeskSettings
from unslouch.errors import Reason, UnslouchError
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import data_paths
from unslouch.store.rows import SessionKind, Source
from unslouch.store.store import Store
from unslouch_signal.slouch import SlouchParameters


def test_the_defaults_are_the_detectors_and_the_sessions_own() -> None:
    own, detectors = Preferences().slouch_parameters(), SlouchParameters()
    for mine, theirs in (
        (own.flexion, detectors.flexion),
        (own.extension, detectors.extension),
        (own.lean, detectors.lean),
    ):
        assert (mine.enter, mine.leave) == pytest.approx((theirs.enter, theirs.leave))
    assert (own.dwell_s, own.quiet_s) == (detectors.dwell_s, detectors.quiet_s)
    assert Preferences().desk_settings() == DeskSettings()


def test_choices_are_kept_per_person(tmp_path: Path) -> None:
    chosen = Preferences(9.0, 10.0, 11.0, 30.0, 120.0, 5.0, None, fade=True)
    with Store.open(data_paths(tmp_path)) as store:
        keep_preferences(store, chosen)
        assert preferences(store) == chosen
        assert preferences(store, "you") == Preferences()
        parameters = chosen.slouch_parameters()
        zones = (parameters.flexion, parameters.extension, parameters.lean)
        assert [degrees(zone.enter) for zone in zones] == pytest.approx([9.0, 10.0, 11.0])
        assert all(zone.leave == pytest.approx(zone.enter * 7 / 12) for zone in zones)
        assert (parameters.dwell_s, parameters.quiet_s) == (30.0, 120.0)
        SessionLog(store, SessionStart(SessionKind.DESK, Source.LIVE, 0.0, 1_778_000_000.0, 0.0))
        first = date(2026, 5, 5)
        for later, every in ((0, 1), (13, 1), (14, 2), (21, 4)):
            found = desk_settings(store, date.fromordinal(first.toordinal() + later))
            assert found == DeskSettings(cue_every=every, nudge_s=None, snooze_min=5.0)


def test_a_choice_of_a_later_program_is_left_aside(tmp_path: Path) -> None:
    with Store.open(data_paths(tmp_path)) as store:
        store.set_setting("desk", {"dwell_s": 20.0, "colour": "red"})
        assert preferences(store) == Preferences(dwell_s=20.0)


@pytest.mark.parametrize("kept", [{"dwell_s": "long"}, {"dwell_s": None}, {"flexion_deg": float("inf")}])
def test_what_makes_no_sense_is_refused(tmp_path: Path, kept: object) -> None:
    with Store.open(data_paths(tmp_path)) as store:
        store.set_setting("desk", kept)
        with pytest.raises(UnslouchError):
            preferences(store)


@pytest.mark.parametrize(
    ("name", "lo", "hi"),
    [("flexion_deg", 6, 25), ("extension_deg", 6, 25), ("lean_deg", 6, 25), ("dwell_s", 5, 120), ("nudge_min", 5, 60)],
)
def test_limits(name: str, lo: float, hi: float) -> None:
    for value in (lo, hi):
        assert getattr(Preferences(**{name: value}), name) == value  # type: ignore[arg-type]
    for value in (lo - 0.5, hi + 0.5):
        with pytest.raises(UnslouchError, match=f"can be {lo} to {hi}") as told:
            Preferences(**{name: value})  # type: ignore[arg-type]
        assert told.value.reason is Reason.BAD_OPTION
