"""What a CSV's numbers can be: finite, in order, in SI units, of one right-handed frame; else one sentence.

Nothing is converted here. Each test asks physics, not habit: gravity is 9.81 m/s^2, and it turns in the sensor's frame
as the gyroscope says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unslouch.errors import FileError, Reason
from unslouch.recording.model import Notice, NoticeKind
from unslouch_signal import quaternion
from unslouch_signal.samples import BoolArray, FloatArray

_ANY_UNIT = 1e19
"""Nanoseconds since 1970 stay below, and squares of it are numbers still."""
_LONGEST_S = 1e9
"""30 years."""


@dataclass(frozen=True, slots=True)
class CsvChecks:
    """Where plausibility ends; each value is far from what a worn sensor in the right unit can give."""

    g_median: tuple[float, float] = (0.5, 2.0)
    """Median magnitude of acceleration that means g: a worn sensor's is within a few percent of 9.81."""
    acc_median: tuple[float, float] = (6.0, 14.0)
    acc_peak: float = 1000.0
    """m/s^2 (100 g): beyond every consumer accelerometer's range (16 or 32 g)."""
    gyr_peak: float = 45.0
    """rad/s (2600 deg/s): beyond the range of consumer gyroscopes (2000 deg/s)."""
    gyr_share: float = 0.15
    """Of the turning that the gyroscope tells, how much gravity confirms: in rad/s about 1, in deg/s 0.02. Below this,
    for certain (three standard errors: steps shake gravity), it is deg/s."""
    gyr_turn: float = 0.02
    """rad rms in a quarter of a second: with less movement across the vertical, gravity tells nothing about units."""
    axis_turn: float = 0.015
    """rad rms in a quarter of a second that an axis must tell by itself before it is judged."""
    axis_steps: int = 40
    """Quarters of a second that must be seen: in five seconds a push may weigh more than all turning."""
    mirrored: float = -0.5
    """Share that gravity confirms of one axis of the gyroscope. On real trunks it is 0.8 to 2 (what swings about the
    hip adds to it); below this, and below 0 by four standard errors, the axis points the other way."""
    rate: tuple[float, float] = (1.0, 2000.0)
    """Hz."""
    quat_norm: float = 0.02
    """Deviation of a quaternion's norm from 1: rounding to two decimals stays below."""
    quat_off: float = float(np.radians(20.0))
    """Median angle between the accelerometer's up and the orientation's; on real sensors it is 1 deg."""
    gap: float = 1.5
    """Distances beyond so many usual ones are missing samples."""


def check_finite(path: Path, table: FloatArray, names: list[str], first_line: int) -> None:
    """Refuse NaN, infinity and what is as good as that; ``table`` is (n, columns)."""
    if float(np.abs(table).max()) <= _ANY_UNIT:
        return
    row, column = (int(v) for v in np.argwhere(~(np.abs(table) <= _ANY_UNIT))[0])
    found = f"but there is {table[row, column]:g}"
    where = f"{path}, line {row + first_line}, column {names[column]}"
    advice = "Leave out lines without a sample; a gap in t is understood as one."
    raise FileError(Reason.BAD_FILE, f"{where}: a finite number was expected, {found}.", advice)


def check_time(path: Path, t: FloatArray, first_line: int) -> None:
    """Refuse time stamps, s, that repeat or run backward."""
    step = np.diff(t)
    wrong = np.flatnonzero(step <= 0)
    if not len(wrong):
        return
    i = int(wrong[0])
    what = "repeats" if step[i] == 0 else "runs backward"
    more = f" ({len(wrong)} such places)" if len(wrong) > 1 else ""
    where = f"{path}, line {i + 1 + first_line}, column t"
    message = f"{where}: time {what}; it must increase, but {t[i + 1]:.6f} follows {t[i]:.6f}{more}."
    if step[i] == 0:
        advice = "Keep one line of each time; with more digits in t, samples have times of their own."
    elif len(wrong) > len(t) // 2:
        advice = "Sort the lines by t."
    else:
        advice = "Where the clock was set back, cut the file there and analyze its parts."
    raise FileError(Reason.BAD_FILE, message, advice)


