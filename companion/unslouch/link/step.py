"""One step that a system may never end, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from unslouch.errors import Reason
from unslouch.link.failures import failure

_T = TypeVar("_T")


async def within(work: Awaitable[_T], doing: str, seconds: float) -> _T:
    """Wait for a step; what the system raises passes through.

    Not wait_for: it waits for a cancelled step to end, which a stuck system need not do.

    Raises
    ------
    LinkError
        TIMEOUT when the time is up, LINK_LOST when the system below broke it off.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise failure(Reason.TIMEOUT, f"{doing} took too long.")
    if task.cancelled():  # by the system below, when the link went in the middle: nobody cancelled us
        raise failure(Reason.LINK_LOST, f"{doing} was broken off.")
    return task.result()
