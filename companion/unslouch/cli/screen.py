"""Opens the live screen and ends with its exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import ExitCode

if TYPE_CHECKING:
    from unslouch.live.feed import Feed


def open_screen(
    feed: Callable[[], Feed],
    *,
    start: str = "desk",
    data_dir: Path | None = None,
    keep: bool = True,
    technique: str | None = None,
) -> None:
    """Run the screen until it is left.

    Parameters
    ----------
    feed
        Makes the feed; called after the first frame, so that nothing heavy delays it.
    start
        The first screen: desk, coach or progress.
    """
    from unslouch.tui.app import UnslouchApp
    from unslouch.tui.options import Options, Where

    app = UnslouchApp(feed, Where(start), Options(data_dir=data_dir, keep=keep, technique=technique))
    app.run()
    if app.return_code:
        raise click.exceptions.Exit(ExitCode.FAILURE)
