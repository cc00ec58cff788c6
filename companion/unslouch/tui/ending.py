"""How an app that is ended from outside, or hung up, leaves: everything closed, the terminal as it was."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Any

from textual.app import App


def end_when_told(app: App[Any]) -> None:
    """Exit the running app at Ctrl-C, TERM and a hang-up, with 128 + the signal's number."""
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
                loop.add_signal_handler(number, app.exit, None, 128 + number)
