"""Recordings written for other programs."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import mcap.reader
import numpy as np
import pytest

from unslouch.errors import FileError, Reason, UnslouchError
from unslouch.recording.export import ExportFormat, export
from unslouch.recording.model import Recording
from unslouch.recording.reader import read_recording
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.encode import encode_stream
from unslouch.wire.source import Channel, Packet, SourceInfo, SourceKind
from unslouch_signal import quaternion
from unslouch_signal.samples import samples


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    rng = np.random.default_rng(0)
    n = 300
    quat = rng.normal(size=(n, 4))
    quat /= np.linalg.norm(quat, axis=1)[:, None]
    block = samples(
        5 + np.arange(n) / 52,
        quat,
        rng.normal(0, 1, (n, 3)) + 9.8 * quaternion.up_in_sensor(quat),
        flags=np.where(np.arange(n) < 100, 1, 0).astype(np.uint8),
    )
    path = tmp_path / "in.mcap"
    with RecordingWriter(path, SourceInfo(SourceKind.STRAP, "Unslouch-00AA"), 1.8e9) as writer:
        for e in encode_stream(block, np.arange(n)):
            writer.write(Packet(1.8e9 + e.t_us * 1e-6, Channel.STREAM, e.data))
        writer.mark(6.0, "here")
    return read_recording(path)


def test_csv(recording: Recording, tmp_path: Path) -> None:
    export(recording, tmp_path / "o.csv", ExportFormat.CSV)
    lines = (tmp_path / "o.csv").read_text().splitlines()
    assert lines[0] == "t,acc_x,acc_y,acc_z,quat_w,quat_x,quat_y,quat_z,flags"
    assert len(lines) == 301
    block = recording.samples
    assert block.acc is not None
    assert block.quat is not None
    first = [float(v) for v in lines[1].split(",")]
    np.testing.assert_allclose(first, [block.t[0], *block.acc[0], *block.quat[0], 1], atol=6e-6)
    assert lines[-1].endswith(",0")


def test_json_lines(recording: Recording, tmp_path: Path) -> None:
    export(recording, tmp_path / "o.jsonl", ExportFormat.JSON)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert lines[0]["recording"]["samples"] == 300
    assert lines[0]["recording"]["device"]["name"] == "Unslouch-00AA"
    assert lines[0]["recording"]["markers"] == [{"t": 6.0, "label": "here"}]
    assert lines[0]["recording"]["rate_hz"] == pytest.approx(52, abs=0.1)
    assert len(lines) == 301
    block = recording.samples
    assert block.quat is not None
    assert block.acc is not None
    for i in (0, 150, 299):
        row = lines[i + 1]
        np.testing.assert_allclose([row[f"quat_{c}"] for c in "wxyz"], block.quat[i], atol=1e-7)
        np.testing.assert_allclose([row[f"acc_{c}"] for c in "xyz"], block.acc[i], atol=6e-6)
        assert row.get("flags", 0) == block.flags[i]
    assert "flags" not in lines[-1]


def test_parquet(recording: Recording, tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    export(recording, tmp_path / "o.parquet", ExportFormat.PARQUET)
    table = parquet.read_table(tmp_path / "o.parquet")
    assert table.column_names == ["t", "acc_x", "acc_y", "acc_z", "quat_w", "quat_x", "quat_y", "quat_z", "flags"]
    block = recording.samples
    assert block.quat is not None
    assert np.array_equal(table["t"].to_numpy(), block.t)
    assert np.array_equal(table["quat_y"].to_numpy(), block.quat[:, 2])
    assert json.loads(table.schema.metadata[b"unslouch"])["content"] == "fused"


def test_parquet_without_pyarrow_says_what_to_install(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnslouchError) as caught:
        export(recording, tmp_path / "o.parquet", ExportFormat.PARQUET)
    assert caught.value.reason is Reason.MISSING_EXTRA
    assert "unslouch[parquet]" in caught.value.advice
    assert list(tmp_path.glob("*o.parquet*")) == []


@pytest.mark.parametrize("through_csv", [False, True])
def test_foxglove(recording: Recording, tmp_path: Path, through_csv: bool) -> None:
    if through_csv:
        export(recording, tmp_path / "o.csv", ExportFormat.CSV)
        recording = read_recording(tmp_path / "o.csv")
    export(recording, tmp_path / "o.mcap", ExportFormat.FOXGLOVE)
    with (tmp_path / "o.mcap").open("rb") as file:
        topics = {channel.topic for _, channel, _ in mcap.reader.make_reader(file, validate_crcs=True).iter_messages()}
    assert {"/orientation", "/angles", "/strap/stream"} <= topics
    again = read_recording(tmp_path / "o.mcap")
    np.testing.assert_allclose(again.samples.t, recording.samples.t, atol=2e-5)
    assert again.samples.flags.tolist() == recording.samples.flags.tolist()


@pytest.mark.parametrize("form", list(ExportFormat))
def test_nothing_is_overwritten_and_nothing_is_left_half_done(
    recording: Recording, tmp_path: Path, form: ExportFormat
) -> None:
    path = tmp_path / "there"
    path.write_text("precious")
    with pytest.raises(FileError, match="exists already"):
        export(recording, path, form)
    assert path.read_text() == "precious"
    with pytest.raises(FileError, match="cannot be written"):
        export(recording, tmp_path / "no" / "folder", form)
