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
TARGET = "thumbv7em-none-eabihf"
CI = os.environ.get("CI", "").lower() in {"1", "true"}


@dataclass(frozen=True)
class Step:
    """One check.

    ``needs`` return why it cannot run here, or an empty string; ``wants`` why a part of it cannot.
    """

    part: str
    name: str
    command: tuple[str, ...]
    needs: tuple[Callable[[], str], ...] = ()
    wants: tuple[Callable[[], str], ...] = ()
    folder: Path = ROOT


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
    """Need a Rust toolchain."""
    return "" if shutil.which("cargo") else "the firmware needs cargo (https://rustup.rs)"


def cortex_m() -> str:
    """Need the standard library for the strap's processor."""
    if shutil.which("cargo") is None:
        return ""  # said already
    probe = ["rustc", "--print", "target-libdir", "--target", TARGET]
    found = subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip()
    if found and any(Path(found).glob("libcore-*")):
        return ""
    if (
        CI
        and shutil.which("rustup")
        and subprocess.run(["rustup", "target", "add", TARGET], check=False).returncode == 0
    ):
        return ""
    return f"the strap's image needs its target (rustup target add {TARGET})"


def libclang() -> str:
    """Need libclang, with which the bindings of Nordic's controller are made; tells bindgen where it is."""
    if os.environ.get("LIBCLANG_PATH"):
        return ""
    for attempt in range(2):
        found = sorted(Path("/usr/lib").glob("llvm-*/lib/libclang*.so*"))
        if found:
            os.environ["LIBCLANG_PATH"] = str(found[-1].parent)
            return ""
        if attempt or not install_debian("libclang-dev"):
            break
    return "the XIAO's image needs libclang (Debian: apt install libclang-dev)"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def python_step(part: str, name: str, *command: str, wants: tuple[Callable[[], str], ...] = ()) -> Step:
    """Make a step from a program of the virtual environment."""
    return Step(part, name, (str(BIN / command[0]), *command[1:]), wants=wants)


def steps() -> list[Step]:
    """Every step, in the order in which they run: quick ones first."""
    firmware = ROOT / "firmware"
    xiao = firmware / "boards" / "xiao-nrf52840"
    image = ("cargo", "build", "--release", "--locked", "--quiet", "--target", TARGET)
    clippy = ("cargo", "clippy", "--locked", "--quiet", "--all-targets", "--", "-D", "warnings")
    found = [
        python_step("lint", "format", "ruff", "format", "--check", "--quiet", "."),
        python_step("lint", "ruff", "ruff", "check", "--quiet", "."),
        python_step("lint", "layers", "lint-imports", "--no-logo"),
        python_step("lint", "types", "basedpyright"),
        Step("firmware", "cargo fmt", ("cargo", "fmt", "--all", "--", "--check", "-l"), (cargo,), folder=firmware),
        Step("firmware", "cargo clippy", clippy, (cargo,), folder=firmware),
        Step("firmware", "cargo test", ("cargo", "test", "--locked", "--quiet"), (cargo,), folder=firmware),
    ]
    if shutil.which("cargo-deny"):
        # who has it; tests/firmware/test_licences.py looks at the licences anyway
        deny = ("cargo", "deny", "--log-level", "error", "check", "licenses", "bans", "sources")
        found.append(Step("firmware", "cargo deny", deny, (cargo,), folder=firmware))
    if CI:
        found.append(Step("firmware", "link the XIAO's image", image, (cargo, cortex_m, libclang), folder=xiao))
        llvm = program("llvm-objdump", "llvm", "the bounds of the XIAO's image")
        bounds = (sys.executable, "memory.py")
        found.append(Step("firmware", "bounds of the XIAO's image", bounds, (cargo, llvm), folder=xiao))
    wants = (
        program("tmux", "tmux", "the terminal test"),
        program("dbus-daemon", "dbus-daemon", "the test of BlueZ's pairing agent"),
        cargo,
        cortex_m,
        program("qemu-system-arm", "qemu-system-arm", "the strap on an emulated processor"),
    )
    # two thirds of the tests' time is waiting, for commands and an emulator in real time: more workers than processors
    workers = str(processors() + 2)
    found.append(python_step("python", "pytest", "pytest", "-n", workers, "--dist", "worksteal", "-q", wants=wants))
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
        missing = [why for need in step.needs if (why := need())]
        not_run += missing
        if missing:
            continue
        not_run += [why for want in step.wants if (why := want())]
        print(f"== {step.name}", flush=True)
        began = time.monotonic()
        # whatever the machine's locale is: tests read what programs say
        environment = {**os.environ, "PYTHONUTF8": "1"}
        code = subprocess.run(step.command, cwd=step.folder, env=environment, check=False).returncode
        print(f"   {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        if code != 0:
            failed.append(step.name)
    if not_run:
        print(f"Could not run here: {'; '.join(dict.fromkeys(not_run))}.")
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    if not failed and not (CI and not_run):
        print("All that can run here passed.")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