def check_rate(path: Path, t: FloatArray, first_line: int, checks: CsvChecks) -> list[Notice]:
    """Refuse time that cannot be seconds; notice missing and uneven time stamps."""
    step = np.diff(t)
    if len(t) < 3:
        _check_jump(path, t, first_line)
        return []
    usual = float(np.median(step))
    rate = 1.0 / usual
    low, high = checks.rate
    if rate < low:
        unit = next((u for u, f in (("ms", 1e3), ("us", 1e6), ("ns", 1e9)) if low <= rate * f <= high), "")
        words = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
        advice = f"If t is in {words[unit]}, say --units {unit}." if unit else ""
        message = f"{path}, column t: seconds were expected, but samples would be {usual:g} s apart."
        raise FileError(Reason.BAD_FILE, message, advice)
    if rate > high:
        message = f"{path}, column t: seconds were expected, but samples would come {rate:.0f} times a second."
        raise FileError(Reason.BAD_FILE, message, "Is t a count of samples, or in minutes? It must be seconds.")
    _check_jump(path, t, first_line)
    notices: list[Notice] = []
    holes = _holes(step, usual, checks.gap)
    if bool(holes.any()):
        missing = int(np.sum(np.rint(step[holes] / usual) - 1))
        count, longest = int(holes.sum()), float(step[holes].max())
        where = "one place" if count == 1 else f"{count} places"
        text = (
            f"{path.name}: time stamps are missing in {where}, about {missing} samples; "
            f"the longest gap is {longest:.3g} s."
        )
        notices.append(Notice(NoticeKind.MISSING, text))
    spread = float(np.sqrt(np.mean((step[~holes] - usual) ** 2)))
    if spread > 0.05 * usual:
        text = f"{path.name}: time stamps are uneven ({spread * 1e3:.2g} ms rms at {rate:.4g} Hz)."
        notices.append(Notice(NoticeKind.JITTER, text))
    return notices


def _check_jump(path: Path, t: FloatArray, first_line: int) -> None:
    """Refuse times that jump on by decades, or lie too far off for seconds to have digits left."""
    step = np.diff(t)
    if len(step) and float(step.max()) > _LONGEST_S:
        where = f"{path}, line {int(np.argmax(step)) + 1 + first_line}, column t"
        message = f"{where}: seconds were expected, but time jumps on by {float(step.max()):.3g}."
        raise FileError(Reason.BAD_FILE, message, "Where the clock was set anew, cut the file there.")
    if float(np.abs(t).max()) > 100 * _LONGEST_S:
        message = f"{path}, line {first_line}, column t: seconds were expected, but there is {t[0]:g}."
        raise FileError(Reason.BAD_FILE, message, "Say --units ms, us or ns where t is in those.")


def _holes(step: FloatArray, usual: float, gap: float) -> BoolArray:
    """Where samples are missing: a step too long that its neighbours, one and two to each side, do not give back."""
    holes: BoolArray = step > gap * usual
    for reach in (1, 2):
        total = np.concatenate(([0.0], np.cumsum(step)))
        at = np.arange(len(step))
        first, last = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(step))
        holes &= total[last] - total[first] > (last - first + gap - 1.0) * usual
    return holes


