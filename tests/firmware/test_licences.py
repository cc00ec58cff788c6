"""Licences of everything in the firmware, from `cargo metadata`; firmware/deny.toml says which may be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple, cast

import pytest

WORKSPACES = [".", "boards/qemu-mps2", "boards/xiao-nrf52840", "fuzz"]
NORDIC = {"nrf-sdc-sys", "nrf-mpsl-sys"}


class Rules(NamedTuple):
    """What deny.toml says of licences."""

    allowed: frozenset[str]
    exceptions: dict[str, frozenset[str]]
    clarified: dict[str, str]


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Licences that deny.toml allows, for every crate, for single ones, and what crates without a field come under."""
    path = Path(__file__).parents[2] / "firmware" / "deny.toml"
    licences = tomllib.loads(path.read_text())["licenses"]
    return Rules(
        frozenset(licences["allow"]),
        {e["crate"]: frozenset(e["allow"]) for e in licences["exceptions"]},
        {c["crate"]: c["expression"] for c in licences["clarify"]},
    )


def permits(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met with these licences; `/` is how crates used to write OR."""
    words = cast("list[str]", re.findall(r"[()]|[\w.+-]+", expression.replace("/", " OR ")))
    at = 0

    def either() -> bool:
        nonlocal at
        met = both()
        while at < len(words) and words[at] == "OR":
            at += 1
            met |= both()
        return met

    def both() -> bool:
        nonlocal at
        met = one()
        while at < len(words) and words[at] == "AND":
            at += 1
            met &= one()
        return met

    def one() -> bool:
        nonlocal at
        word, at = words[at], at + 1
        if word == "(":
            met = either()
            at += 1
            return met
        if at < len(words) and words[at] == "WITH":
            # with an exception of its own it is another licence
            word, at = f"{word} WITH {words[at + 1]}", at + 2
        return word in allowed

    met = either()
    if at != len(words):
        raise ValueError(f"{expression}: no SPDX expression")
    return met


def crates(folder: Path) -> list[dict[str, str | None]]:
    """Every crate a workspace could link, for any system; from what is on this machine, or fetched once."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("the firmware needs cargo (https://rustup.rs)")
    command = [cargo, "metadata", "--format-version", "1", "--locked"]
    done = subprocess.run([*command, "--offline"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["packages"]


@pytest.mark.parametrize("workspace", WORKSPACES)
def test_every_crate_may_be_passed_on(repository: Path, rules: Rules, workspace: str) -> None:
    found = crates(repository / "firmware" / workspace)
    assert len(found) > 20
    names = {crate["name"] for crate in found}
    # Nordic's binaries are for Nordic's chips: in the one image that runs there, and nowhere else
    assert names & NORDIC == (NORDIC if workspace.endswith("xiao-nrf52840") else set())
    for crate in found:
        name = crate["name"] or ""
        expression = crate["license"] or rules.clarified.get(name, "")
        assert expression, f"{name} has no licence"
        allowed = rules.allowed | rules.exceptions.get(name, frozenset())
        assert permits(expression, allowed), f"{name}: {expression}"


def test_nordics_licence_is_named_for_its_two_crates_alone(rules: Rules) -> None:
    nordic = {name for name, licences in rules.exceptions.items() if "LicenseRef-Nordic-5-Clause" in licences}
    assert nordic == NORDIC == set(rules.clarified)
    assert not any(name.startswith("LicenseRef") for name in rules.allowed)


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("MIT/Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("Apache-2.0 WITH LLVM-exception OR MIT", True),
    ],
)
def test_an_expression_is_read_as_spdx_has_it(expression: str, met: bool) -> None:
    assert permits(expression, frozenset({"MIT", "Apache-2.0"})) is met
