"""Small drawings in characters: bars, sparklines and a braille chart, with an ASCII form of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unslouch_signal.samples import FloatArray

BLOCKS = " ▏▎▍▌▋▊▉█"
RAMP = "▁▂▃▄▅▆▇█"
ASCII_RAMP = "_.-:=+*#"
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bits of a braille cell (U+2800 +), by row and column of its dots."""


@dataclass(frozen=True, slots=True)
class Pen:
    """What the terminal can show: block and braille characters, or ASCII alone."""

    ascii: bool = False

    def bar(self, fraction: float, width: int) -> str:
        """Draw a horizontal bar of ``width`` cells, to an eighth of a cell."""
        part = 0.0 if not np.isfinite(fraction) else min(max(fraction, 0.0), 1.0)
        if self.ascii:
            return ("#" * round(part * width)).ljust(width, ".")
        full, rest = divmod(round(part * width * 8), 8)
        drawn = "█" * full + (BLOCKS[rest] if rest else "")
        return drawn.ljust(width, "·")

    def spark(self, values: FloatArray, width: int, low: float, high: float) -> str:
        """Draw a sparkline of ``width`` cells: the largest value of each cell's stretch; blank where there is none."""
        ramp = ASCII_RAMP if self.ascii else RAMP
        cells = column_extremes(values, width)[1]
        level = np.clip((cells - low) / max(high - low, 1e-9) * len(ramp), 0, len(ramp) - 1)
        return "".join(" " if not np.isfinite(value) else ramp[int(value)] for value in level)

    def chart(self, values: FloatArray, width: int, height: int, low: float, high: float) -> list[str]:
        """Draw a curve of ``height`` rows, top first: the span between least and most of each column of dots.

        Parameters
        ----------
        values : (n,) float64
            NaN where nothing is known.
        width, height
            Cells; a cell has 2 x 4 dots (ASCII: 1 x 1).
        low, high
            Values of the lowest and the highest dot; what lies beyond is drawn on the border.
        """
        across, down = (1, 1) if self.ascii else (2, 4)
        least, most = column_extremes(values, width * across)
        rows = height * down
        known = np.isfinite(most)
        scale = (rows - 1) / max(high - low, 1e-9)

        def dot(value: FloatArray) -> FloatArray:
            return np.clip(np.round((high - np.where(known, value, low)) * scale), 0, rows - 1)

        row = np.arange(rows)[:, None]
        lit = (row >= dot(most)) & (row <= dot(least)) & known
        if self.ascii:
            return ["".join("*" if cell else " " for cell in line) for line in lit]
        bits = lit.reshape(height, down, width, across).astype(np.int64) * DOTS[None, :, None, :]
        codes = bits.sum(axis=(1, 3))
        return ["".join(chr(0x2800 + int(code)) if code else " " for code in line) for line in codes]


def column_extremes(values: FloatArray, columns: int) -> tuple[FloatArray, FloatArray]:
    """Return least and most of ``values`` in each of ``columns`` equal stretches; NaN where none is known."""
    n = len(values)
    if n == 0 or columns <= 0:
        return np.full(max(columns, 0), np.nan), np.full(max(columns, 0), np.nan)
    if n < columns:
        values = values[(np.arange(columns) * n) // columns]
        n = columns
    starts = (np.arange(columns) * n) // columns
    known = np.isfinite(values)
    least = np.minimum.reduceat(np.where(known, values, np.inf), starts)
    most = np.maximum.reduceat(np.where(known, values, -np.inf), starts)
    some = most >= least
    return np.where(some, least, np.nan), np.where(some, most, np.nan)
