"""A few fault scripts of benchmarks/link_faults.py: nothing is lost, nothing doubled, on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SEEDS = (3, 5, 9, 12, 16, 22, 24, 30, 36, 41, 43, 48)
"""Between them every kind of fault; each of them found something once, or covers a kind that the others lack."""
LONGEST_S = 400.0


@pytest.mark.slow
def test_a_dozen_fault_scripts(repository: Path, strap_binary: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "link_faults.py"), "--jobs", "6", "--only"]
    done = subprocess.run(
        [*command, *(str(seed) for seed in SEEDS)],
        env={**os.environ, "UNSLOUCH_STRAP": str(strap_binary)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{len(SEEDS)} of {len(SEEDS)} scripts as asked" in done.stdout
