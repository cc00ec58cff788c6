"""``unslouch calibrate``: your posture, guided; and the strap's sensor."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unslouch.cli.command import UnslouchCommand, at_terminal, data_dir_option, examples, plain_option
from unslouch.cli.straps import at_strap, granted, live_feed, strap_option, straps_of
from unslouch.errors import LinkError, Reason

if TYPE_CHECKING:
    from unslouch.live.conveyor import Conveyor

FACES = ("+x", "-x", "+y", "-y", "+z", "-z")
AXES = ("x", "y", "z")
TELL_STRAP_S = 1.0
"""After a calibration came into use: the strap has it by then."""


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch calibrate                      # your upright, guided",
        "unslouch calibrate --sensor bias        # the strap lies on the table for ten seconds",
        "unslouch calibrate --sensor scale --turns 2",
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
    "--timeout", type=click.FloatRange(5), default=180.0, show_default=True, metavar="S", help="Of the guide in lines."
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

    Do it whenever the strap was put on anew.
    """
    if sensor is not None:
        _sensor(sensor, turns, axis, strap, data_dir)
        return
    known = straps_of(data_dir).find(strap)

    def feed() -> Conveyor:
        return live_feed(known, data_dir)

    if at_terminal() and not plain:
        from unslouch.cli.screen import open_screen

        open_screen(feed, start="calibrate", data_dir=data_dir)
        return
    _guide(feed(), timeout)


def _guide(feed: Conveyor, timeout: float) -> None:
    """Guide in lines: the conveyor finds the protocol in the stream."""
    from unslouch.live.feed import LinkKind

    click.echo("Sit or stand tall and still for five seconds, bow forward twice, then stay upright for two seconds.")
    end = time.monotonic() + timeout
    said = ""
    try:
        while time.monotonic() < end:
            for update in feed.poll():
                if update.link.text != said and update.link.progress is None:
                    said = update.link.text
                    click.echo(f"{said} {update.link.advice}".strip(), err=True)
                if update.calibration is not None:
                    time.sleep(TELL_STRAP_S)
                    quality = update.calibration.quality
                    click.echo(f"Calibrated, quality {quality:.0%}.")
                    for reason in update.calibration.reasons:
                        click.echo(f"  {reason}")
                    return
                if update.link.kind is LinkKind.ENDED:
                    raise LinkError(Reason.LINK_LOST, update.link.text, update.link.advice)
            time.sleep(0.05)
    finally:
        feed.close()
    raise LinkError(
        Reason.NOT_CALIBRATED, "No calibration was seen.", "Stay still for five seconds first; bow well, 20° or more."
    )


def _sensor(what: str, turns: int, axis: str, strap: str | None, data_dir: Path | None) -> None:
    async def measure(connection: Any, _known: Any) -> None:
        from unslouch.wire.control import Op

        async def step(word: str, op: Op, values: dict[str, int] | None = None) -> None:
            granted(word, (await connection.request(op, values)).status)

        if what == "bias":
            click.echo("Lay the strap on a table and do not touch it for ten seconds.")
            await step("measure its gyro's bias", Op.CAL_BIAS)
        elif what == "scale":
            number = AXES.index(axis)
            await step("begin", Op.CAL_SCALE, {"axis": number, "phase": 0, "angle": 0})
            click.echo(f"Turn the strap about its {axis} axis, {turns} full turns, along an edge; then press Enter.")
            click.pause("")
            await step("measure the scale", Op.CAL_SCALE, {"axis": number, "phase": 1, "angle": 36_000 * turns})
        else:
            for number, face in enumerate(FACES):
                click.echo(f"Lay the strap with its {face} side up, then press Enter.")
                click.pause("")
                await step("measure this face", Op.CAL_ACC, {"face": number})

    at_strap(data_dir, strap, measure)
    click.echo("Measured and kept on the strap.")
