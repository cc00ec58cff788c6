"""Groups of packets to samples in order: copies dropped, contradicting times dropped, sources merged."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.layout import Content, WireFault
from unslouch.wire.parse import Group, sample_flags
from unslouch.wire.records import DecodedBlock
from unslouch_signal.samples import BoolArray, FlagArray, FloatArray, SampleBlock

IntArray = NDArray[np.int64]
_BOOTS = 1 << 16
PACE = 0.45
"""Within which the period of a packet's samples is that of its boot."""
JITTER_US = 4000
"""Of a sensor's stamps, eight times what one of 0.5 ms has: a packet of two samples tells its period by one step.
Both are what the link believes: what it took for good is never asked for again, and must not be dropped here."""
WITNESSES = 5
"""Packets that tell a boot's usual period."""
_LONG_RUN = 16
"""Packets that stand together on average, as they do but for what came late: such runs are moved whole."""
_NEAR = 1 << 33
"""More than any seq: keys of different boots never touch."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """Samples in order of (boot, seq), each once; all arrays have n rows, those not carried at all are None.

    ``boot`` is unwrapped: consecutive for consecutive boots, also across 65535. ``packet`` numbers the packets; rows of
    one packet share it. ``arrival_s`` is that of the packet. ``content`` indexes :data:`CONTENTS`. NaN rows where a
    sample carries no such value.
    """

    boot: IntArray
    seq: IntArray
    t_us: IntArray
    dt_us: IntArray
    packet: IntArray
    arrival_s: FloatArray
    flags: FlagArray
    content: NDArray[np.uint8]
    from_log: BoolArray
    quat: FloatArray | None
    acc: FloatArray | None
    gyr: FloatArray | None

    def __len__(self) -> int:
        return len(self.seq)

    def take(self, index: IntArray | BoolArray | slice) -> Sorted:
        """Some of the samples."""
        return self._each(lambda a: a[index])

    def runs(self, runs: list[slice]) -> Sorted:
        """Runs of the samples, one after the other; where they are long it is much quicker than :meth:`take`."""
        return self._each(lambda a: np.concatenate([a[run] for run in runs]))

    def _each(self, some: Callable[[NDArray[Any]], NDArray[Any]]) -> Sorted:
        def cut(a: FloatArray | None) -> FloatArray | None:
            return None if a is None else some(a)

        return Sorted(
            some(self.boot),
            some(self.seq),
            some(self.t_us),
            some(self.dt_us),
            some(self.packet),
            some(self.arrival_s),
            some(self.flags),
            some(self.content),
            some(self.from_log),
            cut(self.quat),
            cut(self.acc),
            cut(self.gyr),
        )


CONTENTS: tuple[Content, ...] = (Content.FUSED, Content.RAW, Content.FUSED_GYRO, Content.ORIENTATION)


def unwrap_boots(boot: IntArray, reference: int) -> IntArray:
    """Boots of 16 bits to the value nearest to an unwrapped reference (serial arithmetic)."""
    return reference + ((boot - reference + _BOOTS // 2) % _BOOTS) - _BOOTS // 2


def consistent_times(key: IntArray, t_us: IntArray, before_us: int | None = None) -> BoolArray:
    """Which packets of one boot may stay so that time increases strictly with seq.

    Parameters
    ----------
    key : (m,) int64
        seq of each packet's first sample, not decreasing.
    t_us : (m,) int64
    before_us
        Time of the last sample delivered before the first of these.

    Notes
    -----
    The most packets of which none contradicts another stay, and every packet that contradicts none of those. Where as
    many say one thing as another, those stay that leap less, those that run more evenly, those that came first in seq.
    """
    top = np.maximum.accumulate(t_us)
    if not bool(((t_us[1:] <= top[:-1]) & (np.diff(key) > 0)).any()):
        return np.ones(len(key), np.bool_)
    # of several packets with one seq a chain takes one: within a seq, time falls
    order = np.lexsort((-t_us, key))
    mirrored = order[::-1]
    first = mirrored[_longest_rising((-t_us[mirrored]).tolist())][::-1]
    lowest = order[_longest_rising(t_us[order].tolist())]

    def strain(chain: IntArray) -> tuple[int, float]:
        """How long a chain takes, and how unevenly it runs."""
        took = int(t_us[chain[-1]]) - int(t_us[chain[0]] if before_us is None else before_us)
        apart, since = np.diff(key[chain]), np.diff(t_us[chain])
        pace = float(np.median(since / apart)) if len(apart) else 0.0
        return took, float(np.abs(since - pace * apart).sum())

    chain = min(first, lowest, key=strain)
    chain_key, chain_t = key[chain], t_us[chain]
    below = np.searchsorted(chain_key, key, side="left") - 1
    above = np.searchsorted(chain_key, key, side="right")
    low = np.where(below >= 0, chain_t[np.maximum(below, 0)], -1)
    high = np.where(above < len(chain), chain_t[np.minimum(above, len(chain) - 1)], np.iinfo(np.int64).max)
    return (t_us > low) & (t_us < high)


def _longest_rising(values: list[int]) -> list[int]:
    """Return where a longest strictly rising run stands; of several the lowest (patience sorting, Fredman 1975)."""
    tails: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for i, value in enumerate(values):
        place = bisect_left(tails, value)
        before.append(at[place - 1] if place else -1)
        if place == len(tails):
            tails.append(value)
            at.append(i)
        else:
            tails[place] = value
            at[place] = i
    chain: list[int] = []
    i = at[-1] if at else -1
    while i >= 0:
        chain.append(i)
        i = before[i]
    return chain[::-1]


def assemble(groups: list[Group], boot_reference: int, first_packet: int, errors: Counter[WireFault]) -> Sorted | None:
    """Put every sample of the groups in order.

    Parameters
    ----------
    boot_reference
        Unwrapped boot near which all boots lie.
    first_packet
        Number of the packet with ``order`` 0.

    Returns
    -------
    Sorted or None
        None when there are none.
    """
    groups = [g for g in groups if len(g.seq)]
    if not groups:
        return None
    boot = [unwrap_boots(g.boot, boot_reference) for g in groups]
    groups, boot = _drop_contradictions(groups, boot, errors)
    if not groups:
        return None
    everything = _expand(groups, boot, first_packet)
    key = everything.boot * _NEAR + everything.seq
    if not bool(np.all(np.diff(key) > 0)):
        order = np.lexsort((everything.packet, everything.from_log, key))
        ordered = key[order]
        order = order[np.r_[True, ordered[1:] != ordered[:-1]]]
        everything = everything.take(order)
    return drop_backward(everything, errors)


def merge(
    first: Sorted | None, second: Sorted | None, before_us: int | None, errors: Counter[WireFault]
) -> Sorted | None:
    """Samples of both in order, each once; ``first`` wins. ``before_us``: the last time delivered in the first boot."""
    if first is None or second is None:
        return second if first is None else first

    def joined(a: FloatArray | None, b: FloatArray | None, width: int) -> FloatArray | None:
        if a is None and b is None:
            return None
        left = np.full((len(first), width), np.nan) if a is None else a
        right = np.full((len(second), width), np.nan) if b is None else b
        return np.concatenate([left, right])

    both = Sorted(
        np.concatenate([first.boot, second.boot]),
        np.concatenate([first.seq, second.seq]),
        np.concatenate([first.t_us, second.t_us]),
        np.concatenate([first.dt_us, second.dt_us]),
        np.concatenate([first.packet, second.packet]),
        np.concatenate([first.arrival_s, second.arrival_s]),
        np.concatenate([first.flags, second.flags]),
        np.concatenate([first.content, second.content]),
        np.concatenate([first.from_log, second.from_log]),
        joined(first.quat, second.quat, 4),
        joined(first.acc, second.acc, 3),
        joined(first.gyr, second.gyr, 3),
    )
    key = both.boot * _NEAR + both.seq
    order = np.lexsort((both.packet, both.from_log, key))
    order = order[np.r_[True, np.diff(key[order]) != 0]]
    both = both.take(order)
    # the held packets and the new ones are judged together, as one file would be
    starts = np.flatnonzero(np.r_[True, np.diff(both.packet) != 0])
    key = both.boot[starts] * _NEAR + both.seq[starts]
    keep = np.ones(len(starts), np.bool_)
    for b in np.unique(both.boot[starts]).tolist():
        of = both.boot[starts] == b
        keep[of] = consistent_times(key[of], both.t_us[starts][of], before_us if b == first.boot[0] else None)
    if not bool(keep.all()):
        errors[WireFault.TIME_BACKWARD] += int((~keep).sum())
        both = both.take(np.repeat(keep, np.diff(np.r_[starts, len(both)])))
    return drop_backward(both, errors)


def drop_backward(ordered: Sorted, errors: Counter[WireFault]) -> Sorted:
    """Drop the samples whose time does not increase within their boot; what came first in seq wins."""
    same = np.diff(ordered.boot) == 0
    if bool(np.all((np.diff(ordered.t_us) > 0) | ~same)):
        return ordered
    lift = ordered.boot * (1 << 49) + ordered.t_us if len(np.unique(ordered.boot)) < 1 << 13 else ordered.t_us
    top = np.maximum.accumulate(lift)
    good = np.r_[True, lift[1:] > top[:-1]]
    errors[WireFault.TIME_BACKWARD] += len(np.unique(ordered.packet[~good]))
    return ordered.take(good)


def _drop_contradictions(
    groups: list[Group], boot: list[IntArray], errors: Counter[WireFault]
) -> tuple[list[Group], list[IntArray]]:
    key = np.concatenate([b * _NEAR + g.seq for g, b in zip(groups, boot, strict=True)])
    t_us = np.concatenate([g.t_us for g in groups])
    order = np.argsort(key, kind="stable") if not bool(np.all(np.diff(key) > 0)) else np.arange(len(key))
    sorted_key, sorted_t = key[order], t_us[order]
    cuts = np.flatnonzero(np.diff(sorted_key // _NEAR)) + 1
    keep = np.concatenate(
        [consistent_times(k, t) for k, t in zip(np.split(sorted_key, cuts), np.split(sorted_t, cuts), strict=True)]
    )
    paced = _same_pace(groups, boot)[order]
    if bool(keep.all()) and bool(paced.all()):
        return groups, boot
    errors[WireFault.BAD_VALUE] += int((~paced).sum())
    errors[WireFault.TIME_BACKWARD] += int((~keep & paced).sum())
    keep &= paced
    good = np.empty(len(key), np.bool_)
    good[order] = keep
    parts = np.split(good, np.cumsum([len(g.seq) for g in groups])[:-1])
    kept = [(g.keep(p), b[p]) for g, b, p in zip(groups, boot, parts, strict=True) if bool(p.any())]
    return [g for g, _ in kept], [b for _, b in kept]


def _same_pace(groups: list[Group], boot: list[IntArray]) -> BoolArray:
    """Which packets have the sample period of their boot, in as far as enough of them tell it."""
    period = np.concatenate([g.dt_us / g.step for g in groups])
    several = np.concatenate([np.full(len(g.seq), g.n > 1) for g in groups])
    jitter = np.concatenate([np.full(len(g.seq), JITTER_US / max(g.n - 1, 1)) for g in groups])
    good = np.ones(len(period), np.bool_)
    told = period[several]
    if not len(told) or float(told.max() - told.min()) <= PACE * float(told.min()):
        return good
    of = np.concatenate(boot)
    for one in np.unique(of).tolist():
        mine = several & (of == one)
        if int(mine.sum()) >= WITNESSES:
            usual = float(np.median(period[mine]))
            good[mine] = np.abs(period[mine] - usual) <= PACE * usual + jitter[mine]
    return good


def _expand(groups: list[Group], boot: list[IntArray], first_packet: int) -> Sorted:
    """Samples packet by packet, packets in order of seq: samples need sorting only where packets overlap."""
    start = np.concatenate([b * _NEAR + g.seq for g, b in zip(groups, boot, strict=True)])
    sizes = np.concatenate([np.full(len(g.seq), g.n, np.int64) for g in groups])
    order: list[slice] | IntArray | None = None
    if not bool(np.all(np.diff(start) > 0)):
        packets = np.argsort(start, kind="stable")
        edges = np.r_[0, np.flatnonzero(np.diff(packets) != 1) + 1, len(packets)]
        end = np.cumsum(sizes)
        if len(edges) * _LONG_RUN < len(packets):
            first, last = packets[edges[:-1]], packets[edges[1:] - 1]
            order = [slice(a, b) for a, b in zip((end - sizes)[first].tolist(), end[last].tolist(), strict=True)]
        else:
            sizes_sorted = sizes[packets]
            begin = np.cumsum(sizes_sorted) - sizes_sorted
            order = np.repeat((end - sizes)[packets] - begin, sizes_sorted) + np.arange(int(sizes.sum()))

    def each(per_packet: list[IntArray]) -> IntArray:
        parts = [np.repeat(a, g.n) for a, g in zip(per_packet, groups, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def stepped(base: list[IntArray], step: list[IntArray]) -> IntArray:
        parts = [
            (b[:, None] + s[:, None] * np.arange(g.n)).reshape(-1) for b, s, g in zip(base, step, groups, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def values(name: str, width: int) -> FloatArray | None:
        parts: list[FloatArray | None] = [getattr(g, name) for g in groups]
        if all(p is None for p in parts):
            return None
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(
            [np.full((len(g.seq) * g.n, width), np.nan) if p is None else p for p, g in zip(parts, groups, strict=True)]
        )

    quat, acc, gyr = values("quat", 4), values("acc", 3), values("gyr", 3)
    flags = [sample_flags(g) for g in groups]
    content = [np.full(len(g.seq) * g.n, _content(g), np.uint8) for g in groups]
    for c, g in zip(content, groups, strict=True):
        if g.quat is not None and g.acc is not None and g.gyr is None:
            c[np.isnan(g.acc[:, 0])] = CONTENTS.index(Content.ORIENTATION)
    out = Sorted(
        each(boot),
        stepped([g.seq for g in groups], [g.step for g in groups]),
        stepped([g.t_us for g in groups], [g.dt_us for g in groups]),
        each([g.dt_us for g in groups]),
        each([g.order for g in groups]) + first_packet,
        np.concatenate([np.repeat(g.arrival_s, g.n) for g in groups]),
        np.concatenate(flags),
        np.concatenate(content),
        np.concatenate([np.full(len(g.seq) * g.n, g.from_log, np.bool_) for g in groups]),
        quat,
        acc,
        gyr,
    )
    if order is None:
        return out
    return out.runs(order) if isinstance(order, list) else out.take(order)


def _content(group: Group) -> int:
    if group.from_log:
        return CONTENTS.index(Content.ORIENTATION)
    if group.quat is None:
        return CONTENTS.index(Content.RAW)
    return CONTENTS.index(Content.FUSED if group.gyr is None else Content.FUSED_GYRO)


def to_blocks(ordered: Sorted, offset_s: dict[int, float]) -> list[DecodedBlock]:
    """Cut into blocks of one boot and content, with the boots' clocks joined."""
    if not len(ordered):
        return []
    change = (np.diff(ordered.boot) != 0) | (np.diff(ordered.content) != 0)
    edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(ordered)]
    blocks: list[DecodedBlock] = []
    for start, stop in itertools.pairwise(edges):
        cut = slice(start, stop)
        content = CONTENTS[int(ordered.content[start])]
        boot = int(ordered.boot[start])
        offset = offset_s.get(boot, 0.0)
        block = SampleBlock(
            (ordered.t_us[cut] * 1e-6 + offset).astype(np.float64, copy=False),
            ordered.quat[cut] if content is not Content.RAW and ordered.quat is not None else None,
            ordered.acc[cut] if content is not Content.ORIENTATION and ordered.acc is not None else None,
            ordered.gyr[cut] if content in (Content.RAW, Content.FUSED_GYRO) and ordered.gyr is not None else None,
            ordered.flags[cut],
        )
        blocks.append(DecodedBlock(block, boot % _BOOTS, ordered.seq[cut], offset, content))
    return blocks
