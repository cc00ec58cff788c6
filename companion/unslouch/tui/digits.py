"""Vector digits that fill whatever height they are given.

Textual's ``Digits`` is three rows high for good; a person on the mat two metres from the screen needs seven or more.
"""

from __future__ import annotations

from math import cos, pi, sin

from unslouch.tui.canvas import RGB, Canvas, Point

HEIGHT = 1.7
"""Height of a digit in units of its width."""
_WEIGHT = 0.17
_GAP = 0.30


def _bow(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, n: int = 9) -> list[Point]:
    return [
        (cx + rx * sin(start + (stop - start) * k / n), cy - ry * cos(start + (stop - start) * k / n))
        for k in range(n + 1)
    ]


_STROKES: dict[str, list[list[Point]]] = {
    "0": [[*_bow(0.5, 0.5, 0.5, 0.5, -pi / 2, pi / 2), *_bow(0.5, 1.2, 0.5, 0.5, pi / 2, 3 * pi / 2), (0.0, 0.5)]],
    "1": [[(0.12, 0.35), (0.5, 0.0), (0.5, 1.7)]],
    "2": [[*_bow(0.5, 0.5, 0.5, 0.5, -pi / 2, pi * 0.68), (0.0, 1.7), (1.0, 1.7)]],
    "3": [_bow(0.48, 0.42, 0.46, 0.42, -pi * 0.45, pi), _bow(0.48, 1.25, 0.52, 0.45, 0.0, pi * 1.45)],
    "4": [[(0.72, 1.7), (0.72, 0.0), (0.0, 1.18), (1.0, 1.18)]],
    "5": [[(0.92, 0.0), (0.12, 0.0), (0.06, 0.78), *_bow(0.46, 1.17, 0.54, 0.53, -pi * 0.24, pi * 1.16)]],
    "6": [[(0.80, 0.02), (0.30, 0.55), (0.04, 1.0), *_bow(0.5, 1.2, 0.5, 0.5, -pi * 0.45, pi * 1.6, 14)]],
    "7": [[(0.0, 0.0), (1.0, 0.0), (0.36, 1.7)]],
    "8": [_bow(0.5, 0.41, 0.42, 0.41, 0.0, 2 * pi, 14), _bow(0.5, 1.26, 0.5, 0.44, 0.0, 2 * pi, 14)],
    "9": [_bow(0.5, 0.5, 0.5, 0.5, 0.0, 2 * pi, 14), [(0.98, 0.62), (0.72, 1.2), (0.24, 1.68)]],
    "-": [[(0.15, 0.86), (0.75, 0.86)]],
    "°": [_bow(0.28, 0.24, 0.24, 0.24, 0.0, 2 * pi, 12)],
    "✓": [[(0.0, 1.0), (0.38, 1.5), (1.05, 0.25)]],
}
_WIDTHS = {"1": 0.7, "°": 0.55, "-": 0.9, "✓": 1.1}


def text_width(text: str, height: float) -> float:
    """Width of ``text`` in dots when drawn ``height`` dots high."""
    return sum(_advance(letter, height) for letter in text) - _gap(height)


def height_to_fit(text: str, width: float, height: float) -> float:
    """Return the largest height in dots, at most ``height``, at which ``text`` is at most ``width`` dots wide."""
    while height > 4.0 and text_width(text, height) > width:
        height -= 1.0
    return height


def draw_text(canvas: Canvas, text: str, x: float, y: float, height: float, rgb: RGB) -> None:
    """Draw ``text`` with its top left at (x, y), ``height`` dots high."""
    stroke = _stroke(height)
    size = (height - 2 * stroke) / HEIGHT
    for letter in text:
        weight = stroke * (0.8 if letter == "°" else 1.0)
        for strokes in _STROKES.get(letter, []):
            canvas.path([(x + stroke + px * size, y + stroke + py * size) for px, py in strokes], weight, rgb)
        x += _advance(letter, height)


def _advance(letter: str, height: float) -> float:
    stroke = _stroke(height)
    return _WIDTHS.get(letter, 1.0) * (height - 2 * stroke) / HEIGHT + 2 * stroke + _gap(height)


def _gap(height: float) -> float:
    """Return the space between digits: never less than a cell, or small digits run together."""
    return max(_GAP * height / (HEIGHT + 2 * _WEIGHT), 2.6)


def _stroke(height: float) -> float:
    return max(height / (HEIGHT + 2 * _WEIGHT) * _WEIGHT, 1.0)


_PLAIN = {
    "0": ("####", "#  #", "#  #", "#  #", "####"),
    "1": ("  # ", " ## ", "  # ", "  # ", " ###"),
    "2": ("####", "   #", "####", "#   ", "####"),
    "3": ("####", "   #", " ###", "   #", "####"),
    "4": ("#  #", "#  #", "####", "   #", "   #"),
    "5": ("####", "#   ", "####", "   #", "####"),
    "6": ("####", "#   ", "####", "#  #", "####"),
    "7": ("####", "   #", "  # ", " #  ", " #  "),
    "8": ("####", "#  #", "####", "#  #", "####"),
    "9": ("####", "#  #", "####", "   #", "####"),
    "-": ("    ", "    ", "####", "    ", "    "),
}


def plain_rows(text: str) -> list[str]:
    """Return ``text`` (digits and signs) as five rows of ASCII letters."""
    glyphs = [_PLAIN[letter] for letter in text if letter in _PLAIN]
    return ["  ".join(glyph[row] for glyph in glyphs) for row in range(5)]
