"""Ctrl-C, TERM and a hang-up at moments nobody chose: nothing is left behind, and the next command works."""

from __future__ import annotations

import random
import signal
import time
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
LATEST_S = 3.5


async def _status(connection: Any) -> Status:
    return await connection.status()


@pytest.mark.parametrize("name", COMMANDS)
def test_interrupted_anywhere(name: str, paired: Any) -> None:
    chance = random.Random(name)
    number = chance.choice(list(CODES))
    process = paired.start(*COMMANDS[name], stdin=-1)
    time.sleep(chance.uniform(0.3, LATEST_S))
    process.send_signal(number)
    if chance.random() < 0.5:
        time.sleep(0.1)
        process.send_signal(number)  # somebody cannot wait
    _, error = process.communicate(timeout=60)
    # before Python has begun to listen the system ends it; after the work it is over
    ends = {CODES[number], -number, 0, 1}
    assert process.returncode in ends, error
    assert "Traceback" not in error or process.returncode == CODES[signal.SIGINT], error
    paired.assert_whole()
    if paired.known:
        assert paired.ask(_status).bonds == 1
    else:
        assert name == "forget"
