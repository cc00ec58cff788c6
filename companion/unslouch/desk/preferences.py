"""A person's choices at the desk as they are kept in the store, and what they mean for detector and session."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, cast

from unslouch.desk.values import DeskSettings, faded
from unslouch.errors import Reason, UnslouchError
from unslouch.store.progress import weeks_since_first_desk
from unslouch.store.store import Store
from unslouch_signal.slouch import SlouchParameters, Zone

KEY = "desk"
_LIMITS: dict[str, tuple[float, float, str]] = {
    "flexion_deg": (6.0, 25.0, "threshold forward in degrees"),
    "extension_deg": (6.0, 25.0, "threshold backward in degrees"),
    "lean_deg": (6.0, 25.0, "threshold to the side in degrees"),
    "dwell_s": (5.0, 120.0, "dwell in seconds"),
    "quiet_s": (10.0, 600.0, "time between cues in seconds"),
    "snooze_min": (1.0, 240.0, "snooze in minutes"),
    "nudge_min": (5.0, 60.0, "time in one place in minutes"),
}
_LEAVE_SHARE = 7.0 / 12.0
"""Hysteresis: a spell ends at this share of the threshold it began at."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Thresholds and manners; the defaults are those of the reference (12 deg, 15 s, a minute between cues).

    ``nudge_min`` None turns the nudge to stand up off; ``fade`` cues fewer alerts from the third week on.

    Raises
    ------
    UnslouchError
        BAD_OPTION for a value outside its limits.
    """

    flexion_deg: float = 12.0
    extension_deg: float = 12.0
    lean_deg: float = 12.0
    dwell_s: float = 15.0
    quiet_s: float = 60.0
    snooze_min: float = 10.0
    nudge_min: float | None = 30.0
    fade: bool = False

    def __post_init__(self) -> None:
        for name, (lo, hi, words) in _LIMITS.items():
            value: object = getattr(self, name)
            if value is None and name == "nudge_min":
                continue
            if not isinstance(value, (int, float)) or not lo <= value <= hi:
                raise UnslouchError(Reason.BAD_OPTION, f"The {words} can be {lo:g} to {hi:g}, not {_shown(value)}.")

    def slouch_parameters(self) -> SlouchParameters:
        """What the slouch detector needs."""

        def zone(degrees: float) -> Zone:
            return Zone(math.radians(degrees), math.radians(_LEAVE_SHARE * degrees))

        return SlouchParameters(
            zone(self.flexion_deg),
            zone(self.extension_deg),
            zone(self.lean_deg),
            dwell_s=self.dwell_s,
            quiet_s=self.quiet_s,
        )

    def desk_settings(self, weeks: int = 0) -> DeskSettings:
        """What a session needs, ``weeks`` after the first one."""
        return DeskSettings(
            cue_every=faded(weeks) if self.fade else 1,
            nudge_s=None if self.nudge_min is None else 60.0 * self.nudge_min,
            snooze_min=self.snooze_min,
        )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else repr(value)


def preferences(store: Store, person: str = "me") -> Preferences:
    """A person's choices, the defaults where nothing was chosen.

    Raises
    ------
    StoreError, UnslouchError
        When what is kept cannot be read or lies outside its limits.
    """
    kept = store.setting(KEY, person)
    chosen = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    known = {f.name for f in fields(Preferences)}
    return Preferences(**{name: value for name, value in chosen.items() if name in known})


def keep_preferences(store: Store, chosen: Preferences, person: str = "me") -> None:
    """Keep a person's choices."""
    store.set_setting(KEY, asdict(chosen), person)


def desk_settings(store: Store, today: date, person: str = "me") -> DeskSettings:
    """The settings of a session that begins today."""
    return preferences(store, person).desk_settings(weeks_since_first_desk(store, today, person))
