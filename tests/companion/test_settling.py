"""What happens to a recording when it is closed: kept once, also over kills; rebuilt as it was; pruned by itself."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from unslouch.cli.main import unslouch
from unslouch.cli.rebuild import rebuild_database
from unslouch.cli.settling import Settling, settle, wait_for_all
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.live.retention import KEEP_DAYS, left_over, prune
from unslouch.recording.compact import is_tidy
from unslouch.recording.reader import read_packets
from unslouch.recording.writer import RecordingWriter
from unslouch.store.journal import row_entry
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import DataPaths
from unslouch.store.rows import (
    AlertRow,
    CalibrationRow,
    HoldRow,
    MarkerRow,
    Outcome,
    PainMoment,
    PainRow,
    RecordingRow,
    RepetitionRow,
    SessionKind,
    SessionRow,
    SharpPainRow,
    SlouchRow,
    Source,
)
from unslouch.store.store import Store
from unslouch.wire.encode import encode_event, encode_log, encode_stream, encode_time, fragment
from unslouch.wire.records import EventCode, StrapEvent, TimeRecord
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Direction, RotationPosition, Side, Technique
from unslouch_signal.samples import SampleBlock, samples

START = float(int(time.time())) - 2 * 86400
"""UTC of the zero of boot 4's clock: the day before yesterday."""
STRAIGHT = Calibration((1.0, 0.0, 0.0, 0.0), forward_known=True, method="bows")
RATE_HZ = 52.0


def sat(seconds: float, slouches: tuple[float, ...] = (), first: float = 1.0) -> SampleBlock:
    """Somebody sits, and slouches for 40 s from the given times on."""
    t = first + np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    angle = 0.01 * np.sin(t)
    for begin in slouches:
        angle += 0.45 * (np.clip(t - begin, 0, 1) - np.clip(t - begin - 40, 0, 1))
    half = angle / 2
    quat = np.stack([np.cos(half), 0 * t, np.sin(half), 0 * t], axis=1)
    acc = 9.80665 * np.stack([-np.sin(angle), 0 * t, np.cos(angle)], axis=1)
    return samples(t, quat, acc)


def writer_of(paths: DataPaths, name: str, utc: float) -> RecordingWriter:
    info = SourceInfo(SourceKind.STRAP, "Strap", "AA", (("serial", "S1"),))
    return RecordingWriter(paths.recordings / f"{name}.mcap", info, utc, tidy=False)


def stream(writer: RecordingWriter, block: SampleBlock, seq: int, boot: int, zero: float) -> None:
    for one in encode_stream(block, seq + np.arange(len(block), dtype=np.int64), boot, 18, 2_500):
        writer.write(Packet(zero + one.t_us * 1e-6 + 0.02, Channel.STREAM, one.data))


def logged(writer: RecordingWriter, records: list[bytes], utc: float) -> None:
    for record in records:
        at = {0x18: 3, 0x16: 4, 0x19: 2}[record[0]]
        for part in fragment(record, int.from_bytes(record[at : at + 4], "little")):
            writer.write(Packet(utc, Channel.LOG, part))


def morning(paths: DataPaths) -> Path:
    """A session at the desk and one on the mat, live, with everything that a session can hold."""
    with Store.open(paths) as store, writer_of(paths, "20260105T090000Z-Strap", START) as writer:
        writer.calibration(0.0, STRAIGHT.to_json())
        row = CalibrationRow("Strap@1", START, 0.9, STRAIGHT.to_json(), "Strap", writer.path.name)
        store.put(row)
        writer.result(row_entry(row))
        stream(writer, sat(300), 0, 4, START)
        desk = SessionStart(SessionKind.DESK, Source.LIVE, 1.0, START + 1, 0.0, recording=writer.path.name)
        log = SessionLog(store, desk, journal=writer.result)
        log.save(SlouchRow(20.0, 50.0, 35.0, 0.3, 0.2, Direction.FLEXION), MarkerRow(30.0, "tea"))
        log.save(AlertRow(35.0, 20.0, Direction.FLEXION, 0.3, cued=True))
        log.alive(100.0)
        log.end(140.0, Outcome.ENDED)
        mat = replace(desk, kind=SessionKind.COACH, start_t=150.0, start_utc=START + 150, technique=Technique.DOORWAY)
        log = SessionLog(store, mat, lambda t: START + t * (1 + 30e-6), writer.result)
        log.save(PainRow(PainMoment.BEFORE, 151.0, 2))
        seated = (Technique.SEATED_ROTATION, Side.LEFT, RotationPosition.SEATED)
        log.save(RepetitionRow(*seated, 160.0, 162.0, 165.0, 0.8, 1.5, (), counted=True))
        log.save(HoldRow(Technique.DOORWAY, Side.RIGHT, 200.0, 230.0, 28.0, 25.0, 0.2, 0.5, 1, 0))
        log.save(PainRow(PainMoment.AFTER, 240.0, 1))
        log.end(250.0)
    return writer.path


