"""Straps as processes on a virtual radio, in stepped time: a second lasts as long as its work, whatever the load."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

import pytest

from unslouch.link.radio.bench import Bench
from unslouch.link.radio.stepped import SteppedLoop, current


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time is stepped, but where a clock of its own is at work: an emulator's, or that of a strap that hangs."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.new_event_loop}
    return {"stepped": SteppedLoop}


@pytest.fixture(autouse=True)
async def _one_time() -> AsyncGenerator[None]:
    loop = current()
    with contextlib.nullcontext() if loop is None else loop.everywhere():
        yield


@pytest.fixture
async def bench(strap_binary: Path, tmp_path: Path) -> AsyncGenerator[Bench]:
    """Straps, samples and centrals on a virtual radio; all gone after the test."""
    async with Bench(strap_binary, tmp_path) as bench:
        yield bench
