"""The decoder: order, copies, gaps, reboots, liars; whatever the bytes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unslouch.wire.decoder import Decoder, decode_all
from unslouch.wire.encode import (
    encode_anchor,
    encode_compact,
    encode_event,
    encode_log,
    encode_stream,
    fragment,
)
from unslouch.wire.layout import ACC_LSB, GYR_LSB, Content, WireFault
from unslouch.wire.records import Anchor, Decoded, DecodedBlock, StrapEvent
from unslouch.wire.runs import Runs
from unslouch.wire.source import CHANNELS, Channel, Packet
from unslouch.wire.table import PacketTable
from unslouch_signal.samples import SampleBlock, SampleFlag, samples

UTC = 1.8e9
DT = 19230e-6


def motion(n: int, seed: int = 0, t0: float = 100.0, gyro: bool = False) -> SampleBlock:
    rng = np.random.default_rng(seed)
    quat = rng.normal(size=(n, 4))
    quat /= np.linalg.norm(quat, axis=1)[:, None]
    acc, gyr = rng.uniform(-20, 20, (n, 3)), rng.uniform(-10, 10, (n, 3))
    return samples(t0 + DT * np.arange(n), quat, acc, gyr if gyro else None)


def sent(
    block: SampleBlock, first: int = 0, boot: int = 1, per_packet: int = 2, resent: bool = False, delay: float = 0.02
) -> list[Packet]:
    seq = first + np.rint((block.t - block.t[0]) / DT).astype(np.int64)
    encoded = encode_stream(block, seq, boot, per_packet, resent=resent)
    return [Packet(UTC + e.t_us * 1e-6 + delay, Channel.STREAM, e.data) for e in encoded]


def seqs(blocks: tuple[DecodedBlock, ...]) -> list[int]:
    return [s for b in blocks for s in b.seq.tolist()]


def times(blocks: tuple[DecodedBlock, ...]) -> np.ndarray:
    return np.concatenate([b.samples.t for b in blocks]) if blocks else np.empty(0)


def run(packets: list[Packet], patience_s: float = 1.0) -> list[Decoded]:
    decoder = Decoder(patience_s)
    return [*(decoder.decode([p]) for p in packets), decoder.finish()]


def blocks_of(steps: list[Decoded]) -> tuple[DecodedBlock, ...]:
    return tuple(b for s in steps for b in s.blocks)


@pytest.mark.parametrize("gyro", [False, True])
@pytest.mark.parametrize("per_packet", [1, 2, 7, 18])
def test_what_is_encoded_is_decoded(gyro: bool, per_packet: int) -> None:
    block = motion(100, gyro=gyro)
    (got,) = decode_all(sent(block, 5, per_packet=per_packet)).blocks
    assert got.content is (Content.FUSED_GYRO if gyro else Content.FUSED)
    assert got.seq.tolist() == list(range(5, 105))
    np.testing.assert_allclose(got.samples.t, block.t, atol=20e-6)
    assert got.samples.quat is not None
    assert got.samples.acc is not None
    assert block.quat is not None
    apart = np.minimum(
        np.linalg.norm(got.samples.quat - block.quat, axis=1), np.linalg.norm(got.samples.quat + block.quat, axis=1)
    )
    assert np.degrees(4 * np.arcsin(apart.max() / 2)) < 2 * 0.0086
    assert np.degrees(2 * apart.max()) < 0.0087
    np.testing.assert_allclose(np.linalg.norm(got.samples.quat, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(got.samples.acc, block.acc, atol=ACC_LSB / 2 + 1e-12)
    if gyro:
        assert got.samples.gyr is not None
        np.testing.assert_allclose(got.samples.gyr, block.gyr, atol=GYR_LSB / 2 + 1e-12)
    else:
        assert got.samples.gyr is None


def test_raw_samples_keep_their_axes() -> None:
    block = motion(40, gyro=True)
    raw = SampleBlock(block.t, None, block.acc, block.gyr, block.flags)
    (got,) = decode_all(sent(raw, per_packet=18)).blocks
    assert got.content is Content.RAW
    assert got.samples.quat is None
    np.testing.assert_allclose(got.samples.acc, block.acc, atol=ACC_LSB / 2 + 1e-12)
    np.testing.assert_allclose(got.samples.gyr, block.gyr, atol=GYR_LSB / 2 + 1e-12)


def test_saturation_is_clipped_and_flagged() -> None:
    block = samples(np.array([1.0, 1.02]), np.tile([1.0, 0, 0, 0], (2, 1)), np.array([[0, 0, 9.8], [500.0, -500, 0]]))
    (got,) = decode_all(sent(block)).blocks
    assert got.samples.flags.tolist() == [0, SampleFlag.SATURATED]
    assert got.samples.acc is not None
    np.testing.assert_allclose(got.samples.acc[1], [32767 * ACC_LSB, -32767 * ACC_LSB, 0])


def test_a_packet_holds_samples_of_one_kind_of_flags() -> None:
    block = motion(20)
    flags = np.zeros(20, np.uint8)
    flags[5:12] = SampleFlag.MOTOR
    flags[15] |= SampleFlag.LOST_BEFORE
    flagged = SampleBlock(block.t, block.quat, block.acc, None, flags)
    packets = sent(flagged, per_packet=18)
    assert len(packets) == 4
    (got,) = decode_all(packets).blocks
    assert got.samples.flags.tolist() == flags.tolist()


def test_uneven_times_are_kept() -> None:
    rng = np.random.default_rng(3)
    block = motion(300)
    uneven = SampleBlock(block.t + rng.uniform(-4e-3, 4e-3, 300), block.quat, block.acc, None, block.flags)
    encoded = encode_stream(uneven, np.arange(300), per_packet=18, tolerance_us=50)
    (got,) = decode_all([Packet(UTC, Channel.STREAM, e.data) for e in encoded]).blocks
    np.testing.assert_allclose(got.samples.t, uneven.t, atol=60e-6)
    assert len(encoded) > 100


@given(cuts=st.lists(st.integers(0, 60), max_size=12), seed=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_cutting_into_calls_changes_nothing(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    packets = sent(motion(120))
    packets = [p for p in packets if rng.random() > 0.1]
    edges = sorted({0, len(packets), *(c for c in cuts if c < len(packets))})
    decoder = Decoder()
    steps = [decoder.decode(packets[a:b]) for a, b in itertools.pairwise(edges)]
    steps.append(decoder.finish())
    whole = decode_all(packets)
    assert seqs(blocks_of(steps)) == seqs(whole.blocks)
    assert np.array_equal(times(blocks_of(steps)), times(whole.blocks))
    assert [g for s in steps for g in s.gaps] == list(whole.gaps)


def test_copies_and_disorder_within_patience() -> None:
    rng = np.random.default_rng(1)
    packets = sent(motion(400))
    disordered = [packets[i] for i in np.argsort(np.arange(len(packets)) + rng.uniform(0, 8, len(packets)))]
    doubled = [p for p in disordered for _ in range(1 + (rng.random() < 0.2))]
    steps = run(packets[:1] + doubled)
    assert seqs(blocks_of(steps)) == list(range(400))
    assert not any(s.gaps or s.late or s.errors for s in steps)
    assert seqs(decode_all(doubled).blocks) == list(range(400))


@pytest.mark.parametrize("late", [0, 3, 150], ids=["one length", "a few late", "most late"])
def test_packets_of_several_lengths_are_put_together_whole(late: int) -> None:
    block = motion(3000, gyro=True)
    rng = np.random.default_rng(late)
    packets = [*sent(block[:100], 0, per_packet=3), *sent(block[100:2900], 100, per_packet=7)]
    packets += sent(block[2900:], 2900, per_packet=2)
    for i in rng.choice(len(packets), late, replace=False).tolist():
        packets.append(packets.pop(i))
    (one,) = decode_all(packets).blocks
    (straight,) = decode_all(sent(block, per_packet=5)).blocks
    for name in ("t", "quat", "acc", "gyr", "flags"):
        assert np.array_equal(getattr(one.samples, name), getattr(straight.samples, name)), name
    assert one.seq.tolist() == list(range(3000))


def test_a_hole_is_waited_for_then_named_then_filled_late() -> None:
    block = motion(200)
    packets = sent(block)
    rest = packets[:20] + packets[25:]
    decoder = Decoder(patience_s=1.0)
    steps = [decoder.decode([p]) for p in rest[:25]]
    assert seqs(blocks_of(steps)) == list(range(40))
    assert steps[-1].held == 10
    assert not any(s.gaps for s in steps)
    steps = [decoder.decode([p]) for p in rest[25:]]
    (gap,) = [g for s in steps for g in s.gaps]
    assert (gap.boot, gap.seq, gap.missing, gap.lost) == (1, 40, 10, False)
    assert gap.end - gap.start == pytest.approx(11 * DT, abs=1e-5)
    assert seqs(blocks_of(steps)) == list(range(50, 200))
    again = sent(block[40:50], 40, per_packet=5, resent=True)
    late = decoder.decode(again)
    assert (seqs(late.blocks), seqs(late.late)) == ([], list(range(40, 50)))
    assert not late.late[0].samples.flags.any()
    assert decoder.decode(again).late == ()


def test_a_hole_filled_in_time_leaves_no_gap() -> None:
    block = motion(120)
    packets = sent(block)
    steps = run(packets[:20] + packets[25:40] + sent(block[40:50], 40, resent=True) + packets[40:])
    assert seqs(blocks_of(steps)) == list(range(120))
    assert not any(s.gaps or s.late for s in steps)


def test_truly_lost_samples_are_not_waited_for() -> None:
    block = motion(100)
    keep = np.r_[np.arange(40), np.arange(60, 100)]
    flags = np.zeros(100, np.uint8)
    flags[60] = SampleFlag.LOST_BEFORE
    holed = SampleBlock(block.t[keep], block.quat[keep], block.acc[keep], None, flags[keep])  # type: ignore[index]
    steps = run(sent(holed))
    (gap,) = [g for s in steps for g in s.gaps]
    assert (gap.seq, gap.missing, gap.lost) == (40, 20, True)
    assert max(s.held for s in steps) == 0
    assert decode_all(sent(holed)).gaps == (gap,)


def test_a_pause_is_no_gap() -> None:
    first, second = motion(50), motion(50, seed=1, t0=400.0)
    anchor = Packet(UTC + 400, Channel.STREAM, encode_anchor(Anchor(0, 1, 50, 400_000_000, 19230, 0.0)))
    packets = [*sent(first), anchor, *sent(second, 50)]
    steps = run(packets)
    assert seqs(blocks_of(steps)) == list(range(100))
    assert not any(s.gaps for s in steps)
    assert seqs(steps[25].blocks + steps[26].blocks) == [50, 51]  # announced: no delay
    without = run(sent(first) + sent(second, 50))
    assert seqs(blocks_of(without)) == list(range(100))
    assert decode_all(packets).gaps == ()


def test_patience_is_counted_in_sample_time() -> None:
    block = motion(200)
    packets = sent(block)
    holed = packets[:20] + packets[25:]
    for patience, held in ((0.0, 0), (0.4, 10), (0.8, 31)):
        steps = run(holed, patience)
        most = max(s.held for s in steps)
        assert held - 2 <= most <= held + 2 if held else most == 0


def test_a_reboot_goes_on_in_time() -> None:
    first, second = motion(60, t0=500.0), motion(60, seed=1, t0=0.5)
    packets = sent(first, 1000, boot=65535)
    later = [Packet(p.arrival_s + 530.0, p.channel, p.data) for p in sent(second, 3, boot=0)]
    for blocks in (blocks_of(run(packets + later)), decode_all(packets + later).blocks):
        assert seqs(blocks) == [*range(1000, 1060), *range(3, 63)]
        t = times(blocks)
        assert (np.diff(t) > 0).all()
        assert t[60] - t[0] == pytest.approx(30.5, abs=1e-3)
        assert {b.boot for b in blocks} == {65535, 0}
        assert blocks[0].offset_s == 0


def test_a_reboot_that_seems_to_go_back_still_increases() -> None:
    packets = sent(motion(60, t0=500.0), boot=4) + sent(motion(60, t0=0.5), boot=5)
    t = times(blocks_of(run(packets)))
    assert (np.diff(t) > 0).all()
    assert t[60] - t[59] == pytest.approx(1.0)


def test_old_boots_do_not_disturb_the_new_one() -> None:
    decoder = Decoder()
    decoder.decode(sent(motion(20), boot=9))
    old = decoder.decode(sent(motion(20, seed=2), boot=8))
    assert not old.blocks
    assert seqs(old.late) == list(range(20))
    assert old.late[0].boot == 8
    assert seqs(decoder.decode(sent(motion(20, t0=100.0 + 20 * DT), 20, boot=9)).blocks) == list(range(20, 40))


def logged(block: SampleBlock, seq: np.ndarray, first_id: int = 1, boot: int = 1, payload: int = 244) -> list[Packet]:
    records = encode_log(block, seq, first_id, 19230, boot=boot)
    return [
        Packet(UTC + 999, Channel.LOG, f) for k, r in enumerate(records) for f in fragment(r, first_id + k, payload)
    ]


@pytest.mark.parametrize("payload", [20, 100, 244])
def test_the_log_fills_what_the_stream_lacks(payload: int) -> None:
    block = motion(1000)
    thin = np.arange(0, 1000, 5)
    log = logged(block[::5], thin, payload=payload)
    packets = sent(block[:400], per_packet=18) + sent(block[800:], 800, per_packet=18)
    whole = decode_all(packets + log)
    assert seqs(whole.blocks) == [*range(400), *range(400, 800, 5), *range(800, 1000)]
    assert [b.content for b in whole.blocks] == [Content.FUSED, Content.ORIENTATION, Content.FUSED]
    np.testing.assert_allclose(times(whole.blocks)[400:480], block.t[400:800:5], atol=3e-4)
    assert whole.gaps == ()
    assert whole.log_ids.tolist() == [1, 2, 3, 4, 5]
    assert not whole.errors
    decoder = Decoder(0.0)
    live = decoder.decode(packets)
    late = decoder.decode(log)
    assert live.gaps[0].missing == 400
    assert seqs(late.late) == list(range(400, 800, 5))
    assert not late.blocks
    assert decoder.decode(log).late == ()
    middle = decoder.decode(sent(block[400:500], 400, resent=True))
    assert seqs(middle.late) == [s for s in range(400, 500) if s % 5]


def test_log_of_an_unknown_boot_comes_late_on_its_own_clock() -> None:
    decoder = Decoder()
    decoder.decode(sent(motion(10), boot=9))
    late = decoder.decode(logged(motion(100, t0=7.0)[::5], np.arange(0, 100, 5), boot=7)).late
    assert late[0].boot == 7
    assert late[0].offset_s == 0
    assert late[0].samples.t[0] == pytest.approx(7.0)


def test_compact_packets_need_their_anchor() -> None:
    block = motion(60)
    anchor = Packet(UTC, Channel.STREAM, encode_anchor(Anchor(0, 6, 1000, round(block.t[0] * 1e6), 19230, 0.0)))
    compact = [Packet(UTC + 1, Channel.STREAM, e.data) for e in encode_compact(block, np.arange(1000, 1060))]
    steps = run([*compact[:3], anchor, *compact])
    assert seqs(blocks_of(steps)) == list(range(1000, 1060))
    assert sum(s.errors.get(WireFault.NO_ANCHOR, 0) for s in steps) == 3
    assert all(b.boot == 6 for b in blocks_of(steps))
    np.testing.assert_allclose(times(blocks_of(steps)), block.t, atol=17e-6)


def test_a_lying_clock_is_left_out() -> None:
    packets = sent(motion(100))
    for position, change in ((10, 10**9), (10, -(10**7)), (0, 10**10), (48, 5 * 10**8)):
        data = bytearray(packets[position].data)
        t = int.from_bytes(data[8:14], "little") + change
        data[8:14] = t.to_bytes(6, "little")
        lied = [
            *packets[:position],
            Packet(packets[position].arrival_s, Channel.STREAM, bytes(data)),
            *packets[position + 1 :],
        ]
        want = [s for s in range(100) if s // 2 != position]
        whole = decode_all(lied)
        assert (seqs(whole.blocks), whole.errors) == (want, {WireFault.TIME_BACKWARD: 1}), (position, change)
        t_all = times(blocks_of(run(lied)))
        assert (np.diff(t_all) > 0).all()
        if position:
            assert seqs(blocks_of(run(lied))) == want


def test_events_come_once() -> None:
    event = StrapEvent(1, 0, 5, 1, 10, 1000, 0.0)
    live = Packet(UTC, Channel.STREAM, encode_event(event))
    kept = Packet(UTC + 9, Channel.LOG, fragment(encode_event(event), 5)[0])
    assert len(decode_all([live, live, kept]).events) == 1
    steps = run([live, live, kept])
    assert [len(s.events) for s in steps] == [1, 0, 0, 0]


def test_clock_points_are_of_direct_packets_alone() -> None:
    packets = sent(motion(8), delay=0.5) + sent(motion(8), resent=True)
    clock = decode_all(packets).clock
    assert len(clock.t_us) == 4
    np.testing.assert_allclose(clock.arrival_s - UTC - clock.t_us * 1e-6, 0.5, atol=1e-5)


def test_tables_and_lists_are_one() -> None:
    packets = sent(motion(100), per_packet=18) + logged(motion(50), np.arange(50) * 5, boot=2)
    table = PacketTable.of(packets)
    assert [table.packet(i) for i in range(len(table))] == packets
    for a, b in zip(decode_all(packets).blocks, decode_all(table).blocks, strict=True):
        assert np.array_equal(a.samples.t, b.samples.t)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CHANNELS),
            st.one_of(
                st.binary(max_size=40),
                st.tuples(st.integers(0x10, 0x1F), st.binary(min_size=0, max_size=60)).map(
                    lambda p: bytes((p[0],)) + p[1]
                ),
                st.sampled_from([16, 20, 21 + 6, 28, 34, 40, 60])
                .flatmap(
                    lambda n: st.tuples(
                        st.sampled_from([0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x18]),
                        st.binary(min_size=n - 1, max_size=n - 1),
                    )
                )
                .map(lambda p: bytes((p[0],)) + p[1]),
                st.sampled_from([27, 32, 20, 26, 14])
                .flatmap(
                    lambda n: st.tuples(
                        st.sampled_from([0x18, 0x16, 0x19, 0x1A]), st.binary(min_size=n - 1, max_size=n - 1)
                    )
                )
                .map(lambda p: b"\x80\x00\x00" + bytes((p[0],)) + p[1]),
            ),
        ),
        max_size=25,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_survived_and_accounted_for(raw: list[tuple[Channel, bytes]]) -> None:
    packets = [Packet(UTC + k, channel, data) for k, (channel, data) in enumerate(raw)]
    whole = decode_all(packets)
    steps = run(packets)
    for blocks in (whole.blocks, blocks_of(steps)):
        t = times(blocks)
        assert (np.diff(t) > 0).all()
        assert len({(b.boot, s) for b in blocks for s in b.seq.tolist()}) == len(t)
        for block in blocks:
            if block.samples.quat is not None:
                np.testing.assert_allclose(np.linalg.norm(block.samples.quat, axis=1), 1, atol=1e-9)
    taken = sum(len(x) for x in (whole.anchors, whole.statuses, whole.calibrations, whole.responses, whole.log_ends))
    assert sum(whole.errors.values()) + taken <= len(packets)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_faulty_link_loses_nothing_that_arrives(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    packets = sent(motion(160))
    arriving = [p for p in packets if rng.random() > 0.2]
    arriving += [p for p in arriving if rng.random() < 0.05]
    order = np.argsort(np.arange(len(arriving)) + rng.uniform(0, data.draw(st.sampled_from([0, 3, 60])), len(arriving)))
    got = [arriving[i] for i in order]
    there = sorted({2 * packets.index(p) + k for p in got for k in (0, 1)})
    steps = run(got)
    delivered = seqs(blocks_of(steps)) + [s for step in steps for s in seqs(step.late)]
    assert len(delivered) == len(set(delivered))
    assert sorted(delivered) == there
    assert seqs(decode_all(got).blocks) == there


@given(st.lists(st.integers(0, 80), unique=True), st.integers(1, 6))
def test_runs_hold_what_was_added(values: list[int], cut: int) -> None:
    runs = Runs()
    for start in range(0, len(values), cut):
        runs.add(np.array(sorted(values[start : start + cut]), np.int64))
    assert np.flatnonzero(runs.contains(np.arange(100))).tolist() == sorted(values)


def test_runs_stay_small() -> None:
    runs = Runs()
    for k in range(0, 10_000, 10):
        runs.add(np.arange(k, k + 10))
    assert len(runs) == 1
    for k in range(20_000, 40_000, 2):
        runs.add(np.array([k]))
    assert len(runs) <= 4096
    stepped = Runs()
    stepped.add(np.arange(0, 100, 5), 5)
    stepped.add(np.arange(100, 200, 5), 5)
    assert len(stepped) == 1
    assert np.flatnonzero(stepped.contains(np.arange(250))).tolist() == list(range(0, 200, 5))
