"""A person one can tell what to do: the live form of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import degrees

from unslouch_signal.events import LyingSide, Side
from unslouch_signal.samples import FloatArray, SampleBlock
from unslouch_signal.synth.body import Person
from unslouch_signal.synth.definitions import angles_of
from unslouch_signal.synth.motion import Channel
from unslouch_signal.synth.movements import (
    CalibrationProtocol,
    DoorwayHold,
    ExtensionHold,
    GetUp,
    LieDown,
    Movement,
    RotateTrunk,
    Settle,
    SitDown,
    StandUp,
    StrapSlip,
    Swivel,
    Twist,
    Walk,
    drink,
    look,
    reach,
    sink,
)
from unslouch_signal.synth.script import Pose, Script
from unslouch_signal.synth.sensor import SensorModel
from unslouch_signal.synth.simulation import Scenario
from unslouch_signal.synth.strap import Fuser, Taken, VqfFuser, WornStrap

COMMANDS: Mapping[str, Callable[[], Movement]] = {
    "upright": Settle,
    "slouch": sink,
    "calibrate": CalibrationProtocol,
    "rotate left": lambda: RotateTrunk(Side.LEFT, 46.0, hold_s=3.0),
    "rotate right": lambda: RotateTrunk(Side.RIGHT, 43.0, hold_s=3.0),
    "turn left": lambda: Twist(45.0),
    "turn right": lambda: Twist(-45.0),
    "extend": ExtensionHold,
    "doorway left": lambda: DoorwayHold(Side.LEFT),
    "doorway right": lambda: DoorwayHold(Side.RIGHT),
    "look": lambda: look(Side.RIGHT),
    "reach": lambda: reach(Side.LEFT),
    "drink": drink,
    "swivel": lambda: Swivel(Side.LEFT),
    "stand": StandUp,
    "sit": SitDown,
    "walk": Walk,
    "lie down": LieDown,
    "get up": GetUp,
    "slip": StrapSlip,
}
"""What a person can be told by name."""


class LivePerson:
    """A worn strap whose wearer follows commands while time goes on as fast as one asks for samples.

    Parameters
    ----------
    scenario
        What to do first, before any command.
    sensor, mounting, seed, person, fuser
        As for :func:`unslouch_signal.synth.simulate`.
    raw
        Put out raw samples (acc, gyr) instead of fused ones (quat, acc).
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        sensor: SensorModel | None = None,
        mounting: FloatArray | None = None,
        seed: int = 0,
        person: Person | None = None,
        fuser: Fuser | None = None,
        raw: bool = False,
    ) -> None:
        self.model = SensorModel() if sensor is None else sensor
        fusing = None if raw else fuser or VqfFuser(self.model.rate_hz)
        self._strap = WornStrap(self.model, Person() if person is None else person, mounting, seed, fusing)
        self._raw = raw
        self._script = Script() if scenario is None else scenario.script()
        self._strap.play(self._script)
        self._taken: Taken | None = None

    @property
    def now(self) -> float:
        """Time of the next sample, s."""
        return self._strap.now

    @property
    def busy_until(self) -> float:
        """When the last movement ends, s."""
        return self._script.now

    def queue(self, movement: Movement | str) -> float:
        """Do this once everything before is done; gives back when it will be done, s.

        Raises
        ------
        ValueError
            When there is no command of that name.
        """
        return self._write(movement, max(self._script.now, self._strap.now))

    def command(self, movement: Movement | str) -> float:
        """Do this now: what has not begun is dropped, what is under way flows into it; gives back when it is done, s.

        Raises
        ------
        ValueError
            When there is no command of that name.
        """
        now = self._strap.now
        score = self._strap.body.score
        score.cancel(now)
        self._strap.body.drop_future(now)
        ends = score.targets()
        pose, recline = self._script.pose, float(ends[Channel.RECLINE])
        # getting up that never got beyond the roll leaves one lying, whatever the script said
        lying = pose.lying or LyingSide.SUPINE if recline < -0.5 else None
        self._script.pose = replace(
            pose,
            lying=lying,
            flexion=float(ends[Channel.FLEXION]),
            lateral=float(ends[Channel.LATERAL]),
            axial=float(ends[Channel.AXIAL]),
            heading=float(ends[Channel.HEADING]),
            recline=recline,
        )
        return self._write(movement, now)

    def buzz(self, seconds: float = 0.6) -> None:
        """Run the motor from now on."""
        self._strap.buzz(self._strap.now, seconds)

    def samples(self, n: int) -> SampleBlock:
        """The next ``n`` samples (at least one)."""
        if n < 1:
            raise ValueError(f"at least one sample must be asked for, not {n}")
        self._taken = self._strap.take(n)
        return self._taken.raw if self._raw or self._taken.fused is None else self._taken.fused

    def advance(self, seconds: float) -> SampleBlock:
        """The samples of the next ``seconds`` (at least one sample)."""
        return self.samples(max(1, round(seconds * self.model.rate_hz)))

    def angles_deg(self) -> tuple[float, float, float]:
        """True flexion, lateral bend and axial rotation (with the chair's heading) at the last sample, deg."""
        if self._taken is None:
            return 0.0, 0.0, 0.0
        last = angles_of(self._taken.thorax[-1:], self._taken.raw.t[-1:], ())
        return degrees(last.flexion[0]), degrees(last.lateral[0]), degrees(last.axial[0])

    def pose(self) -> Pose:
        """Where everything commanded so far leads to."""
        return self._script.pose

    def _write(self, movement: Movement | str, at: float) -> float:
        if isinstance(movement, str):
            if movement not in COMMANDS:
                raise ValueError(f"no movement is called {movement!r}; there are {', '.join(COMMANDS)}")
            movement = COMMANDS[movement]()
        script = Script(now=at, pose=self._script.pose, lying_since=self._script.lying_since)
        movement.write(script)
        self._strap.play(script)
        self._script = script
        return script.now
