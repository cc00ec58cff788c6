"""record, sync and the session commands over the radio, as they end and as they are ended."""

from __future__ import annotations

import json
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from unslouch.recording.model import NoticeKind
from unslouch.recording.reader import read_recording
from unslouch.store.rows import MarkerRow, Outcome, SharpPainRow


def test_record_for_a_while(paired: Any, tmp_path: Path) -> None:
    path = tmp_path / "trial.mcap"
    done = paired.run("record", "--duration", "0:01.5", path)
    assert done.code == 0, done.err
    assert done.out.rstrip().endswith(f"recorded in {path}.")
    recording = read_recording(path)
    assert max(float(block.samples.t[-1]) for block in recording.blocks) >= 1.4
    again = paired.run("record", path)
    assert (again.code, again.err) == (1, f"Error: {path} is there already.\n       Name another file, or --force.\n")
    paired.assert_whole()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_record_ends_at_a_signal_with_a_whole_file(number: signal.Signals, code: int, paired: Any, read: Any) -> None:
    process = paired.start("record")
    out, error = read(process.stdout), read(process.stderr)
    error.until("Streaming.")
    time.sleep(0.5)  # samples come
    process.send_signal(number)
    assert process.wait(60) in {code, 130 if number is signal.SIGINT else code}, error.rest()
    if process.returncode == 0:
        assert " recorded in " in out.rest()
    for path in (paired.data / "recordings").glob("*.mcap"):
        kinds = {notice.kind for notice in read_recording(path).notices}
        assert NoticeKind.CUT_OFF not in kinds
    paired.assert_whole()


def test_the_button_while_recording_is_in_progress(paired: Any, read: Any) -> None:
    process = paired.start("record")
    out, error = read(process.stdout), read(process.stderr)
    error.until("Streaming.")
    begun = time.time()
    paired.do("hold 0.2")
    error.until("Marked, with the strap's button.")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, error.rest()
    assert " recorded in " in out.rest()
    [mark] = json.loads(paired.ok("progress", "--json"))["told"]
    assert (mark["kind"], mark["words"], mark["uncertain"]) == ("marker", "", False)
    assert begun - 5 <= datetime.fromisoformat(mark["time"]).timestamp() <= time.time() + 5
    paired.assert_whole()
    paired.ok("rebuild")
    assert json.loads(paired.ok("progress", "--json"))["told"] == [mark]


def test_a_strap_out_of_range_is_waited_for(paired: Any, read: Any) -> None:
    paired.do("away", first=True)
    process = paired.start("record", "--duration", 1)
    out, error = read(process.stdout), read(process.stderr)
    assert error.until("Unslouch-2291 was not heard.").rstrip().endswith("Its lamp blinks every five seconds.")
    paired.do("near")
    assert process.wait(90) == 0, error.rest()
    assert "samples" in out.rest()


def test_sync_says_that_everything_is_here(paired: Any) -> None:
    assert paired.ok("sync") == "Everything was here already.\n"
    paired.do("away", first=True)
    done = paired.run("sync", "--timeout", 1)
    assert done.code == 1
    assert "Error: The fetch is not finished." in done.err
    paired.assert_whole()


def _at_the_desk(commands: Any, read: Any) -> tuple[Any, Any]:
    """A session at the desk, calibrated; and what it says."""
    desk = commands.start("desk", "--plain")
    lines = read(desk.stdout)
    lines.until("Streaming.")
    commands.do("wearer calibrate")
    lines.until("calibrated  quality")
    return desk, lines


def _warming_up(commands: Any, read: Any) -> tuple[Any, Any]:
    """A coached session that has come to its warm-up; and what it says."""
    coach = commands.start("coach", "seated", "--plain", stdin=-1)
    lines = read(coach.stdout)
    lines.until("RED FLAGS")
    coach.stdin.write("no\n")
    coach.stdin.flush()
    lines.until("WARM-UP")
    return coach, lines


def test_desk_and_coach_over_the_radio(paired: Any, read: Any) -> None:
    desk, lines = _at_the_desk(paired, read)
    desk.send_signal(signal.SIGINT)
    assert desk.wait(60) == 130
    assert "Summary" in lines.rest()
    paired.assert_whole()
    with paired.store as store:
        [session] = store.sessions()
        assert session.outcome in {Outcome.COMPLETED, Outcome.ENDED}
        assert session.strap == "Unslouch-2291"
    # what was taught is fresh: the coach asks for no calibration, and the wearer does what it says
    coach, lines = _warming_up(paired, read)
    coach.send_signal(signal.SIGTERM)
    assert coach.wait(60) == 143
    paired.assert_whole()


def _pressed_twice(commands: Any, lines: Any, words: str) -> str:
    """Press until it is heard as a double press: on a busy machine the second one may come too late."""
    for _ in range(5):
        commands.do("twice")
        while True:
            line = lines.line()
            if words in line:
                return line
            if " mark " in line:
                break
    raise AssertionError(f"never heard as a double press: {lines.said}")


def test_the_straps_button_marks_and_stops_what_runs(paired: Any, read: Any) -> None:
    desk, lines = _at_the_desk(paired, read)
    paired.do("hold 0.2")
    lines.until("Marked, with the strap's button.")
    stop = _pressed_twice(paired, lines, "STOP")
    assert "emergency number" in stop
    assert "Cues are off" in stop
    desk.send_signal(signal.SIGINT)
    assert desk.wait(60) == 130
    lines.rest()
    paired.do(first=True)  # the next command's strap is not pressed from the start
    coach, lines = _warming_up(paired, read)
    stop = _pressed_twice(paired, lines, "STOPPED")
    assert "emergency number" in stop
    assert coach.wait(60) == 0
    paired.assert_whole()
    assert paired.ok("sync")
    with paired.store as store:
        before = store.dump()
        [sat, coached] = store.sessions()
        assert (sat.kind, coached.outcome) == ("desk", Outcome.SHARP_PAIN)
        [pain] = store.parts(SharpPainRow, sat.uid)
        [mark, *_] = store.parts(MarkerRow, sat.uid)
        assert pain.phase == "desk"
        assert mark.label == "button"
        assert sat.start_t < mark.t < pain.t
        assert [row.phase for row in store.parts(SharpPainRow, coached.uid)] == ["warm-up"]
    paired.ok("rebuild")
    with paired.store as store:
        assert store.dump()["sharp_pain"] == before["sharp_pain"]
        assert store.dump()["markers"] == before["markers"]
