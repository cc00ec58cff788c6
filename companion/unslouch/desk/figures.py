"""The account of a desk session's time, exact from events, with the running spell on top."""

from __future__ import annotations

from unslouch.desk.values import DeskFigures
from unslouch.store.spans import Span, merged, total, without

LISTED_S = 5.0
"""A running spell counts as slouched from the length at which it will be listed."""


class Account:
    """Collects closed stretches and answers for any moment.

    Parameters
    ----------
    start
        Sample time at which the session began, s.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self._slouched: list[Span] = []
        self._blind: list[Span] = []

    @property
    def stretches(self) -> int:
        """How many stretches are closed."""
        return len(self._slouched) + len(self._blind)

    def slouched(self, start: float, end: float) -> None:
        """A slouch spell ended."""
        self._slouched.append((start, end))

    def blind(self, start: float, end: float) -> None:
        """A stretch ended that was not judged."""
        self._blind.append((start, end))

    def figures(
        self, now: float, *, slouching_since: float | None, blind_since: float | None, alerts: int, cues: int
    ) -> DeskFigures:
        """The figures at ``now``, with what runs at this moment and since when."""
        blind = list(self._blind)
        if blind_since is not None:
            blind.append((blind_since, now))
        slouched = list(self._slouched)
        if slouching_since is not None and now - slouching_since >= LISTED_S:
            slouched.append((slouching_since, now))
        blind = merged(blind, self.start, now)
        slouched = without(merged(slouched, self.start, now), blind)
        upright = without([(self.start, now)], merged(blind + slouched, self.start, now))
        return DeskFigures(
            upright_s=total(upright),
            slouched_s=total(slouched),
            unknown_s=total(blind),
            longest_upright_s=max((end - start for start, end in upright), default=0.0),
            alerts=alerts,
            cues=cues,
        )
