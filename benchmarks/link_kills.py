"""Kill the companion again and again with -9, and look whether anything is lost or broken.

    python benchmarks/link_kills.py [--kills 200] [--jobs 4] [--seed 1]

The real program (``unslouch record`` and ``unslouch desk --plain`` by turns) runs on a strap whose firmware, flash and
air live in a process of their own and survive it. Each run is killed at a random moment, from its start-up on. After
each kill every recording must open and the database pass its integrity check; at the end one run is let to the end, and
what lies on the disk is held against what the sensor was given: nothing may be lost, and what was fetched again after a
kill (samples that an earlier recording holds already) is counted. Then the database is made again from the recordings.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from link_rig import RATE_HZ, AirProcess, load, read_back
from unslouch.errors import UnslouchError
from unslouch.recording.reader import read_packets

COMMANDS = (["record"], ["desk", "--plain"])
STARTING, START_S, STREAM_S = 0.3, 2.5, 3.0
"""Share of the kills that come while the program starts and connects, by when those come, and by when the others do,
from the first recorded samples on."""
AGAIN_ASKED_S = 1.0


@dataclass(slots=True)
class Outcome:
    """What came of one strap's kills."""

    kills: int = 0
    streaming: int = 0
    """Of these while samples were being recorded."""
    files: int = 0
    unopened: int = 0
    broken: int = 0
    """Databases that failed their integrity check."""
    taken: int = 0
    lost: int = 0
    again: list[int] = field(default_factory=list)
    """Samples that came again, by recording."""
    logged: int = 0
    rebuilt: str = "equal"


