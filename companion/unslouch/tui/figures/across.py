"""Figures seen along the long axis (from above, from the feet) and from behind."""

from __future__ import annotations

from math import cos, pi, radians, sin

from unslouch.tui.canvas import Canvas, Point
from unslouch.tui.figures.model import FigureModel, Ink


def above(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """A seated person from above, facing up: the shoulders turn over the hips, left is left."""
    centre = (float(canvas.width), 2.0 * canvas.height + 0.06 * min(4.0 * canvas.height, 2.0 * canvas.width))
    r = min(2.0 * canvas.height * 0.86, float(canvas.width) * 0.90)
    _dial(canvas, centre, r, model, ink, sign=-1.0)
    # hips and thighs stay
    for side in (-1.0, 1.0):
        canvas.cone(
            (centre[0] + side * 0.16 * r, centre[1]),
            (centre[0] + side * 0.19 * r, centre[1] - 0.62 * r),
            0.13 * r,
            0.09 * r,
            ink.line,
        )
    canvas.cone(
        (centre[0] - 0.17 * r, centre[1] + 0.02 * r),
        (centre[0] + 0.17 * r, centre[1] + 0.02 * r),
        0.15 * r,
        0.15 * r,
        ink.line,
    )
    turn = radians(-model.angle_deg)
    _torso(canvas, centre, r, turn, ink, half=0.40, thick=0.17)
    # arms crossed on the chest, elbows forward
    for side in (-1.0, 1.0):
        shoulder = _turned(centre, side * 0.42 * r, 0.0, turn)
        elbow = _turned(centre, side * 0.34 * r, -0.27 * r, turn)
        hand = _turned(centre, -side * 0.10 * r, -0.24 * r, turn)
        canvas.path([shoulder, elbow, hand], 0.05 * r, ink.body)
    _head(canvas, _turned(centre, 0.0, -0.02 * r, turn), 0.165 * r, turn, ink)
    canvas.disc(_turned(centre, 0.0, 0.20 * r, turn), 0.065 * r, ink.sensor)
    _sides(canvas, centre, r, ink, left_is_left=True)


def feet(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """A person on the back, seen from the feet: the person's left is on the right of the picture."""
    r = min(4.0 * canvas.height * 0.74, float(canvas.width) * 0.90)
    floor = min(4.0 * canvas.height - 3.0, 2.0 * canvas.height + 0.58 * r)
    turn = radians(model.angle_deg)
    # a rolling thorax rests on its back or on a shoulder
    lift = 0.19 * r + 0.34 * r * abs(sin(turn))
    centre = (float(canvas.width), floor - lift)
    dial = (float(canvas.width), floor - 0.19 * r)
    _dial(canvas, dial, r, model, ink, sign=1.0)
    canvas.line((1, floor), (2 * canvas.width - 2, floor), ink.line)
    # crossed knees drawn in go to the other side; dim, for the thorax is what is measured
    knees = _turned(dial, 0.0, -0.52 * r, -turn * 0.9)
    for side in (-1.0, 1.0):
        canvas.cone(
            (dial[0] + side * 0.10 * r, dial[1] - 0.02 * r),
            (knees[0] + side * 0.085 * r, knees[1]),
            0.10 * r,
            0.075 * r,
            ink.line,
        )
    _torso(canvas, centre, r, turn, ink, half=0.42, thick=0.19)
    _head(canvas, _turned(centre, 0.0, -0.05 * r, turn * 0.6), 0.16 * r, turn * 0.6, ink)
    canvas.disc(_turned(centre, 0.0, 0.19 * r, turn), 0.055 * r, ink.sensor)
    _sides(canvas, dial, r, ink, left_is_left=False)


def behind(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """A seated person from behind: leaning to the right goes to the right."""
    u = min(4.0 * canvas.height / 0.72, 2.0 * canvas.width / 0.95)
    floor = 4.0 * canvas.height - 2.0
    hip = (float(canvas.width), floor - 0.13 * u)
    radius = 0.55 * u
    canvas.arc(hip, radius, radians(-50), radians(50), ink.line, every=5)
    canvas.line((hip[0], hip[1] - 0.92 * radius), (hip[0], hip[1] - radius), ink.line)
    if model.zone_deg is not None:
        low, high = (radians(min(max(v, -50), 50)) for v in model.zone_deg)
        canvas.arc(hip, radius, low, high, ink.zone, thick=2)
    angle = radians(min(max(model.angle_deg, -50), 50))
    for k in range(-4, 3):
        canvas.dot(hip[0] + (radius + k) * sin(angle), hip[1] - (radius + k) * cos(angle), ink.trunk)
    canvas.line((hip[0] - 0.22 * u, floor - 0.05 * u), (hip[0] + 0.22 * u, floor - 0.05 * u), ink.line)
    canvas.line((1, floor), (2 * canvas.width - 2, floor), ink.line)
    canvas.cone((hip[0] - 0.07 * u, hip[1]), (hip[0] + 0.07 * u, hip[1]), 0.075 * u, 0.075 * u, ink.body)
    spine: list[Point] = [hip]
    for k in range(6):
        slope = angle * (0.4 + 0.8 * (k + 0.5) / 6)
        x, y = spine[-1]
        spine.append((x + sin(slope) * 0.05 * u, y - cos(slope) * 0.05 * u))
    for k in range(6):
        width = (0.045 + 0.030 * k / 6) * u
        s, c = sin(angle * (0.4 + 0.8 * k / 6)), cos(angle * (0.4 + 0.8 * k / 6))
        x, y = spine[k + 1]
        canvas.cone((x - c * width, y - s * width), (x + c * width, y + s * width), 0.050 * u, 0.050 * u, ink.trunk)
    s, c = sin(angle * 1.2), cos(angle * 1.2)
    x, y = spine[-1]
    for side in (-1.0, 1.0):
        shoulder = (x + side * c * 0.125 * u, y + side * s * 0.125 * u + 0.01 * u)
        canvas.path(
            [
                shoulder,
                (shoulder[0] + side * 0.04 * u, shoulder[1] + 0.14 * u),
                (hip[0] + side * 0.14 * u, hip[1] - 0.02 * u),
            ],
            0.028 * u,
            ink.body,
        )
    head = (x + s * 0.135 * u, y - c * 0.135 * u)
    canvas.cone((x, y), head, 0.032 * u, 0.032 * u, ink.body)
    canvas.disc(head, 0.062 * u, ink.body)
    canvas.disc(spine[4], 0.026 * u, ink.sensor)
    _sides(canvas, (hip[0], hip[1] - 0.3 * u), 0.5 * u, ink, left_is_left=True)


def _turned(centre: Point, across: float, down: float, turn: float) -> Point:
    """Return a point given in the figure's own frame, turned clockwise by ``turn``."""
    s, c = sin(turn), cos(turn)
    return centre[0] + across * c - down * s, centre[1] + across * s + down * c


def _torso(canvas: Canvas, centre: Point, r: float, turn: float, ink: Ink, half: float, thick: float) -> None:
    canvas.cone(
        _turned(centre, -half * r, 0.0, turn),
        _turned(centre, half * r, 0.0, turn),
        thick * r * 0.82,
        thick * r * 0.82,
        ink.trunk,
    )
    canvas.cone(
        _turned(centre, -0.16 * r, 0.0, turn), _turned(centre, 0.16 * r, 0.0, turn), thick * r, thick * r, ink.trunk
    )


def _head(canvas: Canvas, centre: Point, radius: float, turn: float, ink: Ink) -> None:
    canvas.disc(_turned(centre, 0.0, -1.05 * radius, turn), 0.30 * radius, ink.body)
    canvas.disc(centre, radius, ink.body)


def _dial(canvas: Canvas, centre: Point, r: float, model: FigureModel, ink: Ink, sign: float) -> None:
    """Draw the dial the chest points at: zone, reached range, pointer."""
    canvas.arc(centre, r, -pi / 2, pi / 2, ink.line, every=5)
    canvas.line((centre[0], centre[1] - r), (centre[0], centre[1] - 0.93 * r), ink.line)
    if model.zone_deg is not None:
        low, high = model.zone_deg
        canvas.arc(centre, r, radians(low) * sign, radians(high) * sign, ink.zone, thick=2)
    negative, positive = model.reached_deg
    for reached, way in ((negative, -sign), (positive, sign)):
        if reached > 0:
            canvas.arc(centre, r - 5.0, 0.0, radians(min(reached, 90)) * way, ink.sensor, every=2)
            end = radians(min(reached, 90)) * way
            canvas.line(
                (centre[0] + (r - 7) * sin(end), centre[1] - (r - 7) * cos(end)),
                (centre[0] + (r - 3) * sin(end), centre[1] - (r - 3) * cos(end)),
                ink.sensor,
            )
    angle = radians(min(max(model.angle_deg, -100), 100)) * sign
    for k in range(-8, 4):
        canvas.dot(centre[0] + (r + k) * sin(angle), centre[1] - (r + k) * cos(angle), ink.trunk)


def _sides(canvas: Canvas, centre: Point, r: float, ink: Ink, *, left_is_left: bool) -> None:
    """Write which side is which."""
    row = min(max(int(centre[1] / 4), 0), canvas.height - 1)
    words = ("left", "right") if left_is_left else ("right", "left")
    at = int((centre[0] - r) / 2) - len(words[0]) - 1
    canvas.label(max(at, 1), row, words[0], ink.text)
    at = int((centre[0] + r) / 2) + 2
    canvas.label(min(at, canvas.width - len(words[1]) - 1), row, words[1], ink.text)
