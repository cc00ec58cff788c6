"""MCAP recordings: written live, killed, cut, damaged, tidied, read by others."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import mcap.reader
import numpy as np
import pytest
from mcap.writer import CompressionType, Writer

from unslouch.errors import FileError
from unslouch.recording.compact import compact
from unslouch.recording.mcap_file import read_mcap
from unslouch.recording.mcap_scan import walk
from unslouch.recording.model import Format, Marker, NoticeKind
from unslouch.recording.reader import read_packets, read_recording
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.layout import Content
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch.wire.status import Status, StrapCalibration
from unslouch_signal.calibration import Calibration
from unslouch_signal.samples import SampleBlock, samples

UTC = 1.8e9
INFO = SourceInfo(SourceKind.SIMULATED, "Unslouch-0001", "C0:FF:EE:00:00:01", (("firmware", "1.2.3"),))


CALIBRATION = Calibration((1.0, 0.0, 0.0, 0.0), True, "bows", 0.9)


def motion(n: int, raw: bool = False) -> SampleBlock:
    rng = np.random.default_rng(4)
    t = 50 + np.arange(n) * 19230e-6
    bend = 0.3 * np.sin(0.5 * t)
    quat = np.stack([np.cos(bend / 2), 0 * t, np.sin(bend / 2), 0 * t], axis=1)
    acc = np.stack([-9.81 * np.sin(bend), 0 * t, 9.81 * np.cos(bend)], axis=1) + rng.normal(0, 0.05, (n, 3))
    gyr = np.stack([0 * t, 0.15 * np.cos(0.5 * t), 0 * t], axis=1)
    return samples(t, None if raw else quat, acc, gyr if raw else None)


def stream(block: SampleBlock, per_packet: int = 18) -> list[Packet]:
    encoded = encode_stream(block, np.arange(len(block)), per_packet=per_packet)
    return [Packet(UTC + e.t_us * 1e-6 + 0.03, Channel.STREAM, e.data) for e in encoded]


def record(path: Path, packets: list[Packet], *, tidy: bool = True) -> None:
    with RecordingWriter(path, INFO, UTC, tidy=tidy) as writer:
        for packet in packets:
            writer.write(packet)


def test_everything_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "day" / "one.mcap"
    packets = stream(motion(600))
    status = Packet(UTC + 51, Channel.STATUS, Status(1, 1, 5, 6, 80, 0, 9).to_bytes())
    with RecordingWriter(path, INFO, UTC) as writer:
        for packet in [*packets[:3], status, *packets[3:]]:
            writer.write(packet)
        writer.mark(55.5, "here")
        writer.calibration(56.0, Calibration((0.0, 1.0, 0.0, 0.0), True, "bows", 0.5).to_json())
        writer.calibration(57.0, CALIBRATION.to_json())
        writer.device({"serial": "7"})
    recording = read_recording(path)
    assert recording.format is Format.MCAP
    assert recording.content is Content.FUSED
    assert len(recording.samples) == 600
    np.testing.assert_allclose(recording.samples.t, motion(600).t, atol=2e-5)
    assert recording.markers == (Marker(55.5, "here"),)
    assert Calibration.from_json(recording.calibration or "") == CALIBRATION
    assert recording.device["serial"] == "7"
    assert recording.device["firmware"] == "1.2.3"
    assert recording.device["address"] == INFO.address
    assert recording.notices == ()
    assert recording.utc_offset_s == pytest.approx(UTC + 0.03, abs=1e-4)
    assert recording.rate_hz == pytest.approx(52, rel=1e-3)
    table, _ = read_packets(path)
    assert [table.packet(i).data for i in range(len(table))] == [p.data for p in [*packets[:3], status, *packets[3:]]]
    np.testing.assert_allclose(table.arrival_s[:3], [p.arrival_s for p in packets[:3]], atol=1e-6)


def test_raw_samples_are_corrected_by_the_straps_calibration(tmp_path: Path) -> None:
    block = motion(200, raw=True)
    strap = StrapCalibration(
        7,
        gyro_bias=(0.1, -0.05, 0.02),
        gyro_matrix=(1.1, 0, 0, 0, 0.9, 0, 0.05, 0, 1),
        acc_offset=(0.5, 0, -0.5),
        acc_scale=(1.05, 1, 0.95),
    )
    record(tmp_path / "r.mcap", [Packet(UTC, Channel.CALIBRATION, strap.to_bytes()), *stream(block)])
    recording = read_recording(tmp_path / "r.mcap")
    assert recording.content is Content.RAW
    assert recording.samples.quat is None
    assert block.gyr is not None
    assert block.acc is not None
    x, y, z = (block.gyr - [0.1, -0.05, 0.02]).T
    np.testing.assert_allclose(recording.samples.gyr, np.stack([1.1 * x, 0.9 * y, 0.05 * x + z], axis=1), atol=4e-4)
    np.testing.assert_allclose(recording.samples.acc, (block.acc - [0.5, 0, -0.5]) * [1.05, 1, 0.95], atol=2e-3)


def test_any_reader_of_mcap_finds_raw_and_decoded_channels(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    with RecordingWriter(path, INFO, UTC) as writer:
        for packet in stream(motion(52 * 30)):
            writer.write(packet)
        writer.calibration(50.0, CALIBRATION.to_json())
    with path.open("rb") as file:
        reader = mcap.reader.make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert reader.get_header().profile == "unslouch"
        assert summary.statistics is not None
        counts = {c.topic: summary.statistics.channel_message_counts.get(c.id, 0) for c in summary.channels.values()}
        assert counts["/strap/stream"] == -(-52 * 30 // 18)
        assert counts["/orientation"] == pytest.approx(150, abs=3)
        assert counts["/angles"] == pytest.approx(150, abs=3)
        names = {s.name for s in summary.schemas.values()}
        assert {"foxglove.PoseInFrame", "unslouch.Angles"} <= names
        assert len(summary.chunk_indexes) >= 2
        pose = [
            (m.log_time, json.loads(m.data)["pose"]["orientation"])
            for _, _, m in reader.iter_messages(["/orientation"])
        ]
        tilt = [json.loads(m.data) for _, _, m in reader.iter_messages(["/angles"])]
    for ns, q in pose[::20]:
        want = 0.3 * np.sin(0.5 * (ns * 1e-9 - UTC - 0.03))
        assert 2 * np.arctan2(q["y"], q["w"]) == pytest.approx(want, abs=2e-3)
        assert (q["x"], q["z"]) == (0, 0)
    for angles in tilt[::10]:
        want = np.degrees(0.3 * np.sin(0.5 * angles["t"]))
        assert angles["flexion_deg"] == pytest.approx(want, abs=0.1)
        assert angles["tilt_deg"] == pytest.approx(abs(want), abs=0.1)
        assert angles["lateral_deg"] == pytest.approx(0, abs=0.02)


def test_a_calibration_that_cannot_be_used_is_named_and_closes_well(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    with RecordingWriter(path, INFO, UTC) as writer:
        for packet in stream(motion(100)):
            writer.write(packet)
        writer.calibration(50.0, '{"mount": "up"}')
    recording = read_recording(path)
    assert recording.calibration is None
    assert [n.kind for n in recording.notices] == [NoticeKind.DAMAGED]
    assert "calibration" in recording.notices[0].message


def test_a_seek_unpacks_only_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    record(path, stream(motion(52 * 1200), per_packet=18))
    start = UTC + 50 + 900
    table, file = read_packets(path, start, start + 10)
    assert 25 <= len(table) <= 30
    assert table.arrival_s.min() >= start
    assert table.arrival_s.max() <= start + 10
    assert len(file.buffer) < 600_000 < path.stat().st_size


def test_an_untidy_file_is_the_same_recording(tmp_path: Path) -> None:
    packets = stream(motion(500), per_packet=2)
    record(tmp_path / "live.mcap", packets, tidy=False)
    record(tmp_path / "tidy.mcap", packets)
    live, tidy = (read_recording(tmp_path / f"{n}.mcap") for n in ("live", "tidy"))
    assert np.array_equal(live.samples.t, tidy.samples.t)
    assert np.array_equal(live.samples.quat, tidy.samples.quat)  # type: ignore[arg-type]
    before = (tmp_path / "tidy.mcap").read_bytes()
    compact(tmp_path / "tidy.mcap")
    assert (tmp_path / "tidy.mcap").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["live.mcap", "tidy.mcap"]


@pytest.mark.parametrize("tidy", [False, True])
def test_a_file_cut_anywhere_opens_with_a_notice(tmp_path: Path, tidy: bool) -> None:
    path = tmp_path / "one.mcap"
    record(path, stream(motion(3000), per_packet=2), tidy=tidy)
    whole = path.read_bytes()
    rng = random.Random(5)
    most = 0
    for cut in [9, 20, *(rng.randrange(30, len(whole) - 40) for _ in range(25))]:
        path.write_bytes(whole[:cut])
        file = read_mcap(path)
        ended = any(op in (2, 15) for op, _, _ in walk(np.frombuffer(whole[:cut], np.uint8), 8, cut).others)
        assert ended or NoticeKind.CUT_OFF in {n.kind for n in file.notices}
        most = max(most, len(file.offset))
        if len(file.offset) > 20:
            assert read_recording(path).samples.t[0] == pytest.approx(50.0)
    assert most > 700


def test_a_damaged_chunk_is_skipped_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    record(path, stream(motion(52 * 1500)))
    whole = bytearray(path.read_bytes())
    whole[300_000] ^= 0x40
    path.write_bytes(whole)
    recording = read_recording(path)
    kinds = [n.kind for n in recording.notices]
    assert kinds.count(NoticeKind.DAMAGED) == 1
    assert NoticeKind.MISSING in kinds
    assert 0.6 * 52 * 1500 < len(recording.samples) < 52 * 1500
    assert len(recording.gaps) == 1


def test_hostile_bytes_never_break_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    record(path, stream(motion(400), per_packet=4))
    whole = path.read_bytes()
    rng = random.Random(9)
    for _ in range(150):
        bad = bytearray(whole)
        for _ in range(rng.choice([1, 3, 30])):
            bad[rng.randrange(8, len(bad))] = rng.choice([0, 1, 255, rng.randrange(256)])
        path.write_bytes(bad)
        try:
            t = read_recording(path).samples.t
        except FileError:
            continue
        assert (np.diff(t) > 0).all()


def test_wrong_files_get_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.mcap").write_text("hello")
    record(tmp_path / "empty.mcap", [])
    for name, words in (("none.mcap", "There is no file"), ("text.mcap", "no MCAP file"), ("empty.mcap", "no samples")):
        with pytest.raises(FileError, match=words) as caught:
            read_recording(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    path.write_bytes(b"precious")
    with pytest.raises(FileError, match="exists already"):
        RecordingWriter(path, INFO, UTC)
    assert path.read_bytes() == b"precious"


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "one.mcap", INFO, UTC)
    writer.close()
    writer.close()
    with pytest.raises(FileError, match="closed already"):
        writer.write(Packet(UTC, Channel.STREAM, b"x"))


def test_packets_of_an_unknown_version_stay_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    strange = Packet(UTC + 50, Channel.STREAM, b"\x21\x00strange")
    record(path, [strange, *stream(motion(100))])
    recording = read_recording(path)
    assert [n.kind for n in recording.notices] == [NoticeKind.DROPPED]
    assert "1 unknown_version" in recording.notices[0].message
    table, _ = read_packets(path)
    assert table.packet(0) == strange


ZYGOTE = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_mcap_recording import INFO, UTC, motion, stream
from unslouch.recording.writer import RecordingWriter
import unslouch.recording.foxglove, unslouch_signal.analyser
packets = stream(motion(2000), per_packet=2)
def die_in(seconds):
    # an alarm that nobody catches ends a process as SIGKILL does, and comes by this process's own course
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
def write(path, stop, after):
    with RecordingWriter(path, INFO, UTC) as writer:
        for k, packet in enumerate(packets):
            if k == stop:
                die_in(after)
            writer.write(packet)
            os.write(1, b"%d\\n" % k)
        begun = time.perf_counter()
        if stop == len(packets):
            die_in(after)
    os.write(1, b"closed %d\\n" % (1e6 * (time.perf_counter() - begun)))
print("ready", flush=True)
for line in sys.stdin:
    path, stop, after = line.split()
    if child := os.fork():
        os.waitpid(child, 0)
        os.write(1, b"gone\\n")
        continue
    write(Path(path), int(stop), float(after))
    if int(stop) >= 0:
        signal.pause()
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are tried where processes fork")
def test_fifty_kills_lose_nothing_that_was_written(tmp_path: Path) -> None:
    """Kills land while packets are written, while the file is ended and while it is tidied up."""
    chance = random.Random(20261122)
    script = ZYGOTE.format(folder=str(Path(__file__).parent))
    moments = {"writing": 0, "ending": 0, "closed": 0}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as zygote:
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        assert zygote.stdout.readline() == "ready\n"

        def written(path: Path, stop: int, after: float = 0.0) -> tuple[int, float | None]:
            """Last packet that was written, and how long the end of the file took if it was reached, s."""
            assert zygote.stdin is not None
            assert zygote.stdout is not None
            zygote.stdin.write(f"{path} {stop} {after:.6f}\n")
            zygote.stdin.flush()
            last, ending = -1, None
            for word, *more in map(str.split, iter(zygote.stdout.readline, "gone\n")):
                if word == "closed":
                    ending = int(more[0]) * 1e-6
                else:
                    last = int(word)
            return last, ending

        undisturbed = [written(tmp_path / f"whole{k}.mcap", -1)[1] for k in range(3)]
        longest = min(one for one in undisturbed if one is not None)
        for trial in range(50):
            path = tmp_path / f"{trial}.mcap"
            while_ending = trial % 2 == 1
            stop = 1000 if while_ending else chance.randrange(990)
            told, ended = written(path, stop, chance.uniform(0, 1.2 * longest if while_ending else 0.001))
            moments["closed" if ended is not None else "ending" if told == 999 else "writing"] += 1
            recording = read_recording(path)
            assert len(recording.samples) >= 2 * (told + 1)
            assert np.array_equal(recording.blocks[0].seq, np.arange(len(recording.samples)))
            assert not recording.errors
            if trial % 10 == 0:
                compact(path)
                assert len(read_recording(path).samples) == len(recording.samples)
                assert not read_recording(path).notices
        zygote.stdin.close()
    assert moments["writing"] >= 5, moments
    assert moments["ending"] >= 5, moments


def test_the_shortest_way_dates_the_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sent = stream(motion(300), per_packet=2)
    late = [Packet(p.arrival_s + d, p.channel, p.data) for p, d in zip(sent, rng.uniform(0, 0.1, 150), strict=True)]
    late[70] = sent[70]
    record(tmp_path / "a.mcap", late)
    assert read_recording(tmp_path / "a.mcap").utc_offset_s == pytest.approx(UTC + 0.03, abs=1e-4)


@pytest.mark.parametrize("compression", list(CompressionType))
def test_chunks_of_other_writers_are_read_and_checked(tmp_path: Path, compression: CompressionType) -> None:
    path = tmp_path / "a.mcap"
    with path.open("wb") as out:
        writer = Writer(out, chunk_size=4000, compression=compression)
        writer.start("unslouch")
        channel = writer.register_channel("/strap/stream", "unslouch", 0)
        for packet in stream(motion(600)):
            writer.add_message(channel, int(packet.arrival_s * 1e9), packet.data, 0)
        writer.finish()
    recording = read_recording(path)
    assert len(recording.samples) == 600
    assert recording.notices == ()
    if compression is CompressionType.NONE:  # nothing but the checksum tells
        bad = bytearray(path.read_bytes())
        at = bad.find(stream(motion(600))[20].data) + 20
        bad[at] ^= 1
        path.write_bytes(bad)
        recording = read_recording(path)
        assert NoticeKind.DAMAGED in {n.kind for n in recording.notices}
        assert "checksum" in recording.notices[0].message
        assert len(recording.samples) < 600
