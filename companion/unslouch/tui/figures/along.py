"""Figures seen from the right: seated at the desk, standing, in the door frame."""

from __future__ import annotations

from math import cos, hypot, radians, sin

from unslouch.tui.canvas import Canvas, Point
from unslouch.tui.figures.model import FigureModel, Ink

_JOINTS = 7


def seated(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """A person at a desk; the thorax leans by the angle, the lower back half as much, the neck more."""
    u = min(4.0 * canvas.height / 0.90, 2.0 * canvas.width / 0.95)
    floor = 4.0 * canvas.height - 2.0
    hip = (canvas.width - 0.10 * u, floor - 0.29 * u)
    knee, ankle = (hip[0] + 0.23 * u, hip[1] + 0.01 * u), (hip[0] + 0.21 * u, floor - 0.03 * u)
    _scale(canvas, hip, 0.555 * u, model, ink, forward=True, first=-20, last=60)
    canvas.line((1, floor), (2 * canvas.width - 2, floor), ink.line)
    # chair and table, as lines: they are not what is judged
    canvas.line((hip[0] - 0.10 * u, hip[1] + 0.065 * u), (hip[0] + 0.13 * u, hip[1] + 0.065 * u), ink.line)
    canvas.line((hip[0] - 0.01 * u, hip[1] + 0.065 * u), (hip[0] - 0.01 * u, floor), ink.line)
    canvas.line((hip[0] - 0.10 * u, hip[1] + 0.065 * u), (hip[0] - 0.13 * u, hip[1] - 0.16 * u), ink.line)
    table = hip[1] - 0.10 * u
    canvas.line((hip[0] + 0.20 * u, table), (hip[0] + 0.46 * u, table), ink.line)
    canvas.line((hip[0] + 0.40 * u, table), (hip[0] + 0.40 * u, floor), ink.line)
    canvas.cone(hip, knee, 0.058 * u, 0.040 * u, ink.body)
    canvas.cone(knee, ankle, 0.038 * u, 0.026 * u, ink.body)
    _foot(canvas, ankle, floor, u, ink)
    spine = _spine(hip, 0.30 * u, model.angle_deg, lower=0.35, upper=1.20)
    _trunk(canvas, spine, u, ink)
    _head(canvas, spine, u, ink)
    # the hands stay on the table
    shoulder = _on(spine, 0.86)
    wrist = (hip[0] + 0.27 * u, table - 0.02 * u)
    elbow = _bent(shoulder, wrist, 0.165 * u, 0.155 * u)
    canvas.cone(shoulder, elbow, 0.030 * u, 0.025 * u, ink.body)
    canvas.cone(elbow, wrist, 0.024 * u, 0.019 * u, ink.body)
    _strap(canvas, spine, u, ink)


def standing(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """A person standing with the hands on the lower back; positive angles bend the upper back backward."""
    u = min(4.0 * canvas.height / 1.12, 2.0 * canvas.width / 0.95)
    floor = 4.0 * canvas.height - 2.0
    foot = canvas.width + 0.10 * u
    ankle, knee, hip = (foot, floor - 0.04 * u), (foot + 0.012 * u, floor - 0.27 * u), (foot, floor - 0.51 * u)
    _scale(canvas, hip, 0.52 * u, model, ink, forward=False, first=-10, last=60)
    canvas.line((1, floor), (2 * canvas.width - 2, floor), ink.line)
    _foot(canvas, ankle, floor, u, ink)
    canvas.cone(ankle, knee, 0.026 * u, 0.038 * u, ink.body)
    canvas.cone(knee, hip, 0.040 * u, 0.062 * u, ink.body)
    spine = _spine(hip, 0.30 * u, -model.angle_deg, lower=0.25, upper=1.35)
    _trunk(canvas, spine, u, ink)
    _head(canvas, spine, u, ink)
    shoulder = _on(spine, 0.88)
    wrist = (hip[0] - 0.075 * u, hip[1] - 0.045 * u)
    elbow = (min(shoulder[0], wrist[0]) - 0.085 * u, (shoulder[1] + wrist[1]) / 2 + 0.02 * u)
    canvas.cone(shoulder, elbow, 0.030 * u, 0.025 * u, ink.body)
    canvas.cone(elbow, wrist, 0.024 * u, 0.019 * u, ink.body)
    _strap(canvas, spine, u, ink)


def doorway(canvas: Canvas, model: FigureModel, ink: Ink) -> None:
    """A person in a door frame, the forearm on it, leaning forward through it as one piece."""
    u = min(4.0 * canvas.height / 1.10, 2.0 * canvas.width / 1.0)
    floor = 4.0 * canvas.height - 2.0
    foot = canvas.width - 0.16 * u
    ankle = (foot, floor - 0.04 * u)
    lean = radians(model.angle_deg)
    # the legs take part of the lean, as a step forward would
    knee = (foot + 0.23 * u * sin(lean * 0.5), ankle[1] - 0.23 * u * cos(lean * 0.5))
    hip = (knee[0] + 0.24 * u * sin(lean * 0.6), knee[1] - 0.24 * u * cos(lean * 0.6))
    _scale(canvas, hip, 0.50 * u, model, ink, forward=True, first=-10, last=60)
    canvas.line((1, floor), (2 * canvas.width - 2, floor), ink.line)
    frame = foot + 0.20 * u
    for edge in (frame, frame + 0.05 * u):
        canvas.line((edge, floor - 1.02 * u), (edge, floor), ink.line)
    _foot(canvas, ankle, floor, u, ink)
    canvas.cone(ankle, knee, 0.026 * u, 0.038 * u, ink.body)
    canvas.cone(knee, hip, 0.040 * u, 0.062 * u, ink.body)
    spine = _spine(hip, 0.30 * u, model.angle_deg, lower=0.95, upper=1.05)
    _trunk(canvas, spine, u, ink)
    _head(canvas, spine, u, ink)
    # upper arm level, forearm up along the frame
    shoulder = _on(spine, 0.90)
    elbow = (frame + 0.01 * u, shoulder[1] + 0.01 * u)
    canvas.cone(shoulder, elbow, 0.030 * u, 0.025 * u, ink.body)
    canvas.cone(elbow, (elbow[0] + 0.005 * u, elbow[1] - 0.15 * u), 0.025 * u, 0.019 * u, ink.body)
    _strap(canvas, spine, u, ink)


def _spine(hip: Point, length: float, angle_deg: float, lower: float, upper: float) -> list[Point]:
    """Points from hip to neck; the slope grows from ``lower`` to ``upper`` times the angle."""
    x, y = hip
    points = [hip]
    for k in range(_JOINTS):
        slope = radians(angle_deg) * (lower + (upper - lower) * (k + 0.5) / _JOINTS)
        x, y = x + sin(slope) * length / _JOINTS, y - cos(slope) * length / _JOINTS
        points.append((x, y))
    return points


def _on(spine: list[Point], share: float) -> Point:
    """Return the point at ``share`` of the spine."""
    at = share * (len(spine) - 1)
    k = min(int(at), len(spine) - 2)
    f = at - k
    return (spine[k][0] + f * (spine[k + 1][0] - spine[k][0]), spine[k][1] + f * (spine[k + 1][1] - spine[k][1]))


def _slope(spine: list[Point]) -> Point:
    """Return the unit vector along the uppermost piece of the spine."""
    (ax, ay), (bx, by) = spine[-2], spine[-1]
    length = hypot(bx - ax, by - ay)
    return (bx - ax) / length, (by - ay) / length


def _trunk(canvas: Canvas, spine: list[Point], u: float, ink: Ink) -> None:
    n = len(spine) - 1
    for k in range(n):
        canvas.cone(spine[k], spine[k + 1], (0.060 + 0.016 * k / n) * u, (0.060 + 0.016 * (k + 1) / n) * u, ink.trunk)


def _head(canvas: Canvas, spine: list[Point], u: float, ink: Ink) -> None:
    dx, dy = _slope(spine)
    x, y = spine[-1]
    head = (x + dx * 0.128 * u, y + dy * 0.128 * u)
    canvas.cone((x, y), head, 0.030 * u, 0.034 * u, ink.body)
    canvas.disc((head[0] + 0.006 * u, head[1]), 0.060 * u, ink.body)
    # the nose says which way the figure looks
    canvas.disc((head[0] - dy * 0.064 * u, head[1] + dx * 0.064 * u + 0.006 * u), 0.014 * u, ink.body)


def _foot(canvas: Canvas, ankle: Point, floor: float, u: float, ink: Ink) -> None:
    canvas.cone(
        (ankle[0] - 0.03 * u, floor - 0.014 * u),
        (ankle[0] + 0.085 * u, floor - 0.010 * u),
        0.020 * u,
        0.014 * u,
        ink.body,
    )


def _strap(canvas: Canvas, spine: list[Point], u: float, ink: Ink) -> None:
    """Paint the sensor on the back at T4, the upper third of the trunk."""
    x, y = _on(spine, 0.74)
    dx, dy = _slope(spine)
    canvas.disc((x + dy * 0.078 * u, y - dx * 0.078 * u), 0.024 * u, ink.sensor)


def _bent(shoulder: Point, wrist: Point, upper: float, fore: float) -> Point:
    """Return the elbow of an arm of two bones, hanging below the line from shoulder to wrist."""
    dx, dy = wrist[0] - shoulder[0], wrist[1] - shoulder[1]
    reach = max(hypot(dx, dy), 1e-6)
    along = min((reach * reach + upper * upper - fore * fore) / (2 * reach), upper)
    down = max(upper * upper - along * along, 0.0) ** 0.5
    return (
        shoulder[0] + dx / reach * along - dy / reach * down,
        shoulder[1] + dy / reach * along + dx / reach * down,
    )


def _scale(
    canvas: Canvas, hip: Point, radius: float, model: FigureModel, ink: Ink, *, forward: bool, first: int, last: int
) -> None:
    """Draw the arc the trunk moves along, the zone on it and the pointer."""
    sign = 1.0 if forward else -1.0
    canvas.arc(hip, radius, radians(first) * sign, radians(last) * sign, ink.line, every=5)
    canvas.line((hip[0], hip[1] - 0.92 * radius), (hip[0], hip[1] - radius), ink.line)
    if model.zone_deg is not None:
        low, high = model.zone_deg
        canvas.arc(hip, radius, radians(max(low, first)) * sign, radians(min(high, last)) * sign, ink.zone, thick=2)
    angle = radians(min(max(model.angle_deg, first), last)) * sign
    for k in range(-4, 3):
        canvas.dot(hip[0] + (radius + k) * sin(angle), hip[1] - (radius + k) * cos(angle), ink.trunk)
