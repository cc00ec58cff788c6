"""``unslouch scan``: which straps are near."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.straps import radio_of, run_async, signal_word, straps_of
from unslouch.cli.working import Working
from unslouch.report.words import span

if TYPE_CHECKING:
    from unslouch.link.discovery import FoundStrap


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch scan", "unslouch scan --seconds 10", "unslouch scan --json    # one JSON object a strap, a line each"
    ),
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 60),
    default=5.0,
    show_default=True,
    metavar="S",
    help="How long to listen.",
)
@json_option()
@data_dir_option
def scan(seconds: float, as_json: bool, data_dir: Path | None) -> None:
    """List the straps that are heard, the strongest first.

    A strap that is connected to some machine is not heard; nor is one whose battery is empty.
    """
    radio = radio_of(data_dir)

    async def listen() -> list[FoundStrap]:
        from unslouch.link.discovery import scan as listen_for
        from unslouch.link.visit import opened

        async with opened(radio) as backends:
            with Working("Listening"):
                return await listen_for(seconds, backend=backends[0])

    known = {strap.address: strap.name for strap in straps_of(data_dir).all()}
    found = run_async(listen())
    if as_json:
        for strap in found:
            click.echo(json.dumps(_json(strap, strap.address in known)))
        return
    for strap in found:
        click.echo(f"{strap.name}  {strap.address}  {', '.join(_words(strap, strap.address in known))}")
    silent = [name for address, name in known.items() if address not in {strap.address for strap in found}]
    if not found:
        click.echo("No strap was heard. Is it charged and near, and not connected to another machine?")
    elif silent:
        click.echo(f"Not heard, though known here: {', '.join(silent)}.", err=True)


def _json(strap: FoundStrap, known: bool) -> dict[str, object]:
    from unslouch.link.discovery import AdvertisedState

    state = strap.state
    return {
        "name": strap.name,
        "address": strap.address,
        "rssi_dbm": strap.rssi,
        "protocol": strap.version,
        "battery": None if strap.battery_percent is None else strap.battery_percent / 100,
        "backlog_min": strap.backlog_min,
        "pairing_open": strap.pairing_open,
        "charger": None if state is None else AdvertisedState.CHARGER in state,
        "worn": None if state is None else AdvertisedState.OFF_BODY not in state,
        "known": known,
    }


def _words(strap: FoundStrap, known: bool) -> list[str]:
    from unslouch.link.discovery import AdvertisedState

    state = strap.state or AdvertisedState(0)
    words = [f"{strap.rssi} dBm ({signal_word(strap.rssi)})"]
    if strap.battery_percent is not None:
        words.append(f"battery {strap.battery_percent} %")
    if strap.backlog_min:
        words.append(f"{span(60.0 * strap.backlog_min)} to fetch")
    if AdvertisedState.CHARGER in state:
        words.append("on the charger")
    if not strap.understood:
        words.append(f"speaks protocol {strap.version}, which this program does not: update one of them")
    if known:
        words.append("known here")
    elif strap.pairing_open:
        words.append("ready to pair: `unslouch pair`")
    else:
        words.append("not known here: hold its button for three seconds, then `unslouch pair`")
    return words
