from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from unslouch.link.wearer import Asked, Wearer
from unslouch.live.feed import (
    Ask,
    Command,
    ExpectRotations,
    FeedKind,
    LinkKind,
    LinkState,
    Press,
    Seek,
    SetCalibration,
    SetPaused,
    SetSpeed,
    Step,
    Transport,
    Update,
)
from unslouch.tui.app import UnslouchApp
from unslouch.tui.options import Options, Where
from unslouch_signal.analyser import Analyser
from unslouch_signal.calibration import Calibration, calibrate
from unslouch_signal.synth import IDEAL, LivePerson

UP = LinkState(LinkKind.UP, "Samples come.")


class WornFeed:
    """The real chain on a simulated wearer: ``step_s`` of sample time a poll, whatever the wall clock says."""

    kind = FeedKind.SIMULATED
    title = "Test strap"
    accepts: frozenset[type[Command]] = frozenset({Ask, ExpectRotations, SetCalibration})
    moves: tuple[str, ...] = ("slouch", "upright", "walk")

    def __init__(self, step_s: float = 0.1, *, calibrated: bool = True, seed: int = 3) -> None:
        self.person = LivePerson(sensor=IDEAL, seed=seed)
        self.wearer = Wearer(self.person)
        self.step_s = step_s
        self.analyser = Analyser(neutral_of(self.person) if calibrated else None)
        self.sent: list[Command] = []
        self.link = UP
        self.silent = False
        self.calibration: Calibration | None = None
        self.closed = False
        self.presses: tuple[Press, ...] = ()
        self.battery: float | None = 0.87
        """Told with the next update alone, as a strap does."""

    def poll(self) -> list[Update]:
        if self.silent:
            return [Update(self.person.now, self.link)]
        self.wearer.go_on()
        block = self.person.advance(self.step_s)
        events = tuple(self.analyser.process(block))
        frame = self.analyser.latest
        assert frame is not None
        told, self.calibration = self.calibration, None
        presses, self.presses = self.presses, ()
        battery, self.battery = self.battery, None
        update = Update(
            frame.t, self.link, events, frame, self.analyser.track, None, block, battery, 52.0, calibration=told
        )
        return [replace(update, presses=presses)]

    def send(self, command: Command) -> None:
        self.sent.append(command)
        match command:
            case Ask(move, technique, side, zone):
                self.wearer.ask(Asked(move, technique, side, zone))
            case ExpectRotations(usual):
                self.analyser.expect_rotations(usual)
            case SetCalibration(calibration):
                self.analyser.set_calibration(calibration)
                self.calibration = calibration
            case _:
                pass

    def close(self) -> None:
        self.closed = True


class WoundFeed(WornFeed):
    """The same with the face of a recording: it can be held, driven and wound."""

    kind = FeedKind.REPLAY
    title = "desk.mcap"
    accepts: frozenset[type[Command]] = frozenset({SetPaused, SetSpeed, Seek, Step})
    moves: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.transport = Transport(42.0, 600.0)

    def poll(self) -> list[Update]:
        return [replace(update, transport=self.transport) for update in super().poll()]

    def send(self, command: Command) -> None:
        self.sent.append(command)
        match command:
            case SetPaused(paused):
                self.transport = replace(self.transport, paused=paused)
            case SetSpeed(factor):
                self.transport = replace(self.transport, speed=factor)
            case Seek(position):
                self.transport = replace(self.transport, position=position)
            case _:
                pass


class QuietFeed(WoundFeed):
    """Nothing ever comes: what is shown is what a test sets."""

    kind = FeedKind.SIMULATED
    accepts: frozenset[type[Command]] = frozenset()

    def __init__(self) -> None:
        self.sent: list[Command] = []

    def poll(self) -> list[Update]:
        return []


def neutral_of(person: LivePerson) -> Calibration:
    """Calibrate on the wearer: still, then the bows of the protocol."""
    still = person.advance(5.0)
    end = person.command("calibrate")
    return calibrate(still, person.advance(end - person.now + 1.0))


class Stage:
    """An app on a feed, without a timer of its own."""

    def __init__(self, feed: WornFeed, start: Where, options: Options) -> None:
        self.feed = feed
        self.app = UnslouchApp(lambda: feed, start, options)

    async def ready(self, pilot: Pilot[None]) -> None:
        """Wait until the feed is there."""
        for _ in range(1000):
            await pilot.pause(0.005)
            if self.app.conductor is not None:
                break
        assert self.app.conductor is not None
        await pilot.pause()

    @asynccontextmanager
    async def shown(self, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
        """Run the app on a terminal of this size, from where the feed is there."""
        async with self.app.run_test(size=size) as pilot:
            await self.ready(pilot)
            yield pilot

    async def begin(self, pilot: Pilot[None], number: int, pain: str = "2") -> None:
        """From the choice of a technique to its exercise."""
        await pilot.press(str(number), "enter")
        assert self.phase == "red flags"
        await pilot.press("n")
        self.until(lambda: self.phase == "warm-up", 2)
        await pilot.press("enter")
        assert self.phase == "pain before"
        await pilot.press(*pain, "enter")

    def run(self, seconds: float) -> None:
        """Let sample time pass."""
        for _ in range(round(seconds / self.feed.step_s)):
            self.app.tick()

    def until(self, there: Callable[[], bool], seconds: float) -> None:
        """Let sample time pass until something is so."""
        for _ in range(round(seconds / self.feed.step_s)):
            if there():
                return
            self.app.tick()
        assert there(), f"not within {seconds} s of sample time"

    @property
    def phase(self) -> str:
        """Phase of the coached session."""
        assert self.app.conductor is not None
        view = self.app.conductor.now.coach
        return "" if view is None else view.phase.value

    @property
    def text(self) -> str:
        """What stands on the screen, row by row."""
        return screen_text(self.app)

    @property
    def words(self) -> str:
        """The same in one line: sentences, however they are wrapped."""
        return " ".join(self.text.split())


def screen_text(app: UnslouchApp) -> str:
    """What stands on the screen, row by row."""
    width, height = app.size
    rows = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in rows[:height])


@pytest.fixture(autouse=True)
def _no_wish_for_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "NO_COLOR" not in os.environ


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    """Make an app on the real chain; nothing is kept unless ``keep``."""

    def make(feed: WornFeed | None = None, start: Where = Where.DESK, **options: object) -> Stage:
        chosen: dict[str, object] = {"fps": None, "keep": False, "data_dir": tmp_path, **options}
        return Stage(feed or WornFeed(), start, Options(**chosen))  # pyright: ignore[reportArgumentType]

    return make


@pytest.fixture
def feeds() -> dict[str, type[WornFeed]]:
    """The feeds by name."""
    return {"worn": WornFeed, "wound": WoundFeed, "quiet": QuietFeed}
