"""The demo through the real firmware: a wearer's samples, the firmware as a process, a virtual radio, the link."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unslouch.link.radio.virtual import VirtualRadio
    from unslouch.live.conveyor import Conveyor

CONNECT_S = 3.0
"""Real seconds that pairing and the start of the stream may take: the wearer, whose time runs at the demo's speed, sits
still meanwhile, for a protocol that nobody heard calibrates nothing."""


def run_radio_demo(speed: float, seed: int, data_dir: Path | None, *, screen: bool) -> None:
    """Show the demo on the screen, or in lines.

    Raises
    ------
    UnslouchError
        MISSING_EXTRA without Bumble, NOT_FOUND without the firmware.
    """
    from unslouch.link.radios import virtual_radio
    from unslouch_signal.synth import scenarios
    from unslouch_signal.synth.movements import Rest

    scenario = scenarios.demo(seed)
    scenario = replace(scenario, movements=(Rest(CONNECT_S * speed), *scenario.movements))
    with tempfile.TemporaryDirectory(prefix="unslouch-") as folder:
        radio = virtual_radio(Path(folder), speed=speed, seed=seed, scenario=scenario)
        if screen:
            from unslouch.cli.screen import open_screen

            open_screen(lambda: _feed(radio), data_dir=data_dir, keep=data_dir is not None)
            return
        from unslouch.cli.plain_demo import run_demo

        run_demo(_feed(radio), data_dir)


def _feed(radio: VirtualRadio) -> Conveyor:
    from unslouch.link.strap import StrapOptions
    from unslouch.link.worn import strap_type
    from unslouch.live.chain import Chain
    from unslouch.live.conveyor import Conveyor

    strap = strap_type(radio)(radio.address, "Virtual strap", StrapOptions(pair=True), radio=radio)
    return Conveyor(strap, lambda _: Chain(strap.info.rate_hz))
