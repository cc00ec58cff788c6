"""Lines somebody types, read beside everything else."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator

from unslouch.errors import Reason, UnslouchError


def typed_lines() -> Iterator[str]:
    """Yield the lines of the standard input as they come, without their ends.

    Read from the descriptor: a thread that sits in ``sys.stdin`` holds its lock, and Python aborts over that when the
    process ends.
    """
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):  # not a file of the system: a test's
        yield from (line.rstrip("\r\n") for line in sys.stdin or ())
        return
    rest = b""
    while data := os.read(descriptor, 4096):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace")


def read_beside(take: Callable[[str | None], None]) -> None:
    """Hand each line, and None at the end, to ``take``, in a thread that ends with the process."""

    def read() -> None:
        for line in typed_lines():
            take(line)
        take(None)

    threading.Thread(target=read, name="typed", daemon=True).start()


class Enter:
    """Waits for Enter while a link goes on."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def take(line: str | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._lines.put_nowait, line)

        read_beside(take)

    async def pressed(self) -> None:
        """Return at the next line.

        Raises
        ------
        UnslouchError
            BAD_OPTION, when the standard input has ended.
        """
        if await self._lines.get() is None:
            text = "Somebody must press Enter, and the standard input has ended."
            raise UnslouchError(Reason.BAD_OPTION, text, "Run it in a terminal.")
