"""``unslouch record`` and ``unslouch sync``: what the strap takes, onto the disk."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, UnslouchCommand, data_dir_option, examples
from unslouch.cli.interruption import Interruptions
from unslouch.cli.link_lines import LinkLines
from unslouch.cli.params import POSITION
from unslouch.cli.straps import live_feed, strap_option, straps_of
from unslouch.errors import FileError, LinkError, Reason, UnslouchError
from unslouch.live.feed import Keep
from unslouch.report.words import counted, pressed, span
from unslouch.store.paths import data_paths

if TYPE_CHECKING:
    from unslouch.live.conveyor import Conveyor
    from unslouch.live.feed import Feed, LinkState, Update

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

    Ctrl-C is how a recording ends: the exit code is 0 when it holds samples. A strap out of range is waited for. What
    the strap's button tells meanwhile is in your progress, and so is what the strap had taken alone.
    """
    if file is not None and file.suffix.lower() != ".mcap":
        raise UnslouchError(Reason.BAD_OPTION, f"{file} is no .mcap.", "record makes MCAP; export makes other formats.")
    known = straps_of(data_dir).find(strap)
    if file is not None and file.exists():
        if not force:
            raise UnslouchError(Reason.BAD_OPTION, f"{file} is there already.", "Name another file, or --force.")
        file.unlink()
    with Interruptions() as interruptions:
        feed = live_feed(known, data_dir, record=file, profile=None if profile is None else PROFILES[profile])
        taken = Taken(duration)
        try:
            take_all(feed, taken, interruptions)
        except KeyboardInterrupt:
            if not taken.samples:
                raise
            click.echo("", err=True)
        finally:
            feed.close()
            tell(feed.poll())
    where = file or data_paths(data_dir).recordings / (feed.recording or "")
    click.echo(f"{counted(taken.samples, 'sample')} ({span(taken.seconds)}) recorded in {where}.")


def take_all(feed: Feed, taken: Taken, interruptions: Interruptions) -> None:
    """Count what comes until it is enough.

    Raises
    ------
    FileError
        FILE_ACCESS, when the recording cannot go on.
    LinkError
        When no samples will come.
    """
    while not taken.enough:
        for update in recorded(feed):
            taken.take(update)
        interruptions.check()
        time.sleep(POLL_S)


def recorded(feed: Feed) -> Iterator[Update]:
    """Yield what has come since the last look, as long as it is recorded: a feed whose disk is full goes on without.

    Raises
    ------
    FileError
        FILE_ACCESS after the last update, when nothing is recorded any more.
    """
    going = Keep in feed.accepts  # asked first: a feed that has ended says so in its updates
    yield from feed.poll()
    if not going:
        raise FileError(
            Reason.FILE_ACCESS,
            "The recording stopped; what it holds up to there can be used.",
            "Free some space, then run `unslouch sync`: the strap still holds what is missing.",
        )


class Taken:
    """Counts what has come, and says what there is to say about it.

    Parameters
    ----------
    duration
        How much of the strap's time is enough, s; None for no end.
    """

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
        """Whether it lasts as long as was asked."""
        return self._duration is not None and self.samples > 0 and self.seconds >= self._duration

    def take(self, update: Update) -> None:
        """Take one update.

        Raises
        ------
        LinkError
            When no samples will come.
        """
        tell([update])
        self._link.follow(update.link)
        block = update.samples
        if block is None or not len(block):
            return
        if not self.samples:
            self._first = float(block.t[0])
        self._last = max(self._last, float(block.t[-1]))
        self.samples += len(block)


def tell(updates: Iterable[Update]) -> None:
    """Say what is wrong with stream and recording, and what the strap's button told."""
    for update in updates:
        for notice in update.notices:
            click.echo(notice, err=True)
        for press in update.presses:
            click.echo(pressed(sharp=press.sharp, late=press.late), err=True)
            if press.sharp and not press.late:
                from unslouch.coach.safety import SHARP_PAIN_ADVICE

                click.echo(f"{SHARP_PAIN_ADVICE} The recording goes on.", err=True)


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
            tell(feed.poll())
    if not whole:
        advice = link.advice or "Run `unslouch sync` again: it goes on where this one ended; --timeout gives it longer."
        raise LinkError(link.reason or Reason.TIMEOUT, f"The fetch is not finished. {link.text}", advice)
    from unslouch.cli.settling import wait_for_all

    done = wait_for_all()
    for one in done:
        if one.failure is not None:
            raise one.failure
    kept = [session for one in done for session in one.kept]
    presses = _presses(data_dir, feed.recording)
    if not kept and not presses:
        click.echo("Everything was here already.")
        return
    if kept:
        minutes = sum(session.seconds for session in kept) / 60
        click.echo(f"{minutes:.0f} minutes that the strap took alone are in your progress now.")
    if presses:
        click.echo(f"What its button told is there too: {presses}.")
    for session in kept:
        if session.uncertain_s is not None:
            off = "a day or more" if session.uncertain_s > 86400 else f"{session.uncertain_s / 60:.0f} minutes"
            click.echo(
                f"{session.seconds / 60:.0f} of them may be dated wrongly by {off}: the strap had restarted unheard.",
            )


def _presses(data_dir: Path | None, recording: str | None) -> str:
    """Count in words what a recording is the first to tell of the strap's button; empty for nothing."""
    from unslouch.store.rows import PressRow
    from unslouch.store.store import Store

    with Store.open(data_paths(data_dir)) as store:
        found = store.select(PressRow, "recording = ?", (recording,))
    sharp = sum(press.sharp for press in found)
    marks = len(found) - sharp
    words = [f"sharp pain, {sharp} times" if sharp > 1 else "sharp pain"] if sharp else []
    return ", ".join([*words, *([counted(marks, "mark")] if marks else [])])


def _fetch(feed: Conveyor, timeout: float, interruptions: Interruptions) -> tuple[LinkState, bool]:
    """Wait until nothing is missing any more, with a bar."""
    from unslouch.live.feed import LinkKind, LinkState

    link = LinkState(LinkKind.CONNECTING, "Looking for the strap.")
    end = time.monotonic() + timeout
    lines = LinkLines()
    with click.progressbar(length=1000, label="Fetching", file=sys.stderr) as bar:
        shown = 0
        while time.monotonic() < end:
            for update in recorded(feed):
                tell([update])
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
