"""The screen on a strap over the radio, in a terminal of its own, left in every way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Generator
from typing import Any

import pytest

from unslouch.store.rows import Outcome

WAIT_S = 90.0
_SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Terminal:
    """A terminal of 100 columns with one command in it."""

    def __init__(self, commands: Any, *args: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 100, 0, 0))
        self.before = termios.tcgetattr(self._ours)
        self.process = commands.start(
            *args, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, environment={"NO_COLOR": "1"}
        )
        os.close(theirs)
        self.shown = b""
        self._words, self._rest = "", b""

    def look(self, seconds: float = 0.1) -> None:
        """Take what has come."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return
        with contextlib.suppress(OSError):  # nobody is at the other end any more
            data = os.read(self._ours, 65536)
            self.shown += data
            # without what moves the cursor and colours; a sequence that is cut waits for its end
            whole, cut, rest = (self._rest + data).rpartition(b"\x1b")
            self._rest = cut + rest
            self._words += _SEQUENCE.sub(b"", whole).decode("utf-8", "ignore")

    def until(self, words: str) -> None:
        end = time.monotonic() + WAIT_S
        while words not in self._words:
            self._words = self._words[-2000:]
            assert time.monotonic() < end, f"{words!r} was not shown: {self._words}"
            assert self.process.poll() is None, f"it ended before {words!r}: {self._words}"
            self.look()

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        end = time.monotonic() + WAIT_S
        while self.process.poll() is None:
            self.look(0.05)
            assert time.monotonic() < end, "it does not end"
        self.look(0.2)
        return self.process.returncode

    def assert_restored(self) -> None:
        """The cursor is there, the other page and the mouse are gone, and keys are lines again."""
        for number, last in ((b"?1049", b"l"), (b"?25", b"h"), (b"?1000", b"l")):
            on, off = (b"\x1b[" + number + end for end in ((b"h", b"l") if last == b"l" else (b"l", b"h")))
            assert self.shown.rfind(off) >= self.shown.rfind(on), on
        assert termios.tcgetattr(self._ours)[3] == self.before[3]

    def close(self) -> None:
        os.close(self._ours)


@pytest.fixture
def screens() -> Generator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        one.close()


def _open(screens: list[Terminal], commands: Any, *args: str) -> Terminal:
    screens.append(Terminal(commands, *args))
    return screens[-1]


def test_the_known_strap_is_connected_and_left_with_q(paired: Any, screens: list[Terminal]) -> None:
    screen = _open(screens, paired)
    screen.until("LIVE")
    screen.until("UNCALIBRATED")
    screen.type("q")
    assert screen.end() == 0
    screen.assert_restored()
    paired.assert_whole()
    with paired.store as store:
        [session] = store.sessions()
        assert session.outcome in {Outcome.COMPLETED, Outcome.ENDED}
        assert session.strap == "Unslouch-2291"
    assert len(list((paired.data / "recordings").glob("*.mcap"))) == 1


def test_a_strap_out_of_range_is_said_and_found_again(paired: Any, screens: list[Terminal]) -> None:
    paired.do("away", first=True)
    screen = _open(screens, paired)
    screen.until("was not heard")
    screen.until("LINK LOST")
    paired.do("near")
    screen.until("LIVE")
    screen.type("\x03")
    assert screen.end() == 130
    screen.assert_restored()
    paired.assert_whole()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_it_is_ended_from_outside(number: signal.Signals, code: int, paired: Any, screens: list[Terminal]) -> None:
    screen = _open(screens, paired, "desk")
    screen.until("LIVE" if number is signal.SIGTERM else "CONNECTING")
    screen.process.send_signal(number)
    assert screen.end() == code
    screen.assert_restored()
    paired.assert_whole()


def test_it_is_left_before_anything_is_loaded(paired: Any, screens: list[Terminal]) -> None:
    screen = _open(screens, paired)
    screen.until("STARTING")
    screen.type("q")
    assert screen.end() == 0
    screen.assert_restored()
    paired.assert_whole()
    assert paired.ok("status")


def test_the_demo_goes_over_the_radio(commands: Any, screens: list[Terminal]) -> None:
    screen = _open(screens, commands, "demo", "--radio")
    screen.until("LIVE")
    screen.type("q")
    assert screen.end() == 0
    screen.assert_restored()
    assert commands.processes() == []


def test_without_a_strap_it_offers_to_pair_and_goes_on_with_it(commands: Any, screens: list[Terminal]) -> None:
    screen = _open(screens, commands)
    screen.until("No strap is known yet")
    screen.until("Pair my strap")
    screen.type("\r")
    screen.until("Pairing with Unslouch-2291.")
    screen.until("LIVE")
    screen.type("q")
    assert screen.end() == 0
    screen.assert_restored()
    assert [one.name for one in commands.known] == ["Unslouch-2291"]
    commands.assert_whole()


def test_pairing_on_the_screen_is_left_with_ctrl_c(commands: Any, screens: list[Terminal]) -> None:
    commands.do("away", first=True)
    screen = _open(screens, commands)
    screen.until("Pair my strap")
    screen.type("\r")
    screen.until("No strap is heard yet.")
    screen.type("\x03")
    assert screen.end() == 130
    screen.assert_restored()
    assert commands.known == []
    commands.assert_whole()
