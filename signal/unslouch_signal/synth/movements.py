"""What a wearer does, as values: each movement writes itself onto a script."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians
from typing import Protocol

import numpy as np

from unslouch_signal.events import ActivityKind, LyingSide, RotationPosition, Side, Technique
from unslouch_signal.synth.motion import Gait
from unslouch_signal.synth.script import HoldNote, RotationNote, Script


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
class CalibrationProtocol:
    """Still and upright, forward bows, upright again; optionally a turn at the end."""

    still_s: float = 6.0
    bows: int = 3
    bow_deg: float = 40.0
    bow_s: float = 1.6
    turn_deg: float = 0.0

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        start = script.now
        script.wait(self.still_s)
        still_end = script.now
        for i in range(self.bows):
            # No two bows are alike, and nobody bows in one plane exactly.
            script.move(self.bow_s, flexion=radians(self.bow_deg * (1.0 + 0.05 * (i % 3 - 1))), lateral=radians(0.6))
            script.wait(0.4)
            script.move(self.bow_s, flexion=0.0, lateral=0.0)
            script.wait(0.8)
        if self.turn_deg:
            RotateTrunk(Side.LEFT, self.turn_deg, hold_s=0.5, rest_s=1.0).write(script)
        script.wait(2.0)
        script.calibrated(start, still_end)


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
class RotateTrunk:
    """Turn the thorax about its long axis and come back: a repetition, or a look over the shoulder.

    ``across`` goes straight over to the other side by the same angle and then back: two repetitions without a pause.
    The position (seated or supine) is that of the script. ``lateral_deg`` and ``flexion_deg`` spoil the repetition.
    """

    side: Side
    range_deg: float = 45.0
    out_s: float = 1.6
    hold_s: float = 2.0
    back_s: float = 1.6
    rest_s: float = 1.5
    across: bool = False
    lateral_deg: float = 0.0
    flexion_deg: float = 0.0

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        before = script.pose
        position = RotationPosition.SUPINE if before.lying else RotationPosition.SEATED
        turn = sign(self.side) * radians(self.range_deg)
        start = script.now
        script.move(
            self.out_s,
            axial=before.axial + turn,
            lateral=before.lateral + radians(self.lateral_deg),
            flexion=before.flexion + radians(self.flexion_deg),
        )
        script.wait(self.hold_s)
        if self.across:
            other = Side.RIGHT if self.side is Side.LEFT else Side.LEFT
            script.move(1.5 * self.back_s, axial=before.axial - turn)
            middle = script.now - 0.75 * self.back_s
            script.wait(self.hold_s)
            script.move(self.back_s, axial=before.axial, lateral=before.lateral, flexion=before.flexion)
            line = (start, script.now)
            script.note(RotationNote(self.side, position, start, middle, line))
            script.note(RotationNote(other, position, middle, script.now, line))
        else:
            script.move(self.back_s, axial=before.axial, lateral=before.lateral, flexion=before.flexion)
            script.note(RotationNote(self.side, position, start, script.now))
        script.wait(self.rest_s)


def look(side: Side, range_deg: float = 32.0) -> RotateTrunk:
    """Look over the shoulder."""
    return RotateTrunk(side, range_deg, out_s=0.9, hold_s=1.2, back_s=0.9, rest_s=1.0)


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


@dataclass(frozen=True, slots=True)
class StandUp:
    """Rise from the chair: the trunk tips forward by 35-40 deg and the hip goes up and forward."""

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        if script.pose.standing:
            return
        script.move(0.8, flexion=radians(34.0))
        script.move(1.3, flexion=0.0, up=0.45, forward=0.35)
        script.wait(1.0)
        script.stance(standing=True, lying=None)


@dataclass(frozen=True, slots=True)
class SitDown:
    """Sit down: trunk forward, hip down and back."""

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        if not script.pose.standing:
            return
        script.move(1.0, flexion=radians(30.0), up=-0.25, forward=-0.2)
        script.move(1.1, flexion=0.0, up=-0.2, forward=-0.15)
        script.wait(1.0)
        script.stance(standing=False, lying=None)


@dataclass(frozen=True, slots=True)
class Walk:
    """Walk in legs with turns between them (deg, + left); stands up first and sits down after when seated."""

    turns_deg: tuple[float, ...] = (180.0, 180.0)
    leg_s: float = 8.0
    speed: float = 1.2
    step_hz: float = 1.8
    bounce: float = 2.0

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        sat = not script.pose.standing
        StandUp().write(script)
        start, turn_s = script.now, 1.2
        legs = len(self.turns_deg) + 1
        end = start + legs * self.leg_s
        script.gait(Gait(start, end, self.step_hz, self.bounce))
        script.move(1.2, flexion=radians(3.0))
        at = start
        for i in range(legs):
            leg_end = at + self.leg_s
            # the speed turns with the heading: one leg fades as the next rises
            script.travel(at - (turn_s if i else 0.0), leg_end, self.speed, turn_s)
            if i < legs - 1:
                script.at(leg_end - turn_s)
                script.move(turn_s, heading=script.pose.heading + radians(self.turns_deg[i]))
            at = leg_end
        script.at(end - 1.2)
        script.move(1.2, flexion=0.0)
        script.activity(ActivityKind.WALKING, start, end)
        script.wait(1.5)
        if sat:
            SitDown().write(script)


@dataclass(frozen=True, slots=True)
class Stairs:
    """Climb (or with negative ``rise`` descend) stairs, from standing."""

    seconds: float = 15.0
    rise: float = 0.25
    """m/s"""

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        StandUp().write(script)
        start, end = script.now, script.now + self.seconds
        script.gait(Gait(start, end, 1.5, 2.3 if self.rise > 0 else 3.0, surge=0.8, yaw=0.05, pitch=0.03))
        script.travel(start, end, 0.4, 1.0, rise=self.rise)
        script.move(1.5, flexion=radians(8.0 if self.rise > 0 else 2.0))
        script.at(end - 1.5)
        script.move(1.5, flexion=0.0)
        script.activity(ActivityKind.WALKING, start, end)
        script.wait(1.5)


@dataclass(frozen=True, slots=True)
class LieDown:
    """From sitting or standing onto the back, legs drawn in."""

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        if script.pose.lying is not None:
            return
        SitDown().write(script)
        script.move(3.0, recline=radians(-90.0), flexion=0.0, lateral=0.0, axial=0.0, up=-0.1)
        script.stance(standing=False, lying=LyingSide.SUPINE)
        # drawing the legs in rocks the trunk
        script.move(0.8, lateral=radians(2.0), flexion=radians(2.0))
        script.move(0.8, lateral=0.0, flexion=0.0)
        script.wait(1.5)


@dataclass(frozen=True, slots=True)
class RollOver:
    """Roll onto a side (or with None onto the back), lying."""

    onto: Side | None
    seconds: float = 2.0

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        angle = 0.0 if self.onto is None else sign(self.onto) * radians(85.0)
        script.move(self.seconds, axial=angle)
        sides = {None: LyingSide.SUPINE, Side.LEFT: LyingSide.LEFT, Side.RIGHT: LyingSide.RIGHT}
        script.stance(standing=False, lying=sides[self.onto])


@dataclass(frozen=True, slots=True)
class GetUp:
    """From the back over one side to sitting."""

    over: Side = Side.RIGHT

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        if script.pose.lying is None:
            return
        script.move(1.8, axial=sign(self.over) * radians(60.0))
        script.wait(0.6)
        script.stance(standing=False, lying=None)
        script.move(2.6, recline=0.0, axial=0.0, flexion=0.0, lateral=0.0, up=0.1)
        script.wait(1.5)


@dataclass(frozen=True, slots=True)
class ExtensionHold:
    """Upper-back extension, standing with the hands on the lower back, held."""

    depth_deg: float = 22.0
    hold_s: float = 20.0
    rest_s: float = 6.0

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        script.move(2.0, flexion=-radians(self.depth_deg))
        script.wait(self.hold_s)
        script.move(2.0, flexion=0.0)
        script.note(HoldNote(Technique.EXTENSION, None, script.now - self.hold_s - 4.0, script.now))
        script.wait(self.rest_s)


@dataclass(frozen=True, slots=True)
class DoorwayHold:
    """Doorway stretch: forearm on the frame on one side, leaning forward and a little into that side, held."""

    side: Side
    depth_deg: float = 17.0
    hold_s: float = 20.0
    rest_s: float = 6.0

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        s = sign(self.side)
        script.move(2.0, flexion=radians(self.depth_deg), lateral=-s * radians(6.0), axial=-s * radians(9.0))
        script.wait(self.hold_s)
        script.move(2.0, flexion=0.0, lateral=0.0, axial=0.0)
        script.note(HoldNote(Technique.DOORWAY, self.side, script.now - self.hold_s - 4.0, script.now))
        script.wait(self.rest_s)


@dataclass(frozen=True, slots=True)
class StrapSlip:
    """The strap slips on the body: a sudden change of the mounting about a thorax axis."""

    angle_deg: float = 20.0
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    seconds: float = 0.4

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        axis = np.asarray(self.axis) / np.linalg.norm(self.axis)
        x, y, z = (float(v) for v in radians(self.angle_deg) * axis)
        script.slip(self.seconds, (x, y, z))
        script.wait(1.0)


@dataclass(frozen=True, slots=True)
class TakeOff:
    """Take the strap off, leave it lying (on the charger or not) and put it on again, never just as before."""

    seconds: float = 60.0
    charging: bool = False

    def write(self, script: Script) -> None:
        """Add motion and notes and move the cursor to the end."""
        start = script.now
        script.slip(1.5, (0.4, 1.3, 0.2))
        script.wait(self.seconds)
        script.slip(1.5, (-0.3, -1.1, -0.3))
        script.off_body(start, script.now, charging=self.charging)
        script.wait(2.0)


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
