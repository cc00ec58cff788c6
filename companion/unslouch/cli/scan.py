"""``unslouch scan``: which straps are near."""

from __future__ import annotations

import json
from pathlib import Path

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.straps import radio_of, run_async, straps_of


@click.command(cls=UnslouchCommand, epilog=examples("unslouch scan", "unslouch scan --seconds 10 --json"))
@click.option("--seconds", type=click.FloatRange(0.5, 60), default=5.0, show_default=True, help="How long to listen.")
@json_option()
@data_dir_option
def scan(seconds: float, as_json: bool, data_dir: Path | None) -> None:
    """List the straps that are heard, the strongest first.

    A strap that is connected to some machine is not heard; nor is one whose battery is empty.
    """
    radio = radio_of(data_dir)

    async def listen() -> list[object]:
        from unslouch.link.discovery import scan as listen_for
        from unslouch.link.visit import opened

        async with opened(radio) as backends:
            return list(await listen_for(seconds, backend=backends[0]))

    from unslouch.link.discovery import AdvertisedState, FoundStrap

    known = {strap.address for strap in straps_of(data_dir).all()}
    found = [strap for strap in run_async(listen()) if isinstance(strap, FoundStrap)]
    for strap in found:
        state = strap.state or AdvertisedState(0)
        if as_json:
            line = {
                "name": strap.name,
                "address": strap.address,
                "rssi_dbm": strap.rssi,
                "protocol": strap.version,
                "battery": None if strap.battery_percent is None else strap.battery_percent / 100,
                "backlog_min": strap.backlog_min,
                "pairing_open": strap.pairing_open,
                "charger": AdvertisedState.CHARGER in state,
                "worn": AdvertisedState.OFF_BODY not in state,
                "known": strap.address in known,
            }
            click.echo(json.dumps(line))
            continue
        words = [f"{strap.rssi} dBm"]
        if strap.battery_percent is not None:
            words.append(f"battery {strap.battery_percent} %")
        if strap.backlog_min:
            words.append(f"{strap.backlog_min} min to fetch")
        if AdvertisedState.CHARGER in state:
            words.append("on the charger")
        if strap.pairing_open:
            words.append("ready to pair")
        if not strap.understood:
            words.append(f"speaks protocol {strap.version}, which this program does not")
        words.append("known here" if strap.address in known else "not known here: `unslouch pair`")
        click.echo(f"{strap.name}  {strap.address}  {', '.join(words)}")
    if not found and not as_json:
        click.echo("No strap was heard. Is it charged and near, and not connected to another machine?")
