"""The captures of recordings/ are what their script makes: synthesis, firmware, air, link, recorder."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from unslouch.recording.reader import read_recording

FOLDER = Path(__file__).parents[2] / "recordings"


@pytest.fixture
def make(strap_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[ModuleType]:
    monkeypatch.setenv("UNSLOUCH_STRAP", str(strap_binary))
    spec = importlib.util.spec_from_file_location("make_recordings", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    "name",
    [
        "seated_rotations",
        "supine_rotations",
        pytest.param("extension_and_doorway", marks=pytest.mark.slow),
    ],
)
def test_a_capture_is_what_the_script_makes(make: ModuleType, name: str, tmp_path: Path) -> None:
    recording = read_recording(FOLDER / f"{name}.mcap")
    again, path = make.make(name, tmp_path)
    truth = json.loads((FOLDER / f"{name}.truth.json").read_text())
    made = json.loads(path.read_text())
    # the strap keeps what does not fill a packet at the end
    assert abs(made.pop("recording")["samples"] - truth.pop("recording")["samples"]) < 18
    # another machine's arithmetic may differ in the last digit
    assert _numbers(made) == pytest.approx(_numbers(truth), abs=0.002)
    fresh = read_recording(again)
    n = min(len(fresh.samples), len(recording.samples))
    # a packet has one period for its samples: where it is cut decides what of their stamps' jitter is left
    np.testing.assert_allclose(fresh.samples.t[:n], recording.samples.t[:n], atol=3e-3)
    assert fresh.samples.acc is not None
    assert recording.samples.acc is not None
    np.testing.assert_allclose(fresh.samples.acc[:n], recording.samples.acc[:n], atol=0.05)
    assert fresh.device == recording.device


def test_all_captures_have_their_script(make: ModuleType) -> None:
    assert set(make.CAPTURES) == {path.stem for path in FOLDER.glob("*.mcap")}


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [x for v in value.values() for x in _numbers(v)]
    if isinstance(value, list):
        return [x for v in value for x in _numbers(v)]
    return [float(value)] if isinstance(value, int | float) else []
