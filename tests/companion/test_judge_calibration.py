"""The neutral from another recording, and a neutral that begins before the first sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unslouch.errors import Reason, UnslouchError
from unslouch.recording.csv_format import read_csv, write_csv
from unslouch.report.judge import Choices, calibration_from, judge
from unslouch_signal import quaternion
from unslouch_signal.samples import samples

RATE = 50.0
STRAP = quaternion.from_rotvec(np.radians([0.0, 15.0, 0.0]))
"""Sensor to thorax: worn with x up-ish would be any; here x front, y left, z up, tilted by 15 deg."""


def sitting(path: Path, flexion_deg: float, seconds: float = 30.0, restless: bool = False) -> Path:
    t = 100.0 + np.arange(0, seconds, 1 / RATE)
    sway = 0.5 * np.sin(1.3 * t) + (20.0 * np.sin(3.0 * t) if restless else 0.0)
    bend = np.radians(flexion_deg + sway)
    quat = quaternion.multiply(quaternion.from_rotvec(np.stack((0 * t, bend, 0 * t), axis=1)), STRAP)
    write_csv(path, samples(t, quat))
    return path


def test_the_neutral_of_another_recording_and_the_mount(tmp_path: Path) -> None:
    upright, slouched = sitting(tmp_path / "up.csv", 0), sitting(tmp_path / "slouch.csv", 20)
    alone, _ = judge(slouched, Choices(calibration=upright).settled())
    assert not alone["calibration"]["forward_known"]
    assert [s["direction"] for s in alone["slouches"]] == [None]
    assert alone["slouches"][0]["mean_deg"] == pytest.approx(20, abs=0.3)
    for mount, direction in (
        ("front,left,up", "flexion"),
        ("back,right,up", "extension"),
        ("left,back,up", "lean_left"),
    ):
        found, _ = judge(slouched, Choices(calibration=upright, mount=mount).settled())
        assert found["calibration"]["source"] == "file"
        assert [s["direction"] for s in found["slouches"]] == [direction]
        assert found["slouches"][0]["alert_s"] == pytest.approx(115.0, abs=0.1)
    assert judge(upright, Choices(calibration=upright).settled())[0]["slouches"] == []


def test_what_holds_no_neutral_is_refused(tmp_path: Path) -> None:
    restless = sitting(tmp_path / "restless.csv", 0, restless=True)
    with pytest.raises(UnslouchError, match="nobody sits still") as refused:
        calibration_from(restless)
    assert refused.value.reason is Reason.NOT_CALIBRATED


def test_a_calibration_in_json_knows_its_mount(tmp_path: Path) -> None:
    upright = sitting(tmp_path / "up.csv", 0)
    saved = tmp_path / "saved.json"
    saved.write_text(calibration_from(upright).to_json())
    assert not Choices(calibration=saved).settled().calibration.forward_known  # type: ignore[union-attr]
    with pytest.raises(UnslouchError, match="--mount"):
        Choices(calibration=saved, mount="front,left,up").settled()


def test_a_neutral_may_begin_before_the_first_sample(tmp_path: Path) -> None:
    upright = sitting(tmp_path / "up.csv", 0)
    found, _ = judge(upright, Choices(neutral=(99.5, 101.0)).settled())
    assert found["calibration"]["source"] == "neutral"
    for outside in ((98.0, 100.5), (129.0, 140.0)):
        with pytest.raises(UnslouchError, match="not within"):
            judge(upright, Choices(neutral=outside).settled())


def test_steps_that_shake_gravity_are_not_taken_for_another_unit(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    t = np.arange(0, 2.5, 0.02)
    yaw = np.repeat(rng.normal(0, 0.25, (len(t) // 12 + 1, 3)), 12, axis=0)[: len(t)]
    acc = np.array([0.0, 0.0, 9.81]) + np.repeat(rng.normal(0, 3.0, (len(t) // 12 + 1, 3)), 12, axis=0)[: len(t)]
    write_csv(tmp_path / "steps.csv", samples(t, None, acc, yaw))
    assert len(read_csv(tmp_path / "steps.csv").samples) == len(t)
