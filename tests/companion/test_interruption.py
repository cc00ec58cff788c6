"""Signals come between steps; a transaction that is interrupted anywhere leaves nothing open behind it."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unslouch.cli.interruption import Interruptions
from unslouch.store.paths import DataPaths
from unslouch.store.rows import DEMO_PERSON, Outcome
from unslouch.store.store import Store

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("UNSLOUCH")}


pytestmark = pytest.mark.usefixtures("hears")


def send(number: int) -> None:
    signal.raise_signal(number)


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_a_signal_comes_at_the_check_and_once(number: int, raised: type[BaseException]):
    done: list[str] = []
    before = signal.getsignal(number)
    with Interruptions() as interruptions:
        interruptions.check()
        send(number)
        done.append("the step")
        with pytest.raises(raised) as caught:
            interruptions.check()
        send(number)  # again, while things are being closed
        interruptions.check()
        done.append("the end")
    assert done == ["the step", "the end"]
    assert raised is KeyboardInterrupt or caught.value.code == 128 + number  # type: ignore[attr-defined]
    assert signal.getsignal(number) is before


def test_whoever_cannot_wait_presses_three_times():
    with Interruptions():
        send(signal.SIGINT)
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_a_signal_that_met_no_check_comes_at_the_end_of_the_block():
    def block() -> None:
        with Interruptions():
            send(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        block()


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruptions() as interruptions:
            send(signal.SIGHUP)
            interruptions.check()
    finally:
        signal.signal(signal.SIGHUP, before)


class RungError(Exception):
    """The alarm went off."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_transaction_leaves_nothing_open(tmp_path: Path):
    def ring(number: int, frame: object) -> None:
        raise RungError

    rng = random.Random(5)
    gc.disable()  # an alarm within a collector's callback (hypothesis has one) is swallowed there
    before = signal.signal(signal.SIGALRM, ring)
    struck = 0
    try:
        with (
            Store.open(DataPaths(tmp_path)) as store,
            Store.open(DataPaths(tmp_path), read_only=True) as reader,
        ):
            for turn in range(150):
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 2e-3))
                    end = time.monotonic() + 2  # an alarm that rings within a finaliser is heard by nobody
                    while time.monotonic() < end:
                        store.set_setting("busy", turn)
                except RungError:
                    struck += 1
                store.set_setting("turn", turn)
                assert reader.setting("turn") == turn
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    assert struck > 100


@pytest.mark.parametrize("seed", range(3))
def test_a_session_interrupted_at_a_random_moment_is_closed(seed: int, tmp_path: Path):
    """However often Ctrl-C is pressed, short of three times."""
    rng = random.Random(seed)
    arguments = ["desk", "--simulated", "--plain", "--speed", "60", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "unslouch.cli.main", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "calibrated" in line:
            break
    try:
        time.sleep(rng.uniform(0.0, 0.6))
        process.send_signal(signal.SIGINT)
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Summary" in out
    with Store.open(DataPaths(tmp_path), read_only=True) as store:
        assert [session.outcome for session in store.sessions(DEMO_PERSON)] == [Outcome.COMPLETED]
