"""Getting about: standing up, walking, stairs, lying down."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

from unslouch_signal.events import ActivityKind, LyingSide, Side
from unslouch_signal.synth.motion import Gait
from unslouch_signal.synth.movement import sign
from unslouch_signal.synth.script import Script


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
