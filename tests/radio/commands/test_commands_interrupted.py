"""Ctrl-C, TERM and a hang-up at moments nobody chose: nothing is left behind, and the next command works."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from unslouch.wire.status import Status

COMMANDS: dict[str, tuple[str, ...]] = {
    "scan": ("scan", "--seconds", "3"),
    "pair": ("pair",),
    "status": ("status",),
    "buzz": ("buzz",),
    "set": ("set", "--flexion", "13"),
    "record": ("record",),
    "sync": ("sync",),
    "doctor": ("doctor", "--seconds", "2"),
    "calibrate": ("calibrate", "--plain"),
    "sensor": ("calibrate", "--sensor", "bias"),
    "desk": ("desk", "--plain"),
    "coach": ("coach", "--plain"),
    "forget": ("forget",),
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
LATEST_S, LONGEST_S = 3.2, 120.0


def _until_it_listens(process: subprocess.Popen[str]) -> None:
    """Wait until it has a handler of its own for TERM: what Python does at Ctrl-C before that is none of ours."""
    status, end = Path(f"/proc/{process.pid}/status"), time.monotonic() + LONGEST_S
    while not int(re.findall(r"SigCgt:\s*(\w+)", status.read_text())[0], 16) >> signal.SIGTERM - 1 & 1:
        assert process.poll() is None, "it ended before it began"
        assert time.monotonic() < end, "it does not begin"
        time.sleep(0.005)


async def _status(connection: Any) -> Status:
    return await connection.status()


@pytest.mark.parametrize("name", COMMANDS)
def test_interrupted_anywhere(name: str, paired: Any) -> None:
    chance = random.Random(name)
    number = chance.choice(list(CODES))
    process = paired.start(*COMMANDS[name], stdin=-1)
    _until_it_listens(process)
    time.sleep(chance.uniform(0.0, LATEST_S))
    process.send_signal(number)
    if chance.random() < 0.5:
        time.sleep(0.1)
        process.send_signal(number)  # somebody cannot wait
    _, error = process.communicate(timeout=LONGEST_S)
    # after the work it is over; while Python ends the system answers a second one, to a shell with the same code
    ends = {CODES[number], -number, 0, 1}
    assert process.returncode in ends, error
    assert "Traceback" not in error or process.returncode in {CODES[signal.SIGINT], -signal.SIGINT}, error
    paired.assert_whole()
    if paired.known:
        assert paired.ask(_status).bonds == 1
    else:
        assert name == "forget"
