"""Where ``desk`` and ``coach`` get their samples, and what all commands that speak with a strap share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unslouch.cli.command import FILE
from unslouch.cli.working import Working
from unslouch.errors import Reason

if TYPE_CHECKING:
    from unslouch.link.hold import Hold
    from unslouch.link.known import KnownStrap, KnownStraps
    from unslouch.link.radios import Radio
    from unslouch.live.conveyor import Conveyor

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

LOOK_S = 0.1
"""How often somebody looks whether Ctrl-C was pressed."""


def strap_options(function: F) -> F:
    """Add the options that choose the strap and what is recorded."""
    for option in (
        click.option("--record", type=FILE, metavar="OUT.mcap", help="Record the raw packets to this file."),
        click.option(
            "--calibration", type=FILE, metavar="FILE", help="Take the calibration of a recording or JSON file."
        ),
        click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the simulated wearer."),
        click.option("--speed", type=click.FloatRange(0.1, 100), default=1.0, help="Of the simulated wearer's time."),
        click.option(
            "--simulated", is_flag=True, help="A simulated strap and wearer; nothing is kept without --data-dir."
        ),
        strap_option,
    ):
        function = option(function)
    return function


def strap_option(function: F) -> F:
    """Add ``--strap``."""
    return click.option("--strap", metavar="NAME", help="Name or address (default: the strap used last).")(function)


def strap_feed(
    *,
    simulated: bool,
    speed: float,
    seed: int,
    calibration: Path | None,
    record: Path | None,
    strap: str | None = None,
    data_dir: Path | None = None,
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
        known = straps_of(data_dir).find(strap)
        return lambda: live_feed(known, data_dir, calibration=calibration, record=record)

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


def straps_of(data_dir: Path | None) -> KnownStraps:
    """Return the straps known in a data directory."""
    from unslouch.link.known import KnownStraps
    from unslouch.store.paths import data_paths

    return KnownStraps(data_paths(data_dir).root / "straps.json")


def radio_of(data_dir: Path | None) -> Radio:
    """Return the radio that the environment asks for."""
    from unslouch.link.radios import choose_radio
    from unslouch.store.paths import data_paths

    return choose_radio(data_paths(data_dir).root / "virtual-radio")


def live_feed(
    known: KnownStrap,
    data_dir: Path | None,
    *,
    calibration: Path | None = None,
    record: Path | None = None,
    profile: int | None = None,
) -> Conveyor:
    """Open a known strap as a feed whose recording is noted in the store.

    Raises
    ------
    LinkError
        TAKEN, when another unslouch on this machine has the strap.
    """
    from unslouch.cli.settling import Settling
    from unslouch.desk.preferences import preferences
    from unslouch.live.strap_feed import Wanted, strap_feed
    from unslouch.report.judge import calibration_from
    from unslouch.store.paths import data_paths
    from unslouch.store.store import Store

    paths = data_paths(data_dir).make()
    with Store.open(paths) as store:
        slouch = preferences(store).slouch_parameters()
    wanted = Wanted(slouch, None if calibration is None else calibration_from(calibration), record, profile=profile)

    hold = held(known, data_dir).take()
    try:
        return strap_feed(
            straps_of(data_dir),
            known,
            paths.recordings,
            radio_of(data_dir),
            wanted,
            on_recorded=lambda path, _begun, _ended: Settling(paths).begin(path),
            on_closed=hold.release,
        )
    except BaseException:
        hold.release()
        raise


def held(known: KnownStrap, data_dir: Path | None) -> Hold:
    """Return the hold on a strap that keeps other processes off it."""
    from unslouch.link.hold import Hold
    from unslouch.store.paths import data_paths

    return Hold(data_paths(data_dir).root, known.address, known.name)


def at_strap(data_dir: Path | None, strap: str | None, work: Callable[[Any, KnownStrap], Coroutine[Any, Any, T]]) -> T:
    """Connect to a known strap, do something, and let it go.

    Raises
    ------
    UnslouchError
        NOT_FOUND where no strap is known, LinkError where it cannot be reached.
    """
    known = straps_of(data_dir).find(strap)
    radio = radio_of(data_dir)

    async def run() -> T:
        from unslouch.link.visit import opened, visit

        async with AsyncExitStack() as stack:
            with Working(f"Connecting to {known.name}"):
                backends = await stack.enter_async_context(opened(radio))
                connection = await stack.enter_async_context(
                    visit(backends, known.address, name=known.name, radio=radio, serial=known.serial)
                )
            return await work(connection, known)

    with held(known, data_dir):
        return run_async(run())


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; Ctrl-C, TERM and a hang-up cancel, and what was opened is closed before they are let through."""
    import asyncio

    from unslouch.cli.interruption import Interruptions

    async def watched() -> T:
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
                interruptions.check()
        finally:
            task.cancel()
            await asyncio.wait({task})
        return task.result()

    with Interruptions() as interruptions:
        return asyncio.run(watched())


def signal_word(rssi: int) -> str:
    """One word for a signal strength, dBm."""
    return "strong" if rssi >= -65 else "good" if rssi >= -80 else "weak" if rssi >= -90 else "very weak"


def granted(word: str, status: Any) -> None:
    """Make sure that the strap did what was asked.

    Raises
    ------
    LinkError
        REFUSED, with what the strap said.
    """
    from unslouch.errors import LinkError
    from unslouch.wire.control import ControlStatus

    if status is ControlStatus.OK:
        return
    said = {
        ControlStatus.NOT_NOW: "not now",
        ControlStatus.BUSY: "it is busy",
        ControlStatus.FAILED: "it did not come out: it moved, or the angle was not reached",
        ControlStatus.UNKNOWN_OP: "its firmware is too old for that",
        ControlStatus.STORAGE_FAULT: "its memory is faulty",
    }.get(status, status.name.lower().replace("_", " "))
    raise LinkError(Reason.REFUSED, f"The strap refused to {word}: {said}.")