def evening(paths: DataPaths, *, closed: bool = True) -> Path:
    """Boot 4 went on alone, boot 5 was never heard, boot 6 streams."""
    writer = writer_of(paths, "20260105T180000Z-Strap", START + 9000)
    writer.calibration(0.0, STRAIGHT.to_json())
    alone = sat(1500, (900.0, 1200.0), first=301.0)
    seq = 300 * 52 + np.arange(len(alone), dtype=np.int64)
    records = encode_log(alone[::5], seq[::5], 1, 19230, 5, 4)
    cue = StrapEvent(EventCode.CUE, 1, len(records) + 1, 4, int(seq[-1]), 916_000_000, 0.0)
    pain = StrapEvent(EventCode.SHARP_PAIN, 0, len(records) + 2, 4, int(seq[-1]), 1_300_000_000, 0.0)
    records += [encode_event(cue), encode_event(pain)]
    unheard = sat(600, first=1.0)
    records += encode_log(unheard[::5], np.arange(len(unheard), dtype=np.int64)[::5], len(records) + 1, 19230, 5, 5)
    records.append(encode_time(TimeRecord(len(records) + 1, 6, 0, 0, int((START + 8990) * 1e6))))
    stream(writer, sat(60), 0, 6, START + 9000)
    logged(writer, records, START + 9030)
    if closed:
        writer.close()
    else:
        writer._stop.set()
        writer._thread.join()
        writer._file.close()
    return writer.path


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").make()


def dump(paths: DataPaths) -> dict[str, list[tuple[object, ...]]]:
    with Store.open(paths) as store:
        return store.dump()  # type: ignore[return-value]


def test_a_day_is_kept_and_made_again_row_for_row(paths: DataPaths):
    for path in (morning(paths), evening(paths)):
        settle(paths, path)
        assert is_tidy(path)
    before = dump(paths)
    with Store.open(paths) as store:
        live, mat, alone, unheard = store.sessions()
        assert [live.source, mat.source, alone.source, unheard.source] == ["live", "live", "synced", "synced"]
        # dated by the morning's clock, which the evening's recording does not hold
        assert alone.start_utc == pytest.approx(START + 301, abs=0.1)
        assert alone.uncertain_s is None
        first, second = store.parts(AlertRow, alone.uid)
        assert (first.cued, first.muted_by) == (True, None)
        assert (second.cued, second.muted_by) == (False, "strap")
        assert [row.start_t for row in store.parts(SlouchRow, alone.uid)] == pytest.approx([900, 1200], abs=1.0)
        assert store.last_sharp_pain_utc() == pytest.approx(START + 1300, abs=0.1)
        [pain] = store.parts(SharpPainRow, alone.uid)
        assert pain.phase == "alone"
        room = 9000 - 1801 - 601 - 1
        assert unheard.uncertain_s == pytest.approx(room / 2, abs=3)
        assert unheard.start_utc == pytest.approx(START + 1801 + room / 2, abs=5)
    for _ in range(2):
        assert rebuild_database(paths) == (2, [])
        assert dump(paths) == before


def test_nothing_is_lost_when_the_first_recording_is_gone(paths: DataPaths):
    files = [morning(paths), evening(paths)]
    for path in files:
        settle(paths, path)
    before = dump(paths)
    assert prune(paths, 0, None) == (2, pytest.approx(sum(row[5] for row in before["recordings"])))
    after = dump(paths)
    assert all(row[-1] is not None for row in after["recordings"])
    rebuild_database(paths)
    assert dump(paths) == after
    assert {name: rows for name, rows in after.items() if name != "recordings"} == {
        name: rows for name, rows in before.items() if name != "recordings"
    }


def test_only_what_is_in_the_results_is_pruned(paths: DataPaths):
    old, waiting = morning(paths), evening(paths)
    settle(paths, old)
    assert left_over(paths) == [waiting]
    assert prune(paths, 0, 0)[0] == 1
    assert not old.exists()
    assert waiting.exists()
    # one that a link writes, or wrote when it was killed, is not even waiting
    straps = KnownStraps(paths.root / "straps.json")
    straps.put(KnownStrap("AA", "Strap", recording=str(waiting)))
    assert left_over(paths) == []
    settle(paths, waiting)
    assert prune(paths, 0, 0) == (0, 0)
    straps.change("AA", recording="")
    assert prune(paths, 0, 0)[0] == 1


