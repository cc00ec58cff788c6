"""``unslouch status``: how the strap is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.straps import radio_of, run_async, strap_option, straps_of

NEWEST_FIRMWARE = (0, 1, 0)
"""The firmware that belongs to this program."""
BOARDS = ("desktop process", "emulated MPS2", "XIAO nRF52840 Sense")
LOG_RECORDS = 8160
"""Full records that fit the strap's log (docs/protocol.md, section 5: 510 sectors of 16)."""
BIAS_BOOTS = 50
"""Starts after which measuring the gyro's bias again is worth a minute."""


@click.command(cls=UnslouchCommand, epilog=examples("unslouch status", "unslouch status --json"))
@strap_option
@json_option()
@data_dir_option
def status(strap: str | None, as_json: bool, data_dir: Path | None) -> None:
    """Tell battery, charger, firmware, signal, how full the log is, and how old the calibrations are."""
    known = straps_of(data_dir).find(strap)
    radio = radio_of(data_dir)

    async def ask() -> tuple[Any, Any, dict[str, str], int]:
        from unslouch.link.visit import opened, visit

        async with (
            opened(radio) as backends,
            visit(backends, known.address, radio=radio, serial=known.serial) as connection,
        ):
            return (
                await connection.status(),
                await connection.calibration(),
                await connection.device_information(),
                connection.strap.rssi,
            )

    now, sensor, device, rssi = run_async(ask())
    from unslouch.wire.status import Setup, State

    version = now.firmware or (0, 0, 0)
    held = max(now.log_next - (now.log_oldest or now.log_next), 0)
    waiting = max(now.log_next - (now.log_unconfirmed or now.log_next), 0)
    body_age = time.time() - known.calibrated_utc if known.calibrated_utc else None
    value: dict[str, Any] = {
        "name": known.name,
        "address": known.address,
        "battery": None if now.battery_percent is None else now.battery_percent / 100,
        "battery_mv": now.battery_mv,
        "charger": bool(now.state & State.CHARGER),
        "worn": not now.state & State.OFF_BODY,
        "firmware": ".".join(map(str, version)),
        "outdated": version < NEWEST_FIRMWARE,
        "board": BOARDS[now.board] if now.board is not None and now.board < len(BOARDS) else "unknown",
        "rssi_dbm": rssi,
        "log_fill": min(held / LOG_RECORDS, 1.0),
        "log_waiting": waiting,
        "samples_lost": now.samples_lost,
        "bonds": now.bonds,
        "flash_fault": bool(now.state & State.FLASH_FAULT),
        "stand_alone": bool((now.setup or 0) & Setup.GATE_ENABLED) and bool((now.setup or 0) & Setup.MOUNT),
        "bias_boots": now.calibration_boots,
        "sensor_quality": None if sensor is None else sensor.quality / 100,
        "body_calibration_age_s": body_age,
        "temperature_c": now.temperature_c,
        "serial": device.get("serial", ""),
    }
    if as_json:
        click.echo(json.dumps(value))
        return
    for line in _lines(value):
        click.echo(line)


def _lines(value: dict[str, Any]) -> list[str]:
    battery = "unknown" if value["battery"] is None else f"{value['battery']:.0%}"
    charger = ", on the charger" if value["charger"] else ""
    newest = ".".join(map(str, NEWEST_FIRMWARE))
    old = f", outdated: {newest} belongs to this program" if value["outdated"] else ", up to date"
    boots = value["bias_boots"]
    if boots is None:
        bias = "never measured: run `unslouch calibrate --sensor bias`"
    else:
        bias = f"measured {boots} starts ago" + (", worth doing again" if boots > BIAS_BOOTS else "")
    age = value["body_calibration_age_s"]
    body = "none yet" if age is None else f"{age / 3600:.1f} h old" if age < 172_800 else f"{age / 86400:.0f} days old"
    lines = [
        f"{value['name']}  {value['address']}  {value['rssi_dbm']} dBm",
        f"  battery      {battery}{charger}",
        f"  firmware     {value['firmware']}{old} ({value['board']})",
        f"  log          {value['log_fill']:.0%} full, {value['log_waiting']} records not fetched yet",
        f"  gyro bias    {bias}",
        f"  your posture {body}",
        f"  buzzes alone {'yes' if value['stand_alone'] else 'no'}",
    ]
    if value["samples_lost"]:
        lines.append(f"  lost         {value['samples_lost']} samples since its start")
    if value["flash_fault"]:
        lines.append("  memory       faulty: recordings without this program may be lost")
    return lines
