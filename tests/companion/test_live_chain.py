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
from unslouch.live.chain import DAMAGED, UNKNOWN, Chain
from unslouch.live.feed import Press
from unslouch.live.presses import IMPOSSIBLE
from unslouch.wire.encode import encode_event, fragment
from unslouch.wire.records import EventCode, StrapEvent
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
    assert first.notices == (UNKNOWN,)
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


def pressed(code: int, t: float, arrival: float, *, number: int = 1, boot: int = 1, seq: int | None = None) -> Packet:
    event = StrapEvent(code, 0, number, boot, round(t * 52) if seq is None else seq, round(t * 1e6), 0.0)
    return Packet(arrival, Channel.STREAM, encode_event(event))


def told(events: list[Packet], cuts: list[int] | None = None) -> tuple[list[Press], list[str]]:
    """The presses that come out where these packets come among the others."""
    stream = sorted([*packets()[:400], *events], key=lambda packet: packet.arrival_s)
    chain, at = Chain(52.0), 0
    presses: list[Press] = []
    notices: list[str] = []
    cuts = list(cuts or [])
    while at < len(stream):
        step = cuts.pop(0) if cuts else len(stream)
        digest = chain.feed(stream[at : at + step])
        presses += digest.presses
        notices += digest.notices
        at += step
    assert chain.finish().presses == ()
    return presses, notices


SHARP, MARKER = EventCode.SHARP_PAIN, EventCode.MARKER


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40))
def test_a_press_comes_at_its_time_and_once_however_packets_are_cut(cuts: list[int]):
    live, marker = pressed(SHARP, 20.0, 20.1, number=7), pressed(MARKER, 25.0, 25.05, number=8)
    again = [Packet(33.0, Channel.LOG, part) for part in fragment(live.data, 7)]
    other = pressed(EventCode.CUE, 22.0, 22.1, number=9)
    presses, notices = told([live, marker, *again, other], cuts)
    assert presses == [Press(20.0, sharp=True), Press(25.0, sharp=False)]
    assert notices == []


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40))
def test_what_is_fetched_late_stops_nothing_now(cuts: list[int]):
    def logged(t: float, arrival: float, number: int) -> list[Packet]:
        return [
            Packet(arrival, Channel.LOG, part) for part in fragment(pressed(SHARP, t, 0.0, number=number).data, number)
        ]

    presses, notices = told([*logged(20.0, 28.0, 3), *logged(20.0, 32.0, 4), *logged(0.5, 40.0, 5)], cuts)
    assert presses == [Press(20.0, True), Press(20.0, True, late=True), Press(0.5, True, late=True)]
    assert notices == []


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40))
def test_a_press_that_cannot_be_is_left_out_and_said_once(cuts: list[int]):
    ahead, more = pressed(SHARP, 45.0, 20.0, number=7), pressed(SHARP, (1 << 47) * 1e-6, 21.0, number=8, seq=1100)
    never = pressed(SHARP, 2.0, 30.0, number=9, seq=4_000_000_000)
    good = pressed(SHARP, 35.0, 35.1, number=10)
    assert told([ahead, more, never, good], cuts) == ([Press(35.0, True)], [IMPOSSIBLE])


def test_a_press_while_nothing_was_streamed_is_of_now():
    stream = packets()
    chain = Chain(52.0)
    chain.feed(stream[:100])
    end = stream[99].arrival_s
    [press] = chain.feed([pressed(SHARP, end + 600.0, end + 600.1, seq=600)]).presses
    assert (press.sharp, press.late) == (True, False)
    assert abs(press.t - end - 600.0) < 1e-5


def test_a_press_before_the_first_sample_waits_for_it_and_one_of_an_earlier_boot_is_not_of_here():
    chain = Chain(52.0)
    first = chain.feed([pressed(SHARP, 0.01, 0.0), pressed(SHARP, 5.0, 0.01, number=2, boot=0)])
    assert (first.presses, first.frame) == ((), None)
    assert chain.feed(packets()[:50]).presses == (Press(0.01, True),)
    assert chain.feed([pressed(SHARP, 5.0, 6.0, number=3, boot=65535)]).presses == ()


def test_what_is_wrong_with_packets_is_said_once_in_plain_words():
    chain = Chain(52.0, watch=False)
    (first, *rest) = packets()[:8]

    def bad(data: bytes) -> Packet:
        return Packet(first.arrival_s, Channel.STREAM, data)

    assert chain.feed([first]).notices == ()
    assert chain.feed([bad(b""), bad(b"\x11"), bad(b"\x12\x00")]).notices == (DAMAGED,)
    assert chain.feed([bad(b"\xf1\x00"), bad(b"\x1f"), bad(b"")]).notices == (UNKNOWN,)
    assert chain.feed([bad(b"\xf1\x00"), bad(b""), *rest]).notices == ()
    assert "nothing to do" in DAMAGED
    assert "`unslouch doctor`" in DAMAGED
    assert "update this program" in UNKNOWN