def test_pruning_goes_by_itself_by_age_and_by_size(paths: DataPaths):
    place = ["--data-dir", str(paths.root)]
    assert f"{KEEP_DAYS:g} days" in CliRunner().invoke(unslouch, ["data", "keep", *place]).output
    old, new = morning(paths), evening(paths)
    settle(paths, old)
    assert prune(paths) == (0, 0)
    assert "1 days" in CliRunner().invoke(unslouch, ["data", "keep", "--days", "1", *place]).output
    Settling(paths).begin(new)
    [done] = wait_for_all()
    assert done.failure is None
    assert [round(one.seconds) for one in done.kept] == [1500, 600]
    assert (old.exists(), new.exists()) == (False, False)
    with Store.open(paths) as store:
        assert len(store.sessions()) == 4


def test_the_newest_are_kept_where_size_decides(paths: DataPaths):
    old, new = morning(paths), evening(paths)
    for path in (old, new):
        settle(paths, path)
    assert prune(paths, None, new.stat().st_size + 1)[0] == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_closing_is_quick_and_a_thread_does_the_rest(paths: DataPaths):
    path = evening(paths, closed=False)
    assert not is_tidy(path)
    packets = len(read_packets(path)[0])
    settling = Settling(paths)
    settling.begin(path)
    settling.wait()
    assert settling.failure is None
    assert is_tidy(path)
    assert len(read_packets(path)[0]) == packets
    wait_for_all()


