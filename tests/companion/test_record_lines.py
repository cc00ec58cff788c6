"""`unslouch record` without a strap: what it says of the button and of a disk that is full."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch.cli.interruption import Interruptions
from unslouch.cli.recording import Taken, recorded, take_all, tell
from unslouch.errors import FileError, LinkError, Reason
from unslouch.live.chain import Chain
from unslouch.live.conveyor import Conveyor
from unslouch.live.feed import LinkKind, LinkState, Press, Update
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.samples import samples

INFO = SourceInfo(SourceKind.STRAP, "Strap")
UTC = 1_790_000_000.0
UP = LinkState(LinkKind.UP, "Streaming.")


class Endless:
    """A strap that streams as long as somebody listens; at ``stop`` it ends."""

    def __init__(self) -> None:
        self.info = INFO
        self.stop = False

    async def __aiter__(self) -> AsyncIterator[Packet]:
        t = 1.0 + np.arange(52_000) / 52
        block = samples(t, np.tile([1.0, 0, 0, 0], (len(t), 1)), np.tile([0, 0, 9.81], (len(t), 1)))
        for one in encode_stream(block, np.arange(len(t)), 1, 18, 2_500):
            if self.stop:
                return
            yield Packet(UTC + one.t_us * 1e-6, Channel.STREAM, one.data)
            await asyncio.sleep(0.005)

    async def aclose(self) -> None:
        self.stop = True


def test_a_recording_that_stops_is_a_failure_and_not_a_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = RecordingWriter(tmp_path / "one.mcap", INFO, UTC, tidy=False)
    feed = Conveyor(Endless(), lambda _: Chain(52.0), writer)
    taken = Taken(None)
    try:
        end = time.monotonic() + 60
        while taken.samples < 200 and time.monotonic() < end:
            for update in recorded(feed):
                taken.take(update)
            time.sleep(0.01)
        writer.close()  # as a full disk ends it: nothing can be written any more
        with pytest.raises(FileError, match="The recording stopped") as failed:
            take_all(feed, taken, Interruptions())
    finally:
        feed.close()
        tell(feed.poll())
    assert failed.value.reason is Reason.FILE_ACCESS
    assert "unslouch sync" in failed.value.advice
    assert "The recording stopped" in capsys.readouterr().err


def test_a_strap_that_ends_is_told_as_that(tmp_path: Path) -> None:
    strap = Endless()
    feed = Conveyor(strap, lambda _: Chain(52.0), RecordingWriter(tmp_path / "one.mcap", INFO, UTC, tidy=False))
    strap.stop = True
    try:
        with pytest.raises(LinkError, match="No more samples"):
            take_all(feed, Taken(None), Interruptions())
    finally:
        feed.close()


@pytest.mark.parametrize(
    ("press", "said"),
    [
        (Press(1.0, sharp=False), ["Marked, with the strap's button."]),
        (Press(1.0, sharp=True), ["Sharp pain, told with the strap's button.", "emergency number now."]),
        (Press(1.0, sharp=True, late=True), ["earlier; only fetched now."]),
    ],
)
def test_the_button_is_answered_while_recording(press: Press, said: list[str], capsys: Any) -> None:
    Taken(None).take(Update(1.0, UP, presses=(press,)))
    err = capsys.readouterr().err
    assert all(words in err for words in said)
    assert ("The recording goes on." in err) is (press.sharp and not press.late)
