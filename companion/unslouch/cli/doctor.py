"""``unslouch doctor``: what stands between this machine and the strap, and the mend of each."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import ExitCode, UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.straps import radio_of, run_async, straps_of
from unslouch.errors import UnslouchError

if TYPE_CHECKING:
    from unslouch.link.known import KnownStrap
    from unslouch.link.radios import Backends, Radio
    from unslouch.wire.source import Packet

OK, WATCH, BAD = "ok", "watch", "bad"
LATE_S = 0.15
"""Later than this beyond the earliest (p95) and a figure on the screen lags."""
RFKILL = Path("/sys/class/rfkill")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and the mend where there is one."""

    check: str
    level: str
    text: str
    mend: str = ""


@click.command(cls=UnslouchCommand, epilog=examples("unslouch doctor", "unslouch doctor --seconds 30 --json"))
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=6.0, show_default=True, metavar="S", help="Of the stream test."
)
@json_option("One JSON object a finding.")
@data_dir_option
def doctor(seconds: float, as_json: bool, data_dir: Path | None) -> None:
    """Look at Bluetooth, permissions, bonds and the stream; say what to do about what is wrong."""
    findings = run_async(_examine(data_dir, seconds))
    marks = {OK: "ok  ", WATCH: "note", BAD: "BAD "}
    for one in findings:
        if as_json:
            click.echo(json.dumps(asdict(one)))
            continue
        click.echo(f"{marks[one.level]} {one.text}")
        if one.mend:
            click.echo(f"     {one.mend}")
    if any(one.level == BAD for one in findings):
        raise click.exceptions.Exit(ExitCode.FAILURE)


async def _examine(data_dir: Path | None, seconds: float) -> list[Finding]:
    from unslouch.link.radios import SystemRadio
    from unslouch.link.visit import opened

    radio = radio_of(data_dir)
    found = [Finding("system", OK, f"{platform.system()} {platform.release()}, Python {platform.python_version()}.")]
    if isinstance(radio, SystemRadio):
        found += await system_findings()
        if any(one.level == BAD for one in found):
            return found
    else:
        found.append(Finding("radio", WATCH, "The virtual radio is used.", "Unset UNSLOUCH_RADIO for the real one."))
    known = straps_of(data_dir).all()
    try:
        async with opened(radio) as backends:
            found += await _scan(backends, known)
            for strap in known:
                found += await _strap(backends, radio, strap, seconds)
    except UnslouchError as error:
        found.append(Finding("bluetooth", BAD, error.message, error.advice))
    return found


async def system_findings() -> list[Finding]:
    """What can be said of Bluetooth on this system before it is used."""
    if sys.platform == "linux":
        return [*rfkill_findings(), *await _bluez()]
    if sys.platform == "darwin":
        version = tuple(int(part) for part in platform.mac_ver()[0].split(".")[:2] if part.isdigit())
        if version < (10, 15):
            return [Finding("macos", BAD, "This macOS is too old for Bluetooth LE here.", "Update to 10.15 or later.")]
        text = "macOS asks once whether this terminal may use Bluetooth."
        mend = "If it was denied: System Settings, Privacy & Security, Bluetooth: allow your terminal."
        return [Finding("permission", OK, text, mend)]
    if sys.platform == "win32":
        build = sys.getwindowsversion().build
        if build < 16299:
            text = f"Windows build {build} has no usable Bluetooth LE."
            return [Finding("windows", BAD, text, "Update to Windows 10 1709 (build 16299) or later.")]
        return [Finding("windows", OK, f"Windows build {build} will do.")]
    return [Finding("system", BAD, f"{sys.platform} is not supported by bleak.", "Use Linux, macOS or Windows.")]


def rfkill_findings(folder: Path = RFKILL) -> list[Finding]:
    """What the kernel's radio switches say."""
    found: list[Finding] = []
    for switch in sorted(folder.glob("rfkill*")) if folder.is_dir() else []:
        try:
            if (switch / "type").read_text().strip() != "bluetooth":
                continue
            soft, hard = ((switch / name).read_text().strip() == "1" for name in ("soft", "hard"))
        except OSError:
            continue
        if hard:
            mend = "Use the machine's radio switch or key."
            found.append(Finding("rfkill", BAD, "Bluetooth is switched off by a hardware switch.", mend))
        elif soft:
            mend = "Run: rfkill unblock bluetooth"
            found.append(Finding("rfkill", BAD, "Bluetooth is blocked by rfkill.", mend))
    return found


