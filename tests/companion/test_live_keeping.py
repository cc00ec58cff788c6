"""Live sessions are dated by the strap's clock, whatever this machine's clock says when a row is written."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from unslouch.cli.lines import Lines
from unslouch.cli.plain_calibrate import PlainGuide
from unslouch.cli.plain_desk import PlainDesk
from unslouch.errors import LinkError
from unslouch.live.chain import Chain
from unslouch.live.conveyor import Conveyor
from unslouch.live.dating import Dating
from unslouch.live.feed import Command, FeedKind, LinkKind, LinkState, Press, Update
from unslouch.live.outbox import thin
from unslouch.store.database import open_database
from unslouch.store.paths import DataPaths
from unslouch.store.rows import SlouchRow
from unslouch.store.schema import MIGRATIONS
from unslouch.store.store import Store
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Direction, SlouchAlert
from unslouch_signal.samples import samples

START = 1_790_000_000.0
STRAIGHT = Calibration((1.0, 0.0, 0.0, 0.0), forward_known=True, method="bows")
PPM = 40e-6


def packets() -> list[Packet]:
    """Two boots of a strap whose clock is fast, with up to 100 ms of jitter; the second one slouches, too."""
    chance = np.random.default_rng(1)
    out: list[Packet] = []
    for boot, begun in ((3, START), (4, START + 200.0)):
        t = 5.0 + np.arange(90 * 52) / 52
        angle = 0.45 * (np.clip(t - 40, 0, 1) - np.clip(t - 70, 0, 1))
        quat = np.stack([np.cos(angle / 2), 0 * t, np.sin(angle / 2), 0 * t], axis=1)
        acc = 9.80665 * np.stack([-np.sin(angle), 0 * t, np.cos(angle)], axis=1)
        for one in encode_stream(samples(t, quat, acc), np.arange(len(t), dtype=np.int64), boot, 2, 2_500):
            last = one.t_us * 1e-6 + 1 / 52
            out.append(Packet(begun + last * (1 - PPM) + 0.1 * chance.random(), Channel.STREAM, one.data))
    return out


class Straps:
    """A strap that sent everything already."""

    info = SourceInfo(SourceKind.STRAP, "Strap")

    async def __aiter__(self) -> AsyncIterator[Packet]:
        for packet in packets():
            yield packet
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Nothing is held."""


def test_rows_of_a_live_session_carry_the_time_of_their_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    dating = Dating()
    feed = Conveyor(Straps(), lambda _: Chain(52.0, STRAIGHT, watch=False, dating=dating), dating=dating)
    with Store(tmp_path / "one.db") as store, closing(feed):
        desk = PlainDesk(feed, Lines(), store)
        while not feed.ended:
            for update in feed.poll():
                desk.take(update)
            time.sleep(0.005)
        desk.end()
        [session] = store.sessions()
        assert session.start_utc == pytest.approx(START + 5, abs=2.5)  # the first update holds two seconds
        assert session.end_utc == pytest.approx(START + 200 + 95, abs=0.1)
        spells = store.parts(SlouchRow, session.uid)
        assert len(spells) == 2
        lines = store.query("SELECT utc FROM slouches ORDER BY utc")
        # over the strap's restart, too: its second clock began 200 s after the first
        assert [utc for (utc,) in lines] == pytest.approx([START + 40.4, START + 240.4], abs=0.3)
        alerts = [utc for (utc,) in store.query("SELECT utc FROM alerts ORDER BY utc")]
        assert alerts == pytest.approx([START + 55.4, START + 255.4], abs=0.3)
    capsys.readouterr()


def test_a_database_of_before_clocks_is_brought_forward_with_a_backup(tmp_path: Path):
    paths = DataPaths(tmp_path).make()
    with closing(open_database(paths.database, migrations=MIGRATIONS[:1])) as old:
        old.execute(
            "INSERT INTO sessions VALUES "
            "('a@1', 'me', 'desk', NULL, 'live', 1.0, 0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 'ended', NULL, 'a.mcap', 'Strap')"
        )
    with Store.open(paths) as store:
        [session] = store.sessions()
        assert (session.uid, session.uncertain_s, session.strap) == ("a@1", None, "Strap")
        assert store.query("SELECT count(*) FROM clocks") == [(0,)]
    assert [copy.name[-6:] for copy in paths.backups.iterdir()] == ["-v1.db"]


class Worn:
    """Something at the other end that sends what a test gives."""

    title = "Strap"
    accepts: frozenset[type[Command]] = frozenset()
    moves: tuple[str, ...] = ()

    def __init__(self, kind: FeedKind) -> None:
        self.kind = kind

    def poll(self) -> list[Update]:
        return []

    def send(self, command: Command) -> None:
        raise AssertionError(f"{command} is not accepted")

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("kind", [FeedKind.LIVE, FeedKind.REPLAY])
def test_the_straps_button_at_the_desk_in_lines(kind: FeedKind, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    frame = Chain(52.0, STRAIGHT, watch=False).feed(packets()[:1040]).frame
    assert frame is not None
    live = kind is FeedKind.LIVE
    up = LinkState(LinkKind.UP, "Samples come.")
    t = frame.t
    with Store(tmp_path / "one.db") as store:
        desk = PlainDesk(Worn(kind), Lines(), store)
        desk.take(Update(t, up, frame=frame))
        # of before the session: kept with what the strap took alone
        desk.take(Update(t, up, frame=frame, presses=(Press(t - 60.0, True, late=True),)))
        assert capsys.readouterr().out.count("\n") == 1
        desk.take(Update(t + 1, up, frame=frame, presses=(Press(t + 0.5, False), Press(t + 0.1, True, late=True))))
        told = capsys.readouterr().out
        assert "Marked, with the strap's button." in told
        assert ("Sharp pain, told with the strap's button earlier; only fetched now." in told) == live
        assert not desk.stopped
        desk.take(Update(t + 2, up, frame=frame, presses=(Press(t + 1.5, True),)))
        told = capsys.readouterr().out
        assert desk.stopped == ("emergency number" in told) == ("Cues are off" in told) == live
        assert ("Sharp pain, told with the strap's button." in told) != live
        alert = SlouchAlert(t + 30, t + 15, Direction.FLEXION, 0.4)
        desk.take(Update(t + 30, up, (alert,), frame))
        desk.end()
        rows = store.query("SELECT p.t, p.phase FROM sharp_pain p ORDER BY p.t")
        assert rows == ([(t + 0.1, "late"), (t + 1.5, "desk")] if live else [])
        assert len(store.query("SELECT 1 FROM markers")) == (1 if live else 0)
        assert store.query("SELECT 1 FROM alerts") == []


def test_a_press_outlives_the_updates_that_nobody_polled():
    up = LinkState(LinkKind.UP, "Samples come.")
    waiting = deque(Update(float(k), up, presses=(Press(float(k), k == 1),)) for k in range(4))
    thin(waiting, 2)
    assert [press.t for update in waiting for press in update.presses] == [0.0, 1.0, 2.0, 3.0]
    assert len(waiting) == 2


def test_sharp_pain_breaks_a_calibration_off():
    guide = PlainGuide(Worn(FeedKind.LIVE))
    up = LinkState(LinkKind.UP, "Samples come.")
    guide.take(Update(1.0, up, presses=(Press(1.0, False), Press(0.5, True, late=True))))
    with pytest.raises(LinkError, match="Sharp pain") as told:
        guide.take(Update(2.0, up, presses=(Press(2.0, True),)))
    assert "emergency number" in told.value.advice
