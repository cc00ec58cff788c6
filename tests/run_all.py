"""Run every check this machine can run, and say in one line what it could not and why.

``make test`` and ``.ci/run`` call it. With ``CI=true`` a missing system package is installed (Debian) and anything that
could not run is a failure. ``--only lint|python|firmware`` runs a part; ``--list`` names the steps.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CI = os.environ.get("CI", "").lower() in {"1", "true"}


@dataclass(frozen=True)
class Step:
    """One check: ``needs`` returns why it cannot run here, or an empty string."""

    part: str
    name: str
    command: tuple[str, ...]
    needs: Callable[[], str]
    folder: Path = ROOT


def always() -> str:
    """No need."""
    return ""


def install_debian(package: str) -> bool:
    """Install a Debian package where CI allows it; whether it worked."""
    if not CI or shutil.which("apt-get") is None:
        return False
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", package],
    ):
        done = subprocess.run(
            [*sudo, *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            return False
    return True


def program(name: str, package: str, why: str) -> Callable[[], str]:
    """Need a program on the PATH, which a Debian package brings."""

    def missing() -> str:
        if shutil.which(name) is None and not install_debian(package):
            return f"{why} needs {name} (Debian: apt install {package})"
        return ""

    return missing


def cargo() -> str:
    """Need a Rust toolchain and a firmware to build."""
    if shutil.which("cargo") is None:
        return "the firmware needs cargo (https://rustup.rs)"
    return ""


def python_step(part: str, name: str, *command: str, needs: Callable[[], str] = always) -> Step:
    """Make a step from a program of the virtual environment."""
    return Step(part, name, (str(BIN / command[0]), *command[1:]), needs)


def steps() -> list[Step]:
    """Every step, in the order in which they run: quick ones first."""
    firmware = ROOT / "firmware"
    found = [
        python_step("lint", "format", "ruff", "format", "--check", "--quiet", "."),
        python_step("lint", "ruff", "ruff", "check", "--quiet", "."),
        python_step("lint", "layers", "lint-imports"),
        python_step("lint", "types", "basedpyright"),
    ]
    if (firmware / "Cargo.toml").exists():
        found += [
            Step("firmware", "cargo fmt", ("cargo", "fmt", "--all", "--check"), cargo, firmware),
            Step(
                "firmware",
                "cargo clippy",
                ("cargo", "clippy", "--locked", "--quiet", "--all-targets", "--", "-D", "warnings"),
                cargo,
                firmware,
            ),
            Step("firmware", "cargo test", ("cargo", "test", "--locked", "--quiet"), cargo, firmware),
        ]
    found.append(
        python_step(
            "python",
            "pytest",
            "pytest",
            "-n",
            "auto",
            "-q",
            needs=program("tmux", "tmux", "the terminal test"),
        )
    )
    return found


def main() -> int:
    """Run the steps and close with what could not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["lint", "python", "firmware"], help="run one part")
    parser.add_argument("--list", action="store_true", help="name the steps and stop")
    options = parser.parse_args()
    chosen = [step for step in steps() if options.only in (None, step.part)]
    if options.list:
        print("\n".join(f"{step.part:9} {' '.join(step.command)}" for step in chosen))
        return 0
    failed: list[str] = []
    not_run: list[str] = []
    for step in chosen:
        why = step.needs()
        if why:
            not_run.append(why)
            continue
        print(f"== {step.name}", flush=True)
        began = time.monotonic()
        code = subprocess.run(step.command, cwd=step.folder, check=False).returncode
        print(f"   {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        if code != 0:
            failed.append(step.name)
    if not_run:
        print(f"Could not run here: {'; '.join(not_run)}.")
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    if not failed and not (CI and not_run):
        print("All that can run here passed.")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
