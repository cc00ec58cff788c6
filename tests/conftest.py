"""What every test may use: the folder of shared data, and no silent skips in CI."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is no defect of a test: nothing is judged by the wall clock
settings.register_profile("unslouch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unslouch")

# what somebody, or a CI, asks of every program's output is not asked of what is tested, nor of what it starts
for _name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).resolve().parent.parent
ABSENT = "shared data is absent"
NO_CARGO = "cargo is absent: the firmware cannot be built (https://rustup.rs)"


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real recordings beside the checkout; the test skips where it is absent."""
    folder = Path(os.environ.get("UNSLOUCH_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(ABSENT)
    return folder


@pytest.fixture
def hears() -> Generator[None]:
    """Whoever started the tests (a shell in its background, nohup) may have made them, and what they start, deaf."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def strap_binary() -> Path:
    """Path of `unslouch-strap`: what UNSLOUCH_STRAP names, otherwise built from the checkout."""
    given = os.environ.get("UNSLOUCH_STRAP")
    if given:
        return Path(given)
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip(NO_CARGO)
    import fcntl  # not on Windows, where CI builds no firmware

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure, unless it is data that only stands beside some checkouts."""
    report = yield
    if (
        report.skipped
        and os.environ.get("CI")
        and not hasattr(report, "wasxfail")
        and ABSENT not in str(report.longrepr)
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"
    return report
