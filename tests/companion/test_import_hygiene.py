"""Starting fast is a feature: the overview and every command's help load neither numbers, screens nor radios."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unslouch.cli.main import COMMANDS

HEAVY = (
    "scipy", "scipy.signal", "pandas", "matplotlib", "textual", "bleak", "numpy", "pyarrow", "mcap", "vqf", "asyncio",
    "sqlite3",
)  # fmt: skip

PROBE = """
import sys
from unslouch.cli.main import main
try:
    main({argv!r})
except SystemExit as end:
    code = end.code
print("LOADED", *sorted(set(sys.modules) & set({heavy!r})))
sys.exit(code)
"""


def loaded_by(*argv: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", PROBE.format(argv=list(argv), heavy=HEAVY)], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split()[1:])


def test_the_overview_loads_nothing_heavy():
    assert loaded_by("--help") == set()


def test_the_version_loads_nothing_heavy():
    assert loaded_by("--version") == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_loads_nothing_heavy(command: str):
    assert loaded_by(command, "--help") == set()


def test_the_probe_sees_what_is_loaded():
    run = subprocess.run(
        [sys.executable, "-c", "import numpy, sys; print(sorted(set(sys.modules) & {'numpy', 'textual'}))"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.stdout.strip() == "['numpy']"
