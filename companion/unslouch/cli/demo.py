"""``unslouch demo``: the main job without hardware."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import UnslouchCommand, at_terminal, data_dir_option, examples, plain_option
from unslouch.cli.screen import open_screen, screen_options

if TYPE_CHECKING:
    from unslouch.live.conveyor import Conveyor

PLAIN_SPEED = 12.0
"""The demo's 180 s pass in 15 s: long enough to read along, short enough to wait for."""
RADIO_SPEED = 4.0
"""The same where the strap's firmware and a radio have to keep up, on a busy machine too."""
LONGEST_S = 400.0
"""The plain demo ends by itself, whatever happens."""


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch demo                   # the screen, in real time",
        "unslouch demo --speed 4         # in a hurry",
        "unslouch demo --plain --seed 7  # another person and another mounting, a line per event",
        "unslouch demo > demo.txt        # no terminal: plain lines, ends by itself",
    ),
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 100),
    help="Times real time (default: 1 on the screen, 12 in plain mode, 4 there over the radio).",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Another person, mounting and noise."
)
@click.option(
    "--radio",
    "over_radio",
    is_flag=True,
    help="Through the strap's real firmware and a virtual radio (for developers: needs unslouch[radio]).",
)
@screen_options
@plain_option
@data_dir_option
def demo(speed: float | None, seed: int, over_radio: bool, plain: bool, data_dir: Path | None) -> None:
    """See calibration, a slouch alert and a set of seated rotations on a simulated strap.

    In a terminal the live screen opens; otherwise events are printed as lines and the demo ends by itself. Samples take
    the whole way: a simulated person and sensor, the strap's packets, decoder, analyser, sessions. Nothing is kept,
    unless --data-dir says where.
    """
    if over_radio:
        from unslouch.cli.radio_demo import run_radio_demo

        screen = at_terminal() and not plain
        run_radio_demo(speed or (1.0 if screen else RADIO_SPEED), seed, data_dir, screen=screen)
        return
    if at_terminal() and not plain:
        open_screen(lambda: simulated_feed(speed or 1.0, seed), data_dir=data_dir, keep=data_dir is not None)
        return
    from unslouch.cli.plain_demo import run_demo

    run_demo(simulated_feed(speed or PLAIN_SPEED, seed, until_s=LONGEST_S), data_dir)


def simulated_feed(speed: float, seed: int, until_s: float | None = None) -> Conveyor:
    """Make the feed of the demo: its scenario on a simulated strap, with any mounting; then the wearer sits on."""
    from unslouch.link.simulated import SimulatedOptions, SimulatedStrap
    from unslouch.live.chain import Chain
    from unslouch.live.conveyor import Conveyor
    from unslouch_signal.synth import scenarios

    strap = SimulatedStrap(
        scenarios.demo(seed),
        seed=seed,
        options=SimulatedOptions(speed=speed, duration_s=until_s),
        endless=True,
    )
    return Conveyor(strap, lambda _: Chain(strap.info.rate_hz))
