"""Opens the live screen and ends with its exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from unslouch.coach.technique import Plan
    from unslouch.live.feed import Feed

F = TypeVar("F", bound=Callable[..., Any])

THEMES = ("dark", "light", "contrast")
_META = "unslouch.screen"


def screen_options(function: F) -> F:
    """Add the options that say how the screen looks and sounds; :func:`open_screen` finds them by itself."""
    for option in (
        click.option(
            "--bell/--no-bell",
            default=None,
            help="Ring at alerts (default: as last time).",
            expose_value=False,
            callback=_remember,
        ),
        click.option(
            "--theme",
            type=click.Choice(THEMES),
            help="Colours of the screen (default: as last time).",
            expose_value=False,
            callback=_remember,
        ),
        click.option(
            "--ascii",
            "plain_letters",
            is_flag=True,
            help="Draw the screen with ASCII letters alone.",
            expose_value=False,
            callback=_remember,
        ),
    ):
        function = option(function)
    return function


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    context.meta.setdefault(_META, {})[parameter.name] = value


def open_screen(
    feed: Callable[[], Feed],
    *,
    start: str = "desk",
    data_dir: Path | None = None,
    keep: bool = True,
    technique: str | None = None,
    plan: Plan | None = None,
) -> None:
    """Run the screen until it is left.

    Parameters
    ----------
    feed
        Makes the feed; called after the first frame, so that nothing heavy delays it.
    start
        The first screen: desk, coach or progress.
    technique, plan
        The technique under the cursor, and its dose.
    """
    from unslouch.tui.app import UnslouchApp
    from unslouch.tui.options import Options, Where

    chosen: dict[str, Any] = click.get_current_context().meta.get(_META, {})
    options = Options(
        theme=chosen.get("theme"),
        plain=bool(chosen.get("plain_letters")),
        bell=chosen.get("bell"),
        data_dir=data_dir,
        keep=keep,
        technique=technique,
        plan=plan,
    )
    app = UnslouchApp(feed, Where(start), options)
    try:
        app.run()
    finally:
        app.wait_for_loading()
    if app.return_code:
        raise click.exceptions.Exit(app.return_code)
