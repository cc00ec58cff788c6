from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from unslouch_signal.activity import LYING, MOVING, STILL, WALKING, ActivityTrack
from unslouch_signal.events import Direction, SlouchAlert, SlouchSpell
from unslouch_signal.samples import FloatArray
from unslouch_signal.slouch import CueMode, SlouchDetector, SlouchParameters, Zone
from unslouch_signal.track import Track


def track_of(flexion_deg: FloatArray, lateral_deg: FloatArray | float = 0.0, k: FloatArray | None = None) -> Track:
    n = len(flexion_deg)
    index = np.arange(n) if k is None else k.astype(np.int64)
    flexion, lateral = np.radians(flexion_deg), np.radians(np.broadcast_to(lateral_deg, n)).astype(float)
    z = np.zeros(n)
    return Track(
        index, index / 50, flexion, lateral, z, np.hypot(flexion, lateral), np.zeros((n, 3)), z, z,
        np.ones(n, np.bool_), np.zeros(n, np.uint8),
    )  # fmt: skip


def run(
    track: Track,
    codes: FloatArray | int = STILL,
    doubtful: FloatArray | bool = False,
    parameters: SlouchParameters | None = None,
    *,
    forward: bool = True,
) -> tuple[list[SlouchAlert], list[SlouchSpell]]:
    n = len(track)
    activity = ActivityTrack(track.k, np.broadcast_to(codes, n).astype(np.uint8), np.zeros(n, np.uint8))
    detector = SlouchDetector(parameters, forward_known=forward)
    found = detector.process(track, activity, np.broadcast_to(doubtful, n).astype(np.bool_))[1] + detector.finish()
    events = [e for _, e in found]
    return [e for e in events if isinstance(e, SlouchAlert)], [e for e in events if isinstance(e, SlouchSpell)]


def at(seconds: float, value: float) -> FloatArray:
    return np.full(round(50 * seconds), value)


def test_a_spell_with_all_its_figures() -> None:
    alerts, spells = run(track_of(np.concatenate((at(10, 11.9), at(20, 12.1), at(10, 7.1), at(5, 6.9)))))
    assert [(a.t, a.start, a.direction) for a in alerts] == [(25.0, 10.0, Direction.FLEXION)]
    assert math.degrees(alerts[0].angle) == pytest.approx(12.1)
    (spell,) = spells
    assert (spell.start, spell.end, spell.alert, spell.direction) == (10.0, 40.0, 25.0, Direction.FLEXION)
    assert math.degrees(spell.peak) == pytest.approx(12.1)
    assert math.degrees(spell.mean) == pytest.approx((20 * 12.1 + 10 * 7.1) / 30)


@pytest.mark.parametrize(("seconds", "listed", "cued"), [(4.9, 0, 0), (5.1, 1, 0), (14.9, 1, 0), (15.1, 1, 1)])
def test_short_ones_are_not_listed_nor_cued(seconds: float, listed: int, cued: int) -> None:
    alerts, spells = run(track_of(np.concatenate((at(2, 0), at(seconds, 20), at(2, 0)))))
    assert (len(spells), len(alerts)) == (listed, cued)


@pytest.mark.parametrize(
    ("flexion", "lateral", "direction"),
    [
        (15, 3, Direction.FLEXION),
        (-15, 3, Direction.EXTENSION),
        (3, 15, Direction.LEAN_RIGHT),
        (3, -15, Direction.LEAN_LEFT),
        (11, 13, Direction.LEAN_RIGHT),
    ],
)
def test_direction_and_positive_angles(flexion: float, lateral: float, direction: Direction) -> None:
    alerts, spells = run(track_of(at(20, flexion), lateral))
    assert alerts[0].direction is spells[0].direction is direction
    assert math.degrees(spells[0].peak) == pytest.approx(max(abs(flexion), abs(lateral)))
    assert math.degrees(spells[0].mean) == pytest.approx(max(abs(flexion), abs(lateral)))
    assert alerts[0].angle > 0


def test_thresholds_are_separate_for_each_direction() -> None:
    wide = SlouchParameters(flexion=Zone(0.5, 0.3))
    assert run(track_of(at(20, 20)), parameters=wide)[0] == []
    assert len(run(track_of(at(20, -20)), parameters=wide)[0]) == 1
    assert len(run(track_of(at(20, 0), 20.0), parameters=wide)[0]) == 1
    with pytest.raises(ValueError, match="smaller angle"):
        Zone(0.1, 0.2)


def test_forward_unknown_judges_the_total_tilt() -> None:
    track = track_of(at(20, 9), 9.0)
    assert run(track)[0] == []
    nowhere = replace(track, flexion=np.full(1000, np.nan), lateral=np.full(1000, np.nan))
    alerts, spells = run(nowhere, forward=False)
    assert alerts[0].direction is spells[0].direction is None
    assert math.degrees(alerts[0].angle) == pytest.approx(math.hypot(9, 9))


