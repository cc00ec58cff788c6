"""Where ``desk`` and ``coach`` get their samples: the simulated strap; the radio link will be one more choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unslouch.cli.command import FILE
from unslouch.errors import Reason, UnslouchError

if TYPE_CHECKING:
    from unslouch.live.conveyor import Conveyor

F = TypeVar("F", bound=Callable[..., Any])


def strap_options(function: F) -> F:
    """Add the options that choose the strap and what is recorded."""
    for option in (
        click.option("--record", type=FILE, metavar="OUT.mcap", help="Record the raw packets to a file."),
        click.option(
            "--calibration", type=FILE, metavar="FILE", help="Take the calibration of a recording or JSON file."
        ),
        click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the simulated wearer."),
        click.option("--speed", type=click.FloatRange(0.1, 100), default=1.0, help="Of the simulated wearer's time."),
        click.option(
            "--simulated", is_flag=True, help="A simulated strap and wearer; nothing is kept without --data-dir."
        ),
    ):
        function = option(function)
    return function


def strap_feed(
    *,
    simulated: bool,
    speed: float,
    seed: int,
    calibration: Path | None,
    record: Path | None,
    sitting: bool = False,
) -> Callable[[], Conveyor]:
    """Return what opens the strap.

    Parameters
    ----------
    sitting
        The simulated wearer calibrates and then does what is asked, instead of the demo's story.

    Raises
    ------
    UnslouchError
        NOT_FOUND when there is no strap.
    """
    if not simulated:
        raise UnslouchError(
            Reason.NOT_FOUND,
            "No strap is known: this version has no link to one yet.",
            "Add --simulated to try this on a simulated strap, or run `unslouch demo`.",
        )

    def make() -> Conveyor:
        import time

        from unslouch.link.simulated import SimulatedOptions, SimulatedStrap
        from unslouch.live.chain import Chain
        from unslouch.live.conveyor import Conveyor
        from unslouch.recording.writer import RecordingWriter
        from unslouch.report.judge import calibration_from
        from unslouch_signal.synth import Scenario, scenarios

        given = None if calibration is None else calibration_from(calibration)
        story = Scenario("sitting", (scenarios.LEARN,)) if sitting else scenarios.demo(seed)
        strap = SimulatedStrap(story, seed=seed, options=SimulatedOptions(speed=speed), endless=True)
        recorder = None if record is None else RecordingWriter(record, strap.info, time.time())
        return Conveyor(strap, lambda _: Chain(strap.info.rate_hz, given), recorder)

    return make
