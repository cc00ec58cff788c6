"""The demo in lines: calibration and a slouch at the desk, then a coached set of seated rotations."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from unslouch.cli.interruption import Interruptions
from unslouch.cli.lines import Lines
from unslouch.cli.plain_coach import Obliging, PlainCoach
from unslouch.cli.plain_desk import PlainDesk, updates
from unslouch.coach.techniques import TECHNIQUES
from unslouch.live.conveyor import Conveyor
from unslouch.live.feed import LinkKind
from unslouch.store.store import Store
from unslouch_signal.events import Technique

SETTLED_S = 3.0
"""Sitting upright again after the slouch before the coach begins."""


def run_demo(feed: Conveyor, data_dir: Path | None) -> None:
    """Print the demo's events and its summary; keep its sessions when a place is given."""
    with Interruptions() as interruptions, ExitStack() as closing:
        # the feed first: it ends even when the reader of the lines has gone away
        closing.callback(feed.close)
        _run(feed, data_dir, closing, interruptions)


def _run(feed: Conveyor, data_dir: Path | None, closing: ExitStack, interruptions: Interruptions) -> None:
    lines = Lines()
    lines.say("A simulated person wears a simulated strap: calibration (upright, three bows), a slouch at the desk,")
    lines.say("then the coach with seated rotations. Times are minutes and seconds of the strap's clock.")
    lines.say()
    store = None if data_dir is None else closing.enter_context(Store.for_sessions(data_dir))
    desk = PlainDesk(feed, lines, store)
    spec = TECHNIQUES[Technique.SEATED_ROTATION]
    coach = PlainCoach(
        feed, spec.technique, lines, Obliging(lines), plan=spec.plan(hold_s=spec.dose.hold_s.lo, rest_s=5), store=store
    )
    closing.callback(desk.end)
    closing.callback(coach.end)
    upright_since: float | None = None
    coaching = False
    for update in updates(feed, interruptions):
        if not coaching:
            desk.take(update)
            if desk.stopped:
                break
            if desk.spells and upright_since is None:
                upright_since = update.sample_time
            if upright_since is not None and update.sample_time > upright_since + SETTLED_S:
                coaching = True
                desk.end()
                lines.say()
                coach.begin()
        else:
            coach.take(update)
            coach.attend()
            if coach.over or update.link.kind is LinkKind.ENDED:
                break
    coach.end()
    desk.end()
    desk.summary(rotations=False)
    result = coach.view.result
    for line in () if result is None else result.lines:
        lines.say(f"  {line[0].lower()}{line[1:]}")
