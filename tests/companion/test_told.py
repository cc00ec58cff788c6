"""What a person told with the strap's button is in the store whether a session ran or not, once, and is made again."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from unslouch.cli.main import unslouch
from unslouch.cli.rebuild import rebuild_database
from unslouch.cli.settling import settle
from unslouch.live.retention import prune
from unslouch.recording.writer import RecordingWriter
from unslouch.store.log import SessionLog, SessionStart
from unslouch.store.paths import DataPaths
from unslouch.store.rows import MarkerRow, Outcome, PressRow, SessionKind, SharpPainRow, Source
from unslouch.store.store import Store
from unslouch.store.told import told
from unslouch.wire.encode import encode_event, encode_log, encode_stream, encode_time, fragment
from unslouch.wire.records import EventCode, StrapEvent, TimeRecord
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal.samples import SampleBlock, samples

START = float(int(time.time())) - 2 * 86400
"""UTC of the zero of boot 4's clock."""
RATE_HZ = 52
SHARP, MARK = EventCode.SHARP_PAIN, EventCode.MARKER


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data").make()


def still(seconds: float, first: float) -> SampleBlock:
    t = first + np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return samples(t, np.tile([1.0, 0, 0, 0], (len(t), 1)), np.tile([0, 0, 9.81], (len(t), 1)))


def writer_of(paths: DataPaths, name: str, utc: float) -> RecordingWriter:
    info = SourceInfo(SourceKind.STRAP, "Strap", "AA", (("serial", "S1"),))
    return RecordingWriter(paths.recordings / f"{name}.mcap", info, utc, tidy=False)


def stream(writer: RecordingWriter, block: SampleBlock, boot: int = 4, zero: float = START) -> None:
    """Samples as they come; their numbers are their times."""
    seq = np.round(block.t * RATE_HZ).astype(np.int64)
    for one in encode_stream(block, seq, boot, 18, 2_500):
        writer.write(Packet(zero + one.t_us * 1e-6 + 0.02, Channel.STREAM, one.data))


def press(code: EventCode, t: float, number: int, boot: int = 4) -> StrapEvent:
    return StrapEvent(code, 0, number, boot, max(round(t * RATE_HZ), 0), round(t * 1e6), 0.0)


def logged(writer: RecordingWriter, records: list[bytes], utc: float) -> None:
    for record in records:
        at = {0x18: 3, 0x16: 4, 0x19: 2}[record[0]]
        for part in fragment(record, int.from_bytes(record[at : at + 4], "little")):
            writer.write(Packet(utc, Channel.LOG, part))


def recorded(paths: DataPaths, name: str, presses: list[StrapEvent], first: float = 1.0, seconds: float = 60) -> Path:
    """A stream with nobody but `unslouch record` at it; each press is told when it happens."""
    with writer_of(paths, name, START + first) as writer:
        stream(writer, still(seconds / 2, first))
        for one in presses:
            logged(writer, [encode_event(one)], START + one.t_us * 1e-6 + 0.1)
        stream(writer, still(seconds / 2, first + seconds / 2))
    return writer.path


def dump(paths: DataPaths) -> dict[str, list[tuple[object, ...]]]:
    with Store.open(paths) as store:
        return store.dump()  # type: ignore[return-value]


def all_told(paths: DataPaths) -> list[tuple[float, bool, str]]:
    with Store.open(paths) as store:
        return [(round(one.utc - START, 1), one.sharp, one.words) for one in told(store)]


def assert_made_again(paths: DataPaths) -> None:
    before = dump(paths)
    for _ in range(2):
        assert rebuild_database(paths)[1] == []
        assert dump(paths) == before


def call(paths: DataPaths, *args: str) -> Result:
    result = CliRunner().invoke(unslouch, [*args, "--data-dir", str(paths.root)])
    assert result.exit_code == 0, result.output
    return result


def test_a_press_while_recording_is_in_progress_with_its_time(paths: DataPaths) -> None:
    path = recorded(paths, "20260105T090000Z-Strap", [press(MARK, 30.2, 1), press(SHARP, 31.0, 2)])
    assert settle(paths, path) == []
    with Store.open(paths) as store:
        assert store.sessions() == []
        mark, sharp = store.select(PressRow, order="t_us")
        assert (mark.strap, mark.boot, mark.t_us, mark.sharp) == ("S1", 4, 30_200_000, False)
        assert mark.utc == pytest.approx(START + 30.2, abs=0.1)
        assert (sharp.sharp, sharp.uncertain_s) == (True, None)
        # the coach asks about it before the next session
        assert store.last_sharp_pain_utc() == sharp.utc
    page = call(paths, "progress").output
    value = json.loads(call(paths, "progress", "--json").output)
    first, second = value["told"]
    assert (first["kind"], second["kind"], first["uncertain"]) == ("marker", "sharp_pain", False)
    moment = datetime.fromisoformat(second["time"])
    assert moment.astimezone(UTC).timestamp() == pytest.approx(START + 31.0, abs=1.2)
    assert f"  {moment:%d %b %H:%M} sharp pain" in page.splitlines()
    assert_made_again(paths)
    assert prune(paths, 0)[0] == 1
    assert len(all_told(paths)) == 2
    assert_made_again(paths)


