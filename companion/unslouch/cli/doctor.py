"""``unslouch doctor``: what stands between this machine and the strap, and the mend of each."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import ExitCode, UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.straps import held, radio_of, run_async, signal_word, straps_of
from unslouch.cli.working import Working
from unslouch.errors import Reason, UnslouchError
from unslouch.link.checks import BAD, OK, WATCH, Finding

if TYPE_CHECKING:
    from unslouch.link.known import KnownStrap
    from unslouch.link.radios import Backends, Radio
    from unslouch.wire.source import Packet

LATE_S = 0.15
"""Later than this beyond the earliest (p95) and a figure on the screen lags."""
MISSING = 0.005
"""More than this share of samples missing on the first way is a poor radio; they are asked for again."""
WEAK_DBM = -85


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch doctor",
        "unslouch doctor --seconds 60           # a longer test of the stream",
        "unslouch doctor --json                 # one JSON object a finding",
    ),
)
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=6.0, show_default=True, metavar="S", help="Of the stream test."
)
@json_option("One JSON object a finding.")
@data_dir_option
def doctor(seconds: float, as_json: bool, data_dir: Path | None) -> None:
    """Look at Bluetooth, permissions, bonds and the stream; say what to do about what is wrong.

    The exit code is 1 when something stands in the way.
    """
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
    from unslouch.link.checks import system_bond, system_findings
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
            with Working("Listening"):
                found += await _scan(backends, known)
            for number, strap in enumerate(known):
                if isinstance(radio, SystemRadio):
                    found += await system_bond(strap.address, strap.name)
                try:
                    with Working(f"Testing the stream of {strap.name}"), held(strap, data_dir):
                        found += await _strap(backends, radio, strap, seconds)
                except UnslouchError as error:
                    # one that was used before may lie in a drawer
                    level = WATCH if number and error.reason is Reason.NOT_IN_RANGE else BAD
                    found.append(Finding("link", level, error.message, error.advice))
    except UnslouchError as error:
        found.append(Finding("bluetooth", BAD, error.message, error.advice))
    return found


async def _scan(backends: Backends, known: list[KnownStrap]) -> list[Finding]:
    from unslouch.link.discovery import scan

    heard = await scan(4.0, backend=backends[0])
    found: list[Finding] = []
    if not heard:
        mend = "Is it charged, near, and not connected to another machine?"
        found.append(Finding("scan", WATCH, "No strap is heard.", mend))
    for strap in heard:
        weak = strap.rssi < WEAK_DBM
        text = f"{strap.name} is heard at {strap.rssi} dBm ({signal_word(strap.rssi)})."
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

    from unslouch.link.visit import visit
    from unslouch.wire.control import Op
    from unslouch.wire.layout import PROTOCOL_VERSION
    from unslouch.wire.source import Channel
    from unslouch.wire.status import State

    packets: list[Packet] = []
    found: list[Finding] = []
    begun = time.monotonic()
    async with visit(
        backends, known.address, name=known.name, radio=radio, serial=known.serial, on_packet=packets.append
    ) as connection:
        took = time.monotonic() - begun
        found.append(Finding("bond", OK, f"{known.name} knows this machine; connected in {took:.1f} s."))
        status = await connection.status()
        await connection.demand(Op.MODE, {"mode": 0})
        await connection.demand(Op.START, {"version": PROTOCOL_VERSION, "profile": 0, "samples": 2})
        await asyncio.sleep(seconds)
        await connection.request(Op.STOP)
        mtu = connection.mtu
    if status.samples_lost:
        text = f"{known.name} has lost {status.samples_lost} samples since its start."
        found.append(Finding("strap", WATCH, text))
    if status.state & (State.OFF_BODY | State.CHARGER):
        text = f"{known.name} rests (off the body, or on its charger): it sends nothing to be tested."
        return [*found, Finding("stream", WATCH, text, "Put it on and run `unslouch doctor` again.")]
    stream = [packet for packet in packets if packet.channel is Channel.STREAM]
    counted, late = _counted(stream), _lateness(stream)
    if counted is None or late is None:
        mend = "Switch the strap off and on, and run `unslouch doctor` again."
        return [*found, Finding("stream", BAD, f"{known.name} sends no samples.", mend)]
    came, missing = counted
    share = missing / (came + missing)
    text = f"{known.name}: {came} samples in {seconds:g} s, {share:.2%} missing, MTU {mtu}, "
    text += f"delay beyond the shortest: median {1000 * late[0]:.0f} ms, p95 {1000 * late[1]:.0f} ms."
    poor = share > MISSING or late[1] > LATE_S
    mend = "Bring strap and machine nearer; USB 3 plugs and crowded 2.4 GHz Wi-Fi beside the adapter disturb it."
    return [*found, Finding("stream", WATCH if poor else OK, text, mend if poor else "")]


def _counted(stream: list[Packet]) -> tuple[int, int] | None:
    """How many samples came, and how many between the first and the last one did not; None without any.

    What the strap took before the stream began is not missing.
    """
    import numpy as np

    from unslouch.wire.decoder import decode_all

    blocks = [block for block in decode_all(stream).blocks if len(block.seq)]
    if not blocks:
        return None
    boot = blocks[-1].boot
    seq = np.unique(np.concatenate([block.seq for block in blocks if block.boot == boot]))
    return len(seq), int(seq[-1] - seq[0]) + 1 - len(seq)


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
