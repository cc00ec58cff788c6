"""Commands as real processes on the virtual radio, with a hand beside the strap."""

from __future__ import annotations

import asyncio
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.radio.virtual import VirtualRadio
from unslouch.store.paths import DataPaths
from unslouch.store.rows import Outcome
from unslouch.store.store import Store

COMMAND = [sys.executable, "-m", "unslouch.cli.main"]
LONGEST_S = 120.0
"""No command here takes as long, however busy the machine."""


class Reader:
    """Lines of a process, each waited for no longer than :data:`LONGEST_S`."""

    def __init__(self, stream: Any) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def line(self) -> str:
        """The next line."""
        try:
            line = self._lines.get(timeout=LONGEST_S)
        except queue.Empty:
            raise AssertionError(f"nothing came after {self.said}") from None
        assert line is not None, f"it ended after {self.said}"
        self.said.append(line)
        return line

    def until(self, words: str) -> str:
        """The first line that holds these words."""
        while words not in (line := self.line()):
            pass
        return line

    def rest(self) -> str:
        """Everything that is left, when the process has ended."""
        left: list[str] = []
        while (line := self._lines.get(timeout=LONGEST_S)) is not None:
            left.append(line)
        return "".join(left)


@dataclass
class Done:
    code: int
    out: str
    err: str


@dataclass
class Commands:
    """One person's machine: a data directory, and what lies around the strap."""

    data: Path
    strap: Path
    speed: float = 1.0
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def hand(self) -> Path:
        return self.data.parent / f"{self.data.name}.hand"

    def do(self, *lines: str, first: bool = False) -> None:
        """Carry out lines beside the strap; ``first`` makes them what each command begins with."""
        with self.hand.open("w" if first else "a") as file:
            file.write("".join(f"{line}\n" for line in lines))
        if not first:
            wanted = len(self.hand.read_text().splitlines())
            end = time.monotonic() + LONGEST_S
            while self._carried_out < wanted:
                assert time.monotonic() < end, f"{lines} were not carried out"
                time.sleep(0.02)

    @property
    def _carried_out(self) -> int:
        done = self.hand.with_name(f"{self.hand.name}.done")
        text = done.read_text() if done.exists() else ""
        return int(text) if text.strip() else 0

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("UNSLOUCH")}
        return kept | {
            "UNSLOUCH_RADIO": "virtual",
            "UNSLOUCH_RADIO_SPEED": f"{self.speed}",
            "UNSLOUCH_RADIO_HAND": str(self.hand),
            "UNSLOUCH_STRAP": str(self.strap),
            "UNSLOUCH_DATA_DIR": str(self.data),
            "TERM": "xterm-256color",
        }

    def start(self, *args: object, **more: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *(str(arg) for arg in args)],
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=more.pop("stderr", subprocess.PIPE),
            text=True,
            env=self.environment | more.pop("environment", {}),
            **more,
        )
        self.running.append(process)
        return process

    def run(self, *args: object, text: str | None = None, **more: Any) -> Done:
        process = self.start(*args, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE, **more)
        out, err = process.communicate(text, timeout=LONGEST_S)
        return Done(process.returncode, out, err)

    def ok(self, *args: object, text: str | None = None) -> str:
        done = self.run(*args, text=text)
        assert done.code == 0, f"{args}: {done.code}\n{done.out}\n{done.err}"
        return done.out

    @property
    def known(self) -> list[KnownStrap]:
        return KnownStraps(self.data / "straps.json").all()

    @property
    def store(self) -> Store:
        return Store.open(DataPaths(self.data), read_only=True)

    def ask(self, work: Callable[[Any], Any]) -> Any:
        """Ask the strap itself, over a connection of the test's own, after all commands."""
        from unslouch.link.visit import opened, visit

        async def run() -> Any:
            radio = VirtualRadio(self.data / "virtual-radio", self.strap)
            async with opened(radio) as backends, visit(backends, radio.address, radio=radio) as connection:
                return await work(connection)

        return asyncio.run(run())

    def processes(self) -> list[str]:
        """Command lines of what still runs on this data directory."""
        found: list[str] = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if str(self.data) in line:
                found.append(line)
        return found

    def assert_whole(self) -> None:
        """Nothing is left behind or broken, whatever the last command met."""
        end = time.monotonic() + LONGEST_S
        while self.processes() and time.monotonic() < end:
            time.sleep(0.05)
        assert self.processes() == []
        for path in self.data.glob("*.part"):
            raise AssertionError(f"{path} was left")
        _ = self.known
        if (self.data / "unslouch.db").exists():
            with self.store as store:
                assert [one for one in store.sessions() if one.outcome is Outcome.RUNNING] == []


@contextmanager
def _on(data: Path, strap: Path) -> Iterator[Commands]:
    commands = Commands(data, strap)
    try:
        yield commands
    finally:
        for process in commands.running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def commands(strap_binary: Path, tmp_path: Path, hears: None) -> Generator[Commands]:
    """Nothing is known yet; a strap at its first start is near."""
    with _on(tmp_path / "data", strap_binary) as commands:
        yield commands


@pytest.fixture
def read() -> type[Reader]:
    """Reads lines of a process."""
    return Reader


@pytest.fixture(scope="session")
def paired_once(strap_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("paired") / "data"
    with _on(data, strap_binary) as commands:
        commands.ok("pair")
    return data


@pytest.fixture
def paired(paired_once: Path, strap_binary: Path, tmp_path: Path, hears: None) -> Generator[Commands]:
    """A strap that was paired with this machine."""
    shutil.copytree(paired_once, tmp_path / "data")
    with _on(tmp_path / "data", strap_binary) as commands:
        yield commands
