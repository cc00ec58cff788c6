"""The coached session: samples' events, frames and track in, view and effects out.

A state machine without screen and clock. Every duration is sample time: holds count inside the zone only, rests and
try-outs stand still while there are no samples. One command, :class:`~unslouch.coach.values.SharpPain`, ends it from
anywhere, and nothing resumes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from unslouch.coach import safety, wording
from unslouch.coach.history import CoachHistory
from unslouch.coach.measure import NO_SAMPLES, Measure, hindrance, in_position, mean_measured, uncalibrated
from unslouch.coach.pieces import Pieces
from unslouch.coach.result import SessionResult, session_result
from unslouch.coach.technique import Kind, Plan, TechniqueSpec
from unslouch.coach.techniques import TECHNIQUES
from unslouch.coach.tryout import TryOut, zone_of
from unslouch.coach.values import (
    TERMINAL,
    CoachCommand,
    CoachEffect,
    CoachView,
    Cue,
    CueKind,
    End,
    Finished,
    Link,
    Mark,
    Next,
    Pain,
    Pause,
    Phase,
    RedFlags,
    Resume,
    Screened,
    SharpPain,
    Skip,
    Zone,
)
from unslouch.coach.view import view_of
from unslouch.coach.work import Counted, Work, WorkStep
from unslouch.errors import Reason, UnslouchError
from unslouch.store.log import Save
from unslouch.store.rows import (
    MarkerRow,
    Outcome,
    PainMoment,
    PainRow,
    SharpPainRow,
    TryoutRow,
)
from unslouch_signal.events import Event, RotationRep, Side, Technique
from unslouch_signal.track import PostureFrame, Track

STEADY_S = 2.0
"""In position this long before it begins."""

DRIFT = math.radians(1.0)
"""rad/s. A heading that drifts faster (gyro bias not learned yet) spoils a seated turn by more than its 6 deg."""

EXERCISE = (Phase.POSITION, Phase.TRY_OUT, Phase.WORK, Phase.REST)


class CoachSession:
    """One technique, from the first question to the result.

    Parameters
    ----------
    technique
        Which one.
    history
        What the store knows (:func:`~unslouch.coach.history.coach_history`); nothing by default: all questions come.
    plan
        The dose; the technique's default when None.
    """

    def __init__(self, technique: Technique, history: CoachHistory | None = None, plan: Plan | None = None) -> None:
        self.spec: TechniqueSpec = TECHNIQUES[technique]
        self.history = CoachHistory() if history is None else history
        self.plan = self.spec.plan() if plan is None else plan
        self.phase = Phase.RED_FLAGS
        self.outcome: Outcome | None = None
        self.paused = False
        self.waiting: str | None = None
        self.caution: str | None = None
        self.cue: Cue | None = None
        self.result: SessionResult | None = None
        self.frame: PostureFrame | None = None
        self.value: float | None = None
        self.work = Work(self.spec, self.plan)
        self.rest_left = 0.0
        self.own: dict[Side | None, float | None] = {}
        self.slots = [(number, side) for number in range(1, self.plan.sets + 1) for side in self.spec.sides]
        self.slot = 0
        self.done = 0
        self.counts: dict[tuple[int, Side | None], int] = {}
        self._rest_text = ""
        self._taken = 0
        self._link = True
        self._t = 0.0
        self.drifts = False
        self._steady = 0.0
        self._heading = 0.0
        self._pain: dict[PainMoment, int] = {}
        self._measure = Measure(self.spec)
        self._pieces = Pieces()
        self._tryout = TryOut(self.spec)
        self._out: list[CoachEffect] = []
        if self.history.screened:
            self._screened()
            self._out.clear()

    # In

    def feed(
        self, events: Sequence[Event], frame: PostureFrame | None, track: Track | None = None
    ) -> list[CoachEffect]:
        """Take what one block of samples brought: its events, the newest frame and the block's track."""
        self._out = []
        if frame is not None:
            self.frame, self._t = frame, frame.t
        if self.phase in TERMINAL:
            return []
        if self.phase is Phase.CALIBRATE:
            self._calibrated()
        if track is not None:
            for piece in self._pieces.of(track):
                self._tick(piece)
            if frame is not None:
                self._t = frame.t
        for event in events:
            if isinstance(event, RotationRep):
                self._rotation(event)
        return self._out

    def command(self, command: CoachCommand) -> list[CoachEffect]:
        """Take what the person wants; what has no meaning in the present phase does nothing.

        Raises
        ------
        UnslouchError
            BAD_OPTION for a pain score outside 0 to 10.
        """
        self._out = []
        match command:
            case SharpPain(t):
                self._sharp_pain(self._t if t is None else t)
            case Pain(score) if not 0 <= score <= 10:
                raise UnslouchError(Reason.BAD_OPTION, f"Pain is told from 0 to 10, not {score}.")
            case Link(up):
                self._link = up
            case _ if self.phase in TERMINAL:
                pass
            case Mark(label):
                self._out.append(Save(MarkerRow(self._t, label)))
            case Pause():
                self.paused = True
            case Resume():
                self.paused = False
            case End():
                self._end()
            case RedFlags(any_yes) if self.phase is Phase.RED_FLAGS:
                if any_yes:
                    self._finish(Phase.REFUSED, Outcome.REFUSED, safety.RED_FLAG_ADVICE)
                else:
                    self._out.append(Screened(safety.SCREENING_VERSION))
                    self._screened()
            case Pain(score) if self.phase is Phase.PAIN_BEFORE:
                self._pain_before(score)
            case Pain(score) if self.phase is Phase.PAIN_AFTER:
                self._pain[PainMoment.AFTER] = score
                self._out.append(Save(PainRow(PainMoment.AFTER, self._t, score)))
                self._show_result()
            case Next():
                self._next()
            case Skip():
                self._skip()
            case _:
                pass
        return self._out

    # Out

    @property
    def view(self) -> CoachView:
        """Everything there is to show."""
        return view_of(self)

    @property
    def side(self) -> Side | None:
        """The side in turn."""
        return self.slots[self.slot][1] if self.slot < len(self.slots) else None

    @property
    def set_number(self) -> int:
        """The set in turn, from 1."""
        return self.slots[min(self.slot, len(self.slots) - 1)][0]

    @property
    def zone(self) -> Zone | None:
        """The zone of the side in turn, once its range was tried or left open."""
        return zone_of(self.spec.technique, self.own[self.side]) if self.side in self.own else None

    # Phases

    def _screened(self) -> None:
        self.phase = Phase.CALIBRATE
        self._calibrated()

    def _calibrated(self) -> None:
        if self.frame is not None and not uncalibrated(self.spec, self.frame):
            self._enter(Phase.WARM_UP, self.spec.warm_up)

    def _pain_before(self, score: int) -> None:
        self._pain[PainMoment.BEFORE] = score
        self._out.append(Save(PainRow(PainMoment.BEFORE, self._t, score)))
        light = safety.pain_light(score)
        if light is safety.PainLight.STOP:
            self._finish(Phase.REFUSED, Outcome.REFUSED, safety.refusal_text(score))
            return
        if light is safety.PainLight.CAUTION:
            self.caution = safety.caution_text(score)
        self._steady = 0.0
        self.drifts = False
        self._measure.forget_middle()
        self._enter(Phase.POSITION, self.spec.setup[0])

    def _begin_slot(self) -> None:
        """The next side: its range first when that is not known yet."""
        self._taken = self.done = 0
        self._measure.side = self.side
        if self.side in self.own:
            self._begin_work()
        else:
            self._tryout = TryOut(self.spec)
            self._enter(Phase.TRY_OUT, wording.try_out(self.spec, self.side))

    def _begin_work(self) -> None:
        self.work.begin(self.side, self.own.get(self.side), self._t)
        self._enter(Phase.WORK, self.spec.instruction(self.side))

    def _advance(self) -> None:
        """Go on after a hold or repetition, done or left out."""
        self._taken += 1
        if self._taken < self.plan.repetitions:
            if self.spec.kind is Kind.HOLD:
                self._begin_rest()
            return
        self.slot += 1
        if self.slot == len(self.slots):
            self._ask_pain_after()
            return
        self._begin_rest()

    @property
    def rest_text(self) -> str:
        """What the rest is for."""
        return self._rest_text

    def _begin_rest(self) -> None:
        self.work.clock = None
        self.rest_left = self.plan.rest_s
        other = self._taken >= self.plan.repetitions
        self.phase = Phase.REST
        self._rest_text = wording.rest(self.spec, self.side, other_side=other)

    def _after_rest(self) -> None:
        if self._taken >= self.plan.repetitions:
            self._begin_slot()
        else:
            self._begin_work()

    def _ask_pain_after(self) -> None:
        self.work.clock = None
        self.paused = False
        self._enter(Phase.PAIN_AFTER, wording.ASK_PAIN_AFTER, CueKind.FINISHED)

    def _show_result(self) -> None:
        self.result = session_result(
            self.history,
            self.work.repetitions,
            self.work.holds,
            self._pain.get(PainMoment.BEFORE),
            self._pain.get(PainMoment.AFTER),
        )
        self.phase = Phase.RESULT

    def _end(self) -> None:
        if self.phase in EXERCISE and (self.own or self.work.repetitions or self.work.holds):
            self._worked(self.work.close())
            self._ask_pain_after()
        else:
            through = self.slot == len(self.slots) and any(self.counts.values())
            self._finish(Phase.ENDED, Outcome.COMPLETED if through else Outcome.ENDED, wording.THANKS)

    def _finish(self, phase: Phase, outcome: Outcome, text: str) -> None:
        self.outcome = outcome
        self.work.clock = None
        self.waiting = None
        self.paused = False
        self._enter(phase, text, CueKind.STOP if phase is not Phase.ENDED else CueKind.FINISHED)
        self._out.append(Finished(self._t, outcome))

    def _sharp_pain(self, t: float) -> None:
        if self.phase is Phase.STOPPED:
            return
        was = self.phase
        self._worked(self.work.close())
        self._out.append(Save(SharpPainRow(t, was.value)))
        self._finish(Phase.STOPPED, Outcome.SHARP_PAIN, safety.SHARP_PAIN_ADVICE)

    def _next(self) -> None:
        if self.phase is Phase.WARM_UP:
            self._enter(Phase.PAIN_BEFORE, wording.ASK_PAIN_BEFORE)
        elif self.phase is Phase.POSITION:
            self._begin_slot()
        elif self.phase is Phase.REST:
            self._after_rest()
        elif self.phase is Phase.RESULT:
            self._end()

    def _skip(self) -> None:
        if self.phase is Phase.TRY_OUT:
            self.own[self.side] = self.history.side(self.side).usual
            self._begin_work()
        elif self.phase is Phase.WORK:
            self._worked(self.work.close())
            self._advance()
            if self.phase is Phase.WORK:
                self._begin_work()
        elif self.phase is Phase.PAIN_AFTER:
            self._show_result()
        else:
            self._next()

    def _enter(self, phase: Phase, text: str, kind: CueKind = CueKind.GO) -> None:
        self.phase = phase
        self._say(kind, text)

    def _say(self, kind: CueKind, text: str) -> None:
        self.cue = Cue(kind, self._t, text)
        self._out.append(self.cue)

    # Samples

    def _tick(self, piece: Track) -> None:
        if self.phase not in EXERCISE:
            return
        self._t = float(piece.t[-1])
        angles = self._measure.angles(piece)
        self.value = mean_measured(angles, piece)
        why = hindrance(self.spec, self.frame, piece) if self._link else NO_SAMPLES
        if why is not None and self.waiting is None and not self.paused:
            self._say(CueKind.WAITING, why)
        self.waiting = why
        stands = self.paused or why is not None
        measured = piece.measured & (not stands)
        seconds = float(measured.sum()) * 0.02
        if self.phase is Phase.POSITION:
            self._await_position(piece, seconds)
        elif self.phase is Phase.TRY_OUT and not stands and self.value is not None:
            self._try(self.value)
        elif self.phase is Phase.REST:
            self.rest_left -= seconds
            if self.rest_left <= 0:
                self._after_rest()
        elif self.phase is Phase.WORK:
            self._worked(self.work.tick(piece, angles, measured, self.value))

    def _await_position(self, piece: Track, seconds: float) -> None:
        """Begin once one is steadily in position and, sitting, the heading is steady too."""
        if seconds == 0 or not in_position(self.spec, piece):
            self._steady = 0.0
            return
        heading = float(piece.axial.mean())
        if self._steady == 0.0:
            self._heading = heading
        self._steady += seconds
        if self._steady < STEADY_S:
            return
        drifted = abs(heading - self._heading)
        if self.spec.technique is Technique.SEATED_ROTATION and drifted > DRIFT * self._steady:
            self._steady = 0.0
            if not self.drifts:
                self.drifts = True
                self._say(CueKind.WAITING, wording.DRIFTS)
            return
        self._begin_slot()

    def _try(self, angle: float) -> None:
        found = self._tryout.tick(self._t, angle)
        if self._tryout.beyond:
            self._say(CueKind.NOT_COUNTED, wording.TOO_FAR)
        if found is None:
            return
        self.own[self.side] = found
        self._out.append(Save(TryoutRow(self._tryout.t_peak, self.spec.technique, self.side, found)))
        self._begin_work()

    def _rotation(self, rep: RotationRep) -> None:
        if self.phase is Phase.WORK and not self.paused:
            self._worked(self.work.rotation(rep))

    def _worked(self, steps: Sequence[WorkStep]) -> None:
        """Carry out what the exercise brought about."""
        for step in steps:
            match step:
                case Cue():
                    self.cue = step
                    self._out.append(step)
                case Save():
                    self._out.append(step)
                case Counted(reached):
                    self.done += 1
                    self.counts[self.slots[self.slot]] = self.done
                    if reached is not None:
                        self._say(CueKind.COUNTED, wording.counted(self.done, self.plan.repetitions, reached))
                    self._advance()
