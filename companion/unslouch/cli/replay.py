"""``unslouch replay``: a recording through the same decoder, analyser and screen as a live strap."""

from __future__ import annotations

import math
from pathlib import Path

import click

from unslouch.cli.command import FILE, UnslouchCommand, at_terminal, examples, plain_option
from unslouch.cli.params import POSITION
from unslouch.cli.screen import open_screen, screen_options


class Speed(click.ParamType[float]):
    """A factor, or ``max``."""

    name = "N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the factor."""
        if str(value).lower() in ("max", "inf"):
            return math.inf
        try:
            factor = float(str(value))
        except ValueError:
            factor = math.nan
        if not 0.01 <= factor <= 10_000:
            self.fail(f"'{value}' is not a speed: 0.01 to 10000 times real time, or max.", param, ctx)
        return factor


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch replay monday.mcap",
        "unslouch replay monday.mcap --speed 8 --from 1:30:00",
        "unslouch replay monday.mcap --plain --speed max   # what the live judgement said, at once",
        "unslouch replay trial.csv --calibration calibration.json",
    ),
)
@click.argument("file", type=FILE)
@click.option("--speed", type=Speed(), default=1.0, show_default=True, help="Times real time, or max.")
@click.option(
    "--from", "start", type=POSITION, default=0.0, help="Where to begin, since the start: s, m:ss or h:mm:ss."
)
@click.option(
    "--calibration", type=FILE, metavar="FILE", help="Take the calibration of another recording or JSON file."
)
@screen_options
@plain_option
def replay(file: Path, speed: float, start: float, calibration: Path | None, plain: bool) -> None:
    """Play a recording as if it were live, with its own timing.

    On the screen, space holds and goes on, the arrows wind by ten seconds, comma and full stop step, plus and minus
    change the speed. What is judged is what would have been judged live: in `unslouch analyze` orientation from raw
    samples is better, for it knows what comes. Nothing is kept: it was when it was live.
    """
    from unslouch.live.conveyor import Conveyor

    def feed() -> Conveyor:
        from unslouch.live.replaying import replay_feed
        from unslouch.report.judge import calibration_from

        given = None if calibration is None else calibration_from(calibration)
        return replay_feed(file, speed=speed, start_s=start, calibration=given)

    if at_terminal() and not plain:
        open_screen(feed, keep=False)
        return
    from unslouch.cli.plain_desk import run_desk

    run_desk(feed)