def check_units(
    path: Path, t: FloatArray, acc: FloatArray | None, gyr: FloatArray | None, checks: CsvChecks
) -> list[Notice]:
    """Refuse acceleration that is no m/s^2 and angular rate that is no rad/s; notice a gyroscope that stands still."""
    if acc is not None:
        size = float(np.median(np.linalg.norm(acc, axis=1)))
        low, high = checks.acc_median
        if not low <= size <= high:
            unit = next(
                (u for u, f in (("g", 1.0), ("mg", 1000.0)) if checks.g_median[0] <= size / f <= checks.g_median[1]), ""
            )
            advice = f"If acceleration is in {unit}, say --units {unit}." if unit else ""
            if size < checks.g_median[0]:
                advice = "Gravity must be in it: take the accelerometer's own values, not linear acceleration."
            message = f"{path}, columns acc_*: m/s^2 were expected, about 9.81 in all, but half are below {size:.4g}."
            raise FileError(Reason.BAD_FILE, message, advice)
    if gyr is None:
        return []
    peak = float(np.linalg.norm(gyr, axis=1).max())
    share = 1.0 if acc is None else _confirmed_share(t, acc, gyr, checks)
    if peak > checks.gyr_peak or share < checks.gyr_share:
        found = f"it peaks at {peak:.4g} rad/s" if peak > checks.gyr_peak else "gravity turns far less than it says"
        message = f"{path}, columns gyr_*: rad/s were expected, but {found}."
        unit = "deg/s" if peak <= np.degrees(checks.gyr_peak) else "mdeg/s"
        raise FileError(Reason.BAD_FILE, message, f"If the angular rate is in {unit}, say --units {unit}.")
    if len(gyr) > 2 and not bool(np.ptp(gyr, axis=0).any()):
        text = f"{path.name}: the angular rate never changes; without a gyroscope turns to a side cannot be seen."
        return [Notice(NoticeKind.DAMAGED, text)]
    return []


def check_range(path: Path, acc: FloatArray | None, gyr: FloatArray | None, first_line: int, checks: CsvChecks) -> None:
    """Refuse single values that no sensor gives (the others are in the right unit, as :func:`check_units` saw)."""
    for values, name, unit, most in ((acc, "acc", "m/s^2", checks.acc_peak), (gyr, "gyr", "rad/s", checks.gyr_peak)):
        if values is None or float(np.abs(values).max()) <= most:
            continue
        row, column = (int(i) for i in np.argwhere(np.abs(values) > most)[0])
        where = f"{path}, line {row + first_line}, column {name}_{'xyz'[column]}"
        message = f"{where}: at most {most:g} {unit} were expected, but there is {values[row, column]:.4g}."
        raise FileError(Reason.BAD_FILE, message, "Leave out lines without a sample; a gap in t is understood as one.")


@dataclass(frozen=True, slots=True)
class _Turning:
    """Gravity's direction over quarters of a second: what it did, and what each axis of the gyroscope says it did.

    ``seen`` is (m, 3), ``told`` (3 axes, m, 3).
    """

    seen: FloatArray
    told: FloatArray


def _turning(t: FloatArray, acc: FloatArray, gyr: FloatArray) -> _Turning | None:
    """Both sides of du/dt = -w x u (u gravity's direction in the sensor frame), w without its median, the bias."""
    window = max(1, round(0.25 / float(np.median(np.diff(t))))) if len(t) > 1 else 1
    count = len(t) // window
    if count < 8:
        return None
    n = count * window

    def means(a: FloatArray) -> FloatArray:
        return a[:n].reshape(count, window, -1).mean(axis=1)

    when, force, rate = means(t)[:, 0], means(acc), means(gyr - np.median(gyr, axis=0))
    u = force / np.maximum(np.linalg.norm(force, axis=1), 1e-9)[:, None]
    span = np.diff(when)
    near = span < 2 * float(np.median(span))
    middle = (0.5 * (u[1:] + u[:-1]))[near]
    turned = (0.5 * (rate[1:] + rate[:-1]) * span[:, None])[near]
    told = np.stack([-np.cross(turned[:, j : j + 1] * np.eye(3)[j], middle) for j in range(3)])
    return _Turning(np.diff(u, axis=0)[near], told)


def _confirmed_share(t: FloatArray, acc: FloatArray, gyr: FloatArray, checks: CsvChecks) -> float:
    """How much of the turning of gravity that the angular rate predicts is at most seen by the accelerometer.

    Regressed through zero. 1 where too little turns to tell.
    """
    turning = _turning(t, acc, gyr)
    if turning is None:
        return 1.0
    told = turning.told.sum(axis=0)
    power = float(np.sum(told * told))
    if not power > len(told) * checks.gyr_turn**2:
        return 1.0
    share = float(np.sum(told * turning.seen)) / power
    left: FloatArray = turning.seen - share * told
    error = float(np.mean(left * left)) / power
    return abs(share) + 3.0 * error**0.5


