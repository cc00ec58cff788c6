"""``unslouch record`` and ``unslouch sync``: what the strap takes, onto the disk."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, UnslouchCommand, data_dir_option, examples
from unslouch.cli.interruption import Interruptions
from unslouch.cli.link_lines import LinkLines
from unslouch.cli.params import POSITION
from unslouch.cli.straps import live_feed, strap_option, straps_of
from unslouch.errors import LinkError, Reason, UnslouchError
from unslouch.report.words import counted, span
from unslouch.store.paths import data_paths

if TYPE_CHECKING:
    from unslouch.live.conveyor import Conveyor
    from unslouch.live.feed import LinkState, Update

PROFILES = {"fused": 0, "raw": 1, "gyro": 2}
POLL_S = 0.1


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch record                          # among the recordings of the data directory, until Ctrl-C",
        "unslouch record trial.mcap",
        "unslouch record --duration 60 --profile raw trial.mcap   # for research: the sensor's own counts",
    ),
)
@click.argument("file", type=FILE, required=False)
@click.option("--duration", type=POSITION, metavar="TIME", help="Stop after so long, s or m:ss (default: at Ctrl-C).")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="What is streamed (default: as set).")
@click.option("--force", is_flag=True, help="Overwrite a recording that is there.")
@strap_option
@data_dir_option
def record(
    file: Path | None,
    duration: float | None,
    profile: str | None,
    force: bool,
    strap: str | None,
    data_dir: Path | None,
) -> None:
    """Record what the strap sends, untouched, until Ctrl-C; by default among the recordings of the data directory.

    Ctrl-C is how a recording ends: the exit code is 0 when it holds samples. A strap out of range is waited for.
    """
    known = straps_of(data_dir).find(strap)
    if file is not None and file.exists():
        if not force:
            raise UnslouchError(Reason.BAD_OPTION, f"{file} is there already.", "Name another file, or --force.")
        file.unlink()
    with Interruptions() as interruptions:
        feed = live_feed(known, data_dir, record=file, profile=None if profile is None else PROFILES[profile])
        taken = _Taken(duration)
        try:
            while not taken.enough:
                for update in feed.poll():
                    taken.take(update)
                interruptions.check()
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            if not taken.samples:
                raise
            click.echo("", err=True)
        finally:
            feed.close()
    where = file or data_paths(data_dir).recordings / (feed.recording or "")
    click.echo(f"{counted(taken.samples, 'sample')} ({span(taken.seconds)}) recorded in {where}.")


class _Taken:
    """Counts what has come."""

    def __init__(self, duration: float | None) -> None:
        self.samples = 0
        self._duration = duration
        self._first, self._last = 0.0, 0.0
        self._link = LinkLines()

    @property
    def seconds(self) -> float:
        """How much of the strap's time it is."""
        return self._last - self._first

    @property
    def enough(self) -> bool:
        return self._duration is not None and self.samples > 0 and self.seconds >= self._duration

    def take(self, update: Update) -> None:
        self._link.follow(update.link)
        block = update.samples
        if block is None or not len(block):
            return
        if not self.samples:
            self._first = float(block.t[0])
        self._last = max(self._last, float(block.t[-1]))
        self.samples += len(block)


@click.command(
    cls=UnslouchCommand,
    epilog=examples("unslouch sync", "unslouch sync --timeout 600    # a whole day, over a bad link"),
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=180.0,
    show_default=True,
    metavar="S",
    help="Give up without a strap, or with a fetch unfinished, after so long; the next one goes on there.",
)
@strap_option
@data_dir_option
def sync(timeout: float, strap: str | None, data_dir: Path | None) -> None:
    """Fetch what the strap took while it was alone, and count it in your progress."""
    known = straps_of(data_dir).find(strap)
    with Interruptions() as interruptions:
        feed = live_feed(known, data_dir)
        try:
            link, whole = _fetch(feed, timeout, interruptions)
        finally:
            feed.close()
    if not whole:
        raise LinkError(link.reason or Reason.TIMEOUT, f"The fetch is not finished. {link.text}", link.advice)
    from unslouch.cli.settling import wait_for_all

    done = wait_for_all()
    for one in done:
        if one.failure is not None:
            raise one.failure
    kept = [session for one in done for session in one.kept]
    if not kept:
        click.echo("Everything was here already.")
        return
    minutes = sum(session.seconds for session in kept) / 60
    click.echo(f"{minutes:.0f} minutes that the strap took alone are in your progress now.")
    for session in kept:
        if session.uncertain_s is not None:
            off = "a day or more" if session.uncertain_s > 86400 else f"{session.uncertain_s / 60:.0f} minutes"
            click.echo(
                f"{session.seconds / 60:.0f} of them may be dated wrongly by {off}: the strap had restarted unheard.",
            )


def _fetch(feed: Conveyor, timeout: float, interruptions: Interruptions) -> tuple[LinkState, bool]:
    """Wait until nothing is missing any more, with a bar."""
    from unslouch.live.feed import LinkKind, LinkState

    link = LinkState(LinkKind.CONNECTING, "Looking for the strap.")
    end = time.monotonic() + timeout
    lines = LinkLines()
    with click.progressbar(length=1000, label="Fetching", file=sys.stderr) as bar:
        shown = 0
        while time.monotonic() < end:
            for update in feed.poll():
                link = update.link
                if link.reason is not None or link.kind is LinkKind.ENDED:
                    lines.follow(link)
            interruptions.check()
            if link.progress is not None:
                now = int(1000 * link.progress)
                bar.update(max(now - shown, 0))
                shown = max(now, shown)
            if link.kind is LinkKind.UP and feed.complete:
                bar.update(1000 - shown)
                return link, True
            time.sleep(POLL_S)
    return link, False
