"""What the link does, in lines, for commands without a screen."""

from __future__ import annotations

import click

from unslouch.errors import LinkError, Reason
from unslouch.live.feed import LinkKind, LinkState

HOPELESS = frozenset(
    {
        Reason.NO_ADAPTER,
        Reason.NO_PERMISSION,
        Reason.NOT_PAIRED,
        Reason.BOND_LOST,
        Reason.WRONG_FIRMWARE,
        Reason.OTHER_STRAP,
    }
)
"""Why a strap that was not reached yet will not be, unless the person does something."""


class LinkLines:
    """Prints each change of a link once, on the standard error."""

    def __init__(self) -> None:
        self._said = ""
        self._was_up = False

    def follow(self, link: LinkState) -> None:
        """Take a state of the link.

        Raises
        ------
        LinkError
            Where no samples will come any more, or none will ever come before the person does something.
        """
        self._was_up = self._was_up or link.kind is LinkKind.UP
        if link.kind is LinkKind.ENDED or (link.reason in HOPELESS and not self._was_up):
            raise LinkError(link.reason or Reason.LINK_LOST, link.text, link.advice)
        text = f"{link.text} {link.advice}".strip()
        if link.progress is None and text != self._said:
            self._said = text
            click.echo(text, err=True)
