"""What the command line decides about the screens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unslouch.tui.actions import Where

if TYPE_CHECKING:
    from unslouch.coach.technique import Plan


@dataclass(frozen=True, slots=True)
class Options:
    """Choices for one run.

    Attributes
    ----------
    theme
        ``dark``, ``light`` or ``contrast``; None takes the one that was chosen last, at first dark.
    plain
        ASCII letters alone: no braille, no half blocks.
    bell
        Ring the terminal bell at alerts; None takes what was chosen last, at first to ring.
    data_dir
        Where the store lies; None takes the system's place.
    keep
        Whether sessions are kept in the store at all.
    person
        Whose sessions; None is the person's own or, for a simulated wearer, the demo's.
    fps
        Pictures a second; None leaves the timing to the caller (tests call ``tick``).
    technique
        Technique (its value) under the cursor on the coach screen.
    plan
        The dose for that technique; None takes the technique's own.
    clock
        UTC seconds, for dates.
    """

    theme: str | None = None
    plain: bool = False
    bell: bool | None = None
    data_dir: Path | None = None
    keep: bool = True
    person: str | None = None
    fps: float | None = 15.0
    technique: str | None = None
    plan: Plan | None = None
    clock: Callable[[], float] = time.time


__all__ = ["Options", "Where"]
