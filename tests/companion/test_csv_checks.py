"""A CSV whose numbers cannot be is refused with the mend; real sensors' habits (jitter, loss, any mounting) are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unslouch.errors import FileError
from unslouch.recording.csv_checks import CsvChecks, check_axes
from unslouch.recording.csv_format import read_csv, write_csv
from unslouch.recording.model import NoticeKind
from unslouch.report.draw import Pen
from unslouch.report.judge import Settled, outcome
from unslouch.report.page import Style
from unslouch_signal.samples import SampleBlock
from unslouch_signal.synth import WORST, scenarios, simulate


@pytest.fixture(scope="module")
def worn() -> SampleBlock:
    """Acceleration, rate and orientation of one who bows and turns; the sensor sits somehow."""
    took = simulate(scenarios.seated_set(1, 3), WORST, seed=3)
    assert took.block_fused is not None
    return replace(took.block_fused, gyr=took.block_raw.gyr)


def refused(tmp_path: Path, block: SampleBlock) -> FileError:
    write_csv(tmp_path / "a.csv", block)
    with pytest.raises(FileError) as caught:
        read_csv(tmp_path / "a.csv")
    return caught.value


def times(block: SampleBlock, acc: object = 1.0, gyr: object = 1.0) -> SampleBlock:
    assert block.acc is not None
    assert block.gyr is not None
    return SampleBlock(block.t, None, block.acc * np.asarray(acc), block.gyr * np.asarray(gyr), block.flags)


def test_a_mirrored_gyroscope_is_refused(tmp_path: Path, worn: SampleBlock) -> None:
    error = refused(tmp_path, times(worn, gyr=-1.0))
    assert "the other way than gravity does" in error.message
    assert "negate all three of gyr" in error.advice


@pytest.mark.parametrize("axis", range(3))
def test_one_mirrored_axis_is_named(tmp_path: Path, axis: int) -> None:
    took = simulate(scenarios.seated_set(1, 2), WORST, seed=2, fused=False).block_raw
    sign = np.ones(3)
    sign[axis] = -1.0
    error = refused(tmp_path, times(took, gyr=sign))
    assert f"column gyr_{'xyz'[axis]}: turns the other way" in error.message
    assert error.advice.endswith(f"negate gyr_{'xyz'[axis]}.")
    error = refused(tmp_path, times(took, acc=sign))
    assert error.advice.endswith(f", or acc_{'xyz'[axis]}.")


@pytest.mark.parametrize("mounted", [np.array([1.0, 0, 0, 0]), None], ids=["straight", "somehow"])
@pytest.mark.parametrize("what", ["seated_set", "supine_set", "walking", "bad_day", "extension_and_doorway"])
def test_right_axes_pass_where_nothing_turns_about_one_of_them(what: str, mounted: np.ndarray | None) -> None:
    """A sensor that sits straight has an axis along the spine, of which gravity tells next to nothing."""
    for seed in range(2):
        took = simulate(getattr(scenarios, what)(seed=seed), WORST, mounting=mounted, seed=seed, fused=False).block_raw
        check_axes(Path("a.csv"), took.t, took.acc, took.gyr, CsvChecks())


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (lambda q: q * [1, -1, -1, -1], "from earth to sensor: negate"),
        (lambda q: q[:, [1, 2, 3, 0]], "order x, y, z, w: name"),
        (lambda q: np.stack([-q[:, 1], q[:, 0], -q[:, 3], q[:, 2]], axis=1), "z axis must point up"),
    ],
    ids=["conjugate", "w last", "z down"],
)
def test_orientation_against_acceleration(tmp_path: Path, worn: SampleBlock, made, advice: str) -> None:  # type: ignore[no-untyped-def]
    write_csv(tmp_path / "right.csv", worn)
    read_csv(tmp_path / "right.csv")
    error = refused(tmp_path, replace(worn, quat=made(worn.quat)))
    assert "disagree with acc_* about where up is" in error.message
    assert advice in error.advice


def test_values_no_sensor_gives(tmp_path: Path, worn: SampleBlock) -> None:
    block = times(worn)
    assert block.acc is not None
    block.acc[98, 1] = 1100.0
    error = refused(tmp_path, block)
    assert "line 100, column acc_y: at most 1000 m/s^2 were expected, but there is 1100" in error.message


def test_linear_acceleration_is_named(tmp_path: Path, worn: SampleBlock) -> None:
    error = refused(tmp_path, times(worn, acc=0.02))
    assert "not linear acceleration" in error.advice


def test_a_gyroscope_that_stands_still_is_noticed(tmp_path: Path, worn: SampleBlock) -> None:
    write_csv(tmp_path / "a.csv", times(worn, gyr=0.0))
    (notice,) = read_csv(tmp_path / "a.csv").notices
    assert "the angular rate never changes" in notice.message


def test_nanoseconds_and_thousandths_of_degrees(tmp_path: Path, worn: SampleBlock) -> None:
    block = times(worn, gyr=1e3 * 180 / np.pi)
    write_csv(tmp_path / "a.csv", replace(block, t=block.t * 1e9))
    with pytest.raises(FileError, match="say --units ns"):
        read_csv(tmp_path / "a.csv")
    with pytest.raises(FileError, match="say --units mdeg/s"):
        read_csv(tmp_path / "a.csv", ("ns",))
    read = read_csv(tmp_path / "a.csv", ("ns", "mdeg/s")).samples
    np.testing.assert_allclose(read.gyr, worn.gyr, atol=1e-6)  # type: ignore[arg-type]


def test_jitter_is_no_loss_and_loss_within_jitter_is_one(tmp_path: Path, worn: SampleBlock) -> None:
    rng = np.random.default_rng(1)
    uneven = replace(times(worn), t=np.arange(len(worn)) / 52.0 + rng.uniform(-0.3, 0.3, len(worn)) / 52.0)
    write_csv(tmp_path / "a.csv", uneven)
    (notice,) = read_csv(tmp_path / "a.csv").notices
    assert notice.kind is NoticeKind.JITTER
    keep = np.ones(len(worn), np.bool_)
    keep[500:502] = keep[900:918] = False
    lost = SampleBlock(uneven.t[keep], None, uneven.acc[keep], uneven.gyr[keep], uneven.flags[keep])  # type: ignore[index]
    write_csv(tmp_path / "b.csv", lost)
    missing, jitter = read_csv(tmp_path / "b.csv").notices
    assert jitter.kind is NoticeKind.JITTER
    assert "missing in 2 places, about 20 samples" in missing.message


def test_a_file_cut_off_in_a_line_says_so(tmp_path: Path, worn: SampleBlock) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, times(worn))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileError, match="the file ends within the line") as caught:
        read_csv(path)
    assert "delete this last line" in caught.value.advice


@pytest.mark.parametrize(("change", "advice"), [(0.0, "Keep one line"), (-5.0, "cut the file there")])
def test_times_that_do_not_increase_tell_the_mend(
    tmp_path: Path, worn: SampleBlock, change: float, advice: str
) -> None:
    t = worn.t.copy()
    t[500:] += change - (t[500] - t[499]) * (change == 0)
    write_csv(tmp_path / "a.csv", replace(times(worn), t=t))
    with pytest.raises(FileError) as caught:
        read_csv(tmp_path / "a.csv")
    assert advice in caught.value.advice
    assert "Sort the lines" in refused(tmp_path, replace(times(worn), t=worn.t[::-1].copy())).advice


def test_a_single_sample_says_why_there_is_no_calibration(tmp_path: Path, worn: SampleBlock) -> None:
    write_csv(tmp_path / "a.csv", worn[:1])
    report = outcome(tmp_path / "a.csv", Settled(), Style(80, Pen(ascii=True), False))
    assert report.failure is None
    assert report.report["calibration"]["source"] == "none"
    assert "--neutral START:END" in report.report["calibration"]["reasons"][0]
    assert "not calibrated (nobody holds still" in report.page
