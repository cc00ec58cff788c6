"""``unslouch desk``: posture at the desk."""

from __future__ import annotations

from pathlib import Path

import click

from unslouch.cli.command import UnslouchCommand, at_terminal, data_dir_option, examples, plain_option
from unslouch.cli.screen import open_screen, screen_options
from unslouch.cli.straps import strap_feed, strap_options


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch desk --simulated",
        "unslouch desk --simulated --plain --record monday.mcap",
        "unslouch desk --simulated --plain --speed 20 | grep SLOUCH",
    ),
)
@strap_options
@screen_options
@plain_option
@data_dir_option
def desk(
    strap: str | None,
    simulated: bool,
    speed: float,
    seed: int,
    calibration: Path | None,
    record: Path | None,
    plain: bool,
    data_dir: Path | None,
) -> None:
    """Watch posture at the desk: a cue after 15 s of slouching, at most one a minute.

    Calibration is taken from the stream: sit upright and still for five seconds, bow forward three times, sit upright.
    In plain mode Ctrl-C ends the session and prints what it came to.
    """
    feed = strap_feed(
        simulated=simulated,
        speed=speed,
        seed=seed,
        calibration=calibration,
        record=record,
        strap=strap,
        data_dir=data_dir,
    )
    keep = not simulated or data_dir is not None
    if at_terminal() and not plain:
        open_screen(feed, data_dir=data_dir, keep=keep)
        return
    from unslouch.cli.plain_desk import run_desk
    from unslouch.store.store import Store

    run_desk(feed, (lambda: Store.for_sessions(data_dir)) if keep else None)
