"""Work on many files on all cores, in their order, without leaving a process behind."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from unslouch.errors import Reason, UnslouchError

Item = TypeVar("Item")
Result = TypeVar("Result")

START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""A fork of this process would copy whatever threads it has; a server forks from a clean one, its imports done once."""


def map_on_cores(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in order, computed by ``workers`` processes.

    ``work`` and its results must pickle. Closing the iterator (or an exception in the consumer) drops what was not
    begun.
    """
    context = multiprocessing.get_context(START)
    if START == "forkserver":
        context.set_forkserver_preload(["unslouch.report.judge"])
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_die_on_interrupt)
    try:
        yield from executor.map(work, items)
    except BrokenProcessPool:
        raise UnslouchError(
            Reason.WORKER,
            "A process that was working on the files was ended from outside, perhaps for lack of memory.",
            "Try again with --jobs 1.",
        ) from None
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _die_on_interrupt() -> None:
    """Let Ctrl-C end a worker at once and without a traceback; the parent does the talking."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
