"""``unslouch record`` and ``unslouch sync``: what the strap takes, onto the disk."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, UnslouchCommand, data_dir_option, examples
from unslouch.cli.straps import live_feed, strap_option, straps_of
from unslouch.errors import LinkError, Reason

if TYPE_CHECKING:
    from unslouch.live.conveyor import Conveyor
    from unslouch.live.feed import LinkState

PROFILES = {"fused": 0, "raw": 1, "gyro": 2}
POLL_S = 0.1


@click.command(
    cls=UnslouchCommand,
    epilog=examples(
        "unslouch record trial.mcap",
        "unslouch record --duration 60 --profile raw trial.mcap   # for research: the sensor's own counts",
    ),
)
@click.argument("file", type=FILE, required=False)
@click.option("--duration", type=click.FloatRange(0.1), metavar="S", help="Stop after so long (default: at Ctrl-C).")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="What is streamed (default: as set).")
@strap_option
@data_dir_option
def record(
    file: Path | None, duration: float | None, profile: str | None, strap: str | None, data_dir: Path | None
) -> None:
    """Record what the strap sends, untouched, until Ctrl-C; by default among the recordings of the data directory."""
    known = straps_of(data_dir).find(strap)
    feed = live_feed(known, data_dir, record=file, profile=None if profile is None else PROFILES[profile])
    said: LinkState | None = None
    samples, begun = 0, None
    try:
        while begun is None or duration is None or time.monotonic() - begun < duration:
            for update in feed.poll():
                if update.link != said and update.link.progress is None:
                    said = update.link
                    click.echo(f"{said.text} {said.advice}".strip(), err=True)
                if update.samples is not None:
                    begun = begun or time.monotonic()
                    samples += len(update.samples)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        click.echo("", err=True)
    finally:
        feed.close()
    click.echo(f"{samples} samples recorded in {feed.recording}.")


@click.command(cls=UnslouchCommand, epilog=examples("unslouch sync", "unslouch sync --timeout 300"))
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
    feed = live_feed(known, data_dir)
    try:
        link, whole = _fetch(feed, timeout)
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


def _fetch(feed: Conveyor, timeout: float) -> tuple[LinkState, bool]:
    """Wait until nothing is missing any more, with a bar."""
    from unslouch.live.feed import LinkKind, LinkState

    link = LinkState(LinkKind.CONNECTING, "Looking for the strap.")
    end = time.monotonic() + timeout
    with click.progressbar(length=1000, label="Fetching", file=sys.stderr) as bar:
        shown = 0
        while time.monotonic() < end:
            for update in feed.poll():
                link = update.link
            if link.progress is not None:
                now = int(1000 * link.progress)
                bar.update(max(now - shown, 0))
                shown = max(now, shown)
            if link.kind is LinkKind.UP and feed.complete:
                bar.update(1000 - shown)
                return link, True
            if link.kind is LinkKind.ENDED:
                break
            time.sleep(POLL_S)
    return link, False
