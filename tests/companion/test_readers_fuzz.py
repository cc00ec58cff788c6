"""Whatever the bytes: a reader gives a recording or one sentence, and what it gives can be analysed and printed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unslouch.errors import UnslouchError
from unslouch.recording.convert import write_mcap
from unslouch.recording.csv_format import read_csv
from unslouch.recording.model import Format, Recording
from unslouch.recording.reader import read_recording
from unslouch.report.draw import Pen
from unslouch.report.judge import Settled, calibration_from, outcome
from unslouch.report.page import Style
from unslouch.wire.layout import Content
from unslouch_signal.calibration import Calibration
from unslouch_signal.samples import samples

STYLE = Style(80, Pen(ascii=True), False)
ACC, GYR, QUAT = ["acc_x", "acc_y", "acc_z"], ["gyr_x", "gyr_y", "gyr_z"], ["quat_w", "quat_x", "quat_y", "quat_z"]
HEADERS = [["t", *ACC, *GYR], ["t", *QUAT], ["t", *ACC, *QUAT], ["quat_z", "t", *QUAT[:3], *GYR, *ACC, "flags"]]
USUAL = {"quat_w": "1", "acc_z": "9.8", **dict.fromkeys(GYR, "0.01")}
CELLS = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**400), 10**400).map(str),
    st.text(max_size=4),
    st.sampled_from(["", "1e999", "0x1", "1_0", "-", "1e308", "1d3", "+1", "1.", ".5", " 1 ", '"1"', "1e-400", "\x00"]),
)
within = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def judged(path: Path) -> None:
    found = outcome(path, Settled(), STYLE)
    if found.failure is None:
        json.dumps(found.report, allow_nan=False)
    else:
        assert found.failure.message
        assert "\n" not in found.failure.message


@settings(within, max_examples=150)
@given(
    header=st.sampled_from(HEADERS),
    lines=st.integers(0, 12),
    wrong=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), CELLS), max_size=3),
    ending=st.sampled_from(["\n", "\r\n"]),
    last=st.sampled_from(["", "\n", "\n\n"]),
)
def test_a_csv_with_wrong_cells(
    tmp_path: Path, header: list[str], lines: int, wrong: list[tuple[int, int, str]], ending: str, last: str
) -> None:
    rows = [[repr(0.02 * i) if name == "t" else USUAL.get(name, "0") for name in header] for i in range(lines)]
    for row, column, cell in wrong if lines else []:
        rows[row % lines][column % len(header)] = cell
    text = ending.join(",".join(row) for row in [header, *rows]) + last
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    judged(path)


@settings(within, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    for name in ("a.csv", "a.mcap", "a.json"):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UnslouchError):
            calibration_from(path) if name == "a.json" else read_recording(path)


@cache
def recorded() -> bytes:
    from tempfile import TemporaryDirectory

    t = np.arange(300) / 52.0
    bend = 0.4 * np.sin(t)
    quat = np.stack([np.cos(bend / 2), 0 * t, np.sin(bend / 2), 0 * t], axis=1)
    acc = np.stack([-9.81 * np.sin(bend), 0 * t, 9.81 * np.cos(bend)], axis=1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mcap"
        write_mcap(Recording(path, Format.CSV, Content.FUSED, samples(t, quat, acc)), path)
        return path.read_bytes()


@settings(within, max_examples=100)
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=30)), max_size=3),
    st.floats(0.0, 1.0),
)
def test_a_damaged_or_cut_mcap(tmp_path: Path, damage: list[tuple[float, bytes]], kept: float) -> None:
    data = bytearray(recorded())
    for share, other in damage:
        at = int(share * len(data))
        data[at : at + len(other)] = other
    path = tmp_path / "a.mcap"
    path.write_bytes(data[: round(kept * len(data))])
    judged(path)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)
GOOD = {"version": 1, "mount": [1, 0, 0, 0], "forward_known": True, "method": "bows", "quality": 1.0, "reasons": []}


@settings(within, max_examples=200)
@given(st.one_of(JSON, st.dictionaries(st.sampled_from(list(GOOD)), JSON).map(lambda wrong: {**GOOD, **wrong})))
def test_a_calibration_of_any_json(value: object) -> None:
    text, refusal, found = json.dumps(value), "", None
    try:
        found = Calibration.from_json(text)
    except ValueError as error:
        refusal = str(error)
    if found is None:
        assert 10 < len(refusal) < 200
    else:
        assert Calibration.from_json(found.to_json()) == found


def test_the_usual_cells_are_right(tmp_path: Path) -> None:
    """What the fuzz starts from is a file that is read."""
    for header in HEADERS:
        rows = [[repr(0.02 * i) if name == "t" else USUAL.get(name, "0") for name in header] for i in range(12)]
        (tmp_path / "a.csv").write_text("\n".join(",".join(row) for row in [header, *rows]))
        assert len(read_csv(tmp_path / "a.csv").samples) == 12
    (tmp_path / "a.mcap").write_bytes(recorded())
    assert len(read_recording(tmp_path / "a.mcap").samples) == 300
