"""``unslouch pair`` and ``unslouch forget``: the bond between a strap and this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples
from unslouch.cli.straps import radio_of, run_async, straps_of
from unslouch.errors import LinkError, Reason

if TYPE_CHECKING:
    from unslouch.link.discovery import FoundStrap
    from unslouch.link.radios import Backends, Radio

WAIT_S = 90.0
"""How long to wait for the button."""


@click.command(cls=UnslouchCommand, epilog=examples("unslouch pair", "unslouch pair --strap Unslouch-12AB"))
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
    radio = radio_of(data_dir)
    click.echo("Hold the strap's button for three seconds, until its lamp blinks fast.")
    found, told = run_async(_pair(radio, strap, wait))
    from unslouch.link.known import KnownStrap

    straps = straps_of(data_dir)
    before = {one.address: one for one in straps.all()}.get(found.address)
    serial, firmware = told.get("serial", ""), told.get("firmware", "")
    known = KnownStrap(found.address, found.name, serial, used_utc=time.time(), firmware=firmware)
    if before is not None and before.serial == serial:
        from dataclasses import replace

        known = replace(before, name=found.name, used_utc=time.time(), firmware=firmware)
    straps.put(known)
    click.echo(f"Paired with {found.name}. Run `unslouch` to begin.")


async def _pair(radio: Radio, wanted: str | None, wait: float) -> tuple[FoundStrap, dict[str, str]]:
    from unslouch.link import visit

    async with visit.opened(radio) as backends:
        found = await _ready(backends, wanted, wait)
        click.echo(f"Pairing with {found.name}.")
        told = await visit.pair(backends, found, radio, lambda text: click.echo(text))
        return found, told


async def _ready(backends: Backends, wanted: str | None, wait: float) -> FoundStrap:
    """Wait for a strap whose pairing window is open."""
    from unslouch.link.discovery import scan

    end = time.monotonic() + wait
    heard: list[FoundStrap] = []
    while True:
        heard = await scan(min(1.5, wait), backend=backends[0], stop_at=wanted)
        mine = [one for one in heard if wanted is None or wanted.lower() in (one.name.lower(), one.address.lower())]
        ready = [one for one in mine if one.pairing_open]
        if len(ready) == 1:
            return ready[0]
        if len(ready) > 1:
            names = ", ".join(f"{one.name} ({one.address})" for one in ready)
            raise LinkError(Reason.BAD_OPTION, f"Several straps are ready to pair: {names}.", "Choose with --strap.")
        if time.monotonic() > end:
            break
    if any(wanted is None or wanted.lower() in (one.name.lower(), one.address.lower()) for one in heard):
        from unslouch.link.failures import failure

        raise failure(Reason.PAIRING_CLOSED, "The strap is near, but its pairing window did not open.")
    raise LinkError(
        Reason.NOT_IN_RANGE, "No strap was heard.", "Is it charged, near, and not connected to another machine?"
    )


@click.command(cls=UnslouchCommand, epilog=examples("unslouch forget", "unslouch forget --strap Unslouch-12AB"))
@click.option("--strap", metavar="NAME", help="Name or address (default: the strap used last).")
@click.option("--here", is_flag=True, help="Forget it on this machine alone, without reaching the strap.")
@data_dir_option
def forget(strap: str | None, here: bool, data_dir: Path | None) -> None:
    """Undo the bond, on the strap and on this machine. Recordings and results stay.

    What the strap still holds and this machine has not fetched stays on the strap.
    """
    straps = straps_of(data_dir)
    known = straps.find(strap)
    radio = radio_of(data_dir)

    async def undo() -> str:
        from unslouch.link.visit import find, opened, visit
        from unslouch.wire.control import Op

        async with opened(radio) as backends:
            said = ""
            if not here:
                try:
                    async with visit(backends, known.address, radio=radio) as connection:
                        await connection.request(Op.FORGET, {"whom": 0})
                except LinkError as error:
                    said = f"The strap could not be told ({error.message}) Hold its button to pair it elsewhere."
            try:
                from unslouch.link.connection import StrapConnection

                found = await find(backends, known.address)
                await StrapConnection(found, lambda _: None, backend=backends[1]).unpair()
            except LinkError as error:
                said = said or f"This system may keep its own note of the bond: {error.message} {error.advice}"
            return said

    said = run_async(undo())
    straps.forget(known.address)
    click.echo(f"{known.name} is forgotten.")
    if said:
        click.echo(said, err=True)
