"""`unslouch simulate`: whole files or none, and examples that work."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from unslouch.cli.main import unslouch

WAIT_S = 300
"""A machine may be busy; what hangs is told all the same."""


def call(*args: object) -> Result:
    return CliRunner(env={"UNSLOUCH_DATA_DIR": ""}).invoke(unslouch, ["simulate", *(str(arg) for arg in args)])


def examples() -> list[str]:
    lines = call("--help").stdout.splitlines()
    return [line.strip() for line in lines if line.strip().startswith("unslouch simulate") and "OUT" not in line]


@pytest.mark.parametrize("number", range(3))
def test_the_examples_of_the_help_work(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(examples()) == 3
    result = call(*shlex.split(examples()[number])[2:])
    assert result.exit_code == 0, result.output
    assert len(list(tmp_path.iterdir())) == 2, "the recording and its truth"


@pytest.mark.usefixtures("hears")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_simulation_leaves_nothing(number: signal.Signals, code: int, tmp_path: Path) -> None:
    (tmp_path / "day.mcap").write_text("what was there")
    options = ("--scenario", "desk", "--duration", "4:00:00", "--force")
    process = subprocess.Popen(
        [sys.executable, "-m", "unslouch.cli.main", "simulate", str(tmp_path / "day.mcap"), *options],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("UNSLOUCH")},
    )
    until = time.monotonic() + WAIT_S
    while not list(tmp_path.glob(".*.draft")):  # it writes
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["day.mcap"]
    assert (tmp_path / "day.mcap").read_text() == "what was there", "--force does not mean before the new one is whole"


@pytest.mark.parametrize("suffix", [".mcap", ".csv"])
def test_what_fails_at_the_end_leaves_nothing_either(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("unslouch.live.recorded.compact", fails)
    monkeypatch.setattr("unslouch.recording.csv_format._drop_last_column", fails)
    assert call(tmp_path / f"walk{suffix}", "--scenario", "walking").exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_and_one_that_cannot_be_is_told_before_the_work(tmp_path: Path) -> None:
    made = call(tmp_path / "new" / "walk.csv", "--scenario", "walking", "--duration", "60")
    assert made.exit_code == 0, made.output
    assert (tmp_path / "new" / "walk.truth.json").exists()
    (tmp_path / "file").write_text("")
    refused = call(tmp_path / "file" / "walk.mcap", "--scenario", "quiet", "--duration", "24:00:00")
    assert refused.exit_code == 1
    assert "walk.mcap cannot be written" in refused.stderr
    assert "draft" not in refused.stderr


def test_a_file_that_exists_stays_without_force(tmp_path: Path) -> None:
    out = tmp_path / "walk.csv"
    options = ("--scenario", "walking", "--duration", "60")
    assert call(out, *options).exit_code == 0
    first = out.read_bytes()
    again = call(out, *options, "--seed", 2)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert out.read_bytes() == first
    assert call(out, *options, "--seed", 2, "--force").exit_code == 0
    assert out.read_bytes() != first
