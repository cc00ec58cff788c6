"""What came of a fault script, by what lies on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from link_rig import OnDisk, Start, code_of

IN_RAM = 200
"""Samples of the log's open record: 40 of every fifth."""
IN_FLIGHT = 80
"""Samples handed over that a strap that is killed had not taken yet."""
RING = 1560
"""Samples that the strap's RAM holds at least: 30 s."""
COUNTED = ("taken", "lost", "doubled", "altered", "slow", "logged", "twice_logged", "cut")


@dataclass(slots=True)
class Outcome:
    """What came of a script."""

    seed: int
    taken: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    """Contents of another sample, or none of any, where packets were broken: nothing tells them from good ones."""
    slow: int = 0
    """At the log's rate without need."""
    logged: int = 0
    """At the log's rate because the strap's RAM had it no more."""
    twice_logged: int = 0
    """In the log's copy too, though an earlier recording has it at full rate."""
    cut: int = 0
    """In the strap's RAM alone at a power cut."""
    wall_s: float = 0.0
    acts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong, in words."""


def judge(outcome: Outcome, disk: OnDisk, starts: list[Start], *, unsteady: int, broken: bool, gone_long: bool) -> None:
    """Hold what lies on the disk against what the sensor was given.

    Parameters
    ----------
    outcome
        Takes the counts, and what is wrong in words.
    disk
        Every recording of the companion, read as anybody would.
    starts
        What the sensor was given, start by start of the strap.
    unsteady
        Samples that came out of order on the live way.
    broken
        Whether packets were broken: nothing tells another sample's contents from good ones then.
    gone_long
        Whether the strap was not heard for longer than its RAM may reach back.
    """
    if disk.unordered:
        outcome.faults.append(f"{disk.unordered} places where a recording runs backward")
    if unsteady:
        outcome.faults.append(f"{unsteady} samples out of order on the live way")
    for boot, start in enumerate(starts, 1):
        _judge_boot(outcome, boot, start, disk, gone_long=gone_long)
    strange = sorted((set(disk.whole) | set(disk.logged)) - set(range(1, len(starts) + 1)))
    if strange:
        outcome.faults.append(f"boots that never were: {strange}")
    for what in ("lost", "doubled", "slow"):
        if getattr(outcome, what):
            outcome.faults.append(f"{getattr(outcome, what)} {what}")
    if outcome.altered and not broken:
        outcome.faults.append(f"{outcome.altered} altered")


def _judge_boot(outcome: Outcome, boot: int, start: Start, disk: OnDisk, *, gone_long: bool) -> None:
    fed = start.fed
    outcome.taken += fed
    seqs = disk.whole.get(boot, np.empty(0, np.int64))
    log = disk.logged.get(boot, np.empty(0, np.int64))
    beyond = int((seqs >= fed).sum()) + int((log >= fed).sum())
    if beyond:
        outcome.faults.append(f"boot {boot}: {beyond} samples that were never taken")
    seqs_in, log = seqs[seqs < fed], log[log < fed]
    count = np.bincount(seqs_in, minlength=fed)
    twice = np.flatnonzero(count > 1)
    if len(twice):
        outcome.doubled += len(twice)
        outcome.faults.append(f"boot {boot} (of {fed}): twice {in_words(twice)}")
    told = disk.codes.get(boot, np.empty(0, np.int64))[seqs < fed]
    outcome.altered += int((told != code_of(start.first + seqs_in)).sum())
    full = count > 0
    covered = full.copy()
    by_log = np.zeros(fed + 5, np.bool_)
    for j in range(5):  # each stands for the five that it was chosen from
        by_log[np.minimum(log + j, fed + 4)] = True
    covered |= by_log[:fed]
    outcome.twice_logged += int(full[log].sum())
    missing = np.flatnonzero(~covered)
    if start.cut:
        tail = missing >= fed - IN_RAM - IN_FLIGHT
        outcome.cut += int(tail.sum())
        missing = missing[~tail]
    if len(missing):
        outcome.lost += len(missing)
        outcome.faults.append(f"boot {boot} (of {fed}, cut {start.cut}): missing {in_words(missing)}")
    only_log = int((covered & ~full).sum())
    if start.cut or gone_long or fed > RING:  # it was not heard for longer than its RAM reaches back
        outcome.logged += only_log
    else:
        outcome.slow += only_log


def in_words(samples: np.ndarray) -> str:
    """Name the first runs of some samples."""
    runs = np.split(samples, np.flatnonzero(np.diff(samples) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" for run in runs[:6])
