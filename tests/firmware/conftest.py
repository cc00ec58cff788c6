"""The strap as a desktop process, built once however many workers run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NO_CARGO = "cargo is absent: the firmware cannot be built (https://rustup.rs)"


@pytest.fixture(scope="session")
def strap_binary() -> Path:
    """Path of `unslouch-strap`: what UNSLOUCH_STRAP_BINARY names, otherwise built from the checkout."""
    given = os.environ.get("UNSLOUCH_STRAP_BINARY")
    if given:
        return Path(given)
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip(NO_CARGO)
    firmware = ROOT / "firmware"
    target = firmware / "target"
    target.mkdir(exist_ok=True)
    with (target / ".pytest-build.lock").open("w") as lock:
        # one worker builds, the others find it done
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run(
            [cargo, "build", "--release", "--locked", "-p", "unslouch-strap-host"],
            cwd=firmware,
            capture_output=True,
            text=True,
            check=False,
        )
    assert built.returncode == 0, built.stderr
    return target / "release" / "unslouch-strap"
