"""Arithmetic of stretches of time, (start, end) in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[float, float]


def merged(spans: Iterable[Span], lo: float, hi: float) -> list[Span]:
    """Spans in order without overlap, within ``lo`` and ``hi``."""
    out: list[Span] = []
    for start, end in sorted((max(lo, a), min(hi, b)) for a, b in spans):
        if end <= start:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What remains of ordered spans outside ordered holes (neither overlapping among themselves)."""
    out: list[Span] = []
    for start, end in spans:
        at = start
        for lo, hi in holes:
            if hi <= at or lo >= end:
                continue
            if lo > at:
                out.append((at, lo))
            at = max(at, hi)
        if at < end:
            out.append((at, end))
    return out


def total(spans: Iterable[Span]) -> float:
    """Seconds of all spans."""
    return sum(end - start for start, end in spans)
