"""Measuring the strap's sensor: gyro bias, gyro scale, accelerometer. It measures itself; here is who is told what."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unslouch.cli.straps import at_strap, granted, straps_of
from unslouch.cli.typed import Enter
from unslouch.cli.working import Working
from unslouch.errors import LinkError, Reason

if TYPE_CHECKING:
    from unslouch.link.connection import StrapConnection
    from unslouch.link.known import KnownStrap
    from unslouch.wire.control import ControlStatus, Op

FACES = ("+x", "-x", "+y", "-y", "+z", "-z")
AXES = ("x", "y", "z")
TRIES = 3
"""Of a part that was spoilt by moving."""


def measure(what: str, turns: int, axis: str, strap: str | None, data_dir: Path | None) -> None:
    """Measure one part of the sensor, guided; the result is kept on the strap, when it was made here too.

    Raises
    ------
    LinkError
        REFUSED, when it did not come out.
    """

    async def work(connection: StrapConnection, known: KnownStrap) -> KnownStrap:
        from unslouch.wire.control import Op

        measuring = _Measuring(connection)
        await connection.demand(Op.SET_TIME, {"utc_us": int(time.time() * 1e6)})  # the strap keeps when it was
        if what == "bias":
            await measuring.bias()
        elif what == "scale":
            await measuring.scale(AXES.index(axis), turns)
        else:
            await measuring.acceleration()
        now = await connection.calibration()
        if now is not None:
            click.echo(_result(what, AXES.index(axis), now))
        return known

    known = at_strap(data_dir, strap, work)
    straps_of(data_dir).change(known.address, **{f"{what}_utc": time.time()})
    click.echo("It is kept on the strap.")


class _Measuring:
    """The steps over one connection."""

    def __init__(self, connection: StrapConnection) -> None:
        self._connection = connection
        self._enter: Enter | None = None

    async def bias(self) -> None:
        from unslouch.wire.control import Op

        await self._ask("Lay the strap on a table, press Enter, and do not touch it for ten seconds.")
        status = await self._working(Op.CAL_BIAS)
        for _ in range(TRIES - 1):
            if not _failed(status):
                break
            await self._ask("It moved. Once more: lay it down, press Enter, and do not touch it for ten seconds.")
            status = await self._working(Op.CAL_BIAS)
        granted("measure its gyro's bias", status)

    async def scale(self, axis: int, turns: int) -> None:
        status = await self._turn(axis, turns, "")
        for _ in range(TRIES - 1):
            if not _failed(status):
                break
            status = await self._turn(axis, turns, "That did not come out: all turns, within a minute. Once more. ")
        granted("measure the scale", status)

    async def _turn(self, axis: int, turns: int, first: str) -> ControlStatus:
        from unslouch.wire.control import Op

        name = AXES[axis]
        await self._ask(f"{first}Lay the strap against an edge, its {name} axis pointing up, and press Enter.")
        status = await self._request(Op.CAL_SCALE, {"axis": axis, "phase": 0, "angle": 0})
        if _failed(status):
            text = "The strap refused to begin: its gyro's bias is not known well enough."
            raise LinkError(Reason.REFUSED, text, "Run `unslouch calibrate --sensor bias` first.")
        granted("begin", status)
        often = f"{turns} full turn{'s' if turns > 1 else ''}"
        await self._ask(f"Turn it to the left, {often}, back against the edge, within a minute; then press Enter.")
        return await self._working(Op.CAL_SCALE, {"axis": axis, "phase": 1, "angle": 36_000 * turns})

    async def acceleration(self) -> None:
        for number, face in enumerate(FACES):
            status = await self._face(number, f"{number + 1} of 6: lay")
            for _ in range(TRIES - 1):
                if not _failed(status):
                    break
                status = await self._face(number, f"It moved, or its {face} side is not up: lay")
            granted("measure this side", status)

    async def _face(self, number: int, first: str) -> ControlStatus:
        from unslouch.wire.control import Op

        await self._ask(f"{first} the strap with its {FACES[number]} side up, then press Enter.")
        return await self._working(Op.CAL_ACC, {"face": number})

    async def _working(self, op: Op, values: dict[str, int] | None = None) -> ControlStatus:
        with Working("Measuring"):
            return await self._request(op, values)

    async def _ask(self, text: str) -> None:
        click.echo(text)
        if self._enter is None:
            self._enter = Enter()
        await self._enter.pressed()

    async def _request(self, op: Op, values: dict[str, int] | None = None) -> ControlStatus:
        return (await self._connection.request(op, values)).status


def _failed(status: ControlStatus) -> bool:
    from unslouch.wire.control import ControlStatus

    return status is ControlStatus.FAILED


def _result(what: str, axis: int, now: Any) -> str:
    """Say what was measured, in figures a person can compare."""
    import math

    if what == "bias":
        values = ", ".join(f"{math.degrees(value):+.2f}" for value in now.gyro_bias)
        spread = max(math.degrees(value) for value in now.gyro_bias_sd)
        return f"Gyro bias {values} °/s, within {spread:.3f} °/s."
    if what == "scale":
        return f"Gyro scale about {AXES[axis]}: {now.gyro_matrix[4 * axis]:.4f} of what it read before."
    offset = ", ".join(f"{value:+.3f}" for value in now.acc_offset)
    scale = ", ".join(f"{value:.4f}" for value in now.acc_scale)
    return f"Acceleration: offset {offset} m/s², scale {scale}."
