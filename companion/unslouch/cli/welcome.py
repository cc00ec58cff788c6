"""What bare ``unslouch`` shows where no strap is known yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import click


def welcome(data_dir: Path | None) -> str | None:
    """Offer to pair or the demo on the screen; what was chosen, None for nothing.

    Raises
    ------
    Exit
        With 130 at Ctrl-C, 128 + its number at another signal.
    """
    from unslouch.cli.pairing import WAIT_S, pair_strap
    from unslouch.tui.app import speaks_unicode
    from unslouch.tui.welcome import WelcomeApp

    def pair(say: Callable[[str], None], stop: Event) -> str:
        return pair_strap(data_dir, None, WAIT_S, say, stop).name

    app = WelcomeApp(pair, plain=not speaks_unicode())
    try:
        chosen = app.run()
    finally:
        app.wait_for_pairing()
    if app.return_code:
        raise click.exceptions.Exit(app.return_code)
    return None if chosen is None else chosen.value
