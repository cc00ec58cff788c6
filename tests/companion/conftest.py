"""Time that passes as fast as the program allows, so that no test waits and none depends on how busy the machine is."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class _Impatient(selectors.DefaultSelector):
    """Waits for nothing: what was to be waited is counted as passed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout is not None:
            self.passed += max(timeout, 1e-6)  # thinking takes time, too
        return ready


class _OwnTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to whatever comes next."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.passed


@pytest.fixture
def in_own_time() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine in an event loop whose time does not depend on the machine's."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=_OwnTime) as runner:
            return runner.run(coroutine)

    return run
