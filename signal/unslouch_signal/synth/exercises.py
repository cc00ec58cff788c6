"""What is done on purpose: the calibration protocol and the four techniques."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

from unslouch_signal.events import RotationPosition, Side, Technique
from unslouch_signal.synth.movement import sign
from unslouch_signal.synth.script import HoldNote, RotationNote, Script


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
