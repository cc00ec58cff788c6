"""The script of a recording: motion in time with notes of what was meant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import cos, sin

from unslouch_signal.events import ActivityKind, LyingSide, RotationPosition, Side, Technique
from unslouch_signal.synth.body import Absence, Slip
from unslouch_signal.synth.motion import Channel, Gait, Primitive, Step, Travel


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the movements written so far lead to, rad."""

    flexion: float = 0.0
    lateral: float = 0.0
    axial: float = 0.0
    heading: float = 0.0
    recline: float = 0.0
    standing: bool = False
    lying: LyingSide | None = None


@dataclass(frozen=True, slots=True)
class RotationNote:
    """A turn out and back was meant between ``start`` and ``end``; ``line`` gives the rests where those are none."""

    side: Side
    position: RotationPosition
    start: float
    end: float
    line: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class HoldNote:
    """A hold was meant between ``start`` and ``end``, ways in and out included."""

    technique: Technique
    side: Side | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class ActivityNote:
    """An activity between ``start`` and ``end``."""

    kind: ActivityKind
    start: float
    end: float
    lying_side: LyingSide | None = None
    charging: bool = False


@dataclass(frozen=True, slots=True)
class ProtocolNote:
    """A calibration protocol: still from ``start`` to ``still_end``, over at ``end``."""

    start: float
    still_end: float
    end: float


Note = RotationNote | HoldNote | ActivityNote | ProtocolNote | Slip


@dataclass(slots=True)
class Script:
    """Movements are written here one after the other; a body plays it.

    Attributes
    ----------
    now : float
        The cursor: where the next movement begins, s.
    """

    now: float = 0.0
    pose: Pose = field(default_factory=Pose)
    primitives: list[Primitive] = field(default_factory=list[Primitive])
    slips: list[Slip] = field(default_factory=list[Slip])
    absences: list[Absence] = field(default_factory=list[Absence])
    notes: list[Note] = field(default_factory=list[Note])
    lying_since: float = 0.0

    def at(self, t: float) -> None:
        """Set the cursor."""
        self.now = t

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def move(
        self,
        seconds: float,
        *,
        flexion: float | None = None,
        lateral: float | None = None,
        axial: float | None = None,
        heading: float | None = None,
        recline: float | None = None,
        up: float = 0.0,
        forward: float = 0.0,
    ) -> None:
        """Move to the given angles (rad; None leaves them), the hip by ``up`` and ``forward`` m, within ``seconds``."""
        wanted = {
            Channel.FLEXION: (self.pose.flexion, flexion),
            Channel.LATERAL: (self.pose.lateral, lateral),
            Channel.AXIAL: (self.pose.axial, axial),
            Channel.HEADING: (self.pose.heading, heading),
            Channel.RECLINE: (self.pose.recline, recline),
        }
        deltas = {channel: target - old for channel, (old, target) in wanted.items() if target is not None}
        deltas[Channel.Z] = up
        deltas[Channel.X] = forward * cos(self.pose.heading)
        deltas[Channel.Y] = forward * sin(self.pose.heading)
        end = self.now + seconds
        self.primitives.extend(Step(c, self.now, end, d) for c, d in deltas.items() if d)
        self.pose = replace(
            self.pose,
            flexion=self.pose.flexion if flexion is None else flexion,
            lateral=self.pose.lateral if lateral is None else lateral,
            axial=self.pose.axial if axial is None else axial,
            heading=self.pose.heading if heading is None else heading,
            recline=self.pose.recline if recline is None else recline,
        )
        self.now = end

    def travel(self, start: float, end: float, speed: float, ramp: float, rise: float = 0.0) -> None:
        """Move the hip along the heading (and up) between ``start`` and ``end``; the cursor stays."""
        heading = self.pose.heading
        ways = ((Channel.X, speed * cos(heading)), (Channel.Y, speed * sin(heading)), (Channel.Z, rise))
        self.primitives.extend(Travel(c, start, end, v, ramp) for c, v in ways if v)

    def gait(self, gait: Gait) -> None:
        """Add steps; the cursor stays."""
        self.primitives.append(gait)

    def slip(self, seconds: float, rotvec: tuple[float, float, float]) -> None:
        """Move the strap on the body by a rotation vector (rad, thorax frame)."""
        slip = Slip(self.now, self.now + seconds, rotvec)
        self.slips.append(slip)
        self.notes.append(slip)
        self.now = slip.end

    def off_body(self, start: float, end: float, *, charging: bool) -> None:
        """Note that the strap was off the body."""
        self.absences.append(Absence(start, end))
        self.notes.append(ActivityNote(ActivityKind.OFF_BODY, start, end, charging=charging))

    def stance(self, *, standing: bool, lying: LyingSide | None) -> None:
        """Say how the person is from now on."""
        if self.pose.lying is not None and lying is not self.pose.lying:
            self.note(ActivityNote(ActivityKind.LYING, self.lying_since, self.now, self.pose.lying))
        if lying is not None and lying is not self.pose.lying:
            self.lying_since = self.now
        self.pose = replace(self.pose, standing=standing, lying=lying)

    def activity(self, kind: ActivityKind, start: float, end: float) -> None:
        """Note an activity."""
        self.note(ActivityNote(kind, start, end))

    def calibrated(self, start: float, still_end: float) -> None:
        """Note a calibration protocol that ends at the cursor."""
        self.note(ProtocolNote(start, still_end, self.now))

    def note(self, note: Note) -> None:
        """Keep a note."""
        self.notes.append(note)