async def _bluez() -> list[Finding]:
    from unslouch.link.bluez import BluezError, adapters

    try:
        known = await adapters()
    except BluezError as error:
        mend = "Start it: systemctl enable --now bluetooth (and install bluez where it is missing)."
        if "AccessDenied" in str(error):
            name = os.environ.get("USER", "you")
            return [
                Finding(
                    "permission",
                    BAD,
                    "The bluetooth service does not let you in.",
                    f"Add {name} to the group bluetooth.",
                )
            ]
        return [Finding("bluetoothd", BAD, f"The bluetooth service does not run ({error}).", mend)]
    if not known:
        return [
            Finding("adapter", BAD, "There is no Bluetooth adapter.", "Plug one in; `dmesg` tells of missing firmware.")
        ]
    off = [one for one in known if not one.powered]
    if len(off) == len(known):
        return [Finding("adapter", BAD, "The Bluetooth adapter is off.", "Run: bluetoothctl power on")]
    names = ", ".join(one.address for one in known if one.powered)
    return [Finding("bluetoothd", OK, f"The bluetooth service runs, adapter {names}.")]


async def _scan(backends: Backends, known: list[KnownStrap]) -> list[Finding]:
    from unslouch.link.discovery import scan

    heard = await scan(4.0, backend=backends[0])
    found: list[Finding] = []
    if not heard:
        mend = "Is it charged, near, and not connected to another machine?"
        found.append(Finding("scan", WATCH, "No strap is heard.", mend))
    for strap in heard:
        weak = strap.rssi < -85
        text = f"{strap.name} is heard at {strap.rssi} dBm."
        found.append(Finding("scan", WATCH if weak else OK, text, "Bring it nearer." if weak else ""))
        if not strap.understood:
            mend = "Update the strap's firmware or this program."
            found.append(Finding("version", BAD, f"{strap.name} speaks protocol {strap.version}.", mend))
    if not known:
        found.append(Finding("bond", WATCH, "No strap is paired with this machine.", "Run `unslouch pair`."))
    return found


async def _strap(backends: Backends, radio: Radio, known: KnownStrap, seconds: float) -> list[Finding]:
    """Connect, look at the bond, measure the stream."""
    import asyncio

    from unslouch.errors import LinkError
    from unslouch.link.ledger import Ledger, Position
    from unslouch.link.visit import visit
    from unslouch.wire.control import Op
    from unslouch.wire.layout import PROTOCOL_VERSION
    from unslouch.wire.source import Channel

    packets: list[Packet] = []
    found: list[Finding] = []
    begun = time.monotonic()
    try:
        async with visit(
            backends, known.address, radio=radio, serial=known.serial, on_packet=packets.append
        ) as connection:
            took = time.monotonic() - begun
            found.append(Finding("bond", OK, f"{known.name} knows this machine; connected in {took:.1f} s."))
            status = await connection.status()
            await connection.demand(Op.MODE, {"mode": 0})
            await connection.demand(Op.START, {"version": PROTOCOL_VERSION, "profile": 0, "samples": 2})
            await asyncio.sleep(seconds)
            await connection.request(Op.STOP)
            mtu = connection.mtu
    except LinkError as error:
        return [*found, Finding("link", BAD, f"{known.name}: {error.message}", error.advice)]
    if status.samples_lost:
        text = f"{known.name} has lost {status.samples_lost} samples since its start."
        found.append(Finding("strap", WATCH, text))
    ledger = Ledger(Position(status.boot, status.seq))
    stream = [packet for packet in packets if packet.channel is Channel.STREAM]
    for packet in stream:
        ledger.take(packet)
    missing = sum(hole.end - hole.first for hole in ledger.holes)
    late = _lateness(stream)
    if not ledger.samples or late is None:
        mend = "Switch the strap off and on (hold its button for ten seconds)."
        return [*found, Finding("stream", BAD, f"{known.name} sends no samples.", mend)]
    share = missing / (ledger.samples + missing)
    text = f"{known.name}: {ledger.samples / seconds:.1f} samples/s, {share:.2%} missing, MTU {mtu}, "
    text += f"delay beyond the shortest: median {1000 * late[0]:.0f} ms, p95 {1000 * late[1]:.0f} ms."
    poor = share > 0.005 or late[1] > LATE_S
    mend = "Bring strap and machine nearer; USB 3 plugs and crowded 2.4 GHz Wi-Fi beside the adapter disturb it."
    return [*found, Finding("stream", WATCH if poor else OK, text, mend if poor else "")]


def _lateness(stream: list[Packet]) -> tuple[float, float] | None:
    """Delay of packets beyond the shortest, s: median and 95th percentile."""
    import numpy as np

    from unslouch.wire.decoder import decode_all

    clock = decode_all(stream).clock
    if len(clock.t_us) < 10:
        return None
    delay = clock.arrival_s - clock.t_us * 1e-6
    delay = delay - float(np.min(delay))
    return float(np.median(delay)), float(np.percentile(delay, 95))
