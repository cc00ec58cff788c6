"""The recording beside a feed: what is said to be on the disk is there, and a disk that fails ends no session."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch.errors import FileError, Reason
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.ledger import Position
from unslouch.link.radios import SystemRadio
from unslouch.link.strap import Strap
from unslouch.live import strap_feed as feeding
from unslouch.live.chain import Chain
from unslouch.live.conveyor import Conveyor
from unslouch.live.feed import Keep, LinkKind, Mark, SetCalibration, Update
from unslouch.live.tape import Tape
from unslouch.recording.mcap_scan import MAGIC
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.calibration import Calibration
from unslouch_signal.samples import samples

INFO = SourceInfo(SourceKind.STRAP, "Strap")
UTC = 1_790_000_000.0
TIMES = np.arange(1.0, 3.3, 0.01923).astype(np.float64)[:120]
PACKETS = [
    Packet(UTC + one.t_us * 1e-6, Channel.STREAM, one.data)
    for one in encode_stream(
        samples(TIMES, np.tile([1.0, 0.0, 0.0, 0.0], (120, 1)), np.tile([0, 0, 9.8], (120, 1))),
        np.arange(120),
        3,
        2,
    )
]
STRAIGHT = Calibration((1.0, 0.0, 0.0, 0.0), forward_known=True, method="bows")


class Disk:
    """fsync as a disk does it that loses pages: it tells so once, to whoever asks first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing = 0
        self.forced: list[int] = []
        self._fsync = os.fsync
        self.hit = threading.Event()
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, number: int) -> None:
        if stat.S_ISREG(os.fstat(number).st_mode) and self.failing:
            self.failing -= 1
            self.hit.set()
            raise OSError(errno.EIO, "Input/output error")
        self.forced.append(os.fstat(number).st_mode)
        self._fsync(number)


def test_pages_that_were_lost_behind_the_back_are_not_said_to_be_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    writer = RecordingWriter(tmp_path / "one.mcap", INFO, UTC, tidy=False)
    disk.failing = 1
    writer.write(Packet(UTC, Channel.STREAM, b"x"))
    assert disk.hit.wait(30), "the thread beside forces it to the disk twice a second"
    for _ in range(2):
        with pytest.raises(FileError, match="Input/output error"):
            writer.sync()
    with pytest.raises(FileError):
        writer.write(Packet(UTC, Channel.STREAM, b"y"))
    writer.close()
    assert not writer.whole
    assert writer.path.read_bytes().count(MAGIC) == 2, "what could be written is there, with its end"


def test_a_loss_nobody_was_told_of_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    writer = RecordingWriter(tmp_path / "one.mcap", INFO, UTC)
    disk.failing = 1
    writer.write(Packet(UTC, Channel.STREAM, b"x"))
    assert disk.hit.wait(30)
    with pytest.raises(FileError, match="Input/output error"):
        writer.close()
    assert not writer.whole
    writer.close()


def test_a_recording_is_whole_when_it_is_closed_well(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "one.mcap", INFO, UTC, tidy=False)
    writer.sync()
    assert not writer.whole
    writer.close()
    assert writer.whole
    writer.sync()


def test_the_name_of_a_new_recording_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    with RecordingWriter(tmp_path / "new" / "one.mcap", INFO, UTC, tidy=False):
        assert any(stat.S_ISDIR(mode) for mode in disk.forced) or os.name == "nt"


class Full:
    """A recorder whose disk is full for one kind of entry."""

    def __init__(self, kind: str) -> None:
        self.kind, self.closed = kind, False

    def __getattr__(self, name: str) -> Any:
        if name not in ("write", "mark", "calibration", "result", "sync"):
            raise AttributeError(name)

        def keep(*_: object) -> None:
            if name == self.kind:
                raise FileError(Reason.BAD_FILE, "The disk is full.")

        return keep

    def close(self) -> None:
        self.closed = True
        if self.kind == "close":
            raise FileError(Reason.BAD_FILE, "The disk is full.")


class Source:
    """A strap that is silent, and hears what is on the disk."""

    def __init__(self) -> None:
        self.info = INFO
        self.told: list[int] = []
        self.closed = False
        self.taken = threading.Event()

    async def __aiter__(self) -> AsyncIterator[Packet]:
        yield Packet(UTC, Channel.CONTROL, b"\x81\x01\x00")
        self.taken.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True

    def mark(self) -> int:
        return 7

    def stored(self, mark: int) -> None:
        self.told.append(mark)


def ended(conveyor: Conveyor) -> list[Update]:
    updates = conveyor.poll()
    conveyor.close()
    return [*updates, *conveyor.poll()]


