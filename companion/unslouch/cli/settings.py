"""``unslouch set``: thresholds, dwell, the strap's own buzzing, how it streams."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unslouch.cli.buzz import PATTERNS
from unslouch.cli.command import UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.recording import PROFILES
from unslouch.cli.straps import at_strap, granted, strap_option, straps_of
from unslouch.errors import LinkError

if TYPE_CHECKING:
    from unslouch.desk.preferences import Preferences
    from unslouch.link.known import KnownStrap, KnownStraps

MODES = {"low-latency": False, "economy": True}
MOTORS = {"off": 0, **PATTERNS}


@click.command(
    "set",
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch set                                 # what is set",
        "unslouch set --flexion 15 --dwell 20         # a cue after 20 s beyond 15 degrees",
        "unslouch set --no-stand-alone                # the strap does not buzz by itself",
        "unslouch set --motor double --strength 50    # how it buzzes by itself",
        "unslouch set --mode economy                  # a longer day, a slower figure on the screen",
    ),
)
@click.option("--flexion", "flexion_deg", type=float, metavar="DEG", help="Threshold forward, 6 to 25.")
@click.option("--extension", "extension_deg", type=float, metavar="DEG", help="Threshold backward, 6 to 25.")
@click.option("--lean", "lean_deg", type=float, metavar="DEG", help="Threshold to the side, 6 to 25.")
@click.option("--dwell", "dwell_s", type=float, metavar="S", help="Slouching for so long brings a cue, 5 to 120.")
@click.option("--quiet", "quiet_s", type=float, metavar="S", help="Between two cues, 10 to 600.")
@click.option("--stand-alone/--no-stand-alone", default=None, help="Whether the strap buzzes by itself.")
@click.option("--mode", type=click.Choice(list(MODES)), help="How the strap streams.")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="What it streams (`raw` is for research alone).")
@click.option("--motor", type=click.Choice(list(MOTORS)), help="How it buzzes by itself.")
@click.option("--strength", type=click.IntRange(1, 100), help="Of its buzzing, percent.")
@json_option("Print what is set as one JSON object.")
@strap_option
@data_dir_option
def settings(
    stand_alone: bool | None,
    mode: str | None,
    profile: str | None,
    motor: str | None,
    strength: int | None,
    as_json: bool,
    strap: str | None,
    data_dir: Path | None,
    **thresholds: float | None,
) -> None:
    """Set how slouches are judged, here and on the strap; without options tell what is set.

    Thresholds hold for the next session on this machine and for the strap when it buzzes by itself, where they outlast
    an empty cell. When the strap is not near, it is told at the next connection.
    """
    from unslouch.desk.preferences import keep_preferences, preferences
    from unslouch.store.paths import data_paths
    from unslouch.store.store import Store

    straps = straps_of(data_dir)
    known = straps.find(strap) if strap is not None or straps.all() else None
    chosen = {name: value for name, value in thresholds.items() if value is not None}
    with Store.open(data_paths(data_dir)) as store:
        now = preferences(store)
        if chosen:
            now = replace(now, **chosen)
            keep_preferences(store, now)
    changes = _changes(stand_alone, mode, profile, motor, strength)
    if changes and known is None:
        known = straps.find(None)  # says that there is none
    told = ""
    if known is not None and (changes or chosen):
        known = _keep(straps, known, changes)
        if chosen or not changes.keys() <= {"economy", "profile"}:
            told = _tell(data_dir, known, now)
        else:
            told = f"{known.name} streams so from the next connection on."
    if as_json:
        click.echo(json.dumps(_value(now, known)))
    else:
        for line in _lines(now, known):
            click.echo(line)
    if told:
        click.echo(told, err=True)


def _changes(
    stand_alone: bool | None, mode: str | None, profile: str | None, motor: str | None, strength: int | None
) -> dict[str, Any]:
    """What was chosen of the strap's own, as :class:`KnownStrap` names it."""
    wanted = {
        "stand_alone": stand_alone,
        "economy": None if mode is None else MODES[mode],
        "profile": None if profile is None else PROFILES[profile],
        "motor": None if motor is None else MOTORS[motor],
        "strength": strength,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _keep(straps: KnownStraps, known: KnownStrap, changes: dict[str, Any]) -> KnownStrap:
    if "strength" in changes and known.motor is None:
        changes = {"motor": PATTERNS["long"], **changes}
    if changes:
        straps.change(known.address, **changes)
    return replace(known, **changes)


def _tell(data_dir: Path | None, known: KnownStrap, now: Preferences) -> str:
    """Tell the strap; where it cannot be reached, the next connection does."""
    from unslouch.link.gate import gate_values

    gate = gate_values(now.slouch_parameters(), stand_alone=known.stand_alone)

    async def tell(connection: Any, _known: Any) -> None:
        from unslouch.wire.control import Op

        granted("take the thresholds", (await connection.request(Op.SET_GATE, gate)).status)
        if known.motor is not None:
            values = {"pattern": known.motor, "strength": known.strength}
            granted("take the motor's pattern", (await connection.request(Op.SET_MOTOR, values)).status)

    try:
        at_strap(data_dir, known.address, tell)
    except LinkError as error:
        return f"{known.name} is told at the next connection. {error.message}"
    return f"{known.name} has taken it."


def _value(now: Preferences, known: KnownStrap | None) -> dict[str, Any]:
    value: dict[str, Any] = asdict(now)
    if known is None:
        return value
    return value | {
        "strap": known.name,
        "stand_alone": known.stand_alone,
        "mode": _name(MODES, known.economy),
        "profile": _name(PROFILES, known.profile),
        "motor": None if known.motor is None else _name(MOTORS, known.motor),
        "strength": None if known.motor is None else known.strength,
    }


def _name(names: dict[str, Any], value: Any) -> str:
    return next((name for name, one in names.items() if one == value), str(value))


def _lines(now: Preferences, known: KnownStrap | None) -> list[str]:
    nudge = "no nudge" if now.nudge_min is None else f"a nudge after {now.nudge_min:g} min"
    rows = [
        ("forward", f"{now.flexion_deg:g}°"),
        ("backward", f"{now.extension_deg:g}°"),
        ("to the side", f"{now.lean_deg:g}°"),
        ("dwell", f"{now.dwell_s:g} s of slouching bring a cue"),
        ("quiet", f"{now.quiet_s:g} s between two cues"),
        ("snooze", f"{now.snooze_min:g} min"),
        ("in one place", nudge),
        ("fade", "fewer cues from the third week on" if now.fade else "every cue, however long you train"),
    ]
    if known is not None:
        motor = "as the strap is set"
        if known.motor is not None:
            motor = _name(MOTORS, known.motor) + (f", {known.strength} %" if known.motor else "")
        rows += [
            ("strap", known.name),
            ("buzzes alone", "yes" if known.stand_alone else "no"),
            ("motor", motor),
            ("streams", f"{_name(PROFILES, known.profile)}, {_name(MODES, known.economy)}"),
        ]
    return [f"{name:14}{text}" for name, text in rows]
