"""What a movement is, and the plain ones: each writes itself onto a script."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians
from typing import Protocol

from unslouch_signal.events import RotationPosition, Side
from unslouch_signal.synth.script import RotationNote, Script


class Movement(Protocol):
    """Anything that can write itself onto a script, from the cursor on."""

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        ...


def sign(side: Side) -> float:
    """+1 to the left for axial rotation and heading (to the right for lateral bends it is the other way)."""
    return 1.0 if side is Side.LEFT else -1.0


@dataclass(frozen=True, slots=True)
class Rest:
    """Stay as one is: breathing and sway only."""

    seconds: float

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        script.wait(self.seconds)


@dataclass(frozen=True, slots=True)
class Settle:
    """Come upright, facing where the pelvis faces."""

    seconds: float = 1.5

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        script.move(self.seconds, flexion=0.0, lateral=0.0, axial=0.0)


@dataclass(frozen=True, slots=True)
class Together:
    """Several movements at once, each ``offset`` s after the first."""

    parts: tuple[tuple[float, Movement], ...]

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        start, end = script.now, script.now
        for offset, movement in self.parts:
            script.at(start + offset)
            movement.write(script)
            end = max(end, script.now)
        script.at(end)


@dataclass(frozen=True, slots=True)
class Bend:
    """Go to a posture (deg), stay, and come back (or stay there, with ``back_s`` 0).

    Slouches (positive flexion, slow), leans, reaches, drinks and phone calls are all of this kind.
    """

    flexion_deg: float = 0.0
    lateral_deg: float = 0.0
    axial_deg: float = 0.0
    out_s: float = 1.5
    hold_s: float = 5.0
    back_s: float = 1.5

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        before = script.pose
        script.move(
            self.out_s,
            flexion=before.flexion + radians(self.flexion_deg),
            lateral=before.lateral + radians(self.lateral_deg),
            axial=before.axial + radians(self.axial_deg),
        )
        script.wait(self.hold_s)
        if self.back_s:
            script.move(self.back_s, flexion=before.flexion, lateral=before.lateral, axial=before.axial)


def slouch(depth_deg: float = 22.0, sink_s: float = 8.0, hold_s: float = 30.0, rise_s: float = 1.5) -> Bend:
    """Sink forward as typing people do, over 2-20 s, stay, and rise."""
    return Bend(flexion_deg=depth_deg, out_s=sink_s, hold_s=hold_s, back_s=rise_s)


def sink(depth_deg: float = 22.0, sink_s: float = 4.0) -> Bend:
    """Sink forward and stay there."""
    return Bend(flexion_deg=depth_deg, out_s=sink_s, hold_s=0.0, back_s=0.0)


def lean(side: Side, depth_deg: float = 18.0, hold_s: float = 25.0) -> Bend:
    """Lean to a side, as on an armrest."""
    return Bend(lateral_deg=-sign(side) * depth_deg, out_s=3.0, hold_s=hold_s)


def reach(side: Side, depth_deg: float = 38.0, hold_s: float = 2.0) -> Bend:
    """Reach forward for something and come back: shorter than any dwell."""
    return Bend(depth_deg, -sign(side) * 8.0, sign(side) * 6.0, out_s=1.0, hold_s=hold_s, back_s=1.1)


def drink(hold_s: float = 4.0) -> Bend:
    """Tip back a little to drink."""
    return Bend(flexion_deg=-7.0, out_s=1.2, hold_s=hold_s, back_s=1.2)


def phone_call(side: Side, seconds: float = 40.0) -> Bend:
    """Sit a little askew with the phone at one ear."""
    return Bend(flexion_deg=3.0, lateral_deg=-sign(side) * 7.0, axial_deg=sign(side) * 5.0, out_s=2.0, hold_s=seconds)


@dataclass(frozen=True, slots=True)
class Twist:
    """Turn the thorax and stay there (a live person does so on command); 0 comes back."""

    axial_deg: float
    seconds: float = 1.6

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        script.move(self.seconds, axial=radians(self.axial_deg))


@dataclass(frozen=True, slots=True)
class Swivel:
    """Turn the whole body with the chair; with ``back_after_s`` turn back after so many seconds."""

    side: Side
    turn_deg: float = 70.0
    turn_s: float = 1.8
    back_after_s: float | None = None

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        start, heading = script.now, script.pose.heading
        script.move(self.turn_s, heading=heading + sign(self.side) * radians(self.turn_deg))
        if self.back_after_s is not None:
            script.wait(self.back_after_s)
            script.move(self.turn_s, heading=heading)
            script.note(RotationNote(self.side, RotationPosition.SEATED, start, script.now))
        script.wait(1.0)
