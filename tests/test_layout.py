"""The house stands as docs/architecture.md says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ALLOWED_TOP = {
    "pyproject.toml",
    "firmware",
    "companion",
    "signal",
    "tests",
    "recordings",
    "docs",
    "benchmarks",
    ".ci",
    ".gitignore",
    ".gitattributes",
    "README.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "requirements.lock",
    "requirements-dev.lock",
}


def tracked(repository: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True)
    return [name for name in listed.stdout.decode().split("\0") if name]


def test_signal_folder_never_shadows_the_standard_library(repository: Path) -> None:
    assert not (repository / "signal" / "__init__.py").exists()
    done = subprocess.run(
        [sys.executable, "-c", "import signal; print(signal.SIGINT.name, signal.__file__)"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("SIGINT")
    assert str(repository) not in done.stdout.split()[1]


def test_top_level_is_the_one_agreed(repository: Path) -> None:
    assert {name.split("/")[0] for name in tracked(repository)} <= ALLOWED_TOP


def test_both_packages_are_typed(repository: Path) -> None:
    for package in ("companion/unslouch", "signal/unslouch_signal"):
        assert (repository / package / "py.typed").exists()


def test_tests_are_no_packages_and_names_are_unique(repository: Path) -> None:
    files = [Path(name) for name in tracked(repository) if name.startswith("tests/") and name.endswith(".py")]
    assert not [name for name in files if name.name == "__init__.py"]
    tests = [name.name for name in files if name.name.startswith("test_")]
    assert len(tests) == len(set(tests))


def test_version_is_said_once_and_the_same(repository: Path) -> None:
    import unslouch

    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert project["version"] == unslouch.__version__


def test_lock_files_have_hashes_and_no_addresses(repository: Path) -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (repository / name).read_text()
        assert "://" not in text
        pins = re.findall(r"^[\w.\-\[\]]+==\S+.*$", text, flags=re.M)
        assert len(pins) > 20
        assert all(pin.endswith("\\") for pin in pins), "every pin goes on with its hashes"


def test_nothing_tracked_is_large(repository: Path) -> None:
    large = [
        n for n in tracked(repository) if (repository / n).is_file() and (repository / n).stat().st_size > 2_000_000
    ]
    assert not large
