"""The demo in lines."""

from __future__ import annotations

from pathlib import Path

from unslouch.cli.lines import Lines
from unslouch.cli.plain_desk import PlainDesk, updates
from unslouch.live.conveyor import Conveyor
from unslouch.store.paths import data_paths
from unslouch.store.store import Store


def run_demo(feed: Conveyor, data_dir: Path | None) -> None:
    """Print the demo's events and its summary; keep its session when a place is given."""
    lines = Lines()
    lines.say("A simulated person wears a simulated strap: calibration (upright, three bows), a slouch, rotations.")
    lines.say("Times are minutes and seconds of the strap's clock.")
    lines.say()
    store = None if data_dir is None else Store.open(data_paths(data_dir))
    desk = PlainDesk(feed, lines, store)
    try:
        for update in updates(feed):
            desk.take(update)
    finally:
        desk.end()
        feed.close()
        if store is not None:
            store.close()
    desk.summary()
