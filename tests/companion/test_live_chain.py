"""What packets mean does not depend on how they are cut, and a calibration is taken from the stream by itself."""

from __future__ import annotations

import asyncio
import math
import random
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unslouch.link.simulated import SimulatedOptions, SimulatedStrap
from unslouch.live.chain import Chain
from unslouch.wire.source import Channel, Packet
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Direction, Event, RotationRep, SlouchAlert, SlouchSpell
from unslouch_signal.synth import scenarios


@cache
def packets(raw: bool = False) -> tuple[Packet, ...]:
    async def collect() -> list[Packet]:
        options = SimulatedOptions(speed=math.inf, samples_per_packet=6, raw=raw, start_utc=0.0)
        return [packet async for packet in SimulatedStrap(scenarios.demo(3), seed=3, options=options)]

    return tuple(asyncio.run(collect()))


def run(cuts: list[int], raw: bool = False, calibration: Calibration | None = None, watch: bool = True):
    chain = Chain(52.0, calibration, watch=watch)
    events: list[Event] = []
    found: list[Calibration] = []
    at = 0
    stream = packets(raw)
    while at < len(stream):
        step = cuts.pop(0) if cuts else len(stream)
        digest = chain.feed(stream[at : at + step])
        events += digest.events
        found += [digest.calibration] if digest.calibration is not None else []
        at += step
    digest = chain.finish()
    return events + list(digest.events), found


@cache
def whole(raw: bool = False):
    return run([], raw)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 300), min_size=1, max_size=60))
def test_how_packets_are_cut_changes_no_event(cuts: list[int]):
    assert run(cuts) == whole()


def test_packet_by_packet_is_the_same_as_all_at_once_for_raw_samples_too():
    rng = random.Random(1)
    events, found = run([rng.randint(1, 3) for _ in range(200)], raw=True)
    assert found == whole(raw=True)[1]
    # causal fusion in single precision of its filter: the same samples in the same order give the same values
    assert events == whole(raw=True)[0]


def test_the_protocol_is_found_in_the_stream_and_the_slouch_and_the_set_after_it():
    events, found = whole()
    assert len(found) == 1
    assert found[0].forward_known
    assert found[0].quality > 0.9
    alerts = [event for event in events if isinstance(event, SlouchAlert)]
    spells = [event for event in events if isinstance(event, SlouchSpell)]
    assert len(alerts) == len(spells) == 1
    assert alerts[0].direction is Direction.FLEXION
    assert alerts[0].t - alerts[0].start == pytest.approx(15.0, abs=0.1)
    assert 18 < math.degrees(spells[0].peak) < 24
    reps = [event for event in events if isinstance(event, RotationRep)]
    assert sum(rep.side == "left" for rep in reps) == 5
    assert all(rep.valid for rep in reps)


def test_without_calibration_nothing_is_called_a_slouch():
    events, found = run([], watch=False)
    assert found == []
    assert not [event for event in events if isinstance(event, (SlouchAlert, SlouchSpell))]


def test_a_calibration_that_is_given_is_told_once_and_used_at_once():
    given_one = whole()[1][0].without_heading()
    events, found = run([50] * 20, calibration=given_one)
    assert found == [given_one]
    assert [event for event in events if isinstance(event, SlouchAlert)]


def test_a_calibration_can_be_set_while_the_stream_runs():
    chain = Chain(52.0, watch=False)
    stream = packets()
    chain.feed(stream[:300])
    assert chain.calibration is None
    wanted = whole()[1][0].without_heading()
    chain.set_calibration(wanted)
    digest = chain.feed(stream[300:400])
    assert digest.calibration == wanted
    assert digest.frame is not None
    assert digest.frame.calibrated
    assert chain.feed(stream[400:410]).calibration is None


def test_garbage_is_said_once_and_survived():
    chain = Chain(52.0)
    stream = list(packets()[:100])
    bad = Packet(1.0, Channel.STREAM, b"\x21" + bytes(30))
    first = chain.feed([*stream[:50], bad, bad])
    second = chain.feed([bad, *stream[50:]])
    assert len(first.notices) == 1
    assert "version" in first.notices[0]
    assert second.notices == ()
    total = sum(len(d.samples) for d in (first, second, chain.finish()) if d.samples is not None)
    assert total == 6 * 99


def test_a_digest_carries_the_samples_and_the_track_of_its_packets():
    digest = Chain(52.0).feed(packets()[:60])
    assert digest.samples is not None
    assert digest.track is not None
    assert digest.activity is not None
    assert len(digest.track) == len(digest.activity)
    assert digest.frame is not None
    assert digest.frame.t == digest.track.t[-1]