def test_a_cue_within_the_minute_is_delayed_not_dropped() -> None:
    flexion = np.concatenate((at(1, 0), at(20, 20), at(5, 0), at(60, 20), at(5, 0), at(17, 20), at(5, 0)))
    alerts, spells = run(track_of(flexion))
    assert [a.t for a in alerts] == [16.0, 76.0]
    assert [s.alert for s in spells] == [16.0, 76.0, None]


@pytest.mark.parametrize("code", [WALKING, LYING])
def test_walking_and_lying_end_a_spell(code: int) -> None:
    codes = np.concatenate((at(10, STILL), at(5, code), at(30, MOVING)))
    alerts, spells = run(track_of(at(45, 20)), codes)
    assert [s.start for s in spells] == [0.0, 15.0]
    assert spells[0].end == 10.0
    assert [a.t for a in alerts] == [30.0]


def test_a_step_or_two_only_delays_the_cue() -> None:
    codes = np.concatenate((at(14.5, STILL), at(1.5, WALKING), at(4, STILL)))
    alerts, spells = run(track_of(at(20, 20)), codes)
    assert [a.t for a in alerts] == [16.0]
    assert len(spells) == 1


def test_no_cue_while_doubtful_nor_bent_deep() -> None:
    assert run(track_of(at(60, 20)), doubtful=True) == ([], [])
    assert run(track_of(at(60, 70))) == ([], [])
    doubtful = np.concatenate((at(10, 0), at(10, 1), at(20, 0)))
    assert [a.t for a in run(track_of(at(40, 20)), doubtful=doubtful)[0]] == [35.0]


def test_a_long_gap_ends_a_spell_and_no_cue_falls_into_a_gap() -> None:
    k = np.concatenate((np.arange(500), np.arange(500) + 1000))
    _, spells = run(track_of(at(20, 20), k=k))
    assert spells[0].end == pytest.approx(499 / 50)
    track = track_of(at(20, 20))
    measured = np.ones(1000, np.bool_)
    measured[700:800] = False
    alerts, _ = run(replace(track, measured=measured))
    assert [a.t for a in alerts] == [16.0]


def test_exposure_adds_up_and_is_forgiven() -> None:
    p = SlouchParameters(mode=CueMode.EXPOSURE)
    # 10 deg beyond for 15 s fill the bucket; 20 deg beyond in half the time
    assert run(track_of(at(30, 22)), parameters=p)[0][0].t == pytest.approx(15.0, abs=0.05)
    assert run(track_of(at(30, 32)), parameters=p)[0][0].t == pytest.approx(7.5, abs=0.05)
    twice = np.concatenate((at(10, 22), at(4, 0), at(30, 22)))
    # 100 deg s, 20 forgiven, 70 to go
    assert run(track_of(twice), parameters=p)[0][0].t == pytest.approx(21.0, abs=0.05)
    assert run(track_of(np.concatenate((at(10, 22), at(60, 0), at(14, 22)))), parameters=p)[0] == []


@pytest.mark.parametrize("block", [7, 50, 10**6])
def test_the_bucket_is_empty_after_a_cue_however_the_stream_is_cut(block: int) -> None:
    # 20 deg beyond fill it at 12.5 s; what follows at 2 deg beyond takes 75 s more, not the rest of the minute
    track = track_of(np.concatenate((at(5, 0), at(7.6, 32), at(2.4, 0), at(175, 14), at(5, 0))))
    activity = ActivityTrack(track.k, np.zeros(len(track), np.uint8), np.zeros(len(track), np.uint8))
    detector = SlouchDetector(SlouchParameters(mode=CueMode.EXPOSURE))
    cues: list[float] = []
    for a in range(0, len(track), block):
        rows = slice(a, a + block)
        part = Track(**{name: getattr(track, name)[rows] for name in Track.__slots__})
        doing = ActivityTrack(part.k, activity.codes[rows], activity.lying_side[rows])
        found = detector.process(part, doing, np.zeros(len(part), np.bool_))[1]
        cues += [e.t for _, e in found if isinstance(e, SlouchAlert)]
    assert cues == pytest.approx([12.5, 90.0], abs=0.05)


def test_live_state() -> None:
    detector = SlouchDetector()
    track = track_of(np.concatenate((at(1, 0), at(3, 20))))
    activity = ActivityTrack(track.k, np.zeros(200, np.uint8), np.zeros(200, np.uint8))
    assert detector.slouching_s is None
    detector.process(track, activity, np.zeros(200, np.bool_))
    assert detector.slouching_s == pytest.approx(2.98)
