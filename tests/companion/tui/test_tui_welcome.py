"""The screen before there is a strap: what it offers, says while pairing, and does with a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Event

import pytest
from textual.pilot import Pilot

from unslouch.errors import LinkError, Reason
from unslouch.tui.welcome import Chosen, WelcomeApp
from unslouch.tui.widgets.bars import CueLine
from unslouch.tui.widgets.choice import Choices
from unslouch.tui.widgets.paper import Card

HOLD = "Unslouch-12AB is near. Hold its button for three seconds, until its lamp blinks fast."


async def until(pilot: Pilot[Chosen], condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come to hold")


def says(app: WelcomeApp) -> str:
    model = app.query_one(CueLine).model
    return "" if model is None else model.sentence


def card(app: WelcomeApp) -> tuple[str, ...]:
    model = app.query_one(Card).model
    assert model is not None
    return model.paragraphs


async def test_pairing_says_what_to_press_and_goes_on() -> None:
    go_on = threading.Event()

    def pair(say: Callable[[str], None], stop: Event) -> str:
        say(HOLD)
        assert go_on.wait(20)
        say("Pairing with Unslouch-12AB.")
        return "Unslouch-12AB"

    app = WelcomeApp(pair)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: says(app) == HOLD)
        assert HOLD in card(app)
        assert not app.query_one(Choices).display
        await pilot.press("enter")  # twice begins nothing twice
        go_on.set()
        await until(pilot, lambda: not app.is_running or app.return_value is not None)
    assert app.return_value is Chosen.PAIRED


async def test_a_refusal_is_said_with_its_mend_and_can_be_tried_again() -> None:
    tried: list[int] = []

    def pair(say: Callable[[str], None], stop: Event) -> str:
        tried.append(1)
        raise LinkError(Reason.PAIRING_CLOSED, "The pairing window did not open.", "Hold the button.")

    app = WelcomeApp(pair)
    async with app.run_test(size=(60, 20)) as pilot:
        for number in (1, 2):
            await pilot.press("enter")
            await until(pilot, lambda: not app.pairing and len(tried) == number)  # noqa: B023
            assert card(app) == ("The pairing window did not open.", "Hold the button.")
            assert app.query_one(Choices).display
        await pilot.press("q")
    assert app.return_value is None
    assert not app.return_code


async def test_pairing_is_broken_off() -> None:
    def pair(say: Callable[[str], None], stop: Event) -> str:
        assert stop.wait(20)
        raise LinkError(Reason.NOT_IN_RANGE, "No strap was heard.")

    app = WelcomeApp(pair)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: app.pairing)
        await pilot.press("escape")
        await until(pilot, lambda: not app.pairing)
        assert says(app) == "Nothing was paired."
        await pilot.press("enter")
        await until(pilot, lambda: app.pairing)
        await pilot.press("ctrl+c")
    app.wait_for_pairing()
    assert app.return_code == 130


@pytest.mark.parametrize(("keys", "chosen"), [(("down", "enter"), Chosen.DEMO), (("3", "enter"), None), (("q",), None)])
async def test_the_demo_and_leaving(keys: tuple[str, ...], chosen: Chosen | None) -> None:
    def pair(say: Callable[[str], None], stop: Event) -> str:
        raise AssertionError("nobody asked")

    app = WelcomeApp(pair)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
    assert app.return_value is chosen


async def test_a_fault_of_ours_is_not_swallowed() -> None:
    def pair(say: Callable[[str], None], stop: Event) -> str:
        raise ZeroDivisionError

    app = WelcomeApp(pair)

    async def choose_it() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("enter")
            await until(pilot, lambda: not app.is_running)

    with pytest.raises(ZeroDivisionError):
        await choose_it()


def screen_of(app: WelcomeApp) -> str:
    rows = app.screen._compositor.render_strips(app.size)
    return " ".join(" ".join("".join(segment.text for segment in strip) for strip in rows).split())


async def test_in_a_small_window_all_choices_and_the_mend_are_seen() -> None:
    def pair(say: Callable[[str], None], stop: Event) -> str:
        raise LinkError(Reason.NO_ADAPTER, "There is no Bluetooth LE here.", "`unslouch doctor` says what to do.")

    app = WelcomeApp(pair)
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        for name in ("1 Pair my strap", "2 See the demo", "3 Leave"):
            assert name in screen_of(app)
        assert "It is no medical device." in screen_of(app)
        assert "more" not in screen_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "That did not work" in screen_of(app))
        assert "There is no Bluetooth LE here." in screen_of(app)
        assert says(app) == "`unslouch doctor` says what to do."
        assert "3 Leave" in screen_of(app)
        keys = "".join(segment.text for segment in app.screen._compositor.render_strips(app.size)[-1])
        await pilot.click("KeyBar", offset=(keys.index("Quit"), 0))
    assert app.return_value is None
    assert not app.return_code
