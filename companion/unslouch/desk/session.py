"""The desk session: events and frames in, state and effects out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unslouch.desk.breaks import SeatedState, nudge_text
from unslouch.desk.figures import Account
from unslouch.desk.values import (
    ADVICE,
    Cue,
    CueKind,
    DeskCommand,
    DeskEffect,
    DeskFigures,
    DeskSettings,
    DeskView,
    End,
    Ended,
    Link,
    Mark,
    Notify,
    Pause,
    PostureState,
    Resume,
    Snooze,
    cue_text,
)
from unslouch.store.log import HEARTBEAT_S, Save
from unslouch.store.rows import ActivityRow, AlertRow, DoubtRow, MarkerRow, SlouchRow
from unslouch_signal.events import (
    ActivityKind,
    ActivitySpan,
    CalibrationDoubt,
    DoubtReason,
    Event,
    SlouchAlert,
    SlouchSpell,
)
from unslouch_signal.track import PostureFrame

_JUDGED = (ActivityKind.STILL, ActivityKind.MOVING)

_DOUBTS: dict[DoubtReason, str] = {
    DoubtReason.GAP: "samples were missing for long",
    DoubtReason.SLIPPED: "the strap has slipped",
    DoubtReason.OFF_BODY: "the strap was taken off",
    DoubtReason.CHARGER: "the strap was on its charger",
    DoubtReason.LYING_LONG: "you lay down for long",
}


class DeskSession:
    """Watches over posture at the desk.

    All times are sample time: the session has no clock and no screen of its own, so a replay behaves like the strap
    did. What it wants done comes back as effects, in order: cues, sentences to show, rows to save, the end.
    """

    def __init__(self, settings: DeskSettings | None = None) -> None:
        self.settings = DeskSettings() if settings is None else settings
        self._frame: PostureFrame | None = None
        self._t: float | None = None
        self._account: Account | None = None
        self._link = True
        self._ended = False
        self._paused_since: float | None = None
        self._snoozed_until: float | None = None
        self._blind_since: float | None = None
        self._uncalibrated: ActivityRow | None = None
        self._doubt: DoubtReason | None = None
        self._alerts = 0
        self._cues = 0
        self._cued_spell = False
        self._muted: AlertRow | None = None
        self._seated = SeatedState()
        self._last_cue: Cue | None = None
        self._figures = DeskFigures()
        self._figures_key: object = None

    # In

    def feed(self, events: Sequence[Event], frame: PostureFrame | None) -> list[DeskEffect]:
        """Take what one block of samples brought: its events and the newest frame."""
        if self._ended:
            return []
        effects: list[DeskEffect] = []
        before = self._t
        if frame is not None:
            self._frame, self._t = frame, frame.t
            if self._account is None:
                self._account = Account(frame.t)
        self._note_blindness()
        for event in events:
            effects += self._event(event)
        if frame is not None:
            effects += self._note_uncalibrated(frame)
            if self._doubt is not None and frame.calibrated and frame.doubt is None:
                # A new calibration ends a doubt without an event.
                effects.append(Save(DoubtRow(frame.t, self._doubt, resolved=True)))
                self._doubt = None
            effects += self._snooze_over()
            if before is not None and self._paused_since is None:
                effects += self._nudge(frame, frame.t - before)
            if not frame.slouching:
                self._cued_spell, self._muted = False, None
        return effects

    def command(self, command: DeskCommand) -> list[DeskEffect]:
        """Take what the person (or the link) wants."""
        if self._ended:
            return []
        t = 0.0 if self._t is None else self._t
        match command:
            case Snooze(minutes):
                length = self.settings.snooze_min if minutes is None else minutes
                self._snoozed_until = t + 60.0 * max(0.0, length)
            case Pause():
                if self._paused_since is None:
                    self._paused_since = t
            case Resume():
                self._snoozed_until = None
                return [*self._end_pause(t), *self._snooze_over()]
            case Mark(label):
                return [Save(MarkerRow(t, label))]
            case Link(up):
                self._link = up
            case End():
                effects = self._end_pause(t)
                if self._uncalibrated is not None:
                    effects.append(Save(replace(self._uncalibrated, end_t=t)))
                self._ended = True
                return [*effects, Ended(t)]
        return []

    # Out

    @property
    def state(self) -> PostureState:
        """The state in one word."""
        frame = self._frame
        if self._ended:
            return PostureState.ENDED
        if self._paused_since is not None:
            return PostureState.PAUSED
        if frame is None or not self._link or frame.activity == ActivityKind.UNKNOWN:
            return PostureState.NO_SIGNAL
        if frame.activity == ActivityKind.OFF_BODY:
            return PostureState.OFF_BODY
        if not frame.calibrated:
            return PostureState.UNCALIBRATED
        if frame.doubt is not None:
            return PostureState.DOUBTFUL
        if frame.activity == ActivityKind.WALKING:
            return PostureState.WALKING
        if frame.activity == ActivityKind.LYING:
            return PostureState.LYING
        if self._snoozed_until is not None:
            return PostureState.SNOOZED
        if frame.slouching:
            return PostureState.CUED if self._cued_spell else PostureState.SLOUCHING
        return PostureState.UPRIGHT

    @property
    def figures(self) -> DeskFigures:
        """The account of the session so far."""
        if self._account is None or self._t is None or self._frame is None:
            return DeskFigures()
        since = self._t - self._frame.slouch_s if self._frame.slouching and self._paused_since is None else None
        # A screen asks fifteen times a second, and a day has hundreds of stretches: twice a second is enough.
        key = (int(2 * self._t), since is None, self._blind_since, self._alerts, self._cues, self._account.stretches)
        if key != self._figures_key:
            self._figures_key = key
            self._figures = self._account.figures(
                self._t,
                slouching_since=since,
                blind_since=self._blind_since,
                alerts=self._alerts,
                cues=self._cues,
            )
        return self._figures

    @property
    def view(self) -> DeskView:
        """Everything there is to show."""
        frame, state = self._frame, self.state
        left = 0.0 if self._snoozed_until is None or self._t is None else max(0.0, self._snoozed_until - self._t)
        advice = ADVICE[state]
        if state is PostureState.SNOOZED:
            advice = f"Alerts are off for {max(1, round(left / 60))} min more."
        elif state is PostureState.DOUBTFUL and frame is not None and frame.doubt in tuple(DoubtReason):
            advice = f"Calibrate again: {_DOUBTS[DoubtReason(frame.doubt)]}."
        elif state is PostureState.CUED and self._last_cue is not None and self._last_cue.kind is CueKind.SLOUCH:
            advice = self._last_cue.text
        return DeskView(
            t=self._t,
            state=state,
            advice=advice,
            figures=self.figures,
            flexion=None if frame is None else frame.flexion,
            lateral=None if frame is None else frame.lateral,
            axial=None if frame is None else frame.axial,
            tilt=None if frame is None else frame.tilt,
            slouch_s=0.0 if frame is None else frame.slouch_s,
            snooze_left_s=left,
            seated_s=self._seated.seated_s,
            last_cue=self._last_cue,
        )

    # Inside

    def _event(self, event: Event) -> list[DeskEffect]:
        match event:
            case CalibrationDoubt():
                self._doubt = None if event.resolved else event.reason
                text = "" if event.resolved else f"Calibration is doubtful: {_DOUBTS[event.reason]}. Calibrate again."
                return [Save(DoubtRow.of(event)), *([Notify(event.t, text)] if text else [])]
            case ActivitySpan() if event.kind not in _JUDGED:
                if self._account is not None:
                    self._account.blind(event.start, event.end)
                return [Save(ActivityRow.of(event))]
            case SlouchSpell():
                # Also while paused: the account takes the paused part out of it.
                if self._account is not None:
                    self._account.slouched(event.start, event.end)
                return [Save(SlouchRow.of(event))]
            case SlouchAlert():
                return self._alert(event)
            case _:
                # Rotations and holds at the desk are looks and stretches: only a coached session counts them.
                return []

    def _alert(self, alert: SlouchAlert) -> list[DeskEffect]:
        if self._paused_since is not None:
            # Counted and cued at the resume, if the spell still runs then.
            self._muted = AlertRow(alert.t, alert.start, alert.direction, alert.angle, cued=False, muted_by="paused")
            return []
        self._alerts += 1
        muted_by = None
        if self._snoozed_until is not None and alert.t < self._snoozed_until:
            muted_by = "snoozed"
        elif (self._alerts - 1) % self.settings.cue_every:
            muted_by = "faded"
        row = AlertRow(alert.t, alert.start, alert.direction, alert.angle, cued=muted_by is None, muted_by=muted_by)
        if muted_by is not None:
            self._muted = row if muted_by == "snoozed" else None
            return [Save(row)]
        return self._cue(row)

    def _cue(self, row: AlertRow) -> list[DeskEffect]:
        self._cues += 1
        if self._muted is not None and self._muted.muted_by == "paused":
            self._alerts += 1
        self._cued_spell, self._muted = True, None
        cue = Cue(CueKind.SLOUCH, row.t if self._t is None else max(row.t, self._t), cue_text(row.direction))
        self._last_cue = cue
        return [cue, Save(row)]

    def _snooze_over(self) -> list[DeskEffect]:
        """At the end of a snooze, cue the spell that still runs and was not cued."""
        if self._snoozed_until is not None and self._t is not None and self._t >= self._snoozed_until:
            self._snoozed_until = None
        muted, frame = self._muted, self._frame
        if self._snoozed_until is None and self._paused_since is None and muted is not None and frame is not None:
            return self._cue(replace(muted, cued=True, muted_by=None)) if frame.slouching else []
        return []

    def _nudge(self, frame: PostureFrame, seconds: float) -> list[DeskEffect]:
        self._seated = self._seated.after(frame.activity, seconds)
        first, seated = self.settings.nudge_s, self._seated
        if first is None or self._snoozed_until is not None or frame.activity not in _JUDGED:
            return []
        due = (first, self.settings.last_nudge_s)[seated.nudges] if seated.nudges < 2 else None
        if due is None or seated.seated_s < due:
            return []
        # A nudge that fell into a snooze comes late; then the earlier one is not repeated.
        self._seated = replace(seated, nudges=2 if seated.seated_s >= self.settings.last_nudge_s else 1)
        cue = Cue(CueKind.BREAK, frame.t, nudge_text(seated.seated_s))
        self._last_cue = cue
        return [cue]

    def _end_pause(self, t: float) -> list[DeskEffect]:
        since, self._paused_since = self._paused_since, None
        if since is None or t <= since:
            return []
        if self._account is not None:
            self._account.blind(since, t)
        return [Save(ActivityRow("paused", since, t))]

    def _note_uncalibrated(self, frame: PostureFrame) -> list[DeskEffect]:
        """Save the stretch without calibration while it grows: a killed session must not count it as upright."""
        known, row = frame.calibrated, self._uncalibrated
        if row is None:
            self._uncalibrated = None if known else ActivityRow("uncalibrated", frame.t, frame.t)
            return []
        if not known and frame.t - row.end_t < HEARTBEAT_S:
            return []
        row = replace(row, end_t=frame.t)
        self._uncalibrated = None if known else row
        return [Save(row)]

    def _note_blindness(self) -> None:
        """Keep since when nothing is judged; what ended becomes part of the account."""
        if self._t is None or self._account is None:
            return
        blind = self.state not in (
            PostureState.UPRIGHT,
            PostureState.SLOUCHING,
            PostureState.CUED,
            PostureState.SNOOZED,
        )
        if blind and self._blind_since is None:
            self._blind_since = self._t
        elif not blind and self._blind_since is not None:
            self._account.blind(self._blind_since, self._t)
            self._blind_since = None
