"""``unslouch status``: how the strap is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.straps import at_strap, signal_word, strap_option
from unslouch.report.words import counted, span

if TYPE_CHECKING:
    from unslouch.link.known import KnownStrap
    from unslouch.wire.status import Status, StrapCalibration

NEWEST_FIRMWARE = (0, 1, 0)
"""The firmware that belongs to this program."""
BOARDS = ("desktop process", "emulated MPS2", "XIAO nRF52840 Sense")
LOG_RECORDS = 8160
"""Full records that fit the strap's log (docs/protocol.md, section 5: 510 sectors of 16)."""
RECORD_S = 40 / 10.4
"""What a full record holds."""
BIAS_BOOTS = 50
"""Starts after which measuring the gyro's bias again is worth a minute."""
BIAS_DAYS = 90
"""The same, of time: a cheap sensor's bias walks over months."""
POSTURE_S = 12 * 3600.0
"""A posture is of one wearing."""


@click.command(cls=UnslouchCommand, epilog=examples("unslouch status", "unslouch status --json | jq .battery"))
@strap_option
@json_option()
@data_dir_option
def status(strap: str | None, as_json: bool, data_dir: Path | None) -> None:
    """Tell battery, charger, firmware, signal, how full the log is, and how old the calibrations are."""

    async def ask(connection: Any, known: KnownStrap) -> dict[str, Any]:
        now = await connection.status()
        sensor = await connection.calibration()
        device = await connection.device_information()
        return _value(known, now, sensor, device, connection.strap.rssi)

    value = at_strap(data_dir, strap, ask)
    if as_json:
        click.echo(json.dumps(value))
        return
    for line in _lines(value):
        click.echo(line)


def _value(
    known: KnownStrap, now: Status, sensor: StrapCalibration | None, device: dict[str, str], rssi: int
) -> dict[str, Any]:
    from unslouch.wire.status import ResetReason, Setup, State

    version = now.firmware or (0, 0, 0)
    held = max(now.log_next - (now.log_oldest or now.log_next), 0)
    waiting = max(now.log_next - (now.log_unconfirmed or now.log_next), 0)
    setup = Setup(now.setup or 0)

    def age(utc: float) -> float | None:
        return max(time.time() - utc, 0.0) if utc else None

    # the strap tells when it was measured last, whoever did it; parts are known where they were measured from here
    measured = None if sensor is None or not sensor.measured else age(float(sensor.utc_s))
    return {
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
        "log_waiting_s": round(waiting * RECORD_S),
        "samples_lost": now.samples_lost,
        "bonds": now.bonds,
        "flash_fault": bool(now.state & State.FLASH_FAULT),
        "stand_alone": known.stand_alone and bool(setup & Setup.GATE_ENABLED) and bool(setup & Setup.MOUNT),
        "stand_alone_wanted": known.stand_alone,
        "bias_boots": now.calibration_boots,
        "bias": bool(setup & Setup.BIAS),
        "bias_age_s": (age(known.bias_utc) or measured) if setup & Setup.BIAS else None,
        "scale": bool(setup & Setup.SCALE),
        "scale_age_s": age(known.scale_utc) if setup & Setup.SCALE else None,
        "acceleration": bool(setup & Setup.ACCELERATION),
        "acceleration_age_s": age(known.acceleration_utc) if setup & Setup.ACCELERATION else None,
        "sensor_quality": None if sensor is None else sensor.quality / 100,
        "body_calibration_age_s": age(known.calibrated_utc),
        "temperature_c": now.temperature_c,
        "serial": device.get("serial", ""),
        "last_start": ResetReason(now.reset_reason).name.lower() if now.reset_reason in set(ResetReason) else "unknown",
    }


def _lines(value: dict[str, Any]) -> list[str]:
    battery = "unknown" if value["battery"] is None else f"{value['battery']:.0%}"
    charger = ", on the charger" if value["charger"] else ""
    newest = ".".join(map(str, NEWEST_FIRMWARE))
    old = f", outdated: {newest} belongs to this program" if value["outdated"] else ", up to date"
    waiting = value["log_waiting_s"]
    fetch = "everything is fetched" if waiting < 60 else f"{span(waiting)} not fetched yet: `unslouch sync`"
    lines = [
        f"{value['name']}  {value['address']}",
        f"  battery       {battery}{charger}",
        f"  signal        {value['rssi_dbm']} dBm, {signal_word(value['rssi_dbm'])}",
        f"  firmware      {value['firmware']}{old} ({value['board']})",
        f"  log           {value['log_fill']:.0%} full, {fetch}",
        f"  worn          {'yes' if value['worn'] else 'no'}",
        f"  your posture  {_posture(value['body_calibration_age_s'])}",
        f"  buzzes alone  {_alone(value)}",
        f"  gyro bias     {_bias(value)}",
        f"  gyro scale    {_measured(value, 'scale')}",
        f"  acceleration  {_measured(value, 'acceleration')}",
    ]
    if value["samples_lost"]:
        lines.append(f"  lost          {counted(value['samples_lost'], 'sample')} since its start")
    if value["flash_fault"]:
        lines.append("  memory        faulty: what it takes without this program may be lost")
    if value["last_start"] in ("watchdog", "panic", "lockup"):
        lines.append("  last start    after a fault of its program; the next recording tells of it")
    elif value["last_start"] in ("brown_out", "low_battery"):
        lines.append("  last start    after its cell ran empty")
    return lines


def _old(seconds: float) -> str:
    return f"{span(seconds)} ago" if seconds < 172_800 else f"{seconds / 86400:.0f} days ago"


def _posture(age: float | None) -> str:
    if age is None:
        return "not taught yet: `unslouch calibrate`"
    again = "; teach it anew when the strap was put on anew" if age > POSTURE_S else ""
    return f"taught {_old(age)}{again}"


def _alone(value: dict[str, Any]) -> str:
    if not value["stand_alone_wanted"]:
        return "no: `unslouch set --stand-alone` lets it"
    if value["body_calibration_age_s"] is None:
        return "no: it does not know your posture yet"
    return "yes" if value["stand_alone"] else "from the next session on"


def _bias(value: dict[str, Any]) -> str:
    if not value["bias"]:
        return "never measured: `unslouch calibrate --sensor bias`"
    age, boots = value["bias_age_s"], value["bias_boots"]
    when = "" if age is None else f" {_old(age)}"
    starts = "" if boots is None else f", {counted(boots, 'start')} since"
    old = (boots or 0) > BIAS_BOOTS or (age or 0.0) > BIAS_DAYS * 86400
    return f"measured{when}{starts}{': worth doing again' if old else ''}"


def _measured(value: dict[str, Any], what: str) -> str:
    if not value[what]:
        return f"as the sensor's maker gave it; `unslouch calibrate --sensor {what}` is finer"
    age = value[f"{what}_age_s"]
    return "measured" if age is None else f"measured {_old(age)}"
