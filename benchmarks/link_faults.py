"""Random fault scripts against the live link: how many samples are lost or come twice.

    python benchmarks/link_faults.py [--scripts 1000] [--seed 1] [--jobs 4]
    python benchmarks/link_faults.py --only 4711 [--keep FOLDER]      # one script again, told step by step

Each script is made from its seed: a strap (the firmware's process) is paired with and worn, and then two to five
things happen to it: packets are lost, delayed, doubled, put out of order or broken; the strap goes out of range for a
short or a long time, loses its power (kill -9), is restarted; the adapter vanishes, the companion is closed or killed
and opened again, the MTU changes, the bond is renewed. Then the air heals, everything is waited for, and what lies on
the disk (every recording that the companion made, read as anybody would) is held against what the sensor was given:

- lost: a sample that no recording holds, neither itself nor in the strap's log (every fifth at 10.4 Hz);
- doubled: a sample that the recordings hold twice at full rate; or one that carries another's contents;
- at the log's rate: a sample that only the log gives though the strap's RAM had it all the time.

A power cut takes what the strap held in RAM alone: the log's open record of at most 200 samples, and what the sensor
had handed over but the strap not yet taken. That is counted beside, and judged only if it is more.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from fault_judge import COUNTED, Outcome
from fault_script import script_of
from fault_world import World
from link_rig import load


def play(seed: int, keep: Path | None = None, tell: Callable[[str], None] = lambda _text: None) -> Outcome:
    """Play one script in a folder of its own."""
    logging.getLogger("bumble").setLevel(logging.CRITICAL + 1)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    folder = Path(tempfile.mkdtemp(prefix=f"unslouch-faults-{seed}-")) if keep is None else keep
    try:
        outcome = asyncio.run(World(seed, folder, tell).play())
    except Exception:  # noqa: BLE001  # a script that breaks the rig or the companion is a finding, not the end
        outcome = Outcome(seed, acts=[str(act) for act in script_of(seed)], faults=[traceback.format_exc()])
    finally:
        if keep is None and (not os.environ.get("KEEP_FAILED") or not outcome.faults):
            shutil.rmtree(folder, ignore_errors=True)
    return outcome


def show(outcomes: list[Outcome], wall_s: float, processor: float) -> bool:
    """Print the table; whether everything is as asked."""
    failed = [one for one in outcomes if one.faults]
    acts = sum(len(one.acts) for one in outcomes)
    total = {name: sum(getattr(one, name) for one in outcomes) for name in COUNTED}
    print(f"{len(outcomes)} scripts, {acts} acts, {total['taken']} samples taken by the straps")
    print(f"  lost                                             {total['lost']:8d}   asked: 0")
    print(f"  doubled                                          {total['doubled']:8d}   asked: 0")
    print(f"  at the log's 10.4 Hz without need                {total['slow']:8d}   asked: 0")
    print(f"  at the log's 10.4 Hz, the strap's RAM had passed {total['logged']:8d}")
    print(f"  from the log too, after a kill or a power cut    {total['twice_logged']:8d}")
    print(f"  in the strap's RAM alone at a power cut          {total['cut']:8d}")
    print(f"  contents altered by broken packets               {total['altered']:8d}")
    print(f"wall {wall_s:.0f} s, processor {processor:.0f} s, {load()}")
    for one in failed:
        print(f"FAILED: --only {one.seed}  [{'; '.join(one.acts)}]")
        for fault in one.faults:
            print(f"    {fault}")
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} scripts as asked")
    return not failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first script; the next ones count on")
    parser.add_argument("--jobs", type=int, default=4, help="scripts at a time")
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="play these; of a single one all is told")
    parser.add_argument("--keep", type=Path, help="with --only: where its files stay")
    args = parser.parse_args()
    begun = time.monotonic()
    seeds = args.only or range(args.seed, args.seed + args.scripts)
    if len(seeds) == 1:
        outcomes = [play(seeds[0], args.keep, lambda text: print(f"{time.monotonic() - begun:7.2f} {text}"))]
    else:
        outcomes = []
        with ProcessPoolExecutor(args.jobs) as pool:
            waiting = [pool.submit(play, seed) for seed in seeds]
            for done in as_completed(waiting):
                outcomes.append(done.result())
                if outcomes[-1].faults:
                    print(f"  script {outcomes[-1].seed}: {outcomes[-1].faults}", flush=True)
                if len(outcomes) % 50 == 0:
                    print(f"  {len(outcomes)} scripts after {time.monotonic() - begun:.0f} s", flush=True)
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    sys.exit(0 if show(outcomes, time.monotonic() - begun, used) else 1)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
