"""A few fault scripts of benchmarks/link_faults.py: nothing is lost, nothing doubled, on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FED = 500
SEEDS = (3, 5, 9, 12, 16, 22, 24, 30, 36, 41, 43, 48)
"""Between them every kind of fault; each of them found something once, or covers a kind that the others lack."""
LONGEST_S = 400.0


def _whole() -> Any:
    from link_rig import OnDisk, code_of

    seqs = np.arange(FED)
    return OnDisk({1: seqs}, {1: code_of(seqs)})


def _without(a: int, b: int) -> Any:
    disk = _whole()
    disk.codes[1], disk.whole[1] = (np.delete(one[1], np.s_[a:b]) for one in (disk.codes, disk.whole))
    return disk


def _log_only() -> Any:
    disk = _without(100, 200)
    disk.logged[1] = np.arange(100, 200, 5)
    return disk


def _twice() -> Any:
    disk = _whole()
    disk.whole[1], disk.codes[1] = (np.append(one[1], one[1][7]) for one in (disk.whole, disk.codes))
    return disk


def _another() -> Any:
    disk = _whole()
    disk.codes[1][9] += 1
    return disk


@pytest.mark.parametrize(
    ("disk", "cut", "faults", "counts"),
    [
        (_whole, False, [], {}),
        (lambda: _without(120, 121), False, ["missing 120-120", "1 lost"], {"lost": 1}),
        # a power cut takes what was in the strap's RAM alone, and nothing before
        (lambda: _without(300, FED), True, [], {"cut": 200}),
        (lambda: _without(300, FED), False, ["missing 300-499", "200 lost"], {"lost": 200}),
        (lambda: _without(200, FED), True, ["missing 200-219", "20 lost"], {"lost": 20, "cut": 280}),
        (_log_only, False, ["100 slow"], {"slow": 100}),
        (_log_only, True, [], {"logged": 100}),
        (_twice, False, ["twice 7-7", "1 doubled"], {"doubled": 1}),
        (_another, False, ["1 altered"], {"altered": 1}),
    ],
)
def test_the_judge_of_fault_scripts_sees_each_fault(
    disk: Callable[[], Any],
    cut: bool,
    faults: list[str],
    counts: dict[str, int],
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    from fault_judge import Outcome, judge
    from link_rig import Start

    outcome = Outcome(1)
    judge(outcome, disk(), [Start(0, FED, cut)], unsteady=0, broken=False, gone_long=False)
    assert [fault.split("): ")[-1] for fault in outcome.faults] == faults
    counted = {name: getattr(outcome, name) for name in ("lost", "doubled", "altered", "slow", "logged", "cut")}
    assert {name: n for name, n in counted.items() if n} == counts
    assert outcome.taken == FED


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
