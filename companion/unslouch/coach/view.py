"""What a coached session shows, made from its state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unslouch.coach import safety, wording
from unslouch.coach.technique import Kind
from unslouch.coach.tryout import zone_of
from unslouch.coach.values import CoachView, Phase, Prompt, SideCount

if TYPE_CHECKING:
    from unslouch.coach.session import CoachSession

_PROMPTS: dict[Phase, Prompt] = {
    Phase.RED_FLAGS: Prompt.YES_NO,
    Phase.WARM_UP: Prompt.CONTINUE,
    Phase.PAIN_BEFORE: Prompt.SCORE,
    Phase.PAIN_AFTER: Prompt.SCORE,
    Phase.RESULT: Prompt.CONTINUE,
}
_MEASURED = (Phase.POSITION, Phase.TRY_OUT, Phase.WORK, Phase.REST)


def view_of(session: CoachSession) -> CoachView:
    """The view of a session as it stands."""
    spec, phase, zone, clock = session.spec, session.phase, session.zone, session.work.clock
    value = session.value if phase in _MEASURED else None
    history = session.history.side(session.side)
    own = session.own.get(session.side)
    widest = [a for a in (None if zone is None else zone.hi, history.best, own, value) if a is not None]
    return CoachView(
        technique=spec.technique,
        name=spec.name,
        phase=phase,
        title=wording.TITLES[phase] or spec.name,
        instruction=_instruction(session),
        details=_details(session),
        prompt=_PROMPTS.get(phase, Prompt.NOTHING),
        seen_from=spec.seen_from,
        side=session.side,
        value=value,
        zone=zone if phase in (Phase.WORK, Phase.REST) else None,
        in_zone=clock is not None and clock.inside,
        scale=_scale(max([zone_of(spec.technique, None).hi, *widest])),
        hold_s=0.0 if clock is None else clock.held,
        hold_needed_s=session.plan.hold_s,
        counts=tuple(
            SideCount(side, session.counts.get((session.set_number, side), 0), session.plan.repetitions)
            for side in spec.sides
        ),
        set_number=session.set_number,
        sets=session.plan.sets,
        rest_left_s=max(0.0, session.rest_left) if phase is Phase.REST else 0.0,
        best=history.best,
        best_today=_best_today(session),
        paused=session.paused,
        waiting=session.waiting if phase in _MEASURED else None,
        caution=session.caution,
        cue=session.cue,
        result=session.result,
        outcome=session.outcome,
    )


def _scale(angle: float) -> float:
    """The end of a gauge: the next 15 deg."""
    step = math.radians(15.0)
    return step * math.ceil(angle / step - 1e-9)


def _best_today(session: CoachSession) -> float | None:
    side = session.side
    reached = [row.range for row in session.work.repetitions if row.side is side and not row.faults]
    tried = session.own.get(side) if session.spec.kind is Kind.HOLD else None
    return max([*reached, *([] if tried is None else [tried])], default=None)


def _instruction(session: CoachSession) -> str:
    spec, clock = session.spec, session.work.clock
    if session.paused and session.phase in _MEASURED:
        return "Paused. Come out of the position if you like; resume when you are ready."
    if session.waiting is not None and session.phase in _MEASURED:
        return session.waiting
    match session.phase:
        case Phase.RED_FLAGS:
            return (wording.ASK_SHARP_PAIN if session.history.sharp_pain else "") + wording.ASK_RED_FLAGS
        case Phase.CALIBRATE:
            if session.frame is None:
                return wording.WAIT_FOR_STRAP
            return wording.CALIBRATE if session.frame.doubt is None else wording.DOUBTFUL
        case Phase.WARM_UP:
            return spec.warm_up
        case Phase.PAIN_BEFORE:
            return wording.ASK_PAIN_BEFORE
        case Phase.POSITION:
            return wording.DRIFTS if session.drifts else " ".join(spec.setup)
        case Phase.TRY_OUT:
            return wording.try_out(spec, session.side)
        case Phase.WORK if clock is not None:
            return wording.work(
                spec,
                session.side,
                in_zone=clock.inside,
                begun=clock.begun,
                done=clock.done,
                left_s=clock.needed - clock.held,
            )
        case Phase.REST:
            return session.rest_text
        case Phase.PAIN_AFTER:
            return wording.ASK_PAIN_AFTER
        case Phase.RESULT if session.result is not None:
            return session.result.lines[0]
        case _:
            return wording.THANKS if session.cue is None else session.cue.text


def _details(session: CoachSession) -> tuple[str, ...]:
    spec = session.spec
    match session.phase:
        case Phase.RED_FLAGS:
            return safety.RED_FLAGS
        case Phase.WARM_UP:
            return (*spec.precautions, safety.HONESTY)
        case Phase.POSITION:
            return spec.setup
        case Phase.TRY_OUT | Phase.WORK:
            return spec.precautions
        case Phase.RESULT | Phase.ENDED if session.result is not None:
            return session.result.lines
        case _:
            return ()
