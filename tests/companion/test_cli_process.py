"""The command line as real processes: it ends by itself, is interrupted, loses its reader, is answered by a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unslouch.recording.reader import read_recording
from unslouch.store.paths import DataPaths
from unslouch.store.rows import DEMO_PERSON, Outcome, SessionKind
from unslouch.store.store import Store

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("UNSLOUCH")}
WAIT_S = 300
"""A machine may be busy; what hangs is told all the same."""
COMMAND = [sys.executable, "-m", "unslouch.cli.main"]


pytestmark = pytest.mark.usefixtures("hears")


def start(*args: object, **kwargs: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *(str(arg) for arg in args)],
        stdin=kwargs.pop("stdin", subprocess.DEVNULL),  # type: ignore[call-overload]
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        **kwargs,
    )


def run(*args: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
    process = start(*args, stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL)
    out, err = process.communicate(text, timeout=WAIT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_the_demo_ends_by_itself_with_calibration_alert_set_and_summary(tmp_path: Path):
    done = run("demo", "--speed", 60, "--data-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    _check_kept(tmp_path)
    rows = done.stdout.splitlines()
    words = [row.split()[1] for row in rows if re.match(r" +\d+:\d\d\.\d  \S", row)]
    assert words.index("calibrated") < words.index("SLOUCH") < words.index("upright") < words.index("counted")
    assert words.count("counted") == 10
    assert words.count("SLOUCH") == 1
    summary = done.stdout[done.stdout.index("\nSummary") :]
    assert re.search(r"1 slouch of 5 s or more, 1 alert", summary)
    left = re.search(r"left (\d+)° \(mean of 3\)", summary)
    right = re.search(r"right (\d+)° \(mean of 3\)", summary)
    assert left is not None
    assert right is not None
    assert 25 < int(right[1]) < 60
    assert 25 < int(left[1]) < 60


def _check_kept(data: Path) -> None:
    with Store.open(DataPaths(data), read_only=True) as store:
        kinds = {session.kind: session.outcome for session in store.sessions(DEMO_PERSON)}
    assert kinds == {SessionKind.DESK: Outcome.COMPLETED, SessionKind.COACH: Outcome.COMPLETED}
    own = json.loads(run("progress", "--json", "--data-dir", data).stdout)
    assert (own["rotation"], own["desk"], own["practice"]["days_of_28"]) == ([], [], 0)
    told = json.loads(run("progress", "--json", "--person", "demo", "--data-dir", data).stdout)
    assert {entry["side"] for entry in told["rotation"]} == {"left", "right"}
    assert told["desk"][0]["alerts"] == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_session_is_whole(number: signal.Signals, code: int, tmp_path: Path):
    recording = tmp_path / "out.mcap"
    process = start(
        "desk", "--simulated", "--plain", "--speed", 20, "--record", recording, "--data-dir", tmp_path / "data"
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "SLOUCH" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "Summary" in out
    kept = read_recording(recording)
    assert kept.notices == ()
    assert kept.duration_s > 50
    assert kept.calibration is not None
    with Store.open(DataPaths(tmp_path / "data"), read_only=True) as store:
        sessions = store.sessions(DEMO_PERSON)
    assert [session.outcome for session in sessions] == [Outcome.COMPLETED]


def test_a_killed_recording_opens_with_a_notice(tmp_path: Path):
    recording = tmp_path / "out.mcap"
    process = start("desk", "--simulated", "--plain", "--speed", 20, "--record", recording)
    assert process.stdout is not None
    for line in process.stdout:
        if "calibrated" in line:
            break
    process.kill()
    process.communicate(timeout=WAIT_S)
    kept = read_recording(recording)
    assert kept.duration_s > 10
    assert [notice.kind.value for notice in kept.notices] == ["cut_off"]


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path):
    process = start("demo", "--speed", 100)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=WAIT_S) in (0, 1)
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_the_coach_is_answered_by_a_pipe_and_stops_at_pain(tmp_path: Path):
    process = start(
        "coach", "extension", "--simulated", "--plain", "--speed", 20, "--data-dir", tmp_path, stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answers = {"RED FLAGS": "no", "WARM-UP": "", "PAIN BEFORE": "2", "in zone": "pain"}
    heard: list[str] = []
    for line in process.stdout:
        heard.append(line)
        for word in list(answers):
            if f"  {word}" in line:
                process.stdin.write(answers.pop(word) + "\n")
                process.stdin.flush()
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    assert answers == {}
    assert sum("STOPPED" in line for line in heard) == 1
    assert sum("doctor or physiotherapist" in line for line in heard) == 1, "advice that is read twice is read less"
    assert "Come out of the position slowly" in heard[-1]
    with Store.open(DataPaths(tmp_path), read_only=True) as store:
        assert [session.outcome for session in store.sessions(DEMO_PERSON)] == [Outcome.SHARP_PAIN]


def test_the_coach_does_not_go_on_without_answers():
    done = run("coach", "seated", "--simulated", "--plain", "--speed", 20)
    assert done.returncode == 1
    assert "standard input has ended" in done.stderr


def test_yes_to_a_red_flag_refuses():
    done = run("coach", "seated", "--simulated", "--plain", "--speed", 20, text="yes\n")
    assert done.returncode == 0
    assert "REFUSED     Not today: Please see a doctor or physiotherapist" in done.stdout
    assert done.stdout.count("doctor or physiotherapist") == 1
    assert "TRY-OUT" not in done.stdout


def test_too_much_pain_refuses():
    done = run("coach", "seated", "--simulated", "--plain", "--speed", 20, text="no\n6\n")
    assert "REFUSED" not in done.stdout, "the score was given before it was asked for"
    assert done.returncode == 1


def test_a_replay_at_once_says_what_the_demo_said(tmp_path: Path):
    path = tmp_path / "demo.mcap"
    assert run("simulate", path).returncode == 0
    done = run("replay", path, "--speed", "max")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SLOUCH") == 1
    assert "1 slouch of 5 s or more, 1 alert" in done.stdout
    later = run("replay", path, "--speed", "max", "--from", "1:20")
    assert "SLOUCH" not in later.stdout
    assert later.stdout.count("rotation  ") == 10
