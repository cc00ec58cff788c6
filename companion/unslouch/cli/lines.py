"""Plain mode's output: one line per event on the standard output, those that ask for attention in colour."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import colour

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unslouch.report.plain import Line


class Lines:
    """Prints lines as they come; every line is flushed, for pipes and logs that are followed."""

    def __init__(self) -> None:
        self._colour = bool(colour(sys.stdout))

    def show(self, line: Line) -> None:
        """Print one line."""
        text = line.render()
        self._print(click.style(text, fg="yellow", bold=True) if line.loud else text)

    def show_all(self, lines: Iterable[Line]) -> None:
        """Print several lines."""
        for line in lines:
            self.show(line)

    def say(self, text: str = "") -> None:
        """Print a sentence that belongs to no moment."""
        self._print(text)

    def _print(self, text: str) -> None:
        click.echo(text, color=self._colour)
        sys.stdout.flush()
