"""Says once that the strap's cell runs low."""

from __future__ import annotations

from unslouch.live.feed import FeedKind

LOW = 0.10
"""Where the strap itself calls its battery low (docs/protocol.md, status): some hours of streaming are left."""
CHARGED = 0.20
"""Above it the next low is news: a resting cell's voltage recovers by a few percent."""


class LowBattery:
    """Watches the levels that a feed brings now and then; a recording's cell is not the one to charge."""

    def __init__(self, kind: FeedKind) -> None:
        self._minds = kind is not FeedKind.REPLAY
        self._told = False

    def take(self, level: float | None) -> str | None:
        """Return a sentence when ``level`` (0 to 1; None: not told now) has become low, else None."""
        if level is None or not self._minds:
            return None
        if level > CHARGED:
            self._told = False
        if level > LOW or self._told:
            return None
        self._told = True
        return f"The strap's battery is low ({level:.0%}): charge it after this session."
