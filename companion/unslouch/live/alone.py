"""What the strap took while it was alone, as its log tells it: put together to stretches that are sessions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unslouch.live.dating import BootDate
from unslouch.wire.records import DecodedBlock, StrapEvent
from unslouch_signal.samples import SampleBlock

PAUSE_S = 600.0
"""A longer pause ends a session: the strap lay on a table, or on its charger."""
SHORTEST_S = 60.0
"""Less is an outage of the radio during a session that was live, not one of its own."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one boot: on the recording's time, which is the boot's own clock and ``offset_s``."""

    samples: SampleBlock
    boot: int
    offset_s: float

    def own(self, some: NDArray[np.bool_]) -> Piece:
        """Return some of the samples, on the boot's own clock."""
        block = self.samples
        quat = None if block.quat is None else block.quat[some]
        return Piece(SampleBlock(block.t[some] - self.offset_s, quat, None, None, block.flags[some]), self.boot, 0.0)

    def at(self, offset_s: float) -> Piece:
        """Return samples that are on the boot's own clock, on a recording's time."""
        return Piece(replace(self.samples, t=self.samples.t + offset_s), self.boot, offset_s)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples that only the log holds, without a long pause inside, and what tells their UTC."""

    samples: SampleBlock
    offsets: tuple[tuple[float, int, float], ...]
    """From which time on which boot with which offset, s."""
    dates: dict[int, BootDate]

    @property
    def first_t(self) -> float:
        """Time of the first sample, s."""
        return float(self.samples.t[0])

    @property
    def last_t(self) -> float:
        """Time of the last sample, s."""
        return float(self.samples.t[-1])

    def utc(self, t: float) -> float:
        """Return UTC of a time of the recording, s."""
        _, boot, offset = next((one for one in reversed(self.offsets) if one[0] <= t), self.offsets[0])
        return self.dates[boot].utc(t - offset)

    @property
    def uncertain_s(self) -> float | None:
        """How far off that may be, s; None where clocks date it."""
        found = [self.dates[boot].uncertain_s for _, boot, _ in self.offsets]
        return max((one for one in found if one is not None), default=None)

    @property
    def pieces(self) -> list[Piece]:
        """The samples boot by boot, each on its own clock."""
        t = self.samples.t
        ends = [*(since for since, _, _ in self.offsets[1:]), math.inf]
        return [
            Piece(self.samples, boot, offset).own((t >= since) & (t < until))
            for (since, boot, offset), until in zip(self.offsets, ends, strict=True)
        ]

    def placed(self, events: Sequence[StrapEvent]) -> list[tuple[StrapEvent, float]]:
        """Return the strap's events that fall into it, with their time in the recording, s."""
        offsets = {boot: offset for _, boot, offset in self.offsets}
        found = [(one, one.t_us * 1e-6 + offsets[one.boot]) for one in events if one.boot in offsets]
        return [(one, t) for one, t in found if self.first_t <= t <= self.last_t]


def stretches(blocks: Sequence[DecodedBlock], dates: dict[int, BootDate]) -> list[Stretch]:
    """Put samples of the log together to stretches without long pauses, each long enough to count.

    A boot that nothing dates is one of its own: what its neighbours did has no known distance.
    """
    groups: list[list[Piece]] = []
    ended = -math.inf
    before: int | None = None
    for block in blocks:
        date = dates.get(block.boot)
        if date is None:
            continue  # no clock ever told anything: there is no day to count it on
        for samples in _cut(block.samples):
            begun = date.utc(float(samples.t[0]) - block.offset_s)
            apart = before != block.boot and (
                date.uncertain_s is not None or (before is not None and dates[before].uncertain_s is not None)
            )
            piece = Piece(samples, block.boot, block.offset_s)
            if groups and not apart and begun - ended < PAUSE_S:
                groups[-1].append(piece)
            else:
                groups.append([piece])
            ended, before = date.utc(float(samples.t[-1]) - block.offset_s), block.boot
    whole = [put_together(group, dates) for group in groups]
    return [one for one in whole if one.last_t - one.first_t >= SHORTEST_S]


def put_together(pieces: Sequence[Piece], dates: dict[int, BootDate]) -> Stretch:
    """Make one stretch of pieces, in order, on one recording's time."""
    return Stretch(
        SampleBlock(
            np.concatenate([one.samples.t for one in pieces]),
            np.concatenate([one.samples.quat for one in pieces if one.samples.quat is not None]),
            None,
            None,
            np.concatenate([one.samples.flags for one in pieces]),
        ),
        tuple((float(one.samples.t[0]), one.boot, one.offset_s) for one in pieces),
        dates,
    )


def _cut(block: SampleBlock) -> list[SampleBlock]:
    at = [0, *(np.flatnonzero(np.diff(block.t) >= PAUSE_S) + 1).tolist(), len(block)]
    return [block[a:b] for a, b in pairwise(at) if b > a]
