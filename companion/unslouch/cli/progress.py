"""``unslouch progress``: what was reached over the days."""

from __future__ import annotations

import json
import math
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import UnslouchCommand, colour, data_dir_option, examples, json_option

if TYPE_CHECKING:
    from unslouch.store.store import Store

SHOWN = 14
"""Days at the desk, and things told, that a page shows: the newest."""


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch progress",
        "unslouch progress --json",
        "unslouch progress --person demo --data-dir trial   # what simulated wearers did",
    ),
)
@click.option("--person", metavar="NAME", default="me", show_default=True, help="Whose; demo is the simulated wearer.")
@json_option("One JSON object.")
@data_dir_option
def progress(person: str, as_json: bool, data_dir: Path | None) -> None:
    """Show range per side over the days with the measurement error, practice, posture at the desk, and what you told.

    What you told is sharp pain and markers, typed or with the strap's button, also while no session ran.

    A change is called real only beyond the least change that such a measurement can detect (6 degrees between days,
    mean of three repetitions).
    """
    from unslouch.store.paths import data_paths
    from unslouch.store.store import Store

    paths = data_paths(data_dir)
    if not paths.database.exists():
        if as_json:
            click.echo(json.dumps({"person": person, "rotation": [], "practice": None, "desk": [], "told": []}))
        else:
            click.echo(f"Nothing is kept in {paths.root} yet. `unslouch coach` and `unslouch desk` begin it.")
        return
    with Store.open(paths, read_only=True) as store:
        if as_json:
            click.echo(json.dumps(progress_object(store, date.today(), person), allow_nan=False))
            return
        click.echo(progress_page(store, date.today(), person), color=colour(sys.stdout))
        others = [name for name in store.persons() if name != person]
        if person == "me" and "demo" in others:
            click.echo("What simulated wearers did is kept apart: --person demo shows it.", err=True)


def progress_object(store: Store, today: date, person: str = "me") -> dict[str, object]:
    """Return what ``--json`` prints."""
    from unslouch.store.progress import desk_days, practised_days, streak
    from unslouch.store.told import told

    practice = streak(practised_days(store, person), today)
    return {
        "person": person,
        "rotation": [
            {
                "technique": technique,
                "side": side,
                "days": [{"day": day.isoformat(), "mean_deg": mean, "best_deg": best} for day, mean, best in days],
                "change_deg": change,
                "verdict": verdict,
            }
            for technique, side, days, change, verdict in _rotation(store, person)
        ],
        "practice": {"streak_days": practice.practised, "days_of_28": practice.of_28},
        "desk": [
            {
                "day": day.day.isoformat(),
                "upright_s": round(day.upright_s, 1),
                "slouched_s": round(day.slouched_s, 1),
                "unknown_s": round(day.unknown_s, 1),
                "alerts": day.alerts,
            }
            for day in desk_days(store, person)
        ],
        "told": [
            {
                "time": one.time.isoformat(timespec="seconds"),
                "kind": "sharp_pain" if one.sharp else "marker",
                "words": one.words,
                "uncertain": one.uncertain_s is not None,
            }
            for one in told(store, person)
        ],
    }


def _rotation(store: Store, person: str) -> list[tuple[str, str, list[tuple[date, float, float]], float | None, str]]:
    """Return technique, side, days with mean and best in degrees, change from first to last, and what it means."""
    from unslouch.store.progress import daily_ranges
    from unslouch_signal.events import Side, Technique
    from unslouch_signal.progress import verdict

    found: list[tuple[str, str, list[tuple[date, float, float]], float | None, str]] = []
    for technique in (Technique.SEATED_ROTATION, Technique.SUPINE_ROTATION):
        for side in Side:
            rows = daily_ranges(store, technique, side, person)
            if not rows:
                continue
            days = [(row.day, round(math.degrees(row.mean), 1), round(math.degrees(row.best), 1)) for row in rows]
            change = rows[-1].mean - rows[0].mean if len(rows) > 1 else None
            told = None if change is None else round(math.degrees(change), 1)
            found.append((technique.value, side.value, days, told, verdict(change).value))
    return found


def progress_page(store: Store, today: date, person: str = "me") -> str:
    """Write the progress for a person."""
    import numpy as np

    from unslouch.cli.analyze import page_style
    from unslouch.report.page import ROTATION_SCALE_DEG
    from unslouch.report.words import TECHNIQUE, counted, span
    from unslouch.store.progress import desk_days, practised_days, streak
    from unslouch_signal.events import Technique
    from unslouch_signal.progress import MDC95

    style = page_style()
    rows: list[str] = [style.bold("Rotation") + f"  ±{math.degrees(MDC95):.0f}° is measurement noise"]
    for technique, side, days, change, verdict in _rotation(store, person):
        means = np.array([mean for _, mean, _ in days])
        line = style.pen.spark(means[-28:], min(len(means), 28), 0.0, ROTATION_SCALE_DEG)
        best = max(best for _, _, best in days)
        rows.append(f"  {TECHNIQUE[Technique(technique)]}, {side:<5} {means[-1]:5.1f}°  best {best:.0f}°  {line}")
        if change is not None:
            rows.append(f"      {change:+.1f}° since {days[0][0]:%d %b %Y}: {verdict}")
    if len(rows) == 1:
        rows.append("  none measured yet: three valid repetitions of a side in one session make a measurement")
    practice = streak(practised_days(store, person), today)
    rows += ["", style.bold("Practice"), f"  {counted(practice.of_28, 'day')} in the last four weeks"]
    if practice.practised:
        rows[-1] += f", {counted(practice.practised, 'day')} in the present streak"
    desk = desk_days(store, person)
    if desk:
        rows += ["", style.bold("Desk")]
        for day in desk[-SHOWN:]:
            judged = day.upright_s + day.slouched_s
            share = day.upright_s / judged if judged else 0.0
            bar = style.pen.bar(share, max(style.inner - 52, 8))
            told = f"{100 * share:3.0f} % upright of {span(judged)}, {counted(day.alerts, 'alert')}"
            rows.append(f"  {day.day:%d %b} {bar} {told}")
    lines = _told_lines(store, person)
    if lines:
        rows += ["", style.bold("Told"), *lines[-SHOWN:]]
    return "\n".join(rows)


def _told_lines(store: Store, person: str) -> list[str]:
    """Return a line for each sharp pain and marker, oldest first."""
    from unslouch.store.told import told

    lines: list[str] = []
    for one in told(store, person):
        what = "sharp pain" if one.sharp else "mark"
        words = f": {one.words}" if one.words else ""
        unsure = "" if one.uncertain_s is None else "  (the time may be wrong: the strap had restarted unheard)"
        lines.append(f"  {one.time:%d %b %H:%M} {what}{words}{unsure}")
    return lines