def check_axes(path: Path, t: FloatArray, acc: FloatArray | None, gyr: FloatArray | None, checks: CsvChecks) -> None:
    """Refuse a gyroscope of which an axis, or all, point the other way than the accelerometer's.

    Gravity's turning is regressed on what each axis tells; an axis along the vertical tells nothing and is left alone.
    """
    turning = None if acc is None or gyr is None else _turning(t, acc, gyr)
    if turning is None or len(turning.seen) < checks.axis_steps:
        return
    told = turning.told.reshape(3, -1)
    seen = turning.seen.reshape(-1)
    squares = told @ told.T
    ridge = 1e-9 * max(float(np.trace(squares)), 1e-12)  # an axis that never turned
    inverse = np.linalg.inv(squares + ridge * np.eye(3))
    shares = inverse @ (told @ seen)
    left = seen - shares @ told
    spread = np.diag(inverse)
    error = np.sqrt(spread * float(np.mean(left * left)))
    # what an axis tells that the others do not; below it, what swings outward in a turn outweighs it
    telling = [j for j in range(3) if spread[j] * len(turning.seen) * checks.axis_turn**2 < 1.0]
    wrong = [j for j in telling if shares[j] < checks.mirrored and shares[j] + 4.0 * error[j] < 0.0]
    if not wrong:
        return
    names = " and ".join(f"gyr_{'xyz'[j]}" for j in wrong)
    verb = "turns" if len(wrong) == 1 else "turn"
    if wrong == telling:  # nothing speaks for the others
        mend = "negate all three of gyr" + ("" if len(wrong) == 3 else f", or {names} where that alone is mirrored")
    elif len(wrong) == 2:  # a mirrored acceleration looks the same
        (third,) = {0, 1, 2} - set(wrong)
        mend = f"negate {names}, or acc_{'xyz'[third]}"
    else:
        mend = f"negate {names}"
    where = f"{path}, column{'s' if len(wrong) > 1 else ''} {names}"
    advice = f"acc and gyr must be of one right-handed frame: {mend}."
    raise FileError(Reason.BAD_FILE, f"{where}: {verb} the other way than gravity does.", advice)


def checked_quat(
    path: Path, quat: FloatArray, acc: FloatArray | None, first_line: int, checks: CsvChecks
) -> FloatArray:
    """Unit quaternions (n, 4); refuse others, and those whose up is not where the accelerometer's is."""
    norm = np.linalg.norm(quat, axis=1)
    wrong = np.flatnonzero(np.abs(norm - 1.0) > checks.quat_norm)
    if len(wrong):
        i = int(wrong[0])
        expected = f"a unit quaternion was expected, but its length is {norm[i]:.4g}"
        message = f"{path}, line {i + first_line}, columns quat_*: {expected}."
        raise FileError(Reason.BAD_FILE, message)
    unit = quat / norm[:, None]
    if acc is None or not bool(np.any(acc)):
        return unit
    up = acc / np.maximum(np.linalg.norm(acc, axis=1), 1e-9)[:, None]

    def off(q: FloatArray) -> float:
        """Median angle between the two ups, rad."""
        return float(np.median(np.arccos(np.clip((quaternion.up_in_sensor(q) * up).sum(axis=1), -1.0, 1.0))))

    here = off(unit)
    if here <= 0.25 * checks.quat_off:
        return unit
    conjugate = np.array([1.0, -1.0, -1.0, -1.0])
    last = unit[:, [3, 0, 1, 2]]
    others = {
        "They may go from earth to sensor: negate quat_x, quat_y and quat_z.": off(unit * conjugate),
        "They may be in the order x, y, z, w: name the columns so.": off(last),
        "They may be in the order x, y, z, w and go from earth to sensor.": off(last * conjugate),
        "The earth's z axis must point up, not down.": abs(float(np.pi) - here),
    }
    advice, best = min(others.items(), key=lambda item: item[1])
    likely = best < here / 3.0
    if here > checks.quat_off or likely:
        found = f"they disagree with acc_* about where up is by {np.degrees(here):.0f} deg"
        message = f"{path}, columns quat_*: sensor to earth, w first, was expected, but {found}."
        raise FileError(Reason.BAD_FILE, message, advice if likely else "")
    return unit
