"""Colours: themes on the Okabe-Ito set, safe for the common colour-vision deficiencies, and what states look like.

A colour never stands alone: every tone has a word and a mark beside it wherever it is shown.
"""

from __future__ import annotations

from enum import StrEnum

from textual.theme import Theme

THEMES = {
    "dark": Theme(
        name="unslouch-dark",
        dark=True,
        primary="#56B4E9",
        secondary="#8FA3B8",
        accent="#CC79A7",
        success="#2BC4A0",
        warning="#E69F00",
        error="#FF7A3D",
        background="#0E1318",
        surface="#151C23",
        panel="#1D2630",
        foreground="#D8E1E8",
    ),
    "light": Theme(
        name="unslouch-light",
        dark=False,
        primary="#0072B2",
        secondary="#5B6B7A",
        accent="#A8487F",
        success="#00735A",
        warning="#9A6200",
        error="#B84300",
        background="#F6F7F5",
        surface="#ECEEEA",
        panel="#E0E4DF",
        foreground="#1B242B",
    ),
    "contrast": Theme(
        name="unslouch-contrast",
        dark=True,
        primary="#7FD4FF",
        secondary="#FFFFFF",
        accent="#FFFFFF",
        success="#00FFC8",
        warning="#FFD000",
        error="#FF9A5C",
        background="#000000",
        surface="#000000",
        panel="#1A1A1A",
        foreground="#FFFFFF",
    ),
}


class Tone(StrEnum):
    """How a state is meant; the value is the theme's colour name."""

    GOOD = "success"
    WATCH = "warning"
    STOP = "error"
    CALM = "primary"
    OFF = "secondary"


_MARKS = {Tone.GOOD: "●", Tone.WATCH: "▲", Tone.STOP: "■", Tone.CALM: "○", Tone.OFF: "–"}
_PLAIN_MARKS = {Tone.GOOD: "*", Tone.WATCH: "^", Tone.STOP: "!", Tone.CALM: "o", Tone.OFF: "-"}


def mark(tone: Tone, plain: bool) -> str:
    """Return the one-cell mark of a tone."""
    return (_PLAIN_MARKS if plain else _MARKS)[tone]


_PLAIN_LETTERS = str.maketrans(
    {
        "°": " deg",
        "±": "+/-",
        "…": "...",
        "–": "-",
        "·": "-",
        "→": "->",
        "←": "<-",
        "≥": ">=",
        "×": "x",
        "✓": "ok",
        "’": "'",
    }
)


def plain_text(text: str, plain: bool) -> str:
    """Return ``text``, in ASCII letters when ``plain``."""
    return text.translate(_PLAIN_LETTERS) if plain else text
