"""``unslouch buzz``: find my strap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples
from unslouch.cli.straps import at_strap, granted, signal_word, strap_option

if TYPE_CHECKING:
    from unslouch.link.known import KnownStrap

APART_S = 1.5
"""From one to the next: the longest pattern is over by then."""
PATTERNS = {"short": 1, "double": 2, "long": 3, "rising": 4}


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch buzz                                   # find my strap",
        "unslouch buzz --pattern rising --strength 50    # how a pattern feels",
        "unslouch buzz --times 5",
    ),
)
@click.option("--pattern", type=click.Choice(list(PATTERNS)), default="long", show_default=True, help="How it buzzes.")
@click.option("--strength", type=click.IntRange(1, 100), default=100, show_default=True, help="Percent.")
@click.option("--times", type=click.IntRange(1, 60), default=3, show_default=True, help="How often.")
@strap_option
@data_dir_option
def buzz(pattern: str, strength: int, times: int, strap: str | None, data_dir: Path | None) -> None:
    """Find my strap: let it buzz, a few times, a breath apart."""

    async def ask(connection: Any, known: KnownStrap) -> None:
        import asyncio

        from unslouch.wire.control import Op

        for number in range(times):
            if number:
                await asyncio.sleep(APART_S)
            answer = await connection.request(Op.BUZZ, {"pattern": PATTERNS[pattern], "strength": strength})
            granted("buzz", answer.status)
            if not number:
                click.echo(f"{known.name} buzzes ({signal_word(connection.strap.rssi)} signal).")

    at_strap(data_dir, strap, ask)
