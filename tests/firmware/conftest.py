"""Straps as processes on a virtual radio."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from unslouch.link.radio.bench import Bench


@pytest.fixture
async def bench(strap_binary: Path, tmp_path: Path) -> AsyncGenerator[Bench]:
    """Straps, samples and centrals on a virtual radio; all gone after the test."""
    async with Bench(strap_binary, tmp_path) as bench:
        yield bench