def test_what_the_log_tells_again_is_told_once(paths: DataPaths) -> None:
    """Recorded in the morning; in the evening the log tells of the morning too, and of a press while nothing ran."""
    recorded(paths, "20260105T090000Z-Strap", [press(MARK, 30.2, 1)])
    alone = still(600, 61.0)
    seq = np.round(alone.t * RATE_HZ).astype(np.int64)
    records = encode_log(alone[::5], seq[::5], 10, 19230, 5, 4)
    events = [press(MARK, 30.2, 1), press(SHARP, 300.0, 500), press(MARK, 690.0, 501)]
    records += [encode_event(one) for one in events]  # the last one when the strap lay on its charger
    with writer_of(paths, "20260105T180000Z-Strap", START + 700) as evening:
        stream(evening, still(20, 700.0))
        logged(evening, records, START + 705)
    for path in sorted(paths.recordings.glob("*.mcap")):
        settle(paths, path)
    assert all_told(paths) == [(30.2, False, ""), (300.0, True, "alone"), (690.0, False, "")]
    with Store.open(paths) as store:
        assert [row.recording[:13] for row in store.select(PressRow, order="t_us")] == [
            "20260105T0900",
            "20260105T1800",
            "20260105T1800",
        ]
    before = dump(paths)
    for path in sorted(paths.recordings.glob("*.mcap"), reverse=True):
        settle(paths, path)  # in whatever order, again it changes nothing
        assert dump(paths) == before
    assert_made_again(paths)


def test_a_press_that_a_session_kept_is_told_with_its_words(paths: DataPaths) -> None:
    path = recorded(paths, "20260105T090000Z-Strap", [press(SHARP, 20.0, 1), press(MARK, 40.0, 2)])
    start = SessionStart(SessionKind.DESK, Source.LIVE, 1.0, START + 1, 0.0, recording=path.name, strap="Strap")
    with Store.open(paths) as store:
        log = SessionLog(store, start)
        # by the live clock's fit, which is not the recording's to the last digit
        log.save(SharpPainRow(21.5, "desk"), MarkerRow(30.0, "tea"), MarkerRow(39.0, "button"), MarkerRow(45.0, "mark"))
        log.end(60.0, Outcome.ENDED)
    settle(paths, path)
    assert all_told(paths) == [(21.5, True, "desk"), (30.0, False, "tea"), (39.0, False, ""), (45.0, False, "")]
    with Store.open(paths) as store:
        assert len(store.select(PressRow)) == 2
        log = SessionLog(store, replace(start, source=Source.REPLAY, recording="seen again"))
        log.save(MarkerRow(50.0, "seen"))
        SessionLog(store, replace(start, person="demo", recording="simulated")).save(SharpPainRow(50.0, "desk"))
        assert len(told(store)) == 4
        assert [one.words for one in told(store, "demo")] == ["desk"]
        store.forget("me")
        assert (told(store), store.select(PressRow)) == ([], [])


def test_presses_that_cannot_be_are_left_out(paths: DataPaths) -> None:
    events = [
        press(MARK, 30.0, 1),
        press(MARK, 60.0, 2),  # told half a minute before it happened
        replace(press(SHARP, 1.0, 3), t_us=2**48 - 1),
        press(SHARP, 5.0, 4, boot=9),  # of a boot that nothing dates
        replace(press(MARK, 31.0, 5), code=EventCode.CUE),
    ]
    with writer_of(paths, "20260105T090000Z-Strap", START + 1) as writer:
        stream(writer, still(40, 1.0))
        logged(writer, [encode_event(one) for one in events], START + 31.0)
    settle(paths, writer.path)
    assert all_told(paths) == [(30.0, False, "")]


def test_a_press_is_kept_also_where_no_samples_came(paths: DataPaths) -> None:
    """Pressed while it lay beside the bed; at the evening's connection the strap still rests, and streams nothing."""
    settle(paths, recorded(paths, "20260105T090000Z-Strap", []))
    with writer_of(paths, "20260105T180000Z-Strap", START + 900) as evening:
        logged(evening, [encode_event(press(SHARP, 500.0, 7))], START + 901)
    settle(paths, evening.path)
    assert all_told(paths) == [(500.0, True, "")]
    assert_made_again(paths)


def test_an_uncertain_time_is_said_to_be_so(paths: DataPaths) -> None:
    recorded(paths, "20260105T090000Z-Strap", [])
    with writer_of(paths, "20260105T180000Z-Strap", START + 9000) as evening:
        unheard = still(30, 1.0)
        records = encode_log(unheard[::5], np.arange(len(unheard), dtype=np.int64)[::5], 1, 19230, 5, 5)
        records.append(encode_event(press(MARK, 10.0, 90, boot=5)))
        records.append(encode_time(TimeRecord(91, 6, 0, 0, int((START + 8990) * 1e6))))
        stream(evening, still(20, 1.0), 6, START + 8999)
        logged(evening, records, START + 9010)
    for path in sorted(paths.recordings.glob("*.mcap")):
        settle(paths, path)
    with Store.open(paths) as store:
        [one] = told(store)
    assert one.uncertain_s is not None
    assert 4000 < one.uncertain_s < 5000
    assert "the time may be wrong" in call(paths, "progress").output
    assert_made_again(paths)
