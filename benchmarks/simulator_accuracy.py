"""How right the analysis is on simulated straps: the table of the accuracy goals, with the seeds that miss them.

    python benchmarks/simulator_accuracy.py [--seeds 20] [--hours 60] [--input raw] [--json OUT]

Every recording has its own random mounting, only the protocol at its start to calibrate, 1 % gyro scale error and 2.5
deg/s of turn-on bias on every axis. ``raw`` hands it acceleration and rate, which it fuses acausally. ``fused``
is what a strap with causal VQF would send.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unslouch_signal.analysis import Analysis, analyse_recording
from unslouch_signal.events import HoldSpan
from unslouch_signal.hold import HoldDetector, HoldParameters, zone_for
from unslouch_signal.synth import WORST, Scenario, Simulated, Truth, scenarios, simulate
from unslouch_signal.track import Track


@dataclass
class Score:
    """What was found against what was so."""

    delays: list[float] = field(default_factory=list)
    alerts: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    hours: float = 0.0
    reps: int = 0
    wrong_sets: list[str] = field(default_factory=list)
    sets: int = 0
    range_errors: list[float] = field(default_factory=list)
    holds: int = 0
    wrong_holds: list[str] = field(default_factory=list)
    uncoached: int = 0
    hold_errors: list[float] = field(default_factory=list)
    uncalibrated: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--hours", type=float, default=60.0, help="simulated hours for false alerts")
    parser.add_argument("--input", choices=("raw", "fused", "both"), default="both")
    parser.add_argument("--only", choices=("alerts", "quiet", "seated", "across", "supine", "holds"), action="append")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("-v", "--verbose", action="store_true", help="list every miss")
    args = parser.parse_args()
    figures: dict[str, dict[str, object]] = {}
    for form in ("raw", "fused") if args.input == "both" else (args.input,):
        figures[form] = _run(form, args)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all(f["reached"] for f in figures.values()) else 1


def _run(form: str, args: argparse.Namespace) -> dict[str, object]:
    began = time.perf_counter()
    seeds = range(args.first, args.first + args.seeds)
    hours = args.hours / args.seeds
    parts: dict[str, Score] = {}
    makers = {
        "alerts": lambda s: scenarios.desk_day(3600.0, s),
        "quiet": lambda s: scenarios.quiet_day(3600.0 * hours, s),
        "seated": lambda s: scenarios.seated_set(5, s),
        "across": lambda s: scenarios.seated_set(5, s, across=True),
        "supine": lambda s: scenarios.supine_set(5, s),
        "holds": lambda s: scenarios.extension_and_doorway(s),
    }
    for name, make in makers.items():
        if args.only and name not in args.only:
            continue
        score = parts[name] = Score()
        for seed in seeds:
            _judge(name, make(seed), seed, form, score)
    print(f"\n{form} samples, {args.seeds} seeds from {args.first}, {time.perf_counter() - began:.0f} s")
    rows: list[tuple[str, str, str, bool]] = []
    if a := parts.get("alerts"):
        worst = max(a.delays, key=abs, default=float("nan"))
        rows.append(("slouches alerted", f"{len(a.delays)} of {a.alerts}", "all", not a.missed))
        rows.append(
            ("delay against ideal, p95, worst", f"{_p95(a.delays):.2f}, {worst:+.2f} s", "1 s", abs(worst) <= 1)
        )
        rows.append((f"false alerts while slouching too, {a.hours:.0f} h", str(len(a.false)), "0", not a.false))
        rows.append(("desk days with all rotations right", _share(a), "-", True))
    if q := parts.get("quiet"):
        rows.append((f"false alerts in {q.hours:.0f} h", str(len(q.false)), "0", not q.false))
        rows.append(("quiet days with all rotations right", _share(q), "-", True))
    for name, goal in (("seated", 1.0), ("across", 1.0), ("supine", 1.2)):
        if r := parts.get(name):
            rows.append((f"{name}: sets with exact counts and sides", _share(r), "all", not r.wrong_sets))
            p95 = _p95(r.range_errors)
            rows.append((f"{name}: range error p95 of {r.reps}", f"{p95:.2f} deg", f"{goal} deg", p95 <= goal))
    if h := parts.get("holds"):
        worst = max(map(abs, h.hold_errors), default=float("nan"))
        rows.append(("holds seen by the clock", f"{len(h.hold_errors)} of {h.holds}", "all", not h.wrong_holds))
        rows.append(("holds found without a coach, within 0.5 s", f"{h.uncoached} of {h.holds}", "-", True))
        rows.append(("hold time error, worst", f"{worst:.2f} s", "0.5 s", worst <= 0.5))
    failed = sorted({u for s in parts.values() for u in s.uncalibrated})
    rows.append(("recordings without calibration found", str(len(failed)), "0", not failed))
    for what, value, goal, good in rows:
        print(f"  {what:48s} {value:>18s}   goal {goal:8s} {'' if good else 'MISSED'}")
    if args.verbose:
        for name, s in parts.items():
            for kind in ("missed", "false", "wrong_sets", "wrong_holds", "uncalibrated"):
                for line in getattr(s, kind):
                    print(f"    {name} {kind}: {line}")
    return {"rows": [r[:3] for r in rows], "reached": all(r[3] for r in rows)}


def _judge(name: str, scenario: Scenario, seed: int, form: str, score: Score) -> None:
    recording = simulate(scenario, WORST, seed=seed, fused=form == "fused")
    block = recording.block_fused if form == "fused" else recording.block_raw
    assert block is not None
    analysis = analyse_recording(block)
    where = f"{scenario.name} seed {seed}"
    if analysis.calibration_source != "protocol":
        score.uncalibrated.append(f"{name} {where}: {analysis.calibration_source}")
    truth = recording.truth
    score.hours += float(truth.t[-1]) / 3600.0
    if name in ("alerts", "quiet"):
        _alerts(analysis, truth, where, score)
    if name == "holds":
        _holds(analysis, recording, where, score)
    _rotations(analysis, truth, where, score)


def _alerts(analysis: Analysis, truth: Truth, where: str, score: Score) -> None:
    found = [a.t for a in analysis.alerts]
    for s in truth.slouches:
        if s.alert is None or _ambiguous(truth, s.start, s.end):
            continue
        score.alerts += 1
        near = [t for t in found if s.start <= t <= s.end + 2.0]
        if near:
            score.delays.append(near[0] - s.alert)
            if abs(near[0] - s.alert) > 1.0:
                score.missed.append(f"{where}: {s.direction} at {s.start:.1f} s, alert {near[0] - s.alert:+.2f} s late")
        else:
            score.missed.append(
                f"{where}: {s.direction} {s.start:.1f}-{s.end:.1f} s, peak {np.degrees(s.peak):.1f} deg"
            )
    for a in analysis.alerts:
        real = any(s.alert is not None and s.start - 1.0 <= a.t <= s.end + 2.0 for s in truth.slouches)
        if not real and not _ambiguous(truth, a.start, a.t):
            i = int(np.searchsorted(truth.t, a.t))
            angle = (np.degrees(x[min(i, len(x) - 1)]) for x in (truth.flexion, truth.lateral))
            lost = any(u0 <= a.t <= u1 for u0, u1 in truth.uncalibrated)
            score.false.append(
                f"{where}: {a.direction} at {a.t:.1f} s, {np.degrees(a.angle):.1f} deg seen, true flexion, lateral "
                + ", ".join(f"{x:.1f}" for x in angle)
                + (", after a slip" if lost else "")
            )


def _ambiguous(truth: Truth, start: float, end: float) -> bool:
    return any(a - 1.0 < end and start - 1.0 < b for a, b in truth.ambiguous)


def _rotations(analysis: Analysis, truth: Truth, where: str, score: Score) -> None:
    found = [(r.side, r.position, r.start, r.peak, r.range) for r in analysis.rotations]
    real = [r for r in truth.rotations if not any(u0 <= r.start <= u1 for u0, u1 in truth.uncalibrated)]
    found = [r for r in found if not any(u0 <= r[2] <= u1 for u0, u1 in truth.uncalibrated)]
    score.sets += 1
    wrong: list[str] = []
    left = list(found)
    for r in real:
        score.reps += 1
        match = [f for f in left if f[0] == r.side and f[1] == r.position and r.start - 0.5 <= f[3] <= r.end + 0.5]
        if not match:
            wrong.append(f"missed {r.side} {r.position} {r.start:.1f}-{r.end:.1f} s {np.degrees(r.range):.1f} deg")
            continue
        left.remove(match[0])
        score.range_errors.append(float(np.degrees(match[0][4] - r.range)))
    wrong += [f"extra {f[0]} {f[1]} from {f[2]:.1f} s, peak {f[3]:.1f} s {np.degrees(f[4]):.1f} deg" for f in left]
    if wrong:
        score.wrong_sets.append(f"{where}: " + "; ".join(wrong))


def _holds(analysis: Analysis, recording: Simulated, where: str, score: Score) -> None:
    """Run the hold clock as the coach does, who knows technique and side, over each hold with some time around it."""
    track = analysis.track
    found = [e for e in analysis.events if isinstance(e, HoldSpan)]
    for h in recording.truth.holds:
        score.holds += 1
        same = [
            f for f in found if (f.technique, f.side) == (h.technique, h.side) and f.start < h.end and h.start < f.end
        ]
        score.uncoached += len(same) == 1 and abs(same[0].held - h.held) <= 0.5
        zone = zone_for(h.technique, None)
        clock = HoldDetector(HoldParameters(h.technique, h.side, *zone, needed=60.0))
        lo, hi = np.searchsorted(track.t, (h.start - 3.0, h.end + 3.0))
        clock.process(Track(**{name: getattr(track, name)[lo:hi] for name in Track.__slots__}))
        span = clock.finish()
        if span is None:
            score.wrong_holds.append(f"{where}: {h.technique} {h.side} {h.start:.1f}-{h.end:.1f} s not seen")
            continue
        score.hold_errors.append(span.held - h.held)
        if abs(span.held - h.held) > 0.5:
            score.wrong_holds.append(f"{where}: {h.technique} {h.side} {h.held:.2f} s, {span.held:.2f} s counted")


def _p95(errors: list[float]) -> float:
    return float(np.percentile(np.abs(errors), 95)) if errors else float("nan")


def _share(score: Score) -> str:
    return f"{score.sets - len(score.wrong_sets)} of {score.sets}"


if __name__ == "__main__":
    sys.exit(main())
