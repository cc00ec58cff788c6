"""The figure, the big angle and the hold ring."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip

from unslouch.tui.canvas import Canvas
from unslouch.tui.digits import draw_text, height_to_fit, plain_rows, text_width
from unslouch.tui.figures import FigureModel, Ink, draw_figure
from unslouch.tui.theme import Tone, plain_text
from unslouch.tui.widgets.live import Live


class Figure(Live[FigureModel]):
    """The wearer, seen from where the movement shows."""

    DEFAULT_CSS = "Figure { width: 1fr; height: 1fr; }"

    def draw(self, model: FigureModel) -> list[Strip]:
        """Draw the figure."""
        canvas = Canvas(self.size.width, self.size.height, self.paper, self.plain)
        ink = Ink(
            body=self.faint(0.42),
            trunk=self.ink(model.tone),
            zone=self.ink(Tone.GOOD),
            line=self.faint(0.30),
            sensor=self.ink("foreground"),
            text=self.faint(0.60),
        )
        draw_figure(canvas, model, ink)
        return canvas.strips()


@dataclass(frozen=True, slots=True)
class Big:
    """A number to be read from afar; ``deg`` None means unknown."""

    deg: int | None
    tone: Tone


class BigAngle(Live[Big]):
    """An angle as large as the widget."""

    DEFAULT_CSS = "BigAngle { width: 1fr; height: 1fr; }"

    def draw(self, model: Big) -> list[Strip]:
        """Draw the number, left, in the middle of the height."""
        width, height = self.size
        canvas = Canvas(width, height, self.paper, self.plain)
        text = "--" if model.deg is None else f"{model.deg}°"
        if height < 3:
            canvas.label(0, height // 2, plain_text(text, self.plain), self.ink(model.tone), bold=True)
            return canvas.strips()
        if self.plain:
            rows = plain_rows(text) if height >= 5 else [plain_text(text, True)]
            for k, row in enumerate(rows):
                canvas.label(0, (height - len(rows)) // 2 + k, row, self.ink(model.tone), bold=True)
            return canvas.strips()
        tall = height_to_fit(text, 2.0 * width - 2.0, 4.0 * height - 1.0)
        draw_text(canvas, text, 0.5, (4.0 * height - tall) / 2, tall, self.ink(model.tone))
        return canvas.strips()


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold: tenths of a second held and needed."""

    held: int
    needed: int
    tone: Tone

    @property
    def left_s(self) -> int:
        """Whole seconds still to hold."""
        return -(-max(self.needed - self.held, 0) // 10)


class HoldRing(Live[Hold]):
    """Seconds left inside a ring that closes as the hold goes on, in sample time."""

    DEFAULT_CSS = "HoldRing { width: 18; height: 9; }"

    def draw(self, model: Hold) -> list[Strip]:
        """Draw ring and seconds."""
        width, height = self.size
        canvas = Canvas(width, height, self.paper, self.plain)
        centre = (float(width), 2.0 * height)
        radius = min(width, 2 * height) - 0.6
        share = model.held / model.needed if model.needed else 0.0
        thick = 4 if radius > 26 else 3
        canvas.ring(centre, radius, share, self.ink(model.tone), self.faint(0.25), thick)
        text = f"{model.left_s}" if share < 1.0 else "✓"
        if self.plain or radius < 13:
            text = plain_text(text, self.plain)
            canvas.label((width - len(text)) // 2, height // 2, text, self.ink("foreground"), bold=True)
            return canvas.strips()
        tall = height_to_fit(text, 1.25 * radius, 0.95 * radius)
        x = centre[0] - text_width(text, tall) / 2
        draw_text(canvas, text, x, centre[1] - tall / 2, tall, self.ink("foreground"))
        return canvas.strips()
