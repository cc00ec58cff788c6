"""record, sync and the session commands over the radio, as they end and as they are ended."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from unslouch.recording.model import NoticeKind
from unslouch.recording.reader import read_recording
from unslouch.store.rows import Outcome


def _until(stream: Any, start: str) -> list[str]:
    said: list[str] = []
    for line in stream:
        said.append(line)
        if line.startswith(start):
            return said
    raise AssertionError(f"{start!r} was not said: {said}")


def test_record_for_a_while(paired: Any, tmp_path: Path) -> None:
    path = tmp_path / "trial.mcap"
    done = paired.run("record", "--duration", "0:01.5", path)
    assert done.code == 0, done.err
    assert done.out.rstrip().endswith(f"recorded in {path}.")
    recording = read_recording(path)
    assert sum(len(block.samples) for block in recording.blocks) >= 75
    again = paired.run("record", path)
    assert (again.code, again.err) == (1, f"Error: {path} is there already.\n       Name another file, or --force.\n")
    paired.assert_whole()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_record_ends_at_a_signal_with_a_whole_file(number: signal.Signals, code: int, paired: Any) -> None:
    process = paired.start("record")
    _until(process.stderr, "Streaming.")
    time.sleep(0.5)  # samples come
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode in {code, 130 if number is signal.SIGINT else code}, error
    if process.returncode == 0:
        assert " recorded in " in out
    for path in (paired.data / "recordings").glob("*.mcap"):
        kinds = {notice.kind for notice in read_recording(path).notices}
        assert NoticeKind.CUT_OFF not in kinds
    paired.assert_whole()


def test_a_strap_out_of_range_is_waited_for(paired: Any) -> None:
    paired.do("away", first=True)
    process = paired.start("record", "--duration", 1)
    said = _until(process.stderr, "Unslouch-2291 was not heard.")
    assert said[-1].rstrip().endswith("Its lamp blinks every five seconds.")
    paired.do("near")
    out, error = process.communicate(timeout=90)
    assert process.returncode == 0, error
    assert "samples" in out


def test_sync_says_that_everything_is_here(paired: Any) -> None:
    assert paired.ok("sync") == "Everything was here already.\n"
    paired.do("away", first=True)
    done = paired.run("sync", "--timeout", 1)
    assert done.code == 1
    assert "Error: The fetch is not finished." in done.err
    paired.assert_whole()


def test_desk_and_coach_over_the_radio(paired: Any) -> None:
    desk = paired.start("desk", "--plain")
    while "Streaming" not in (line := desk.stdout.readline()):
        assert line, desk.communicate()
    paired.do("wearer calibrate")
    _until_word(desk.stdout, "calibrated")
    desk.send_signal(signal.SIGINT)
    out, error = desk.communicate(timeout=60)
    assert desk.returncode == 130, error
    assert "Summary" in out
    paired.assert_whole()
    with paired.store as store:
        [session] = store.sessions()
        assert session.outcome in {Outcome.COMPLETED, Outcome.ENDED}
        assert session.strap == "Unslouch-2291"
    # what was taught is fresh: the coach begins at once, and the wearer does what it asks
    coach = paired.start("coach", "seated", "--plain", "--repetitions", 5, "--sets", 1, stdin=-1)
    coach.stdin.write("\n".join(["no"] * 12 + ["0"] * 4 + [""] * 40))
    coach.stdin.flush()
    _until_word(coach.stdout, "link")
    coach.send_signal(signal.SIGTERM)
    coach.communicate(timeout=60)
    assert coach.returncode == 143
    paired.assert_whole()


def _until_word(stream: Any, word: str) -> str:
    for line in stream:
        if line.split()[1:2] == [word]:
            return line
    raise AssertionError(f"{word} did not come")