def run(air: AirProcess, data: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the program."""
    env = {**os.environ, "UNSLOUCH_RADIO": f"tcp:127.0.0.1:{air.port}", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "unslouch.cli.main", *command, "--data-dir", str(data)],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def pair(air: AirProcess, data: Path) -> None:
    """Make the bond with the program itself."""
    env = {**os.environ, "UNSLOUCH_RADIO": f"tcp:127.0.0.1:{air.port}"}
    command = [sys.executable, "-m", "unslouch.cli.main", "pair", "--strap", air.addresses[0], "--data-dir", str(data)]
    for last in (False, False, True):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, input="\n", timeout=120)
        if done.returncode == 0:
            return
        if last:
            raise RuntimeError(f"pair: {done.stdout} {done.stderr}")


def look(data: Path, outcome: Outcome) -> None:
    """Open everything that a kill left."""
    for file in (data / "recordings").glob("*.mcap"):
        try:
            read_packets(file)
        except UnslouchError as error:
            outcome.unopened += 1
            print(f"  {file.name}: {error}", flush=True)
    for database in data.glob("*.db"):
        with contextlib.closing(sqlite3.connect(database)) as opened:
            if opened.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                outcome.broken += 1


def contents(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what the database tells: every table's rows, sorted."""
    told: dict[str, list[tuple[object, ...]]] = {}
    [database] = data.glob("unslouch*.db")
    with contextlib.closing(sqlite3.connect(database)) as opened:
        for (table,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            told[table] = sorted(opened.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
    return told


def world(number: int, kills: int, seed: int, folder: Path) -> Outcome:
    """Kill the program on one strap again and again, then let it finish."""
    chance = random.Random(f"kills {seed} {number}")
    outcome = Outcome()
    data = folder / f"data{number}"
    with AirProcess() as air:
        pair(air, data)
        for kill in range(kills):
            process = run(air, data, COMMANDS[kill % 2])
            before = size(data)
            if chance.random() < STARTING:
                time.sleep(chance.uniform(0.1, START_S))
            else:
                wait_for_samples(data, before)
                time.sleep(chance.uniform(0.0, STREAM_S))
            if process.poll() is not None:
                raise RuntimeError(f"{COMMANDS[kill % 2]} ended with {process.returncode} before it was killed")
            process.send_signal(signal.SIGKILL)
            process.wait()
            outcome.kills += 1
            outcome.streaming += size(data) > before + 4096
            look(data, outcome)
        fed = air.ask("fed")
        assert isinstance(fed, list)
        [[(first, taken)]] = fed
        settle(air, data)
        assert first == 0
        outcome.taken = taken
        judge(data, taken, outcome)
        # the first one ends what a kill left running; then it must equal itself
        returned = rebuild(data)
        first_told = contents(data)
        returned |= rebuild(data)
        second_told = contents(data)
        different = [name for name in first_told if first_told[name] != second_told.get(name)]
        if returned or different:
            outcome.rebuilt = f"rebuild: {returned}, different: {different}"
    return outcome


def rebuild(data: Path) -> int:
    """Make the database again from the recordings."""
    command = [sys.executable, "-m", "unslouch.cli.main", "rebuild", "--data-dir", str(data)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def size(data: Path) -> int:
    """Bytes of recordings."""
    return sum(file.stat().st_size for file in (data / "recordings").glob("*.mcap"))


def wait_for_samples(data: Path, before: int) -> None:
    """Wait until a recording grows by more than its head."""
    end = time.monotonic() + 60
    while size(data) < before + 12_000 and time.monotonic() < end:
        time.sleep(0.02)


def settle(air: AirProcess, data: Path) -> None:
    """Let the program fetch whatever is missing."""
    for _ in range(3):
        process = run(air, data, ["sync", "--timeout", "60"])
        if process.wait(200) == 0:
            return


def judge(data: Path, taken: int, outcome: Outcome) -> None:
    """Hold the disk against what the sensor was given."""
    files = sorted((data / "recordings").glob("*.mcap"))
    outcome.files = len(files)
    have = np.zeros(taken, np.bool_)
    logged = np.zeros(taken + 5, np.bool_)
    for file in files:
        disk = read_back([file])
        seqs = disk.whole.get(1, np.empty(0, np.int64))
        seqs = seqs[seqs < taken]
        outcome.again.append(int(have[seqs].sum()))
        have[seqs] = True
        log = disk.logged.get(1, np.empty(0, np.int64))
        for j in range(5):
            logged[np.minimum(log + j, taken + 4)] = True
    outcome.logged = int((logged[:taken] & ~have).sum())
    outcome.lost = int((~have & ~logged[:taken]).sum())
    if outcome.lost:
        missing = np.flatnonzero(~have & ~logged[:taken])
        runs = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1)
        print(f"  {data.name} of {taken}: missing " + ", ".join(f"{r[0]}-{r[-1]}" for r in runs[:8]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=4, help="straps, with a program each, at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder in which everything stays")
    args = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="unslouch-kills-") as name, ThreadPoolExecutor(args.jobs) as pool:
        folder = args.keep or Path(name)
        each = [args.kills // args.jobs + (number < args.kills % args.jobs) for number in range(args.jobs)]
        outcomes = list(pool.map(lambda number: world(number, each[number], args.seed, folder), range(args.jobs)))
    kills = sum(one.kills for one in outcomes)
    again = [count for one in outcomes for count in one.again]
    print(f"{kills} kills, {sum(o.streaming for o in outcomes)} of them while samples were recorded")
    print(f"{sum(o.taken for o in outcomes)} samples taken, {sum(o.files for o in outcomes)} recordings")
    print(f"  recordings that did not open      {sum(o.unopened for o in outcomes):8d}   asked: 0")
    print(f"  databases that were not whole     {sum(o.broken for o in outcomes):8d}   asked: 0")
    print(f"  samples lost                      {sum(o.lost for o in outcomes):8d}   asked: 0")
    print(f"  samples at the log's 10.4 Hz      {sum(o.logged for o in outcomes):8d}")
    most = max(again, default=0) / RATE_HZ
    print(f"  fetched again after a kill, most  {most:8.2f} s  asked: at most {AGAIN_ASKED_S:.0f} s (of {sum(again)})")
    print(f"  database made again               {', '.join(sorted({one.rebuilt for one in outcomes}))}")
    print(f"wall {time.monotonic() - begun:.0f} s, {load()}")
    good = not any(o.unopened or o.broken or o.lost or o.rebuilt != "equal" for o in outcomes) and most <= AGAIN_ASKED_S
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
