"""``unslouch calibrate``: your posture, guided; and the strap's sensor."""

from __future__ import annotations

from pathlib import Path

import click

from unslouch.cli.command import UnslouchCommand, at_terminal, data_dir_option, examples, plain_option
from unslouch.cli.straps import live_feed, strap_option, straps_of
from unslouch.live.feed import Feed

AXES = ("x", "y", "z")


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch calibrate                                # your upright, guided on the screen",
        "unslouch calibrate --plain                        # the same in lines",
        "unslouch calibrate --sensor bias                  # the strap lies on the table for ten seconds",
        "unslouch calibrate --sensor scale --turns 2       # turn it along a table's edge",
        "unslouch calibrate --sensor acceleration          # lay it on each of its six sides",
    ),
)
@click.option(
    "--sensor",
    type=click.Choice(["bias", "scale", "acceleration"]),
    help="Measure the strap's sensor instead: gyro bias, gyro scale, accelerometer.",
)
@click.option("--turns", type=click.IntRange(1, 10), default=2, show_default=True, help="Full turns, for scale.")
@click.option("--axis", type=click.Choice(AXES), default="z", show_default=True, help="Which is turned about.")
@click.option(
    "--timeout",
    type=click.FloatRange(5),
    default=180.0,
    show_default=True,
    metavar="S",
    help="Give up after so long (in lines).",
)
@strap_option
@plain_option
@data_dir_option
def calibrate(
    sensor: str | None,
    turns: int,
    axis: str,
    timeout: float,
    strap: str | None,
    plain: bool,
    data_dir: Path | None,
) -> None:
    """Teach the strap your upright; it is told too, for when it buzzes by itself.

    Do it whenever the strap was put on anew. With --sensor the strap itself is measured: the bias of its gyroscope
    lying on a table (a minute, now and then), its scale by turning it, its accelerometer on six sides (once). Results
    stay on the strap; `unslouch status` tells how old they are.
    """
    if sensor is not None:
        from unslouch.cli.calibrate_sensor import measure

        measure(sensor, turns, axis, strap, data_dir)
        return
    known = straps_of(data_dir).find(strap)

    def feed() -> Feed:
        return live_feed(known, data_dir)

    if at_terminal() and not plain:
        from unslouch.cli.screen import open_screen

        open_screen(feed, start="calibrate", data_dir=data_dir)
        return
    from unslouch.cli.plain_calibrate import guide

    guide(feed, timeout)
