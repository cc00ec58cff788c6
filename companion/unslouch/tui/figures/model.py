"""What a figure shows, quantised: two equal models make the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unslouch.tui.canvas import RGB
from unslouch.tui.theme import Tone


class View(StrEnum):
    """Where the figure is seen from, and which way its angle counts positive."""

    SEATED = "seated"
    """At the desk, from the right: forward."""
    STANDING = "standing"
    """Hands on the lower back, from the right: backward."""
    DOORWAY = "doorway"
    """In the door frame, from the right: forward."""
    ABOVE = "above"
    """Seated, from above, facing up: to the left."""
    FEET = "feet"
    """On the back, seen from the feet: to the person's left, which is on the right of the picture."""
    BEHIND = "behind"
    """Seated, from behind: to the right."""


@dataclass(frozen=True, slots=True)
class FigureModel:
    """A figure.

    ``angle_deg`` counts as the view says; ``zone_deg`` (low, high) likewise; ``reached_deg`` is the furthest reached in
    the (negative, positive) direction, shown as an arc where the view turns.
    """

    view: View
    angle_deg: int
    tone: Tone
    zone_deg: tuple[int, int] | None = None
    reached_deg: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of one figure."""

    body: RGB
    trunk: RGB
    zone: RGB
    line: RGB
    sensor: RGB
    text: RGB
