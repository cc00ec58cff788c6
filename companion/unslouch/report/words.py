"""The words of events, in one place: screens of text, pages and lines say the same thing the same way."""

from __future__ import annotations

from unslouch_signal.events import ActivityKind, Direction, DoubtReason, RotationFault, Technique

DIRECTION: dict[Direction | None, str] = {
    Direction.FLEXION: "forward",
    Direction.EXTENSION: "backward",
    Direction.LEAN_LEFT: "to the left",
    Direction.LEAN_RIGHT: "to the right",
    None: "off the upright",
}

MEND: dict[Direction | None, str] = {
    Direction.FLEXION: "grow tall, lift the breastbone",
    Direction.EXTENSION: "come back over the hips",
    Direction.LEAN_LEFT: "come back to the middle",
    Direction.LEAN_RIGHT: "come back to the middle",
    None: "come back upright",
}

ACTIVITY: dict[ActivityKind, str] = {
    ActivityKind.STILL: "still",
    ActivityKind.MOVING: "moving",
    ActivityKind.WALKING: "walking",
    ActivityKind.LYING: "lying",
    ActivityKind.OFF_BODY: "off body",
    ActivityKind.UNKNOWN: "no samples",
}

FAULT: dict[RotationFault, str] = {
    RotationFault.STARTED_SLOUCHED: "started slouched",
    RotationFault.BENT_SIDEWAYS: "bent sideways",
    RotationFault.SWIVELLED: "the whole body turned",
    RotationFault.CUT_BY_GAP: "cut by a gap in the samples",
    RotationFault.FLEXED: "bent forward or back",
    RotationFault.TOO_LONG: "took too long",
}

DOUBT: dict[DoubtReason, str] = {
    DoubtReason.GAP: "samples were missing for long",
    DoubtReason.SLIPPED: "the strap slipped",
    DoubtReason.OFF_BODY: "the strap was off the body",
    DoubtReason.CHARGER: "the strap was on the charger",
    DoubtReason.LYING_LONG: "you were lying for long",
}

TECHNIQUE: dict[Technique, str] = {
    Technique.EXTENSION: "upper-back extension",
    Technique.DOORWAY: "doorway stretch",
    Technique.SUPINE_ROTATION: "supine rotation",
    Technique.SEATED_ROTATION: "seated rotation",
}


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Write a duration or a time from the start: ``m:ss``, ``h:mm:ss``, with tenths when asked.

    >>> clock(75.26, tenths=True), clock(3725), clock(-3)
    ('1:15.3', '1:02:05', '-0:03')
    """
    units = round(abs(seconds) * 10) if tenths else round(abs(seconds)) * 10
    sign = "-" if seconds < 0 and units else ""
    minutes, rest = divmod(units, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}" + (f".{rest % 10}" if tenths else "")
    return f"{sign}{hours}:{minutes:02d}:{tail}" if hours else f"{sign}{minutes}:{tail}"


def counted(number: int, one: str, more: str | None = None) -> str:
    """Write a number with its noun.

    >>> counted(1, "alert"), counted(2, "slouch", "slouches")
    ('1 alert', '2 slouches')
    """
    return f"{number} {one if number == 1 else more or one + 's'}"


def span(seconds: float) -> str:
    """Write how long something took, as a person says it.

    >>> span(4.25), span(75), span(5400)
    ('4.2 s', '1 min 15 s', '1 h 30 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def pressed(*, sharp: bool, late: bool) -> str:
    """Say that the strap's button was pressed.

    >>> pressed(sharp=False, late=False)
    "Marked, with the strap's button."
    """
    what = "Sharp pain, told" if sharp else "Marked,"
    return f"{what} with the strap's button{' earlier; only fetched now' if late else ''}."
