"""A widget that draws a model: it repaints when the model changes, never re-lays anything out."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from unslouch.tui.canvas import RGB, mix
from unslouch.tui.theme import Tone

if TYPE_CHECKING:
    from textual.app import App

ModelT = TypeVar("ModelT")

_KEPT = 256
"""Pictures a widget keeps: a slow turn of 60 deg to both sides in steps of a degree, twice."""


class Live(Widget, Generic[ModelT]):
    """Draws frozen, hashable models that are quantised by whoever makes them.

    Equal models make the same picture, so nothing is drawn twice and nothing is sent to the terminal while the model
    stays. Subclasses implement :meth:`draw`.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.model: ModelT | None = None
        self._strips: list[Strip] = []
        self._kept: OrderedDict[ModelT, list[Strip]] = OrderedDict()
        self._colours: dict[str, RGB] = {}

    def draw(self, model: ModelT) -> list[Strip]:
        """Return the picture, one strip a row."""
        raise NotImplementedError

    def show(self, model: ModelT) -> None:
        """Show the model from the next refresh on."""
        if model != self.model:
            self.model = model
            self._picture()

    def redraw(self) -> None:
        """Draw again although the model is the same."""
        self._kept.clear()
        self._colours.clear()
        self._picture()

    def _picture(self) -> None:
        model = self.model
        if model is None or not self.size.width or not self.size.height:
            return
        strips = self._kept.get(model)
        if strips is None:
            strips = self._kept[model] = self.draw(model)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._strips = strips
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one row of the picture."""
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Draw in the new colours."""
        super().notify_style_update()
        self.redraw()

    @property
    def plain(self) -> bool:
        """Whether to draw with ASCII letters alone."""
        return self._theming.has_class("-plain")

    @property
    def _theming(self) -> App[object]:
        return cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]

    # colours

    def ink(self, name: str | Tone) -> RGB:
        """Return a colour of the theme."""
        found = self._colours.get(name)
        if found is None:
            found = self._colours[name] = Color.parse(self._theming.theme_variables[name]).rgb
        return found

    @property
    def paper(self) -> RGB:
        """The background the widget stands on."""
        found = self._colours.get(" paper")
        if found is None:
            found = self._colours[" paper"] = self.background_colors[1].rgb
        return found

    def faint(self, share: float) -> RGB:
        """Return the text colour at ``share`` of its strength."""
        return mix(self.paper, self.ink("foreground"), share)
