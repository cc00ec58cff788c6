"""``unslouch pair`` and ``unslouch forget``: the bond between a strap and this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples
from unslouch.cli.straps import held, radio_of, run_async, straps_of
from unslouch.cli.working import Working
from unslouch.errors import LinkError, Reason

if TYPE_CHECKING:
    from unslouch.link.discovery import FoundStrap
    from unslouch.link.known import KnownStrap
    from unslouch.link.radios import Backends, Radio

WAIT_S = 90.0
"""How long to wait for the button."""
LISTEN_S = 1.5
"""At the longest interval of its advertisements, 1 s, a strap is heard in this time."""
HOLD = "for three seconds, until its lamp blinks fast."


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch pair                          # then hold the strap's button for three seconds",
        "unslouch pair --strap Unslouch-12AB    # where several are ready",
        "unslouch pair --wait 300               # the strap is in the other room",
    ),
)
@click.option("--strap", metavar="NAME", help="Name or address, where several straps are ready to pair.")
@click.option(
    "--wait", type=click.FloatRange(1, 600), default=WAIT_S, show_default=True, metavar="S", help="For the button."
)
@data_dir_option
def pair(strap: str | None, wait: float, data_dir: Path | None) -> None:
    """Make a bond with a strap: hold its button for three seconds, and it is done.

    The strap accepts a bond for a minute after its button was held for three seconds, after the charger was attached,
    and at its first start. Everything it sends later is encrypted with the key that is made now.
    """
    known = pair_strap(data_dir, strap, wait, click.echo)
    click.echo(f"Paired with {known.name}. Next: put it on and run `unslouch calibrate`, or `unslouch` to begin.")


def pair_strap(
    data_dir: Path | None, wanted: str | None, wait: float, say: Callable[[str], None], stop: Event | None = None
) -> KnownStrap:
    """Wait for a strap whose button is held, make a bond with it and keep that it is known.

    Parameters
    ----------
    wanted
        Its name or address; None takes the only one that is ready.
    wait
        How long to wait for the button, s.
    say
        Called with each sentence for the person.
    stop
        Breaks off the waiting, when set.

    Raises
    ------
    LinkError
        NOT_IN_RANGE where none is heard, PAIRING_CLOSED where no button was held, BAD_OPTION where several are ready.
    """
    radio = radio_of(data_dir)
    found, told = run_async(_pair(radio, wanted, wait, say, stop))
    from unslouch.link.known import KnownStrap

    straps = straps_of(data_dir)
    before = {one.address: one for one in straps.all()}.get(found.address)
    serial, firmware = told.get("serial", ""), told.get("firmware", "")
    known = KnownStrap(found.address, found.name, serial, used_utc=time.time(), firmware=firmware)
    if before is not None and before.serial == serial:
        known = replace(before, name=found.name, used_utc=time.time(), firmware=firmware)
    straps.put(known)
    return known


async def _pair(
    radio: Radio, wanted: str | None, wait: float, say: Callable[[str], None], stop: Event | None
) -> tuple[FoundStrap, dict[str, str]]:
    from unslouch.link import visit

    async with visit.opened(radio) as backends:
        found = await _ready(backends, radio, wanted, wait, say, stop)
        confirm = " If this system asks, confirm." if sys.platform in ("darwin", "win32") else ""
        say(f"Pairing with {found.name}.{confirm}")
        return found, await visit.pair(backends, found, radio, say)


async def _ready(
    backends: Backends,
    radio: Radio,
    wanted: str | None,
    wait: float,
    say: Callable[[str], None],
    stop: Event | None,
) -> FoundStrap:
    """Wait for a strap whose pairing window is open."""
    from unslouch.link.discovery import scan
    from unslouch.link.failures import failure

    end = time.monotonic() + wait
    mine: list[FoundStrap] = []
    asked = ""
    while True:
        left = end - time.monotonic()
        with Working("Waiting for the button"):
            heard = await scan(min(LISTEN_S, max(left, 0.5)), backend=backends[0], stop_at=wanted)
        now = [one for one in heard if wanted is None or wanted.lower() in (one.name.lower(), one.address.lower())]
        mine = now or mine
        ready = [one for one in now if one.pairing_open]
        if len(ready) > 1:
            names = ", ".join(f"{one.name} ({one.address})" for one in ready)
            raise LinkError(Reason.BAD_OPTION, f"Several straps are ready to pair: {names}.", "Choose with --strap.")
        if ready:
            return ready[0]
        if left <= 0 or (stop is not None and stop.is_set()):
            break
        ask = _ask(mine, wanted)
        if ask != asked:
            say(ask)
            if mine and not asked.endswith(HOLD):
                radio.button_asked()
            asked = ask
    if mine:
        raise failure(Reason.PAIRING_CLOSED, f"{mine[0].name} is near, but its pairing window did not open.")
    text = f"{wanted} was not heard." if wanted else "No strap was heard."
    raise LinkError(Reason.NOT_IN_RANGE, text, "Is it charged, near, and not connected to another machine?")


def _ask(mine: list[FoundStrap], wanted: str | None) -> str:
    """Say what to press."""
    if not mine:
        return f"{wanted or 'No strap'} is {'not ' if wanted else ''}heard yet. Is it charged, and near?"
    if len(mine) == 1:
        return f"{mine[0].name} is near. Hold its button {HOLD}"
    return f"{len(mine)} straps are near. Hold the button of yours {HOLD}"


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch forget",
        "unslouch forget --strap Unslouch-12AB",
        "unslouch forget --here                 # the strap is lost or broken",
    ),
)
@click.option("--strap", metavar="NAME", help="Name or address (default: the strap used last).")
@click.option("--here", is_flag=True, help="Forget it on this machine alone, without reaching the strap.")
@data_dir_option
def forget(strap: str | None, here: bool, data_dir: Path | None) -> None:
    """Undo the bond, on the strap and on this machine. Recordings and results stay.

    What the strap still holds and this machine has not fetched stays on the strap: `unslouch sync` first fetches it.
    """
    straps = straps_of(data_dir)
    known = straps.find(strap)
    radio = radio_of(data_dir)

    async def undo() -> list[str]:
        from unslouch.link import visit
        from unslouch.wire.control import Op

        said: list[str] = []
        async with visit.opened(radio) as backends:
            if not here:
                try:
                    with Working(f"Telling {known.name}"):
                        async with visit.visit(backends, known.address, name=known.name, radio=radio) as connection:
                            await connection.request(Op.FORGET, {"whom": 0})
                except LinkError as error:
                    said.append(
                        f"The strap could not be told: {error.message} It keeps a key that opens nothing here any more."
                    )
            try:
                await visit.forget(backends, known.address)
            except LinkError as error:
                said.append(f"This system may keep its own note of the bond: {error.message} {error.advice}".strip())
        return said

    with held(known, data_dir):
        said = run_async(undo())
        straps.forget(known.address)
    click.echo(f"{known.name} is forgotten.")
    for sentence in said:
        click.echo(sentence, err=True)
