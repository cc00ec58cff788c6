"""``unslouch coach``: one coached technique."""

from __future__ import annotations

from pathlib import Path

import click

from unslouch.cli.command import UnslouchCommand, at_terminal, data_dir_option, examples, plain_option
from unslouch.cli.screen import open_screen, screen_options
from unslouch.cli.straps import strap_feed, strap_options

NAMES = {
    "seated": "seated_rotation",
    "supine": "supine_rotation",
    "extension": "upper_back_extension",
    "doorway": "doorway_stretch",
}


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch coach seated --simulated",
        "unslouch coach doorway --simulated --plain --hold 20",
        "unslouch coach extension --simulated --plain --data-dir trial",
    ),
)
@click.argument("technique", type=click.Choice(list(NAMES)), default="seated")
@click.option("--hold", type=float, metavar="S", help="Seconds to hold (default: the technique's).")
@click.option("--repetitions", type=int, metavar="N", help="Repetitions, or holds, a side and set.")
@click.option("--sets", type=int, metavar="N", help="Sets.")
@click.option("--rest", type=float, metavar="S", help="Seconds of rest between.")
@strap_options
@screen_options
@plain_option
@data_dir_option
def coach(
    technique: str,
    hold: float | None,
    repetitions: int | None,
    sets: int | None,
    rest: float | None,
    strap: str | None,
    simulated: bool,
    speed: float,
    seed: int,
    calibration: Path | None,
    record: Path | None,
    plain: bool,
    data_dir: Path | None,
) -> None:
    """Be coached through a technique: seated or supine rotation, upper-back extension, doorway stretch.

    In plain mode it speaks in lines and listens to lines: `pain` (sharp pain: stops everything at once), pause, go,
    skip, end, 0 to 10 for a pain score, yes or no, or an empty line to go on.
    """
    feed = strap_feed(
        simulated=simulated,
        speed=speed,
        seed=seed,
        calibration=calibration,
        record=record,
        strap=strap,
        data_dir=data_dir,
        sitting=True,
    )
    keep = not simulated or data_dir is not None
    from unslouch.coach.techniques import TECHNIQUES
    from unslouch_signal.events import Technique

    spec = TECHNIQUES[Technique(NAMES[technique])]
    plan = spec.plan(hold_s=hold, repetitions=repetitions, sets=sets, rest_s=rest)
    if at_terminal() and not plain:
        open_screen(feed, start="coach", data_dir=data_dir, keep=keep, technique=spec.technique.value, plan=plan)
        return
    from unslouch.cli.plain_coach import run_coach
    from unslouch.store.store import Store

    run_coach(feed, spec.technique, plan, (lambda: Store.for_sessions(data_dir)) if keep else None)
