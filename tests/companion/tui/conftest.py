from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from unslouch.link.wearer import Asked, Wearer
from unslouch.live.feed import (
    Ask,
    Command,
    FeedKind,
    LinkKind,
    LinkState,
    Seek,
    SetCalibration,
    SetPaused,
    SetSpeed,
    Step,
    Transport,
    Update,
)
from unslouch_signal.analyser import Analyser
from unslouch_signal.calibration import Calibration, calibrate
from unslouch_signal.synth import IDEAL, LivePerson

UP = LinkState(LinkKind.UP, "Samples come.")


class WornFeed:
    """The real chain on a simulated wearer, `step_s` of sample time a poll, whatever the wall clock says."""

    def __init__(self, step_s: float = 1 / 15, *, calibrated: bool = True, seed: int = 3) -> None:
        self.person = LivePerson(sensor=IDEAL, seed=seed)
        self.wearer = Wearer(self.person)
        self.step_s = step_s
        self.analyser = Analyser(neutral_of(self.person) if calibrated else None)
        self.sent: list[Command] = []
        self.link = UP
        self.silent = False
        self.closed = False

    kind = FeedKind.SIMULATED
    title = "Test strap"
    accepts = frozenset({Ask, SetCalibration})
    moves = ("slouch", "upright", "walk")

    def poll(self) -> list[Update]:
        if self.silent:
            return [Update(self.person.now, self.link)]
        self.wearer.go_on()
        block = self.person.advance(self.step_s)
        events = tuple(self.analyser.process(block))
        frame = self.analyser.latest
        assert frame is not None
        return [Update(frame.t, self.link, events, frame, self.analyser.track, None, block, 0.87, 52.0)]

    def send(self, command: Command) -> None:
        self.sent.append(command)
        match command:
            case Ask(move, technique, side, zone):
                self.wearer.ask(Asked(move, technique, side, zone))
            case SetCalibration(calibration):
                self.analyser.set_calibration(calibration)
            case _:
                pass

    def close(self) -> None:
        self.closed = True


class WoundFeed(WornFeed):
    """The same as a recording: it can be held, stepped and wound (without really going back)."""

    kind = FeedKind.REPLAY
    title = "desk.mcap"
    accepts = frozenset({SetPaused, SetSpeed, Seek, Step})
    moves = ()

    def __init__(self) -> None:
        super().__init__()
        self.transport = Transport(42.0, 600.0)

    def poll(self) -> list[Update]:
        from dataclasses import replace

        return [replace(update, transport=self.transport) for update in super().poll()]

    def send(self, command: Command) -> None:
        from dataclasses import replace

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


def neutral_of(person: LivePerson) -> Calibration:
    """Calibrate on the wearer: still, two bows."""
    still = person.advance(5.0)
    end = person.command("calibrate")
    bows = person.advance(end - person.now + 1.0)
    return calibrate(still, bows)


@pytest.fixture(autouse=True)
def _no_colour_wish(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "NO_COLOR" not in os.environ
    yield


@pytest.fixture
def worn() -> type[WornFeed]:
    return WornFeed


@pytest.fixture
def wound() -> type[WoundFeed]:
    return WoundFeed
