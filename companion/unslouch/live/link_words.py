"""The phases of a radio link as the few states that screens and lines know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unslouch.live.feed import LinkKind, LinkState

if TYPE_CHECKING:
    from unslouch.link.states import LinkStatus

_UP = frozenset({"streaming", "fetching"})
_COMING = frozenset({"searching", "connecting", "pairing", "starting"})


def link_state(status: LinkStatus, before: LinkState) -> LinkState:
    """Return what to show of a link.

    While a lost link is tried again, it stays lost, and why it was lost stays to be read.

    Parameters
    ----------
    status
        As the strap tells it.
    before
        What is shown now.
    """
    phase = status.phase.value
    if phase in _UP:
        return LinkState(LinkKind.UP, status.text, status.advice, status.progress)
    if phase == "lost":
        return LinkState(LinkKind.LOST, status.text, status.advice, reason=status.reason)
    if phase in _COMING:
        if before.kind is LinkKind.LOST:
            return before
        return LinkState(LinkKind.CONNECTING, status.text, status.advice)
    return before