KILLED = """
import signal, sys
from pathlib import Path
from unslouch.cli.settling import settle
from unslouch.live.retention import left_over
from unslouch.store.paths import DataPaths
paths = DataPaths(Path(sys.argv[1]))
# an alarm that nobody catches ends a process as SIGKILL does, and comes by this process's own course
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
for path in left_over(paths):
    settle(paths, path)
print("done", flush=True)
signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_is_taken_up_again(paths: DataPaths):
    morning(paths), evening(paths, closed=False)
    chance = random.Random(1)
    killed = 0
    for trial in range(1, 16):
        moment = chance.uniform(0.001, 0.001 * trial**2.2)  # up to 0.4 s; the first one is always too early
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(paths.root), f"{moment:.6f}"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        killed += done.returncode == -signal.SIGALRM
        for path in paths.recordings.glob("*.mcap"):
            assert len(read_packets(path)[0]) > 100
        if done.stdout == "done\n":
            break
        assert done.returncode == -signal.SIGALRM
    assert killed > 0
    for path in left_over(paths):
        settle(paths, path)
    assert left_over(paths) == []
    before = dump(paths)
    assert len(before["sessions"]) == 4
    rebuild_database(paths)
    assert dump(paths) == before


def test_everything_is_shown_and_deleted(paths: DataPaths):
    settle(paths, morning(paths))
    evening(paths)
    KnownStraps(paths.root / "straps.json").put(KnownStrap("AA", "Unslouch-1"))
    (paths.root / "in-use").mkdir()
    (paths.root / "in-use" / "AA").touch()
    (paths.root / "virtual-radio").mkdir()
    (paths.root / ".rebuild.db-wal").touch()
    place = ["--data-dir", str(paths.root)]
    told = json.loads(CliRunner().invoke(unslouch, ["data", "show", "--json", *place]).output)
    assert (told["recordings"], told["recordings_waiting"], told["sessions"]) == (2, 1, 2)
    assert (told["straps"], told["keep_days"]) == (["Unslouch-1"], KEEP_DAYS)
    text = CliRunner().invoke(unslouch, ["data", "show", *place]).output
    assert "1 not in the results yet" in text
    assert "Unslouch-1" in text
    done = CliRunner().invoke(unslouch, ["data", "forget-me", "--yes", *place])
    assert done.exit_code == 0
    assert not paths.root.exists()


def test_a_recording_without_samples_is_listed_once(paths: DataPaths):
    writer = writer_of(paths, "20260105T090000Z-Strap", START)
    writer.close()
    assert settle(paths, writer.path) == []
    assert left_over(paths) == []
    with Store.open(paths) as store:
        assert [row.uid for row in store.select(RecordingRow)] == [writer.path.name]


@pytest.mark.parametrize("parts", [2, 3])
def test_a_fetch_that_was_broken_off_makes_one_session(parts: int, paths: DataPaths, tmp_path: Path):
    """The log came in pieces, each in a recording of its own: as if it had come at once."""
    block = sat(1500, (600.0, 1250.0), first=1.0)  # a piece ends in the middle of the first slouch
    records = encode_log(block[::5], np.arange(len(block), dtype=np.int64)[::5], 1, 19230, 5, 4)
    edges = [0, *([round(len(records) * 625 / 1500)] if parts > 1 else []), *([300] if parts > 2 else []), len(records)]
    tail = sat(30, first=1600.0)

    def recorded(folder: DataPaths, cuts: list[int]) -> list[tuple[str, float, int]]:
        for k, (a, b) in enumerate(pairwise(cuts)):
            with writer_of(folder, f"2026010{k + 5}T180000Z-Strap", START + 1600 + 40 * k) as writer:
                writer.calibration(0.0, STRAIGHT.to_json())
                logged(writer, records[a:b], START + 1610 + 40 * k)
                part = replace(tail, t=tail.t + 40.0 * k)
                stream(writer, part, 90_000 + 2_000 * k, 4, START)
            settle(folder, writer.path)
        with Store.open(folder) as store:
            rows = store.select(SessionRow)
            return [
                (row.uid, round(row.end_utc or 0, 1), len(store.parts(SlouchRow, row.uid)))
                for row in rows
                if (row.end_utc or 0) - row.start_utc > 60
            ]

    whole = recorded(DataPaths(tmp_path / "whole").make(), [0, len(records)])
    assert [slouches for _, _, slouches in whole] == [2]
    assert recorded(paths, edges) == whole
    before = dump(paths)
    assert rebuild_database(paths) == (parts, [])
    assert dump(paths) == before
    first = min(paths.recordings.glob("*.mcap"))
    with Store.open(paths) as store:
        row = next(one for one in store.select(RecordingRow) if one.uid == first.name)
        store.put(replace(row, pruned_utc=1.0))
    first.unlink()
    before = dump(paths)
    rebuild_database(paths)
    assert dump(paths)["sessions"] == before["sessions"]
    assert dump(paths)["slouches"] == before["slouches"]


@pytest.mark.parametrize("live", [True, False])
def test_what_the_straps_button_told_is_kept_once(live: bool, paths: DataPaths):
    """Pressed in a session that was live between two outages; the log of the next day tells it all again."""
    block = sat(900)
    out = (block.t >= 200) & (block.t < 700)
    told = [(EventCode.SHARP_PAIN, 320.0), (EventCode.MARKER, 330.0), (EventCode.COMPANION_MARKER, 350.0)]
    alone = [(EventCode.SHARP_PAIN, 500.0), (EventCode.MARKER, 326.0)]
    with Store.open(paths) as store, writer_of(paths, "20260105T090000Z-Strap", START) as writer:
        writer.calibration(0.0, STRAIGHT.to_json())
        stream(writer, block[~out][: 199 * 52], 0, 4, START)
        if live:
            desk = SessionStart(SessionKind.DESK, Source.LIVE, 1.0, START + 1, 0.0, strap="Strap")
            log = SessionLog(store, replace(desk, recording=writer.path.name), journal=writer.result)
            log.save(SharpPainRow(320.1, "desk"), MarkerRow(330.0, "button"), MarkerRow(349.6, "tea"))
            log.end(899.0, Outcome.ENDED)
    settle(paths, writer.path)
    with writer_of(paths, "20260106T090000Z-Strap", START + 86400) as later:
        later.calibration(0.0, STRAIGHT.to_json())
        seq = np.arange(len(block), dtype=np.int64)[out]
        records = encode_log(block[out][::5], seq[::5], 1, 19230, 5, 4)
        for code, t in (*told, *alone):
            event = StrapEvent(code, 0, len(records) + 1, 4, round(t * 52), round(t * 1e6), 0.0)
            records.append(encode_event(event))
        stream(later, block[block.t > 880], 880 * 52, 4, START)
        logged(later, records, START + 890)
    settle(paths, later.path)
    before = dump(paths)
    with Store.open(paths) as store:
        [synced] = store.select(SessionRow, "source = 'synced'")
        pain = [round(row.t) for row in store.parts(SharpPainRow, synced.uid)]
        marks = [round(row.t) for row in store.parts(MarkerRow, synced.uid)]
        assert (pain, marks) == (([500], [326]) if live else ([320, 500], [326, 330, 350]))
    assert len(before["sharp_pain"]) == 2
    for _ in range(2):
        rebuild_database(paths)
        assert dump(paths) == before
