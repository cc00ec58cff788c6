"""Types of option values that are more than a number or a word."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class NeutralSpan(click.ParamType[tuple[float, float]]):
    """``START:END`` in the recording's own time."""

    name = "START:END"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Split and check the two times."""
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType]  # a default, already converted
        parts = str(value).split(":")
        try:
            start, end = (float(part) for part in parts)
        except ValueError:
            self.fail(
                f"'{value}' is not START:END in seconds of the recording's time, for example 12.5:20.", param, ctx
            )
        if not (math.isfinite(start) and math.isfinite(end) and start < end):
            self.fail(f"'{value}' must begin before it ends.", param, ctx)
        return start, end


class Position(click.ParamType[float]):
    """Seconds, or ``m:ss``, or ``h:mm:ss``."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a position or a duration in seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        text = str(value)
        if not re.fullmatch(r"(\d+:)?(\d+:)?\d+(\.\d*)?", text):
            self.fail(f"'{text}' is not a time: seconds (90), m:ss (1:30) or h:mm:ss (0:01:30).", param, ctx)
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
        return total


NEUTRAL = NeutralSpan()
POSITION = Position()


def units_option(function: F) -> F:
    """Add ``--units``; the callback gives a tuple of unit names."""
    return click.option(
        "--units",
        metavar="UNIT,...",
        default="",
        callback=_split,
        help="Units of a CSV's columns where they are not SI: g, mg, deg/s, mdeg/s, ms, us, ns; for example g,deg/s.",
    )(function)


def _split(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(unit for part in value.split(",") if (unit := part.strip()))
