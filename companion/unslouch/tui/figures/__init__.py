"""The figure, seen from where the movement shows."""

from __future__ import annotations

from unslouch.tui.canvas import Canvas
from unslouch.tui.figures import across, along
from unslouch.tui.figures.model import FigureModel, Ink, View


def draw_figure(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """Draw the figure to fit the canvas."""
    match model.view:
        case View.SEATED:
            along.seated(canvas, model, ink)
        case View.STANDING:
            along.standing(canvas, model, ink)
        case View.DOORWAY:
            along.doorway(canvas, model, ink)
        case View.ABOVE:
            across.above(canvas, model, ink)
        case View.FEET:
            across.feet(canvas, model, ink)
        case View.BEHIND:
            across.behind(canvas, model, ink)


__all__ = ["FigureModel", "Ink", "View", "draw_figure"]
