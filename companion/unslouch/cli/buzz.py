"""``unslouch buzz``: find my strap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from unslouch.cli.command import UnslouchCommand, data_dir_option, examples
from unslouch.cli.straps import at_strap, granted, strap_option

PATTERNS = {"short": 1, "double": 2, "long": 3, "rising": 4}


@click.command(cls=UnslouchCommand, epilog=examples("unslouch buzz", "unslouch buzz --pattern rising --strength 100"))
@click.option("--pattern", type=click.Choice(list(PATTERNS)), default="long", show_default=True, help="How it buzzes.")
@click.option("--strength", type=click.IntRange(1, 100), default=100, show_default=True, help="Percent.")
@strap_option
@data_dir_option
def buzz(pattern: str, strength: int, strap: str | None, data_dir: Path | None) -> None:
    """Let the strap buzz once."""

    async def ask(connection: Any, _known: Any) -> Any:
        from unslouch.wire.control import Op

        return (await connection.request(Op.BUZZ, {"pattern": PATTERNS[pattern], "strength": strength})).status

    granted("buzz", at_strap(data_dir, strap, ask))
    click.echo("It buzzes.")
