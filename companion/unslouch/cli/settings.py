"""``unslouch set``: thresholds, dwell, the strap's own buzzing, how it streams."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from unslouch.cli.buzz import PATTERNS
from unslouch.cli.command import UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.recording import PROFILES
from unslouch.cli.straps import at_strap, granted, strap_option, straps_of
from unslouch.errors import LinkError

MODES = {"low-latency": False, "economy": True}


@click.command(
    "set",
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch set                                 # what is set",
        "unslouch set --flexion 15 --dwell 20         # a cue after 20 s beyond 15 degrees",
        "unslouch set --no-stand-alone                # the strap does not buzz by itself",
        "unslouch set --mode economy                  # a longer day, a slower figure on the screen",
    ),
)
@click.option("--flexion", "flexion_deg", type=float, metavar="DEG", help="Threshold forward.")
@click.option("--extension", "extension_deg", type=float, metavar="DEG", help="Threshold backward.")
@click.option("--lean", "lean_deg", type=float, metavar="DEG", help="Threshold to the side.")
@click.option("--dwell", "dwell_s", type=float, metavar="S", help="Slouching for so long brings a cue.")
@click.option("--quiet", "quiet_s", type=float, metavar="S", help="Between two cues.")
@click.option("--stand-alone/--no-stand-alone", default=None, help="Whether the strap buzzes by itself.")
@click.option("--mode", type=click.Choice(list(MODES)), help="How the strap streams.")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="What it streams.")
@click.option("--motor", type=click.Choice(["off", *PATTERNS]), help="How it buzzes by itself.")
@click.option("--strength", type=click.IntRange(1, 100), default=80, show_default=True, help="Of --motor, percent.")
@json_option("Print what is set as one JSON object.")
@strap_option
@data_dir_option
def settings(
    stand_alone: bool | None,
    mode: str | None,
    profile: str | None,
    motor: str | None,
    strength: int,
    as_json: bool,
    strap: str | None,
    data_dir: Path | None,
    **thresholds: float | None,
) -> None:
    """Set how slouches are judged, here and on the strap; without options tell what is set.

    Thresholds hold for the next session on this machine and for the strap when it buzzes by itself. When the strap
    is not near, it is told at the next connection.
    """
    from unslouch.desk.preferences import keep_preferences, preferences
    from unslouch.link.gate import gate_values
    from unslouch.store.paths import data_paths
    from unslouch.store.store import Store

    chosen = {name: value for name, value in thresholds.items() if value is not None}
    with Store.open(data_paths(data_dir)) as store:
        now = preferences(store)
        if chosen:
            now = replace(now, **chosen)
            keep_preferences(store, now)
    straps = straps_of(data_dir)
    known = straps.find(strap) if strap is not None or straps.all() else None
    changed = bool(chosen or motor) or stand_alone is not None or mode is not None or profile is not None
    told = ""
    if known is not None and changed:
        known = replace(
            known,
            stand_alone=known.stand_alone if stand_alone is None else stand_alone,
            economy=known.economy if mode is None else MODES[mode],
            profile=known.profile if profile is None else PROFILES[profile],
        )
        straps.put(known)
        gate = gate_values(now.slouch_parameters(), stand_alone=known.stand_alone)

        async def tell(connection: Any, _known: Any) -> None:
            from unslouch.wire.control import Op

            granted("take the thresholds", (await connection.request(Op.SET_GATE, gate)).status)
            if motor is not None:
                values = {"pattern": PATTERNS.get(motor, 0), "strength": strength}
                granted("take the motor's pattern", (await connection.request(Op.SET_MOTOR, values)).status)

        if chosen or motor or stand_alone is not None:
            try:
                at_strap(data_dir, known.address, tell)
            except LinkError as error:
                told = f"{known.name} is told at the next connection: {error.message}"
    value: dict[str, Any] = asdict(now)
    if known is not None:
        value |= {
            "strap": known.name,
            "stand_alone": known.stand_alone,
            "mode": "economy" if known.economy else "low-latency",
            "profile": next(name for name, number in PROFILES.items() if number == known.profile),
        }
    if as_json:
        click.echo(json.dumps(value))
    else:
        for name, one in value.items():
            shown = f"{one:g}" if isinstance(one, float) else {True: "yes", False: "no", None: "off"}.get(one, one)
            click.echo(f"{name.replace('_deg', ' (degrees)').replace('_s', ' (s)').replace('_', ' '):24} {shown}")
    if told:
        click.echo(told, err=True)