@pytest.mark.parametrize("kind", ["write", "mark", "calibration", "result", "sync", "close"])
def test_whatever_cannot_be_kept_ends_the_recording_and_nothing_else(kind: str) -> None:
    disk, source, closed = Full(kind), Source(), threading.Event()
    conveyor = Conveyor(source, lambda _: Chain(52.0), disk, on_close=closed.set)  # type: ignore[arg-type]
    for command in (Mark("here"), Keep("{}"), SetCalibration(STRAIGHT)):
        conveyor.send(command)
    assert source.taken.wait(30)
    updates = ended(conveyor)
    assert closed.is_set(), "the strap is let go of, whatever happened"
    assert disk.closed
    assert source.closed
    said = [notice for update in updates for notice in update.notices]
    assert [notice for notice in said if "The disk is full." in notice] == said
    assert len(said) == 1
    if kind != "calibration":  # which may come with the last update, when everything was confirmed
        assert source.told == ([7] if kind == "close" else []), "nothing is confirmed that was not kept"
    assert any(update.link.kind is LinkKind.ENDED for update in updates)


def test_what_cannot_be_kept_when_all_is_over_is_said() -> None:
    def full() -> None:
        raise FileError(Reason.FILE_ACCESS, "No room for the list of straps.")

    updates = ended(Conveyor(Source(), lambda _: Chain(52.0), on_close=full))
    assert [notice for update in updates for notice in update.notices] == ["No room for the list of straps."]


def test_a_calibration_that_cannot_be_kept_is_used() -> None:
    def full(_: Calibration) -> None:
        raise FileError(Reason.FILE_ACCESS, "No room for the list of straps.")

    conveyor = Conveyor(Source(), lambda _: Chain(52.0), on_calibration=full)
    conveyor.send(SetCalibration(STRAIGHT))
    said = [notice for update in ended(conveyor) for notice in update.notices]
    assert len(said) == 1
    assert "No room" in said[0]


class Fed(Strap):
    """A strap whose packets come from nowhere."""

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._feed())

    async def _feed(self) -> None:
        for packet in PACKETS:
            self._take(replace(packet, arrival_s=time.time()))
        await asyncio.Event().wait()


class Filling(RecordingWriter):
    """A recording on a disk that is full after some packets."""

    room = len(PACKETS)

    def write(self, packet: Packet) -> None:
        if self.room == 0:
            raise self._failed(OSError(errno.ENOSPC, "No space left on device"))
        self.room -= 1
        super().write(packet)


@pytest.mark.parametrize("room", [30, len(PACKETS)])
def test_what_came_after_the_disk_was_full_is_not_taken_for_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    def fed(_: object) -> type[Strap]:
        return Fed

    monkeypatch.setattr(feeding, "strap_type", fed)
    monkeypatch.setattr(feeding, "RecordingWriter", Filling)
    monkeypatch.setattr(Filling, "room", room)
    straps = KnownStraps(tmp_path / "straps.json")
    known = KnownStrap("address", "strap", position=Position(3, 0))
    feed = feeding.strap_feed(straps, known, tmp_path / "recordings", SystemRadio())
    updates: list[Update] = []
    end = time.monotonic() + 60
    while sum(len(one.samples) for one in updates if one.samples is not None) < 2 * len(PACKETS):
        assert time.monotonic() < end
        updates += feed.poll()
        time.sleep(0.01)
    feed.close()
    kept = straps.find()
    assert kept.recording == ("" if room == len(PACKETS) else str(next((tmp_path / "recordings").iterdir())))
    assert kept.position.seq <= 2 * room
    assert feeding.resumed(kept) == Position(3, 2 * room)


def test_a_list_of_straps_that_cannot_be_written_ends_no_session(tmp_path: Path) -> None:
    straps = KnownStraps(tmp_path / "straps.json")
    told: list[Callable[[Position], None]] = []

    class Catching(Strap):
        def __init__(self, *args: Any, on_position: Callable[[Position], None], **options: Any) -> None:
            told.append(on_position)
            super().__init__(*args, on_position=on_position, **options)

        def start(self) -> None:
            self._task = self._task or asyncio.create_task(asyncio.sleep(1e6))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeding, "strap_type", lambda _: Catching)  # type: ignore[misc]
        feed = feeding.strap_feed(straps, KnownStrap("address", "strap"), tmp_path / "recordings", SystemRadio())
    straps.path.write_text("{")  # as bad as a full disk
    told[0](Position(1, 1000))
    straps.path.unlink()
    feed.close()


def test_a_recorder_that_was_given_up_while_the_disk_was_waited_for_is_said_once() -> None:
    class Slow(Full):
        def __getattr__(self, name: str) -> Any:
            if name == "sync":
                return self.slowly
            return super().__getattr__(name)

        def slowly(self) -> None:
            assert go.wait(30)
            raise FileError(Reason.BAD_FILE, "The disk is full.")

    async def both() -> tuple[str, ...]:
        tape = Tape(Slow("write"))  # type: ignore[arg-type]
        confirming = asyncio.create_task(tape.confirm(source))
        await asyncio.sleep(0)
        tape.write(Packet(UTC, Channel.STREAM, b"x"))
        go.set()
        await confirming
        assert not tape.running
        return tape.notices()

    go, source = threading.Event(), Source()
    assert asyncio.run(both()) == ("The recording stopped: The disk is full.",)
    assert source.told == []
