"""CSV in and out: strict, and one sentence for what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unslouch.errors import FileError, Reason
from unslouch.recording.csv_format import read_csv, write_csv
from unslouch.recording.model import Format, NoticeKind
from unslouch.recording.reader import read_recording
from unslouch.wire.layout import Content
from unslouch_signal.samples import SampleBlock, samples

RAW = "t,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z"
QUAT = "t,quat_w,quat_x,quat_y,quat_z"


def moving(n: int = 2000, rate: float = 52.0) -> SampleBlock:
    """Somebody who bows slowly, with a little noise."""
    rng = np.random.default_rng(2)
    t = np.arange(n) / rate
    bend = 0.4 * np.sin(0.8 * t)
    quat = np.stack([np.cos(bend / 2), 0 * t, np.sin(bend / 2), 0 * t], axis=1)
    acc = np.stack([-9.81 * np.sin(bend), 0 * t, 9.81 * np.cos(bend)], axis=1) + rng.normal(0, 0.03, (n, 3))
    gyr = np.stack([0 * t, 0.32 * np.cos(0.8 * t), 0 * t], axis=1) + rng.normal(0, 0.003, (n, 3))
    return samples(t, quat, acc, gyr)


def write(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def scaled(block: SampleBlock, acc: float = 1.0, gyr: float = 1.0, t: float = 1.0) -> SampleBlock:
    assert block.acc is not None
    assert block.gyr is not None
    return SampleBlock(block.t * t, block.quat, block.acc * acc, block.gyr * gyr, block.flags)


@pytest.mark.parametrize("what", ["raw", "quat", "fused", "all"])
def test_what_is_written_is_read(tmp_path: Path, what: str) -> None:
    full = moving()
    block = SampleBlock(
        full.t,
        None if what == "raw" else full.quat,
        None if what == "quat" else full.acc,
        full.gyr if what in ("raw", "all") else None,
        full.flags,
    )
    path = tmp_path / "a.csv"
    write_csv(path, block)
    got = read_recording(path)
    assert got.format is Format.CSV
    assert (
        got.content
        == {
            "raw": Content.RAW,
            "quat": Content.ORIENTATION,
            "fused": Content.FUSED,
            "all": Content.FUSED_GYRO,
        }[what]
    )
    np.testing.assert_allclose(got.samples.t, block.t, atol=6e-7)
    for name, digits in (("quat", 1e-7), ("acc", 6e-6), ("gyr", 6e-7)):
        want, have = getattr(block, name), getattr(got.samples, name)
        assert (want is None) == (have is None)
        if want is not None:
            np.testing.assert_allclose(have, want, atol=digits)
    assert got.notices == ()
    assert got.rate_hz == pytest.approx(52, rel=1e-3)


def test_flags_go_along(tmp_path: Path) -> None:
    block = moving(50)
    flags = (np.arange(50) % 128).astype(np.uint8)
    write_csv(tmp_path / "a.csv", SampleBlock(block.t, block.quat, None, None, flags))
    assert read_csv(tmp_path / "a.csv").samples.flags.tolist() == flags.tolist()
    path = write(tmp_path / "b.csv", QUAT + ",flags", "0,1,0,0,0,0", "1,1,0,0,0,128")
    with pytest.raises(
        FileError, match=r"line 3, column flags: a whole number 0\.\.127 was expected, but there is 128"
    ):
        read_csv(path)


def test_columns_may_stand_in_any_order_with_windows_lines_and_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfquat_z, t ,quat_w,quat_y,quat_x\r\n0.6,1.5,0.8,0,0\r\n0,1.52,0.6,0,0.8\r\n")
    block = read_csv(path).samples
    assert block.t.tolist() == [1.5, 1.52]
    np.testing.assert_allclose(block.quat, [[0.8, 0, 0, 0.6], [0.6, 0.8, 0, 0]])  # type: ignore[arg-type]


def test_a_file_without_a_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(QUAT + "\n0,1,0,0,0\n0.02,1,0,0,0")
    assert len(read_csv(path).samples) == 2


G = "9.81"
BAD_FILES = {
    "nothing": ("", [], "line 1: column names were expected, but the line is empty"),
    "no header": ("0,1,0,0,0", ["0.02,1,0,0,0"], "line 1: column names were expected, but there are numbers"),
    "unknown column": ("t,quat_w,foo", [], "line 1, column 3: 'foo' is no known column"),
    "twice": ("t,t", [], "line 1, column 2: 't' is there twice"),
    "no t": ("quat_w,quat_x,quat_y,quat_z", [], "line 1: the column t is missing"),
    "incomplete": ("t,acc_x,acc_z,gyr_x,gyr_y,gyr_z", [], "line 1: the column acc_y is missing"),
    "acceleration alone": ("t,acc_x,acc_y,acc_z", [], "line 1: neither orientation nor acceleration and angular rate"),
    "semicolons": ("t;quat_w", [], "line 1: columns are separated by commas"),
    "no samples": (QUAT, [], "line 2: a sample was expected, but the file ends here"),
    "too few": (QUAT, ["0,1,0,0,0", "0.02,1,0,0"], "line 3: 5 values were expected, but there are 4"),
    "too many": (QUAT, ["0,1,0,0,0,7"], "line 2: 5 values were expected, but there are 6"),
    "text": (
        QUAT,
        ["0,1,0,0,0", "0.02,1,zero,0,0"],
        "line 3, column quat_x: a number was expected, but there is 'zero'",
    ),
    "empty cell": (QUAT, ["0,1,0,,0"], "line 2, column quat_y: a number was expected, but there is nothing"),
    "empty line": (QUAT, ["0,1,0,0,0", "", "1,1,0,0,0"], "line 3: a sample was expected, but the line is empty"),
    "comment": (QUAT, ["# hello", "0,1,0,0,0"], "line 2: 5 values were expected, but there are 1"),
    "nan value": (QUAT, ["0,1,0,0,0", "0.02,1,nan,0,0"], "line 3, column quat_x: a finite number was expected"),
    "infinite": (QUAT, ["0,1,0,inf,0"], "line 2, column quat_y: a finite number was expected"),
    "nan time": (QUAT, ["0,1,0,0,0", "nan,1,0,0,0"], "line 3, column t: a finite number was expected"),
    "repeated": (QUAT, ["0,1,0,0,0", "0.02,1,0,0,0", "0.02,1,0,0,0"], "line 4, column t: time repeats"),
    "backward": (QUAT, ["0,1,0,0,0", "0.02,1,0,0,0", "0.01,1,0,0,0"], "line 4, column t: time runs backward"),
    "norm": (QUAT, ["0,1,0,0,0", "0.02,0.9,0,0,0"], "line 3, columns quat_*: a unit quaternion was expected"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_one_sentence(tmp_path: Path, name: str) -> None:
    header, rows, words = BAD_FILES[name]
    path = write(tmp_path / "bad.csv", header, *rows)
    with pytest.raises(FileError) as caught:
        read_csv(path)
    assert caught.value.reason is Reason.BAD_FILE
    assert words in caught.value.message
    assert caught.value.message.startswith(str(path))
    assert "\n" not in str(caught.value)


def test_many_bad_times_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", QUAT, *(f"{t},1,0,0,0" for t in (0, 1, 1, 2, 2, 3, 3)))
    with pytest.raises(FileError, match=r"line 4, column t: time repeats.*\(3 such places\)"):
        read_csv(path)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="There is no file"):
        read_csv(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes("t,quat_w".encode("utf-16"))
    with pytest.raises(FileError, match="no CSV file in plain text"):
        read_csv(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("factors", "unit", "words"),
    [
        ({"acc": 1 / 9.80665}, "g", "columns acc_*: m/s^2 were expected"),
        ({"acc": 1000 / 9.80665}, "mg", "columns acc_*: m/s^2 were expected"),
        ({"gyr": 180 / np.pi}, "deg/s", "columns gyr_*: rad/s were expected"),
        ({"t": 1e3}, "ms", "column t: seconds were expected"),
        ({"t": 1e6}, "us", "column t: seconds were expected"),
    ],
)
def test_other_units_are_named_and_converted_when_asked(
    tmp_path: Path, factors: dict[str, float], unit: str, words: str
) -> None:
    block = moving()
    path = tmp_path / "a.csv"
    write_csv(path, scaled(block, **factors))
    with pytest.raises(FileError) as caught:
        read_csv(path)
    assert words in caught.value.message
    assert f"--units {unit}" in caught.value.advice
    got = read_csv(path, [unit])
    np.testing.assert_allclose(got.samples.acc, block.acc, atol=1e-3)  # type: ignore[arg-type]
    np.testing.assert_allclose(got.samples.gyr, block.gyr, atol=1e-5)  # type: ignore[arg-type]
    np.testing.assert_allclose(got.samples.t, block.t, atol=1e-5)
    assert [n.kind for n in got.notices] == [NoticeKind.UNIT]
    assert unit in got.notices[0].message


def test_slow_movement_in_degrees_is_noticed_too(tmp_path: Path) -> None:
    """Well within what a gyroscope in rad/s could show: only gravity tells."""
    block = moving()
    assert block.gyr is not None
    slow = scaled(block, gyr=180 / np.pi)
    assert slow.gyr is not None
    assert np.abs(slow.gyr).max() < 25
    write_csv(tmp_path / "a.csv", slow)
    with pytest.raises(FileError, match="gravity turns far less than it says"):
        read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_right_units_with_a_bad_scale_pass(tmp_path: Path, factor: float) -> None:
    write_csv(tmp_path / "a.csv", scaled(moving(), acc=min(factor, 1.3), gyr=factor))
    assert read_csv(tmp_path / "a.csv").notices == ()


def test_a_constant_bias_alone_is_not_taken_for_degrees(tmp_path: Path) -> None:
    block = moving()
    assert block.gyr is not None
    rng = np.random.default_rng(1)
    still = samples(
        block.t, None, np.tile([0.0, 0, 9.81], (2000, 1)), np.full((2000, 3), 0.08) + rng.normal(0, 0.01, (2000, 3))
    )
    write_csv(tmp_path / "a.csv", still)
    assert read_csv(tmp_path / "a.csv").notices == ()


def test_units_must_be_known(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", moving(10))
    with pytest.raises(FileError, match="'miles' is not known"):
        read_csv(tmp_path / "a.csv", ["miles"])
    with pytest.raises(FileError, match="Two units were given for acc"):
        read_csv(tmp_path / "a.csv", ["g", "mg"])


def test_missing_time_stamps_are_named(tmp_path: Path) -> None:
    block = moving()
    keep = np.r_[0:500, 552:1000, 1001:2000]
    holed = SampleBlock(block.t[keep], block.quat[keep], None, None, block.flags[keep])  # type: ignore[index]
    write_csv(tmp_path / "a.csv", holed)
    (notice,) = read_csv(tmp_path / "a.csv").notices
    assert notice.kind is NoticeKind.MISSING
    assert "2 places, about 53 samples; the longest gap is 1.02 s" in notice.message


def test_uneven_time_stamps_are_named(tmp_path: Path) -> None:
    block = moving()
    rng = np.random.default_rng(0)
    uneven = SampleBlock(block.t + rng.uniform(-3e-3, 3e-3, 2000), block.quat, None, None, block.flags)
    write_csv(tmp_path / "a.csv", uneven)
    (notice,) = read_csv(tmp_path / "a.csv").notices
    assert notice.kind is NoticeKind.JITTER
    assert "at 52" in notice.message


def test_units_for_an_mcap_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="units can be given"):
        read_recording(tmp_path / "a.mcap", ("g",))
