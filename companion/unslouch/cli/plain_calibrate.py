"""The guided calibration of a posture in lines."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from unslouch.cli.interruption import Interruptions
from unslouch.cli.link_lines import LinkLines
from unslouch.coach.safety import SHARP_PAIN_ADVICE
from unslouch.errors import LinkError, Reason
from unslouch.live.feed import Feed, LinkKind, SetCalibration, Update
from unslouch.tui.guide import Guide, Phase, quality_sentence
from unslouch_signal.calibration import Calibration

POLL_S = 0.03
TURN_S = 8.0
"""The turn may be left out: so long it is waited for."""
TELL_STRAP_S = 1.5
"""After a calibration came into use: the strap has it by then."""


class PlainGuide:
    """Says each part once, and what came of it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._guide = Guide()
        self._said = ""
        self._link = LinkLines()
        self._turn_until = float("inf")
        self._sent = False
        self.result: Calibration | None = None
        """The calibration that came into use."""

    def take(self, update: Update) -> None:
        """Take an update.

        Raises
        ------
        LinkError
            Where no samples will come any more; NOT_CALIBRATED when sharp pain is told with the strap's button.
        """
        if any(press.sharp and not press.late for press in update.presses):
            raise LinkError(Reason.NOT_CALIBRATED, "Sharp pain: the calibration was broken off.", SHARP_PAIN_ADVICE)
        self._link.follow(update.link)
        if update.calibration is not None and self._sent:
            self.result = update.calibration
        if update.link.kind is LinkKind.UP and self._guide.view.phase is Phase.READY and not self._sent:
            self._guide.next()
        if update.samples is not None and self._guide.collecting:
            self._guide.feed(update.samples)
        self._go_on()

    def _go_on(self) -> None:
        view = self._guide.view
        if view.phase is Phase.TURN:
            self._turn_until = min(self._turn_until, time.monotonic() + TURN_S)
            if time.monotonic() > self._turn_until:
                self._guide.next()
                view = self._guide.view
        self._say(view.phase, view.title, view.sentence, view.bows)
        if view.calibration is not None and not self._sent:
            self._sent = True
            self._feed.send(SetCalibration(view.calibration))

    def _say(self, phase: Phase, title: str, sentence: str, bows: int) -> None:
        match phase:
            case Phase.NEUTRAL | Phase.BOWS:
                count = f" ({bows} of 2)" if phase is Phase.BOWS and bows else ""
                text = f"{title}{count}. {sentence}"
            case Phase.TURN:
                text = f"{title}, or stay as you are for {TURN_S:.0f} s. {sentence}"
            case _:
                return
        if text != self._said and not self._sent:
            self._said = text
            click.echo(text)


def guide(make_feed: Callable[[], Feed], timeout: float) -> None:
    """Guide through a calibration until it is in use and the strap knows it.

    Raises
    ------
    LinkError
        NOT_CALIBRATED when the time is up.
    """
    with Interruptions() as interruptions:
        feed = make_feed()
        try:
            guided = PlainGuide(feed)
            end = time.monotonic() + timeout
            while guided.result is None and time.monotonic() < end:
                for update in feed.poll():
                    guided.take(update)
                interruptions.check()
                time.sleep(POLL_S)
            told = time.monotonic() + TELL_STRAP_S
            while guided.result is not None and time.monotonic() < told:
                interruptions.check()
                time.sleep(POLL_S)
        finally:
            feed.close()
    calibration = guided.result
    if calibration is None:
        advice = "Stay still for five seconds first; bow well, 20° or more. --timeout gives more time."
        raise LinkError(Reason.NOT_CALIBRATED, "The calibration did not come to its end.", advice)
    click.echo(f"Calibrated, quality {calibration.quality:.0%}. {quality_sentence(calibration)}")
    for reason in calibration.reasons:
        click.echo(f"  {reason[0].upper()}{reason[1:]}.")
