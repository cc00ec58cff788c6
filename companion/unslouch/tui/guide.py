"""The guided calibration: stand still, bow, and if you like turn; a state machine without screen and clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from unslouch_signal import quaternion
from unslouch_signal.calibration import Calibration, calibrate
from unslouch_signal.samples import FloatArray, SampleBlock


class Phase(StrEnum):
    """Where the calibration stands."""

    READY = "ready"
    NEUTRAL = "neutral"
    BOWS = "bows"
    TURN = "turn"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class GuideParameters:
    """What each part asks for; s and rad.

    ``neutral_s``: four seconds are the protocol's least; five make a mean that breathing does not move. ``still``: what
    sway and breathing may do to an upright back. ``bow``: from 20 deg on the direction is known better than the clothes
    under the strap. ``hole_s``: longer without samples one may have moved unseen. ``back``: upright again. ``turn``:
    enough to see the axis. ``bent``: more is a bow, not a turn.
    """

    neutral_s: float = 5.0
    hole_s: float = 0.5
    still: float = math.radians(3.0)
    bow: float = math.radians(20.0)
    back: float = math.radians(10.0)
    bows: int = 2
    turn: float = math.radians(20.0)
    bent: float = math.radians(12.0)


@dataclass(frozen=True, slots=True)
class GuideView:
    """What to show: the part, how far it is (0 to 1), and, at the end, the calibration."""

    phase: Phase
    done: float
    tilt: float | None
    """Angle from the neutral, rad."""
    bows: int
    title: str
    sentence: str
    calibration: Calibration | None = None


_TITLES = {
    Phase.READY: "Teach the strap your upright",
    Phase.NEUTRAL: "Sit or stand tall and still",
    Phase.BOWS: "Bow forward, twice",
    Phase.TURN: "Turn to one side and back",
    Phase.RESULT: "Done",
}


class Guide:
    """Collects the parts of a calibration from blocks of samples."""

    def __init__(self, parameters: GuideParameters | None = None) -> None:
        self._p = parameters or GuideParameters()
        self.restart()

    def restart(self) -> None:
        """Begin again."""
        self._phase = Phase.READY
        self._neutral: list[SampleBlock] = []
        self._bows: list[SampleBlock] = []
        self._turn: list[SampleBlock] = []
        self._up: FloatArray | None = None
        self._first: FloatArray | None = None
        self._tilt: float | None = None
        self._deep = False
        self._bowed = 0
        self._turned = 0.0
        self._moved = False
        self._no_orientation = False
        self._result: Calibration | None = None

    @property
    def collecting(self) -> bool:
        """Whether samples are waited for."""
        return self._phase in (Phase.NEUTRAL, Phase.BOWS, Phase.TURN)

    def next(self) -> None:
        """Begin, or leave the optional turn out."""
        if self._phase is Phase.READY:
            self._phase = Phase.NEUTRAL
        elif self._phase is Phase.TURN:
            self._turn = []
            self._finish()

    def skip(self) -> None:
        """Leave the present part out: without bows forward stays unknown."""
        if self._phase is Phase.BOWS:
            self._bows = []
            self._finish()
        elif self._phase is Phase.TURN:
            self.next()

    def feed(self, block: SampleBlock) -> None:
        """Take samples."""
        if not self.collecting or len(block) == 0:
            return
        self._no_orientation = block.quat is None
        if block.quat is None:
            return
        ups = quaternion.up_in_sensor(block.quat)
        if self._phase is Phase.NEUTRAL:
            self._take_neutral(block, ups)
        elif self._phase is Phase.BOWS:
            self._take_bows(block, ups)
        else:
            self._take_turn(block, ups)

    @property
    def view(self) -> GuideView:
        """What to show now."""
        return GuideView(
            self._phase, self._done(), self._tilt, self._bowed, _TITLES[self._phase], self._sentence(), self._result
        )

    def _take_neutral(self, block: SampleBlock, ups: FloatArray) -> None:
        blocks = [*self._neutral, block]
        start = self._up if self._up is not None else ups[0]
        stamps = np.concatenate((self._neutral[-1].t[-1:] if self._neutral else block.t[:0], block.t))
        seen = not bool((np.diff(stamps) > self._p.hole_s).any())
        if not seen or float(_angles(ups, start).max()) > self._p.still:
            # moved, or might have: the neutral begins anew with the newest sample
            self._moved = bool(self._neutral)
            self._neutral, self._up = [], ups[-1]
            return
        self._neutral = blocks
        parts = [quaternion.up_in_sensor(b.quat) for b in blocks if b.quat is not None]
        self._up = quaternion.normalise(np.concatenate(parts).mean(axis=0))
        if self._held() >= self._p.neutral_s:
            self._phase, self._tilt = Phase.BOWS, 0.0

    def _take_bows(self, block: SampleBlock, ups: FloatArray) -> None:
        assert self._up is not None
        self._bows.append(block)
        tilts = _angles(ups, self._up)
        self._tilt = float(tilts[-1])
        if float(tilts.max()) >= self._p.bow:
            self._deep = True
        if self._deep and self._tilt <= self._p.back:
            self._deep = False
            self._bowed += 1
        if self._bowed >= self._p.bows:
            self._phase, self._tilt = Phase.TURN, 0.0

    def _take_turn(self, block: SampleBlock, ups: FloatArray) -> None:
        assert block.quat is not None
        assert self._up is not None
        if float(_angles(ups, self._up).max()) > self._p.bent:
            # one bow more is no turn: wait for the next upright moment
            self._turn, self._first, self._turned, self._tilt = [], None, 0.0, 0.0
            return
        self._turn.append(block)
        first = block.quat[0] if self._first is None else self._first
        self._first = first
        v = quaternion.to_rotvec(quaternion.multiply(quaternion.conjugate(first[None, :]), block.quat))
        about_up = v @ self._up
        self._tilt = float(about_up[-1])
        self._turned = max(self._turned, float(np.abs(about_up).max()))
        if self._turned >= self._p.turn and abs(self._tilt) <= self._p.back:
            self._finish()

    def _finish(self) -> None:
        self._result = calibrate(
            _joined(self._neutral),
            _joined(self._bows) if self._bows else None,
            _joined(self._turn) if self._turn else None,
        )
        self._phase = Phase.RESULT

    def _held(self) -> float:
        return float(self._neutral[-1].t[-1] - self._neutral[0].t[0]) if self._neutral else 0.0

    def _done(self) -> float:
        match self._phase:
            case Phase.READY:
                return 0.0
            case Phase.NEUTRAL:
                return min(self._held() / self._p.neutral_s, 1.0)
            case Phase.BOWS:
                return (self._bowed + (0.5 if self._deep else 0.0)) / self._p.bows
            case Phase.TURN:
                return min(self._turned / self._p.turn, 1.0)
            case Phase.RESULT:
                return 1.0

    def _sentence(self) -> str:
        if self._no_orientation:
            return "The strap sends raw samples without orientation. Choose its fused profile to calibrate."
        match self._phase:
            case Phase.READY:
                return "Strap on the upper back, below the neck, snug. It takes half a minute."
            case Phase.NEUTRAL if self._moved:
                return "You moved, so it began again. Look ahead and breathe quietly."
            case Phase.NEUTRAL:
                return "This is what will count as upright. Look ahead and breathe quietly."
            case Phase.BOWS if self._deep:
                return "Good. Come back upright."
            case Phase.BOWS:
                return "Bend straight forward, a little more than a nod of the trunk, and come back."
            case Phase.TURN if self._turned >= self._p.turn:
                return "Good. Come back to the front."
            case Phase.TURN:
                return "This checks the axes. You may leave it out."
            case Phase.RESULT:
                return quality_sentence(self._result)


def quality_sentence(calibration: Calibration | None) -> str:
    """Say what a calibration is worth."""
    if calibration is None:
        return ""
    if calibration.quality >= 0.85:
        return "Good. Forward, sideways and turns are known." if calibration.forward_known else "Good, without forward."
    if calibration.quality >= 0.5:
        return "Usable. Better would be once more, minding what is below."
    return "Too poor to trust. Please do it again, minding what is below."


def quality_word(calibration: Calibration) -> str:
    """One word for the quality."""
    return "good" if calibration.quality >= 0.85 else "usable" if calibration.quality >= 0.5 else "poor"


def _angles(vectors: FloatArray, to: FloatArray) -> FloatArray:
    """Angle of each unit vector (n, 3) to one (3,), rad."""
    return np.arccos(np.clip(vectors @ to, -1.0, 1.0))


def _joined(blocks: list[SampleBlock]) -> SampleBlock:
    """Put blocks together, with acceleration where all have it: at rest it shows the vertical best."""
    acc = [b.acc for b in blocks if b.acc is not None]
    return SampleBlock(
        np.concatenate([b.t for b in blocks]),
        np.concatenate([b.quat for b in blocks if b.quat is not None]),
        np.concatenate(acc) if len(acc) == len(blocks) else None,
        None,
        np.concatenate([b.flags for b in blocks]),
    )
